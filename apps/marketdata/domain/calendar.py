"""When the exchange is open: weekly hours, holidays and early closes.

Weekly hours are known for every group of instruments; the holiday table covers the equity index for the years
that it names. Outside it only the weekly hours apply, and `covers` says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.instrument import EQUITY, GRAINS
from apps.marketdata.domain.session import day_of

CHICAGO: Final = ZoneInfo("America/Chicago")
_ONE_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK: Final = 7


class HolidayKind(StrEnum):
    """What a holiday does to the exchange's day."""

    CLOSED = "closed"  # the whole trade date, from 17:00 Chicago of the evening before
    HALT = (
        "halt"  # trading stops in the middle of the day; business is booked on the next trade date
    )
    EARLY = "early close"  # the trade date ends early


class HolidayStatus(StrEnum):
    """The exchange publishes a holiday's hours only some weeks ahead."""

    CONFIRMED = "confirmed"
    EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day that differs from the weekly hours. `closes` is a minute of the Chicago day, None = closed."""

    day: date
    event: str
    kind: HolidayKind
    closes: int | None = None
    status: HolidayStatus = HolidayStatus.CONFIRMED
    group: str = EQUITY


def _table() -> tuple[Holiday, ...]:
    noon, quarter_past, quarter_past_eight, half_past_eight = (
        12 * 60,
        12 * 60 + 15,
        8 * 60 + 15,
        8 * 60 + 30,
    )
    closed, halt, early = HolidayKind.CLOSED, HolidayKind.HALT, HolidayKind.EARLY
    rows = (
        ("2025-01-01 2026-01-01 2027-01-01", "New Year", closed, None),
        # Two calendar libraries disagree about this one; the halt is what traders saw.
        ("2025-01-09", "Day of mourning", halt, half_past_eight),
        ("2025-01-20 2026-01-19 2027-01-18", "Martin Luther King", halt, noon),
        ("2025-02-17 2026-02-16 2027-02-15", "Presidents", halt, noon),
        # Open until 08:15 only when the monthly jobs report comes out on that day.
        ("2025-04-18 2027-03-26", "Good Friday", closed, None),
        ("2026-04-03", "Good Friday", early, quarter_past_eight),
        ("2025-05-26 2026-05-25 2027-05-31", "Memorial", halt, noon),
        ("2025-06-19 2026-06-19 2027-06-18", "Juneteenth", halt, noon),
        ("2025-07-03", "Day before Independence", early, quarter_past),
        ("2025-07-04 2026-07-03 2027-07-05", "Independence", halt, noon),
        ("2025-09-01 2026-09-07 2027-09-06", "Labor", halt, noon),
        ("2025-11-27 2026-11-26 2027-11-25", "Thanksgiving", halt, noon),
        ("2025-11-28 2026-11-27 2027-11-26", "Day after Thanksgiving", early, quarter_past),
        ("2025-12-24 2026-12-24", "Christmas Eve", early, quarter_past),
        ("2025-12-25 2026-12-25 2027-12-24", "Christmas", closed, None),
    )  # fmt: skip
    written = date(2026, 11, 21)
    return tuple(
        Holiday(
            day := date.fromisoformat(text),
            event,
            kind,
            closes,
            HolidayStatus.CONFIRMED if day < written else HolidayStatus.EXPECTED,
        )
        for days, event, kind, closes in rows
        for text in days.split()
    )


HOLIDAYS: Final = _table()


class Calendar:
    """Weekly hours and a holiday table. Instants are ns UTC; `group` as in `Instrument.group`."""

    def __init__(self, holidays: Iterable[Holiday] = HOLIDAYS) -> None:
        self.holidays = tuple(holidays)
        self._by_day = {(holiday.group, holiday.day): holiday for holiday in self.holidays}
        self._years = {(holiday.group, holiday.day.year) for holiday in self.holidays}
        self._hours: dict[tuple[date, str], tuple[tuple[int, int], ...]] = {}

    def hours(self, day: date, group: str = EQUITY) -> tuple[tuple[int, int], ...]:
        """Return the stretches in which this trade date is open, each from its start to before its end."""
        known = self._hours.get((day, group))
        if known is None:
            known = self._hours[day, group] = tuple(self._work_out(day, group))
        return known

    def holiday(self, day: date, group: str = EQUITY) -> Holiday | None:
        """Return what the table says about a day."""
        return self._by_day.get((group, day))

    def covers(self, at: int, group: str = EQUITY) -> bool:
        """Return whether the table knows the holidays of this instant's year; if not, weekly hours apply."""
        return (group, day_of(at).year) in self._years

    def is_open(self, at: int, group: str = EQUITY) -> bool:
        """Return whether the exchange trades at this instant."""
        return any(start <= at < end for start, end in self.hours(day_of(at), group))

    def trade_date(self, at: int) -> date:
        """Return the exchange's day: it begins at 18:00 New York and is named by its end.

        A weekend belongs to the Monday after it. A halted holiday is a day of its own here.
        """
        day = day_of(at)
        return day + timedelta(days=max(0, _WEEK - day.weekday()) if day.weekday() > 4 else 0)

    def session_close(self, at: int, group: str = EQUITY) -> int:
        """Return the end of the stretch that is open at this instant, else of the next one."""
        return self._stretch(at, group)[1]

    def next_open(self, at: int, group: str = EQUITY) -> int:
        """Return the first instant not before this one at which the exchange is open."""
        return max(at, self._stretch(at, group)[0])

    def _stretch(self, at: int, group: str) -> tuple[int, int]:
        day = day_of(at)
        for _ in range(14):
            for start, end in self.hours(day, group):
                if at < end:
                    return start, end
            day += _ONE_DAY
        raise LookupError(f"{group} is closed for two weeks from {day - 14 * _ONE_DAY} on")

    def _work_out(self, day: date, group: str) -> Iterable[tuple[int, int]]:
        if day.weekday() > 4:
            return
        holiday = self.holiday(day, group)
        if holiday is not None and holiday.kind is HolidayKind.CLOSED:
            return
        evening = day - _ONE_DAY
        if group == GRAINS:
            stretches = [
                (chicago(evening, 19 * 60), chicago(day, 7 * 60 + 45)),
                (chicago(day, 8 * 60 + 30), chicago(day, 13 * 60 + 20)),
            ]
        else:
            stretches = [(chicago(evening, 17 * 60), chicago(day, 16 * 60))]
        last = stretches[-1][1]
        if holiday is not None and holiday.closes is not None:
            last = chicago(day, holiday.closes)
        yield from ((start, min(end, last)) for start, end in stretches if start < last)


