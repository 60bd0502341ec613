"""Exact sums and means of many amounts, over one common denominator, because adding fractions pairwise is slow."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import lcm
from operator import attrgetter
from typing import Final

from apps.analytics.domain.result import Result

Part = Callable[[Result], int]
GROSS: Final[Part] = attrgetter("gross_parts")
FEES: Final[Part] = attrgetter("fees_parts")
NET: Final[Part] = attrgetter("net_parts")
MFE: Final[Part] = attrgetter("mfe_parts")
MAE: Final[Part] = attrgetter("mae_parts")


def common_parts(results: Iterable[Result]) -> int:
    """Return of how many parts a unit has so that all their amounts are whole."""
    return lcm(*{one.over for one in results})


def sum_of(results: Sequence[Result], part: Part) -> Fraction:
    """Return the exact sum of one of their amounts, 0 without trades."""
    overs = {one.over for one in results}
    if len(overs) == 1:  # nearly always
        return Fraction(sum(map(part, results)), overs.pop())
    common = lcm(*overs)
    return Fraction(sum(part(one) * (common // one.over) for one in results), common)


def sum_in_r(results: Sequence[Result], part: Part) -> Fraction:
    """Return the exact sum of one of their amounts in R; all of them had a stop. Within a result the parts cancel."""
    of_risk: dict[int, int] = {}
    for one in results:
        assert one.risk_parts is not None
        of_risk[one.risk_parts] = of_risk.get(one.risk_parts, 0) + part(one)
    return total(Fraction(parts, risk) for risk, parts in of_risk.items())


def mean_of(results: Sequence[Result], part: Part) -> Fraction | None:
    """Return the exact mean of one of their amounts, None without trades."""
    return sum_of(results, part) / len(results) if results else None


def mean_in_r(results: Sequence[Result], part: Part) -> Fraction | None:
    """Return the exact mean of one of their amounts in R, None without trades; all of them had a stop."""
    return sum_in_r(results, part) / len(results) if results else None


def total(amounts: Iterable[Fraction]) -> Fraction:
    """Return the exact sum; 0 of nothing."""
    whole, denominator = in_parts(amounts)
    return Fraction(sum(whole), denominator)


def mean(amounts: Sequence[Fraction]) -> Fraction | None:
    """Return the exact arithmetic mean, None of nothing."""
    return total(amounts) / len(amounts) if amounts else None


def in_parts(amounts: Iterable[Fraction]) -> tuple[list[int], int]:
    """Return amounts as whole numbers over their common denominator."""
    parts = [one.as_integer_ratio() for one in amounts]
    common = lcm(*{denominator for _, denominator in parts})
    return [numerator * (common // denominator) for numerator, denominator in parts], common
