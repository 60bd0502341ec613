"""Brokers read for ever: each login's stream into our own rows, beside a poll that asks for the whole every minute.

readers = Readers(); await readers.start(); ...; await readers.stop()     # one loop, all logins
poll(connection_id)                                                        # once, from a worker
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from apps.brokers import reports
from apps.brokers.domain.backoff import Backoff
from apps.brokers.domain.ports import Broker, BrokerError, FeedState, LoginRefused, Unavailable
from apps.brokers.domain.seen import Seen, Snapshot
from apps.brokers.logins import DatabaseThread, State, open_broker, stand
from apps.brokers.mirror import Taken, take_in, unlisted
from apps.brokers.models import (
    WAITING,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Connection,
    Dispatch,
    Position,
)
from apps.brokers.models.remote import AT_WORK
from apps.brokers.reconciling import reconcile
from apps.bus.models import Heartbeat

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # so soon is a new login read, and one that was switched off let go
SIGN_SECONDS = 10.0
FRESH = timedelta(seconds=30)  # a stream that was up so recently tells how the login stands


def to_read() -> dict[int, Connection]:
    """Return the logins that are to be read now; who waits for its owner is not among them.

    Those of a user who is switched off are read for as long as they have something open: his stops and exits go on.
    """
    barred = (State.REFUSED, State.DISPLACED)
    rows = Connection.objects.filter(is_on=True, is_removed=False).exclude(state__in=barred)
    wanted = rows.filter(Q(user__is_active=True) | _has_open())
    return {row.pk: row for row in wanted}


def _has_open() -> Q:
    """Return that a login has a position, an order at work, or something on its way, there or by the desk's books."""
    mine = {"account__connection": OuterRef("pk")}
    desk = {"account__remote__connection": OuterRef("pk")}
    return (
        Exists(BrokerPosition.objects.filter(**mine).exclude(net=0))
        | Exists(BrokerOrder.objects.filter(**mine, status__in=AT_WORK))
        | Exists(Position.objects.filter(**desk, closed_at__isnull=True))
        | Exists(Dispatch.objects.filter(**desk, status__in=WAITING))
    )


@dataclass(frozen=True, slots=True)
class _Now:
    """How the stream stands."""

    state: FeedState
    why: str


