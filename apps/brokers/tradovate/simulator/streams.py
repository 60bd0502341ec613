"""Who follows which contract, and what the market's next step sends to each. Source: protocol 8 and 9."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Protocol

from apps.brokers.tradovate.simulator.answer import Answer, Json, compact_date, stamp
from apps.brokers.tradovate.simulator.board import Board
from apps.brokers.tradovate.simulator.charts import (
    Bars,
    ChartRequest,
    chart_request,
    history,
    tick_packets,
)
from apps.brokers.tradovate.simulator.library import Library
from apps.brokers.tradovate.simulator.market import Market
from apps.brokers.tradovate.simulator.skeleton import trade_day
from apps.brokers.tradovate.simulator.spoiler import Spoiler
from apps.marketdata.domain.tick import Tick

HISTORY_TICKS: Final = 100_000
UNKNOWN: Final = {
    "errorText": "Symbol is inaccessible",
    "errorCode": "UnknownSymbol",
    "mode": "None",
}
KINDS: Final = {"quote": "quotes", "dom": "doms", "histogram": "histograms"}


class Ear(Protocol):
    """A connection as the streams see it."""

    def event(self, name: str, told: object, key: str | None = None) -> None:
        """Send an event; one with a key replaces an unsent one with the same key."""


@dataclass(eq=False, slots=True)
class Chart:
    """One chart of one connection; `held` keeps what happens until its history has been sent."""

    ear: Ear
    board: Board
    request: ChartRequest
    historical: int
    realtime: int
    bars: Bars
    held: list[Tick] = field(default_factory=list)
    ready: bool = False
    loading: asyncio.Task[None] | None = None


class Streams:
    """Every market data subscription of every connection.

    `spoiler` may change the ticks that tick charts are told (duplicates, late ones); it changes no board.
    """

    def __init__(self, market: Market, library: Library, now: Callable[[], int]) -> None:
        self.deltas = False
        self.denied = False
        self.history_ticks = HISTORY_TICKS
        self.ticks_since = 0  # older ticks are not kept, only their bars
        self.spoiler = Spoiler()
        self.boards: dict[str, Board] = {}
        self._market = market
        self._library = library
        self._now = now
        self._charts: dict[int, Chart] = {}
        self._followers: dict[tuple[str, str], list[Ear]] = {}
        self._ids = count(31)
        self._pace = 0
        self._ended = False

    @property
    def watched(self) -> bool:
        """Return whether any connection follows the market."""
        return bool(self._charts) or any(self._followers.values())

    def board(self, contract: str) -> Board:
        """Return a contract's board, from now on kept up with the market."""
        if contract not in self.boards:
            board = Board(
                contract,
                self._library.contract_id(contract),
                self._library.product(contract),
                self._market,
            )
            board.fill_in(self._now())
            self.boards[contract] = board
        return self.boards[contract]

    def call(self, ear: Ear, path: str, body: Json) -> Answer:
        """Answer one `md/` request."""
        operation = path.removeprefix("md/")
        if operation == "cancelchart":
            return self._cancel(ear, body)
        verb = "subscribe" if operation.startswith("subscribe") else "unsubscribe"
        kind = operation.removeprefix(verb)
        if operation != "getchart" and kind not in KINDS:
            return Answer(404, {"errorText": f"Not found: {path}"})
        contract = self._library.resolve(body.get("symbol", body.get("contractId")))
        if contract is None or not self._market.trades(contract) or self.denied:
            return Answer(200, dict(UNKNOWN))
        if operation == "getchart":
            return self._chart(ear, contract, body)
        followers = self._followers.setdefault((kind, contract), [])
        if verb == "unsubscribe":
            if ear in followers:
                followers.remove(ear)
            return Answer(200, {})
        if ear not in followers:
            followers.append(ear)
        board = self.board(contract)
        asyncio.get_running_loop().call_soon(self._greet, kind, board, ear)  # after the answer
        return Answer(200, {"mode": "RealTime"})

    def forget(self, ear: Ear) -> None:
        """Drop everything a connection followed."""
        for followers in self._followers.values():
            if ear in followers:
                followers.remove(ear)
        for chart in [chart for chart in self._charts.values() if chart.ear is ear]:
            self._drop(chart)

    def step(self, since: int, until: int) -> dict[str, list[Tick]]:
        """Send what happened in `since <= at < until`; return the ticks of each contract on a board."""
        happened: dict[str, list[Tick]] = {}
        for contract, board in self.boards.items():
            ticks = list(self._market.ticks(contract, since, until))
            for tick in ticks:
                board.take(tick)
            happened[contract] = ticks
            if ticks:
                for kind in KINDS:
                    if followers := self._followers.get((kind, contract)):
                        self._show(kind, board, followers, full=not self.deltas)
        for contract, ticks in happened.items():
            bent = self.spoiler.bend(contract, ticks, until)
            for chart in self._charts.values():
                if chart.board.contract == contract:
                    self._follow(chart, ticks if chart.request.seconds else bent)
        return happened

    def spike(self, points: float) -> None:
        """Tell one trade so many points away from the market, at its next tick."""
        for board in self.boards.values():
            self.spoiler.spike = round(points / float(board.product.tick_size))

    def tell_time(self, speed: float, *, ended: bool) -> None:
        """Say the market's time to every connection whose charts are up to it."""
        self._pace = round(speed * 100)
        self._ended = ended
        ears = {id(chart.ear): chart.ear for chart in self._charts.values()}
        for chart in self._charts.values():
            if not chart.ready:
                ears.pop(id(chart.ear), None)
        for ear in ears.values():
            self._tell_time_to(ear)

    def _tell_time_to(self, ear: Ear) -> None:
        told: Json = {"t": stamp(self._now()), "s": self._pace}
        if self._ended:
            told["end"] = True
        ear.event("clock", json.dumps(told, separators=(",", ":")))  # JSON inside JSON, as theirs

    def _greet(self, kind: str, board: Board, ear: Ear) -> None:
        if ear in self._followers[kind, board.contract]:
            self._show(kind, board, [ear], full=True)

    def _show(self, kind: str, board: Board, ears: Sequence[Ear], *, full: bool) -> None:
        now = self._now()
        if kind == "quote":
            row = board.quote(now)
            if not full:
                entries = row["entries"]
                row["entries"] = {
                    name: entries[name] for name in ("Trade", "Bid") if name in entries
                }
        else:
            row = board.dom(now) if kind == "dom" else board.histogram(now)
        for ear in ears:
            ear.event("md", {KINDS[kind]: [row]}, key=f"{kind}:{board.contract}")

    def _chart(self, ear: Ear, contract: str, body: Json) -> Answer:
        try:
            request = chart_request(body)
        except (ValueError, TypeError) as wrong:
            return Answer(200, {"errorText": str(wrong), "errorCode": "Unsupported"})
        board = self.board(contract)
        realtime, historical = next(self._ids), next(self._ids)
        bars = Bars(request.seconds or 60, board.product)
        chart = Chart(ear, board, request, historical, realtime, bars)
        self._charts[realtime] = chart
        chart.loading = asyncio.ensure_future(self._load(chart, self._now()))
        return Answer(
            200,
            {"historicalId": historical, "realtimeId": realtime, "subscriptionId": realtime},
        )

    async def _load(self, chart: Chart, before: int) -> None:
        """Send a chart's history, its end mark, and then what happened meanwhile."""
        minutes: list[list[Tick]] = []
        for place, minute in enumerate(
            history(self._market, chart.board.contract, chart.request, before, self.history_ticks)
        ):
            minutes.append(minute)
            if place % 10 == 9:
                await asyncio.sleep(0)  # a long history must not hold up the market
        ticks = [tick for minute in reversed(minutes) for tick in minute]
        if chart.request.seconds:
            for start in range(0, len(ticks), 5000):
                self._send_bars(chart, chart.historical, ticks[start : start + 5000])
        else:
            ticks = [tick for tick in ticks if tick.at >= self.ticks_since]
            for packet in tick_packets(chart.historical, ticks, chart.board.product):
                chart.ear.event("chart", {"charts": [packet]})
                await asyncio.sleep(0)
        chart.ear.event("chart", {"charts": [{"id": chart.historical, "eoh": True}]})
        chart.ready = True
        held, chart.held = chart.held, []
        self._follow(chart, held)
        if all(other.ready for other in self._charts.values() if other.ear is chart.ear):
            self._tell_time_to(chart.ear)

    def _follow(self, chart: Chart, ticks: list[Tick]) -> None:
        if not ticks:
            return
        if not chart.ready:
            chart.held.extend(ticks)
        elif chart.request.seconds:
            self._send_bars(chart, chart.realtime, ticks)
        else:
            for packet in tick_packets(chart.realtime, ticks, chart.board.product):
                chart.ear.event("chart", {"charts": [packet]})

    def _send_bars(self, chart: Chart, chart_id: int, ticks: list[Tick]) -> None:
        bars = chart.bars.take(ticks)
        told = {"id": chart_id, "td": compact_date(trade_day(ticks[-1].at)), "bars": bars}
        chart.ear.event("chart", {"charts": [told]})

    def _cancel(self, ear: Ear, body: Json) -> Answer:
        chart = self._charts.get(int(body.get("subscriptionId") or 0))
        if chart is not None and chart.ear is ear:
            self._drop(chart)
        return Answer(200, {})

    def _drop(self, chart: Chart) -> None:
        self._charts.pop(chart.realtime, None)
        if chart.loading is not None:
            chart.loading.cancel()
