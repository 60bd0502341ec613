"""Wins and statistics over many trades. Source: methodology, 13."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from apps.trades.domain.trade import TrackStatus, Trade


class Variant(StrEnum):
    """Which track is counted."""

    NO_BE = "no_be"
    BE = "be"


def outcome(trade: Trade, variant: Variant, target: Fraction) -> Fraction | None:
    """Return what a trade made with this variant and target in R, None while that is undecided."""
    track = trade.no_be if variant is Variant.NO_BE else trade.be
    if track.best >= target * trade.risk:
        return target
    if track.is_open:
        return None
    return Fraction(-1 if track.status is TrackStatus.STOPPED else 0)


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
    trades: Sequence[Trade],
    variant: Variant = Variant.NO_BE,
    target: Fraction = Fraction(1),
    fee_r: Fraction = Fraction(0),
) -> Statistics:
    """Return the statistics of trades in the order in which they are given.

    Fees are subtracted after an outcome was classed, so they turn no break-even into a loss.
    """
    outcomes = [outcome(trade, variant, target) for trade in trades]
    decided = [one for one in outcomes if one is not None]
    net = [one - fee_r for one in decided]
    wins = [after for before, after in zip(decided, net, strict=True) if before > 0]
    losses = [after for before, after in zip(decided, net, strict=True) if before < 0]
    total = sum(net, Fraction(0))
    lost = -sum(losses, Fraction(0))
    return Statistics(
        variant=variant,
        target=target,
        trades=len(outcomes),
        undecided=len(outcomes) - len(decided),
        wins=len(wins),
        losses=len(losses),
        break_evens=len(decided) - len(wins) - len(losses),
        win_rate=Fraction(len(wins), len(decided)) if decided else None,
        expectancy_r=total / len(net) if net else None,
        total_r=total,
        profit_factor=sum(wins, Fraction(0)) / lost if lost > 0 else None,
        max_drawdown_r=_drawdown(net),
        longest_losing_streak=_losing_streak(decided),
    )


def _drawdown(results: Iterable[Fraction]) -> Fraction:
    """Return the deepest fall from the running peak, which starts at 0."""
    total = peak = deepest = Fraction(0)
    for result in results:
        total += result
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def _losing_streak(outcomes: Iterable[Fraction]) -> int:
    """Return the longest row of losses; a break-even neither lengthens nor ends one."""
    longest = running = 0
    for result in outcomes:
        if result < 0:
            running += 1
            longest = max(longest, running)
        elif result > 0:
            running = 0
    return longest
