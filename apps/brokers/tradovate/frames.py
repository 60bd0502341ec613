"""Tradovate's text frames: what we send, and what comes back as typed messages.

A frame's first character is its type; `a` frames carry answers and events. Nothing in here raises on what a
server sends: what can't be read is handed to `drop` with its reason, and the rest of the frame is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Raw, Struct

from apps.bus.domain.message import to_instant
from apps.marketdata.domain.tick import Quote, Tick

HEARTBEAT = "[]"
Drop = Callable[[str], None]


class Opened(NamedTuple):
    """The server is ready for `authorize`."""


class Beat(NamedTuple):
    """The server has nothing else to say."""


class Closing(NamedTuple):
    """The server is about to close the socket."""

    code: int
    reason: str


class Response(NamedTuple):
    """The answer to the request with this id. Answers come in any order."""

    id: int
    status: int
    data: Raw


class Event(NamedTuple):
    """Something the server says unasked: `props`, `md`, `clock`, `shutdown`."""

    name: str
    data: Raw


class Bar(Struct, gc=False, rename="camel"):
    """A candle of a bar chart; `timestamp` is its start, the forming one comes again as it changes."""

    timestamp: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    up_volume: float = 0
    down_volume: float = 0
    up_ticks: float = 0
    down_ticks: float = 0

    @property
    def at(self) -> int:
        """Return its start as ns UTC."""
        return instant_of(self.timestamp)

    @property
    def volume(self) -> float:
        """Return contracts traded."""
        return self.up_volume + self.down_volume


class ChartPacket(NamedTuple):
    """One packet of a chart: ticks sorted by id, in whole multiples of `tick_size`, or bars.

    chart: the historical id for backfill, the realtime id for what happens now
    ends_history: the backfill is complete
    """

    chart: int
    ticks: list[Tick]
    tick_size: float = 0.0
    bars: Sequence[Bar] = ()
    ends_history: bool = False


Heard = Opened | Beat | Closing | Response | Event | ChartPacket


class Penalty(Struct, rename={"ticket": "p-ticket", "seconds": "p-time", "captcha": "p-captcha"}):
    """A request was not executed; it may be sent again with the ticket after so many seconds.

    captcha: no program can clear it, so the operation rests for an hour
    """

    ticket: str
    seconds: float = 0
    captcha: bool = False


# --- what is on the wire ------------------------------------------------------------------------------------

_MILLI = 1_000_000
_EARLIEST_MS = (
    946_684_800_000  # year 2000; seconds or microseconds in place of milliseconds don't pass
)
_LATEST_MS = 4_102_444_800_000
_Offset = Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]


class _WireTick(Struct, gc=False, rename={"as_": "as"}):
    t: _Offset
    p: _Offset
    s: Annotated[int, Meta(gt=0, le=10_000_000)]
    id: Annotated[int, Meta(ge=0)]
    b: int | None = None
    a: int | None = None
    bs: int | None = None
    as_: int | None = None


class _WireChart(Struct, gc=False):
    id: int
    bp: _Offset = 0
    bt: Annotated[int, Meta(ge=_EARLIEST_MS, le=_LATEST_MS)] = _EARLIEST_MS
    ts: float = 0.0
    tks: list[_WireTick] = []
    bars: list[Bar] = []
    eoh: bool = False


class _WireCharts(Struct, gc=False):
    charts: list[_WireChart]


class _ChartEvent(Struct, gc=False):
    e: Literal["chart"]
    d: _WireCharts


class _Element(Struct, gc=False):
    e: str = ""
    d: Raw = Raw(b"null")
    i: int = -1
    s: int = 0


class _LooseChart(Struct, gc=False):
    id: int
    bp: _Offset = 0
    bt: Annotated[int, Meta(ge=_EARLIEST_MS, le=_LATEST_MS)] = _EARLIEST_MS
    ts: float = 0.0
    tks: list[Raw] = []
    bars: list[Raw] = []
    eoh: bool = False


class _LooseCharts(Struct, gc=False):
    charts: list[Raw]


_ONLY_CHARTS: Final = b'a[{"e":"chart"'
_chart_events = msgspec.json.Decoder(list[_ChartEvent]).decode
_elements = msgspec.json.Decoder(list[_Element]).decode
_raws = msgspec.json.Decoder(list[Raw]).decode
_element = msgspec.json.Decoder(_Element).decode
_charts = msgspec.json.Decoder(_WireCharts).decode
_loose_charts = msgspec.json.Decoder(_LooseCharts).decode
_loose_chart = msgspec.json.Decoder(_LooseChart).decode
_wire_tick = msgspec.json.Decoder(_WireTick).decode
_bar = msgspec.json.Decoder(Bar).decode
_closing = msgspec.json.Decoder(tuple[int, str]).decode
_penalty = msgspec.json.Decoder(Penalty).decode

# UnicodeDecodeError is a ValueError, as msgspec.DecodeError is not
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)


# --- out ----------------------------------------------------------------------------------------------------


def encode_request(
    endpoint: str, request_id: int, query: str = "", body: object | None = None
) -> str:
    """Return the frame that asks `endpoint`. A text body goes as it is (a token), anything else as JSON."""
    if body is None:
        text = ""
    elif isinstance(body, str):
        text = body
    else:
        text = msgspec.json.encode(body).decode()
    return f"{endpoint}\n{request_id}\n{query}\n{text}"


# --- in -----------------------------------------------------------------------------------------------------


def decode_frame(frame: bytes, drop: Drop) -> list[Heard]:
    """Return what a frame says, in its order. Never raises: what is unreadable goes to `drop`."""
    # Nearly all traffic is ticks: frames of nothing but chart events are decoded in one typed pass.
    if frame.startswith(_ONLY_CHARTS):
        try:
            packets: list[Heard] = []
            for event in _chart_events(frame[1:]):
                packets.extend(map(_packet, event.d.charts))
            return packets
        except _UNREADABLE:
            pass  # something else is among them, or wrong with them
    kind = frame[:1]
    if kind == b"a":
        return _decode_array(frame[1:], drop)
    if kind == b"h" and len(frame) == 1:
        return [Beat()]
    if kind == b"o" and len(frame) == 1:
        return [Opened()]
    if kind == b"c":
        try:
            return [Closing(*_closing(frame[1:]))]
        except _UNREADABLE:
            return [Closing(0, "unreadable close notice")]
    drop("frame of unknown type" if frame else "empty frame")
    return []


def penalty_in(data: Raw) -> Penalty | None:
    """Return the penalty ticket that came in place of an answer, if it is one."""
    if b'"p-ticket"' not in bytes(data):
        return None
    try:
        return _penalty(data)
    except _UNREADABLE:
        return None


def instant_of(text: str) -> int:
    """Return `2026-11-20T15:00Z`, with or without seconds and milliseconds, as ns UTC.

    Raises:  ValueError  it is no such instant
    """
    moment = datetime.fromisoformat(text)
    return to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _decode_array(body: bytes, drop: Drop) -> list[Heard]:
    try:
        elements: Iterable[_Element] = _elements(body)
    except _UNREADABLE:
        elements = _readable(body, drop)
    heard: list[Heard] = []
    for element in elements:
        if element.e == "chart":
            heard.extend(_packets(element.d, drop))
        elif element.e:
            heard.append(Event(element.e, element.d))
        elif element.i >= 0 and element.s:
            heard.append(Response(element.i, element.s, element.d))
        else:
            drop("neither answer nor event")
    return heard


def _readable(body: bytes, drop: Drop) -> Iterable[_Element]:
    try:
        raws = _raws(body)
    except _UNREADABLE:
        drop("array frame is no JSON array")
        return
    for raw in raws:
        try:
            yield _element(raw)
        except _UNREADABLE:
            drop("message of wrong shape")


def _packet(chart: _WireChart) -> ChartPacket:
    """Return a packet with absolute times and prices. The hot path: no calls, and a loop, not a comprehension,
    which takes longer to begin than the one tick of a live frame to read.
    """
    base_at, base, new = chart.bt, chart.bp, tuple.__new__
    ticks: list[Tick] = []
    add = ticks.append
    for tick in chart.tks:
        b, bs, a, as_ = tick.b, tick.bs, tick.a, tick.as_
        if bs is None or as_ is None or b is None or a is None:
            quote = _half_quote(tick, base)
        else:
            quote = new(Quote, (base + b, bs, base + a, as_))
        add(new(Tick, ((base_at + tick.t) * _MILLI, base + tick.p, tick.s, tick.id, quote)))
    if len(ticks) > 1:
        ticks.sort(key=_by_id)
    return new(ChartPacket, (chart.id, ticks, chart.ts, chart.bars, chart.eoh))


_by_id = itemgetter(3)


def _half_quote(tick: _WireTick, base: int) -> Quote | None:
    """Return the book beside a tick where a side is missing: an offset means nothing without its size."""
    bid = base + tick.b if tick.bs is not None and tick.b is not None else None
    ask = base + tick.a if tick.as_ is not None and tick.a is not None else None
    if bid is None and ask is None:
        return None
    return Quote(
        bid, tick.bs if bid is not None else None, ask, tick.as_ if ask is not None else None
    )


def _packets(data: Raw, drop: Drop) -> Iterable[ChartPacket]:
    try:
        yield from [_packet(chart) for chart in _charts(data).charts]
        return
    except _UNREADABLE:
        pass
    try:
        charts = _loose_charts(data).charts
    except _UNREADABLE:
        drop("chart event of wrong shape")
        return
    for raw in charts:
        try:
            yield _salvaged(_loose_chart(raw), drop)
        except _UNREADABLE:
            drop("chart packet of wrong shape")


def _salvaged(chart: _LooseChart, drop: Drop) -> ChartPacket:
    """Return what can be read of a packet, tick by tick."""
    good = _WireChart(chart.id, chart.bp, chart.bt, chart.ts, [], [], chart.eoh)
    for raw in chart.tks:
        try:
            good.tks.append(_wire_tick(raw))
        except _UNREADABLE as problem:
            drop(f"tick: {_field(problem)}")
    for raw in chart.bars:
        try:
            good.bars.append(_bar(raw))
        except _UNREADABLE:
            drop("bar of wrong shape")
    return _packet(good)


def _field(problem: Exception) -> str:
    """Return what is wrong without the values, so that reasons can be counted."""
    return str(problem)[:80]
