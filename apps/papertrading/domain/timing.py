"""What happens at an instant and not at a price: orders, changes and cancels take effect, orders expire.

Everything is done as of its own instant, from what was seen before it. So it does not matter which input, a tick
or the clock, finds it due.
"""

from collections.abc import Iterator

from apps.brokers.domain.messages import (
    CancelRequested,
    ChangeRequested,
    Report,
)
from apps.brokers.domain.order import Role, TimeInForce
from apps.papertrading.domain.fills import STALE, latency
from apps.papertrading.domain.matching import begin, begin_fresh, lay
from apps.papertrading.domain.resting import Resting, Stage
from apps.papertrading.domain.slate import FLAT, OCO, Slate

EXPIRY, ARRIVAL, CHANGE, CANCEL = range(4)  # the order of what happens at the same instant
CHANGED_AWAY = "CHANGED"

Due = tuple[int, int, int, str]


def travel(slate: Slate, order: str, at: int) -> int:
    """Return when a wish of this instant takes effect: after its latency, and after all that was there before it."""
    latest = at if slate.seen is None else max(at, slate.seen.at)
    return max(at + latency(slate.seed, order, slate.settings.latency_ms), latest + 1)


def pass_time(slate: Slate, until: int) -> None:
    """Let everything happen that is due at this instant or before, each as of its own."""
    while (due := min(_due(slate), default=None)) is not None and due[0] <= until:
        at, kind, _, id = due
        _happen(slate, slate.orders[id], kind, at)


def pass_candle(slate: Slate, opens_at: int) -> None:
    """Let what was asked for before a candle happen at its open: a latency is finer than a candle can tell."""
    slate.seen = None
    for order in slate.alive():
        for change in order.changes:
            change[0] = min(change[0] or 0, max(opens_at, order.at))
        if order.stage is Stage.COMING and order.at <= opens_at:
            order.due = min(order.due, opens_at)
        if order.cancel_at is not None:
            order.cancel_at = min(order.cancel_at, max(opens_at, order.at))
    pass_time(slate, opens_at)


def next_at(slate: Slate) -> int | None:
    """Return the next instant at which something happens here by itself."""
    moments = [due[0] for due in _due(slate)]
    if slate.seen is not None and any(
        one.is_over and one.used_id >= 0 for one in slate.orders.values()
    ):
        moments.append(slate.seen.at + STALE + 1)
    return min(moments, default=None)


def _due(slate: Slate) -> Iterator[Due]:
    for one in slate.orders.values():
        if one.is_over:
            continue
        if one.expires_at is not None:
            yield one.expires_at, EXPIRY, one.age, one.id
        if one.stage is Stage.COMING:
            yield one.due, ARRIVAL, one.age, one.id
        if one.changes:
            yield one.changes[0][0] or 0, CHANGE, one.age, one.id
        if one.cancel_at is not None:
            yield one.cancel_at, CANCEL, one.age, one.id


def _happen(slate: Slate, order: Resting, kind: int, at: int) -> None:
    slate.changed.add(order.id)
    if kind == EXPIRY:
        slate.end(order, Report.EXPIRED, at, TimeInForce.DAY.value.upper())
    elif kind == CANCEL:
        slate.end(order, Report.CANCELLED, at, order.cancel_reason)
    elif kind == CHANGE:
        _change(slate, order, at)
    else:
        order.stage = Stage.WORKING
        if order.is_exit and not slate.may_fill(order, order.remaining):
            slate.end(order, Report.CANCELLED, at, FLAT)
        else:
            begin(slate, order, at)


# ---- changes and cancels ----


def ask_cancel(slate: Slate, order: Resting, said: CancelRequested) -> None:
    """Take a cancel in: at once where an account has to be flat, else after the order's latency."""
    if said.at_once or said.reason == "FLATTEN":
        slate.end(order, Report.CANCELLED, said.at, said.reason)
    elif order.cancel_at is None:
        order.cancel_at, order.cancel_reason = travel(slate, order.id, said.at), said.reason
        slate.changed.add(order.id)


def ask_change(slate: Slate, order: Resting, said: ChangeRequested) -> None:
    """Take a change in; it takes effect after the order's latency, and after every earlier one."""
    due = travel(slate, order.id, said.at)
    order.changes.append([due, said.quantity, said.limit, said.stop, said.trail])
    slate.changed.add(order.id)


def _change(slate: Slate, order: Resting, at: int) -> None:
    """Set the new values. A place in the queue is kept only at the same price and for no more."""
    _, quantity, limit, stop, trail = order.changes.pop(0)
    head = slate.head_of(order)
    protects = head is not None and order.role is Role.STOP  # its quantity is that of its bracket
    if quantity is not None and not protects:
        if quantity <= order.filled:
            slate.end(order, Report.CANCELLED, at, CHANGED_AWAY)
            if head is not None:
                slate.share(head, at, OCO)
                begin_fresh(slate, slate.seen, at)
            return
    else:
        quantity = None
    moved = limit is not None and limit != order.limit
    again = moved or (quantity or 0) > order.quantity or stop is not None
    if quantity is not None:
        order.full = quantity
        order.quantity = quantity if head is None else min(order.quantity, quantity)
    if limit is not None and order.limit is not None:
        order.limit = limit
    if stop is not None and not order.is_triggered:
        order.stop = stop
    if trail is not None and order.trail is not None:
        hold = -order.side.sign
        order.trail = trail
        if order.best is not None and not order.is_triggered:
            order.stop = order.best - hold * trail
            again = True
    slate.report(order, Report.CHANGED, at)
    if order.is_working and again:
        order.is_laid = False
        lay(slate, order, slate.seen, at)
    if head is not None:
        slate.share(head, at, OCO)
    begin_fresh(slate, slate.seen, at)
