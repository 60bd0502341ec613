"""What the candle chart draws: candles, VWAP, sessions, and the trader's own marks on them.

Numbers go to a drawing library, so they are floats; the figures that a trader reads stand in the tables.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Q
from django.urls import reverse

from apps.brokers import queries as brokers
from apps.brokers.domain.order import OrderStatus
from apps.brokers.models import Fill, Order
from apps.brokers.queries import AccountView, PositionView
from apps.bus.domain.message import SECOND, to_datetime, to_instant
from apps.marketdata import price
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.folding import folded
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument
from apps.marketdata.domain.session import day_bounds, frame_start, session_of
from apps.marketdata.queries import candles
from apps.risk.domain.line import Line, family_of
from apps.risk.domain.standing import Standing
from apps.risk.queries import lines_of
from apps.signals.domain.signal import Status
from apps.signals.models import Signal
from apps.signals.queries import SignalView, rows, view
from apps.trades.queries import Story, TradeView, signal_story
from apps.trades.queries import rows as trade_rows
from apps.trades.queries import views as trade_views

FRAMES: Final = (("1m", 60), ("5m", 300), ("15m", 900))
SHOWN: Final = 480  # candles
MARKS: Final = 200
MINUTE_S: Final = 60
_BEFORE: Final = 40  # candles around a story
_AFTER: Final = 30
_OFF: Final = (Status.REJECTED, Status.IGNORED)


def product(contract: str) -> Instrument | None:
    """Return what a contract is of, None if nobody knows it."""
    try:
        return INSTRUMENTS[root_of(contract)]
    except (UnknownSymbol, KeyError):
        return None


def live_chart(
    user: Any,
    contract: str,
    instrument: Instrument,
    seconds: int,
    account: AccountView | None = None,
    standing: Standing | None = None,
) -> dict[str, Any]:
    """Return the newest candles of a contract with everything of this trader's that lies on them.

    Orders, fills and positions are those of `account`, in the contract, its micro or its mini alike.
    """
    found = candles(contract, seconds, limit=SHOWN)
    if seconds > MINUTE_S:  # the part of the running candle that has closed
        parts = candles(contract, MINUTE_S, frame_start(price.now(), seconds))
        found += [one for one in folded(parts, seconds) if not found or one.at > found[-1].at]
    since = to_datetime(found[0].at) if found else to_datetime(price.now())
    signals = rows(user).filter(contract=contract, bar_at__gte=since)[:MARKS]
    mine = trade_rows(user).filter(contract=contract)
    trades = mine.filter(Q(entry_at__gte=since) | Q(state="active"))[:MARKS]
    drawn = _chart(contract, instrument, seconds, found, map(view, signals), trade_views(trades))
    if account is not None:
        drawn |= own_marks(user, account, standing, instrument, found[0].at if found else 0)
    return drawn


def own_marks(
    user: Any, account: AccountView, standing: Standing | None, instrument: Instrument, since: int
) -> dict[str, Any]:
    """Return what an account has on a chart: working orders, fills, positions, and where it is liquidated."""
    family = family_of(instrument.root)
    roots = [one for one in (family, INSTRUMENTS[family].micro) if one]
    fills = brokers.fills(user).filter(
        account=account.row, order__root__in=roots, at_ns__gte=since
    )[:MARKS]
    lines = lines_of(account, standing) if standing is not None else []
    drawn = (OrderStatus.WORKING, OrderStatus.SENT, OrderStatus.WAITING)
    return {
        "orders": [
            _order(one) for one in account.orders if one.root in roots and one.status in drawn
        ],
        "fills": [_fill(one) for one in fills],
        "positions": [_position(one) for one in account.positions if one.row.root in roots],
        "liquidation": next((_line(one, account) for one in lines if one.family == family), None),
    }


def _order(one: Order) -> dict[str, Any]:
    level = one.limit if one.limit is not None else one.stop
    return {
        "of": one.key,
        "price": _float(level),
        "side": one.side,
        "type": one.type.replace("_", " "),
        "role": one.role,
        "quantity": one.quantity - one.filled,
        "root": one.root,
        "waits": one.status == OrderStatus.WAITING,
    }


def _fill(one: Fill) -> dict[str, Any]:
    return {
        "at": one.at_ns // SECOND,
        "price": _float(one.price),
        "side": one.side,
        "quantity": one.quantity,
        "role": one.order.role,
    }


def _position(one: PositionView) -> dict[str, Any]:
    return {
        "of": one.row.key,
        "long": one.is_bullish,
        "size": one.row.size,
        "root": one.row.root,
        "average": float(one.entry),
        "since": one.row.opened_ns // SECOND,
    }


def _line(one: Line, account: AccountView) -> dict[str, Any]:
    mine = [held for held in account.booked.holdings if family_of(held.root) == one.family]
    size = sum(held.quantity * held.tick_value for held in mine)
    sizes: dict[str, int] = {}
    for held in mine:
        sizes[held.root] = sizes.get(held.root, 0) + held.quantity
    words = ", ".join(f"{abs(quantity)} {root}" for root, quantity in sizes.items())
    return {
        "price": float(one.level),
        "text": f"Liquidation line {one.level:,f} · {one.points_left:,f} pts left with {words}",
        "is_below": size > 0,
    }


def story_chart(user: Any, key: str, instrument: Instrument, seconds: int) -> dict[str, Any] | None:
    """Return the candles around one story; None if this trader has none such."""
    story = signal_story(user, key)
    if story is None:
        return None
    contract, since, until = _extent(story, seconds * SECOND)
    if not contract:
        return None
    found = candles(contract, seconds, since, until)
    signals = [story.signal] if story.signal else []
    trades = [story.trade] if story.trade else []
    return _chart(contract, instrument, seconds, found, signals, trades)


def _extent(story: Story, length: int) -> tuple[str, int, int]:
    """Return the contract, and from when to when a story reaches with some room around it."""
    signal, trade = story.signal, story.trade
    moments: list[int] = []
    if signal is not None and signal.row.bar_at is not None:
        moments.append(to_instant(signal.row.bar_at))
    if trade is not None:
        moments.append(trade.trade.entry_at)
        end = trade.trade.no_be.exit
        moments.append(end.at if end else price.now())
    if not moments:
        return "", 0, 0
    contract = trade.row.contract if trade is not None else signal.row.contract if signal else ""
    return contract, min(moments) - _BEFORE * length, max(moments) + _AFTER * length


def _chart(
    contract: str,
    instrument: Instrument,
    seconds: int,
    found: Sequence[Candle],
    signals: Iterable[SignalView],
    trades: Iterable[TradeView],
) -> dict[str, Any]:
    tick = float(instrument.tick_size)
    return {
        "contract": contract,
        "seconds": seconds,
        "tick": tick,
        "decimals": instrument.decimals,
        "candles": [[one.at // SECOND, *(p * tick for p in one[1:5]), one.volume] for one in found],
        "incomplete": [one.at // SECOND for one in found if one.incomplete],
        "vwap": _vwap(contract, seconds, found, tick),
        "sessions": _sessions(found, seconds),
        "signals": [_signal(one) for one in signals],
        "trades": [_trade(one) for one in trades],
    }


def _vwap(contract: str, seconds: int, found: Sequence[Candle], tick: float) -> list[list[float]]:
    """Return the volume-weighted average price of the exchange's day after each candle."""
    if not found:
        return []
    start, _ = day_bounds(found[0].at)
    earlier = candles(contract, seconds, start, found[0].at)
    day, volume, turnover, line = start, 0, 0, []
    for one in (*earlier, *found):
        begins, _ = day_bounds(one.at)
        if begins != day:
            day, volume, turnover = begins, 0, 0
        volume, turnover = volume + one.volume, turnover + one.turnover
        if one.at >= found[0].at and volume and turnover:
            line.append([one.at // SECOND, turnover / volume * tick])
    return line


def _sessions(found: Sequence[Candle], seconds: int) -> list[dict[str, Any]]:
    """Return the stretches of one session each, by the open times of their candles."""
    stretches: list[dict[str, Any]] = []
    for one in found:
        name = str(session_of(one.at))
        last = stretches[-1] if stretches else None
        broken = last is None or one.at // SECOND - last["until"] > 4 * 3600
        if last is None or broken or last["name"] != name:
            stretches.append({"name": name, "since": one.at // SECOND, "until": 0})
        stretches[-1]["until"] = one.at // SECOND
    return stretches


def _signal(one: SignalView) -> dict[str, Any]:
    row: Signal = one.row
    provisional = row.status == Status.CONFIRMED and one.is_provisional
    return {
        "of": row.key,
        "url": reverse("desk:signal", args=[row.key]),
        "long": one.is_bullish,
        "status": row.status,
        "off": row.status in _OFF,
        "reason": row.reason,
        "at": _seconds(row.bar_at),
        "level": _float(one.level),
        "confirmed_at": _seconds(row.confirmation_bar_at),
        "provisional": provisional,
        "anchor_at": _seconds(row.stop_anchor_at),
        "anchor": _float(one.stop_anchor_price),
        "stop": _float(one.stop_price),
    }


def _trade(one: TradeView) -> dict[str, Any]:
    trade = one.trade
    plan, tick = trade.plan, float(one.instrument.tick_size)
    end_at, end_price = trade.ended or (None, None)
    armed = trade.armed if plan is trade.be else None
    fixed = trade.no_be.exit
    return {
        "of": trade.key,
        "long": one.is_bullish,
        "state": trade.state,
        "entry_at": trade.entry_at // SECOND,
        "entry": trade.entry * tick,
        "stop": trade.stop * tick,
        "armed_at": armed[1] // SECOND if armed else None,
        "risk": trade.risk * tick,
        "r": None if one.result_r is None else float(one.result_r),
        "ended_at": None if end_at is None else end_at // SECOND,
        "ended": None if end_price is None else end_price * tick,
        "held_at": fixed.at // SECOND if fixed and end_at != fixed.at else None,
        "held": fixed.level * tick if fixed and end_at != fixed.at else None,
        "targets": [
            {
                "r": target.name,
                "price": float(target.price),
                "hit_at": _hit(plan.hits.get(target.r)),
            }
            for target in one.targets
        ],
    }


def _hit(at: int | None) -> int | None:
    return None if at is None else at // SECOND


def _seconds(moment: Any) -> int | None:
    return None if moment is None else to_instant(moment) // SECOND


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
