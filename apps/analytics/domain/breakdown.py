"""Where and when trades were made: the same figures for each hour, weekday, session and side.

Each trade is in exactly one cell of a breakdown, so the cells add up to the whole.
Source:  product-spec.md, 10.1
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Final, Generic, TypeVar

from apps.analytics.domain.profit import expectancy, expectancy_r, net, profit_factor, win_rate
from apps.analytics.domain.result import Outcome, Result, of
from apps.bus.domain.message import HOUR
from apps.marketdata.domain.calendar import CHICAGO
from apps.marketdata.domain.session import Session, session_of

FEW: Final = 5  # below so many trades a cell is told as few
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cell(Generic[Key]):
    """The trades of one hour, weekday, session or side."""

    key: Key
    name: str
    trades: int
    wins: int
    losses: int
    break_evens: int
    win_rate: Fraction | None
    net: Fraction
    expectancy: Fraction | None
    expectancy_r: Fraction | None
    profit_factor: Fraction | None

    @property
    def is_few(self) -> bool:
        """Return whether there are too few trades to say anything: under 5."""
        return self.trades < FEW


def by_hour(results: Sequence[Result]) -> list[Cell[int]]:
    """Return a cell for each hour of the Chicago clock in which a trade was *entered*, the trading day's first hour (17) first."""
    cells = breakdown(results, _hour, lambda hour: f"{hour:02d}:00")
    return sorted(cells, key=lambda cell: (cell.key - 17) % 24)


def by_weekday(results: Sequence[Result]) -> list[Cell[int]]:
    """Return a cell for each weekday of the trade dates, Monday (0) first: Sunday evening is Monday's."""
    cells = breakdown(results, lambda one: one.day.weekday(), lambda day: WEEKDAYS[day])
    return sorted(cells, key=lambda cell: cell.key)


def by_session(results: Sequence[Result]) -> list[Cell[Session]]:
    """Return a cell for each session in which a trade was *entered*, in the order of the trading day."""
    order = [Session.ASIA, *(one for one in Session if one is not Session.ASIA)]
    cells = breakdown(results, lambda one: session_of(one.opened_at), _session_name)
    return sorted(cells, key=lambda cell: order.index(cell.key))


def by_direction(results: Sequence[Result]) -> list[Cell[str]]:
    """Return a cell for longs and one for shorts, where there are any."""
    cells = breakdown(results, lambda one: "long" if one.is_bullish else "short", str.capitalize)
    return sorted(cells, key=lambda cell: cell.key)


def breakdown(
    results: Sequence[Result], key: Callable[[Result], Key], name: Callable[[Key], str]
) -> list[Cell[Key]]:
    """Return a cell for each key that occurs, in the order in which they first occur. Each trade is in one cell."""
    groups: dict[Key, list[Result]] = {}
    for one in results:
        groups.setdefault(key(one), []).append(one)
    return [_cell(known, name(known), group) for known, group in groups.items()]


def _cell(key: Key, name: str, results: Sequence[Result]) -> Cell[Key]:
    return Cell(
        key=key,
        name=name,
        trades=len(results),
        wins=len(of(results, Outcome.WIN)),
        losses=len(of(results, Outcome.LOSS)),
        break_evens=len(of(results, Outcome.BREAK_EVEN)),
        win_rate=win_rate(results),
        net=net(results),
        expectancy=expectancy(results),
        expectancy_r=expectancy_r(results),
        profit_factor=profit_factor(results),
    )


def _hour(one: Result) -> int:
    return _chicago(one.opened_at // HOUR)


@lru_cache(maxsize=20_000)
def _chicago(hours: int) -> int:
    """Return the hour on the Chicago clock, which is whole hours away from UTC."""
    return datetime.fromtimestamp(hours * 3600, CHICAGO).hour


def _session_name(session: Session) -> str:
    return "Outside" if session is Session.INVALID else str(session)
