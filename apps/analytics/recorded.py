"""Recorded positions as results: what strategies made in brokers' accounts, for the same figures as the desk's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Sum

from apps.analytics.books import (
    EVERYTHING,
    Brief,
    Line,
    Scope,
    rows_of,
    strategies,
)
from apps.analytics.domain.money import MONEY_PARTS
from apps.analytics.domain.result import Result
from apps.analytics.parts import InParts
from apps.brokers.models import BrokerAccount
from apps.recorder.models import RecordedPosition
from apps.recorder.queries import RecordedView, positions
from apps.signals.models import Strategy

NOTHING: Final = Decimal("0.0000")
# Rows are read as tuples, money in whole parts: model objects and Decimals would take most of the time.
_COLUMNS: Final[tuple[Any, ...]] = (
    "id", "strategy_id", "opened_ns", "closed_ns", "trade_date", "sign", "fees_known",
    *map(InParts, ("realized", "fees", "risk", "mfe", "mae")),
)  # fmt: skip


def closed(user: Any, scope: Scope = EVERYTHING) -> list[Brief]:
    """Return a trader's closed recorded positions that can be valued, the first closed first, in one query."""
    rows = _closed(user, scope).select_related(None).order_by("closed_ns", "id")
    return [
        Brief(pk, strategy, made[1], _result(*made))
        for pk, strategy, *made in rows.values_list(*_COLUMNS)
    ]


def _result(
    opened: int, closed: int, day: date, sign: int, fees_known: bool,
    realized: int, fees: int, risk: int | None, best: int | None, worst: int | None,
) -> Result:  # fmt: skip
    """Return what a closed position came to, on the exchange's day of its last fill."""
    return Result(
        opened_at=opened, closed_at=closed, day=day, is_bullish=sign > 0, gross=realized, fees=fees,
        fees_known=fees_known, risk=risk, best=best, worst=worst, over=MONEY_PARTS,
    )  # fmt: skip


@dataclass(frozen=True)
class Recorded(Line):
    """A recorded position that is flat again, with its result and its row."""

    row: RecordedPosition
    result: Result

    @cached_property
    def view(self) -> RecordedView:
        """Return it as every other page reads it."""
        return RecordedView(self.row, None)

    @property
    def account_name(self) -> str:
        """Return how the trader calls its account."""
        return str(self.row.account)

    @property
    def account_kind(self) -> str:
        """Return where that account is: demo, live or simulator."""
        return str(self.row.account.connection.environment)


def in_full(user: Any, briefs: Sequence[Brief]) -> list[Recorded]:
    """Return positions with their rows, in the order in which they are given, in four queries."""
    rows = positions(user).select_related(None)
    rows = rows.prefetch_related("account__connection", "strategy")
    known = rows_of(rows, briefs)
    return [Recorded(known[one.pk], one.result) for one in briefs if one.pk in known]


def count(user: Any, scope: Scope = EVERYTHING) -> int:
    """Return how many closed positions figures would be made of, in one query."""
    return _closed(user, scope).count()


def accounts(user: Any) -> QuerySet[BrokerAccount]:
    """Return a trader's broker accounts in which something was recorded, oldest first."""
    mine: QuerySet[BrokerAccount] = BrokerAccount.objects.of(user).select_related(
        "connection", "account"
    )
    used = _closed(user, EVERYTHING).order_by().values("account")
    return mine.filter(pk__in=used)


def traded(user: Any) -> QuerySet[Strategy]:
    """Return a trader's strategies of which something was recorded, oldest first."""
    used = _closed(user, EVERYTHING).order_by().values("strategy")
    return strategies(user).filter(pk__in=used)


def held(user: Any, scope: Scope = EVERYTHING) -> int:
    """Return how many recorded positions are open, in one query."""
    return _rows(user, scope).filter(closed_ns__isnull=True).count()


# ---- what strategies are told by ----


@dataclass(frozen=True)
class Glance:
    """The few figures that a strategy is told by, over its closed positions that can be valued.

    net:         dollars after the fees that are known; net_today: the same of those that were closed today
    fees_unknown, fees_unknown_today: of how many the broker has not said all fees yet
    """

    trades: int = 0
    wins: int = 0
    net: Decimal = NOTHING
    net_today: Decimal = NOTHING
    fees_unknown: int = 0
    fees_unknown_today: int = 0

    @property
    def win_rate(self) -> Fraction | None:
        """Return wins / trades, as `profit.win_rate`: None without trades, and classed before fees."""
        return Fraction(self.wins, self.trades) if self.trades else None


def of_strategies(user: Any, numbers: Iterable[int], day: date) -> Mapping[int, Glance]:
    """Return each strategy's figures, those without trades too, in one query; `day` counts as today.

    The database adds and counts, in whole parts, so that a list of strategies costs the same however long they trade.
    """
    asked = list(numbers)
    rows = _closed(user, EVERYTHING).filter(strategy__in=asked).select_related(None).order_by()
    made, today = InParts("realized") - InParts("fees"), Q(trade_date=day)
    told = rows.values_list("strategy").annotate(
        trades=Count("pk"),
        wins=Count("pk", filter=Q(realized__gt=0)),
        made=Sum(made),
        made_today=Sum(made, filter=today, default=0),
        unknown=Count("pk", filter=Q(fees_known=False)),
        unknown_today=Count("pk", filter=today & Q(fees_known=False)),
    )
    found = {
        pk: Glance(trades, wins, _dollars(net), _dollars(net_today), *unknown)
        for pk, trades, wins, net, net_today, *unknown in told
    }
    return {pk: found.get(pk, Glance()) for pk in asked}


def _dollars(parts: int) -> Decimal:
    """Return whole parts of a dollar as money is kept: four decimals."""
    return Decimal(parts).scaleb(-4)


def _closed(user: Any, scope: Scope) -> QuerySet[RecordedPosition]:
    return _rows(user, scope).filter(closed_ns__isnull=False, realized__isnull=False)


def _rows(user: Any, scope: Scope) -> QuerySet[RecordedPosition]:
    chosen: dict[str, Any] = {
        "account_id": scope.account, "strategy_id": scope.strategy,
        "trade_date__gte": scope.since, "trade_date__lte": scope.until,
    }  # fmt: skip
    return positions(user).filter(
        **{name: value for name, value in chosen.items() if value is not None}
    )