class Reader:
    """One login: its stream into our rows, until it is cancelled or only its owner could help."""

    def __init__(self, row: Connection, thread: DatabaseThread) -> None:
        self.row = row
        self.is_up = False
        self._thread = thread
        self._heard: asyncio.Queue[Sequence[Seen] | _Now] = asyncio.Queue()
        self._beside: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follow, again and again: whatever breaks, a new snapshot brings everything."""
        backoff = Backoff(Random())
        while True:
            try:
                await self._follow()
                return
            except LoginRefused as problem:
                log.warning("brokers.reader connection=%s ended: %s", self.row.pk, problem)
                return  # how it stands was written down by whoever found out
            except Exception as problem:
                log.exception("brokers.reader connection=%s", self.row.pk)
                await self._lost(f"own fault: {type(problem).__name__}")
            await asyncio.sleep(backoff.next())

    async def _follow(self) -> None:
        try:
            broker = open_broker(self.row, self._thread)
        except LookupError as problem:
            await self._lost(str(problem))
            await asyncio.sleep(LOOK_SECONDS * 5)
            raise Unavailable(str(problem)) from None
        following = asyncio.create_task(
            broker.follow(
                self._heard.put_nowait, lambda now, why: self._heard.put_nowait(_Now(now, why))
            )
        )
        keeping = asyncio.create_task(self._keep(broker))
        try:
            await asyncio.wait({following, keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_up = False
            for task in (following, keeping, *self._beside):
                task.cancel()
            await asyncio.gather(*self._beside, return_exceptions=True)
            ended = await asyncio.gather(following, keeping, return_exceptions=True)
            await broker.close()
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault

    async def _keep(self, broker: Broker) -> None:
        """Write down what is heard, in its order; what a new snapshot lacks is asked for beside."""
        whole: Sequence[Seen] = ()
        while True:
            heard = await self._heard.get()
            if isinstance(heard, _Now):
                await self._stands(heard.state, heard.why)
                if heard.state is FeedState.LIVE:
                    asking = asyncio.create_task(self._recall(broker, whole))
                    self._beside.add(asking)
                    asking.add_done_callback(self._beside.discard)
                continue
            whole = heard
            taken = await self._thread.run(take_home, self.row, heard, "stream")
            if taken.unknown:
                log.warning("brokers.unknown_account rows=%s", taken.unknown)

    async def _recall(self, broker: Broker, whole: Sequence[Seen]) -> None:
        """Learn what became of the orders at work that the snapshot does not list; the next poll asks again."""
        try:
            told = await recall(self.row, broker, self._thread, whole)
            await self._thread.run(take_home, self.row, told, "stream")
        except Exception as problem:
            log.warning("brokers.recall connection=%s failed: %s", self.row.pk, problem)

    async def _stands(self, now: FeedState, why: str) -> None:
        self.is_up = now is FeedState.LIVE
        if now is FeedState.LIVE:
            await self._thread.run(_up, self.row.pk)
        elif now is FeedState.LOST:
            await self._lost(why)

    async def _lost(self, why: str) -> None:
        with suppress(Exception):  # the database may be what broke
            await self._thread.run(_lost, self.row.pk, why)


class Readers:
    """All logins' readers, in one event loop. What is switched off or changed is let go, what is new is read."""

    def __init__(self) -> None:
        self._thread: DatabaseThread | None = None
        self._tasks: dict[int, tuple[Reader, asyncio.Task[None]]] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; returns at once."""
        self._thread = DatabaseThread()
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Log off everywhere and end."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        await self._let_go(list(self._tasks))
        if self._thread is not None:
            self._thread.close()

    async def _run(self) -> None:
        backoff = Backoff(Random())
        signed = 0.0
        while True:
            try:
                await self.step()
                now = asyncio.get_running_loop().time()
                if now - signed >= SIGN_SECONDS:
                    signed = now
                    await self._sign()
                backoff.reset()
                await asyncio.sleep(LOOK_SECONDS)
            except Exception:
                log.exception("brokers.readers")
                await asyncio.sleep(backoff.next())

    async def step(self) -> None:
        """Look at the rows once: begin to read what is new, let go what is not to be read any more."""
        assert self._thread is not None
        wanted = await self._thread.run(to_read)
        await self._let_go(
            [
                number
                for number, (reader, _) in self._tasks.items()
                if number not in wanted or _login(wanted[number]) != _login(reader.row)
            ]
        )
        for number, row in wanted.items():
            known = self._tasks.get(number)
            if known is None or known[1].done():
                reader = Reader(row, self._thread)
                self._tasks[number] = (reader, asyncio.create_task(reader.run()))

    async def _let_go(self, numbers: Sequence[int]) -> None:
        ending = [self._tasks.pop(number)[1] for number in numbers]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _sign(self) -> None:
        assert self._thread is not None
        up = [number for number, (reader, _) in self._tasks.items() if reader.is_up]
        await self._thread.run(_sign, up, len(self._tasks))


def _login(row: Connection) -> tuple[str, ...]:
    return row.environment, row.login, row.password, row.cid, row.sec, row.app_id


def _sign(up: Sequence[int], all_: int) -> None:
    """Leave a sign of life: of the readers, and of each login whose stream is up."""
    now = timezone.now()
    Connection.objects.filter(pk__in=up).update(heard_at=now)
    Heartbeat.objects.update_or_create(
        name="brokers",
        defaults={"at": now, "state": "running", "detail": {"up": len(up), "of": all_}},
    )


def _up(number: int) -> None:
    stand(number, State.OK, heard_at=timezone.now())


def _lost(number: int, why: str) -> None:
    """Let a login be lost, unless something stronger is known: it rests, or waits for its owner."""
    row = Connection.objects.filter(pk=number).first()
    if row is not None and row.state in (State.OK, State.NEW, State.LOST):
        stand(number, State.LOST, why)


def poll(number: int) -> Taken | None:
    """Read a login's accounts whole, once; None if it can't be read now, or must not be."""
    row = Connection.objects.filter(pk=number).first()
    if row is None or number not in to_read():
        return None
    began = timezone.now()
    try:
        snapshot = asyncio.run(_snapshot(row))
    except (BrokerError, LookupError) as problem:
        log.warning("brokers.poll connection=%s failed: %s", number, problem)
        if not _is_fresh(row) and not isinstance(problem, LoginRefused):
            _lost(number, str(problem))
        return None
    taken = take_home(row, snapshot, "poll", began)
    for account in BrokerAccount.objects.filter(connection=row).select_related("account"):
        reconcile(account)
    Connection.objects.filter(pk=number).update(polled_at=timezone.now())
    row.refresh_from_db()
    if not _is_fresh(row) and row.state in (State.LOST, State.NEW):
        stand(number, State.OK)
    return taken


def take_home(
    row: Connection,
    seen: Snapshot | Sequence[Seen],
    source: str,
    read_at: datetime | None = None,
) -> Taken:
    """Keep what a broker says, and bring what is new of it to the engine. `read_at`: see `take_in`."""
    taken = take_in(row, seen, source, read_at)
    reports.tell(taken.orders, taken.fills)
    return taken


async def recall(
    row: Connection, broker: Broker, thread: DatabaseThread, told: Sequence[Seen]
) -> tuple[Seen, ...]:
    """Return what became of the orders at work that a broker did not list when it told everything."""
    known = await thread.run(unlisted, row, told)
    return await broker.recall(known) if known else ()


def _is_fresh(row: Connection) -> bool:
    return row.heard_at is not None and timezone.now() - row.heard_at < FRESH


async def _snapshot(row: Connection) -> Snapshot:
    thread = DatabaseThread()
    try:
        broker = open_broker(row, thread)
        try:
            snapshot = await broker.snapshot()
            return snapshot.also(await recall(row, broker, thread, snapshot.orders))
        finally:
            await broker.close()
    finally:
        thread.close()
