"""Analytics as a Django app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """What trading came to."""

    name = "apps.analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        """Have what recorders tell of strategies measured here, so that there is one definition of it."""
        from apps.analytics.recorded import of_strategies
        from apps.recorder.figures import measure_by

        measure_by(of_strategies)
