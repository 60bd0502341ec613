"""What the worker does for recorders: hears brokers' facts, looks for itself now and then, and imports large files."""

from datetime import timedelta
from typing import Final

import structlog
from celery import shared_task
from django.utils import timezone

from apps.brokers.reading import poll
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.bus.lease import only_one
from apps.recorder import (
    apart,
    days,
    deviating,
    excursions,
    import_life,
    import_work,
    importing,
    joining,
    openings,
    outages,
    services,
    watching,
)
from apps.recorder.subscribers import NAME

HOLDS: Final = timedelta(seconds=150)  # longer than a hearing may last

log = structlog.get_logger(__name__)


@shared_task(time_limit=120, soft_time_limit=110, expires=10)
def hear() -> int:
    """Settle the accounts whose fills or orders were heard of since the last time; return how many facts that were."""
    if not bus.has_news(NAME):
        return 0
    with only_one("recorder.hear", timezone.now, HOLDS) as lease:
        return bus.catch_up(NAME) if lease is not None else 0


@shared_task(time_limit=300, soft_time_limit=280, expires=50)
def sweep() -> int:
    """Join accounts, settle every one, whatever was or was not heard; learn how far positions went; say what needs its owner.

    A portion of positions that an older version left unjudged is judged beside.
    """
    joining.look()
    openings.look_at_all(timezone.now())
    changed = services.settle_all()
    outages.look()
    excursions.learn()
    deviating.catch_up()
    watching.look(to_instant(timezone.now()))
    return changed


@shared_task(time_limit=180, soft_time_limit=170, expires=50)
def look_at_days() -> int:
    """Mark the days of accounts: swept after the close, and alarmed before they are forgotten. Every minute."""
    return days.look(to_instant(timezone.now()), lambda connection: poll(connection.pk))


@shared_task(time_limit=7200, soft_time_limit=7100)
def work_on_import(pk: int) -> None:
    """Read, import or undo a file, a large one in a process of its own; after a crash it goes on where it stopped."""
    try:
        apart.work(pk)
    except import_life.CannotImport as problem:  # the row says it too
        log.info("import.waits", importing=pk, field=problem.field)
    except Exception:
        log.exception("import.stopped", importing=pk)  # the sweep sends it again
        raise


@shared_task(time_limit=60, soft_time_limit=50, expires=50)
def sweep_imports() -> int:
    """Send imports that nobody works on once more, and throw away uploads that nobody wanted."""
    waiting = import_work.left_over()
    for pk in waiting:
        import_work.send(pk)
    importing.forget_uploads()
    return len(waiting)
