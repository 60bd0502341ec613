"""The Celery application: the same tasks and schedule in one process and in many."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradehub.settings")

app = Celery("tradehub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
