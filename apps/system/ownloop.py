"""A part that lives in an event loop of its own, away from the web server's."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Protocol

START_S = 30.0
STOP_S = 2.0


class Living(Protocol):
    """Something that is started and stopped inside an event loop."""

    async def start(self) -> None:
        """Begin; return when it can be used."""

    async def stop(self) -> None:
        """End."""


class OwnLoop:
    """Gives something living a thread with a loop, so that it can be a part of the one process."""

    def __init__(self, name: str, living: Living) -> None:
        self.name = name
        self._living = living
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)

    def start(self) -> None:
        """Begin; raises what it raises."""
        self._thread.start()
        self._do(self._living.start(), START_S)

    def stop(self) -> None:
        """End it, then its loop."""
        try:
            self._do(self._living.stop(), STOP_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_S)

    def is_alive(self) -> bool:
        """Return whether its loop still turns."""
        return self._thread.is_alive()

    def _do(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)
