"""What the worker does for recorders: hears brokers' facts, and looks for itself now and then."""

import structlog
from celery import shared_task

from apps.bus import bus
from apps.recorder import excursions, services
from apps.recorder.subscribers import NAME

log = structlog.get_logger(__name__)


@shared_task(time_limit=120, soft_time_limit=110, expires=10)
def hear() -> int:
    """Settle the accounts whose fills or orders were heard of since the last time; return how many facts that were."""
    return bus.catch_up(NAME)


@shared_task(time_limit=300, soft_time_limit=280, expires=50)
def sweep() -> int:
    """Settle every account, whatever was or was not heard, and learn how far closed positions had gone."""
    changed = services.settle_all()
    excursions.learn()
    return changed
