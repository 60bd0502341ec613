"""What the bus has done for it now and then."""

from celery import shared_task

from apps.bus import bus

KEPT_DAYS = 30


@shared_task(time_limit=300, soft_time_limit=280)
def forget_handled() -> int:
    """Delete inbox rows that were handled long ago; return how many."""
    deleted = 0
    while some := bus.forget(older_than_days=KEPT_DAYS):
        deleted += some
    return deleted
