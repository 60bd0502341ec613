"""Analytics as a Django app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """What trading came to."""

    name = "apps.analytics"
    verbose_name = "Analytics"
