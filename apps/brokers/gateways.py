"""All gateways of this installation on one event loop: orders out as soon as they are written, both sides compared."""

import asyncio
import logging
import os
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.utils import timezone

from apps.brokers.domain.ports import BrokerError
from apps.brokers.gateway import Gateway
from apps.brokers.logins import DatabaseThread, open_broker
from apps.brokers.models import WAITING, Connection, Dispatch
from apps.brokers.reconciling import reconcile_all
from apps.brokers.tradovate.broker import TradovateBroker
from apps.bus.models import Heartbeat

log = logging.getLogger(__name__)

LOOK_S: Final = 0.05
COMPARE_S: Final = 5.0
BEAT_S: Final = 5.0
NAME: Final = "gateway"


class AnotherGateway(Exception):
    """Orders leave through another process already; two would look for each other's orders."""


class Gateways:
    """A gateway for each login that has something to send. Start it once in an installation."""

    def __init__(self) -> None:
        self._thread = DatabaseThread()
        self._brokers: dict[int, TradovateBroker] = {}
        self._gateways: dict[int, Gateway] = {}
        self._task: asyncio.Task[None] | None = None
        self._me = f"{os.getpid()}.{time.time_ns()}"
        self._compared = self._beaten = 0.0

    async def start(self) -> None:
        """Begin.

        Raises:  AnotherGateway
        """
        await self._thread.run(self._be_alone)
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """End; what was being sent is looked for at the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for broker in self._brokers.values():
            await broker.close()
        await self._thread.run(self._rest)
        self._thread.close()

    async def _live(self) -> None:
        while True:
            try:
                await self.step()
            except Exception:
                log.exception("a gateway stumbled; what it was sending is looked for")
                self._gateways.clear()
                await asyncio.sleep(1.0)
            await asyncio.sleep(LOOK_S)

    async def step(self) -> None:
        """Send what waits, for every login at once; now and then compare, and leave a sign of life."""
        logins = await self._thread.run(_logins_with_work)
        await asyncio.gather(*(self._serve(one) for one in logins))
        now = time.monotonic()
        if now - self._compared >= COMPARE_S:
            self._compared = now
            await self._thread.run(reconcile_all)
        if now - self._beaten >= BEAT_S:
            self._beaten = now
            await self._thread.run(self._beat)

    async def _serve(self, connection: Connection) -> None:
        gateway = self._gateways.get(connection.pk)
        if gateway is None:
            broker = self._brokers.get(connection.pk)
            if broker is None:
                broker = open_broker(connection, self._thread)
                self._brokers[connection.pk] = broker
            gateway = self._gateways[connection.pk] = Gateway(connection, broker, self._thread)
            await gateway.start()
        try:
            await gateway.step()
        except BrokerError as problem:
            log.warning("login %s: %s", connection.pk, problem)

    def _be_alone(self) -> None:
        fresh = timezone.now() - timedelta(seconds=3 * BEAT_S)
        other = Heartbeat.objects.filter(name=NAME, state="running", at__gte=fresh).first()
        if other is not None and other.detail.get("pid") != os.getpid() and _lives(other):
            raise AnotherGateway(f"the gateway runs in process {other.detail.get('pid')}: stop it")
        self._beat()

    def _beat(self, state: str = "running") -> None:
        waiting = Dispatch.objects.filter(status__in=WAITING).count()
        detail = {"pid": os.getpid(), "host": os.uname().nodename, "waiting": waiting}
        values = {"at": timezone.now(), "state": state, "detail": detail}
        Heartbeat.objects.update_or_create(name=NAME, defaults=values)

    def _rest(self) -> None:
        self._beat("stopped")


def _lives(other: Heartbeat) -> bool:
    """Return whether a process of this host is still there; of another host nobody knows, so it is."""
    if other.detail.get("host") != os.uname().nodename:
        return True
    try:
        os.kill(int(other.detail.get("pid") or 0), 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _logins_with_work() -> list[Connection]:
    waiting = Dispatch.objects.filter(status__in=WAITING)
    numbers = waiting.values_list("account__remote__connection", flat=True).distinct()
    return list(Connection.objects.filter(pk__in=numbers, is_on=True))
