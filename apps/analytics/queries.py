"""Reads for pages and API: closed positions and Signal Lab trades as results, and what they come to. User first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.analytics.domain import breakdown, performance
from apps.analytics.domain.breakdown import Cell
from apps.analytics.domain.performance import Drawdown, Figures, Level, Period, Result
from apps.brokers.domain.account import day_of
from apps.brokers.models import Position
from apps.brokers.queries import PositionView, positions
from apps.bus.domain.message import SECOND, to_instant
from apps.marketdata.domain.calendar import trade_date
from apps.marketdata.domain.instrument import instrument
from apps.signals.domain.indicator import Direction
from apps.signals.models import Strategy
from apps.trades.domain.outcome import Variant, outcome
from apps.trades.domain.trade import Trade
from apps.trades.queries import market_day
from apps.trades.queries import rows as trade_rows
from apps.trades.store import to_trade

BY_HAND: Final = 0  # as the number of a strategy
CENT: Final = Decimal("0.01")
# A trade date begins at most three days before its date (Friday evening) and ends at most one after.
_EARLIEST: Final = timedelta(days=4)
_LATEST: Final = timedelta(days=2)


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


@dataclass(frozen=True)
class Closed:
    """A position that is flat again, with its result."""

    row: Position
    result: Result

    @cached_property
    def view(self) -> PositionView:
        """Return it as every other page reads it."""
        return PositionView(self.row, None)

    @property
    def net(self) -> Decimal:
        """Return what it made, after fees."""
        return self.view.net

    @property
    def exit(self) -> Decimal | None:
        """Return the average price of its exits."""
        return self.view.exit

    @property
    def seconds(self) -> int:
        """Return how long it was held, in market time."""
        return ((self.row.closed_ns or 0) - self.row.opened_ns) // SECOND


@dataclass(frozen=True)
class Performance:
    """Results, and every figure over them; worked out when they are looked at, once."""

    results: Sequence[Result]

    @cached_property
    def figures(self) -> Figures:
        """Return the figures over all of them."""
        return performance.measure(self.results)

    @cached_property
    def days(self) -> list[Period]:
        """Return their trade dates, oldest first."""
        return performance.by_day(self.results)

    @cached_property
    def weeks(self) -> list[Period]:
        """Return their weeks, oldest first."""
        return performance.by_week(self.results)

    @cached_property
    def months(self) -> list[Period]:
        """Return their months, oldest first."""
        return performance.by_month(self.results)

    @cached_property
    def curve(self) -> list[Level]:
        """Return where the account stood at the close of each day, and how far under its highest close."""
        return performance.curve(self.days)

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


def in_cents(amount: Fraction) -> Decimal:
    """Return dollars as they are shown: two decimals, ties away from zero, rounded in one step."""
    return _rounded(amount, 2)


def as_text(amount: Fraction) -> str:
    """Return dollars as the API tells them: two decimals, or four where they are exact and have more."""
    exact = _rounded(amount, 4)
    if Fraction(exact) == amount and exact != exact.quantize(CENT):
        return f"{exact:f}"
    return f"{in_cents(amount):f}"


# ---- closed positions ----


def closed(user: Any, scope: Scope = Scope()) -> list[Closed]:
    """Return a trader's positions that are flat again, the first closed first, in three queries."""
    found = []
    days: dict[int, tuple[date, int]] = {}  # of each account the day that was met last, and its end
    for row in _rows(user, scope):
        at = row.closed_ns or 0
        known = days.get(row.account_id)
        if known is None or at >= known[1]:
            known = days[row.account_id] = day_of(at, row.account.tz, row.account.reset)
        if scope.holds(known[0]):
            found.append(Closed(row, result_of(row, known[0])))
    return found


def performance_of(rows: Iterable[Closed]) -> Performance:
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
    figures: Figures

    @property
    def pk(self) -> int | None:
        """Return its number."""
        return self.row.pk if self.row else None

    @property
    def name(self) -> str:
        """Return how the trader calls it."""
        return self.row.name if self.row else "By hand"


def by_strategy(user: Any, rows: Iterable[Closed]) -> list[OfStrategy]:
    """Return each strategy of a trader with what it came to, those without trades too, and what was by hand if any."""
    groups: dict[int | None, list[Result]] = {}
    for one in rows:
        groups.setdefault(one.row.strategy_id, []).append(one.result)
    found = [
        OfStrategy(row, performance.measure(groups.pop(row.pk, ()))) for row in strategies(user)
    ]
    rest = [result for group in groups.values() for result in group]
    return [*found, OfStrategy(None, performance.measure(rest))] if rest else found


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
        return self._since(performance.monday(self.day))

    @cached_property
    def month(self) -> Figures:
        """Return the figures since the first of the month."""
        return self._since(self.day.replace(day=1))

    @cached_property
    def all(self) -> Figures:
        """Return the figures of everything in the range."""
        return performance.measure(self.every)

    def _since(self, first: date) -> Figures:
        return performance.measure([one for one in self.every if first <= one.day <= self.day])


