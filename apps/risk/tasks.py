"""What the worker does about rules: studies of past trades."""

import structlog
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from apps.risk import studying

log = structlog.get_logger(__name__)


@shared_task(time_limit=600, soft_time_limit=570)
def run_study(pk: int) -> None:
    """Work one study out; it is left alone if somebody else has it, or it was cancelled."""
    study = studying.claim(pk)
    if study is None:
        return
    try:
        studying.run(study)
    except SoftTimeLimitExceeded:
        studying.fail(study, "It took longer than nine minutes. Try fewer trades or fewer days.")
        log.warning("study.too_long", study=pk)
    except Exception as problem:
        studying.fail(study, f"It stopped: {type(problem).__name__}.")
        log.exception("study.failed", study=pk)


@shared_task(time_limit=60, soft_time_limit=50)
def sweep_studies() -> int:
    """Send studies that nobody has taken, or whose worker died, once more; return how many."""
    waiting = studying.left_over()
    for pk in waiting:
        run_study.delay(pk)
    return len(waiting)
