"""What closed trades came to. Every figure is one function here, and every page, report and API answer asks it.

A trade is a win, a loss or a break-even by its result *before* fees, and is shown *after* fees everywhere. So fees turn
no break-even into a loss, and the net of a small win may lie below zero.

Units:   amounts are exact fractions: of dollars for positions, of R for Signal Lab trades, whose risk is 1;
         only ratios that need a root, Sharpe and Sortino, are floats
Order:   streaks and drawdown follow the order in which results are given; the caller sorts by closing
Days:    the trade date of the account, so what is done at 17:30 in Chicago belongs to the next day
Source:  "methodology 13" is reference/methodology.md, 13; "spec" is product-spec.md, 7.4 and 10.1
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from math import gcd, lcm, sqrt
from operator import attrgetter
from statistics import median_high, median_low
from typing import Final

from apps.bus.domain.message import SECOND

TRADING_DAYS: Final = 252  # of a year, by which daily figures are annualised
NOTHING: Final = Fraction(0)


class Outcome(StrEnum):
    """How a trade is classed, before fees."""

    WIN = "win"
    LOSS = "loss"
    BREAK_EVEN = "break_even"


class Result:
    """One closed trade. Instants are ns UTC; nobody changes it.

    closed_at:   None where it was not kept; then it has no time in trade
    day:         the trade date on which it counts
    gross, fees: before fees, and the fees
    fees_known:  all of them are said; else its net is too high by what is missing
    risk:        what was at risk when it was entered; None: without a stop, so it has no R
    best, worst: the most that it was ahead (0 or more) and behind (0 or less); None: not known
    over:        of how many parts a unit has; then all amounts are given in whole parts. None: as fractions

    Amounts are kept in whole parts (`net_parts` and so on), because there are thousands of results and adding fractions
    is slow; asked for by their own names they are fractions. All parts of one result are over the same number.
    """

    __slots__ = (
        "best_parts",
        "closed_at",
        "day",
        "fees_known",
        "fees_parts",
        "gross_parts",
        "is_bullish",
        "mae_parts",
        "mfe_parts",
        "net_parts",
        "opened_at",
        "outcome",
        "over",
        "risk_parts",
        "worst_parts",
    )  # fmt: skip

    def __init__(
        self,
        *,
        opened_at: int,
        closed_at: int | None,
        day: date,
        is_bullish: bool,
        gross: Fraction | int,
        fees: Fraction | int = 0,
        risk: Fraction | int | None = None,
        best: Fraction | int | None = None,
        worst: Fraction | int | None = None,
        over: int | None = None,
        fees_known: bool = True,
    ) -> None:
        """Work out once what nearly every figure asks for.

        net:      after fees
        outcome:  above, below or exactly 0 before fees
        mfe, mae: the best is never below 0 nor below what was made, because the exit was a price, too; the worst
                  likewise
        """
        if over is None:
            known = [one for one in (gross, fees, risk, best, worst) if one is not None]
            over = lcm(*(one.denominator for one in known))
            gross, fees = int(gross * over), int(fees * over)
            risk, best, worst = (
                None if one is None else int(one * over) for one in (risk, best, worst)
            )
        self.opened_at, self.closed_at, self.day = opened_at, closed_at, day
        self.is_bullish, self.over, self.fees_known = is_bullish, over, fees_known
        self.gross_parts, self.fees_parts = int(gross), int(fees)
        self.net_parts = self.gross_parts - self.fees_parts
        self.risk_parts = int(risk) if risk else None
        self.best_parts = self.mfe_parts = None if best is None else int(best)
        self.worst_parts = self.mae_parts = None if worst is None else int(worst)
        if self.mfe_parts is not None:
            self.mfe_parts = max(0, self.mfe_parts, self.gross_parts)
        if self.mae_parts is not None:
            self.mae_parts = min(0, self.mae_parts, self.gross_parts)
        self.outcome = _class(self.gross_parts)

    @property
    def gross(self) -> Fraction:
        """Return what it made before fees."""
        return Fraction(self.gross_parts, self.over)

    @property
    def fees(self) -> Fraction:
        """Return its fees."""
        return Fraction(self.fees_parts, self.over)

    @property
    def net(self) -> Fraction:
        """Return what it made after fees."""
        return Fraction(self.net_parts, self.over)

    @property
    def risk(self) -> Fraction | None:
        """Return what was at risk, None without a stop."""
        return self._exact(self.risk_parts)

    @property
    def net_r(self) -> Fraction | None:
        """Return its net in R, None without a stop."""
        return Fraction(self.net_parts, self.risk_parts) if self.risk_parts else None

    @property
    def mfe(self) -> Fraction | None:
        """Return its MFE, None where it is not known."""
        return self._exact(self.mfe_parts)

    @property
    def mae(self) -> Fraction | None:
        """Return its MAE, 0 or below, None where it is not known."""
        return self._exact(self.mae_parts)

    @property
    def best(self) -> Fraction | None:
        """Return the most that it was ahead, as it was given."""
        return self._exact(self.best_parts)

    @property
    def worst(self) -> Fraction | None:
        """Return the most that it was behind, as it was given."""
        return self._exact(self.worst_parts)

    def _exact(self, parts: int | None) -> Fraction | None:
        return None if parts is None else Fraction(parts, self.over)


def _class(gross: int) -> Outcome:
    if not gross:
        return Outcome.BREAK_EVEN
    return Outcome.WIN if gross > 0 else Outcome.LOSS


Part = Callable[[Result], int]
_GROSS: Final[Part] = attrgetter("gross_parts")
_FEES: Final[Part] = attrgetter("fees_parts")
_NET: Final[Part] = attrgetter("net_parts")
_MFE: Final[Part] = attrgetter("mfe_parts")
_MAE: Final[Part] = attrgetter("mae_parts")


def _common(results: Iterable[Result]) -> int:
    return lcm(*{one.over for one in results})


def _sum(results: Sequence[Result], part: Part) -> Fraction:
    """Return the exact sum of one of their amounts, 0 without trades."""
    overs = {one.over for one in results}
    if len(overs) == 1:  # nearly always
        return Fraction(sum(map(part, results)), overs.pop())
    common = lcm(*overs)
    return Fraction(sum(part(one) * (common // one.over) for one in results), common)


def _sum_r(results: Sequence[Result], part: Part) -> Fraction:
    """Return the exact sum of one of their amounts in R; all of them had a stop. Within a result the parts cancel."""
    of_risk: dict[int, int] = {}
    for one in results:
        assert one.risk_parts is not None
        of_risk[one.risk_parts] = of_risk.get(one.risk_parts, 0) + part(one)
    return total(Fraction(parts, risk) for risk, parts in of_risk.items())


def _mean(results: Sequence[Result], part: Part) -> Fraction | None:
    return _sum(results, part) / len(results) if results else None


def _mean_r(results: Sequence[Result], part: Part) -> Fraction | None:
    return _sum_r(results, part) / len(results) if results else None


def total(amounts: Iterable[Fraction]) -> Fraction:
    """Return the exact sum; 0 of nothing. Over one common denominator, because adding fractions pairwise is slow."""
    whole, denominator = _over_one(amounts)
    return Fraction(sum(whole), denominator)


def mean(amounts: Sequence[Fraction]) -> Fraction | None:
    """Return the exact arithmetic mean, None of nothing."""
    return total(amounts) / len(amounts) if amounts else None


# ---- how many ----


def of(results: Sequence[Result], outcome: Outcome) -> list[Result]:
    """Return the results that are classed so, in their order."""
    return [one for one in results if one.outcome is outcome]


def win_rate(results: Sequence[Result]) -> Fraction | None:
    """Return wins / trades; break-evens count in the denominator.

    No trades: None. No losses: 1 only if nothing broke even. Source: methodology 13, spec 10.1.
    """
    return Fraction(len(of(results, Outcome.WIN)), len(results)) if results else None


def longest_streak(results: Sequence[Result], outcome: Outcome) -> int:
    """Return the longest row of wins, or of losses.

    A break-even neither lengthens nor ends it; the opposite outcome ends it. No such trade, or none at all: 0.
    Source: methodology 13.
    """
    longest = running = 0
    for one in results:
        if one.outcome is outcome:
            running += 1
            longest = max(longest, running)
        elif one.outcome is not Outcome.BREAK_EVEN:
            running = 0
    return longest


# ---- how much ----


def gross(results: Sequence[Result]) -> Fraction:
    """Return the sum of all results before fees.

    No trades: 0. Source: methodology 13, spec 10.1.
    """
    return _sum(results, _GROSS)


def fees(results: Sequence[Result]) -> Fraction:
    """Return the sum of all fees that are known.

    No trades: 0. Source: the account's fills, as the broker or the fee schedule says; spec 10.1.
    """
    return _sum(results, _FEES)


def fees_unknown(results: Sequence[Result]) -> int:
    """Return of how many trades not all fees are known, so that the net may be lower than it is told.

    No trades: 0. Source: the broker's fills; spec 10.1.
    """
    return sum(not one.fees_known for one in results)


def net(results: Sequence[Result]) -> Fraction:
    """Return the sum of all results after fees.

    No trades: 0. Source: methodology 13, spec 10.1.
    """
    return _sum(results, _NET)


def net_r(results: Sequence[Result]) -> Fraction | None:
    """Return the sum in R, after fees, of the trades that had a stop: each net / its own risk at entry.

    No trades, or none with a stop: None. Source: methodology 13.
    """
    known = with_risk(results)
    return _sum_r(known, _NET) if known else None


def with_risk(results: Sequence[Result]) -> list[Result]:
    """Return the trades that were entered with a stop, in their order; figures in R rest on these.

    No trades, or none with a stop: empty. Source: methodology 13.
    """
    return [one for one in results if one.risk_parts]


def average(results: Sequence[Result], outcome: Outcome) -> Fraction | None:
    """Return the mean net of the wins, or of the losses (below 0).

    No such trade: None. Classed before fees, so the mean of small wins may lie below 0. Source: methodology 13, spec 10.1.
    """
    return _mean(of(results, outcome), _NET)


def largest_win(results: Sequence[Result]) -> Fraction | None:
    """Return the highest net among the wins.

    No trades, or no win: None. Source: spec 10.1.
    """
    return _most(of(results, Outcome.WIN), 1)


def largest_loss(results: Sequence[Result]) -> Fraction | None:
    """Return the lowest net among the losses.

    No trades, or no loss: None. Source: spec 10.1.
    """
    return _most(of(results, Outcome.LOSS), -1)


def profit_factor(results: Sequence[Result]) -> Fraction | None:
    """Return the net of the wins / the net lost by the losses.

    No trades or no losses: None, not infinite. Losses alone: 0. Below 0 where fees ate more than the wins made.
    Source: methodology 13, spec 10.1.
    """
    lost = -net(of(results, Outcome.LOSS))
    return net(of(results, Outcome.WIN)) / lost if lost > 0 else None


def expectancy(results: Sequence[Result]) -> Fraction | None:
    """Return the mean net of a trade.

    No trades: None. No losses: the mean win, with break-evens. Source: methodology 13, spec 10.1.
    """
    return _mean(results, _NET)


def expectancy_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean net in R of the trades that had a stop.

    No trades, or none with a stop: None. Source: methodology 13, spec 10.1.
    """
    return _mean_r(with_risk(results), _NET)


