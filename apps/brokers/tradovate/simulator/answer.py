"""What a call is answered with, and the forms every answer shares."""

from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from apps.bus.domain.message import SECOND

Json = dict[str, Any]


class Answer(NamedTuple):
    """A status and a body, the same over REST and over a socket; `None` is an empty body; `location` of a 307."""

    status: int
    body: Any
    location: str | None = None


def stamp(at: int) -> str:
    """Return an instant with exactly three decimals and `Z`: some clients parse with a fixed pattern."""
    seconds, rest = divmod(at, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // 1_000_000:03d}Z"


def trade_date(ordinal: int) -> Json:
    """Return a trade date as an object, month from 1."""
    day = date.fromordinal(ordinal)
    return {"year": day.year, "month": day.month, "day": day.day}


def compact_date(ordinal: int) -> int:
    """Return a trade date as the integer YYYYMMDD."""
    day = date.fromordinal(ordinal)
    return day.year * 10_000 + day.month * 100 + day.day


def instant(text: str) -> int:
    """Return an ISO-8601 instant in ns UTC; seconds and their fraction may be missing.

    Raises:  ValueError  it is no such text
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000
