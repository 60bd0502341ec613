"""What the signal desk says of a signal: the facts of its life, and that its entry is due."""

from typing import Any

from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.session import frame_end
from apps.signals.domain.messages import (
    ConfirmationFound,
    EntryDue,
    EntryVoided,
    SignalCancelled,
    SignalConfirmed,
    SignalCreated,
    SignalIgnored,
    SignalRejected,
    SignalVoided,
)
from apps.signals.domain.signal import Signal, Status


def refused(signal: Signal) -> SignalRejected | SignalIgnored:
    """Say that a check failed, or that it is a repetition."""
    kind = SignalIgnored if signal.status is Status.IGNORED else SignalRejected
    return kind(
        at=_moment(signal), reason=str(signal.reason), detail=signal.detail, **_named(signal)
    )


def created(signal: Signal) -> SignalCreated:
    """Say that it passed every check."""
    assert signal.instrument and signal.bar is not None and signal.direction
    assert signal.high is not None and signal.low is not None
    return SignalCreated(
        at=_moment(signal),
        direction=signal.direction,
        bar_at=signal.bar,
        high=signal.instrument.price(signal.high),
        low=signal.instrument.price(signal.low),
        late=signal.late,
        **_named(signal),
    )


def cancelled(signal: Signal, at: int, bar: int) -> SignalCancelled:
    """Say that an opposing signal took its place, or that its contract expired; `bar`: the candle that showed it."""
    return SignalCancelled(
        at=at,
        reason=str(signal.reason),
        cancelled_by=signal.cancelled_by or "",
        bar_at=bar,
        **_named(signal),
    )


def confirmation_found(signal: Signal) -> ConfirmationFound:
    """Say that a candle confirms it, until `final_at` not for good."""
    assert signal.stop and signal.settings and signal.instrument and signal.direction
    assert signal.confirmation_bar is not None and signal.final_at is not None
    return ConfirmationFound(
        at=frame_end(signal.confirmation_bar, signal.settings.timeframe_s),
        direction=signal.direction,
        bar_at=signal.confirmation_bar,
        stop_price=signal.instrument.price(signal.stop.price),
        final_at=signal.final_at,
        order_at=signal.settings.order_at,
        **_named(signal),
    )


def confirmed(signal: Signal) -> SignalConfirmed:
    """Say that it is confirmed for good."""
    assert signal.stop and signal.settings and signal.instrument and signal.direction
    assert signal.confirmation_bar is not None and signal.bars_to_confirmation is not None
    return SignalConfirmed(
        at=frame_end(signal.confirmation_bar, signal.settings.timeframe_s),
        direction=signal.direction,
        bar_at=signal.confirmation_bar,
        bars_to_confirmation=signal.bars_to_confirmation,
        stop_rule=signal.stop.rule,
        stop_anchor_at=signal.stop.anchor_bar,
        stop_anchor_price=signal.instrument.price(signal.stop.anchor_price),
        stop_price=signal.instrument.price(signal.stop.price),
        late=signal.late,
        **_named(signal),
    )


def entry_due(
    signal: Signal, candles: tuple[Candle, ...] = (), *, is_late: bool = False, final_at: int = 0
) -> EntryDue:
    """Say that its entry is due, with the prices kept since its confirmation; they are kept no longer."""
    assert signal.stop and signal.settings and signal.direction and signal.trade_id
    prices, signal.prices = tuple(signal.prices), []
    return EntryDue(
        signal=signal.key,
        user=signal.alert.user,
        strategy=signal.alert.strategy,
        contract=signal.contract or "",
        trade_id=signal.trade_id,
        direction=signal.direction,
        session=str(signal.session),
        stop=signal.stop.price,
        confirmation_bar=signal.confirmation_bar or 0,
        settings=signal.alert.settings,
        prices=prices,
        candles=candles,
        is_late=is_late,
        incomplete=signal.incomplete,
        final_at=final_at,
    )


def voided(signal: Signal, said: EntryVoided) -> SignalVoided:
    """Say that the market opened beyond its stop."""
    assert signal.instrument and signal.stop
    return SignalVoided(
        at=said.at,
        reason=str(signal.reason),
        entry_price=signal.instrument.price(said.price),
        stop_price=signal.instrument.price(signal.stop.price),
        **_named(signal),
    )


def _moment(signal: Signal) -> int:
    """Return when a verdict holds: the close of the signal's candle, else when the alert came."""
    alert = signal.alert
    if signal.high is not None and signal.bar is not None and signal.settings is not None:
        return frame_end(signal.bar, signal.settings.timeframe_s)
    return alert.received_at or alert.time or 0


def _named(signal: Signal) -> dict[str, Any]:
    return {
        "user": signal.alert.user,
        "signal": signal.key,
        "trade_id": signal.trade_id,
        "strategy": signal.alert.strategy,
        "contract": signal.contract,
    }
