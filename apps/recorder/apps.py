"""The recorder as a Django app."""

from django.apps import AppConfig


class RecorderConfig(AppConfig):
    """Fills of broker accounts, as positions of strategies."""

    name = "apps.recorder"

    def ready(self) -> None:
        """Let the recorder hear what brokers tell."""
        from apps.recorder import subscribers  # noqa: F401 - it registers itself
