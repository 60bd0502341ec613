"""How long trades were held, in market time.

Source:  "spec" is product-spec.md, 10.1
"""

from collections.abc import Sequence
from fractions import Fraction

from apps.analytics.domain.result import Result
from apps.bus.domain.message import SECOND


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
    each = sorted(_lengths(results))
    middle = len(each) // 2
    return Fraction(each[middle] + each[~middle], 2 * SECOND) if each else None


def _lengths(results: Sequence[Result]) -> list[int]:
    return [one.closed_at - one.opened_at for one in results if one.closed_at is not None]
