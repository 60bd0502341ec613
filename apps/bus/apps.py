"""The bus as a Django app."""

from django.apps import AppConfig


class BusConfig(AppConfig):
    """The ground that every other app stands on."""

    name = "apps.bus"
