"""Plays the inputs of a tape to the real engine; with `mirrored`, in a market turned upside down."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from apps.bus.domain.message import SECOND, Fact, Message, to_instant
from apps.engine.domain.engine import Engine, build_engine
from apps.engine.domain.order import InOrder
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.messages import (
    CandleRecorded,
    CandlesClosed,
    ClockTicked,
    ContractListed,
    GapOpened,
    Look,
    Resumed,
    TapeEnded,
)
from apps.marketdata.domain.session import NEW_YORK
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for
from apps.trades.domain.messages import CloseTrade, EnterTrade
from apps.trades.domain.record import record
from tests.tapes.money import Money, pairs

MIRROR = Decimal(40000)  # the mirrored market has the price 40000 - p where this one has p
SWAPPED = {"bullish": "bearish", "bearish": "bullish", "long": "short", "short": "long"}


@dataclass
class Player(Money):
    """Plays a tape to an engine; with `mirrored`, up and down are exchanged."""

    mirrored: bool = False
    product: Instrument = field(default_factory=lambda: instrument("NQ"))
    contract: str = "NQZ5"
    day: date = date(2025, 11, 3)
    given: dict[str, Any] = field(default_factory=dict)
    trust: bool = False
    expires_at: int | None = None
    facts: list[Fact] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    candles: dict[int, list[Candle]] = field(default_factory=dict)
    missed: list[Tick] | None = None
    engine: Engine = field(init=False)
    _door: InOrder | None = None
    _seen: Counter[int] = field(default_factory=Counter)

    # ---- what a line says ----

    def play(self, words: list[str]) -> None:
        """Do what a line of input says."""
        verb, *rest = words
        getattr(self, f"_{verb}")(rest)

    def _given(self, words: list[str]) -> None:
        name, *values = words
        if name == "trust":
            self.trust = True
        elif name == "day":
            self.day = date.fromisoformat(values[0])
        elif name == "contract":
            self.contract = values[0]
        elif name == "expires":
            self.expires_at = self.at(values[0])
        elif name in ("targets", "required_timeframes"):
            self.given[name] = values
        else:
            self.given[name] = {"on": True, "off": False}.get(values[0], values[0])

    def _candle(self, words: list[str]) -> None:
        start = self.at(words[0])
        opened, high, low, close = (self.ticks(text) for text in words[1:5])
        high, low = max(high, low), min(high, low)
        volume = int(words[5]) if len(words) > 5 else 1
        grace = settings_for(self.product, self.given).grace
        self.handle(ClockTicked(start + grace + 1))
        candle = Candle(start, opened, high, low, close, volume)
        self.handle(CandleRecorded(self.contract, 60, candle))

    def _tick(self, words: list[str]) -> None:
        tick = self.tick(words)
        if self.missed is not None:
            self.missed.append(tick)
        else:
            self.take(self.order.ticks(self.contract, (tick,)))

    def _feed(self, words: list[str]) -> None:
        if words[0] == "lost":
            self.missed = []
        else:
            ticks, self.missed = self.missed or [], None
            self.take(self.order.ticks(self.contract, ticks))

    def _gap(self, words: list[str]) -> None:
        self.handle(GapOpened(self.contract, self.at(words[0]), self.at(words[1])))

    def _clock(self, words: list[str]) -> None:
        self.take(self.order.until(self.at(words[0])))
        self.handle(ClockTicked(self.at(words[0])))

    def _signal(self, words: list[str]) -> None:
        key, direction, shown, *rest = words
        said = pairs(rest)
        alert = Alert(
            id=key,
            user=1,
            strategy=int(said.get("strategy", 0)),
            symbol=said.get("symbol", "NQ1!"),
            direction=self.swap(direction),
            time=None if shown == "-" else self.at(shown),
            price=self.price(said.get("price")),
            market_price=self.price(said.get("market")),
            received_at=self.at(said["received"]) if "received" in said else None,
            htf_ok=False if said.get("frames") == "disagree" else None,
            biases={"5m": self.swap(said["bias5"])} if "bias5" in said else {},
            settings=settings_for(self.product, self.given).plain(),
        )
        self.alerts.append(alert)
        if alert.received_at is None:
            self.handle(alert)
        else:
            self.order.add(alert)
            self.take(self.order.until(alert.received_at))

    def _enter(self, words: list[str]) -> None:
        key, direction, *rest = words
        stop = self.price(pairs(rest)["stop"])
        assert stop is not None
        settings = settings_for(self.product, self.given).plain()
        wish = EnterTrade(
            id=key,
            user=1,
            symbol="NQ",
            direction=self.swap(direction),
            stop=stop,
            settings=settings,
        )
        self.handle(wish)

    def _close(self, words: list[str]) -> None:
        """Close a followed trade; `exit` closes a position."""
        self.handle(CloseTrade(id=f"close {words[0]}", user=1, trade=words[0]))

    def _end(self, words: list[str]) -> None:
        """The recording is over: its last minute closes, and nobody who waits will get more."""
        tape = self.order.engine.market.tapes[self.contract]
        at = max(tape.last_at, tape.closed_until - 1)
        end = at - at % (60 * SECOND) + 60 * SECOND
        self.take(self.order.until(end))
        self.handle(ClockTicked(end + 6 * SECOND))
        self.handle(TapeEnded(end))
        self.handle(Look())

    # ---- the engine ----

    @property
    def order(self) -> InOrder:
        """Return the engine's door; it is built by the first line that is not `given`."""
        if self._door is None:
            settings = settings_for(self.product, self.given)
            self.engine = build_engine(frames=(settings.timeframe_s,))
            self._door = InOrder(self.engine)
            jump = None if self.trust else int(settings.jump / self.product.tick_size)
            listed = ContractListed(self.contract, self.product.root, jump, self.expires_at)
            self.handle(listed)
            self.handle(Resumed())
        return self._door

    def handle(self, said: Message) -> None:
        """Tell the engine something."""
        self.take(self.order.engine.handle(said))

    def take(self, messages: Iterator[Message]) -> None:
        """Keep what the engine answers."""
        for said in messages:
            if isinstance(said, Fact):
                self.facts.append(said)
            elif isinstance(said, CandlesClosed):
                for seconds, candle in said.candles:
                    self.candles.setdefault(seconds, []).append(candle)

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the record of each signal by its name."""
        signals, trades = self.engine.desk.changed, self.engine.book.changed
        found = {}
        for alert in self.alerts:
            signal = signals[alert.id]
            seconds = signal.settings.timeframe_s if signal.settings else 60
            candles = self.candles.get(seconds, [])
            found[alert.id] = record(signal, trades.get(alert.id), candles)
        return found

    # ---- words to values ----

    def at(self, text: str) -> int:
        """Return a time of the tape's New York day, `+1` before it for the next one, as an instant."""
        days, _, clock = text.rpartition("/")
        moment = datetime.combine(self.day, time.fromisoformat(clock), NEW_YORK)
        return to_instant(moment + timedelta(days=int(days or 0)))

    def tick(self, words: list[str]) -> Tick:
        """Return a tick. Its id grows with its time, so one that comes out of order is late."""
        said, at = pairs(words[2:]), self.at(words[0])
        self._seen[at] += 1
        ordinal = int(said.get("id", self._seen[at]))
        size = int(said.get("size", 1))
        return Tick(at, self.ticks(words[1]), size, made_id(at, ordinal), self.quote(said))

    def quote(self, said: dict[str, str]) -> Quote | None:
        """Return best bid and ask beside a tick, given as `bid 20000x3 ask 20000.25x2`; None where not given."""
        if "bid" not in said and "ask" not in said:
            return None
        sides = []
        for name in ("ask", "bid") if self.mirrored else ("bid", "ask"):
            price, _, size = said.get(name, "").partition("x")
            sides += [self.ticks(price) if price else None, int(size) if size else None]
        return Quote(*sides)

    def ticks(self, text: str) -> int:
        """Return a price in whole ticks."""
        return self.product.to_ticks(self.price(text) or "")

    def price(self, text: str | None) -> str | None:
        """Return a price as it is in this market."""
        if text is None or not self.mirrored:
            return text
        return str(MIRROR - Decimal(text))

    def swap(self, direction: str) -> str:
        """Return a direction as it is in this market."""
        return SWAPPED.get(direction, direction) if self.mirrored else direction
