"""Our client and the simulator on loopback, with a wall clock that moves only when a test says so."""

import asyncio
import heapq
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from random import Random
from typing import Any

from aiohttp import web

from apps.brokers.domain.ports import FeedChanged, FeedItem, FeedState, TicksArrived
from apps.brokers.tradovate.feed import Market, TradovateFeed
from apps.brokers.tradovate.hosts import Hosts, TradovateSettings
from apps.brokers.tradovate.line import Line, Listener, Purpose
from apps.brokers.tradovate.rest import Rest
from apps.brokers.tradovate.session import Session
from apps.brokers.tradovate.simulator.answer import Answer
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.brokers.tradovate.simulator.socket import Connection, Request, Timing, read_request
from apps.brokers.tradovate.socket import Connection as SocketConnection
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import SECOND
from apps.marketdata.domain.tick import Tick

START = 1_795_098_600 * SECOND  # Thursday 2026-11-19, 09:30 New York
CONTRACT = "NQZ6"
ACCOUNT = 1001
QUARTER = Decimal("0.25")
PASSWORD = "demo"


class HandClock(WallClock):
    """A wall clock moved by hand: whoever waits is woken when the test lets the time pass."""

    def __init__(self) -> None:
        self._at = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.waits: list[float] = []

    def now(self) -> int:
        return START + round(self._at * SECOND)

    def elapsed(self) -> float:
        return self._at

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._at + max(seconds, 0.0), next(self._order), woken))
        await woken

    async def passes(self, seconds: float) -> None:
        """Let so much time pass, waking everybody in order."""
        until = self._at + seconds
        while self._waiting and self._waiting[0][0] <= until:
            due, _, woken = heapq.heappop(self._waiting)
            if not woken.done():
                self._at = max(self._at, due)
                woken.set_result(None)
                for _ in range(8):  # let it, and whoever waits for it, come to rest
                    await asyncio.sleep(0)
        self._at = until


