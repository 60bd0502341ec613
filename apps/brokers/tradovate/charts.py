"""What chart packets add up to: a tape of ticks without holes or doubles, and candles upserted by their start."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from apps.brokers.domain.ports import Cursor
from apps.brokers.tradovate.frames import Bar, ChartPacket
from apps.bus.domain.message import SECOND, iso
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tick import Quote, Tick

REMEMBERED = 20_000  # ids by which a repeated tick is told from a late one


BEFORE_CURSOR = SECOND  # asked for as well, so that the last tick we have is in the answer whatever "as far as" includes


class Run(NamedTuple):
    """Ticks that are new, in order.

    gap: the stretch (from, to) before the first of them of which ticks could not be had
    """

    ticks: list[Tick]
    gap: tuple[int, int] | None


class TickTape:
    """The ticks of one contract across history, realtime and any number of sockets.

    It is either catching up, when it collects, or live, when it lets through. Each tick passes once; one with
    an id below the newest passes too unless it was seen, because the market has its own rule for late ticks.
    """

    def __init__(self, tick_size: Decimal, cursor: Cursor | None, oldest_at: int | None) -> None:
        self._tick_size = tick_size
        self._float_tick_size = float(tick_size)
        self._oldest_at = oldest_at
        self.cursor = cursor
        self.catching_up = True
        self.dropped: Counter[str] = Counter()
        self._floor = cursor.id if cursor else -1  # nothing at or below it is looked at again
        self._seen: set[int] = set()
        self._order: deque[int] = deque()
        self._history: list[Tick] = []
        self._waiting: list[Tick] = []
        self._proven = True

    def begin(self) -> None:
        """Start to catch up: a chart is being opened."""
        self.catching_up = True
        self._history.clear()
        self._waiting.clear()

    def time_range(self) -> Mapping[str, Any]:
        """Return the range to ask for: from the last tick we have, which proves that nothing is missing."""
        if self.cursor is not None:
            return {"asFarAsTimestamp": _stamp(self.cursor.at - BEFORE_CURSOR)}
        if self._oldest_at is not None:
            return {"asFarAsTimestamp": _stamp(self._oldest_at)}
        return {"asMuchAsElements": 1}

    def collect(self, packet: ChartPacket, *, historical: bool) -> None:
        """Keep a packet that comes while we catch up."""
        (self._history if historical else self._waiting).extend(self._on_grid(packet))

    def older_range(self) -> Mapping[str, Any] | None:
        """Return the range of the page before what has come, None if nothing is missing there.

        A server answers with a limited number of ticks, the newest ones; how many is not documented.
        """
        if self.cursor is None and self._oldest_at is None:
            return None
        if not self._history:
            return None
        oldest = min(self._history, key=lambda tick: tick.id)
        if self.cursor is not None and oldest.id <= self.cursor.id:
            return None
        if self.cursor is None and oldest.at <= (self._oldest_at or 0):
            return None
        return {**self.time_range(), "closestTickId": oldest.id}

    @property
    def oldest_id(self) -> int:
        """Return the lowest id collected, to see whether a page brought anything new."""
        return min((tick.id for tick in self._history), default=-1)

    def hole(self) -> tuple[int, int] | None:
        """Return the stretch whose ticks will be missing if we finish now."""
        first = min(self._history + self._waiting, key=lambda tick: tick.id, default=None)
        if first is None or self.cursor is None or first.id <= self.cursor.id:
            return None
        return self.cursor.at, first.at

    def finish(self) -> Run:
        """Return what was missed and go live. Ticks that came meanwhile are its last part."""
        came = sorted(self._history + self._waiting, key=lambda tick: tick.id)
        self.catching_up = False
        self._history, self._waiting = [], []
        # the last tick we have should have been among the answer
        self._proven = self.cursor is None
        return self._joined(came)

    def candle(self, bar: Bar) -> Candle:
        """Return a bar as a candle in ticks of the instrument; it is incomplete, since its ticks are not known."""
        prices = (bar.open, bar.high, bar.low, bar.close)
        begin, high, low, close = (int(price / self._tick_size) for price in prices)
        volume = int(bar.up_volume + bar.down_volume)
        trades = int(bar.up_ticks + bar.down_ticks)
        return Candle(bar.at, begin, high, low, close, volume, trades, close * volume, True)

    def live(self, packet: ChartPacket) -> Run:
        """Return the ticks of a realtime packet that have not passed before."""
        ticks = self._on_grid(packet)
        return Run(self._fresh(ticks), None) if self._proven else self._joined(ticks)

    def _joined(self, ticks: list[Tick]) -> Run:
        """Return the first ticks after a catch-up, and the hole before them unless they overlap with ours."""
        gap = None
        if ticks and self.cursor is not None and not self._proven:
            first = min(ticks, key=lambda tick: tick.id)
            if first.id > self.cursor.id:
                gap = self.cursor.at, first.at
            self._proven = True
        return Run(self._fresh(ticks), gap)

    def _fresh(self, ticks: Iterable[Tick]) -> list[Tick]:
        fresh: list[Tick] = []
        seen, order = self._seen, self._order
        for tick in ticks:
            if tick.id <= self._floor or tick.id in seen:
                self.dropped["duplicate"] += 1
                continue
            seen.add(tick.id)
            order.append(tick.id)
            fresh.append(tick)
        while len(order) > REMEMBERED:
            forgotten = order.popleft()
            seen.discard(forgotten)
            self._floor = max(self._floor, forgotten)
        if fresh:
            newest = max(fresh, key=lambda tick: tick.id)
            if self.cursor is None or newest.id > self.cursor.id:
                self.cursor = Cursor(newest.id, newest.at)
        return fresh

    def _on_grid(self, packet: ChartPacket) -> list[Tick]:
        """Return the packet's ticks in ticks of the instrument; nearly always they are already."""
        if packet.tick_size == self._float_tick_size or not packet.ticks:
            return packet.ticks
        # repr gives the shortest decimal that reads back as this float: what was on the wire
        ratio = Fraction(Decimal(repr(packet.tick_size))) / Fraction(self._tick_size)
        scaled: list[Tick] = []
        for tick in packet.ticks:
            price = tick.price * ratio
            if price.denominator != 1 or ratio <= 0:
                self.dropped["price between two ticks"] += 1
            else:
                quote = tick.quote and _scaled(tick.quote, ratio)
                scaled.append(tick._replace(price=int(price), quote=quote))
        return scaled


