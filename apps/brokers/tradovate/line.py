"""A socket that is kept up: log in, connect, and after every end back off and connect again.

Whoever uses the line subscribes in `opened`, which is called for each new socket.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import StrEnum
from random import Random
from typing import Any, Protocol, TypeVar

from apps.brokers.domain.backoff import Backoff
from apps.brokers.tradovate.frames import ChartPacket, Event
from apps.brokers.tradovate.hosts import Hosts
from apps.brokers.tradovate.rest import (
    CaptchaDemanded,
    Displaced,
    RateLimited,
    TradovateError,
    Unauthorised,
    WrongHost,
)
from apps.brokers.tradovate.session import CredentialsRefused, LoginPaused, Session, Token
from apps.brokers.tradovate.socket import Connection
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import SECOND

log = logging.getLogger(__name__)

STABLE_SECONDS = 30.0  # a socket that lived so long was good: the next wait is short again
QUOTA_SECONDS = (
    60.0  # after a shutdown for too many connections; an earlier return would push others out
)
MAINTENANCE_SECONDS = 15.0
CAPTCHA_SECONDS = 3600.0
LEAVE_SECONDS = 2.0

T = TypeVar("T")


class Purpose(StrEnum):
    """Which of the two sockets."""

    MARKET_DATA = "market data"
    TRADING = "trading"


class Listener(Protocol):
    """Who uses a line."""

    async def opened(self, connection: Connection) -> None:
        """Subscribe on a new, authorised socket. A TradovateError from here ends the socket."""

    async def closing(self, connection: Connection) -> None:
        """Give back what was subscribed, before the socket is closed at log-off."""

    def heard(self, message: Event | ChartPacket) -> None:
        """Take an event or a chart packet, in the order of the wire."""

    def frame_heard(self) -> None:
        """Learn that a frame of any kind has been worked off."""

    def connecting(self) -> None:
        """Learn that an attempt begins."""

    def lost(self, reason: str) -> None:
        """Learn that there is no socket, and why."""

    def stopped(self, reason: str) -> None:
        """Learn that nothing more will be tried, because only a person can mend it, or because we ended."""


class Line:
    """One socket for one purpose, kept up until `stop`."""

    def __init__(
        self,
        purpose: Purpose,
        session: Session,
        hosts: Callable[[], Hosts],
        wall: WallClock,
        chance: Random,
        listener: Listener,
    ) -> None:
        self._purpose = purpose
        self.session = session
        self._hosts = hosts
        self._wall = wall
        self._listener = listener
        self._backoff = Backoff(chance)
        self._quiet = Backoff(
            chance, first=15, most=3600
        )  # over quota only quiet helps, up to an hour
        self._stopping = asyncio.Event()
        self.connection: Connection | None = None
        self.dropped: Counter[str] = Counter()
        self.sockets = 0
        self.fatal: TradovateError | None = None  # why only a person could help

    async def run(self) -> None:
        """Keep a socket up until `stop`, or until only a person could help."""
        reason = "stopped"
        while not self._stopping.is_set():
            wait = 0.0
            try:
                self._listener.connecting()
                shutdown = await self._one_socket()
                if shutdown:
                    wait = MAINTENANCE_SECONDS if shutdown == "Maintenance" else QUOTA_SECONDS
            except (CredentialsRefused, Displaced) as problem:
                why = f"{type(problem).__name__}: {problem}"
                if await self._is_over(problem):
                    self.fatal, reason = problem, why
                    break
                self._listener.lost(why)
            except LoginPaused as pause:
                wait = (pause.until - self._wall.now()) / SECOND
                self._listener.lost(str(pause))
            except CaptchaDemanded as problem:
                wait = CAPTCHA_SECONDS
                self._listener.lost(f"captcha demanded: {problem}")
            except TradovateError as problem:
                self._listener.lost(f"{type(problem).__name__}: {problem}")
                wait = self._quiet.next() if isinstance(problem, RateLimited) else 0.0
            except Exception as fault:
                log.exception("tradovate.line fault")
                self._listener.lost(f"own fault: {type(fault).__name__}")
            if not self._stopping.is_set():
                await self.unless_stopped(self._wall.wait(self._backoff.next(at_least=wait)))
        log.info("tradovate.line stopped purpose=%s reason=%s", self._purpose, reason)
        self._listener.stopped(reason)

    def stop(self) -> None:
        """Let `run` end: close with 1000, no reconnect, no timer left."""
        self._stopping.set()

    async def _is_over(self, problem: TradovateError) -> bool:
        """Return whether only a person can help: a session of ours may have taken the place of the one that is lost."""
        try:
            return await self.session.hear(problem)
        except Exception:  # who could tell does not answer
            log.exception("tradovate.line fault")
            return not isinstance(problem, Displaced)

    async def _one_socket(self) -> str:
        """Live one socket's life; return the shutdown reason that the server gave, if any."""
        connection = await self.unless_stopped(self._connect())
        if connection is None:
            return ""
        self.sockets += 1
        self.connection = connection
        since = self._wall.elapsed()
        opening = asyncio.ensure_future(self._listener.opened(connection))
        ending = asyncio.ensure_future(connection.ended())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({opening, ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done():
                opening.result()
                await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await self._take_leave(connection)
                return ""
            ended = await ending
        finally:
            self.connection = None
            for task in (opening, ending, stopping):
                task.cancel()
            await asyncio.gather(opening, ending, stopping, return_exceptions=True)
            await connection.close("log-off")
        if self._wall.elapsed() - since > STABLE_SECONDS:
            self._backoff.reset()
            self._quiet.reset()
        self._listener.lost(ended.reason)
        return ended.shutdown

    async def _connect(self) -> Connection:
        """Open a socket. A kept token that ran out while nobody looked is replaced before anybody is told."""
        token = await self.session.token()
        try:
            return await self._open(token)
        except Unauthorised:
            # a socket says 401 for a displaced session too; REST tells the two apart
            await self.session.verify(token)
        token = await self.session.token()
        try:
            return await self._open(token)
        except Unauthorised:
            await self.session.verify(token)
            raise

    async def _open(self, token: Token) -> Connection:
        market_data = self._purpose is Purpose.MARKET_DATA
        hosts = self._hosts()
        try:
            return await Connection.open(
                hosts.market_data if market_data else hosts.trading,
                (token.market_data or token.access) if market_data else token.access,
                self._wall,
                hear=self._listener.heard,
                frame_heard=self._listener.frame_heard,
                dropped=self.dropped,
            )
        except WrongHost:
            await self.session.renew()  # its answer names the hosts
            raise

    async def _take_leave(self, connection: Connection) -> None:
        if not connection.is_open:
            return
        # what goes wrong here does not matter: the close takes everything with it anyway
        with suppress(TradovateError, TimeoutError):
            await self._wall.within(LEAVE_SECONDS, self._listener.closing(connection))

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Return what the work returns; None if we are stopped before it is done."""
        task = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            stopping.cancel()
            await asyncio.gather(task, stopping, return_exceptions=True)
