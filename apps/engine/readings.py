"""What is true now, said to pages and the API: prices, the feed, best and worst of trades. Nothing here is kept."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from apps.brokers.domain.ports import FeedChanged, QuoteArrived
from apps.bus import transport
from apps.bus.domain.message import iso, to_instant, told
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tape import Tape
from apps.trades.domain.messages import MfeChanged


class Readings:
    """Says readings. A tick and the quote that comes with it are said as one, when nothing more waits."""

    def __init__(self) -> None:
        self._quotes: dict[str, QuoteArrived] = {}
        self._moved: dict[str, datetime] = {}

    def hear_quote(self, quote: QuoteArrived, wall: datetime) -> None:
        """Take the newest quote of a contract in; `wall` is when it came."""
        self._quotes[quote.contract] = quote
        self._moved[quote.contract] = wall

    def hear_price(self, contract: str, wall: datetime) -> None:
        """Note that a contract traded; `wall` is when we were told."""
        self._moved[contract] = wall

    def say_prices(self, tapes: Mapping[str, Tape], fronts: Iterable[str]) -> None:
        """Say the prices that moved; that of a root is its front contract's."""
        moved, self._moved = self._moved, {}
        front = set(fronts)
        for contract, wall in moved.items():
            tape = tapes.get(contract)
            if tape is None or tape.last is None:
                continue
            reading = market_now(tape, self._quotes.get(contract), wall)
            transport.publish(f"price.{contract}", reading, kind="reading")
            if contract in front:
                transport.publish(f"price.{tape.root}", reading, kind="reading")

    def say_candles(self, closed: Iterable[tuple[str, int, Candle]]) -> None:
        """Say which candles have closed, once they are committed."""
        for contract, seconds, candle in closed:
            reading = {"contract": contract, "seconds": seconds, "bar_at": iso(candle.at)}
            transport.publish(f"candles.{contract}", reading, kind="reading")

    def say_mfe(self, said: MfeChanged) -> None:
        """Say best and worst of a trade to its owner."""
        reading: dict[str, Any] = told(said)
        reading["of"] = reading.pop("trade")
        transport.publish(f"user.{said.user}.trades", reading, kind="reading")

    def say_feed(self, item: FeedChanged, at: int) -> None:
        """Say how the connection stands."""
        reading = {
            "state": item.state,
            "contract": item.contract,
            "at": iso(at),
            "wall_at": iso(item.wall_at),
            "reason": item.reason,
            "alarm": item.alarm,
        }
        transport.publish("feed", reading, kind="reading")

    def say_started(self) -> None:
        """Say that the engine has begun anew, so that pages ask again for what they show."""
        transport.publish("engine", {"boot": uuid4().hex}, kind="reading")


def market_now(tape: Tape, quote: QuoteArrived | None, wall: datetime) -> dict[str, Any]:
    """Return the reading of `price.<contract>`: decimal strings, ISO instants, None where unknown."""
    product = instrument(tape.root)

    def text(ticks: int | None) -> str | None:
        return None if ticks is None else product.text(ticks)

    assert tape.last is not None
    settled = quote.settlement if quote else None
    change = None if settled is None else tape.last - settled
    session, running = tape.session_so_far(), tape.so_far()
    vwap = None
    if session is not None and session.volume:
        vwap = text(round(session.turnover / session.volume))
    book = quote.quote if quote else None
    return {
        "contract": tape.contract,
        "symbol": tape.root,
        "last": text(tape.last),
        "bid": text(book.bid) if book else None,
        "ask": text(book.ask) if book else None,
        "bid_size": book.bid_size if book else None,
        "ask_size": book.ask_size if book else None,
        "at": iso(tape.last_at),
        "wall_at": iso(to_instant(wall)),
        "change": text(change),
        "change_pct": f"{100 * change / settled:.2f}" if change is not None and settled else None,
        "minute_volume": running.volume if running else 0,
        "session_high": text(session.high) if session else None,
        "session_low": text(session.low) if session else None,
        "vwap": vwap,
        "candle": {
            "at": iso(running.at),
            "open": text(running.open),
            "high": text(running.high),
            "low": text(running.low),
            "close": text(running.close),
            "volume": running.volume,
        }
        if running
        else None,
    }
