"""The brokers as a Django app."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    """Orders and what comes back, paper and live alike."""

    name = "apps.brokers"
