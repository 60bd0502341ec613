"""The wall clock of the connection: tokens, heartbeats and back-off live by it, the market does not."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class WallClock:
    """Now, and waiting. Tests hand over one whose hours pass in milliseconds."""

    def now(self) -> int:
        """Return the instant, ns UTC. It may jump when the machine's clock is set."""
        return time.time_ns()

    def elapsed(self) -> float:
        """Return seconds that never jump, for measuring ages."""
        return time.monotonic()

    async def wait(self, seconds: float) -> None:
        """Let so many seconds pass."""
        await asyncio.sleep(max(seconds, 0.0))

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Return what the work returns.

        Raises:  TimeoutError  it took longer than so many seconds; it is cancelled
        """
        task = asyncio.ensure_future(work)
        timer = asyncio.ensure_future(self.wait(seconds))
        try:
            await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise TimeoutError
        finally:
            timer.cancel()
            task.cancel()
            await asyncio.gather(task, timer, return_exceptions=True)
