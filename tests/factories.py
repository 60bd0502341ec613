"""Rows, made as the engine makes them. Prices are decimal text; moments ISO text."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any

from apps.bus import bus, transport
from apps.bus.domain.message import Fact, iso, to_instant
from apps.bus.models import FactRow
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.session import session_of
from apps.marketdata.price import moment
from apps.signals import services
from apps.signals.domain.indicator import Direction
from apps.signals.domain.settings import settings_for
from apps.signals.domain.validation import make_trade_id
from apps.signals.models import Signal, Strategy
from apps.trades import models, store
from apps.trades.domain.trade import Trade

NOW = "2025-12-02T15:10:00Z"  # 10:10 in New York, a Tuesday
ENTERED = "2025-12-02T15:04:00Z"
NQ = instrument("NQ")
_numbers = count(1)


def at(text: str) -> int:
    """Return an instant, ns UTC."""
    return to_instant(moment(text))


def a_strategy(user: Any, name: str = "NQ FVG") -> Strategy:
    """Return a trader's strategy, the same for the same name."""
    known = Strategy.objects.of(user).filter(name=name).first()
    return known or services.create_strategy(user=user, name=name)[0]


def a_signal(user: Any, *, bar: str = ENTERED, **fields: Any) -> Signal:
    """Return a pending bullish signal, or one with other fields."""
    key = fields.pop("key", f"s{next(_numbers)}")
    direction = Direction(fields.setdefault("direction", "BULLISH"))
    strategy = fields.pop("strategy", None) or a_strategy(user)
    usual: dict[str, Any] = {
        "alert": {"id": key, "symbol": "NQ1!", "direction": "long"},
        "root": "NQ",
        "contract": "NQZ5",
        "trade_id": make_trade_id(at(bar), direction),
        "session": str(session_of(at(bar))),
        "status": "PENDING",
        "checks": [["Session", "NY AM", "open", True], ["Higher time frames", "none", "-", None]],
        "settings": settings_for(NQ).plain(),
        "received_at": moment(bar),
        "bar_at": moment(bar),
        "high": "20012.00",
        "low": "20000.00",
    }
    row = Signal.objects.create(user=user, strategy=strategy, key=key, **(usual | fields))
    row.refresh_from_db()
    return row


def a_trade(
    user: Any,
    *,
    entry: str = "20014.00",
    stop: str = "19969.00",
    prices: tuple[str, ...] = (),
    entered: str = ENTERED,
    signal: Signal | None = None,
    settings: Mapping[str, Any] | None = None,
    **fields: Any,
) -> models.Trade:
    """Return a trade that has met these prices, a second apart; by hand if it has no signal."""
    start = at(entered)
    ticks = {name: NQ.to_ticks(price) for name, price in (("entry", entry), ("stop", stop))}
    is_bullish = ticks["stop"] < ticks["entry"]
    direction = Direction.BULLISH if is_bullish else Direction.BEARISH
    trade = Trade(
        key=signal.key if signal else fields.pop("key", f"m{next(_numbers)}"),
        user=user.pk,
        strategy=signal.strategy_id if signal else 0,
        contract=fields.pop("contract", "NQZ5"),
        instrument=NQ,
        settings=settings_for(NQ, settings),
        trade_id=make_trade_id(start, direction),
        direction=direction,
        session=str(session_of(start)),
        entry_bar=start - start % 60_000_000_000,
        entry_at=start,
        is_manual=signal is None,
        **ticks,
        **fields,
    )
    for number, price in enumerate(prices, 1):
        then = start + number * 1_000_000_000
        bar = then - then % 60_000_000_000
        list(trade.meet(NQ.to_ticks(price), then, bar, NQ.to_ticks(price), NQ.to_ticks(price)))
    store.save([trade])
    return models.Trade.objects.get(key=trade.key)


def a_fact(fact: Fact) -> FactRow:
    """Keep a fact and return its row."""
    return bus.record_facts([fact])[0]


def a_price(last: str, *, contract: str = "NQZ5", now: str = NOW, **fields: Any) -> None:
    """Let the market stand at a price."""
    wall = fields.pop("wall_at", iso(to_instant(datetime.now().astimezone())))
    reading = {
        "contract": contract, "symbol": "NQ", "last": last, "bid": last, "ask": None,
        "bid_size": 3, "ask_size": None, "at": now, "wall_at": wall, "change": None,
        "change_pct": None, "minute_volume": 12, "session_high": last, "session_low": last,
        "vwap": last,
        "candle": {
            "at": now[:17] + "00Z", "open": last, "high": last, "low": last, "close": last,
            "volume": 12,
        },
    } | fields  # fmt: skip
    transport.set_market_time(at(now), live=True)
    transport.publish(f"price.{contract}", reading)
    transport.publish("price.NQ", reading)
