"""A closed interval of trading, named by its start."""

from typing import NamedTuple


class Candle(NamedTuple):
    """Open, high, low, close and volume of one interval in which something traded.

    Units:   at: its open time, ns UTC; prices: whole ticks; volume: contracts; trades: count (0 = unknown)
             turnover: sum of price * size in ticks * contracts, for VWAP; incomplete: touched by a gap
    """

    at: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trades: int = 0
    turnover: int = 0
    incomplete: bool = False

    @property
    def is_bullish(self) -> bool:
        """Return whether it closed above its open."""
        return self.close > self.open

    @property
    def is_bearish(self) -> bool:
        """Return whether it closed below its open."""
        return self.close < self.open
