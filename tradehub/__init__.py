"""The project: settings, routes, and how the processes start."""

from tradehub.celery import app as celery_app

__all__ = ["celery_app"]
