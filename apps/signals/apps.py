"""Signals as a Django app."""

from django.apps import AppConfig


class SignalsConfig(AppConfig):
    """Alerts in, validated and confirmed signals out."""

    name = "apps.signals"
