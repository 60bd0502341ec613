"""What trades made by day, week and month, and the curve of the days.

Days:    the trade date of the account, so what is done at 17:30 in Chicago belongs to the next day
Source:  "spec" is product-spec.md, 10.1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from apps.analytics.domain.amounts import common_parts, in_parts, total
from apps.analytics.domain.result import Outcome, Result


@dataclass(frozen=True, slots=True)
class Period:
    """What a day, a week or a month came to; `start` is its first day. A week begins on Monday."""

    start: date
    net: Fraction
    trades: int
    wins: int
    losses: int


def by_day(results: Sequence[Result]) -> list[Period]:
    """Return each trade date on which a trade was closed, oldest first, with its net; days without a trade are not listed.

    No trades: empty. One day: one period. Source: spec 10.1.
    """
    common, win, loss = common_parts(results), Outcome.WIN, Outcome.LOSS
    days: dict[date, list[int]] = {}  # of each: net, trades, wins, losses
    for one in results:
        tally = days.get(one.day) or days.setdefault(one.day, [0, 0, 0, 0])
        tally[0] += one.net_parts if one.over == common else one.net_parts * (common // one.over)
        tally[1] += 1
        if one.outcome is win:
            tally[2] += 1
        elif one.outcome is loss:
            tally[3] += 1
    return [
        Period(day, Fraction(whole, common), *counts)
        for day, (whole, *counts) in sorted(days.items())
    ]


def by_week(days: Sequence[Period]) -> list[Period]:
    """Return each week, named by its Monday, in which a trade was closed, oldest first."""
    return _gathered(days, monday)


def by_month(days: Sequence[Period]) -> list[Period]:
    """Return each month, named by its first day, in which a trade was closed, oldest first."""
    return _gathered(days, first_of_month)


def _gathered(days: Sequence[Period], start: Callable[[date], date]) -> list[Period]:
    groups: dict[date, list[Period]] = {}
    for day in days:
        groups.setdefault(start(day.start), []).append(day)
    return [
        Period(
            first,
            total(one.net for one in group),
            sum(one.trades for one in group),
            sum(one.wins for one in group),
            sum(one.losses for one in group),
        )
        for first, group in sorted(groups.items())
    ]


def monday(day: date) -> date:
    """Return the Monday of the week that holds a day."""
    return day - timedelta(days=day.weekday())


def first_of_month(day: date) -> date:
    """Return the first day of the month that holds a day."""
    return day.replace(day=1)


def best_day(days: Sequence[Period]) -> Period | None:
    """Return the day with the highest net, of equals the first; it may be a loss.

    No days: None. One day: that day. Source: spec 10.1.
    """
    return max(days, key=lambda one: one.net, default=None)


def worst_day(days: Sequence[Period]) -> Period | None:
    """Return the day with the lowest net, of equals the first; it may be a gain.

    No days: None. One day: that day. Source: spec 10.1.
    """
    return min(days, key=lambda one: one.net, default=None)


@dataclass(frozen=True, slots=True)
class Level:
    """Where the curve stood at the close of a day: summed net, and how far that was under its highest close."""

    day: Period
    equity: Fraction
    drawdown: Fraction

    @property
    def peak(self) -> Fraction:
        """Return the highest close until then, at least 0."""
        return self.equity + self.drawdown


def curve(days: Sequence[Period]) -> list[Level]:
    """Return the summed net at the close of each day, against the highest close so far, which starts at 0.

    `drawdown.deepest` looks at every trade, so it may be deeper than this curve shows. No days: empty. One day: one level.
    Source: spec 10.1.
    """
    nets, over = in_parts(one.net for one in days)
    level = peak = 0
    found = []
    for day, net in zip(days, nets, strict=True):
        level += net
        peak = max(peak, level)
        found.append(Level(day, Fraction(level, over), Fraction(peak - level, over)))
    return found
