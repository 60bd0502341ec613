"""The trades app."""

from django.apps import AppConfig


class TradesConfig(AppConfig):
    """From entry to exit, tick by tick."""

    name = "apps.trades"
