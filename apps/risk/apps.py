"""Risk as a Django app."""

from django.apps import AppConfig


class RiskConfig(AppConfig):
    """The rules of prop firms, and a trader's own."""

    name = "apps.risk"
    verbose_name = "Risk and prop-firm rules"
