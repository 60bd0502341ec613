"""The dashboards app."""

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    """The screens."""

    name = "apps.dashboards"
