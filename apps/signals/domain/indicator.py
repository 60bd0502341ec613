"""The gap indicator: bias of a time frame, and the candles on which it turns.

Source: methodology, 15 and example 21. Zones are kept in heaps by the edge that ends them, so a candle costs the
zones it ends and not the zones there are.
"""

import heapq
from enum import StrEnum

from apps.marketdata.domain.candle import Candle


class Direction(StrEnum):
    """Which way a signal goes."""

    BULLISH = "BULLISH"
    BEARISH = "BEARISH"

    @property
    def sign(self) -> int:
        """Return +1 for a long, -1 for a short."""
        return 1 if self is Direction.BULLISH else -1

    @property
    def opposite(self) -> "Direction":
        """Return the other direction."""
        return Direction.BEARISH if self is Direction.BULLISH else Direction.BULLISH


class Bias:
    """Bias of one contract in one time frame: None is neutral. Changes only at a candle's close."""

    def __init__(self) -> None:
        self.direction: Direction | None = None
        self._highest: int | None = None
        self._lowest: int | None = None
        self._last_two: list[Candle] = []
        self._bullish: list[tuple[int, int]] = []  # (-bottom, top)
        self._bearish: list[tuple[int, int]] = []  # (top, bottom)
        self._inverted_bearish: list[int] = []  # top
        self._inverted_bullish: list[int] = []  # -bottom

    def close(self, candle: Candle) -> Direction | None:
        """Take a closed candle in; return a direction if the bias has just turned that way."""
        before, close = self.direction, candle.close
        if self._highest is not None and close > self._highest:
            self.direction = Direction.BULLISH
        elif self._lowest is not None and close < self._lowest:
            self.direction = Direction.BEARISH
        self._find_gap(candle)
        while self._bullish and -self._bullish[0][0] > close:
            _, top = heapq.heappop(self._bullish)
            heapq.heappush(self._inverted_bearish, top)
            self.direction = Direction.BEARISH
        while self._bearish and self._bearish[0][0] < close:
            _, bottom = heapq.heappop(self._bearish)
            heapq.heappush(self._inverted_bullish, -bottom)
            self.direction = Direction.BULLISH
        while self._inverted_bearish and self._inverted_bearish[0] < close:
            heapq.heappop(self._inverted_bearish)
            self.direction = Direction.BULLISH
        while self._inverted_bullish and -self._inverted_bullish[0] > close:
            heapq.heappop(self._inverted_bullish)
            self.direction = Direction.BEARISH
        self._highest = candle.high if self._highest is None else max(self._highest, candle.high)
        self._lowest = candle.low if self._lowest is None else min(self._lowest, candle.low)
        self._last_two = [*self._last_two[-1:], candle]
        return self.direction if self.direction is not before else None

    def _find_gap(self, candle: Candle) -> None:
        if len(self._last_two) < 2:
            return
        two_back = self._last_two[0]
        if two_back.high < candle.low:
            heapq.heappush(self._bullish, (-two_back.high, candle.low))
        if two_back.low > candle.high:
            heapq.heappush(self._bearish, (two_back.low, candle.high))


def engulfs(before: Candle, candle: Candle, direction: Direction, *, sweep: bool = False) -> bool:
    """Return whether a candle engulfs the one before it in a direction; with `sweep`, also takes its extreme."""
    if direction is Direction.BULLISH:
        found = (
            candle.is_bullish
            and before.is_bearish
            and candle.open <= before.close
            and candle.close > before.open
        )
        return found and (not sweep or (candle.low < before.low and candle.close > before.close))
    found = (
        candle.is_bearish
        and before.is_bullish
        and candle.open >= before.close
        and candle.close < before.open
    )
    return found and (not sweep or (candle.high > before.high and candle.close < before.close))
