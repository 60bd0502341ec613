"""From the rows that mirror a broker to reports for the engine. The same row told twice is one wish in the inbox.

A fill is told under our mark on its order. Where the order, or its mark, is not known yet the fill waits a moment; what
still carries none of ours by then was traded at the broker without us, or by its own liquidation, and is told as such.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Max, Q
from django.utils import timezone

from apps.brokers import dispatches, fees
from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import Role
from apps.brokers.mirror import BY_FILE
from apps.brokers.models import (
    AbroadLine,
    Account,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    Dispatch,
    Fill,
    Order,
)
from apps.bus import bus
from apps.bus.models import Inbox
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import instrument

log = logging.getLogger(__name__)

OURS: Final = "th"
PATIENCE: Final = timedelta(seconds=3)
SETTLES: Final = timedelta(seconds=5)  # what is read with an account's first snapshot is history
LATELY: Final = 100
CHUNK: Final = 500  # keys in one query
LOOK_BACK: Final = timedelta(days=2)


def tell(orders: Iterable[BrokerOrder], fills: Iterable[BrokerFill]) -> int:
    """Bring rows that are new or have changed to the engine, fills first; return how many were told."""
    orders = list(orders)
    accounts, numbers = {one.account_id for one in orders}, {one.remote for one in orders}
    # those of an order whose mark is heard of now may have waited for it; older ones than a sweep looks at were told, and
    # the inbox, which knows that, forgets
    lately = BrokerFill.objects.filter(seen_at__gte=timezone.now() - LOOK_BACK)
    waited = lately.filter(account__in=accounts, order__in=numbers) if orders else ()
    return _tell(_Desks(), orders, {one.pk: one for one in (*fills, *waited)}.values())


def sweep(account: BrokerAccount) -> int:
    """Bring to the engine what of late was missed, or had to wait: what is in its inbox is left out by its key."""
    if account.account is None:
        return 0
    since = timezone.now() - LOOK_BACK
    fills = list(BrokerFill.objects.filter(account=account, seen_at__gte=since))
    fees.tell(account.account, fills)
    # an order says market time alone, which on a simulated market is any time
    mine = BrokerOrder.objects.filter(account=account)
    lines = AbroadLine.objects.filter(account=account.account).values("tag")
    newest = mine.order_by("-id").values("pk")[:LATELY]
    orders = mine.order_by("-id").filter(
        Q(pk__in=newest) | Q(tag__in=lines)
    )  # a stop at work may be an old one
    return _tell(_Desks(account), orders, fills)


def missed(desk: Account, contract: str, signed: int) -> list[BrokerFill]:
    """Return the broker's last fills of a contract that are not booked here and add up to this, oldest first.

    Only those since the desk last booked one of it; empty where no such run of them adds up: some are not known.
    """
    here = Fill.objects.filter(account=desk, contract=contract)
    since = here.aggregate(at=Max("at_ns"))["at"] or 0
    booked = {fees.remote_of(key) for key in here.values_list("key", flat=True)}
    rows = BrokerFill.objects.filter(
        account__account=desk, contract=contract, is_active=True, at_ns__gte=since
    )
    found: list[BrokerFill] = []
    for fill in rows.order_by("-at_ns", "-id"):
        if fill.remote in booked:
            break
        found.insert(0, fill)
        signed -= fill.quantity if fill.side == "buy" else -fill.quantity
        if signed == 0:
            return found
    return []


def tell_missed(desk: Account, fill: BrokerFill) -> None:
    """Bring a fill to the engine that was not told by itself, under our mark if its order has one."""
    desks = _Desks()
    order = BrokerOrder.objects.filter(account_id=fill.account_id, remote=fill.order).first()
    tag = (order.tag if order is not None else "") or desks.tag(desk, fill.order)
    said = _fill_said(desk, fill, tag if tag.startswith(OURS) else "")
    bus.submit(said, user=desk.user_id, source="page", key=_fill_key(desk, fill))


class _Desks:
    """What has to be known of accounts to tell their rows, each read once."""

    def __init__(self, *known: BrokerAccount) -> None:
        self._accounts = {one.pk: one for one in known}
        self._tags: dict[int, dict[str, str]] = {}

    def of(self, row: BrokerOrder | BrokerFill) -> tuple[BrokerAccount, Account | None]:
        """Return a row's account at the broker and the desk's."""
        number = row.account_id
        if number not in self._accounts:
            found = BrokerAccount.objects.select_related("account").get(pk=number)
            self._accounts[number] = found
        return self._accounts[number], self._accounts[number].account

    def tag(self, desk: Account, number: str) -> str:
        """Return our mark by the broker's own number, as it gave it when it took the order."""
        if desk.pk not in self._tags:
            since = timezone.now() - LOOK_BACK
            rows = Dispatch.objects.filter(account=desk, errand=Errand.PLACE, created_at__gte=since)
            self._tags[desk.pk] = {
                one: tag
                for remote in rows.values_list("remote", flat=True)
                for tag, one in remote.items()
            }
        return self._tags[desk.pk].get(number, "")


