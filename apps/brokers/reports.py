"""From the rows that mirror a broker to reports for the engine. The same row told twice is one wish in the inbox.

A fill is told under our mark on its order. Where the order, or its mark, is not known yet the fill waits a moment; what
still carries none of ours by then was traded at the broker without us, or by its own liquidation, and is told as such.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.utils import timezone

from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.models import Account, BrokerAccount, BrokerFill, BrokerOrder, Dispatch
from apps.bus import bus
from apps.marketdata.domain.contract import UnknownSymbol, root_of

OURS: Final = "th"
PATIENCE: Final = timedelta(seconds=3)
SETTLES: Final = timedelta(seconds=5)  # what is read with an account's first snapshot is history
LATELY: Final = 100
LOOK_BACK: Final = timedelta(days=2)


def tell(orders: Iterable[BrokerOrder], fills: Iterable[BrokerFill]) -> int:
    """Bring rows that are new or have changed to the engine, fills first; return how many were told."""
    told = 0
    for fill in fills:
        told += _tell_fill(fill)
    for order in orders:
        of_order = BrokerFill.objects.filter(account_id=order.account_id, order=order.remote)
        told += sum(_tell_fill(fill) for fill in of_order)
        told += _tell_order(order)
    return told


def sweep(account: BrokerAccount) -> int:
    """Bring everything of late to the engine once more: what was missed is told, the rest is known by its key."""
    since = timezone.now() - LOOK_BACK
    fills = BrokerFill.objects.filter(account=account, seen_at__gte=since)
    # an order says market time alone, which on a simulated market is any time
    orders = BrokerOrder.objects.filter(account=account).order_by("-id")[:LATELY]
    return tell(list(orders.select_related("account")), list(fills.select_related("account")))


def _tell_fill(fill: BrokerFill) -> bool:
    desk = _desk_of(fill.account)
    if desk is None or not fill.is_active:
        return False
    if fill.seen_at < max(desk.created_at, fill.account.created_at + SETTLES):
        return False
    tag = _tag(desk, fill)
    if tag is None or not _is_known(fill.contract):
        return False
    said = ReportBroker(
        account=desk.pk, what="fill", at=fill.at_ns, tag=tag, fill=fill.remote,
        contract=fill.contract, side=fill.side, quantity=fill.quantity, price=f"{fill.price:f}",
    )  # fmt: skip
    return _submit(said, desk, f"fill:{desk.pk}:{fill.remote}")


def _tell_order(order: BrokerOrder) -> bool:
    desk = _desk_of(order.account)
    tag = order.tag or _tags(desk).get(order.remote, "") if desk is not None else ""
    if desk is None or not tag.startswith(OURS):
        return False
    said = ReportBroker(
        account=desk.pk, what="order", at=order.at_ns, tag=tag, status=order.status,
        quantity=order.quantity, filled=order.filled, reason=order.reason,
        limit=None if order.limit is None else f"{order.limit:f}",
        stop=None if order.stop is None else f"{order.stop:f}",
    )  # fmt: skip
    state = f"{order.status}:{order.quantity}:{order.filled}:{said.limit}:{said.stop}:{order.at_ns}"
    if order.reason:  # refused in the moment in which it was asked: news all the same
        state += f":{order.reason[-40:]}"
    return _submit(said, desk, f"order:{desk.pk}:{order.remote}:{state}")


def _submit(said: ReportBroker, desk: Account, key: str) -> bool:
    return bus.deliver(said, user=desk.user_id, source="gateway", key=key[:200]).is_new


def _tag(desk: Account, fill: BrokerFill) -> str | None:
    """Return our mark on a fill's order, "" where it has none, None while that is not certain."""
    order = BrokerOrder.objects.filter(account_id=fill.account_id, remote=fill.order).first()
    tag = (order.tag if order is not None else "") or _tags(desk).get(fill.order, "")
    if tag.startswith(OURS):
        return tag
    if tag or fill.seen_at <= timezone.now() - PATIENCE:
        return ""
    liquidates = Dispatch.objects.filter(
        account=desk, errand=Errand.LIQUIDATE, contract=fill.contract,
        created_at__gte=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip
    known = order is not None and liquidates.exists()
    return "" if known else None


def _tags(desk: Account | None) -> dict[str, str]:
    """Return our marks by the broker's own numbers, as it gave them when it took the orders."""
    since = timezone.now() - LOOK_BACK
    rows = Dispatch.objects.filter(account=desk, errand=Errand.PLACE, created_at__gte=since)
    return {
        number: tag
        for remote in rows.values_list("remote", flat=True)
        for tag, number in remote.items()
    }


def _desk_of(account: BrokerAccount) -> Account | None:
    return account.account


def _is_known(contract: str) -> bool:
    try:
        root_of(contract)
    except UnknownSymbol:
        return False
    return True
