"""The trader's clock: sessions of the New York day, and the grid on which candles lie.

Called per candle, so what the zone rules say is kept per hour. All instants are ns UTC.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from apps.bus.domain.message import HOUR, MINUTE, SECOND

NEW_YORK: Final = ZoneInfo("America/New_York")
DAY_BEGINS: Final = (
    18 * HOUR
)  # on the New York clock: the exchange's day, and the candles longer than an hour
_HALF_HOUR: Final = 30 * MINUTE
_HOUR_SECONDS: Final = 3600


class Session(StrEnum):
    """A part of the New York day. Source: methodology, 3."""

    ASIA = "ASIA"
    LONDON = "LONDON"
    NY_PRE = "NY PRE"
    NY_AM = "NY AM"
    NY_LUNCH = "NY LUNCH"
    NY_PM = "NY PM"
    INVALID = "INVALID"


_ENDS: Final = (  # minute of the New York day at which each session is over
    (6 * 60, Session.LONDON),
    (8 * 60 + 30, Session.NY_PRE),
    (12 * 60, Session.NY_AM),
    (13 * 60, Session.NY_LUNCH),
    (16 * 60, Session.NY_PM),
    (20 * 60, Session.INVALID),
    (24 * 60, Session.ASIA),
)


def session_of(at: int) -> Session:
    """Return the session of an instant by the New York clock, whether or not the exchange is open."""
    return _session(at // _HALF_HOUR)


def new_york(at: int) -> datetime:
    """Return an instant on the New York clock, whole seconds."""
    return datetime.fromtimestamp(at // SECOND, NEW_YORK)


def frame_start(at: int, seconds: int) -> int:
    """Return the open time of the candle of this length that holds an instant.

    Lengths that divide the hour lie on the clock; all others are counted from 18:00 New York.
    """
    if _HOUR_SECONDS % seconds == 0:
        return at - at % (seconds * SECOND)
    start, _ = _day(at // HOUR)
    return at - (at - start) % (seconds * SECOND)


def frame_end(start: int, seconds: int) -> int:
    """Return the close time of the candle that opens at `start`; none reaches across 18:00 New York."""
    if _HOUR_SECONDS % seconds == 0:
        return start + seconds * SECOND
    _, end = _day(start // HOUR)
    return end if seconds == 86_400 else min(end, start + seconds * SECOND)


def day_bounds(at: int) -> tuple[int, int]:
    """Return start and end of the exchange's day around an instant: 18:00 to 18:00 New York."""
    return _day(at // HOUR)


def day_of(at: int) -> date:
    """Return the calendar day on which the exchange's day around an instant ends, weekends included."""
    return _date(at // HOUR)


@lru_cache(maxsize=1 << 14)
def _session(half_hour: int) -> Session:
    clock = new_york(half_hour * _HALF_HOUR)
    minute = clock.hour * 60 + clock.minute
    return next(session for end, session in _ENDS if minute < end)


@lru_cache(maxsize=1 << 14)
def _date(hour: int) -> date:
    return (new_york(hour * HOUR).replace(tzinfo=None) + timedelta(hours=6)).date()


@lru_cache(maxsize=1 << 14)
def _day(hour: int) -> tuple[int, int]:
    day = _date(hour)
    return _six_in_the_evening(day - timedelta(days=1)), _six_in_the_evening(day)


def _six_in_the_evening(day: date) -> int:
    clock = datetime(day.year, day.month, day.day, DAY_BEGINS // HOUR, tzinfo=NEW_YORK)
    return int((clock - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * SECOND
