"""One worker at a time does something, whatever queue or schedule has woken how many."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from apps.bus.models import LeaseRow

HOLDS: Final = timedelta(seconds=60)
Clock = Callable[[], datetime]


class Lost(Exception):
    """Somebody else has the lease now: we were silent for too long."""


class Lease:
    """The right to be the one; `renew` before each step that others must not do too."""

    def __init__(self, name: str, clock: Clock, holds: timedelta = HOLDS) -> None:
        self.name, self._clock, self._holds = name, clock, holds
        self._holder = secrets.token_hex(16)

    def take(self) -> bool:
        """Take it if nobody has it; return whether it is ours."""
        now = self._clock()
        mine = {"holder": self._holder, "held_until": now + self._holds}
        _, is_new = LeaseRow.objects.get_or_create(name=self.name, defaults=mine)
        if is_new:
            return True
        over = LeaseRow.objects.filter(name=self.name, held_until__lt=now)
        return bool(over.update(**mine))

    def renew(self) -> None:
        """Say that we live.

        Raises:  Lost
        """
        mine = LeaseRow.objects.filter(name=self.name, holder=self._holder)
        if not mine.update(held_until=self._clock() + self._holds):
            raise Lost(self.name)

    def give_back(self) -> None:
        """Let the next one have it at once."""
        LeaseRow.objects.filter(name=self.name, holder=self._holder).delete()


@contextmanager
def only_one(name: str, clock: Clock, holds: timedelta = HOLDS) -> Iterator[Lease | None]:
    """Give the lease, or None while somebody else has it; it is lost when nobody renews it for so long."""
    lease = Lease(name, clock, holds)
    if not lease.take():
        yield None
        return
    try:
        yield lease
    except Lost:
        return
    finally:
        lease.give_back()
