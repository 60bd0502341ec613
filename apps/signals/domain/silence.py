"""Whether a strategy that usually sends alerts has fallen silent.

Quiet time is time in which the exchange is open and the strategy usually sends: closed hours, weekends, holidays and
sessions that are not its own never count. It is too long when it is longer than

- the minutes that its owner has set, or, where he left that to the desk,
- half as long again as its longest pause of the last ten trade dates, and half an hour at least; for that the desk has to know
  ten alerts on three of those dates;
- ten minutes after a burst of fifteen alerts within three: TradingView switches such an alert off, and tells it there only.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from apps.bus.domain.message import DAY, MINUTE
from apps.marketdata.domain.calendar import Calendar
from apps.marketdata.domain.session import Session, session_of

DATES: Final = 10  # trade dates from which its habits are learned
LEAST_KNOWN: Final = 10
LEAST_DATES: Final = 3
FLOOR: Final = 30 * MINUTE
BURST: Final = 15  # alerts
BURST_WITHIN: Final = 3 * MINUTE
BURST_QUIET: Final = 10 * MINUTE
MOST_MINUTES: Final = 10_000
NEVER: Final = 0  # minutes: no alarm is wanted
_STEP: Final = 30 * MINUTE  # sessions begin and end on half hours


class Why(StrEnum):
    """By which rule a silence is judged."""

    RHYTHM = "rhythm"
    MINUTES = "minutes"
    BURST = "burst"


@dataclass(frozen=True, slots=True)
class Habits:
    """How a strategy usually sends. `longest`: its longest pause, ns of quiet time, None: too little is known of it."""

    sessions: tuple[Session, ...]
    longest: int | None
    known: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nothing has come, and how long that may last. Instants and durations in ns.

    since:  the last alert, or the moment from which the desk has listened again
    limit:  None: nothing is expected of it
    burst:  alerts that came within three minutes just before
    """

    since: int
    quiet: int
    limit: int | None
    why: Why
    habits: Habits
    burst: int = 0

    @property
    def is_too_long(self) -> bool:
        """Return whether it is to be told."""
        return self.limit is not None and self.quiet >= self.limit


def judge(
    times: Sequence[int], *, listens_since: int, breaks: Collection[int], minutes: int | None, now: int,
    calendar: Calendar, group: str,
) -> Silence:  # fmt: skip
    """Return how the present silence stands.

    times:   when its alerts were received (market time), of the last ten trade dates
    breaks:  instants at which the desk did not listen, the strategy was off, or a silence was told: no habit is
             learned from a pause around one
    minutes: what its owner has set; None: by its habits; 0: never
    """
    heard = sorted(at for at in times if at <= now)
    habits = habits_of(heard, breaks, calendar, group)
    since = max(heard[-1], listens_since) if heard else listens_since
    quiet = open_time(since, now, habits.sessions, calendar, group)
    burst = burst_of(heard)
    if minutes == NEVER:
        return Silence(since, quiet, None, Why.MINUTES, habits)
    why, limit = Why.RHYTHM, None
    if minutes is not None:
        why, limit = Why.MINUTES, minutes * MINUTE
    elif habits.longest is not None:
        limit = max(habits.longest * 3 // 2, FLOOR)
    if burst >= BURST and since == heard[-1] and (limit is None or limit > BURST_QUIET):
        quiet = open_time(since, now, tuple(Session), calendar, group)
        return Silence(since, quiet, BURST_QUIET, Why.BURST, habits, burst)
    return Silence(since, quiet, limit, why, habits)


def habits_of(
    heard: Sequence[int], breaks: Collection[int], calendar: Calendar, group: str
) -> Habits:
    """Return in which sessions a strategy usually sends, and its longest pause in them."""
    sessions = usual_sessions(heard, calendar)
    dates = {calendar.trade_date(at) for at in heard}
    if len(heard) < LEAST_KNOWN or len(dates) < LEAST_DATES:
        return Habits(sessions, None, len(heard))
    pauses = [
        open_time(one, other, sessions, calendar, group)
        for one, other in pairwise(heard)
        if not any(one <= at <= other for at in breaks)
    ]
    return Habits(sessions, max(pauses, default=None), len(heard))


def usual_sessions(heard: Sequence[int], calendar: Calendar) -> tuple[Session, ...]:
    """Return the sessions in which it sent on at least half of the dates on which it sent at all; all, if there is none."""
    seen: dict[date, set[Session]] = defaultdict(set)
    for at in heard:
        seen[calendar.trade_date(at)].add(session_of(at))
    dates = Counter(session for sessions in seen.values() for session in sessions)
    usual = tuple(one for one in Session if dates[one] * 2 >= max(1, len(seen)))
    return usual or tuple(Session)


def open_time(
    since: int, until: int, sessions: Collection[Session], calendar: Calendar, group: str
) -> int:
    """Return how long the exchange was open between two instants, in these sessions only."""
    total, at = 0, since
    while at < until:
        end = min(until, at - at % _STEP + _STEP)
        if session_of(at) in sessions:
            hours = calendar.hours(calendar.trade_date(at), group)
            total += sum(max(0, min(end, shut) - max(at, opens)) for opens, shut in hours)
        at = end
    return total


def burst_of(heard: Sequence[int]) -> int:
    """Return how many alerts had come within three minutes when the last one came."""
    return sum(1 for at in heard if at > heard[-1] - BURST_WITHIN) if heard else 0


def learns_from(now: int, calendar: Calendar, group: str) -> int:
    """Return the instant from which alerts are looked at: the tenth trade date back, today's included."""
    day, found, first = calendar.trade_date(now), 0, now
    for _ in range(5 * DATES):
        hours = calendar.hours(day, group)
        if hours:
            found, first = found + 1, hours[0][0]
        if found >= DATES:
            return first
        day -= timedelta(days=1)
    return first if found else now - DATES * DAY
