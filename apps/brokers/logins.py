"""A login at a broker as a row that every process shares: how it stands, its token, and whose turn it is to ask.

No transaction is open while a broker is asked: the lease is a compare-and-set, each write is short, and each change of
how the login stands is told in the same transaction.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, ParamSpec, TypeVar

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.db import close_old_connections, connections, transaction
from django.db.models import Q
from django.utils import timezone

from apps.brokers.domain.told import ConnectionChanged
from apps.brokers.models.remote import Connection
from apps.brokers.tradovate.broker import TradovateBroker
from apps.brokers.tradovate.hosts import Hosts, TradovateSettings
from apps.brokers.tradovate.quota import OwnTally, Quota
from apps.brokers.tradovate.session import Token
from apps.brokers.tradovate.shared import Kept, SharedSession
from apps.brokers.tradovate.wall import WallClock
from apps.bus import bus
from apps.bus.domain.message import HOUR, MINUTE, SECOND, to_instant

P = ParamSpec("P")
T = TypeVar("T")
State = Connection.State
SYNC_EVERY = SECOND


class DatabaseThread:
    """One thread with one database connection, for an event loop that must not wait for a database.

    keeps: the connection is never made anew for its age: something that belongs to it is held
    """

    def __init__(self, *, keeps: bool = False) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="brokers-db")
        self._keeps = keeps

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the work returns, done in that thread."""

        def fresh() -> T:
            if not self._keeps:
                close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, fresh)

    def close(self) -> None:
        """Let go of the connection and end the thread."""
        self._pool.submit(connections.close_all).result(10)
        self._pool.shutdown()


def stand(number: int, state: State, reason: str = "", **also: Any) -> bool:
    """Let a login stand so from now on, and tell it if that is news. `also` are fields written with it.

    Returns whether it was news.
    """
    with transaction.atomic():
        row = Connection.objects.select_for_update().filter(pk=number).first()
        if row is None:
            return False
        is_news = (row.state, row.reason) != (state, reason[:200])
        for name, value in also.items():
            setattr(row, name, value)
        if is_news:
            now = timezone.now()
            row.state, row.reason, row.state_at = state, reason[:200], now
            bus.publish(
                ConnectionChanged(
                    at=to_instant(now),
                    user=row.user_id,
                    connection=row.pk,
                    called=row.name,
                    state=state,
                    reason=row.reason,
                )
            )
        row.save(update_fields=["state", "reason", "state_at", *also])
    return is_news


class _Secrets(msgspec.Struct):
    access: str
    market_data: str
    user_id: int


def token_fields(token: Token) -> dict[str, Any]:
    """Return a token as the row's fields."""
    secrets = _Secrets(token.access, token.market_data, token.user_id)
    return {
        "token": msgspec.json.encode(secrets).decode(),
        "token_issued_at": token.issued_at,
        "token_expires_at": token.expires_at,
    }


class LoginRow:
    """The shared row of one login, as a `TokenStore`."""

    def __init__(self, number: int, thread: DatabaseThread, wall: WallClock) -> None:
        self._rows = Connection.objects.filter(pk=number)
        self._number = number
        self._thread = thread
        self._wall = wall
        self._me = uuid.uuid4().hex

    async def look(self) -> Kept:
        """Return what it says now."""
        return await self._thread.run(self._look)

    def _look(self) -> Kept:
        row = self._rows.first()
        if row is None or row.is_removed:
            return Kept(barred="the connection was removed")
        barred = ""
        if not row.is_on:
            barred = "switched off"
        elif row.state in (State.REFUSED, State.DISPLACED):
            barred = row.reason or State(row.state).label
        token = None
        if row.token:
            secrets = msgspec.json.decode(row.token, type=_Secrets)
            token = Token(
                secrets.access,
                secrets.market_data,
                secrets.user_id,
                row.token_issued_at,
                row.token_expires_at,
            )
        return Kept(
            token,
            barred,
            row.is_on and row.state == State.DISPLACED,
            row.paused_until,
            row.reason,
            row.renewed_at,
            row.hosts,
        )

    async def claim(self, until: int) -> bool:
        """Take the lease if nobody holds it."""
        free = Q(lease_until__lte=self._wall.now()) | Q(lease_by=self._me)
        return await self._update(self._rows.filter(free), lease_by=self._me, lease_until=until)

    async def release(self) -> None:
        """Give the lease back, if it is still ours."""
        await self._update(self._rows.filter(lease_by=self._me), lease_until=0)

    async def renewing(self, at: int) -> None:
        """Note that a renewal is attempted."""
        await self._update(self._rows, renewed_at=at)

    async def keep(self, token: Token, hosts: Mapping[str, str]) -> None:
        """Share a new token, if the lease is still ours."""
        fields = token_fields(token) | {"hosts": dict(hosts), "paused_until": 0}

        def write() -> None:
            mine = self._rows.filter(lease_by=self._me, is_on=True).exclude(
                state__in=(State.REFUSED, State.DISPLACED)
            )
            if mine.exists():
                stand(self._number, State.OK, **fields)

        await self._thread.run(write)

    async def drop(self, issued_at: int) -> None:
        """Forget the token of this moment."""
        await self._update(self._rows.filter(token_issued_at=issued_at), token="")

    async def refuse(self, reason: str) -> None:
        """Bar the login: name, password or key are wrong."""
        await self._thread.run(stand, self._number, State.REFUSED, reason, token="")

    async def displace(self, issued_at: int) -> None:
        """Bar the login, unless it was connected anew since that token."""

        def write() -> None:
            if self._rows.filter(Q(token="") | Q(token_issued_at__lte=issued_at)).exists():
                reason = (
                    "somebody signed in elsewhere with this login: connect again to take it back"
                )
                stand(self._number, State.DISPLACED, reason, token="")

        await self._thread.run(write)

    async def pause(self, until: int, reason: str) -> None:
        """Let nobody log in before this instant."""
        await self._thread.run(stand, self._number, State.PAUSED, reason, paused_until=until)

    async def _update(self, rows: Any, **fields: Any) -> bool:
        return bool(await self._thread.run(rows.update, **fields))


