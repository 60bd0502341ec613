"""The simulated broker on loopback beside a test, which may keep an answer back after the deed is done."""

import asyncio
import threading
import time
from typing import Any

from aiohttp import web

from apps.brokers.tradovate.simulator.market import GeneratedMarket, default_start
from apps.brokers.tradovate.simulator.server import Plan, Simulator

PATIENCE_S = 120.0


class Broker(Simulator):
    """A Tradovate whose market runs as fast as the clock, in a thread of its own: `start_beside` and `stop_beside`."""

    def __init__(self) -> None:
        market = GeneratedMarket(1, default_start(time.time_ns()), ("NQ",))
        super().__init__(market, Plan(users=("demo", "trader")))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._keeps = ""
        self._go_on = asyncio.Event()
        self.has_done = threading.Event()

    def start_beside(self) -> None:
        """Listen, in a thread of its own."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(PATIENCE_S)

    def stop_beside(self) -> None:
        """Answer whoever still waits, and end."""
        self.answer_now()
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(PATIENCE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def keep_answer(self, path: str) -> None:
        """Carry out what is asked at this path and say nothing; `has_done` is set once it is."""
        self.has_done.clear()
        self._go_on.clear()
        self._keeps = path

    def answer_now(self) -> None:
        """Answer whoever waits for it still."""
        self._keeps = ""
        self._loop.call_soon_threadsafe(self._go_on.set)

    async def _door(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._door(request)
        if self._keeps and request.path.lower().endswith(self._keeps):
            self.has_done.set()
            await self._go_on.wait()
        return answer

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Return the broker's own rows of a kind."""
        return [dict(row) for row in self.entities.all(entity)]
