"""Paper trading as a Django app."""

from django.apps import AppConfig


class PapertradingConfig(AppConfig):
    """A venue of our own, with honest fills."""

    name = "apps.papertrading"
    verbose_name = "Paper trading"
