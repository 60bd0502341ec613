"""The figures once more, written another way: lists of floats or decimals, the standard library, no code of ours.

Rows are (day ordinal, gross cents, fee cents, risk cents or None, seconds, best cents, worst cents, hour).
"""

import math
import statistics
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple


class Row(NamedTuple):
    """One trade in whole cents and seconds."""

    day: int
    gross: int
    fee: int
    risk: int | None
    seconds: int
    best: int
    worst: int


def rounded(value: Decimal, places: str = "0.01") -> Decimal:
    """Return it to the last shown digit."""
    with localcontext() as context:
        context.prec = 60
        return value.quantize(Decimal(places), ROUND_HALF_UP) + Decimal(0)


def divided(top: int, bottom: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return Decimal(top) / Decimal(bottom)


def nets(rows: list[Row]) -> list[int]:
    return [row.gross - row.fee for row in rows]


def deepest(steps: list[Decimal | int]) -> Decimal | int:
    """Return the deepest fall by looking at every pair of a level and a later one."""
    levels = [sum(steps[:n]) for n in range(len(steps) + 1)]
    return max(
        (levels[i] - levels[j] for i in range(len(levels)) for j in range(i, len(levels))),
        default=0,
    )


def streak(rows: list[Row], sign: int) -> int:
    """Return the longest row by writing the trades as letters and splitting the text."""
    letters = "".join("+" if row.gross > 0 else "-" for row in rows if row.gross)
    mine, other = ("+", "-") if sign > 0 else ("-", "+")
    return max(len(part) for part in letters.replace(mine, "x").split(other)) if letters else 0


def daily(rows: list[Row]) -> dict[int, int]:
    days: dict[int, int] = defaultdict(int)
    for row in rows:
        days[row.day] += row.gross - row.fee
    return dict(sorted(days.items()))


def sharpe(rows: list[Row]) -> float | None:
    values = [cents / 100 for cents in daily(rows).values()]
    if len(values) < 2 or len(set(values)) == 1:
        return None
    return statistics.fmean(values) / statistics.stdev(values) * math.sqrt(252)


def sortino(rows: list[Row]) -> float | None:
    values = [cents / 100 for cents in daily(rows).values()]
    below = [min(0.0, value) for value in values]
    if len(values) < 2 or not any(below):
        return None
    return statistics.fmean(values) / math.sqrt(math.fsum(x * x for x in below) / len(below)) * math.sqrt(252)  # fmt: skip
