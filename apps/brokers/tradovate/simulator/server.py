"""The simulator: one port, REST under `/v1/`, sockets at `/v1/websocket`, and the market behind them."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from apps.brokers.tradovate.simulator.account import Account
from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.api import OPEN, Api
from apps.brokers.tradovate.simulator.book import Book
from apps.brokers.tradovate.simulator.clock import (
    CandleGate,
    MarketClock,
    Position,
    load_position,
    save_position,
)
from apps.brokers.tradovate.simulator.door import asked_of, body_of, open_to_browsers, response_of
from apps.brokers.tradovate.simulator.entities import Entities
from apps.brokers.tradovate.simulator.faults import Fault, fault_of
from apps.brokers.tradovate.simulator.library import Library
from apps.brokers.tradovate.simulator.market import Market
from apps.brokers.tradovate.simulator.memory import Memory
from apps.brokers.tradovate.simulator.mischief import Mischief
from apps.brokers.tradovate.simulator.sessions import Session, Sessions
from apps.brokers.tradovate.simulator.socket import Connection, Request, Timing
from apps.brokers.tradovate.simulator.standin import StandIn
from apps.brokers.tradovate.simulator.streams import Streams
from apps.bus.domain.message import MINUTE, SECOND

STEP_SECONDS: Final = 0.025  # ticks leave in batches of so much wall time
SAY_SECONDS: Final = 1.0  # the market's time is said at least so often


@dataclass(slots=True)
class Plan:
    """How a simulator is to run. Units: speed: market seconds a wall second, 0 = only by `move`; wall: seconds

    faults: what goes wrong by itself; alerts_to: the webhook that hears the stand-in for TradingView;
    state_path: where the market's position is kept, and beside it what the broker knows; resume_not_after: the desk's own cursor, ns UTC
    users: who may log in, each with his own name as password, or with that of `passwords`
    fees: of a contract and side, by root, where the broker charges others than the desk believes
    first_id: of rows; a desk that keeps them for ever wants others after each start
    """

    port: int = 0
    speed: float = 1.0
    state_path: Path | None = None
    resume_not_after: int | None = None
    wall: Callable[[], float] = time.time
    faults: tuple[Fault, ...] = ()
    alerts_to: str | None = None
    timing: Timing = field(default_factory=Timing)
    users: tuple[str, ...] = ("demo",)
    passwords: Mapping[str, str] = field(default_factory=dict)
    first_id: int = 880_000
    fees: Mapping[str, Decimal] = field(default_factory=dict)


class Simulator:
    """A Tradovate on loopback. `start` and `stop` it in any running event loop."""

    def __init__(self, market: Market, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.market = market
        self.timing = self.plan.timing
        self.batch = False
        self.split = 1
        self.speed = self.plan.speed
        self.connections: list[Connection] = []
        self.gates: list[CandleGate] = [self._candle_closed]
        stored = load_position(self.plan.state_path, market) if self.plan.state_path else None
        self.clock = MarketClock(
            market, self._first(stored), self._step, self.gates, lambda: self.watched
        )
        told = min(stored.told, self.clock.at) if stored else self.clock.at
        self.stand_in = StandIn(market, self.plan.alerts_to, told) if self.plan.alerts_to else None
        self.library = Library(market.roots(), market.front, lambda: self.clock.at)
        self.entities = Entities(self.library, self._heard, self.plan.first_id)
        self.streams = Streams(market, self.library, lambda: self.clock.at)
        self.sessions = Sessions(
            self.plan.wall, self._displaced, self.plan.users, self.plan.passwords
        )
        self.account = Account(self.entities, self.streams, lambda: self.clock.at, self.plan.fees)
        self.book = Book(
            self.entities, self.library, self.streams, self.account, lambda: self.clock.at
        )
        self._memory = self._remembered(fresh=stored is None)
        self.api = Api(
            self.sessions,
            self.entities,
            self.library,
            self.book.operations() | self.account.operations(),
            self.account.fees_of,
        )
        self.mischief = Mischief(self, self.plan.wall)
        self.mischief.plan(self.plan.faults)
        self._caught_up = False
        self._driven = False
        self._said = 0.0
        self._said_at = 0
        self._saved = 0.0
        self._runner: web.AppRunner | None = None
        self._running: asyncio.Task[None] | None = None
        self._port = self.plan.port
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return the address of the REST interface; sockets are at `/websocket` below it."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def socket_url(self) -> str:
        """Return the address of the sockets, trading and market data."""
        return f"ws://127.0.0.1:{self._port}/v1/websocket"

    @property
    def watched(self) -> bool:
        """Return whether the market goes on: somebody follows it, or would if the network let him."""
        return self._driven or self.streams.watched or self.mischief.outage

    async def start(self) -> None:
        """Listen, and let the market go.

        Raises:  OSError  the port is taken
        """
        app = web.Application(middlewares=[open_to_browsers], client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._door)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.plan.port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        if self.stand_in is not None:
            await self.stand_in.start()
        self._running = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Close every connection, keep the position, and stop."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        if self.stand_in is not None:
            await self.stand_in.stop()
        for connection in list(self.connections):
            connection.cut()
        if self._runner is not None:
            await self._runner.cleanup()
        self._save()

    async def move(self, seconds: float) -> None:
        """Let so much market time pass now; tests drive the market this way."""
        self._driven = True
        try:
            await self.clock.move(round(seconds * SECOND))
        finally:
            self._driven = False

    def fault(self, asked: Json) -> None:
        """Misbehave now, as a line of a list of faults says.

        Raises:  BadFaults  it says nothing that can go wrong
        """
        self.mischief.begin(fault_of(asked))

    def authorize(self, token: str) -> Session | Answer:
        """Return whose token this is, or the refusal."""
        return self.sessions.session_of(token)

    async def answer(self, connection: Connection, request: Request) -> Answer:
        """Return the answer to a request of a logged-in connection."""
        asked = asked_of(request)
        session = connection.session
        if (wrong := self.mischief.intercept(request.path, asked)) is not None:
            return wrong
        if (over := self.sessions.over_quota(request.path, session)) is not None:
            return over
        if request.path.startswith("md/"):
            return self.streams.call(connection, request.path, asked)
        if request.path == "user/syncrequest":
            return self._sync(connection, request, asked)
        return self._called(request.path, asked, session)

    def _called(self, path: str, asked: Json, session: Session | None) -> Answer:
        answer = self.api.call(path, asked, session)
        self._remember()
        return answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(STEP_SECONDS)
            now = loop.time()
            self.mischief.tick(watched=self.streams.watched)
            passed, before = now - before, now
            if self.speed and self.watched:
                await self._catch_up_alerts()
                self.clock.waited = 0.0
                await self.clock.move(round(passed * self.speed * SECOND))
                before += (
                    self.clock.waited
                )  # a candle close that waited holds the market, not the wall
            if now - self._said >= SAY_SECONDS:
                self._tell_time()
            if now - self._saved >= SAY_SECONDS:
                self._saved = now
                self._save()

    async def _candle_closed(self, close: int) -> None:
        """Let everything of this candle leave, then wait for the alerts it brings."""
        for connection in [c for c in self.connections if c.stalled.is_set()]:
            await connection.flushed()
        if self.stand_in is not None:
            await self.stand_in.on_close(close)

    async def _catch_up_alerts(self) -> None:
        """Ask once more about the candle at whose close the simulator was stopped, before the market goes on."""
        close = self.clock.at // MINUTE * MINUTE
        if self.stand_in is not None and self.stand_in.told < close and not self._caught_up:
            await self.clock.pass_gates(close)
        self._caught_up = True

    def _step(self, since: int, until: int) -> None:
        happened = self.streams.step(since, until)
        for contract, ticks in happened.items():
            self.book.match(contract, ticks)
        self.book.expire()
        self._remember()
        if any(happened.values()) or until - self._said_at >= SECOND or not until % MINUTE:
            self._tell_time()

    def _tell_time(self) -> None:
        self._said, self._said_at = asyncio.get_running_loop().time(), self.clock.at
        running = self.speed if self.watched and not self.clock.ended else 0.0
        self.streams.tell_time(running, ended=self.clock.ended)

    def _remembered(self, *, fresh: bool) -> Memory | None:
        """Have rows, holdings and orders again, as they were when the last answer was given."""
        if self.plan.state_path is None:
            return None
        memory = Memory(self.plan.state_path.with_suffix(".broker"))
        if fresh:
            memory.forget()
        desk = memory.desk()
        if desk:
            ids = desk["ids"]
            self.entities.take_back(memory.rows(), ids["last"], ids.get("past", {}))
            self.account.take_back(desk["account"])
            self.book.take_back(desk["book"])
        return memory

    def _remember(self) -> None:
        """Keep what has happened, before anybody is answered or told."""
        if self._memory is not None and (changes := self.entities.changes()):
            desk = {
                "ids": {"last": self.entities.last_id, "past": self.entities.past},
                "account": self.account.plain(),
                "book": self.book.plain(),
            }
            self._memory.keep(changes, desk)

    def _first(self, stored: Position | None) -> int:
        known = [at for at in (stored.at if stored else None, self.plan.resume_not_after) if at]
        return max(self.market.start, min(known)) if known else self.market.start

    def _save(self) -> None:
        if self.plan.state_path is not None:
            position = Position(
                self.market.identity,
                self.market.start,
                self.clock.at,
                self.stand_in.told if self.stand_in is not None else self.clock.at,
            )
            save_position(self.plan.state_path, position)
            self._remember()

    async def _door(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"].strip("/").lower().removeprefix("v1").strip("/")
        if request.method == "OPTIONS":
            return web.Response(status=204)
        if path.split("?")[0] == "websocket":
            if self.mischief.refusing and request.transport is not None:
                request.transport.abort()
            if self.mischief.wrong_host:
                return web.Response(status=421)
            return await self._socket(request)
        asked = await body_of(request)
        if asked is None:
            return response_of(Answer(400, {"errorText": "The body is no JSON object"}))
        return response_of(self._rest(path, asked, request.headers.get("Authorization", "")))

    def _rest(self, path: str, asked: Json, authorization: str) -> Answer:
        if (wrong := self.mischief.intercept(path, asked)) is not None:
            return wrong
        session: Session | None = None
        if path not in OPEN:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                return Answer(401, {"errorText": "Access is denied"})
            found = self.sessions.session_of(token.strip())
            if isinstance(found, Answer):
                return found
            session = found
        if (over := self.sessions.over_quota(path, session)) is not None:
            return over
        return self._called(path, asked, session)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        connection = Connection(self, request)
        if self.mischief.stalling:
            connection.stalled.clear()
        self.connections.append(connection)
        try:
            return await connection.serve()
        finally:
            self.connections.remove(connection)
            self.streams.forget(connection)

    def _sync(self, connection: Connection, request: Request, asked: Json) -> Answer:
        if connection.sync is not None:
            return Answer(400, {"errorText": "user/syncrequest was already sent on this socket"})
        connection.sync = asked
        snapshot = self.api.snapshot(asked)
        if self.split < 2:
            return Answer(200, snapshot)
        names = list(snapshot)
        parts = [
            {name: snapshot[name] for name in names[n :: self.split]} for n in range(self.split)
        ]
        for part in parts[:-1]:
            connection.reply(request.number, Answer(200, part))
        return Answer(200, parts[-1])

    def _heard(self, entity: str, event: str, row: Json) -> None:
        told = {"entityType": entity, "eventType": event, "entity": row}
        for connection in self.connections:
            if connection.sync is not None and self.api.hears(connection.sync, entity, row):
                connection.event("props", told)

    def soon(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run an errand in the background."""
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _displaced(self, session: Session) -> None:
        for connection in self.connections:
            if connection.session is session:
                connection.event("shutdown", {"reasonCode": "ConnectionQuotaReached"})
                self.soon(connection.close())