def _most(results: Sequence[Result], sign: int) -> Fraction | None:
    common = _common(results)
    each = (one.net_parts * (common // one.over) * sign for one in results)
    most = max(each, default=None)
    return None if most is None else Fraction(most * sign, common)


# ---- how deep ----


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from the running peak.

    depth:        0 or more; 0: it never fell
    peak_on:      the day of the peak before it; None: from the start, at 0
    deepest_on:   the day on which it was deepest; None: it never fell
    recovered_on: the day on which that peak was reached again; None: not yet
    """

    depth: Fraction = NOTHING
    peak_on: date | None = None
    deepest_on: date | None = None
    recovered_on: date | None = None


def drawdown(results: Sequence[Result]) -> Drawdown:
    """Return the deepest fall of the summed nets from their running peak, which starts at 0, trade by trade.

    So a first trade that loses is a drawdown. Of equal falls the first counts. No trades, or no fall: depth 0 and no day.
    One day: falls inside it count. Source: methodology 13, spec 10.1.
    """
    common = _common(results)
    steps = ((one.day, one.net_parts * (common // one.over)) for one in results)
    return _deepest(steps, common)


def drawdown_r(results: Sequence[Result]) -> Drawdown:
    """Return the drawdown in R, over the trades that were entered with a stop; the others are passed over.

    No trades, none with a stop, or no fall: depth 0 and no day. Source: methodology 13.
    """
    known = []
    for one in results:
        if one.risk_parts:
            shared = gcd(one.net_parts, one.risk_parts)
            known.append((one.day, one.net_parts // shared, one.risk_parts // shared))
    common = lcm(*{risk for _, _, risk in known})
    return _deepest(((day, made * (common // risk)) for day, made, risk in known), common)


def _deepest(steps: Iterable[tuple[date, int]], common: int) -> Drawdown:
    level = peak = deepest = 0
    peak_on: date | None = None
    found: tuple[date | None, date] | None = None  # the peak before the deepest fall, and its day
    recovered_on: date | None = None
    for day, step in steps:
        level += step
        if level >= peak and found is not None and recovered_on is None:
            recovered_on = day
        if level > peak:
            peak, peak_on = level, day
        elif peak - level > deepest:
            deepest, found, recovered_on = peak - level, (peak_on, day), None
    return Drawdown(Fraction(deepest, common), *found, recovered_on) if found else Drawdown()


# ---- by day, week and month ----


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
    common = _common(results)
    days: dict[date, list[int]] = {}  # of each: net, trades, wins, losses
    for one in results:
        tally = days.get(one.day) or days.setdefault(one.day, [0, 0, 0, 0])
        tally[0] += one.net_parts if one.over == common else one.net_parts * (common // one.over)
        tally[1] += 1
        tally[2] += one.outcome is Outcome.WIN
        tally[3] += one.outcome is Outcome.LOSS
    return [
        Period(day, Fraction(whole, common), *counts)
        for day, (whole, *counts) in sorted(days.items())
    ]


def by_week(results: Sequence[Result]) -> list[Period]:
    """Return each week, named by its Monday, in which a trade was closed, oldest first."""
    return gathered(by_day(results), monday)


def by_month(results: Sequence[Result]) -> list[Period]:
    """Return each month, named by its first day, in which a trade was closed, oldest first."""
    return gathered(by_day(results), first_of_month)


def gathered(days: Sequence[Period], start: Callable[[date], date]) -> list[Period]:
    """Return days put together by the first day of the longer period that holds them, oldest first."""
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

    `drawdown` looks at every trade, so it may be deeper than this curve shows. No days: empty. One day: one level.
    Source: spec 10.1.
    """
    level = peak = NOTHING
    found = []
    for day in days:
        level += day.net
        peak = max(peak, level)
        found.append(Level(day, level, peak - level))
    return found


# ---- ratios of the days ----


def sharpe(days: Sequence[Period]) -> float | None:
    """Return mean / sample standard deviation of the daily nets, times the root of 252.

    Over the days on which a trade was closed, in the account's money, against a return of 0: a futures account has
    no invested sum that a rate could be taken of. No days, one day, or all days equal: None. Source: spec 10.1.
    """
    if len(days) < 2:
        return None
    middle = mean([one.net for one in days])
    assert middle is not None
    spread = total((one.net - middle) ** 2 for one in days) / (len(days) - 1)
    return _annual(middle, spread)


def sortino(days: Sequence[Period]) -> float | None:
    """Return mean / downside deviation of the daily nets, times the root of 252.

    The downside deviation is the root of the mean square of min(net, 0) over *all* days, the target is 0.
    No days, one day, or no losing day: None. Source: spec 10.1.
    """
    if len(days) < 2:
        return None
    middle = mean([one.net for one in days])
    assert middle is not None
    spread = total(one.net**2 for one in days if one.net < 0) / len(days)
    return _annual(middle, spread)


# ---- time in trade ----


def mean_seconds(results: Sequence[Result]) -> Fraction | None:
    """Return the mean time in trade, in market time, of the trades whose close was kept.

    No such trade: None. Source: spec 10.1.
    """
    each = _lengths(results)
    return Fraction(sum(each), SECOND * len(each)) if each else None


def median_seconds(results: Sequence[Result]) -> Fraction | None:
    """Return the median time in trade; of an even number the mean of the two in the middle.

    No trade whose close was kept: None. Source: spec 10.1.
    """
    each = _lengths(results)
    return Fraction(median_low(each) + median_high(each), 2 * SECOND) if each else None


def _lengths(results: Sequence[Result]) -> list[int]:
    return [one.closed_at - one.opened_at for one in results if one.closed_at is not None]


# ---- excursions ----


def average_mfe(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MFE, the most that a trade was ahead, of the trades that have one.

    No such trade: None. No wins: still 0 or above. Source: methodology 13, spec 7.4.
    """
    return _mean([one for one in results if one.mfe_parts is not None], _MFE)


def average_mae(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MAE, the most that a trade was behind (0 or below), of the trades that have one.

    No such trade: None. No losses: still 0 or below. Source: methodology 13, spec 7.4.
    """
    return _mean([one for one in results if one.mae_parts is not None], _MAE)


def average_mfe_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MFE in R, each over its own risk, of the trades that have one and had a stop.

    No such trade: None. Source: methodology 13, spec 7.4.
    """
    return _mean_r([one for one in with_risk(results) if one.mfe_parts is not None], _MFE)


def average_mae_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean MAE in R, 0 or below, of the trades that have one and had a stop.

    No such trade: None. Source: methodology 13, spec 7.4.
    """
    return _mean_r([one for one in with_risk(results) if one.mae_parts is not None], _MAE)


def efficiency(results: Sequence[Result]) -> Fraction | None:
    """Return what was captured / what was available: gains before fees / MFE, both summed over all trades.

    A loss captured nothing, and no trade captures more than its MFE, so it lies between 0 and 1 by definition.
    No trades, no MFE known, or nothing was available: None. Losses alone: 0. Source: spec 7.4.
    """
    known = [one for one in results if one.mfe_parts is not None]
    whole = _sum(known, _MFE)
    return gross(of(known, Outcome.WIN)) / whole if whole else None


# ---- all together ----


@dataclass(frozen=True, slots=True)
class Figures:
    """Every figure over the same trades, as the functions of this module define them."""

    trades: int
    wins: int
    losses: int
    break_evens: int
    with_risk: int
    win_rate: Fraction | None
    gross: Fraction
    fees: Fraction
    fees_unknown: int
    net: Fraction
    net_r: Fraction | None
    average_win: Fraction | None
    average_loss: Fraction | None
    largest_win: Fraction | None
    largest_loss: Fraction | None
    profit_factor: Fraction | None
    expectancy: Fraction | None
    expectancy_r: Fraction | None
    drawdown: Drawdown
    drawdown_r: Drawdown
    longest_losing_streak: int
    longest_winning_streak: int
    days: int
    sharpe: float | None
    sortino: float | None
    best_day: Period | None
    worst_day: Period | None
    mean_seconds: Fraction | None
    median_seconds: Fraction | None
    average_mfe: Fraction | None
    average_mae: Fraction | None
    average_mfe_r: Fraction | None
    average_mae_r: Fraction | None
    efficiency: Fraction | None


def measure(results: Sequence[Result], days: Sequence[Period] | None = None) -> Figures:
    """Return every figure over these trades; `days` are their days where the caller has them already."""
    days = by_day(results) if days is None else days
    return Figures(
        trades=len(results),
        wins=len(of(results, Outcome.WIN)),
        losses=len(of(results, Outcome.LOSS)),
        break_evens=len(of(results, Outcome.BREAK_EVEN)),
        with_risk=len(with_risk(results)),
        win_rate=win_rate(results),
        gross=gross(results),
        fees=fees(results),
        fees_unknown=fees_unknown(results),
        net=net(results),
        net_r=net_r(results),
        average_win=average(results, Outcome.WIN),
        average_loss=average(results, Outcome.LOSS),
        largest_win=largest_win(results),
        largest_loss=largest_loss(results),
        profit_factor=profit_factor(results),
        expectancy=expectancy(results),
        expectancy_r=expectancy_r(results),
        drawdown=drawdown(results),
        drawdown_r=drawdown_r(results),
        longest_losing_streak=longest_streak(results, Outcome.LOSS),
        longest_winning_streak=longest_streak(results, Outcome.WIN),
        days=len(days),
        sharpe=sharpe(days),
        sortino=sortino(days),
        best_day=best_day(days),
        worst_day=worst_day(days),
        mean_seconds=mean_seconds(results),
        median_seconds=median_seconds(results),
        average_mfe=average_mfe(results),
        average_mae=average_mae(results),
        average_mfe_r=average_mfe_r(results),
        average_mae_r=average_mae_r(results),
        efficiency=efficiency(results),
    )


def _over_one(amounts: Iterable[Fraction]) -> tuple[list[int], int]:
    """Return amounts as whole numbers over their common denominator."""
    parts = [one.as_integer_ratio() for one in amounts]
    common = lcm(*{denominator for _, denominator in parts})
    return [numerator * (common // denominator) for numerator, denominator in parts], common


def _annual(middle: Fraction, spread: Fraction) -> float | None:
    """Return middle / root of the spread, annualised; one root at the end, so that nothing is rounded before."""
    if not spread:
        return None
    size = sqrt(middle**2 * TRADING_DAYS / spread)
    return -size if middle < 0 else size
