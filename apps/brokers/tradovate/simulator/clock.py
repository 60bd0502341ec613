"""The market's clock: it moves while somebody watches, waits at every candle close, and remembers where it was.

The simulator says `{"e":"clock","d":"{\\"t\\":\\"2026-11-20T15:00:00.125Z\\",\\"s\\":100}"}` to sockets that
follow a chart: every tick before `t` has been sent, `s` is the speed in per cent (0: it stands still), and
`"end":true` comes with the last one of a recording. Tradovate says `clock` on its replay sockets in the same
form; clients that do not know it pass over it.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from apps.brokers.tradovate.simulator.market import Market
from apps.bus.domain.message import MINUTE

GATE_SECONDS: Final = 2.0  # the longest a candle close waits for those who listen to it
GATE_STEP: Final = 0.05
CandleGate = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a market stood. Units: ns UTC; `told` is the last candle close whose alerts were answered."""

    market: str
    start: int
    at: int
    told: int


def load_position(path: Path, market: Market) -> Position | None:
    """Return the stored position of this very market; None without one or if it belongs to another."""
    try:
        stored = Position(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return stored if stored.market == market.identity else None


def save_position(path: Path, position: Position) -> None:
    """Write a position so that a crash leaves the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(asdict(position)))
    os.replace(beside, path)


class MarketClock:
    """Where the market stands, and how it gets on. `move` is the only way forward.

    Units:   at: ns UTC, everything before it has happened; waited: wall seconds spent at candle closes
    """

    def __init__(
        self,
        market: Market,
        at: int,
        say: Callable[[int, int], None],
        gates: list[CandleGate],
        watched: Callable[[], bool],
    ) -> None:
        self.at = at
        self.waited = 0.0
        self._market = market
        self._say = say
        self._gates = gates
        self._watched = watched

    @property
    def ended(self) -> bool:
        """Return whether a recording is over."""
        return self._market.end is not None and self.at >= self._market.end

    async def move(self, nanoseconds: int) -> None:
        """Go on for so long, candle by candle; closed hours are skipped in one step, for nothing.

        Stops early at the end of a recording, and at a candle close when nobody watches any more.
        """
        until = self.at + nanoseconds
        while self.at < until and not self.ended:
            here = self._market.opens_at(self.at)
            until += here - self.at
            close = here // MINUTE * MINUTE + MINUTE
            to = min(until, close)
            if self._market.end is not None:
                to = min(to, self._market.end)
            self.at = to
            self._say(here, to)
            if to == close:
                await self.pass_gates(close)
                if not self._watched():
                    return

    async def pass_gates(self, close: int) -> None:
        """Wait for all who listen to a candle close; time in which nobody watches does not count."""
        began = asyncio.get_running_loop().time()
        waiting = {asyncio.ensure_future(gate(close)) for gate in self._gates}
        left = GATE_SECONDS
        while waiting and left > 0:
            _, waiting = await asyncio.wait(waiting, timeout=GATE_STEP)
            if self._watched():
                left -= GATE_STEP
        for late in waiting:
            late.cancel()
        self.waited += asyncio.get_running_loop().time() - began
