"""What trades made: how often they won, how much in money and in R, and what an average one is worth.

Order:   streaks follow the order in which results are given; the caller sorts by closing
Source:  "methodology 13" is reference/methodology.md, 13; "spec" is product-spec.md, 10.1
"""

from collections.abc import Sequence
from fractions import Fraction

from apps.analytics.domain.amounts import (
    FEES,
    GROSS,
    NET,
    common_parts,
    mean_in_r,
    mean_of,
    sum_in_r,
    sum_of,
)
from apps.analytics.domain.result import Outcome, Result, of, with_risk


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


def gross(results: Sequence[Result]) -> Fraction:
    """Return the sum of all results before fees.

    No trades: 0. Source: methodology 13, spec 10.1.
    """
    return sum_of(results, GROSS)


def fees(results: Sequence[Result]) -> Fraction:
    """Return the sum of all fees that are known.

    No trades: 0. Source: the account's fills, as the broker or the fee schedule says; spec 10.1.
    """
    return sum_of(results, FEES)


def fees_unknown(results: Sequence[Result]) -> int:
    """Return of how many trades not all fees are known, so that the net may be lower than it is told.

    No trades: 0. Source: the broker's fills; spec 10.1.
    """
    return sum(not one.fees_known for one in results)


def net(results: Sequence[Result]) -> Fraction:
    """Return the sum of all results after fees.

    No trades: 0. Source: methodology 13, spec 10.1.
    """
    return sum_of(results, NET)


def net_r(results: Sequence[Result]) -> Fraction | None:
    """Return the sum in R, after fees, of the trades that had a stop: each net / its own risk at entry.

    No trades, or none with a stop: None. Source: methodology 13.
    """
    known = with_risk(results)
    return sum_in_r(known, NET) if known else None


def average(results: Sequence[Result], outcome: Outcome) -> Fraction | None:
    """Return the mean net of the wins, or of the losses (below 0).

    No such trade: None. Classed before fees, so the mean of small wins may lie below 0. Source: methodology 13, spec 10.1.
    """
    return mean_of(of(results, outcome), NET)


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
    return mean_of(results, NET)


def expectancy_r(results: Sequence[Result]) -> Fraction | None:
    """Return the mean net in R of the trades that had a stop.

    No trades, or none with a stop: None. Source: methodology 13, spec 10.1.
    """
    return mean_in_r(with_risk(results), NET)


def _most(results: Sequence[Result], sign: int) -> Fraction | None:
    common = common_parts(results)
    each = (one.net_parts * (common // one.over) * sign for one in results)
    most = max(each, default=None)
    return None if most is None else Fraction(most * sign, common)
