"""What every book of closed trades has in common: over which of them figures are made, and what they came to.

The books are `queries` (positions in the desk's own accounts), `recorded` (what recorders found at brokers) and `lab`
(the Signal Lab's trades, in R).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet

from apps.analytics.domain import breakdown, drawdown, periods, profit, ratios
from apps.analytics.domain.breakdown import Cell
from apps.analytics.domain.drawdown import Drawdown
from apps.analytics.domain.performance import Figures, measure
from apps.analytics.domain.periods import Level, Period
from apps.analytics.domain.result import Result
from apps.bus.domain.message import DAY, SECOND, to_datetime, to_instant
from apps.signals.models import Strategy

BY_HAND: Final = 0  # as the number of a strategy
_AT_ONCE: Final = 5_000  # names in one query
# A trade date begins at most three days before its date (Friday evening) and ends at most one after.
_EARLIEST: Final = 4 * DAY
_LATEST: Final = 2 * DAY

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Scope:
    """Over which trades figures are made.

    account:      None: all
    strategy:     None: all; 0: what was entered by hand
    since, until: trade dates, both included
    """

    account: int | None = None
    strategy: int | None = None
    since: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        """Return whether a trade date lies in the range."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )

    def near(self, instant: str) -> Q:
        """Narrow rows by strategy and by when something was (a column in ns UTC), so wide that `holds` is asked afterwards."""
        chosen = Q()
        if self.strategy is not None:
            by_hand = self.strategy == BY_HAND
            chosen &= Q(strategy_id__isnull=True) if by_hand else Q(strategy_id=self.strategy)
        if self.since is not None:
            chosen &= Q(**{f"{instant}__gte": _midnight(self.since) - _EARLIEST})
        if self.until is not None:
            chosen &= Q(**{f"{instant}__lt": _midnight(self.until) + _LATEST})
        return chosen


EVERYTHING: Final = Scope()


def _midnight(day: date) -> int:
    return to_instant(datetime.combine(day, time(), UTC))


class Brief(NamedTuple):
    """A position that is flat again: what figures need of it."""

    pk: int
    strategy_id: int | None
    closed_ns: int
    result: Result


class Line(ABC):
    """A closed position with its row and its result, as a list and a file tell it, whatever books it is of."""

    row: Any
    result: Result

    @property
    @abstractmethod
    def account_name(self) -> str:
        """Return how the trader calls its account."""

    @property
    @abstractmethod
    def account_kind(self) -> str:
        """Return what kind of account that is."""

    @cached_property
    @abstractmethod
    def view(self) -> Any:
        """Return it as every other page reads it."""

    @property
    def entry(self) -> Decimal:
        """Return the average price of its entries."""
        entry: Decimal = self.view.entry
        return entry

    @property
    def exit(self) -> Decimal | None:
        """Return the average price of its exits."""
        exit: Decimal | None = self.view.exit
        return exit

    @property
    def net(self) -> Decimal:
        """Return what it made, after the fees that are known."""
        net: Decimal = self.view.net
        return net

    @property
    def strategy_name(self) -> str:
        """Return how the trader calls its strategy, empty where it was entered by hand."""
        return self.row.strategy.name if self.row.strategy else ""

    @property
    def closed_at(self) -> datetime:
        """Return when it was flat again."""
        return to_datetime(self.row.closed_ns)

    @property
    def seconds(self) -> int:
        """Return how long it was held, in market time."""
        return int(self.row.closed_ns - self.row.opened_ns) // SECOND


@dataclass(frozen=True)
class Performance:
    """Results, and every figure over them; worked out when they are looked at, once."""

    results: Sequence[Result]

    @cached_property
    def figures(self) -> Figures:
        """Return the figures over all of them."""
        return measure(self.results, self.days)

    @cached_property
    def days(self) -> list[Period]:
        """Return their trade dates, oldest first."""
        return periods.by_day(self.results)

    @cached_property
    def weeks(self) -> list[Period]:
        """Return their weeks, oldest first."""
        return periods.by_week(self.days)

    @cached_property
    def months(self) -> list[Period]:
        """Return their months, oldest first."""
        return periods.by_month(self.days)

    @cached_property
    def curve(self) -> list[Level]:
        """Return where the account stood at the close of each day, and how far under its highest close."""
        return periods.curve(self.days)

    @property
    def by_hour(self) -> list[Cell[int]]:
        """Return them by the hour of their entry."""
        return breakdown.by_hour(self.results)

    @property
    def by_weekday(self) -> list[Cell[int]]:
        """Return them by the weekday of their trade date."""
        return breakdown.by_weekday(self.results)

    @property
    def by_session(self) -> list[Cell[Any]]:
        """Return them by the session of their entry."""
        return breakdown.by_session(self.results)

    @property
    def by_direction(self) -> list[Cell[str]]:
        """Return longs and shorts."""
        return breakdown.by_direction(self.results)

    @property
    def drawdown(self) -> Drawdown:
        """Return the deepest fall, trade by trade."""
        return self.figures.drawdown


