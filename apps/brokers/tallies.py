"""How often a login name was called for, counted for every process of the desk: its feed, readers, polls and orders."""

import hashlib

from django.core.cache import cache
from django.utils import timezone

from apps.brokers.models.remote import Connection
from apps.brokers.models.tokens import place_of
from apps.brokers.tradovate.quota import OwnTally
from apps.bus.domain.message import HOUR, MINUTE, SECOND, to_instant

SYNC_EVERY = SECOND


def key_of(environment: str, login: str) -> str:
    """Return under which key the calls of a login name are counted; demo and live are one user at the broker."""
    name = f"{place_of(environment)}:{login}"
    return f"broker-calls:{hashlib.sha256(name.encode()).hexdigest()[:24]}"


class SharedTally:
    """Counts a login's calls: its own at once, those of the other processes as of a second ago."""

    def __init__(self, environment: str, login: str) -> None:
        self._key = key_of(environment, login)
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


def usage_of(row: Connection) -> tuple[int, int]:
    """Return how often was called for a login's name in the last minute and hour, for people to see."""
    return usage(key_of(row.environment, row.login), to_instant(timezone.now()))


def usage(key: str, at: int, *, add: int = 0) -> tuple[int, int]:
    """Return the calls of the last minute and hour that every process told of, having added some.

    Reckoned from those of this clock minute and a share of those of the one before, rounded up; hours likewise.
    """
    found = []
    for unit, word in ((MINUTE, "m"), (HOUR, "h")):
        slot, into = divmod(at, unit)
        now, before = f"{key}:{word}:{slot}", f"{key}:{word}:{slot - 1}"
        if add:
            cache.add(now, 0, timeout=2 * unit // SECOND)
            cache.incr(now, add)
        counts = cache.get_many([now, before])
        share = -(-counts.get(before, 0) * (unit - into) // unit)
        found.append(counts.get(now, 0) + share)
    return found[0], found[1]
