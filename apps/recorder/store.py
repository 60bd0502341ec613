"""What matching and the ledger read of an account: rows of its fills and orders, its recorders, what people decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import blake2s
from typing import Any, Final, NamedTuple

from apps.brokers.domain.order import OrderType
from apps.brokers.models import BrokerAccount, BrokerFill, BrokerOrder, Dispatch
from apps.brokers.models import Order as DeskOrder
from apps.recorder.domain.matching import by_text
from apps.recorder.domain.seen import Fill, Known, Order, Plan, Span, decided_orders
from apps.recorder.domain.terms import Reason, Unit, Ways
from apps.recorder.models import Assignment, Opening, RecordedFill, Recorder, RecordingSpan
from apps.signals.models import Strategy

AT_ONCE: Final = 500  # rows in one statement; SQLite takes some 30,000 values


class Loaded(NamedTuple):
    """The fills of one contract from a flat moment on, with what else they rest on."""

    rows: dict[int, BrokerFill]
    fills: list[Fill]
    known: Known
    before: dict[str, int]
    after: int


def known_of(account: BrokerAccount) -> Known:
    """Return the account's recorders, when they recorded, and what was decided; without orders."""
    recorders = Recorder.objects.filter(spans__account=account).distinct()
    plans = {
        one.strategy_id: Plan(
            Ways(one.ways),
            Unit(one.unit),
            one.stop_loss,
            one.take_profit,
            one.size,
            one.position_add,
            one.trim,
        )
        for one in recorders
    }
    spans = RecordingSpan.objects.filter(account=account).values_list(
        "recorder__strategy_id", "root", "started_ns", "stopped_ns"
    )
    names = dict(Strategy.objects.filter(user_id=account.user_id).values_list("pk", "name"))
    held = Assignment.objects.filter(fill__account=account, undone_at__isnull=True)
    decisions = {
        one.fill_id: tuple(
            (whose, many) for whose, many in one.shares if whose is None or whose in names
        )
        for one in held
    }
    decisions = {pk: parts for pk, parts in decisions.items() if parts}
    decided = [to_fill(row) for row in BrokerFill.objects.filter(pk__in=decisions)]
    return Known(
        names=names,
        plans=plans,
        spans=tuple(Span(*row) for row in spans),
        decisions=decisions,
        decided_orders=decided_orders(decided, decisions),
    )


def to_fill(row: BrokerFill) -> Fill:
    """Return a broker's fill as matching reads it."""
    sign = 1 if row.side == "buy" else -1
    return Fill(
        row.pk, row.remote, row.order, row.contract, sign, row.quantity, row.price, row.at_ns,
        row.paid,
    )  # fmt: skip


def marks(fill: Fill, order: Order | None) -> str:
    """Return in short everything of a fill and its order that a share rests on."""
    told = (
        f"{fill.sign}|{fill.quantity}|{fill.price.normalize():f}|{fill.at}|{fill.order}|"
        f"{'' if fill.fees is None else fill.fees.normalize()}|{order.marks if order else ''}"
    )
    return blake2s(told.encode(), digest_size=16).hexdigest()


def orders_of(account: BrokerAccount, fills: Iterable[Fill]) -> dict[str, Order]:
    """Return the orders of fills, with those that they are brackets of and the brackets that they have."""
    wanted = {fill.order for fill in fills if fill.order}
    rows: dict[str, BrokerOrder] = {}
    children = True
    while wanted:
        found: list[BrokerOrder] = []
        for some in chunks(sorted(wanted)):
            found += BrokerOrder.objects.filter(account=account, remote__in=some)
            if children:
                found += BrokerOrder.objects.filter(account=account, parent__in=some)
        children = False
        rows |= {row.remote: row for row in found}
        wanted = {row.parent for row in found if row.parent} - rows.keys() - wanted
    owners = _owners(account, {row.tag for row in rows.values() if row.tag})
    return {
        row.remote: Order(
            row.remote, OrderType(row.type), row.tag, row.text, row.parent, row.oco, row.limit,
            row.stop, owners.get(row.tag),
        )
        for row in sorted(rows.values(), key=lambda one: (len(one.remote), one.remote))
    }  # fmt: skip