class SharedTally:
    """Counts a login's calls: its own at once, those of the other processes as of a second ago."""

    def __init__(self, number: int) -> None:
        self._key = f"broker-calls:{number}"
        self._own = OwnTally()
        self._unsaid = 0
        self._synced_at = 0
        self._others = (0, 0)

    def add(self, at: int) -> None:
        """Count a call."""
        self._own.add(at)
        self._unsaid += 1

    def used(self, at: int) -> tuple[int, int]:
        """Return the calls of the last minute and hour, of every process."""
        if at - self._synced_at >= SYNC_EVERY:
            self._sync(at)
        minute, hour = self._own.used(at)
        return minute + self._others[0], hour + self._others[1]

    def flush(self, at: int) -> None:
        """Tell the other processes what they were not told yet."""
        if self._unsaid:
            self._sync(at)

    def _sync(self, at: int) -> None:
        self._synced_at = at
        try:
            said = usage(self._key, at, add=self._unsaid)
        except Exception:  # a cache that is down must not hold an order back
            return
        self._unsaid = 0
        minute, hour = self._own.used(at)
        self._others = (max(said[0] - minute, 0), max(said[1] - hour, 0))


def usage_of(number: int) -> tuple[int, int]:
    """Return how often a login called in the last minute and hour, for people to see."""
    return usage(f"broker-calls:{number}", to_instant(timezone.now()))


def usage(key: str, at: int, *, add: int = 0) -> tuple[int, int]:
    """Return the calls of the last minute and hour that every process told of, having added some."""
    found = []
    for unit, word in ((MINUTE, "m"), (HOUR, "h")):
        slot, into = divmod(at, unit)
        now, before = f"{key}:{word}:{slot}", f"{key}:{word}:{slot - 1}"
        if add:
            cache.add(now, 0, timeout=2 * unit // SECOND)
            cache.incr(now, add)
        counts = cache.get_many([now, before])
        found.append(counts.get(now, 0) + counts.get(before, 0) * (unit - into) // unit)
    return found[0], found[1]


_market: Hosts | None = None  # where the desk's own simulator listens, in the process that runs it


def register_market(hosts: Hosts | None) -> None:
    """Say where the desk's own simulator listens; the one process calls this."""
    global _market
    _market = hosts


def settings_of(row: Connection) -> TradovateSettings:
    """Return a login as the client wants it.

    Raises:  LookupError  the desk's own market is not there
    """
    hosts = None
    if row.environment == "simulator":
        elsewhere = settings.MARKET.startswith("http://")
        hosts = _market or (Hosts.at(settings.MARKET) if elsewhere else None)
        if hosts is None:
            raise LookupError("the desk's own market does not run here")
    return TradovateSettings(
        name=row.login,
        password=row.password,
        environment=row.environment,
        app_id=row.app_id or "tradehub",
        device_id=row.device_id,
        cid=row.cid,
        sec=row.sec,
        hosts=hosts,
    )


def open_broker(
    row: Connection, thread: DatabaseThread, *, wall: WallClock | None = None
) -> TradovateBroker:
    """Return a broker for a login, with the token and the quota that every process shares.

    Raises:  LookupError  it is a login at the desk's own market, which does not run here
    """
    clock, chance = wall or WallClock(), Random()
    login = settings_of(row)
    store = LoginRow(row.pk, thread, clock)
    return TradovateBroker(
        login,
        wall=clock,
        chance=chance,
        quota=Quota(clock, SharedTally(row.pk)),
        session=lambda rest: SharedSession(login, rest, clock, chance, store),
    )
