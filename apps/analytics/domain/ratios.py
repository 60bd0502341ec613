"""Sharpe and Sortino: the mean day against how much the days differ. They need a root, so they alone are floats.

Source:  "spec" is product-spec.md, 10.1
"""

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt
from typing import Final

from apps.analytics.domain.amounts import in_parts
from apps.analytics.domain.periods import Period

TRADING_DAYS: Final = 252  # of a year, by which daily figures are annualised


def sharpe(days: Sequence[Period]) -> float | None:
    """Return mean / sample standard deviation of the daily nets, times the root of 252.

    Over the days on which a trade was closed, in the account's money, against a return of 0: a futures account has
    no invested sum that a rate could be taken of. No days, one day, or all days equal: None. Source: spec 10.1.
    """
    if len(days) < 2:
        return None
    nets, over = in_parts(one.net for one in days)
    count, whole = len(nets), sum(nets)
    # The sum of (net - mean)², times the number of days, so that it is a whole number of squared parts.
    apart = count * sum(net * net for net in nets) - whole * whole
    return _annual(
        Fraction(whole, count * over), Fraction(apart, count * (count - 1) * over * over)
    )


def sortino(days: Sequence[Period]) -> float | None:
    """Return mean / downside deviation of the daily nets, times the root of 252.

    The downside deviation is the root of the mean square of min(net, 0) over *all* days, the target is 0.
    No days, one day, or no losing day: None. Source: spec 10.1.
    """
    if len(days) < 2:
        return None
    nets, over = in_parts(one.net for one in days)
    below = sum(net * net for net in nets if net < 0)
    return _annual(Fraction(sum(nets), len(nets) * over), Fraction(below, len(nets) * over * over))


def _annual(middle: Fraction, spread: Fraction) -> float | None:
    """Return middle / root of the spread, annualised; one root at the end, so that nothing is rounded before."""
    if not spread:
        return None
    size = sqrt(middle**2 * TRADING_DAYS / spread)
    return -size if middle < 0 else size
