"""From a frame as it came over the wire to ticks that the market has taken, against the plain json way."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from apps.brokers.tradovate.frames import decode_frame
from apps.bus.domain.message import MINUTE
from apps.engine.domain.engine import build_engine
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.messages import CandlesClosed, ContractListed
from apps.marketdata.domain.tick import Quote, Tick
from benchmarks import tape
from benchmarks.followed import JUMP
from benchmarks.measure import Result, cpu_seconds, in_turn
from benchmarks.tape import CONTRACT

MILLI = 1_000_000
LARGEST = 1_000_000_000
EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000


def measure(rounds: int) -> list[Result]:
    """Return ticks a second from frames of one tick, as they come live, and of 512, as missed ones come."""
    ticks = tape.ticks()[0][:100_000]
    return [_one(ticks, size, rounds) for size in (512, 8, 1)]


def _one(ticks: Sequence[Tick], size: int, rounds: int) -> Result:
    frames = [frame(chunk) for chunk in _chunks(ticks, size)]
    candles: dict[str, list[Candle]] = {}

    def ours() -> None:
        candles["ours"] = fast(frames)

    def theirs() -> None:
        candles["theirs"] = plain(frames)

    times = in_turn(
        {"ours": partial(cpu_seconds, ours), "theirs": partial(cpu_seconds, theirs)}, 2 * rounds
    )
    same = candles["ours"] == candles["theirs"]
    return Result(
        f"frame to validated tick, {size} a frame",
        times["ours"].rate(len(ticks)),
        "ticks/s",
        times["theirs"].rate(len(ticks)),
        "json.loads and a plain loop with the same checks",
        paired=times["ours"].quicker_than(times["theirs"]),
        target=2.2,
        of_ratio=True,
        noise=max(times["ours"].noise, times["theirs"].noise),
        note=f"{len(candles['ours'])} candles, " + ("all equal" if same else "THEY DIFFER"),
    )


def _chunks(ticks: Sequence[Tick], size: int) -> Iterator[list[Tick]]:
    stream = iter(ticks)
    while chunk := list(islice(stream, size)):
        yield chunk


def frame(ticks: Sequence[Tick]) -> bytes:
    """Return ticks as Tradovate sends them: offsets to a base time and price, the book beside each."""
    base_ms, base = ticks[0].at // MILLI, ticks[0].price
    rows = []
    for tick in ticks:
        book = tick.quote or Quote(tick.price - 1, 5, tick.price, 7)
        assert book.bid is not None and book.ask is not None
        rows.append(
            {
                "t": tick.at // MILLI - base_ms,
                "p": tick.price - base,
                "s": tick.size,
                "b": book.bid - base,
                "a": book.ask - base,
                "bs": book.bid_size,
                "as": book.ask_size,
                "id": tick.id,
            }
        )
    chart = {
        "id": 11,
        "s": "db",
        "td": 20191216,
        "bp": base,
        "bt": base_ms,
        "ts": 0.25,
        "tks": rows,
    }
    said = [{"e": "chart", "d": {"charts": [chart]}}]
    return b"a" + json.dumps(said, separators=(",", ":")).encode()


def fast(frames: Sequence[bytes]) -> list[Candle]:
    """Take frames in the way the desk does."""
    engine = build_engine()
    list(engine.handle(ContractListed(CONTRACT, "NQ", JUMP)))
    closed: list[Candle] = []
    dropped: list[str] = []
    for raw in frames:
        for packet in decode_frame(raw, dropped.append):
            for said in engine.run(CONTRACT, packet.ticks):
                if isinstance(said, CandlesClosed):
                    closed += [candle for seconds, candle in said.candles if seconds == 60]
    return closed


class Refused(ValueError):
    """A tick that is no tick."""


def plain(frames: Sequence[bytes]) -> list[Candle]:
    """Take frames in the plain way: decode, look at each value, judge the tick, build the candle."""
    taker = PlainTaker()
    for raw in frames:
        ticks = []
        for event in json.loads(raw[1:]):
            if event.get("e") == "chart":
                for chart in event["d"]["charts"]:
                    ticks += plain_ticks(chart)
        ticks.sort(key=lambda tick: tick.id)
        for tick in ticks:
            taker.take(tick)
    return taker.closed


def plain_ticks(chart: dict[str, Any]) -> list[Tick]:
    """Return the ticks of a packet, each value checked as the typed decoder checks it."""
    base_ms, base = _whole(chart.get("bt")), _whole(chart.get("bp", 0))
    if not EARLIEST_MS <= base_ms <= LATEST_MS:
        raise Refused("bt")
    ticks = []
    for row in chart.get("tks", ()):
        offset_ms, offset = _whole(row.get("t")), _whole(row.get("p"))
        size, id = _whole(row.get("s")), _whole(row.get("id"))
        if not (-LARGEST <= offset_ms <= LARGEST and -LARGEST <= offset <= LARGEST):
            raise Refused("offset")
        if not (0 < size <= 10_000_000 and id >= 0):
            raise Refused("size")
        bid, bid_size = _side(base, row.get("b"), row.get("bs"))
        ask, ask_size = _side(base, row.get("a"), row.get("as"))
        quote = None
        if bid is not None or ask is not None:
            quote = Quote(bid, bid_size, ask, ask_size)
        ticks.append(Tick((base_ms + offset_ms) * MILLI, base + offset, size, id, quote))
    return ticks


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(str(value))
    return value


def _side(base: int, offset: object, size: object) -> tuple[int | None, int | None]:
    if offset is None or size is None:
        return None, None
    return base + _whole(offset), _whole(size)


class PlainTaker:
    """Duplicate, late and jump checks and one-minute candles, one tick after the other."""

    def __init__(self) -> None:
        self.closed: list[Candle] = []
        self.last: Tick | None = None
        self.seen: set[int] = set()  # of this candle, to tell a repeated tick from a late one
        self.bar = self.open = self.high = self.low = 0
        self.volume = self.trades = self.turnover = 0

    def take(self, tick: Tick) -> None:
        """Judge a tick and add it to its candle."""
        at, price, size, id, _ = tick
        last = self.last
        if last is not None:
            if id in self.seen or id <= last.id or at < last.at:
                return
            if at - last.at <= MINUTE and abs(price - last.price) > JUMP:
                raise Refused("jump")
        minute = at - at % MINUTE
        if minute != self.bar:
            if last is not None:
                self.closed.append(
                    Candle(
                        self.bar, self.open, self.high, self.low, last.price,
                        self.volume, self.trades, self.turnover,
                    )
                )  # fmt: skip
            self.bar = minute
            self.open = self.high = self.low = price
            self.volume = self.trades = self.turnover = 0
            self.seen.clear()
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.volume += size
        self.trades += 1
        self.turnover += price * size
        self.seen.add(id)
        self.last = tick
