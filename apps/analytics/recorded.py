"""Recorded positions as results: what strategies made in brokers' accounts, for the same figures as the desk's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from django.db.models import QuerySet

from apps.analytics.books import (
    EVERYTHING,
    Brief,
    Line,
    Scope,
    of_each,
    rows_of,
    strategies,
)
from apps.analytics.domain import profit
from apps.analytics.domain.money import MONEY_PARTS
from apps.analytics.domain.result import Result
from apps.brokers.models import BrokerAccount
from apps.recorder.models import RecordedPosition
from apps.recorder.queries import RecordedView, positions
from apps.signals.models import Strategy

# Rows are read as tuples that answer by the model's names: thousands of model objects would take most of the time.
_COLUMNS: Final = (
    "id", "strategy_id", "opened_ns", "closed_ns", "trade_date", "sign", "realized", "fees", "fees_known",
    "risk", "mfe", "mae",
)  # fmt: skip


def closed(user: Any, scope: Scope = EVERYTHING) -> list[Brief]:
    """Return a trader's closed recorded positions that can be valued, the first closed first, in one query."""
    rows = _closed(user, scope).select_related(None).order_by("closed_ns", "id")
    return [
        Brief(row.id, row.strategy_id, row.closed_ns, result_of(RecordedView(row, None)))
        for row in rows.values_list(*_COLUMNS, named=True)
    ]


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
    mine: QuerySet[BrokerAccount] = BrokerAccount.objects.of(user).select_related("connection")
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
    """The few figures that a strategy is told by, over its closed positions that can be valued."""

    day: date
    results: Sequence[Result]

    @property
    def trades(self) -> int:
        """Return how many positions those are."""
        return len(self.results)

    @cached_property
    def _today(self) -> list[Result]:
        return [one for one in self.results if one.day == self.day]

    @cached_property
    def net(self) -> Decimal:
        """Return dollars after the fees that are known."""
        return _dollars(profit.net(self.results))

    @cached_property
    def net_today(self) -> Decimal:
        """Return the same of those that were closed today."""
        return _dollars(profit.net(self._today))

    @cached_property
    def win_rate(self) -> Fraction | None:
        """Return wins / trades, None without trades."""
        return profit.win_rate(self.results)

    @property
    def fees_unknown(self) -> int:
        """Return of how many the broker has not said all fees yet."""
        return profit.fees_unknown(self.results)

    @property
    def fees_unknown_today(self) -> int:
        """Return the same of today's."""
        return profit.fees_unknown(self._today)


def of_strategies(user: Any, numbers: Iterable[int], day: date) -> Mapping[int, Glance]:
    """Return each strategy's figures, those without trades too, in one query; `day` counts as today."""
    asked = list(numbers)
    only = Scope(strategy=asked[0]) if len(asked) == 1 else EVERYTHING
    groups = of_each(closed(user, only))
    return {pk: Glance(day, groups.get(pk, ())) for pk in asked}


def _dollars(amount: Fraction) -> Decimal:
    """Return an amount that is whole in parts of a dollar, as money is kept: four decimals."""
    return Decimal(int(amount * MONEY_PARTS)).scaleb(-4)


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


def result_of(view: RecordedView) -> Result:
    """Return what a closed position came to, on the exchange's day of its last fill."""
    row = view.row
    return Result(
        opened_at=row.opened_ns,
        closed_at=row.closed_ns,
        day=row.trade_date,
        is_bullish=row.sign > 0,
        gross=_parts(row.realized) or 0,
        fees=_parts(row.fees) or 0,
        fees_known=row.fees_known,
        risk=_parts(row.risk),
        best=_parts(view.mfe),
        worst=_parts(view.mae),
        over=MONEY_PARTS,
    )


def _parts(amount: Decimal | None) -> int | None:
    """Return dollars, which are kept with four decimals, in whole parts."""
    return None if amount is None else int(amount * MONEY_PARTS)