async def until(condition: Callable[[], object], seconds: float = 50.0) -> None:
    """Give the sockets time until this is so; no time passes for the client."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.003)


class OverheardConnection(Connection):
    """A connection of the simulator whose incoming frames are noted."""

    sim: "ScriptedSimulator"

    async def serve(self) -> web.WebSocketResponse:
        try:
            return await super().serve()
        finally:
            self.sim.close_codes.append(self._socket.close_code)

    async def _take(self, frame: str) -> None:
        request = read_request(frame)
        if request is None:
            self.sim.beats += frame == "[]"
            return
        self.sim.frames.append(frame)
        if self.sim.mute and request.path != "authorize":
            self.sim.unanswered.append(request)
        else:
            await super()._take(frame)


class ScriptedSimulator(Simulator):
    """The simulator, which notes what it is asked and gives the answers that a test has put up first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.script: list[tuple[str, Answer]] = []
        self.lost: list[str] = []
        self.redirects: list[str] = []
        self.refused_upgrades: list[int] = []
        self.upgrades = 0
        self.mute = False
        self.unanswered: list[Request] = []
        self.frames: list[str] = []
        self.beats = 0
        self.close_codes: list[int | None] = []

    def put_up(self, path: str, status: int = 200, body: object = None) -> None:
        """Answer the next call of this path so, once."""
        self.script.append((path, Answer(status, body)))

    def lose_answer(self, path: str) -> None:
        """Carry the next call of this path out, and let its answer get lost on the way."""
        self.lost.append(path)

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Return what was asked of a path, over REST and sockets."""
        return [asked for called, asked in self.calls if called == path]

    def _scripted(self, path: str, asked: dict[str, Any]) -> Answer | None:
        self.calls.append((path, dict(asked)))
        for place, (wanted, _) in enumerate(self.script):
            if wanted == path:
                return self.script.pop(place)[1]
        return None

    def _rest(self, path: str, asked: dict[str, Any], authorization: str) -> Answer:
        answer = self._scripted(path, asked | {"authorization": authorization})
        answer = answer or super()._rest(path, asked, authorization)
        if path in self.lost:
            self.lost.remove(path)
            return Answer(502, None)
        return answer

    async def answer(self, connection: Connection, request: Request) -> Answer:
        body = json.loads(request.body) if request.body.startswith("{") else {}
        answer = self._scripted(request.path, body | {"request_id": request.number})
        return answer or await super().answer(connection, request)

    async def _door(self, request: web.Request) -> web.StreamResponse:
        if self.redirects and "websocket" not in request.path:
            return web.Response(status=307, headers={"Location": self.redirects.pop(0)})
        return await super()._door(request)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.upgrades += 1
        if self.refused_upgrades:
            return web.Response(status=self.refused_upgrades.pop(0))
        connection = OverheardConnection(self, request)
        connection.sim = self
        self.connections.append(connection)
        try:
            return await connection.serve()
        finally:
            self.connections.remove(connection)
            self.streams.forget(connection)


class Playground:
    """A simulator, a clock, and what a feed has said so far."""

    def __init__(self, *, roots: tuple[str, ...] = ("NQ",)) -> None:
        self.clock = HandClock()
        self.market = GeneratedMarket(7, START, roots)
        self.sim = ScriptedSimulator(
            self.market,
            Plan(
                speed=0,
                wall=lambda: self.clock.now() / SECOND,
                timing=Timing(heartbeat=0.02, silence=30),
            ),
        )
        self.said: list[FeedItem] = []
        self._rests: list[Rest] = []
        self.connections: list[SocketConnection] = []
        self._lines: list[tuple[Line, asyncio.Task[None]]] = []
        self._running: list[tuple[TradovateFeed, asyncio.Task[None]]] = []

    def settings(self, **changed: object) -> TradovateSettings:
        """Return the login of the demo user."""
        values = {"name": "demo", "password": PASSWORD, "cid": "4242", "sec": "a-secret-key"}
        return TradovateSettings(**{**values, "hosts": Hosts.at(self.sim.url), **changed})

    def session(self, **changed: object) -> Session:
        """Return a session of its own and its REST client as `session.rest`."""
        settings = self.settings(**changed)
        rest = Rest(settings.addresses, self.clock, Random(1))
        session = Session(settings, rest, self.clock, Random(1))
        session.rest = rest
        self._rests.append(rest)
        return session

    def feed(self, *contracts: str, **changed: object) -> TradovateFeed:
        """Return a feed whose items land in `said`; it is not running yet."""
        market = Market(lambda contract: QUARTER, has_clock=True)
        values = {"wall": self.clock, "chance": Random(1), "market": market} | changed
        return TradovateFeed(
            values.pop("settings", None) or self.settings(),
            values.pop("market"),
            contracts or (CONTRACT,),
            self.said.append,
            **values,
        )

    async def run(self, feed: TradovateFeed) -> TradovateFeed:
        """Let a feed run and wait until it is live."""
        self._running.append((feed, asyncio.create_task(feed.run())))
        await until(lambda: feed.state is FeedState.LIVE)
        return feed

    async def begin(self, feed: TradovateFeed) -> TradovateFeed:
        """Let a feed run, whatever becomes of it."""
        self._running.append((feed, asyncio.create_task(feed.run())))
        await asyncio.sleep(0)
        return feed

    def keep_up(self, listener: Listener) -> Line:
        """Keep a trading line up for a listener."""
        session = self.session()
        hosts = session.rest.hosts
        line = Line(Purpose.TRADING, session, lambda: hosts, self.clock, Random(1), listener)
        self._lines.append((line, asyncio.create_task(line.run())))
        return line

    def props(self, entity: str, rows: object, event: str = "Updated") -> None:
        """Send an event about rows to every socket."""
        for connection in self.sim.connections:
            connection.event("props", {"entityType": entity, "eventType": event, "entity": rows})

    async def place_order(self) -> None:
        """Buy one contract at the market, as another program of the same user does."""
        session = self.session()
        token = await session.token()
        order = {
            "accountId": ACCOUNT, "accountSpec": "DEMO1001", "action": "Buy", "symbol": CONTRACT,
            "orderQty": 1, "orderType": "Market", "isAutomated": True,
        }  # fmt: skip
        await session.rest.post("order/placeorder", order, token=token.access)
        await self.sim.move(5)

    async def end(self) -> None:
        """Stop everything that runs."""
        for line, task in self._lines:
            line.stop()
            await asyncio.wait_for(task, 50)
        for connection in self.connections:
            await connection.close("over")
        for feed, task in self._running:
            feed.stop()
            await self.reach(task.done)
            await task
        for rest in self._rests:
            await rest.close()

    async def reach(
        self, condition: Callable[[], object], seconds: float = 90.0, step: float = 0.25
    ) -> None:
        """Let time pass in small steps until this is so; `seconds` are the client's, not the machine's.

        How soon the sockets keep up is the machine's affair: when the client's time is over, they still get theirs.
        """
        for _ in range(int(seconds / step)):
            if condition():
                return
            await self.clock.passes(step)
            await asyncio.sleep(0.005)
        try:
            await until(condition)
        except TimeoutError:
            raise AssertionError("it did not come to that") from None

    @staticmethod
    def login(sim: Simulator) -> TradovateSettings:
        """Return the demo user's login at a simulator."""
        return TradovateSettings("demo", PASSWORD, hosts=Hosts.at(sim.url))

    def forget_before(self, at: int) -> None:
        """Let the server have no history before an instant."""
        whole = self.market.minutes_back

        def shortened(contract: str, before: int) -> Iterator[tuple[Tick, ...]]:
            for minute in whole(contract, before):
                if minute and minute[0].at < at:
                    return
                yield minute

        self.market.minutes_back = shortened

    def of(self, contract: str) -> list[Tick]:
        """Return the ticks of one contract that the feed has said."""
        return [
            tick
            for item in self.said
            if isinstance(item, TicksArrived) and item.contract == contract
            for tick in item.ticks
        ]

    @property
    def ticks(self) -> list[Tick]:
        """Return all ticks that the feed has said."""
        return [tick for item in self.said if isinstance(item, TicksArrived) for tick in item.ticks]

    @property
    def states(self) -> list[FeedState]:
        """Return the states the feed went through."""
        return [item.state for item in self.said if isinstance(item, FeedChanged)]

    def truth(self, since: int, to: int, contract: str = CONTRACT) -> list[Tick]:
        """Return the ticks that the market has for a stretch."""
        return list(self.market.ticks(contract, since, to))


@asynccontextmanager
async def playground(**wanted: object) -> AsyncIterator[Playground]:
    """Give a test its playground and clear it away afterwards."""
    ground = Playground(**wanted)
    await ground.sim.start()
    try:
        yield ground
    finally:
        await ground.end()
        await ground.sim.stop()
