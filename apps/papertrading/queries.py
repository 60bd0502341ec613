"""Reads for the paper trading API: paper accounts only. The user comes first."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, overload

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from apps.brokers import queries
from apps.brokers.domain.account import Kind
from apps.brokers.domain.facts import (
    FlattenAsked,
)
from apps.brokers.domain.order import OrderStatus, OrderType
from apps.brokers.models import OPEN, Account, AccountDay, Fill, Order, Position, Route
from apps.brokers.queries import AccountView, PositionView
from apps.bus.models import FactRow
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument

_OURS: Final = Q(account__kind=Kind.PAPER)


def accounts(user: Any) -> QuerySet[Account]:
    """Return a trader's paper accounts, oldest first."""
    return queries.accounts(user).filter(kind=Kind.PAPER)


def orders(user: Any) -> QuerySet[Order]:
    """Return the orders of a trader's paper accounts, newest first."""
    return queries.orders(user).filter(_OURS)


def fills(user: Any) -> QuerySet[Fill]:
    """Return the fills of a trader's paper accounts, newest first."""
    return queries.fills(user).filter(_OURS)


def positions(user: Any) -> QuerySet[Position]:
    """Return the positions of a trader's paper accounts, newest first."""
    return queries.positions(user).filter(_OURS)


def days(user: Any) -> QuerySet[AccountDay]:
    """Return the closed trading days of a trader's paper accounts, newest first."""
    return queries.days(user).filter(_OURS)


def routes(user: Any, strategy: int) -> QuerySet[Route]:
    """Return what becomes of a strategy's signals, by account."""
    rows: QuerySet[Route] = Route.objects.of(user).filter(strategy=strategy)
    return rows.select_related("account")


def views(user: Any, rows: Iterable[Position]) -> list[PositionView]:
    """Return positions against the prices of the moment, with the orders that end them, in one query."""
    found = list(rows)
    held = [one for one in found if one.closed_at is None]
    working = list(
        queries.orders(user)
        .filter(account__in={one.account_id for one in held}, status__in=OPEN)
        .order_by("id")
        if held
        else ()
    )
    prices = queries.prices_of(one.contract for one in held)
    return [
        PositionView(one, prices.get(one.contract), queries.exits_of(one, working))
        if one.closed_at is None
        else PositionView(one, None)
        for one in found
    ]


def status_of(user: Any, row: Account) -> AccountView:
    """Return one account now."""
    return queries.account_views(user, [row])[0]


def flattened(fact: FactRow) -> list[dict[str, Any]]:
    """Return every account that the same wish flattens; they were told in one transaction."""
    told = FactRow.objects.filter(cause=fact.cause, name=FlattenAsked.name).order_by("seq")
    names = ("account", "positions", "orders")
    return [{name: row.payload[name] for name in names} for row in told]


class Days(Sequence[AccountDay]):
    """Trading days, newest first: those that still run, then those that are over, which stay in the database."""

    def __init__(self, running: list[AccountDay], over: QuerySet[AccountDay]) -> None:
        self._running, self._over = running, over

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._running) + self._over.count()

    @overload
    def __getitem__(self, index: int) -> AccountDay: ...
    @overload
    def __getitem__(self, index: slice) -> list[AccountDay]: ...
    def __getitem__(self, index: int | slice) -> AccountDay | list[AccountDay]:
        """Return one day, or those of a page."""
        if isinstance(index, int):
            return self[index : index + 1][0]
        start, stop = index.start or 0, len(self) if index.stop is None else index.stop
        size = len(self._running)
        return [*self._running[start:stop], *self._over[max(0, start - size) : max(0, stop - size)]]


def running_days(rows: Iterable[Account]) -> list[AccountDay]:
    """Return the day of each account that is not over yet, as far as it is; not stored."""
    return [
        AccountDay(
            user_id=row.user_id, account=row, trade_date=row.trade_date, ended_ns=0,
            start_balance=row.day_start_balance, balance=row.balance, realized=row.realized_today,
            fees=row.fees_today, trades=row.trades_today, wins=row.wins_today,
            losses=row.losses_today,
        )
        for row in rows
        if row.trade_date is not None
    ]  # fmt: skip


# ---- the execution report ----

_ENDS: Final = (
    OrderStatus.CANCELLED,
    OrderStatus.REJECTED,
    OrderStatus.EXPIRED,
    OrderStatus.BLOCKED,
)
_OF_FILLS: Final = {
    "fills": Count("id"),
    "contracts": Sum("quantity"),
    "slipped": Sum(F("slippage_ticks") * F("quantity")),
    "worst": Max("slippage_ticks"),
    "latency": Sum("latency_ms"),
}


def execution_report(chosen: QuerySet[Order]) -> dict[str, Any]:
    """Return how these orders were carried out, by type and in all, and what it cost."""
    fills = Fill.objects.filter(order__in=chosen.order_by().values("pk"))
    by_type: dict[str, dict[str, Any]] = {
        row["type"]: dict(row)
        for row in chosen.order_by().values("type").annotate(
            count=Count("id"), filled_orders=Count("id", filter=Q(filled__gte=1)),
            **{end.value: Count("id", filter=Q(status=end)) for end in _ENDS},
        )
    }  # fmt: skip
    got = {
        row["order__type"]: row
        for row in fills.order_by().values("order__type").annotate(**_OF_FILLS)
    }
    by_contract = list(fills.order_by().values("contract").annotate(fees=Sum("fees"), **_OF_FILLS))
    rests = fills.order_by().values_list("rests_on").annotate(Count("id"))
    return {
        "orders": sum(row["count"] for row in by_type.values()),
        "fills": sum(row["fills"] for row in by_contract),
        "contracts": sum(row["contracts"] for row in by_contract),
        "fees": sum((row["fees"] for row in by_contract), Decimal(0)),
        "slippage_cost": sum((_cost(row) for row in by_contract), Decimal(0)),
        "slippage_ticks": _mean(by_contract, "slipped", "contracts"),
        "latency_ms": _mean(by_contract, "latency", "fills"),
        "rests_on": dict(rests),
        "types": [
            _of_type(by_type[kind.value], got.get(kind.value))
            for kind in OrderType
            if kind.value in by_type
        ],
    }


def _of_type(orders: dict[str, Any], got: dict[str, Any] | None) -> dict[str, Any]:
    rows = [got] if got else []
    return {
        "type": orders["type"],
        "orders": orders["count"],
        "filled": orders["filled_orders"],
        **{end.value: orders[end.value] for end in _ENDS},
        "contracts": got["contracts"] if got else 0,
        "slippage_ticks": _mean(rows, "slipped", "contracts"),
        "worst_slippage_ticks": got["worst"] if got else None,
        "latency_ms": _mean(rows, "latency", "fills"),
    }


def _cost(row: dict[str, Any]) -> Decimal:
    return int(row["slipped"]) * instrument(root_of(row["contract"])).tick_value


def _mean(rows: Iterable[dict[str, Any]], of: str, by: str) -> str | None:
    """Return a mean with 2 decimals, None over nothing."""
    found = list(rows)
    count = sum(row[by] for row in found)
    return f"{Decimal(sum(row[of] for row in found)) / count:.2f}" if count else None
