"""Accounts, orders and positions between rows and the ledger. Only the engine writes them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import F

from apps.brokers import models
from apps.brokers.domain.account import Account, Kind
from apps.brokers.domain.books import Books, LedgerState
from apps.brokers.domain.facts import (
    OrderFilled,
)
from apps.brokers.domain.groups import group_for
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Origin, Role, Side, TimeInForce
from apps.brokers.domain.position import Lot, Position
from apps.brokers.domain.routing import RouterState, route_for
from apps.bus.domain.message import DAY, to_datetime
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument, instrument

_RECENT = 2 * DAY  # signals that were sent longer ago are long over


def load() -> LedgerState:
    """Return every account, every order that is not over, every open position."""
    orders = models.Order.objects.filter(status__in=models.OPEN).order_by("id")
    positions = models.Position.objects.filter(closed_at__isnull=True).order_by("id")
    return LedgerState(
        [
            to_account(row)
            for row in models.Account.objects.select_related("live_switch").order_by("id")
        ],
        [to_order(row) for row in orders],
        [to_position(row) for row in positions],
    )


def load_routes(now: int | None) -> RouterState:
    """Return the routes, and what was sent along them lately."""
    routes = [
        route_for(row.strategy_id, row.account_id, row.user_id, {**row.config, "mode": row.mode})
        for row in models.Route.objects.order_by("id")
    ]
    sent = models.Order.objects.exclude(signal="").filter(parent="")
    recent = sent.filter(at_ns__gte=(now or 0) - _RECENT)
    entries = models.Order.objects.filter(
        role=Role.ENTRY, strategy__isnull=False, at_ns__gte=(now or 0) - _RECENT
    ).exclude(origin=Origin.RULE)
    made = entries.exclude(status__in=(OrderStatus.HELD, OrderStatus.BLOCKED))
    return RouterState(
        routes,
        set(recent.values_list("signal", "account_id")),
        [
            group_for(row.pk, row.user_id, group_config(row))
            for row in models.AccountGroup.objects.prefetch_related("members").order_by("id")
        ],
        list(made.values_list("strategy_id", "account_id", "at_ns")),
    )


def group_config(row: models.AccountGroup) -> dict[str, Any]:
    """Return a group as its `ListGroup` carries it."""
    members = [{"account": one.account_id, "multiplier": one.times} for one in row.members.all()]
    return {"name": row.name, "members": members}


def save(books: Books) -> None:
    """Write everything that changed, inside the running transaction."""
    for account in books.changed_accounts.values():
        models.Account.objects.filter(pk=account.id).update(**_account_row(account))
    _save(models.Order, books.changed_orders.values(), _order_fixed, _order_row)
    for key, reason in books.reasons.items():
        models.Order.objects.filter(key=key).update(reason=reason)
    _save(models.Position, books.changed_positions.values(), _position_fixed, _position_row)
    _save_fills(books.fills)
    for fees, is_open in books.fees_of_past:
        models.Fill.objects.filter(key=fees.fill).update(fees=fees.fees)
        if not is_open:
            closed = models.Position.objects.filter(account=fees.account, key=fees.position)
            closed.update(fees=F("fees") + (fees.fees - fees.was))
    models.AccountDay.objects.bulk_create(
        [
            models.AccountDay(
                user_id=day.user, account_id=day.account, trade_date=day.trade_date,
                ended_ns=day.at, start_balance=was.day_start_balance, balance=day.balance,
                realized=was.realized_today, fees=was.fees_today, trades=was.trades_today,
                wins=was.wins_today, losses=was.losses_today,
            )
            for day, was in books.days
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def _save(model: Any, things: Iterable[Any], fixed: Any, row: Any) -> None:
    """Write new things whole, and of known ones what changes."""
    by_key = {(one.id if isinstance(one, Order) else one.key): one for one in things}
    known = dict(model.objects.filter(key__in=by_key).values_list("key", "pk"))
    for (
        key,
        pk,
    ) in known.items():  # one by one: a bulk update of so many fields is slower to write down
        model.objects.filter(pk=pk).update(**row(by_key[key]))
    new = [  # after the old: a position that is turned round gives its place to the next one
        model(key=key, **fixed(one), **row(one)) for key, one in by_key.items() if key not in known
    ]
    model.objects.bulk_create(new)


def _save_fills(fills: list[OrderFilled]) -> None:
    keys = {one.order for one in fills}
    orders = dict(models.Order.objects.filter(key__in=keys).values_list("key", "id"))
    models.Fill.objects.bulk_create(
        [
            models.Fill(
                key=one.fill, user_id=one.user, account_id=one.account, order_id=orders[one.order],
                contract=one.contract, side=one.side, quantity=one.quantity, price=one.price,
                fees=one.fees, realized=one.realized, slippage_ticks=one.slippage_ticks,
                latency_ms=one.latency_ms, rests_on=one.rests_on,
                at=to_datetime(one.at), at_ns=one.at,
            )
            for one in fills
        ]
    )  # fmt: skip


# ---- accounts ----


def _account_row(account: Account) -> dict[str, Any]:
    return {
        "start_balance": account.start_balance,
        "balance": account.balance,
        "trade_date": account.trade_date if account.day_ends else None,
        "day_ends": account.day_ends,
        "day_start_balance": account.day_start_balance,
        "realized_today": account.realized_today,
        "fees_today": account.fees_today,
        "trades_today": account.trades_today,
        "wins_today": account.wins_today,
        "losses_today": account.losses_today,
        "payouts": account.payouts,
        "opened_today": account.opened_today,
    }


def to_account(row: models.Account) -> Account:
    """Return an account as its row says."""
    account = Account(
        id=row.pk,
        user=row.user_id,
        kind=Kind(row.kind),
        start_balance=row.start_balance,
        balance=row.balance,
        day_ends=row.day_ends,
        day_start_balance=row.day_start_balance,
        realized_today=row.realized_today,
        fees_today=row.fees_today,
        trades_today=row.trades_today,
        wins_today=row.wins_today,
        losses_today=row.losses_today,
        payouts=row.payouts,
        opened_today=row.opened_today,
    )
    account.configure(config_of(row))
    if row.trade_date is not None:
        account.trade_date = row.trade_date
    return account


def config_of(row: models.Account) -> dict[str, Any]:
    """Return the settings of an account as its `ListAccount` carries them."""
    return {
        "name": row.name,
        "kind": row.kind,
        "firm": row.firm,
        "start_balance": str(row.start_balance),
        "tz": row.tz,
        "reset": str(row.reset)[:5],
        "fees": row.fees,
        "paper": row.paper,
        "is_open": row.is_open,
        "live": live_of(row),
    }


def live_of(row: models.Account) -> dict[str, Any]:
    """Return what may leave for an account's broker: nothing, demo or live, until its owner has switched it on."""
    switch = None if row.kind == Kind.PAPER or row.pk is None else getattr(row, "live_switch", None)
    if switch is None:
        return {}
    return {
        "is_on": switch.is_on, "automatic": switch.automatic, "per_order": switch.per_order,
        "per_position": switch.per_position, "per_day": switch.per_day,
    }  # fmt: skip