def chicago(day: date, minute: int) -> int:
    """Return a minute of a Chicago day as an instant. No exchange hour falls into a change of the clock."""
    clock = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=CHICAGO)
    return int((clock - _EPOCH) / timedelta(minutes=1)) * MINUTE


CALENDAR: Final = Calendar()


def is_open(at: int, group: str = EQUITY) -> bool:
    """Return whether the exchange trades at this instant, by the shipped table."""
    return CALENDAR.is_open(at, group)


def trade_date(at: int) -> date:
    """Return the exchange's day of an instant, see `Calendar.trade_date`."""
    return CALENDAR.trade_date(at)


def session_close(at: int, group: str = EQUITY) -> int:
    """Return the end of the open stretch around or after an instant, by the shipped table."""
    return CALENDAR.session_close(at, group)


def next_open(at: int, group: str = EQUITY) -> int:
    """Return the first open instant not before this one, by the shipped table."""
    return CALENDAR.next_open(at, group)


def covers(at: int, group: str = EQUITY) -> bool:
    """Return whether the shipped table knows this year's holidays."""
    return CALENDAR.covers(at, group)


# ---- business days, for expiries and rolls ----


def is_business_day(day: date) -> bool:
    """Return whether the US stock exchanges trade on this day. Rules, so that any year is known."""
    return day.weekday() < 5 and day not in _stock_holidays(day.year)


def business_day(day: date, step: int) -> date:
    """Return the business day this many business days after (before, if negative) a day."""
    towards = _ONE_DAY if step > 0 else -_ONE_DAY
    while step:
        day += towards
        if is_business_day(day):
            step += -1 if step > 0 else 1
    return day


def weekday_of_month(year: int, month: int, weekday: int, which: int) -> date:
    """Return e.g. the third (3) Friday (4) of a month; -1 is the last one."""
    if which > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % _WEEK + _WEEK * (which - 1))
    last = last_of_month(year, month)
    return last - timedelta(days=(last.weekday() - weekday) % _WEEK)


def last_of_month(year: int, month: int) -> date:
    """Return the last calendar day of a month."""
    return (date(year, month, 28) + timedelta(days=4)).replace(day=1) - _ONE_DAY


@cache
def _stock_holidays(year: int) -> frozenset[date]:
    fixed = [date(year, 7, 4), date(year, 12, 25)]
    if year >= 2022:
        fixed.append(date(year, 6, 19))
    days = {_observed(day) for day in fixed}
    new_year = date(year, 1, 1)  # on a Saturday it is not moved into the old year
    days.add(new_year + _ONE_DAY if new_year.weekday() == 6 else new_year)
    days |= {
        weekday_of_month(year, 1, 0, 3),
        weekday_of_month(year, 2, 0, 3),
        _easter(year) - 2 * _ONE_DAY,
        weekday_of_month(year, 5, 0, -1),
        weekday_of_month(year, 9, 0, 1),
        weekday_of_month(year, 11, 3, 4),
    }
    return frozenset(days)


def _observed(day: date) -> date:
    """Return the weekday on which a holiday is kept: Saturday's on Friday, Sunday's on Monday."""
    return day + {5: -_ONE_DAY, 6: _ONE_DAY}.get(day.weekday(), timedelta())


def _easter(year: int) -> date:
    """Return Easter Sunday by the Gregorian computus."""
    golden, century = year % 19, year // 100
    leap = century - century // 4
    epact = (19 * golden + leap - (8 * century + 13) // 25 + 15) % 30
    epact -= epact // 28 * (1 - 29 // (epact + 1) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - leap) % _WEEK
    offset = epact - weekday
    month = 3 + (offset + 40) // 44
    return date(year, month, offset + 28 - 31 * (month // 4))
