"""The brokers as a Django app."""

from django.apps import AppConfig


class BrokersConfig(AppConfig):
    """Orders and what comes back, paper and live alike."""

    name = "apps.brokers"

    def ready(self) -> None:
        """Let events be told in this app's words."""
        from apps.brokers.domain.telling import WORDS
        from apps.trades.domain.telling import learn

        learn(WORDS)
