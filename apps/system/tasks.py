"""What the worker does for the desk's own sake."""

from celery import shared_task

from apps.system.services import leave_sign


@shared_task(time_limit=30, soft_time_limit=20, expires=30)
def worker_heartbeat() -> None:
    """Prove that schedule, broker and worker all run."""
    leave_sign(name="worker", state="running")
