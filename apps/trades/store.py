"""Trades between rows and the book. Only the engine writes them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from apps.bus.domain.message import in_r, to_datetime, to_instant
from apps.marketdata.domain.instrument import instrument
from apps.signals.domain.indicator import Direction
from apps.signals.domain.settings import settings_for
from apps.signals.models import Signal
from apps.trades import models
from apps.trades.domain.record import target_name
from apps.trades.domain.trade import Exit, State, Track, TrackStatus, Trade


def load() -> list[Trade]:
    """Return every trade that the book has to follow: those whose fixed-stop track is open."""
    rows = models.Trade.objects.filter(status="ACTIVE").exclude(is_expired=True).order_by("id")
    return [to_trade(row) for row in rows]


def save(trades: Iterable[Trade]) -> None:
    """Write trades inside the running transaction, new ones and changed ones."""
    trades = list(trades)
    keys = [trade.key for trade in trades]
    known = set(models.Trade.objects.filter(key__in=keys).values_list("key", flat=True))
    signals = dict(Signal.objects.filter(key__in=set(keys) - known).values_list("key", "id"))
    models.Trade.objects.bulk_create(
        [
            models.Trade(
                key=trade.key,
                user_id=trade.user,
                signal_id=signals.get(trade.key),
                **_fixed(trade),
                **to_row(trade),
            )
            for trade in trades
            if trade.key not in known
        ]
    )
    for trade in trades:
        if trade.key in known:
            models.Trade.objects.filter(key=trade.key).update(**to_row(trade))


def _fixed(trade: Trade) -> dict[str, Any]:
    """Return the columns that never change."""
    product = trade.instrument
    return {
        "strategy_id": trade.strategy or None,
        "is_manual": trade.is_manual,
        "note": trade.note,
        "root": product.root,
        "contract": trade.contract,
        "trade_id": trade.trade_id,
        "direction": trade.direction,
        "session": trade.session,
        "settings": trade.settings.plain(),
        "entry_at": to_datetime(trade.entry_at),
        "entry_ns": trade.entry_at,
        "entry_bar_at": to_datetime(trade.entry_bar),
        "entry_price": product.price(trade.entry),
        "initial_stop": product.price(trade.stop),
        "risk": product.points(trade.risk),
    }


def to_row(trade: Trade) -> dict[str, Any]:
    """Return the columns that change while a trade runs."""
    product = trade.instrument
    ended_at, ended_price = trade.ended or (None, None)
    result = trade.result_r()
    return {
        "is_late": trade.late,
        "is_incomplete": trade.incomplete,
        "is_expired": trade.is_expired,
        "stop_price": product.price(trade.current_stop()),
        "state": trade.state,
        "reason": trade.reason,
        "ended_at": None if ended_at is None else to_datetime(ended_at),
        "ended_price": None if ended_price is None else product.price(ended_price),
        "result_r": None if result is None else in_r(result),
        "status": "COMPLETED" if trade.is_completed else "ACTIVE",
        "no_be_status": trade.no_be.status,
        "no_be_best": trade.no_be.best,
        "no_be_exit": _plain(trade.no_be.exit),
        "no_be_hits": {target_name(n): at for n, at in trade.no_be.hits.items()},
        "be_status": trade.be.status,
        "be_best": trade.be.best,
        "be_exit": _plain(trade.be.exit),
        "be_hits": {target_name(n): at for n, at in trade.be.hits.items()},
        "armed": _plain(trade.armed),
        "worst": trade.worst,
        "first": _plain(trade.first),
    }


def to_trade(row: models.Trade) -> Trade:
    """Return a trade as its row says."""
    product = instrument(row.root)
    assert row.entry_price is not None
    assert row.initial_stop is not None
    ended = None
    if row.ended_at is not None and row.ended_price is not None:
        ended = (to_instant(row.ended_at), product.to_ticks(row.ended_price))
    return Trade(
        key=row.key,
        user=row.user_id,
        strategy=row.strategy_id or 0,
        contract=row.contract,
        instrument=product,
        settings=settings_for(product, row.settings),
        trade_id=row.trade_id,
        direction=Direction(row.direction),
        session=row.session,
        entry=product.to_ticks(row.entry_price),
        stop=product.to_ticks(row.initial_stop),
        entry_bar=to_instant(row.entry_bar_at),
        entry_at=row.entry_ns,
        is_manual=row.is_manual,
        note=row.note,
        incomplete=row.is_incomplete,
        late=row.is_late,
        is_expired=row.is_expired,
        no_be=_track("no_be", row.no_be_status, row.no_be_best, row.no_be_exit, row.no_be_hits),
        be=_track("be", row.be_status, row.be_best, row.be_exit, row.be_hits),
        worst=row.worst,
        armed=tuple(row.armed) if row.armed else None,
        state=State(row.state),
        reason=row.reason,
        ended=ended,
        first=tuple(row.first) if row.first else None,
    )


def _track(name: str, status: str, best: int, end: Any, hits: dict[str, int]) -> Track:
    return Track(
        name,
        TrackStatus(status),
        best,
        Exit(*end) if end else None,
        {Fraction(target): at for target, at in hits.items()},
    )


def _plain(values: tuple[int, ...] | None) -> list[int] | None:
    return None if values is None else list(values)
