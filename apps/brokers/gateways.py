"""All gateways of this installation on one event loop: orders out as soon as they are written, both sides compared.

Each login has two lanes, exits and entries: what one of them waits for, or breaks on, holds nobody else.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final

from django.db import DatabaseError, connection
from django.db.models import Q
from django.utils import timezone

from apps.brokers import lapsing
from apps.brokers.domain.ports import BrokerError
from apps.brokers.gateway import Gateway
from apps.brokers.logins import DatabaseThread, open_broker
from apps.brokers.models import WAITING, Connection, Dispatch
from apps.brokers.reconciling import reconcile_all
from apps.brokers.tradovate.broker import TradovateBroker
from apps.bus.models import Heartbeat
from apps.bus.only import AnotherRuns, OnlyOne

log = logging.getLogger(__name__)

LOOK_S: Final = 0.05
COMPARE_S: Final = 5.0
BEAT_S: Final = 5.0
FAULT_S: Final = 1.0
NAME: Final = "gateway"


class Gateways:
    """A gateway for each login that has something to send. Start it once in an installation; a lock sees to it."""

    def __init__(self) -> None:
        self._thread = DatabaseThread()
        self._aside = DatabaseThread()  # compares, so that nothing that is to be sent waits for it
        self._alone = DatabaseThread(keeps=True)  # whose connection holds the lock
        self._only = OnlyOne(NAME)
        self._is_ours = False
        self._brokers: dict[int, TradovateBroker] = {}
        self._gateways: dict[int, Gateway] = {}
        self._lanes: dict[tuple[int, bool], asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin.

        Raises:  AnotherRuns  orders leave through another process already; two would look for each other's orders
        """
        await self._alone.run(self._only.take)
        self._is_ours = True
        works = ((self._turn, LOOK_S), (self._compare, COMPARE_S), (self._sign, BEAT_S))
        self._tasks = [asyncio.create_task(self._for_ever(*one)) for one in works]

    async def stop(self) -> None:
        """End; what was being sent is looked for at the next start."""
        ending = [*self._tasks, *self._lanes.values()]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for broker in self._brokers.values():
            await broker.close()
        if self._is_ours:
            await self._thread.run(_beat, "stopped")
        await self._alone.run(self._only.release)
        for thread in (self._thread, self._aside, self._alone):
            thread.close()

    async def step(self) -> None:
        """Let each lane that has something to send, and that is not at it already, begin. Returns before they end."""
        for login, is_exit in await self._thread.run(_lanes_with_work):
            lane = (login.pk, is_exit)
            if lane not in self._lanes:
                self._lanes[lane] = asyncio.create_task(self._serve(login, is_exit))

    async def settled(self) -> None:
        """Return when no lane is at work."""
        while self._lanes:
            await asyncio.wait(list(self._lanes.values()))

    # ---- inside ----

    async def _for_ever(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("the gateways stumbled")
                await asyncio.sleep(FAULT_S)
            await asyncio.sleep(every)

    async def _turn(self) -> None:
        was_ours = self._is_ours
        self._is_ours = await self._alone.run(self._hold)
        if not self._is_ours:
            if was_ours:
                log.critical("another gateway runs: nothing is sent from here until it ends")
            await asyncio.sleep(FAULT_S)
            return
        await self.step()

    def _hold(self) -> bool:
        """Return whether the lock is ours; one that was lost with its connection is taken again if nobody has it."""
        try:
            if self._is_ours:
                self._only.check()
                return True
        except (AnotherRuns, DatabaseError):
            log.warning("the gateway's lock was lost with its connection")
            connection.close()
        try:
            self._only.take()
        except AnotherRuns:
            return False
        for gateway in self._gateways.values():
            gateway.doubt()  # somebody else may have sent meanwhile
        return True

    async def _serve(self, login: Connection, is_exit: bool) -> None:
        gateway: Gateway | None = None
        try:
            gateway = self._gateway_of(login)
            await gateway.step(is_exit=is_exit)
        except (BrokerError, LookupError) as problem:
            log.warning("login %s: %s", login.pk, problem)
            await self._stumbled(gateway)
        except Exception:
            log.exception("login %s stumbled; what it was sending is looked for", login.pk)
            await self._stumbled(gateway)
        finally:
            del self._lanes[login.pk, is_exit]

    async def _stumbled(self, gateway: Gateway | None) -> None:
        if gateway is not None:
            gateway.doubt()
        await asyncio.sleep(FAULT_S)

    def _gateway_of(self, login: Connection) -> Gateway:
        if login.pk not in self._gateways:
            broker = self._brokers[login.pk] = open_broker(login, self._thread)
            self._gateways[login.pk] = Gateway(login, broker, self._thread)
        return self._gateways[login.pk]

    async def _compare(self) -> None:
        if self._is_ours:
            await self._aside.run(lapsing.end_aged, timezone.now())
            await self._aside.run(reconcile_all)
            await self._aside.run(lapsing.tell_line_back)

    async def _sign(self) -> None:
        if self._is_ours:
            await self._aside.run(_beat)


def _beat(state: str = "running") -> None:
    """Leave a sign of life, for people; who may send is the lock's business."""
    waiting = Dispatch.objects.filter(status__in=WAITING).count()
    detail = {"pid": os.getpid(), "host": os.uname().nodename, "waiting": waiting}
    values = {"at": timezone.now(), "state": state, "detail": detail}
    Heartbeat.objects.update_or_create(name=NAME, defaults=values)


def _lanes_with_work() -> list[tuple[Connection, bool]]:
    """Return the logins for which something is due, exits before entries."""
    due = Q(next_at__isnull=True) | Q(next_at__lte=timezone.now())
    waiting = Dispatch.objects.filter(due, status__in=WAITING)
    pairs = set(waiting.order_by().values_list("account__remote__connection", "is_exit"))
    logins = Connection.objects.in_bulk({number for number, _ in pairs})
    return [
        (logins[number], is_exit)
        for number, is_exit in sorted(pairs, key=lambda pair: not pair[1])
        if number in logins and logins[number].is_on
    ]