def _tell(desks: _Desks, orders: Iterable[BrokerOrder], fills: Iterable[BrokerFill]) -> int:
    """Tell what the inbox has not got, fills first."""
    due = {
        _fill_key(desk, fill): (fill, desk)
        for fill in fills
        if (desk := _told_of(desks, fill)) is not None
    }
    told = 0
    for key in _unknown(due):
        fill, desk = due[key]
        told += _tell_fill(desks, desk, fill, key)
    changed = {
        f"order:{desk.pk}:{order.remote}:{_state(order)}"[:200]: (order, desk, tag)
        for order in orders
        if (desk := desks.of(order)[1]) is not None
        and (tag := order.tag or desks.tag(desk, order.remote)).startswith(OURS)
    }
    for key in _unknown(changed):
        told += _tell_order(*changed[key], key)
    return told


def _unknown(keys: Iterable[str]) -> list[str]:
    """Return the keys that the inbox has not got, in their order."""
    asked = list(keys)
    known: set[str] = set()
    for start in range(0, len(asked), CHUNK):
        some = Inbox.objects.filter(key__in=asked[start : start + CHUNK])
        known.update(str(key) for key in some.values_list("key", flat=True))
    return [key for key in asked if key not in known]


def _told_of(desks: _Desks, fill: BrokerFill) -> Account | None:
    """Return the desk account to which a fill is told; None: it is history, taken back, or of something unknown.

    What only a file has told is history too, however late it came in: no day's result, count or limit is made of it.
    """
    account, desk = desks.of(fill)
    if desk is None or not fill.is_active or not _is_known(fill.contract):
        return None
    if fill.source.startswith(BY_FILE):
        return None
    is_new = fill.seen_at >= max(desk.created_at, account.created_at + SETTLES)
    return desk if is_new or _is_of_ours(desk, fill) else None


def _is_of_ours(desk: Account, fill: BrokerFill) -> bool:
    """Return whether a fill is of an order that this account of the desk has sent, so no history however soon it came."""
    mine = BrokerOrder.objects.filter(account=fill.account_id, remote=fill.order)
    mark = mine.filter(tag__startswith=OURS).values_list("tag", flat=True).first()
    if mark is None:
        return False
    sent, _, _ = mark.partition("-")  # an entry's legs go by its mark
    return Dispatch.objects.filter(account=desk, tag__startswith=sent).exists()


def _tell_fill(desks: _Desks, desk: Account, fill: BrokerFill, key: str) -> bool:
    tag = _tag(desks, desk, fill)
    if tag is None:
        return False
    return _submit(_fill_said(desk, fill, tag), desk, key)


def _fill_said(desk: Account, fill: BrokerFill, tag: str) -> ReportBroker:
    """Return a fill for the engine, which reckons in whole ticks: a settlement may lie between two of them."""
    price = instrument(root_of(fill.contract)).snap(fill.price)
    if price != fill.price:
        log.warning("fill %s: %s is off the grid, booked at %s", fill.pk, fill.price, price)
    strategy, role = _whose(desk, tag)
    return ReportBroker(
        account=desk.pk, what="fill", at=fill.at_ns, tag=tag, fill=fill.remote,
        contract=fill.contract, side=fill.side, quantity=fill.quantity, price=f"{price:f}",
        fees=None if fill.fees is None else f"{fill.fees:f}", strategy=strategy, role=role,
    )  # fmt: skip


def _whose(desk: Account, tag: str) -> tuple[int, str]:
    """Return strategy and role of the order that our mark names, also when the engine has forgotten it; "": not known."""
    placed = dispatches.placed_by(tag) if tag else None
    if placed is None or placed.account_id != desk.pk:
        return 0, ""
    order = Order.objects.filter(account=desk, key=placed.order).first()
    if order is None:
        return 0, ""
    enters = tag == placed.tag and not placed.is_exit
    return order.strategy_id or 0, Role.ENTRY if enters else Role.EXIT


def _tell_order(order: BrokerOrder, desk: Account, tag: str, key: str) -> bool:
    said = ReportBroker(
        account=desk.pk, what="order", at=order.at_ns, tag=tag, status=order.status,
        quantity=order.quantity, filled=order.filled, reason=order.reason,
        limit=_price(order.limit), stop=_price(order.stop),
    )  # fmt: skip
    return _submit(said, desk, key)


def _state(order: BrokerOrder) -> str:
    limit, stop = _price(order.limit), _price(order.stop)
    state = f"{order.status}:{order.quantity}:{order.filled}:{limit}:{stop}:{order.at_ns}"
    # refused in the moment in which it was asked: news all the same
    return f"{state}:{order.reason[-40:]}" if order.reason else state


def _fill_key(desk: Account, fill: BrokerFill) -> str:
    return f"fill:{desk.pk}:{fill.remote}"[:200]


def _price(price: Decimal | None) -> str | None:
    return None if price is None else f"{price:f}"


def _submit(said: ReportBroker, desk: Account, key: str) -> bool:
    return bus.deliver(said, user=desk.user_id, source="gateway", key=key).is_new


def _tag(desks: _Desks, desk: Account, fill: BrokerFill) -> str | None:
    """Return our mark on a fill's order, "" where it has none, None while that is not certain."""
    order = BrokerOrder.objects.filter(account_id=fill.account_id, remote=fill.order).first()
    tag = (order.tag if order is not None else "") or desks.tag(desk, fill.order)
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


def _is_known(contract: str) -> bool:
    try:
        root_of(contract)
    except UnknownSymbol:
        return False
    return True
