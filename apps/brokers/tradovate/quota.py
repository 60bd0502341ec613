"""How often a login may call, and who goes first when it gets tight.

The limits are what integrators sustain (80 a minute) and what is documented for an hour (5000); both are "adjustable
at any time". Each lane may use its share of them only, a more urgent lane more than a less urgent one: so what a poll
may still use, an order may use for certain. Getting out is never held back, and neither is the login: without a token
nobody gets out, and whoever renews it does so for all. Its calls have pauses of their own. Source: protocol 5.2.
"""

from collections import deque
from enum import Enum
from typing import Protocol

from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import HOUR, MINUTE

PER_MINUTE = 80
PER_HOUR = 4800
LOOK_AGAIN_SECONDS = 1.0


class Lane(Enum):
    """What a call is for, the most urgent first; its share of the limits in hundredths, 0 = it never waits."""

    EXIT = ("exit", 0)  # cancels, and whatever makes a position smaller
    LOGIN = ("login", 0)  # an exit may be what waits for the token, here or in another process
    ORDER = ("order", 100)
    RECONCILE = ("reconcile", 80)
    POLL = ("poll", 60)

    def __init__(self, word: str, share: int) -> None:
        self.word = word
        self.share = share


class Tally(Protocol):
    """Counts the calls of one login, of every process that calls for it."""

    def add(self, at: int) -> None:
        """Count a call at this instant, ns UTC."""

    def used(self, at: int) -> tuple[int, int]:
        """Return the calls of the minute and of the hour that end at this instant."""

    def flush(self, at: int) -> None:
        """Tell the other processes what they were not told yet."""


class OwnTally:
    """Counts exactly, within one process."""

    def __init__(self) -> None:
        self._calls: deque[int] = deque()

    def add(self, at: int) -> None:
        """Count a call."""
        self._calls.append(at)

    def used(self, at: int) -> tuple[int, int]:
        """Return the calls of the last minute and hour."""
        while self._calls and self._calls[0] <= at - HOUR:
            self._calls.popleft()
        return sum(1 for call in self._calls if call > at - MINUTE), len(self._calls)

    def flush(self, at: int) -> None:
        """There is nobody to tell."""


class Quota:
    """Lets calls go, each in its lane."""

    def __init__(
        self,
        wall: WallClock,
        tally: Tally | None = None,
        *,
        per_minute: int = PER_MINUTE,
        per_hour: int = PER_HOUR,
    ) -> None:
        self._wall = wall
        self._tally = tally or OwnTally()
        self.per_minute = per_minute
        self.per_hour = per_hour

    @property
    def used(self) -> tuple[int, int]:
        """Return the calls of the last minute and hour."""
        return self._tally.used(self._wall.now())

    async def take(self, lane: Lane) -> None:
        """Return when a call of this lane may go, and count it."""
        while not self.admits(lane):
            await self._wall.wait(LOOK_AGAIN_SECONDS)
        self._tally.add(self._wall.now())

    def admits(self, lane: Lane) -> bool:
        """Return whether a call of this lane may go now."""
        if not lane.share:
            return True
        minute, hour = self.used
        return (
            minute * 100 < self.per_minute * lane.share and hour * 100 < self.per_hour * lane.share
        )

    def flush(self) -> None:
        """Tell the other processes what they were not told yet; called when nobody calls any more."""
        self._tally.flush(self._wall.now())
