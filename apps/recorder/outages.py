"""Accounts that are not read although they are recorded: told in the strategy's log once, and when they are read again."""

from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.brokers.queries import FILE
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.recorder import services
from apps.recorder.clock import now as market_now
from apps.recorder.domain.messages import RecorderChanged
from apps.recorder.domain.terms import LogKind
from apps.recorder.models import RecordedPosition, Recorder, RecorderLog
from apps.recorder.reading import unread, words

LOST, AGAIN = "unread", "read"
NOBODY: Final = "the desk"


def look(now: int | None = None) -> int:
    """Write down which recorded accounts are not read, and which are again; return how many lines that were.

    now: of the wall clock, ns UTC. Looking again writes nothing: an outage is named by when the account was read last.
    """
    at = to_instant(timezone.now()) if now is None else now
    held = RecordedPosition.objects.filter(strategy=OuterRef("strategy"), closed_ns__isnull=True)
    rows = Recorder.objects.filter(
        Q(is_recording=True) | Q(Exists(held)), account__isnull=False
    ).select_related("strategy", "account__connection")
    rows = rows.exclude(
        account__connection__broker=FILE
    )  # only files tell of it: no login is missing
    return sum(_look_at(one, at) for one in rows)


def _look_at(recorder: Recorder, now: int) -> bool:
    account = recorder.account
    assert account is not None
    found, whose = unread(account, now), f"{recorder.strategy_id}:{account.pk}"
    if found is not None:
        place = f"v{account.version}" if found.is_closed else str(found.since or 0)
        return _note(recorder, now, f"{LOST}:{whose}:{place}", "not read", words(account, found))
    lost = RecorderLog.objects.filter(
        strategy=recorder.strategy_id, key__startswith=f"{LOST}:{whose}:"
    )
    last = lost.order_by("-pk").first()
    if last is None:
        return False
    key = f"{AGAIN}{last.key.removeprefix(LOST)}"
    return _note(recorder, now, key, "read again", f"{account} is read again.")


def _note(recorder: Recorder, now: int, key: str, what: str, text: str) -> bool:
    """Keep and tell a line, once for its key; return whether it is new."""
    strategy = recorder.strategy
    with transaction.atomic():
        is_new = services.write_log(
            user=recorder.user_id, strategy=strategy.pk, kind=LogKind.WARNING, text=text, key=key,
            at=market_now(),
        )  # fmt: skip
        if is_new:
            bus.publish(
                RecorderChanged(
                    at=now, user=recorder.user_id, strategy=strategy.pk,
                    strategy_name=strategy.name, what=what, text=text, by=NOBODY,
                )
            )  # fmt: skip
    return is_new
