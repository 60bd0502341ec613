"""The recorder as a Django app."""

from django.apps import AppConfig


class RecorderConfig(AppConfig):
    """Fills of broker accounts, as positions of strategies."""

    name = "apps.recorder"
