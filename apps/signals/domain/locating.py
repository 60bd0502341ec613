"""Which instrument, direction and candle an alert speaks of.

Source: methodology, 2 and 4.
"""

from apps.bus.domain.message import SECOND, iso
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import UnknownInstrument, instrument
from apps.marketdata.domain.session import frame_start, session_of
from apps.signals.domain.candles import KnownCandles
from apps.signals.domain.settings import BadSetting, settings_for
from apps.signals.domain.signal import Signal
from apps.signals.domain.validation import beyond_reach, make_trade_id, read_direction


def read(signal: Signal) -> str | None:
    """Read direction, symbol and settings; return what can't be read."""
    alert = signal.alert
    try:
        signal.instrument = instrument(root_of(alert.symbol))
        signal.settings = settings_for(signal.instrument, alert.settings)
    except (UnknownSymbol, UnknownInstrument, BadSetting) as problem:
        return str(problem)
    signal.direction = read_direction(alert.direction)
    if signal.direction is None:
        return f"direction: {alert.direction!r} is none of bullish, long, buy, bearish, short, sell"
    if alert.time is None and alert.received_at is None:
        return "time: missing"
    return None


def locate(signal: Signal, contract: str | None, candles: KnownCandles) -> str | None:
    """Find the candle of a signal that was read, in the contract its symbol means now; return why there is none."""
    assert signal.instrument and signal.settings
    alert, seconds = signal.alert, signal.settings.timeframe_s
    signal.contract = contract
    at = alert.time if alert.time is not None else alert.received_at
    assert at is not None
    if signal.settings.time_basis == "bar_open" and alert.time is not None:
        move(signal, frame_start(at, seconds))
    elif contract is not None and alert.received_at is None:
        # recorded without receipt, so its market may still be ahead: the candle that was over last by the clock
        move(signal, frame_start(at, seconds) - seconds * SECOND)
    elif contract is not None:
        bar = candles.last_over(contract, seconds, at)
        if bar is None:
            return f"no candle had closed by {iso(at)}"
        move(signal, bar)
    if contract is None:
        return f"no market data for {signal.instrument.root}"
    if alert.received_at is not None and signal.bar is not None:
        return beyond_reach(signal.bar, alert.received_at, seconds)
    return None


def move(signal: Signal, bar: int) -> None:
    """Make a candle the signal's own: its name and its session come from it."""
    assert signal.direction
    signal.bar, signal.session = bar, session_of(bar)
    signal.trade_id = make_trade_id(bar, signal.direction)
