"""Wins and statistics over many trades. Source: methodology, 13."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import Final, Protocol

from apps.trades.domain.trade import Track, TrackStatus

WON: Final = 1
LOST: Final = -1
EVEN: Final = 0


class Variant(StrEnum):
    """Which track is counted."""

    NO_BE = "no_be"
    BE = "be"


class Ran(Protocol):
    """What an outcome needs of a trade: how far each track went, and the risk in ticks."""

    @property
    def no_be(self) -> Track:
        """Return the fixed-stop track."""

    @property
    def be(self) -> Track:
        """Return the break-even track."""

    @property
    def risk(self) -> int:
        """Return the distance from the entry to its original stop."""


def outcome(trade: Ran, variant: Variant, target: Fraction) -> Fraction | None:
    """Return what a trade made with this variant and target in R, None while that is undecided."""
    ended = end_of(trade, variant, target)
    return None if ended is None else {WON: target, LOST: Fraction(-1), EVEN: Fraction(0)}[ended]


def end_of(trade: Ran, variant: Variant, target: Fraction) -> int | None:
    """Return how a trade ended with this variant and target: won, lost or even; None while that is undecided."""
    track = trade.no_be if variant is Variant.NO_BE else trade.be
    if track.best * target.denominator >= target.numerator * trade.risk:
        return WON
    if track.status is TrackStatus.OPEN:
        return None
    return LOST if track.status is TrackStatus.STOPPED else EVEN


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a row of outcomes comes to. Rates and R are exact; None where there is nothing to divide by."""

    variant: Variant
    target: Fraction
    trades: int
    undecided: int
    wins: int
    losses: int
    break_evens: int
    win_rate: Fraction | None
    expectancy_r: Fraction | None
    total_r: Fraction
    profit_factor: Fraction | None
    max_drawdown_r: Fraction
    longest_losing_streak: int

    @property
    def decided(self) -> int:
        """Return over how many trades the rates are made."""
        return self.wins + self.losses + self.break_evens


def statistics(
    trades: Sequence[Ran],
    variant: Variant = Variant.NO_BE,
    target: Fraction = Fraction(1),
    fee_r: Fraction = Fraction(0),
) -> Statistics:
    """Return the statistics of trades in the order in which they are given.

    Fees are subtracted after an outcome was classed, so they turn no break-even into a loss.
    """
    ends = [end_of(trade, variant, target) for trade in trades]
    decided = [one for one in ends if one is not None]
    wins, losses = decided.count(WON), decided.count(LOST)
    # In whole parts of an R: there are three outcomes, and adding fractions thousands of times is slow.
    over = lcm(target.denominator, fee_r.denominator)
    each = {WON: target - fee_r, LOST: -1 - fee_r, EVEN: -fee_r}
    parts = {one: int(made * over) for one, made in each.items()}
    net = [parts[one] for one in decided]
    total, lost = Fraction(sum(net), over), -each[LOST] * losses
    return Statistics(
        variant=variant,
        target=target,
        trades=len(ends),
        undecided=len(ends) - len(decided),
        wins=wins,
        losses=losses,
        break_evens=len(decided) - wins - losses,
        win_rate=Fraction(wins, len(decided)) if decided else None,
        expectancy_r=total / len(net) if net else None,
        total_r=total,
        profit_factor=each[WON] * wins / lost if lost > 0 else None,
        max_drawdown_r=Fraction(_drawdown(net), over),
        longest_losing_streak=_losing_streak(decided),
    )


def _drawdown(results: Iterable[int]) -> int:
    """Return the deepest fall from the running peak, which starts at 0."""
    total = peak = deepest = 0
    for result in results:
        total += result
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def _losing_streak(outcomes: Iterable[int]) -> int:
    """Return the longest row of losses; a break-even neither lengthens nor ends one."""
    longest = running = 0
    for result in outcomes:
        if result < 0:
            running += 1
            longest = max(longest, running)
        elif result > 0:
            running = 0
    return longest
