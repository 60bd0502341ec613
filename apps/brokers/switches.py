"""The row that lets an account's orders out, and the fact that tells of it; the engine hears of it from the caller."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.brokers.domain.live_facts import LiveSwitched
from apps.brokers.models import Account, LiveSwitch
from apps.bus import bus
from apps.bus.domain.message import to_instant


def locked(account: Account) -> LiveSwitch:
    """Return the row, made where there is none, locked to the transaction's end: whoever asks and then changes it.

    It stands for the account's own, which the engine writes after it has told: who locked that first and then tells
    would wait for the engine, and the engine for him.
    """
    LiveSwitch.objects.get_or_create(account=account, defaults={"user_id": account.user_id})
    row: LiveSwitch = LiveSwitch.objects.select_for_update(no_key=True).get(account=account)
    return row


def keep(account: Account, source: str, reason: str = "", **values: Any) -> LiveSwitch:
    """Keep what may leave an account and tell of it."""
    with transaction.atomic():
        row, _ = LiveSwitch.objects.update_or_create(
            account=account, defaults={"user_id": account.user_id, **values}
        )
        fact = LiveSwitched(
            at=to_instant(timezone.now()), user=account.user_id, account=account.pk,
            called=account.name, is_on=row.is_on, automatic=row.automatic, per_order=row.per_order,
            per_position=row.per_position, per_day=row.per_day, source=source, reason=reason,
        )  # fmt: skip
        bus.publish(fact)
    return row


def is_on(account: Account) -> bool:
    """Return whether entries of an account may leave for its broker."""
    return LiveSwitch.objects.filter(account=account, is_on=True).exists()
