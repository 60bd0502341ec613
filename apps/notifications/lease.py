"""One worker at a time does something, whatever queue or schedule has woken how many."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from apps.notifications.models import Sender

HOLDS: Final = timedelta(seconds=60)
Clock = Callable[[], datetime]


class Lost(Exception):
    """Somebody else has the lease now: we were silent for too long."""


class Lease:
    """The right to be the one; `renew` before each step that others must not do too."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name, self._clock = name, clock
        self._holder = secrets.token_hex(16)

    def take(self) -> bool:
        """Take it if nobody has it; return whether it is ours."""
        Sender.objects.get_or_create(name=self.name)
        now = self._clock()
        free = Q(holder="") | Q(held_until__lt=now) | Q(held_until=None)
        return bool(
            Sender.objects.filter(free, name=self.name).update(
                holder=self._holder, held_until=now + HOLDS
            )
        )

    def renew(self) -> Sender:
        """Say that we live, and return the row as it is now.

        Raises:  Lost
        """
        mine = Sender.objects.filter(name=self.name, holder=self._holder)
        if not mine.update(held_until=self._clock() + HOLDS):
            raise Lost(self.name)
        return mine.get()

    def give_back(self) -> None:
        """Let the next one have it at once."""
        Sender.objects.filter(name=self.name, holder=self._holder).update(
            holder="", held_until=None
        )


@contextmanager
def only_one(name: str, clock: Clock) -> Iterator[Lease | None]:
    """Give the lease, or None while somebody else has it."""
    lease = Lease(name, clock)
    if not lease.take():
        yield None
        return
    try:
        yield lease
    except Lost:
        return
    finally:
        lease.give_back()