def summary(user: Any, scope: Scope = Scope()) -> Summary:
    """Return a trader's books at a glance, in two queries."""
    held = positions(user).filter(closed_at__isnull=True)
    if scope.account is not None:
        held = held.filter(account_id=scope.account)
    return Summary(market_day(), [one.result for one in closed(user, scope)], held.count())


def result_of(row: Position, day: date) -> Result:
    """Return what a closed position came to, on the trading day of its account on which it was closed.

    Its MFE and MAE are those of all contracts that were entered, from their average entry. So a position that was
    made smaller before it was added to is told a little further ahead than it was.
    """
    tick = instrument(row.root).tick_value
    high, low = ((one * row.entered - row.entered_paid) * row.sign for one in (row.high, row.low))
    best, worst = (high, low) if row.sign > 0 else (low, high)
    return Result(
        opened_at=row.opened_ns,
        closed_at=row.closed_ns,
        day=day,
        is_bullish=row.sign > 0,
        gross=Fraction(row.realized),
        fees=Fraction(row.fees),
        risk=Fraction(row.risk) if row.risk else None,
        best=Fraction(max(best, 0) * tick),
        worst=Fraction(min(worst, 0) * tick),
    )


def _rows(user: Any, scope: Scope) -> QuerySet[Position]:
    """Return the rows that a scope may hold, the first closed first; their trade dates are looked at afterwards."""
    chosen = Q(closed_at__isnull=False)
    if scope.account is not None:
        chosen &= Q(account_id=scope.account)
    if scope.strategy is not None:
        chosen &= _of_strategy(scope.strategy)
    if scope.since is not None:
        chosen &= Q(closed_ns__gte=_midnight(scope.since) - _ns(_EARLIEST))
    if scope.until is not None:
        chosen &= Q(closed_ns__lt=_midnight(scope.until) + _ns(_LATEST))
    # One object for each account and strategy, not one for each position: they hold settings, which are parsed.
    rows = positions(user).select_related(None).prefetch_related("account", "strategy")
    return rows.filter(chosen).order_by("closed_ns", "id")


# ---- the Signal Lab ----


def lab_performance(
    user: Any,
    scope: Scope = Scope(),
    *,
    variant: Variant = Variant.NO_BE,
    target: Fraction = Fraction(1),
    fee_r: Fraction = Fraction(0),
) -> Performance:
    """Return what Signal Lab trades came to in R, in the order of their entries; undecided ones are left out.

    They count on the exchange's day of their entry. An account does not narrow them: they have none.
    """
    rows = trade_rows(user).order_by("entry_ns", "id")
    if scope.strategy is not None:
        rows = rows.filter(_of_strategy(scope.strategy))
    if scope.since is not None:
        rows = rows.filter(entry_ns__gte=_midnight(scope.since) - _ns(_EARLIEST))
    if scope.until is not None:
        rows = rows.filter(entry_ns__lt=_midnight(scope.until) + _ns(_LATEST))
    found = (lab_result(to_trade(row), variant, target, fee_r) for row in rows)
    return Performance([one for one in found if one is not None and scope.holds(one.day)])


def lab_result(trade: Trade, variant: Variant, target: Fraction, fee_r: Fraction) -> Result | None:
    """Return what a trade made in R with this variant and target, None while that is undecided.

    Source: methodology, 13. Its end is the moment of the target, else of the stop; of a target that the trade did
    not watch the moment was not kept.
    """
    made = outcome(trade, variant, target)
    if made is None:
        return None
    track = trade.no_be if variant is Variant.NO_BE else trade.be
    ended = track.hits.get(target) if made > 0 else track.exit and track.exit.at
    return Result(
        opened_at=trade.entry_at,
        closed_at=ended,
        day=trade_date(trade.entry_at),
        is_bullish=trade.direction is Direction.BULLISH,
        gross=made,
        fees=fee_r,
        risk=Fraction(1),
        best=trade.in_r(track.best),
        worst=trade.in_r(trade.worst),
    )


def _of_strategy(number: int) -> Q:
    return Q(strategy_id=number) if number != BY_HAND else Q(strategy_id__isnull=True)


def _midnight(day: date) -> int:
    return to_instant(datetime.combine(day, time(), UTC))


def _ns(length: timedelta) -> int:
    return int(length.total_seconds()) * SECOND


def _rounded(amount: Fraction, decimals: int) -> Decimal:
    """Return an exact fraction with so many decimals, ties away from zero, never −0."""
    scale = 10**decimals
    whole = (abs(amount.numerator) * scale * 2 + amount.denominator) // (amount.denominator * 2)
    return Decimal(-whole if amount < 0 and whole else whole).scaleb(-decimals)
