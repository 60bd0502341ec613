"""Leaving signs of life."""

from typing import Any

from django.utils import timezone

from apps.bus.models import Heartbeat


def leave_sign(*, name: str, state: str, **detail: Any) -> None:
    """Say that a long-running part is alive right now."""
    Heartbeat.objects.update_or_create(
        name=name, defaults={"at": timezone.now(), "state": state, "detail": detail}
    )
