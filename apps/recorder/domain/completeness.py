"""Whether all fills of an account's day are known, and when the broker will have forgotten them.

A broker tells the fills of the running session only. So a day is complete when its lists were read once it was over and
what they say adds up, and never because nothing contradicts it.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import Calendar

SWEEP_AFTER: Final = 1 * MINUTE  # fills of the last second are listed by then
FORGETS_AFTER: Final = (
    55 * MINUTE
)  # the next session begins an hour after the usual close; lists read later prove nothing
ALARM_BEFORE: Final = 30 * MINUTE  # before the close of a session whose polls fail
QUIET_POLL: Final = 10 * MINUTE  # without one so long, in a session, the broker is not being read


class Completeness(StrEnum):
    """What is known of a day."""

    COMPLETE = "complete"
    GAP = "gap"
    FILLED = "filled"  # by a file
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Day:
    """What speaks for and against a day. Quantities are net contracts by contract; None: nobody said.

    swept:       the broker's lists were read after the close and before it forgot
    held_before: what was held when the day began, as the sweep of the day before proved
    traded:      net of the day's fills
    held_after:  what the broker said is held, when its lists were read
    made:        dollars of the day's fills after fees; None where it began or ended with a position, or fees are not known
    cash_change: dollars between the two sweeps, as the broker says
    fills:       how many are known
    of_files:    how many of them only a file tells
    unsettled:   rows of files that contradict what is known
    failing:     why the broker could not be read, in a sentence
    """

    is_over: bool
    swept: bool
    held_before: dict[str, int] | None
    traded: dict[str, int]
    held_after: dict[str, int] | None
    fills: int
    of_files: int = 0
    unsettled: int = 0
    failing: str = ""
    made: Decimal | None = None
    cash_change: Decimal | None = None


def judge(day: Day) -> tuple[Completeness, str]:
    """Return what a day is, and why in a sentence. Complete only where it was proved."""
    if day.unsettled:
        return (
            Completeness.GAP,
            f"{day.unsettled} row{'s' * (day.unsettled != 1)} of a file contradict what is known.",
        )
    off = short_of(day)
    if off:
        return Completeness.GAP, f"The fills do not add up to what the broker holds: {off}."
    if day.swept and day.held_before is not None:
        return _proved(day)
    if day.of_files and day.is_over:
        count = f"{day.of_files} of {day.fills} fill{'s' * (day.fills != 1)}"
        return (
            Completeness.FILLED,
            f"A file tells {count}; the broker's own lists were not read after the close.",
        )
    if day.failing:
        return Completeness.GAP, day.failing
    if not day.is_over:
        return Completeness.UNKNOWN, "The session is not over."
    if day.swept:
        return (
            Completeness.UNKNOWN,
            "The broker's lists were read after the close, but what was held when the day began is not known.",
        )
    return (
        Completeness.GAP,
        "The broker's lists were not read between the close and the next session.",
    )


def _proved(day: Day) -> tuple[Completeness, str]:
    """Judge a day whose lists were read and whose contracts add up: by the money, then by where its fills come from."""
    if day.made is not None and day.cash_change is not None and day.made != day.cash_change:
        why = f"The contracts add up, but cash changed by {day.cash_change:.2f} and the fills made {day.made:.2f}"
        return (
            Completeness.UNKNOWN,
            f"{why} after fees: a deposit, a payout, or a round trip that is missing.",
        )
    lists = "The broker's lists were read after the close, and its fills add up to what it holds"
    lists += "." if day.made is None or day.cash_change is None else " and to its cash."
    if day.of_files:
        return Completeness.FILLED, f"{day.of_files} of {day.fills} fills come from a file. {lists}"
    return Completeness.COMPLETE, lists


def short_of(day: Day) -> str:
    """Return in words where held before + traded is not held after; empty where it is, or nobody can tell."""
    if not day.swept or day.held_after is None or day.held_before is None:
        return ""
    wrong = []
    for contract in sorted({*day.held_before, *day.traded, *day.held_after}):
        expected = day.held_before.get(contract, 0) + day.traded.get(contract, 0)
        held = day.held_after.get(contract, 0)
        if expected != held:
            wrong.append(f"{contract} {expected:+d} by the fills, {held:+d} at the broker")
    return "; ".join(wrong)


@dataclass(frozen=True, slots=True)
class Session:
    """A trade date at the broker: its hours, and until when it is remembered. Instants are ns UTC."""

    day: date
    opens: int
    closes: int
    forgets: int

    @property
    def sweep_from(self) -> int:
        """Return from when a reading of the lists proves something."""
        return self.closes + SWEEP_AFTER

    @property
    def alarm_from(self) -> int:
        """Return from when failing polls are told, while there is time to do something about it."""
        return self.closes - ALARM_BEFORE


def session_at(at: int, calendar: Calendar) -> Session | None:
    """Return the session that runs, or has just closed and is still remembered; None between.

    An early close moves the sweep, the alarm and the end of memory with it.
    """
    day = calendar.trade_date(at - FORGETS_AFTER - MINUTE)
    found = (session_on(one, calendar) for one in (day, calendar.trade_date(at)))
    return next((one for one in found if one and one.opens <= at < one.forgets), None)


def session_on(day: date, calendar: Calendar) -> Session | None:
    """Return the session of a trade date, None where the exchange was closed."""
    hours = calendar.hours(day)
    if not hours:
        return None
    opens, closes = hours[0][0], hours[-1][1]
    return Session(day, opens, closes, closes + FORGETS_AFTER)


def session_before(day: date, calendar: Calendar) -> Session | None:
    """Return the last session before a trade date."""
    for back in range(1, 15):
        found = session_on(day - timedelta(days=back), calendar)
        if found is not None:
            return found
    return None
