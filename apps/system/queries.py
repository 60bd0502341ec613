"""Gathering the signs of life."""

from datetime import datetime

from django.db import DatabaseError
from django.utils import timezone

from apps.bus.models import Heartbeat, Inbox
from apps.system.domain.health import Sign, Signs


def signs_of_life(now: datetime | None = None) -> Signs:
    """Return the signs that everybody has left; a dead database is a sign too."""
    now = now or timezone.now()
    try:
        beats = {
            beat.name: Sign((now - beat.at).total_seconds(), beat.state, beat.detail)
            for beat in Heartbeat.objects.filter(
                name__in=("engine", "worker", "gateway", "brokers")
            )
        }
        waiting = (
            Inbox.objects.filter(handled=False).order_by("id").values_list("received_at", flat=True)
        )
        oldest = waiting.first()
    except DatabaseError as problem:
        return Signs(database=f"the database does not answer ({type(problem).__name__})")
    return Signs(
        engine=beats.get("engine"),
        worker=beats.get("worker"),
        gateway=beats.get("gateway"),
        brokers=beats.get("brokers"),
        inbox_age=None if oldest is None else (now - oldest).total_seconds(),
    )
