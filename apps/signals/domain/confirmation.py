"""Confirmation, pivots and the stop of a signal.

Source: methodology, 6 to 8. Every rule is written for a bullish signal; a bearish one sees mirrored candles.
"""

from bisect import bisect_left
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from apps.marketdata.domain.candle import Candle
from apps.signals.domain.indicator import Direction


class StopRule(StrEnum):
    """Which rule of chapter 8 found the stop."""

    RANGE_PIVOT = "RANGE_PIVOT"
    SIGNAL_PIVOT = "SIGNAL_PIVOT"
    LEFT_PIVOT = "LEFT_PIVOT"
    LEFT_OPPOSING = "LEFT_OPPOSING"
    RANGE_EXTREME = "RANGE_EXTREME"


class Stop(NamedTuple):
    """Where a stop lies and why. Prices in whole ticks."""

    rule: StopRule
    anchor_bar: int
    anchor_price: int
    price: int


class Series:
    """The closed candles of one contract and time frame, numbered in time order."""

    def __init__(self, candles: Iterable[Candle] = ()) -> None:
        self.candles: list[Candle] = list(candles)
        self.times: list[int] = [candle.at for candle in self.candles]

    def append(self, candle: Candle) -> None:
        """Add the candle that has just closed."""
        self.candles.append(candle)
        self.times.append(candle.at)

    def find(self, at: int) -> int | None:
        """Return the number of the candle with this open time, None if nothing traded in it."""
        index = bisect_left(self.times, at)
        return index if index < len(self.times) and self.times[index] == at else None

    def last_closed_by(self, at: int, seconds: int) -> int | None:
        """Return the open time of the last candle whose close time is not later than `at`."""
        index = bisect_left(self.times, at - seconds * 1_000_000_000 + 1)
        return self.times[index - 1] if index else None

    def trim(self, before: int, *, keep: int) -> None:
        """Forget candles earlier than `before`, all but `keep` of them."""
        count = bisect_left(self.times, before) - keep
        if count > 1024:  # rarely, and much at once
            del self.candles[:count], self.times[:count]


def mirrored(candle: Candle) -> Candle:
    """Return the candle with up and down exchanged."""
    return candle._replace(
        open=-candle.open, high=-candle.low, low=-candle.high, close=-candle.close
    )


def seen(candle: Candle, direction: Direction) -> Candle:
    """Return the candle as a bullish rule should see it."""
    return candle if direction is Direction.BULLISH else mirrored(candle)


def confirms(signal: Candle, candle: Candle, direction: Direction, *, require_body: bool) -> bool:
    """Return whether a later candle confirms the signal's. Source: methodology, 6."""
    mine, theirs = seen(signal, direction), seen(candle, direction)
    return theirs.close > mine.high and (not require_body or theirs.is_bullish)


def find_stop(
    candles: list[Candle],
    s: int,
    c: int,
    direction: Direction,
    *,
    buffer: int,
    left: int,
    double_pivot: bool,
) -> Stop:
    """Return the stop of a signal on candle `s` that was confirmed by candle `c`.

    Units:   buffer in ticks; `candles` may reach beyond `c`, nothing after it is looked at
    Source:  methodology, 8
    """
    first = max(0, s - left - 2)
    view = [seen(candle, direction) for candle in candles[first : c + 1]]
    s, c = s - first, c - first

    def stop(rule: StopRule, i: int) -> Stop:
        anchor, sign = view[i].low, direction.sign
        return Stop(rule, view[i].at, anchor * sign, (anchor - buffer) * sign)

    extreme = min(candle.low for candle in view[s : c + 1])
    holders = [i for i in range(s, c + 1) if view[i].low == extreme]
    for i in holders:
        if is_pivot_low(view, i, double_pivot=double_pivot):
            return stop(StopRule.SIGNAL_PIVOT if i == s else StopRule.RANGE_PIVOT, i)
    lefts = range(s - 1, max(-1, s - left - 1), -1)
    for i in lefts:
        if is_pivot_low(view, i, double_pivot=double_pivot):
            return stop(StopRule.LEFT_PIVOT, i)
    for i in lefts:
        if view[i].is_bearish:
            return stop(StopRule.LEFT_OPPOSING, i)
    return stop(StopRule.RANGE_EXTREME, holders[0])


def is_pivot_low(candles: list[Candle], i: int, *, double_pivot: bool) -> bool:
    """Return whether candle `i` is a pivot low among these candles. Source: methodology, 7."""

    def low(k: int) -> int | None:
        return candles[k].low if 0 <= k < len(candles) else None

    here, before, after = candles[i].low, low(i - 1), low(i + 1)
    if before is None or after is None:
        return False
    if before > here and after > here:
        return True
    if not double_pivot:
        return False
    if after == here:
        beyond = low(i + 2)
        return before > here and beyond is not None and beyond > here
    if before == here:
        beyond = low(i - 2)
        return after > here and beyond is not None and beyond > here
    return False