def performance_of(rows: Iterable[Brief]) -> Performance:
    """Return what these positions came to."""
    return Performance([one.result for one in rows])


def strategies(user: Any) -> QuerySet[Strategy]:
    """Return a trader's strategies, oldest first."""
    mine: QuerySet[Strategy] = Strategy.objects.of(user).order_by("id")
    return mine


def strategy(user: Any, pk: int) -> Strategy | None:
    """Return one of a trader's strategies, None if he has no such one."""
    return strategies(user).filter(pk=pk).first()


@dataclass(frozen=True)
class OfStrategy:
    """What a strategy came to; `row` is None for what was entered by hand, or whose strategy is gone."""

    row: Strategy | None
    results: Sequence[Result]

    @cached_property
    def figures(self) -> Figures:
        """Return every figure of its trades; a table of strategies needs only those below, which cost a third."""
        return measure(self.results)

    @cached_property
    def net(self) -> Fraction:
        """Return what it made after fees."""
        return profit.net(self.results)

    @cached_property
    def win_rate(self) -> Fraction | None:
        """Return how many of its trades won."""
        return profit.win_rate(self.results)

    @cached_property
    def profit_factor(self) -> Fraction | None:
        """Return what it won for each dollar lost."""
        return profit.profit_factor(self.results)

    @cached_property
    def expectancy(self) -> Fraction | None:
        """Return what a trade of it is worth."""
        return profit.expectancy(self.results)

    @cached_property
    def expectancy_r(self) -> Fraction | None:
        """Return the same in R."""
        return profit.expectancy_r(self.results)

    @cached_property
    def drawdown(self) -> Drawdown:
        """Return its deepest fall, trade by trade."""
        return drawdown.deepest(self.results)

    @cached_property
    def sharpe(self) -> float | None:
        """Return the ratio of its days."""
        return ratios.sharpe(periods.by_day(self.results))

    @property
    def pk(self) -> int | None:
        """Return its number."""
        return self.row.pk if self.row else None

    @property
    def name(self) -> str:
        """Return how the trader calls it."""
        return self.row.name if self.row else "By hand"


def by_strategy(user: Any, rows: Iterable[Brief]) -> list[OfStrategy]:
    """Return each strategy of a trader with what it came to, and what was by hand if any.

    Those without trades too, but for archived ones.
    """
    groups = of_each(rows)
    mine = [row for row in strategies(user) if row.pk in groups or not row.is_archived]
    found = [OfStrategy(row, groups.pop(row.pk, ())) for row in mine]
    rest = [result for group in groups.values() for result in group]
    return [*found, OfStrategy(None, rest)] if rest else found


def of_each(rows: Iterable[Brief]) -> dict[int | None, Sequence[Result]]:
    """Return the results of each strategy that has some, by its number; None: entered by hand."""
    groups: dict[int | None, list[Result]] = {}
    for one in rows:
        groups.setdefault(one.strategy_id, []).append(one.result)
    return {**groups}


def rows_of(rows: QuerySet[Row], briefs: Sequence[Brief]) -> Mapping[int, Row]:
    """Return the rows of positions by their numbers; one query for thousands of them."""
    numbers = [one.pk for one in briefs]
    return {
        row.pk: row
        for start in range(0, len(numbers), _AT_ONCE)
        for row in rows.filter(pk__in=numbers[start : start + _AT_ONCE])
    }


@dataclass(frozen=True)
class Summary:
    """A trader's books at a glance: today, this week and this month by the exchange's day, and everything."""

    day: date
    every: Sequence[Result]
    open_positions: int

    @cached_property
    def today(self) -> Figures:
        """Return the figures of today."""
        return self._since(self.day)

    @cached_property
    def week(self) -> Figures:
        """Return the figures since Monday."""
        return self._since(periods.monday(self.day))

    @cached_property
    def month(self) -> Figures:
        """Return the figures since the first of the month."""
        return self._since(periods.first_of_month(self.day))

    @cached_property
    def all(self) -> Figures:
        """Return the figures of everything in the range."""
        return measure(self.every)

    def _since(self, first: date) -> Figures:
        return measure([one for one in self.every if first <= one.day <= self.day])
