"""The system app."""

from django.apps import AppConfig


class SystemConfig(AppConfig):
    """Health, and the one process."""

    name = "apps.system"
