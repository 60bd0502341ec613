"""The record of a signal's whole life, as outside programs read it.

The shape is promised (`manage.py replay --records`): prices and points as text with the instrument's decimals, R as
text with 4 decimals, times ISO-8601 UTC, absent = null.
"""

from fractions import Fraction
from typing import Any

from apps.bus.domain.message import in_r, iso
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.session import frame_start
from apps.signals.domain.settings import decimal_text
from apps.signals.domain.signal import Signal, Status
from apps.trades.domain.trade import Track, Trade, path


def record(signal: Signal, trade: Trade | None, candles: list[Candle]) -> dict[str, Any]:
    """Return one signal's record; `candles` are the closed ones of its contract and time frame."""
    stop, instrument = signal.stop, signal.instrument
    values: dict[str, Any] = {
        "id": signal.key,
        "trade_id": signal.trade_id,
        "direction": signal.direction,
        "session": signal.session,
        "status": _status(signal, trade),
        "reason": signal.reason,
        "cancelled_by": signal.cancelled_by,
        "signal_bar": _time(signal.bar),
        "signal_high": _price(instrument, signal.high),
        "signal_low": _price(instrument, signal.low),
        "cancel_bar": _time(signal.cancel_bar),
        "confirmation_bar": _time(signal.confirmation_bar),
        "bars_to_confirmation": signal.bars_to_confirmation,
        "stop_rule": stop.rule if stop else None,
        "stop_anchor_bar": _time(stop.anchor_bar) if stop else None,
        "stop_anchor_price": _price(instrument, stop.anchor_price) if stop else None,
        "stop_price": _price(instrument, stop.price) if stop else None,
    }
    if trade is None:
        return values | _without_trade(signal)
    seconds = trade.settings.timeframe_s
    return values | {
        "entry_bar": _bar(trade, trade.entry_bar),
        "entry_time": _time(trade.entry_at),
        "entry_price": _price(instrument, trade.entry),
        "risk": trade.instrument.text(trade.risk),
        "targets": {target_name(n): target_price(trade, n) for n in trade.settings.targets},
        "mae": in_r(trade.in_r(trade.worst)),
        "no_be": track_record(trade, trade.no_be),
        "be": track_record(trade, trade.be) | armed_record(trade),
        "path": [
            {
                "bar": iso(point.bar),
                "no_be_mfe": in_r(trade.in_r(point.no_be)),
                "be_mfe": in_r(trade.in_r(point.be)),
                "mae": in_r(trade.in_r(point.worst)),
            }
            for point in path(trade, candles, seconds)
        ],
    }


def track_record(trade: Trade, track: Track) -> dict[str, Any]:
    """Return how one track went: status, MFE in R and points, result, exit, targets reached with their times."""
    end = track.exit
    result = track.result_r
    return {
        "status": track.status,
        "mfe": in_r(trade.in_r(track.best)),
        "mfe_points": trade.instrument.text(track.best),
        "result_r": None if result is None else in_r(result),
        "exit_bar": _bar(trade, end.bar) if end else None,
        "exit_time": _time(end.at) if end else None,
        "exit_level": trade.instrument.text(end.level) if end else None,
        "exit_hit": trade.instrument.text(end.hit) if end else None,
        "targets_hit": {target_name(n): iso(at) for n, at in sorted(track.hits.items())},
    }


def armed_record(trade: Trade) -> dict[str, Any]:
    """Return whether and when the break-even track was armed."""
    return {
        "triggered": trade.armed is not None,
        "trigger_bar": _bar(trade, trade.armed[0]) if trade.armed else None,
        "trigger_time": _time(trade.armed[1]) if trade.armed else None,
    }


def target_name(target: Fraction) -> str:
    """Return an R multiple as it was written: "1", "0.5"."""
    return decimal_text(target)


def target_price(trade: Trade, target: Fraction) -> str:
    """Return where a target lies; exact, so with more decimals than the tick where it lies between two."""
    exact = target * trade.risk
    if exact.denominator == 1:
        return trade.instrument.text(trade.price_at(int(exact)))
    tick = Fraction(trade.instrument.tick_size)
    value = (trade.entry + exact * trade.direction.sign) * tick
    return f"{float(value):.{trade.instrument.decimals + 4}f}".rstrip("0")


def _status(signal: Signal, trade: Trade | None) -> str:
    if trade is not None:
        return "COMPLETED" if trade.is_completed else "ACTIVE"
    return Status.PENDING if signal.status is Status.WAITING else signal.status


def _without_trade(signal: Signal) -> dict[str, Any]:
    bar, at, price = signal.entry or (None, None, None)
    risk = None
    if price is not None and signal.stop is not None and signal.direction is not None:
        risk = (price - signal.stop.price) * signal.direction.sign
    return {
        "entry_bar": _time(bar),
        "entry_time": _time(at),
        "entry_price": _price(signal.instrument, price),
        "risk": _price(signal.instrument, risk),
        "targets": None,
        "mae": None,
        "no_be": None,
        "be": None,
        "path": [],
    }


def _bar(trade: Trade, minute: int) -> str:
    """Return the open time of the candle that holds a minute, in the trade's own time frame."""
    return iso(frame_start(minute, trade.settings.timeframe_s))


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _price(instrument: Instrument | None, ticks: int | None) -> str | None:
    return None if ticks is None or instrument is None else instrument.text(ticks)
