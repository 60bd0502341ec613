"""The gap indicator: bias candle by candle, and the filters of its signals."""

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.marketdata.domain.candle import Candle
from apps.signals.domain.indicator import Bias, Direction, engulfs

BULL, BEAR = Direction.BULLISH, Direction.BEARISH
EXAMPLE = (  # open, high, low, close in quarter points; the bias after it, the direction of a turn
    ((400, 404, 396, 400), None, None),
    ((400, 408, 398, 406), BULL, BULL),
    ((412, 420, 410, 416), BULL, None),
    ((416, 418, 412, 414), BULL, None),
    ((414, 415, 405, 406), BEAR, BEAR),
    ((406, 409, 404, 408), BEAR, None),
    ((408, 414, 407, 413), BULL, BULL),
)


def candle(opened: int, high: int, low: int, close: int) -> Candle:
    return Candle(0, opened, high, low, close, 1)


def upside_down(opened: int, high: int, low: int, close: int) -> Candle:
    return Candle(0, -opened, -low, -high, -close, 1)


def test_bias_follows_breakouts_gaps_and_their_inversion():
    bias = Bias()
    for prices, after, turned in EXAMPLE:
        assert bias.close(candle(*prices)) is turned
        assert bias.direction is after


def test_bias_of_the_mirrored_market_is_the_opposite():
    bias = Bias()
    for prices, after, turned in EXAMPLE:
        assert bias.close(upside_down(*prices)) is (turned.opposite if turned else None)
        assert bias.direction is (after.opposite if after else None)


def test_engulfing_candle_opens_at_or_under_the_close_and_closes_above_the_open_before_it():
    before = candle(20, 21, 10, 12)
    assert engulfs(before, candle(12, 22, 11, 21), BULL)
    assert not engulfs(before, candle(13, 22, 11, 21), BULL)
    assert not engulfs(before, candle(12, 22, 11, 20), BULL)
    assert not engulfs(candle(12, 21, 10, 20), candle(12, 22, 11, 21), BULL)


def test_sweep_also_takes_the_low_and_closes_above_the_close_before_it():
    before = candle(20, 21, 10, 12)
    assert engulfs(before, candle(12, 22, 9, 21), BULL, sweep=True)
    assert not engulfs(before, candle(12, 23, 10, 22), BULL, sweep=True)
    assert engulfs(candle(12, 21, 10, 20), candle(20, 22, 9, 11), BEAR, sweep=True)
    assert not engulfs(candle(12, 21, 10, 20), candle(20, 21, 8, 9), BEAR, sweep=True)


def naive_bias(candles: list[Candle]) -> list[Direction | None]:
    """Return the bias after each candle: all zones in plain lists, each step of chapter 15 in its order."""
    found: list[Direction | None] = []
    bias: Direction | None = None
    bulls: list[tuple[int, int]] = []
    bears: list[tuple[int, int]] = []
    turned_bulls: list[tuple[int, int]] = []
    turned_bears: list[tuple[int, int]] = []
    for k, one in enumerate(candles):
        before, close = candles[:k], one.close
        if before and close > max(other.high for other in before):
            bias = BULL
        elif before and close < min(other.low for other in before):
            bias = BEAR
        if k >= 2 and candles[k - 2].high < one.low:
            bulls.append((candles[k - 2].high, one.low))
        if k >= 2 and candles[k - 2].low > one.high:
            bears.append((one.high, candles[k - 2].low))
        for zone in [zone for zone in bulls if close < zone[0]]:
            bulls.remove(zone)
            turned_bulls.append(zone)
            bias = BEAR
        for zone in [zone for zone in bears if close > zone[1]]:
            bears.remove(zone)
            turned_bears.append(zone)
            bias = BULL
        for zone in [zone for zone in turned_bulls if close > zone[1]]:
            turned_bulls.remove(zone)
            bias = BULL
        for zone in [zone for zone in turned_bears if close < zone[0]]:
            turned_bears.remove(zone)
            bias = BEAR
        found.append(bias)
    return found


@given(st.lists(st.tuples(*[st.integers(-6, 6)] * 4), max_size=60))
@settings(max_examples=200)
def test_zones_in_heaps_give_the_bias_of_zones_in_plain_lists(
    moves: list[tuple[int, int, int, int]],
) -> None:
    candles, last = [], 100
    for gap, move, above, below in moves:
        begin, close = last + gap, last + gap + move
        high, low = max(begin, close) + abs(above) // 2, min(begin, close) - abs(below) // 2
        candles.append(candle(begin, high, low, close))
        last = close
    bias = Bias()
    for one, expected in zip(candles, naive_bias(candles), strict=True):
        before = bias.direction
        turned = bias.close(one)
        assert bias.direction is expected
        assert turned is (expected if expected is not before else None)
