"""What the worker does for the tick table: partitions ahead, old ticks into files."""

import structlog
from celery import shared_task
from django.utils import timezone

from apps.marketdata import partitions
from apps.marketdata.archive import ArchiveError
from apps.marketdata.retention import retire

log = structlog.get_logger(__name__)


@shared_task(time_limit=120, soft_time_limit=100)
def make_partitions() -> None:
    """Make the partitions of today and the next seven days. Daily."""
    made = partitions.make(partitions.ahead(timezone.now().date()))
    if made:
        log.info("partitions.made", count=made)


@shared_task(time_limit=900, soft_time_limit=840)
def retire_old_ticks() -> None:
    """Move ticks that are older than the retention into Parquet files. Daily."""
    try:
        moved = retire(timezone.now().date())
    except ArchiveError as problem:  # tomorrow again; nothing was deleted
        log.error("ticks.not_retired", problem=str(problem))
        return
    if moved:
        log.info("ticks.retired", days=len(moved), first=str(moved[0]), last=str(moved[-1]))