def _owners(account: BrokerAccount, tags: set[str]) -> dict[str, int]:
    """Return whose our own orders of these tags are."""
    if not tags:
        return {}
    sent = Dispatch.objects.filter(user_id=account.user_id, tag__in=tags)
    keys = {tag: tag for tag in tags} | dict(sent.values_list("tag", "order"))
    mine = DeskOrder.objects.filter(
        user_id=account.user_id, key__in=set(keys.values()), strategy_id__isnull=False
    )
    whose = dict(mine.values_list("key", "strategy_id"))
    return {tag: int(whose[key]) for tag, key in keys.items() if whose.get(key) is not None}


def load(account: BrokerAccount, contract: str, since: int, known: Known) -> Loaded:
    """Return a contract's fills from the last moment before `since` at which nobody held any of it."""
    flat = RecordedFill.objects.filter(
        fill__account=account, fill__contract=contract, flat_after=True, fill__at_ns__lt=since
    )
    last = flat.order_by("-fill__at_ns").values_list("fill__at_ns", flat=True).first()
    after = -1 if last is None else last
    asked = BrokerFill.objects.filter(account=account, contract=contract, at_ns__gte=after)
    rows = {row.pk: row for row in asked}
    fills = sorted((to_fill(row) for row in rows.values()), key=lambda one: one.place)
    if last is not None:
        done = flat.filter(fill__at_ns=last).values_list("fill_id", flat=True)
        place = max(fill.place for fill in fills if fill.id in set(done))
        fills = [fill for fill in fills if fill.place > place]
    orders = orders_of(account, fills)
    active = [fill for fill in fills if rows[fill.id].is_active]
    spoken, kept = _recorded(account, contract, after, orders)
    opening = _opening(account, contract, after)
    whole = replace(known, orders=orders, opening=opening, spoken=spoken, kept=kept)
    return Loaded(
        {fill.id: rows[fill.id] for fill in fills},
        active, whole, _before(account, contract, fills, orders), after,
    )  # fmt: skip


def _recorded(
    account: BrokerAccount, contract: str, after: int, orders: Mapping[str, Order]
) -> tuple[dict[str, int], dict[tuple[int, int], Plan]]:
    """Return whose orders were by the text that they have, and by which plan entries were recorded, as the rows say."""
    shares = RecordedFill.objects.filter(
        fill__account=account, fill__contract=contract, fill__at_ns__gte=after,
        position__isnull=False,
    )  # fmt: skip
    spoken: dict[str, int] = {}
    kept: dict[tuple[int, int], Plan] = {}
    for fill, order, whose, reason, note, opens, plan in shares.values_list(
        "fill_id", "fill__order", "position__strategy_id", "reason", "note", "opens",
        "position__plan",
    ):  # fmt: skip
        if reason == Reason.TEXT and order in orders and note.startswith(by_text(orders[order])):
            spoken[order] = whose
        if opens and plan:
            kept[whose, fill] = plan_of(plan)
    return spoken, kept


def plan_of(kept: Mapping[str, Any]) -> Plan:
    """Return a plan as it was kept with a position."""
    stop, target = kept["stop_loss"], kept["take_profit"]
    return Plan(
        Ways(kept["ways"]), Unit(kept["unit"]), None if stop is None else Decimal(stop),
        None if target is None else Decimal(target), kept["size"], kept["position_add"], kept["trim"],
    )  # fmt: skip


def _opening(account: BrokerAccount, contract: str, after: int) -> tuple[int, int] | None:
    """Return what was held before the first fill that the desk had, and when; None: nothing, or it is gone by now."""
    kept = Opening.objects.filter(
        account=account, contract=contract, is_settled=True, at_ns__gt=after
    )
    found = kept.exclude(net=0).values_list("at_ns", "net").first()
    return None if found is None else (int(found[0]), int(found[1]))


def _before(
    account: BrokerAccount, contract: str, fills: Sequence[Fill], orders: Mapping[str, Order]
) -> dict[str, int]:
    """Return whose those orders were that were filled before, and that these fills are brackets of."""
    here = {fill.order for fill in fills}
    parents = {one.parent for one in orders.values() if one.parent} - here
    shares = RecordedFill.objects.filter(
        fill__account=account, fill__contract=contract, fill__order__in=sorted(parents)
    )
    ordered = shares.order_by("fill__at_ns", "id").values_list("fill__order", "strategy_id")
    return {order: whose for order, whose in ordered if whose is not None}


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Return items in parts that one statement can carry."""
    return (items[at : at + AT_ONCE] for at in range(0, len(items), AT_ONCE))
