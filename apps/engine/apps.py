"""The engine app."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """What turns ticks and wishes into facts."""

    name = "apps.engine"
