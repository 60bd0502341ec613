"""Notifications as a Django app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Who tells the trader."""

    name = "apps.notifications"

    def ready(self) -> None:
        """Have the subscriber known wherever the worker runs, and toasts told in this app's words."""
        from apps.notifications import subscribers  # noqa: F401
        from apps.notifications.domain.telling import WORDS
        from apps.trades.domain.telling import learn

        learn(WORDS)
