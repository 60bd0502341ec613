"""What the worker does for strategies: it notices that their alerts have stopped."""

from celery import shared_task
from django.utils import timezone

from apps.signals import watching


@shared_task(time_limit=60, soft_time_limit=50, expires=50)
def watch_alerts() -> int:
    """Look whether alerts have stopped or come again. Every minute."""
    return watching.look(watching.market_now(), timezone.now())
