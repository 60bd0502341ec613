"""Signals between rows and the desk. The open rows are the desk's snapshot; only the engine writes them."""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from django.utils import timezone

from apps.bus.domain.message import DAY, Fact, to_datetime, to_instant
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.session import Session
from apps.signals import models
from apps.signals.domain.confirmation import Stop, StopRule
from apps.signals.domain.desk import DeskState
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import Alert, OutsideViewKept
from apps.signals.domain.posted import KeepOutsideView, Posted
from apps.signals.domain.settings import settings_for
from apps.signals.domain.signal import Check, Reason, Signal, Status

OPEN = (Status.WAITING, Status.PENDING, Status.CONFIRMED)


def load(now: int | None) -> DeskState:
    """Return the desk as its rows say: open signals, and the names used in the day before `now` (market time)."""
    state = DeskState()
    rows = models.Signal.objects.filter(status__in=OPEN).order_by("id")
    state.signals = [to_signal(row) for row in rows]
    used = models.Signal.objects.exclude(trade_id="").exclude(reason__in=["NO_CANDLE", "MALFORMED"])
    used = used.exclude(status=Status.WAITING)
    if now is not None:
        used = used.filter(bar_at__gte=to_datetime(now - 3 * DAY))
    state.used = set(used.values_list("strategy_id", "root", "trade_id"))
    return state


def save(signals: Iterable[Signal]) -> None:
    """Write signals inside the running transaction, new ones and changed ones."""
    signals = list(signals)
    known = set(
        models.Signal.objects.filter(key__in=[signal.key for signal in signals]).values_list(
            "key", flat=True
        )
    )
    now = timezone.now()
    fresh = [signal for signal in signals if signal.key not in known]
    models.Signal.objects.bulk_create(
        [
            models.Signal(
                key=signal.key,
                user_id=signal.alert.user,
                strategy_id=signal.alert.strategy,
                alert=msgspec.to_builtins(signal.alert),
                sender_id=signal.alert.sender_id[:80],
                stored_at=now,
                **to_row(signal),
            )
            for signal in fresh
        ]
    )
    for signal in signals:
        if signal.key in known:
            models.Signal.objects.filter(key=signal.key).update(**to_row(signal))


def keep(posted: Iterable[Posted], at: int) -> list[Fact]:
    """Keep what came beside new signals inside the running transaction, and return what is to be told of it."""
    facts: list[Fact] = []
    for said in posted:
        if isinstance(said, KeepOutsideView):
            mine = models.Signal.objects.filter(
                strategy_id=said.strategy, sender_id=said.sender_id
            ).exclude(sender_id="")
            models.OutsideView.objects.get_or_create(
                key=said.id,
                defaults={
                    "user_id": said.user,
                    "strategy_id": said.strategy,
                    "sender_id": said.sender_id[:80],
                    "stage": said.stage[:40],
                    "body": said.body,
                    "received_at": timezone.now(),
                    "signal": mine.order_by("-id").first(),
                },
            )
            facts.append(
                OutsideViewKept(
                    at=at, user=said.user, alert=said.id, stage=said.stage, sender_id=said.sender_id
                )
            )
    return facts


def to_row(signal: Signal) -> dict[str, Any]:
    """Return the columns of a signal."""
    alert, product, stop = signal.alert, signal.instrument, signal.stop

    def price(ticks: int | None) -> Decimal | None:
        return None if ticks is None or product is None else product.price(ticks)

    return {
        "root": product.root if product else _root(alert.symbol),
        "contract": signal.contract or "",
        "trade_id": signal.trade_id or "",
        "direction": signal.direction or "",
        "session": signal.session or "",
        "status": signal.status,
        "reason": signal.reason or "",
        "detail": signal.detail[:300],
        "checks": [list(check) for check in signal.checks],
        "settings": signal.settings.plain() if signal.settings else dict(alert.settings),
        "received_at": _moment(alert.received_at),
        "price": _number(alert.price),
        "market_price": _number(alert.market_price),
        "is_late": signal.late,
        "is_incomplete": signal.incomplete,
        "bar_at": _moment(signal.bar),
        "high": price(signal.high),
        "low": price(signal.low),
        "cancelled_by": signal.cancelled_by or "",
        "cancel_bar_at": _moment(signal.cancel_bar),
        "confirmation_bar_at": _moment(signal.confirmation_bar),
        "bars_to_confirmation": signal.bars_to_confirmation,
        "stop_rule": stop.rule if stop else "",
        "stop_anchor_at": _moment(stop.anchor_bar) if stop else None,
        "stop_anchor_price": price(stop.anchor_price) if stop else None,
        "stop_price": price(stop.price) if stop else None,
        "final_at": _moment(signal.final_at),
        "grace_prices": [list(item) for item in signal.prices],
        "void_entry": list(signal.entry) if signal.entry else None,
    }


def to_signal(row: models.Signal) -> Signal:
    """Return a signal as its row says."""
    product = instrument(row.root) if row.direction else None

    def ticks(price: Decimal | None) -> int | None:
        return None if price is None or product is None else product.to_ticks(price)

    return Signal(
        key=row.key,
        alert=msgspec.convert(row.alert, Alert),
        status=Status(row.status),
        reason=Reason(row.reason) if row.reason else None,
        detail=row.detail,
        instrument=product,
        settings=settings_for(product, row.settings) if product else None,
        contract=row.contract or None,
        direction=Direction(row.direction) if row.direction else None,
        session=Session(row.session) if row.session else None,
        bar=_instant(row.bar_at),
        high=ticks(row.high),
        low=ticks(row.low),
        late=row.is_late,
        incomplete=row.is_incomplete,
        checks=[Check(*check) for check in row.checks],
        cancelled_by=row.cancelled_by or None,
        cancel_bar=_instant(row.cancel_bar_at),
        confirmation_bar=_instant(row.confirmation_bar_at),
        bars_to_confirmation=row.bars_to_confirmation,
        stop=_stop(row, product),
        final_at=_instant(row.final_at),
        prices=[(price, at) for price, at in row.grace_prices],
        trade_id=row.trade_id or None,
        entry=tuple(row.void_entry) if row.void_entry else None,
    )


def _stop(row: models.Signal, product: Instrument | None) -> Stop | None:
    if not row.stop_rule or product is None or row.stop_anchor_at is None:
        return None
    assert row.stop_anchor_price is not None
    assert row.stop_price is not None
    return Stop(
        StopRule(row.stop_rule),
        to_instant(row.stop_anchor_at),
        product.to_ticks(row.stop_anchor_price),
        product.to_ticks(row.stop_price),
    )


def _moment(at: int | None) -> Any:
    return None if at is None else to_datetime(at)


def _instant(moment: Any) -> int | None:
    return None if moment is None else to_instant(moment)


def _number(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _root(symbol: str) -> str:
    try:
        return root_of(symbol)
    except UnknownSymbol:
        return ""
