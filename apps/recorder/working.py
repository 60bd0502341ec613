"""Which stops work at the broker for what is held: what protects a position, not what its plan says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Q

from apps.brokers.domain.order import OrderType
from apps.brokers.domain.seen import BrokerStatus
from apps.brokers.models import BrokerOrder
from apps.recorder.domain.matching import TAG
from apps.recorder.models import RecordedFill, RecordedPosition

STOPS: Final = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


@dataclass(frozen=True, slots=True)
class Protection:
    """What is known of a position's stops.

    stop:      of those that work at the broker the nearest to the price; None: none works, or one without a level
    uncovered: contracts for which none works
    planned:   where the strategy's plan has its stop; it protects nothing. None: no plan, or the first stop was an order
    """

    stop: Decimal | None
    uncovered: int
    planned: Decimal | None


def protections(held: Sequence[RecordedPosition]) -> dict[int, Protection]:
    """Return each open position's stops, in three queries.

    A stop is a position's if its tag or the entry that it is the bracket of is its strategy's. One that names nobody
    counts where no other strategy holds that contract there.
    """
    if not held:
        return {}
    entries: dict[int, set[str]] = {}
    shares = RecordedFill.objects.filter(position__in=[one.pk for one in held], opens=True)
    for position, order in shares.exclude(fill__order="").values_list("position_id", "fill__order"):
        entries.setdefault(position, set()).add(order)
    there = {
        "account__in": {one.account_id for one in held},
        "contract__in": {one.contract for one in held},
    }
    parents = {order for orders in entries.values() for order in orders}
    asked = Q(status=BrokerStatus.WORKING) | Q(parent__in=parents)
    orders = list(BrokerOrder.objects.filter(asked, type__in=STOPS, **there))
    holders: dict[tuple[int, str], set[int]] = {}
    for account, contract, strategy in RecordedPosition.objects.filter(
        closed_ns__isnull=True, **there
    ).values_list("account_id", "contract", "strategy_id"):
        holders.setdefault((account, contract), set()).add(strategy)
    return {
        one.pk: _of(one, entries.get(one.pk, set()), orders, alone=len(holders[_place(one)]) == 1)
        for one in held
    }


def _place(row: RecordedPosition | BrokerOrder) -> tuple[int, str]:
    return row.account_id, row.contract


def _of(
    row: RecordedPosition, entries: set[str], orders: Iterable[BrokerOrder], *, alone: bool
) -> Protection:
    there = [one for one in orders if _place(one) == _place(row)]
    brackets = [one for one in there if one.parent in entries]
    mine = [
        one
        for one in there
        if one.status == BrokerStatus.WORKING
        and one.side == ("sell" if row.sign > 0 else "buy")
        and (one in brackets or _names(one, row.strategy_id, alone=alone))
    ]
    levels = [one.stop for one in mine if one.stop is not None]
    covered = sum(one.quantity - one.filled for one in mine)
    nearest = (max(levels) if row.sign > 0 else min(levels)) if levels else None
    return Protection(nearest, max(0, row.size - covered), None if brackets else row.stop)


def _names(order: BrokerOrder, strategy: int, *, alone: bool) -> bool:
    tagged = TAG.fullmatch(order.tag)
    return int(tagged["strategy"]) == strategy if tagged else alone
