"""People's decisions whose a fill is: made, taken back, never edited."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.brokers.models import BrokerAccount, BrokerFill
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.recorder.clock import now
from apps.recorder.domain.messages import FillAssigned
from apps.recorder.domain.seen import Part
from apps.recorder.domain.terms import BadRecorder, LogKind
from apps.recorder.models import Assignment, Book
from apps.recorder.services import settle, write_log
from apps.signals.models import Strategy


def assign(*, user: Any, fill: BrokerFill, shares: Sequence[Part], by: str) -> Assignment:
    """Decide whose a fill is: [(strategy, contracts)], None = nobody's; an earlier decision is taken back.

    Where one has the whole of it, the other fills of its order are settled so too.

    Raises:  BadRecorder  the shares are not the whole fill, or name a strategy that is not the trader's
    """
    mine = set(Strategy.objects.of(user).values_list("pk", flat=True))
    whole = sum(many for _whose, many in shares)
    if any(many < 1 for _whose, many in shares) or whole != fill.quantity:
        raise BadRecorder(
            "shares",
            f"They have to be {fill.quantity} contracts together, the whole fill; they are {whole}.",
        )
    for whose, _many in shares:
        if whose is not None and whose not in mine:
            raise BadRecorder("shares", f"You have no strategy {whose}.")
    if len({whose for whose, _many in shares}) != len(shares):
        raise BadRecorder("shares", "Name each strategy once.")
    with transaction.atomic():
        _lock(fill.account)
        before = _take_back(fill, by)
        made = Assignment.objects.create(
            user=user, fill=fill, shares=[list(one) for one in shares], made_by=by
        )
        for whose, many in shares:
            if whose is not None:
                write_log(
                    user=fill.user_id, strategy=whose, kind=LogKind.ASSIGNED,
                    key=f"assigned:{made.pk}:{whose}", text=f"{by} settled: {many} of {fill} is its.",
                    at=now(),
                )  # fmt: skip
        _settle(fill)
        if before is not None:
            bus.publish(_fact(before, (), by))
        bus.publish(_fact(made, tuple(shares), by))
    return made


def undo(*, fill: BrokerFill, by: str) -> bool:
    """Take the decision about a fill back and return whether there was one."""
    with transaction.atomic():
        _lock(fill.account)
        before = _take_back(fill, by)
        if before is None:
            return False
        _settle(fill)
        bus.publish(_fact(before, (), by))
    return True


def _take_back(fill: BrokerFill, by: str) -> Assignment | None:
    """Take back the decision that holds and return it; the caller tells of it last, as that holds up other facts."""
    held: Assignment | None = Assignment.objects.filter(fill=fill, undone_at__isnull=True).first()
    if held is None:
        return None
    held.undone_at = timezone.now()
    held.save(update_fields=["undone_at"])
    for whose, _many in held.shares:
        if Strategy.objects.filter(pk=whose).exists():
            write_log(
                user=fill.user_id, strategy=whose, kind=LogKind.ASSIGNED,
                key=f"undone:{held.pk}:{whose}", text=f"{by} took back whose {fill} is.",
                at=now(),
            )  # fmt: skip
    return held


def _fact(made: Assignment, shares: tuple[Part, ...], by: str) -> FillAssigned:
    fill = made.fill
    return FillAssigned(
        at=to_instant(timezone.now()), user=fill.user_id, account=fill.account_id, fill=fill.pk,
        remote=fill.remote, assignment=made.pk, shares=shares, by=by,
    )  # fmt: skip


def _settle(fill: BrokerFill) -> None:
    orders = [fill.order] if fill.order else []
    settle(account=fill.account, fills=[fill.pk], orders=orders)


def _lock(account: BrokerAccount) -> None:
    """Let nobody settle this account in between."""
    Book.objects.get_or_create(account=account)
    Book.objects.select_for_update(no_key=True).get(account=account)
