"""What the worker does for brokers: each login read whole, every minute, beside its stream."""

from celery import shared_task
from django.conf import settings

from apps.brokers.reading import poll, to_read


@shared_task(time_limit=30, soft_time_limit=25)
def poll_all() -> None:
    """Have every login polled that is to be read; a poll that waits until the next round is dropped."""
    for number in to_read():
        poll_one.apply_async((number,), expires=settings.BROKER_POLL_SECONDS)


@shared_task(time_limit=180, soft_time_limit=170)
def poll_one(connection: int) -> None:
    """Read one login's accounts whole."""
    poll(connection)
