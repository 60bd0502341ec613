"""What Tradovate knows about the user's accounts, orders and fills, kept equal by snapshot and events.

There is no sequence number and events are repeated, so rows are upserted by (entity type, id), an older row
never replaces a newer one, and each new socket brings a new snapshot that replaces what was known.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from apps.brokers.tradovate.frames import ChartPacket, Event, Response, instant_of, penalty_in
from apps.brokers.tradovate.rest import CaptchaDemanded, RateLimited, Unreachable, error_of
from apps.brokers.tradovate.socket import ANSWER_SECONDS, Connection
from apps.brokers.tradovate.wall import WallClock

log = logging.getLogger(__name__)

QUIET_SECONDS = (
    1.5  # no end marker of a split snapshot is documented; so long without a part is the end
)
ENTITY_TYPES = (
    "account", "order", "orderVersion", "command", "commandReport", "executionReport", "fill",
    "fillPair", "position", "cashBalance", "accountRiskStatus", "contract", "contractMaturity",
    "product",
)  # fmt: skip

Row = Mapping[str, Any]
Table = dict[int, Row]
MAX_TICKETS = 3


class _Props(Struct, rename="camel"):
    entity_type: str
    event_type: str
    entity: dict[str, Any] | list[dict[str, Any]]


def singular(plural: str) -> str:
    """Return the entity type of a snapshot's array: `fillFees` -> `fillFee`, `currencies` -> `currency`."""
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    return plural[:-2] if plural.endswith("uses") else plural.removesuffix("s")


class UserSync:
    """The rows of one user. Listens to a trading line.

    changed: is told every row that is new or different, with its entity type; not the repeated ones
    """

    def __init__(
        self,
        accounts: Sequence[int],
        wall: WallClock,
        changed: Callable[[str, Row], None] = lambda entity, row: None,
        entity_types: Sequence[str] = ENTITY_TYPES,
    ) -> None:
        self._request = {
            "splitResponses": True,
            "accounts": list(accounts),
            "entityTypes": list(entity_types),
        }
        self._wall = wall
        self._changed = changed
        self._tables: dict[str, Table] = {}
        self._early: list[Raw] = []
        self._settled = False
        self.ready = asyncio.Event()
        self.dropped = 0
        self.reason = ""

    def rows(self, entity: str) -> Table:
        """Return the rows of an entity type by id."""
        return self._tables.get(entity, {})

    async def opened(self, connection: Connection) -> None:
        """Ask for the snapshot, once per socket, and let it replace what was known."""
        self._settled = False
        self._early.clear()
        parts: asyncio.Queue[Response] = asyncio.Queue()
        first = await self._first_part(
            connection,
            lambda part: (
                self._merge(part.data, self._tables) if self._settled else parts.put_nowait(part)
            ),
            parts,
        )
        fresh: dict[str, Table] = {}
        self._merge(first.data, fresh)
        while True:
            try:
                part = await self._wall.within(QUIET_SECONDS, parts.get())
            except TimeoutError:
                break
            self._merge(part.data, fresh)
        self._replace(fresh)
        self._settled = True
        early, self._early = self._early, []
        for data in early:
            self._apply(data)
        self.ready.set()

    async def closing(self, connection: Connection) -> None:
        """A snapshot's stream can't be cancelled; the close ends it."""

    def heard(self, message: Event | ChartPacket) -> None:
        """Take a `props` event; before the snapshot is whole it waits."""
        if isinstance(message, Event) and message.name == "props":
            if self._settled:
                self._apply(message.data)
            else:
                self._early.append(message.data)

    def frame_heard(self) -> None:
        """Nothing here lives by frames."""

    def connecting(self) -> None:
        """Nothing to do before there is a socket."""

    def lost(self, reason: str) -> None:
        """What is known may be old from now on."""
        self.reason = reason
        self.ready.clear()

    def stopped(self, reason: str) -> None:
        """What is known stays as it was."""
        self.reason = reason
        self.ready.clear()

    async def _first_part(
        self,
        connection: Connection,
        hear: Callable[[Response], None],
        parts: "asyncio.Queue[Response]",
    ) -> Response:
        body: dict[str, Any] = dict(self._request)
        for _ in range(MAX_TICKETS + 1):
            await connection.stream("user/syncrequest", body, hear)
            try:
                part = await self._wall.within(ANSWER_SECONDS, parts.get())
            except TimeoutError:
                raise Unreachable("no snapshot") from None
            if part.status != 200:
                raise error_of(part.status, "user/syncrequest")
            penalty = penalty_in(part.data)
            if penalty is None:
                return part
            if penalty.captcha:
                raise CaptchaDemanded("user/syncrequest")
            await self._wall.wait(penalty.seconds)
            body["p-ticket"] = (
                penalty.ticket
            )  # the first one was not executed: this is still the only one
        raise RateLimited("user/syncrequest: one penalty ticket after the other")

    def _merge(self, data: Raw, into: dict[str, Table]) -> None:
        try:
            arrays = msgspec.json.decode(data, type=dict[str, list[dict[str, Any]]])
        except msgspec.DecodeError:
            self.dropped += 1
            return
        for plural, rows in arrays.items():
            table = into.setdefault(singular(plural), {})
            for row in rows:
                self._upsert(singular(plural), table, row, tell=into is self._tables)

    def _replace(self, fresh: dict[str, Table]) -> None:
        before, self._tables = self._tables, fresh
        for entity, table in fresh.items():
            known = before.get(entity, {})
            for number, row in table.items():
                if known.get(number) != row:
                    self._changed(entity, row)

    def _apply(self, data: Raw) -> None:
        try:
            props = msgspec.json.decode(data, type=_Props)
        except msgspec.DecodeError:
            self.dropped += 1
            return
        table = self._tables.setdefault(props.entity_type, {})
        rows = props.entity if isinstance(props.entity, list) else [props.entity]
        for row in rows:
            if props.event_type == "Deleted":
                table.pop(row.get("id", 0), None)
            else:
                self._upsert(props.entity_type, table, row, tell=True)

    def _upsert(self, entity: str, table: Table, row: Row, *, tell: bool) -> None:
        number = row.get("id")
        if not isinstance(number, int):
            self.dropped += 1
            return
        known = table.get(number)
        if known == row or (known is not None and _is_older(row, known)):
            return
        table[number] = row
        if tell:
            self._changed(entity, row)


def _is_older(row: Row, known: Row) -> bool:
    try:
        return instant_of(row["timestamp"]) < instant_of(known["timestamp"])
    except (KeyError, TypeError, ValueError):
        return False  # without times the later message is the newer one
