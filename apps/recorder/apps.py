"""The recorder as a Django app."""

from django.apps import AppConfig


class RecorderConfig(AppConfig):
    """Fills of broker accounts, as positions of strategies."""

    name = "apps.recorder"

    def ready(self) -> None:
        """Let the recorder hear what brokers tell, and its facts be told in words."""
        from apps.recorder import subscribers  # noqa: F401 - it registers itself
        from apps.recorder.domain.telling import WORDS
        from apps.trades.domain.telling import learn

        learn(WORDS)