# ---- orders ----


def _order_fixed(order: Order) -> dict[str, Any]:
    return {
        "user_id": order.user,
        "account_id": order.account,
        "strategy_id": order.strategy or None,
        "place": order.strategy,
        "contract": order.contract,
        "root": root_of(order.contract),
        "side": order.side,
        "type": order.type,
        "tif": order.tif,
        "role": order.role,
        "parent": order.parent,
        "after": order.after,
        "signal": order.signal,
        "r": order.r,
    }


def _order_row(order: Order) -> dict[str, Any]:
    product = instrument(root_of(order.contract))
    average = None
    if order.filled:
        average = product.tick_size * order.paid / order.filled
    return {
        "origin": order.origin,
        "quantity": order.quantity,
        "filled": order.filled,
        "paid": order.paid,
        "limit": _price(product, order.limit),
        "stop": _price(product, order.stop),
        "trail": order.trail,
        "arm_at": _price(product, order.arm_at),
        "reference": _price(product, order.reference),
        "average": average,
        "status": order.status,
        "reason": order.reason[:120],
        "verdict": order.verdict,
        "at": to_datetime(order.at),
        "at_ns": order.at,
        "expires_ns": order.expires_at,
        "ended_at": None if order.ended_at is None else to_datetime(order.ended_at),
        "ended_ns": order.ended_at,
    }


def to_order(row: models.Order) -> Order:
    """Return an order as its row says."""
    product = instrument(row.root)

    def ticks(price: Any) -> int | None:
        return None if price is None else product.to_ticks(price)

    return Order(
        id=row.key,
        user=row.user_id,
        account=row.account_id,
        contract=row.contract,
        side=Side(row.side),
        type=OrderType(row.type),
        quantity=row.quantity,
        strategy=row.place,
        limit=ticks(row.limit),
        stop=ticks(row.stop),
        trail=row.trail,
        tif=TimeInForce(row.tif),
        role=Role(row.role),
        origin=Origin(row.origin),
        parent=row.parent,
        after=row.after,
        signal=row.signal,
        arm_at=ticks(row.arm_at),
        r=row.r,
        reference=ticks(row.reference),
        at=row.at_ns,
        status=OrderStatus(row.status),
        filled=row.filled,
        paid=row.paid,
        reason=row.reason,
        ended_at=row.ended_ns,
        expires_at=row.expires_ns,
        verdict=row.verdict,
    )


def _price(product: Instrument, ticks: int | None) -> Any:
    return None if ticks is None else product.price(ticks)


# ---- positions ----


def _position_fixed(position: Position) -> dict[str, Any]:
    return {
        "user_id": position.user,
        "account_id": position.account,
        "strategy_id": position.strategy or None,
        "place": position.strategy,
        "contract": position.contract,
        "root": position.instrument.root,
        "sign": position.sign,
        "signal": position.signal,
        "opened_at": to_datetime(position.opened_at),
        "opened_ns": position.opened_at,
    }


def _position_row(position: Position) -> dict[str, Any]:
    return {
        "lots": [list(lot) for lot in position.lots],
        "size": position.size,
        "most": position.most,
        "entered": position.entered,
        "entered_paid": position.entered_paid,
        "exited": position.exited,
        "exited_paid": position.exited_paid,
        "high": position.high,
        "low": position.low,
        "realized": position.realized,
        "fees": position.fees,
        "risk": position.risk,
        "closed_at": None if position.closed_at is None else to_datetime(position.closed_at),
        "closed_ns": position.closed_at,
    }


def to_position(row: models.Position) -> Position:
    """Return a position as its row says."""
    return Position(
        key=row.key,
        user=row.user_id,
        account=row.account_id,
        contract=row.contract,
        strategy=row.place,
        instrument=instrument(row.root),
        sign=row.sign,
        opened_at=row.opened_ns,
        high=row.high,
        low=row.low,
        signal=row.signal,
        lots=[Lot(*lot) for lot in row.lots],
        most=row.most,
        entered=row.entered,
        entered_paid=row.entered_paid,
        exited=row.exited,
        exited_paid=row.exited_paid,
        realized=row.realized,
        fees=row.fees,
        risk=row.risk,
        closed_at=row.closed_ns,
    )
