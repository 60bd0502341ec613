"""A firm's trading day: when it ends, and from when on the account has to be flat."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from apps.brokers.domain.account import day_of
from apps.bus.domain.message import MINUTE, to_datetime, to_instant
from apps.marketdata.domain.calendar import CALENDAR, Calendar, chicago
from apps.risk.domain.rules import Hours, NewsWindow

BEFORE_EARLY_CLOSE: Final = (
    10 * MINUTE
)  # firms close positions some minutes before a short day ends


@dataclass(frozen=True, slots=True)
class FirmDay:
    """The trading day around an instant. ns UTC; `flat_at` None: positions may stay."""

    ends_at: int
    flat_at: int | None

    def is_over_for_entries(self, at: int) -> bool:
        """Return whether nothing may be opened any more until the reset."""
        return self.flat_at is not None and self.flat_at <= at < self.ends_at


def firm_day(hours: Hours, at: int, calendar: Calendar = CALENDAR) -> FirmDay:
    """Return the trading day that holds an instant, by the rule set's own clock."""
    _, ends_at = day_of(at, hours.tz, hours.reset)
    return FirmDay(ends_at, _flat_at(hours, ends_at, calendar))


@lru_cache(maxsize=4096)
def _flat_at(hours: Hours, ends_at: int, calendar: Calendar) -> int | None:
    if hours.flat_by is None:
        return None
    end = to_datetime(ends_at).astimezone(hours.zone)
    day = end.date() if hours.flat_by <= hours.reset else end.date() - timedelta(days=1)
    flat_at = to_instant(datetime.combine(day, hours.flat_by, hours.zone))
    holiday = calendar.holiday(calendar.trade_date(flat_at))
    if holiday is not None and holiday.closes is not None:
        closes_at = chicago(holiday.day, holiday.closes)
        flat_at = min(flat_at, closes_at - BEFORE_EARLY_CLOSE)
    return flat_at


def news_at(news: NewsWindow, at: int) -> int | None:
    """Return the release in whose window an instant lies, None if there is none. Both ends belong to it."""
    for moment in _moments(news.moments):
        if moment - news.before_minutes * MINUTE <= at <= moment + news.after_minutes * MINUTE:
            return moment
    return None


@lru_cache(maxsize=256)
def _moments(texts: tuple[str, ...]) -> tuple[int, ...]:
    moments = []
    for text in texts:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue  # a rule set says what is wrong with it where it is edited, not at an order
        moments.append(to_instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC)))
    return tuple(sorted(moments))
