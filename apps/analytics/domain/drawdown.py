"""How deep the summed nets fell, trade by trade.

Order:   of the results as they are given; the caller sorts by closing
Source:  "methodology 13" is reference/methodology.md, 13; "spec" is product-spec.md, 10.1
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import gcd, lcm

from apps.analytics.domain.amounts import common_parts
from apps.analytics.domain.result import Result


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall from the running peak.

    depth:        0 or more; 0: it never fell
    peak_on:      the day of the peak before it; None: from the start, at 0
    deepest_on:   the day on which it was deepest; None: it never fell
    recovered_on: the day on which that peak was reached again; None: not yet
    """

    depth: Fraction = Fraction(0)
    peak_on: date | None = None
    deepest_on: date | None = None
    recovered_on: date | None = None


def deepest(results: Sequence[Result]) -> Drawdown:
    """Return the deepest fall of the summed nets from their running peak, which starts at 0, trade by trade.

    So a first trade that loses is a drawdown. Of equal falls the first counts. No trades, or no fall: depth 0 and no day.
    One day: falls inside it count. Source: methodology 13, spec 10.1.
    """
    common = common_parts(results)
    steps = ((one.day, one.net_parts * (common // one.over)) for one in results)
    return _fall(steps, common)


def deepest_in_r(results: Sequence[Result]) -> Drawdown:
    """Return the drawdown in R, over the trades that were entered with a stop; the others are passed over.

    No trades, none with a stop, or no fall: depth 0 and no day. Source: methodology 13.
    """
    known = []
    for one in results:
        if one.risk_parts:
            shared = gcd(one.net_parts, one.risk_parts)
            known.append((one.day, one.net_parts // shared, one.risk_parts // shared))
    common = lcm(*{risk for _, _, risk in known})
    return _fall(((day, made * (common // risk)) for day, made, risk in known), common)


def _fall(steps: Iterable[tuple[date, int]], common: int) -> Drawdown:
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
