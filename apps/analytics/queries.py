"""Reads for pages and API: closed positions and Signal Lab trades as results, and what they come to. User first."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from math import lcm
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet

from apps.analytics.domain import breakdown, performance
from apps.analytics.domain.breakdown import Cell
from apps.analytics.domain.performance import Drawdown, Figures, Level, Period, Result
from apps.brokers.domain.account import day_of
from apps.brokers.models import Position
from apps.brokers.queries import PositionView, accounts, positions
from apps.bus.domain.message import SECOND, to_datetime, to_instant
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
MONEY_PARTS: Final = 10_000  # of a dollar, as rows keep money
_AT_ONCE: Final = 5_000  # names in one query
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

    @property
    @abstractmethod
    def entry(self) -> Decimal:
        """Return the average price of its entries."""

    @property
    @abstractmethod
    def exit(self) -> Decimal | None:
        """Return the average price of its exits."""

    @property
    @abstractmethod
    def net(self) -> Decimal:
        """Return what it made, after fees."""

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
class Closed(Line):
    """A position that is flat again, with its result and its row."""

    row: Position
    result: Result

    @property
    def account_name(self) -> str:
        """Return how the trader calls its account."""
        return self.row.account.name

    @property
    def account_kind(self) -> str:
        """Return what kind of account that is."""
        return self.row.account.kind

    @property
    def entry(self) -> Decimal:
        """Return the average price of its entries."""
        return self.view.entry

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


@dataclass(frozen=True)
class Performance:
    """Results, and every figure over them; worked out when they are looked at, once."""

    results: Sequence[Result]

    @cached_property
    def figures(self) -> Figures:
        """Return the figures over all of them."""
        return performance.measure(self.results, self.days)

    @cached_property
    def days(self) -> list[Period]:
        """Return their trade dates, oldest first."""
        return performance.by_day(self.results)

    @cached_property
    def weeks(self) -> list[Period]:
        """Return their weeks, oldest first."""
        return performance.gathered(self.days, performance.monday)

    @cached_property
    def months(self) -> list[Period]:
        """Return their months, oldest first."""
        return performance.gathered(self.days, performance.first_of_month)

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


def closed(user: Any, scope: Scope = Scope()) -> list[Brief]:
    """Return a trader's positions that are flat again, the first closed first, in two queries."""
    clocks = {pk: (tz, reset) for pk, tz, reset in accounts(user).values_list("pk", "tz", "reset")}
    found = []
    days: dict[int, tuple[date, int]] = {}  # of each account the day that was met last, and its end
    for pk, account, strategy, *made in _rows(user, scope).values_list(*_COLUMNS):
        at = made[-1]
        known = days.get(account)
        if known is None or at >= known[1]:
            known = days[account] = day_of(at, *clocks[account])
        if scope.holds(known[0]):
            found.append(Brief(pk, strategy, at, _result(known[0], *made)))
    return found


def in_full(user: Any, briefs: Sequence[Brief]) -> list[Closed]:
    """Return positions with their rows, in the order in which they are given, in three queries."""
    # One object for each account and strategy, not one for each position: they hold settings, which are parsed.
    rows = positions(user).select_related(None).prefetch_related("account", "strategy")
    numbers = [one.pk for one in briefs]
    known = {
        row.pk: row
        for start in range(0, len(numbers), _AT_ONCE)
        for row in rows.filter(pk__in=numbers[start : start + _AT_ONCE])
    }
    return [Closed(known[one.pk], one.result) for one in briefs if one.pk in known]


def performance_of(rows: Iterable[Brief]) -> Performance:
    """Return what these positions came to."""
    return Performance([one.result for one in rows])


def count(user: Any, scope: Scope = Scope()) -> int:
    """Return how many closed positions figures would be made of."""
    if scope.since is None and scope.until is None:
        return _rows(user, scope).count()
    return len(closed(user, scope))


def traded(user: Any) -> QuerySet[Strategy]:
    """Return a trader's strategies that have a closed position, oldest first."""
    used = _rows(user, Scope()).order_by().values("strategy")
    return strategies(user).filter(pk__in=used)


def has_by_hand(user: Any) -> bool:
    """Return whether a closed position was entered by hand."""
    return _rows(user, Scope(strategy=BY_HAND)).exists()


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


def by_strategy(user: Any, rows: Iterable[Brief]) -> list[OfStrategy]:
    """Return each strategy of a trader with what it came to, those without trades too, and what was by hand if any."""
    groups: dict[int | None, list[Result]] = {}
    for one in rows:
        groups.setdefault(one.strategy_id, []).append(one.result)
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
    """Return a trader's books at a glance, in three queries."""
    held = positions(user).filter(closed_at__isnull=True)
    if scope.account is not None:
        held = held.filter(account_id=scope.account)
    return Summary(market_day(), [one.result for one in closed(user, scope)], held.count())


_COLUMNS: Final = (
    "pk", "account_id", "strategy_id", "root", "sign", "entered", "entered_paid", "high", "low",
    "realized", "fees", "risk", "opened_ns", "closed_ns",
)  # fmt: skip


def _result(
    day: date, root: str, sign: int, entered: int, paid: int, high: int, low: int,
    realized: Decimal, fees: Decimal, risk: Decimal, opened: int, closed: int,
) -> Result:  # fmt: skip
    """Return what a closed position came to, on the trading day of its account on which it was closed.

    Its MFE and MAE are those of all contracts that were entered, from their average entry. So a position that was
    made smaller before it was added to is told a little further ahead than it was.
    """
    over, tick = _parts(root)
    ups, downs = (high * entered - paid) * sign, (low * entered - paid) * sign
    best, worst = (ups, downs) if sign > 0 else (downs, ups)
    return Result(
        opened_at=opened,
        closed_at=closed,
        day=day,
        is_bullish=sign > 0,
        gross=int(realized * over),
        fees=int(fees * over),
        risk=int(risk * over) if risk else None,
        best=max(best, 0) * tick,
        worst=min(worst, 0) * tick,
        over=over,
    )


@cache
def _parts(root: str) -> tuple[int, int]:
    """Return of how many parts of a dollar amounts are whole, money with its four decimals and ticks; and a tick in them."""
    tick = Fraction(instrument(root).tick_value)
    over = lcm(MONEY_PARTS, tick.denominator)
    return over, int(tick * over)


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
    return positions(user).filter(chosen).order_by("closed_ns", "id")


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
