"""What a broker's fills cost by its own word, where that was told after the desk had booked them by its table.

A stream tells a fill first and its fees a moment later, and no stop waits for that. So the fees come as a correction: once for
each fill and fee, and only once the fill itself has been booked.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from django.db.models import Q

from apps.brokers.domain.account import share
from apps.brokers.domain.messages import ReportFees
from apps.brokers.models import Account, BrokerFill, Fill, Position
from apps.bus import bus

PART: Final = re.compile(r"/\d+o?$")  # a fill of nobody's order is booked by strategy


def remote_of(key: str) -> str:
    """Return the broker's own name of a fill, out of the desk's."""
    return PART.sub("", key).partition(":")[2]


def tell(desk: Account, fills: Iterable[BrokerFill]) -> int:
    """Bring to the engine what these fills cost otherwise than was booked; return how many corrections were new."""
    paid = {one.remote: one for one in fills if one.fees is not None and one.is_active}
    if not paid:
        return 0
    since = min(one.at_ns for one in paid.values())
    booked: dict[str, list[Fill]] = defaultdict(list)
    rows = Fill.objects.filter(account=desk, at_ns__gte=since).select_related("order")
    for row in rows.order_by("id"):
        booked[remote_of(row.key)].append(row)
    return sum(
        _correct(desk, part, fee)
        for remote, fill in paid.items()
        for part, fee in _parts(fill, booked.get(remote, []))
        if part.fees != fee
    )


def _parts(fill: BrokerFill, rows: list[Fill]) -> Iterable[tuple[Fill, Decimal]]:
    """Share a fill's fees among the rows that it is booked in; none while it is not booked whole."""
    if sum(row.quantity for row in rows) != fill.quantity:
        return
    left = fill.quantity
    for row in rows:
        fee = share(fill.fees, left, fill.quantity) - share(
            fill.fees, left - row.quantity, fill.quantity
        )
        left -= row.quantity
        yield row, fee


def _correct(desk: Account, row: Fill, fee: Decimal) -> bool:
    was, now = f"{row.fees:f}", f"{fee:f}"
    said = ReportFees(account=desk.pk, fill=row.key, position=_position_of(row), was=was, fees=now)
    key = f"fees:{row.key}:{was}:{now}"[:200]
    return bus.deliver(said, user=desk.user_id, source="gateway", key=key).is_new


def _position_of(row: Fill) -> str:
    """Return the position that a fill opened or closed; of one that turned it round, the one that it closed."""
    mine = Position.objects.filter(
        account=row.account_id, contract=row.contract, place=row.order.place,
        opened_ns__lte=row.at_ns,
    )  # fmt: skip
    held = mine.filter(Q(closed_ns__isnull=True) | Q(closed_ns__gte=row.at_ns))
    return str(held.order_by("opened_ns", "id").values_list("key", flat=True).first() or "")
