"""When something is sent: quiet hours, pauses between attempts, how long a message is worth sending."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PAUSES_S: Final = (
    2,
    5,
    15,
    30,
    60,
    120,
    300,
    600,
)  # after the first, second ... attempt that came to nothing
WORTH: Final = timedelta(hours=6)  # an alert that is older helps nobody any more
SUMMARY_WORTH: Final = timedelta(days=2)
NONCE_HOLDS: Final = timedelta(
    seconds=120
)  # Discord knows a repeat "for a few minutes"; we count on two


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts."""
    return timedelta(seconds=PAUSES_S[min(max(attempts, 1), len(PAUSES_S)) - 1])


def quiet_until(now: datetime, start: time | None, end: time | None, zone: str) -> datetime | None:
    """Return when the quiet hours around a moment end, None outside of them.

    They may lie over midnight; the same time twice means none. In the night of a change of clocks the wall clock counts.
    """
    if start is None or end is None or start == end:
        return None
    tz = ZoneInfo(zone)
    local = now.astimezone(tz)
    at = local.time().replace(tzinfo=None)
    over_midnight = end < start
    inside = (at >= start or at < end) if over_midnight else start <= at < end
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and at >= start else 0)
    until = datetime.combine(day, end, tz).astimezone(now.tzinfo)
    if until <= now:  # the hour of the end comes twice in this night, and this is the second
        until = datetime.combine(day, end.replace(fold=1), tz).astimezone(now.tzinfo)
    return until