class BarSeries:
    """The candles of a bar chart: the forming one is sent again as it changes, and pages may overlap."""

    def __init__(self, time_range: Mapping[str, Any]) -> None:
        self._range = time_range
        self._bars: dict[int, Bar] = {}
        self.history_complete = False

    def time_range(self) -> Mapping[str, Any]:
        """Return the range that was asked for."""
        return self._range

    def heard(self, packet: ChartPacket, *, historical: bool) -> None:
        """Take a packet's bars."""
        for bar in packet.bars:
            self._bars[bar.at] = bar
        self.history_complete |= historical and packet.ends_history

    def older_range(self, elements: int) -> Mapping[str, Any]:
        """Return the range of the page that ends at the oldest bar we have."""
        return {"closestTimestamp": _stamp(min(self._bars)), "asMuchAsElements": elements}

    @property
    def bars(self) -> list[Bar]:
        """Return all candles, oldest first."""
        return [self._bars[at] for at in sorted(self._bars)]


def _scaled(quote: Quote, ratio: Fraction) -> Quote | None:
    bid = None if quote.bid is None else quote.bid * ratio
    ask = None if quote.ask is None else quote.ask * ratio
    if any(side is not None and side.denominator != 1 for side in (bid, ask)):
        return None
    return quote._replace(
        bid=None if bid is None else int(bid), ask=None if ask is None else int(ask)
    )


def _stamp(at: int) -> str:
    """Return an instant as Tradovate reads it: rounded down to the millisecond, always with all three."""
    text = iso(at)
    return text if "." in text else f"{text[:-1]}.000Z"
