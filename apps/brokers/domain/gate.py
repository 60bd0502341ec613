"""When a route lets entries through: its hours, its pause between entries, its entries a day. Exits never ask here."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import time
from typing import Final

from apps.brokers.domain.account import BadAccount
from apps.bus.domain.message import DAY, SECOND
from apps.marketdata.domain.session import day_bounds, new_york

Why = tuple[str, str]
_WINDOW: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def windows(said: object) -> tuple[str, ...]:
    """Return trading windows as they are kept: `09:30-11:30`, New York time.

    Raises:  BadAccount
    """
    listed = said.split(",") if isinstance(said, str) else list(said or ())  # type: ignore[call-overload]
    read = tuple(str(one).strip() for one in listed if str(one).strip())
    bad = [one for one in read if _WINDOW.fullmatch(one) is None or one[:5] == one[6:]]
    if bad:
        are = "is no window" if len(bad) == 1 else "are no windows"
        named = " and ".join(map(repr, bad))
        raise BadAccount(f"windows: {named} {are}; write e.g. 09:30-11:30, New York")
    return read


class EntryGate:
    """Knows when each strategy entered in each account lately."""

    def __init__(self, entries: Iterable[tuple[int, int, int]] = ()) -> None:
        """Take over (strategy, account, instant) of the entries of this trading day and the one before."""
        self._entries: dict[tuple[int, int], list[int]] = defaultdict(list)
        for strategy, account, at in sorted(entries, key=lambda one: one[2]):
            self.note(strategy, account, at)

    def note(self, strategy: int, account: int, at: int) -> None:
        """Remember an entry."""
        kept = self._entries[strategy, account]
        kept[:] = [one for one in kept if one > at - 2 * DAY] + [at]

    def why_not(
        self, windows: tuple[str, ...], cooldown_s: int, most: int, place: tuple[int, int], at: int
    ) -> Why | None:
        """Return why an entry may not be made at this instant; None: it may."""
        clock = new_york(at).time()
        if windows and not any(_within(one, clock) for one in windows):
            hours = ", ".join(windows)
            return "WINDOW", f"it is {clock:%H:%M} in New York; entries are made {hours}"
        entries = self._entries.get(place, [])
        if cooldown_s and entries and at - entries[-1] < cooldown_s * SECOND:
            left = cooldown_s - (at - entries[-1]) // SECOND
            return "COOLDOWN", f"{cooldown_s} s lie between two entries; {left} s are left"
        start, _ = day_bounds(at)
        today = sum(one >= start for one in entries)
        if most and today >= most:
            return "MOST_TRADES", f"{today} of {most} entries of this trading day were made"
        return None


def _within(window: str, clock: time) -> bool:
    start, end = time.fromisoformat(window[:5]), time.fromisoformat(window[6:])
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end  # over midnight
