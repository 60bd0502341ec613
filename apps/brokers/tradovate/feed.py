"""Tradovate as a feed: missed ticks first and in order, then live ones, and the truth about the connection.

    feed = TradovateFeed(settings, market, ("NQZ6",), queue.put, resume=newest_stored_tick)
    feed.start()                  # a thread and an event loop of its own; or `await feed.run()` in yours
    feed.stop()

What it puts on the queue, and in which order, is told in `apps/brokers/domain/ports.py`.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random

import msgspec
from msgspec import Raw, Struct

from apps.brokers.domain.ports import (
    Cursor,
    FeedChanged,
    FeedItem,
    FeedState,
    QueuePut,
    TicksArrived,
)
from apps.brokers.tradovate.following import Follower
from apps.brokers.tradovate.frames import ChartPacket, Event, instant_of
from apps.brokers.tradovate.hosts import TradovateSettings
from apps.brokers.tradovate.line import Line, Purpose
from apps.brokers.tradovate.market_data import MarketData, SubscriptionRefused
from apps.brokers.tradovate.quota import Lane, Quota
from apps.brokers.tradovate.rest import Displaced, Rest, TradovateError
from apps.brokers.tradovate.session import Session
from apps.brokers.tradovate.socket import DEAD_STREAM, Connection
from apps.brokers.tradovate.wall import WallClock
from apps.marketdata.domain.messages import ClockTicked

log = logging.getLogger(__name__)

ALARM_SECONDS = 60.0
WATCH_SECONDS = 5.0
CLOCK_APART = 200_000_000  # market time from the wall is said at most five times a second


@dataclass(frozen=True, slots=True)
class Market:
    """What the feed has to know about the market it connects to.

    tick_size: of a contract
    is_open: whether a contract trades at an instant of market time; closed hours raise no alarm
    has_clock: the server says the market's time (the simulator does); else it is the wall clock's
    """

    tick_size: Callable[[str], Decimal]
    is_open: Callable[[str, int], bool] = lambda contract, at: True
    has_clock: bool = False


class _Clock(Struct):
    t: str
    end: bool = False


class _Contract(Struct):
    id: int


class TradovateFeed:
    """The market data of some contracts, over one socket. Implements the port `Feed`.

    put: takes items from the feed's thread, as `queue.Queue.put` does
    resume: the newest stored tick of a contract; asked once, when the contract is first followed
    warm_up: without such a tick, the oldest instant whose ticks are wanted; None: none
    session: the owner of the token; a login of its own if there is none
    quota: shared with everybody who calls for this login
    """

    def __init__(
        self,
        settings: TradovateSettings,
        market: Market,
        contracts: Sequence[str],
        put: QueuePut,
        *,
        resume: Callable[[str], Cursor | None] = lambda contract: None,
        warm_up: Callable[[str], int | None] = lambda contract: None,
        wall: WallClock | None = None,
        chance: Random | None = None,
        session: Callable[[Rest], Session] | None = None,
        quota: Quota | None = None,
    ) -> None:
        self._settings = settings
        self._market = market
        self._contracts = tuple(contracts)
        self._put = put
        self._resume = resume
        self._warm_up = warm_up
        self._wall = wall or WallClock()
        self._chance = chance or Random()
        self._state = FeedState.CONNECTING
        self._reason = ""
        self._at = 0  # market time as far as known
        self._begun = (self._wall.now(), self._wall.elapsed())
        self._said_at = 0
        self._down_since: float | None = None
        self._alarmed = False
        self._followers: dict[str, Follower] = {}
        self._refused: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._rest = Rest(settings.addresses, self._wall, self._chance, quota)
        self._session = session or self._own_session
        self._line: Line | None = None
        self._data: MarketData | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop_asked = False
        self.dropped: Counter[str] = Counter()

    @property
    def state(self) -> FeedState:
        """Return how the feed stands now."""
        return self._state

    @property
    def reason(self) -> str:
        """Return why it stands so; while it is live, what the server refuses."""
        return self._reason

    @property
    def market_at(self) -> int:
        """Return market time as far as known; 0 before anything was heard."""
        return self._at

    def start(self) -> None:
        """Begin to connect, in a thread of its own; returns at once."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.run()), name="tradovate-feed", daemon=True
        )
        self._thread.start()

    def stop(self, timeout: float = 4.0) -> None:
        """Log off and end; waits for the thread if there is one."""
        self._stop_asked = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop_line)
        if self._thread is not None:
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Return whether it still runs; one that stopped for a reason that a person has to mend has not died."""
        running = self._thread is not None and self._thread.is_alive()
        return running or self._state is FeedState.STOPPED

    def follow(self, contracts: Sequence[str]) -> None:
        """Follow these contracts from now on: after a roll, or when somebody needs another one."""
        self._contracts = tuple(contracts)
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._refollow(), self._loop)

    async def run(self) -> None:
        """Feed until `stop`, or until only a person could help."""
        self._loop = asyncio.get_running_loop()
        session = self._session(self._rest)
        self._line = self._new_line(session)
        self._data = MarketData(self._number_of, self.dropped)
        await self._follow()
        self._down_since = self._wall.elapsed()
        self._change(FeedState.CONNECTING, "starting")
        beside = [asyncio.create_task(session.keep_fresh()), asyncio.create_task(self._watch())]
        if self._stop_asked:
            self._line.stop()
        try:
            await self._line.run()
            # who was displaced goes on when the owner says so
            while await self._is_back(self._line):
                self._change(FeedState.CONNECTING, "taken back")
                self._line = self._new_line(session)
                await self._line.run()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            self._rest.quota.flush()
            await self._rest.close()

    def _own_session(self, rest: Rest) -> Session:
        return Session(self._settings, rest, self._wall, self._chance)

    def _new_line(self, session: Session) -> Line:
        line = Line(
            Purpose.MARKET_DATA, session, lambda: self._rest.hosts, self._wall, self._chance, self
        )
        line.dropped = self.dropped
        return line

    async def _is_back(self, line: Line) -> bool:
        """Wait for the owner of a login that was displaced; return whether he took it back."""
        if not isinstance(line.fatal, Displaced):
            return False
        return bool(await line.unless_stopped(line.session.freed()))

    # --- what the line tells us ---------------------------------------------------------------------------

    async def opened(self, connection: Connection) -> None:
        """Ask for everything again, work off what was missed, then go live."""
        data = self._data
        assert data is not None
        self._change(FeedState.CATCHING_UP, "")
        await self._follow()
        self._refused = {str(name): why for name, why in (await data.attach(connection)).items()}
        if self._followers.keys() <= self._refused.keys():
            raise SubscriptionRefused("; ".join(self._refused.values()))
        while behind := self._behind():  # somebody may ask for another contract meanwhile
            await behind[0].catch_up(data)
        self._down_since, self._alarmed = None, False
        self._change(FeedState.LIVE, "; ".join(self._refused.values()))
        self._say_time()

    async def closing(self, connection: Connection) -> None:
        """Give the subscriptions back."""
        if self._data is not None:
            await self._data.release()

    def heard(self, message: Event | ChartPacket) -> None:
        """Take market data, and the market's time where the server says it."""
        if isinstance(message, Event) and message.name == "clock":
            if self._market.has_clock:
                self._hear_clock(message.data)
        elif self._data is not None:
            self._data.heard(message)

    def frame_heard(self) -> None:
        """A frame of any kind proves that the connection lives: on a real market, time has come so far."""
        if not self._market.has_clock:
            now = self._wall_without_steps()
            if now - self._at >= CLOCK_APART:
                self._at = now
                self._say_time()

    def _wall_without_steps(self) -> int:
        """Return the wall's time as it was at the start and has passed since: a clock that is set must not step the market."""
        begun_at, begun = self._begun
        return begun_at + round((self._wall.elapsed() - begun) * 1_000_000_000)

    def _traded(self, item: FeedItem) -> None:
        """Hand an item on. A live trade later than our clock shows that we slept: time has come so far."""
        if isinstance(item, TicksArrived) and item.live and not self._market.has_clock:
            ahead = item.ticks[-1].at - self._wall_without_steps()
            if ahead > 0:
                self._begun = (self._begun[0] + ahead, self._begun[1])
        self._put(item)

    def connecting(self) -> None:
        """Note an attempt. While it fails the feed stays lost: attempts are no changes."""
        log.info("tradovate.feed connecting")

    def lost(self, reason: str) -> None:
        """Say that there is no connection."""
        if self._down_since is None:
            self._down_since = self._wall.elapsed()
        self._change(FeedState.LOST, reason)

    def stopped(self, reason: str) -> None:
        """Say that nothing more will come."""
        self._change(FeedState.STOPPED, reason)

    # --- inside -------------------------------------------------------------------------------------------

    def _behind(self) -> list[Follower]:
        """Return the contracts whose missed ticks are still to come."""
        return [
            follower
            for contract, follower in self._followers.items()
            if follower.is_behind and contract not in self._refused
        ]

    async def _refollow(self) -> None:
        """Follow other contracts on the socket there is; where that fails, a new one begins with all of them."""
        try:
            await self._follow()
            self._say_time()
        except TradovateError as problem:
            log.warning("tradovate.follow failed=%s", problem)
            if self._line is not None and self._line.connection is not None:
                await self._line.connection.close(f"contracts changed: {problem}")

    async def _follow(self) -> None:
        """Bring the followers in line with the contracts that are wanted."""
        data = self._data
        assert data is not None
        for contract in [name for name in self._followers if name not in self._contracts]:
            await self._followers.pop(contract).leave(data)
        for contract in [name for name in self._contracts if name not in self._followers]:
            follower = self._follower(contract)
            await follower.join(data)
            self._followers[contract] = follower
            if self._state in (FeedState.LIVE, FeedState.ENDED):
                await follower.catch_up(data)

    def _follower(self, contract: str) -> Follower:
        return Follower(
            contract,
            self._market.tick_size(contract),
            cursor=self._resume(contract),
            oldest_at=self._warm_up(contract),
            put=self._traded,
            is_open=self._market.is_open,
            wall=self._wall,
            dropped=self.dropped,
        )

    async def _number_of(self, contract: str) -> int:
        if contract not in self._numbers:
            assert self._line is not None
            token = await self._line.session.token()
            found = await self._rest.get(
                "contract/find", token=token.access, query={"name": contract}, lane=Lane.ORDER
            )
            self._numbers[contract] = msgspec.json.decode(found, type=_Contract).id
        return self._numbers[contract]

    def _hear_clock(self, data: Raw) -> None:
        try:
            clock = msgspec.json.decode(msgspec.json.decode(data, type=str), type=_Clock)
            self._at = max(self._at, instant_of(clock.t))
        except (msgspec.DecodeError, ValueError):
            self.dropped["clock of wrong shape"] += 1
            return
        self._say_time()
        if clock.end and self._state is FeedState.LIVE:
            self._change(FeedState.ENDED, "end of recording")

    def _say_time(self) -> None:
        """Say market time, unless ticks from before it are still to come."""
        if self._state is FeedState.LIVE and self._at > self._said_at and not self._behind():
            self._said_at = self._at
            self._put(ClockTicked(self._at))

    def _change(self, state: FeedState, reason: str, *, alarm: bool = False) -> None:
        if (state, reason) == (self._state, self._reason) and not alarm:
            return
        self._state, self._reason = state, reason
        log.info("tradovate.feed state=%s reason=%s", state, reason)
        self._put(FeedChanged(state, "", self._at, self._wall.now(), reason, alarm))

    def _stop_line(self) -> None:
        if self._line is not None:
            self._line.stop()

    async def _watch(self) -> None:
        """Call somebody when the feed is down for long, and tell a dead stream from a quiet market."""
        while True:
            await self._wall.wait(WATCH_SECONDS)
            for follower in self._followers.values():
                follower.forget_repeats()
            if self._state is FeedState.STOPPED:
                continue  # only the owner can mend it, and he was told
            if self._down_since is not None:
                self._check_outage(self._wall.elapsed() - self._down_since)
            elif self._state is FeedState.LIVE:
                await self._check_streams()

    def _check_outage(self, seconds: float) -> None:
        at = self._at if self._market.has_clock else self._wall_without_steps()
        closed = at and not any(self._market.is_open(name, at) for name in self._contracts)
        if seconds > ALARM_SECONDS and not self._alarmed and not closed:
            self._alarmed = True
            self._change(
                self._state, f"down for more than {ALARM_SECONDS:.0f} s: {self._reason}", alarm=True
            )

    async def _check_streams(self) -> None:
        connection = self._line.connection if self._line else None
        if connection is None or self._data is None:
            return
        for follower in list(self._followers.values()):
            if follower.is_quiet and self._market.is_open(follower.contract, self._at):
                try:
                    dead = await follower.is_dead(self._data)
                except TradovateError:
                    continue  # the socket has troubles of its own, and its own watch
                if dead:
                    await connection.close("stream dead", DEAD_STREAM)
                    return
