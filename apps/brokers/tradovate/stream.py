"""A login's stream of rows, told as what they say: the whole after each new socket, then what changes."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from apps.brokers.domain.ports import BrokerError, FeedState
from apps.brokers.domain.seen import Seen
from apps.brokers.tradovate.frames import ChartPacket, Event
from apps.brokers.tradovate.rest import Unreachable
from apps.brokers.tradovate.rows import NEEDED, Row, Rows
from apps.brokers.tradovate.socket import Connection
from apps.brokers.tradovate.sync import UserSync
from apps.brokers.tradovate.wall import WallClock

log = logging.getLogger(__name__)

AGAIN_SECONDS = 15.0


class Stream:
    """Listens to a trading line. `pump` has to run beside it: it fetches names that are missing and tells."""

    def __init__(
        self,
        rows: Callable[[], Rows],
        name_contracts: Callable[[Rows], Awaitable[None]],
        complete: Callable[[Rows], Awaitable[None]],
        wall: WallClock,
        heard: Callable[[Sequence[Seen]], None],
        state: Callable[[FeedState, str], None],
        dropped: Counter[str],
    ) -> None:
        self._fresh = rows
        self._name_contracts = name_contracts
        self._complete = complete
        self._wall = wall
        self._heard = heard
        self._state = state
        self._rows = rows()
        self._touched: dict[tuple[str, int], None] = {}
        self._whole = False
        self._news = asyncio.Event()
        self._sync: UserSync | None = None
        self._dropped = dropped

    # --- what the line tells ---

    async def opened(self, connection: Connection) -> None:
        """Ask which accounts there are now, then for all their rows, once per socket."""
        self._state(FeedState.CATCHING_UP, "")
        self._sync = None
        try:
            accounts = msgspec.json.decode(
                await connection.request("account/list"), type=list[dict[str, Any]]
            )
        except msgspec.DecodeError:
            raise Unreachable("the list of accounts can't be read") from None
        self._rows = self._fresh()
        self._touched.clear()
        self._sync = UserSync(
            [row["id"] for row in accounts if isinstance(row.get("id"), int)],
            self._wall,
            self._changed,
            NEEDED,
        )
        await self._sync.opened(connection)
        self._whole = True
        self._news.set()

    async def closing(self, connection: Connection) -> None:
        """The close ends the stream."""

    def heard(self, message: Event | ChartPacket) -> None:
        """Take an event."""
        if self._sync is not None:
            self._sync.heard(message)

    def frame_heard(self) -> None:
        """Nothing here lives by frames."""

    def connecting(self) -> None:
        """An attempt begins."""
        self._state(FeedState.CONNECTING, "")

    def lost(self, reason: str) -> None:
        """What is known may be old from now on."""
        self._whole = False
        self._state(FeedState.LOST, reason)

    def stopped(self, reason: str) -> None:
        """Nothing more will come."""
        self._whole = False
        self._state(FeedState.STOPPED, reason)

    # --- what is told ---

    async def pump(self) -> None:
        """Tell what has come in, in batches, for as long as this runs."""
        while True:
            await self._news.wait()
            self._news.clear()
            rows = self._rows
            try:
                # news comes in pieces and completes itself; what a whole snapshot lacks has to be asked for
                await (self._complete if self._whole else self._name_contracts)(rows)
            except BrokerError as problem:
                log.warning("tradovate.stream names missing=%s", type(problem).__name__)
                await self._wall.wait(AGAIN_SECONDS)
                self._news.set()
                continue
            if rows is not self._rows:
                continue  # another socket came meanwhile; its own news will be told
            if self._whole:
                self._whole = False
                self._touched.clear()
                self._heard(rows.seen())
                self._state(FeedState.LIVE, "")
            touched, self._touched = self._touched, {}
            told = [row for what in touched if (row := rows.tell(*what)) is not None]
            if told:
                self._heard(told)
            self._dropped.update(rows.dropped)
            rows.dropped.clear()

    def _changed(self, entity: str, row: Row) -> None:
        self._rows.put(entity, (row,))
        for what in self._rows.touched(entity, row):
            self._touched.pop(what, None)  # told once, at the place of its last change
            self._touched[what] = None
        self._news.set()
