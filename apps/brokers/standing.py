"""How a login stands, as a row that every process shares, and a thread for the database beside an event loop.

Each change of how a login stands is told in the same transaction.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections, connections, transaction
from django.utils import timezone

from apps.brokers.domain.told import ConnectionChanged
from apps.brokers.models.remote import Connection
from apps.bus import bus
from apps.bus.domain.message import to_instant

P = ParamSpec("P")
T = TypeVar("T")
State = Connection.State


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
        row = Connection.objects.select_for_update(no_key=True).filter(pk=number).first()
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
