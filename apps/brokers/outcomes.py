"""What became of a dispatch, written down; the engine is told of it when it has ended."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from apps.brokers import dispatches
from apps.brokers.logins import DatabaseThread
from apps.brokers.models import Dispatch

log = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
EXIT_AGAIN_S: Final = 5.0  # an exit that could not leave: so soon after the line is back it is gone


class Outcomes:
    """Ends dispatches, or puts them off."""

    def __init__(self, thread: DatabaseThread, now: Callable[[], datetime]) -> None:
        self._in_database, self._now = thread.run, now

    async def later(self, row: Dispatch, status: str, reason: str) -> None:
        """Try again, or look again, after a while that grows with the attempts."""
        wait = LOOK_AGAIN_S[min(row.attempts, len(LOOK_AGAIN_S)) - 1]
        if row.is_exit and status == Dispatch.Status.QUEUED:
            wait = min(wait, EXIT_AGAIN_S)
        log.warning("dispatch %s is %s: %s", row.pk, status, reason)
        fields = {"status": status, "reason": reason[:200], "attempts": row.attempts}
        next_at = self._now() + timedelta(seconds=wait)
        await self._in_database(dispatches.write_waiting, row.pk, **fields, next_at=next_at)

    async def finish(
        self, row: Dispatch, status: str, reason: str = "", text: str = "",
        remote: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Tell the engine, then write it down: told twice it changes nothing, told never it would wait for ever."""
        await self._in_database(dispatches.tell_outcome, row, status, reason)
        words = f"{reason}: {text}" if text else reason
        await self._in_database(
            dispatches.write, row.pk, status=status, reason=words[:200], done_at=self._now(),
            remote=remote or {}, attempts=row.attempts,
        )  # fmt: skip
