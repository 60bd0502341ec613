"""Charts: what a request asks for, its history, and the packets it travels in. Source: protocol 9.

The conventions that Tradovate leaves open stand here alone: a bar's timestamp is its start (`frame_start`), the
"closest" end of a range is included, and so is the "as far as" end.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from apps.brokers.tradovate.simulator.answer import Json, compact_date, instant
from apps.brokers.tradovate.simulator.market import Market
from apps.brokers.tradovate.simulator.skeleton import trade_day
from apps.bus.domain.message import SECOND
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.session import frame_end, frame_start
from apps.marketdata.domain.tick import Tick

MILLISECOND: Final = 1_000_000
SOURCE: Final = "db"
PACKET: Final = 1000  # ticks in one packet of history
QUIET_MINUTES: Final = 20_000  # so many minutes without an end of the range: the market has no more


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """What `md/getChart` asked for. Units: instants ns UTC; `seconds` of a bar, 0 for ticks.

    None: no bound of that kind was named
    """

    seconds: int
    newest_at: int | None
    newest_id: int | None
    oldest_at: int | None
    elements: int | None


def chart_request(body: Json) -> ChartRequest:
    """Return a request as asked.

    Raises:  ValueError  it names a kind of chart we do not draw, or a time that is none
    """
    described = body.get("chartDescription") or {}
    kind = described.get("underlyingType", "MinuteBar")
    if described.get("elementSizeUnit", "UnderlyingUnits") != "UnderlyingUnits":
        raise ValueError(f"elementSizeUnit {described['elementSizeUnit']} is not drawn here")
    size = int(described.get("elementSize", 1) or 1)
    if kind not in {"Tick", "MinuteBar", "DailyBar"} or size < 1:
        raise ValueError(f"underlyingType {kind} is not drawn here")
    seconds = {"Tick": 0, "MinuteBar": 60 * size, "DailyBar": 86_400}[kind]
    asked = body.get("timeRange") or {}
    return ChartRequest(
        seconds,
        _instant(asked.get("closestTimestamp")),
        _whole(asked.get("closestTickId")),
        _instant(asked.get("asFarAsTimestamp")),
        _whole(asked.get("asMuchAsElements")),
    )


def _instant(value: Any) -> int | None:
    return None if value is None else instant(str(value))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def history(
    market: Market, contract: str, request: ChartRequest, before: int, limit: int
) -> Iterator[list[Tick]]:
    """Yield the ticks a request wants, a minute at a time and the newest minute first.

    `before` is where the clock stands: what is at or after it will come as realtime. `limit` is the most
    ticks one answer holds; the caller pages further back.
    """
    if request.oldest_at is None and request.elements is None:
        return
    newest = before if request.newest_at is None else min(before, request.newest_at + 1)
    left = limit if request.elements is None else min(limit, request.elements)
    bars: set[int] = set()
    for quiet, minute in enumerate(market.minutes_back(contract, newest)):
        wanted = [
            tick
            for tick in minute
            if tick.at < newest
            and (request.newest_id is None or tick.id <= request.newest_id)
            and (request.oldest_at is None or tick.at >= request.oldest_at)
        ]
        if request.seconds and wanted:
            bars.add(frame_start(wanted[0].at, request.seconds))
            if len(bars) > left:
                return
        elif wanted:
            wanted = wanted[-left:]
            left -= len(wanted)
        yield wanted
        if left <= 0 or quiet > QUIET_MINUTES:
            return
        if request.oldest_at is not None and minute and minute[0].at < request.oldest_at:
            return


def tick_packets(chart_id: int, ticks: Iterable[Tick], product: Instrument) -> Iterator[Json]:
    """Yield the packets that carry these ticks: one trade date and at most `PACKET` ticks in each."""
    for ordinal, group in groupby(ticks, key=lambda tick: trade_day(tick.at)):
        day = list(group)
        for start in range(0, len(day), PACKET):
            yield _packet(chart_id, day[start : start + PACKET], product, ordinal)


def _packet(chart_id: int, ticks: list[Tick], product: Instrument, ordinal: int) -> Json:
    base, base_ms = ticks[0].price, ticks[0].at // MILLISECOND
    rows: list[Json] = []
    for tick in ticks:
        row: Json = {
            "t": tick.at // MILLISECOND - base_ms,
            "p": tick.price - base,
            "s": tick.size,
        }
        if tick.quote is not None:
            bid, bid_size, ask, ask_size = tick.quote
            if bid is not None and bid_size is not None:
                row["b"], row["bs"] = bid - base, bid_size
            if ask is not None and ask_size is not None:
                row["a"], row["as"] = ask - base, ask_size
        row["id"] = tick.id
        rows.append(row)
    return {
        "id": chart_id,
        "s": SOURCE,
        "td": compact_date(ordinal),
        "bp": base,
        "bt": base_ms,
        "ts": float(product.tick_size),
        "tks": rows,
    }


class Bars:
    """The bars of one chart, built tick by tick; `changed` gives those that are new or different."""

    def __init__(self, seconds: int, product: Instrument) -> None:
        self._seconds = seconds
        self._product = product
        self._forming: Json | None = None
        self._start = -1
        self._end = -1

    def take(self, ticks: Iterable[Tick]) -> list[Json]:
        """Add ticks in time order; return every bar they touched, the forming one last."""
        touched: list[Json] = []
        for tick in ticks:
            if self._forming is None or not self._start <= tick.at < self._end:
                self._begin(tick)
            bar = self._forming
            assert bar is not None
            if not touched or touched[-1] is not bar:
                touched.append(bar)
            self._add(bar, tick)
        return [dict(bar) for bar in touched]

    def _begin(self, tick: Tick) -> None:
        self._start = frame_start(tick.at, self._seconds)
        self._end = frame_end(self._start, self._seconds)
        price = float(self._product.price(tick.price))
        moment = datetime.fromtimestamp(self._start // SECOND, UTC)
        self._forming = {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%MZ"),
            "open": price,
            "high": price,
            "low": price,
            "close": price,
        } | dict.fromkeys(
            ("upVolume", "downVolume", "upTicks", "downTicks", "bidVolume", "offerVolume"), 0
        )

    def _add(self, bar: Json, tick: Tick) -> None:
        price = float(self._product.price(tick.price))
        bar["high"] = max(bar["high"], price)
        bar["low"] = min(bar["low"], price)
        bar["close"] = price
        quote = tick.quote
        bought = quote is None or quote.ask is None or tick.price >= quote.ask
        volume, count, side = (
            ("upVolume", "upTicks", "offerVolume")
            if bought
            else ("downVolume", "downTicks", "bidVolume")
        )
        bar[volume] += tick.size
        bar[side] += tick.size
        bar[count] += 1
