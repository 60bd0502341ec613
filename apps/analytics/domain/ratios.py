"""Sharpe and Sortino: the mean day against how much the days differ. They need a root, so they alone are floats.

Source:  "spec" is product-spec.md, 10.1
"""

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt
from typing import Final

from apps.analytics.domain.amounts import mean, total
from apps.analytics.domain.periods import Period

TRADING_DAYS: Final = 252  # of a year, by which daily figures are annualised


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


def _annual(middle: Fraction, spread: Fraction) -> float | None:
    """Return middle / root of the spread, annualised; one root at the end, so that nothing is rounded before."""
    if not spread:
        return None
    size = sqrt(middle**2 * TRADING_DAYS / spread)
    return -size if middle < 0 else size
