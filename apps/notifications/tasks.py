"""What the worker does: hear facts, empty the outbox, sum up, forget. All of it starts from rows, so no task is missed."""

from celery import shared_task
from django.utils import timezone

from apps.bus import bus
from apps.bus.lease import only_one
from apps.notifications import mailing, sending, services, summaries
from apps.notifications.subscribers import NAME


@shared_task(time_limit=60, soft_time_limit=50, expires=10)
def hear() -> int:
    """Make notices of the facts that came since the last time; have them sent at once."""
    heard = 0
    if not bus.has_news(NAME):
        return 0
    with only_one("notifications.hear", timezone.now) as lease:
        if lease is not None:
            heard = bus.catch_up(NAME)
    if heard:
        send.delay()
    return heard


@shared_task(time_limit=120, soft_time_limit=110, expires=30)
def send() -> int:
    """Send what is due, by Discord and by letter."""
    return sending.send_discord() + mailing.send_mail()


@shared_task(time_limit=120, soft_time_limit=110, expires=60)
def summarise() -> int:
    """Sum up the days and weeks that are over."""
    return summaries.make(now=timezone.now())


@shared_task(time_limit=300, soft_time_limit=280)
def forget() -> int:
    """Delete notices that are old and read."""
    return services.forget(now=timezone.now())
