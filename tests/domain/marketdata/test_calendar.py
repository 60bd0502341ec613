"""Hours, holidays, early closes and trade dates. Source: methodology, 3 and example 20; the exchange's table."""

from datetime import date, datetime, timedelta

import pytest

from apps.bus.domain.message import DAY, HOUR, MINUTE, iso, to_instant
from apps.marketdata.domain.calendar import (
    CALENDAR,
    HOLIDAYS,
    Calendar,
    Holiday,
    HolidayKind,
    HolidayStatus,
    chicago,
    covers,
    is_business_day,
    is_open,
    next_open,
    session_close,
    trade_date,
)


def ns(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2025-07-01T11:00:00Z", True),
        ("2025-07-01T12:29:59Z", True),
        ("2025-07-01T12:30:00Z", True),
        ("2025-07-01T19:59:59Z", True),
        ("2025-07-01T20:00:00Z", True),
        ("2025-07-01T21:30:00Z", False),
        ("2025-07-02T00:00:00Z", True),
        ("2025-07-02T04:00:00Z", True),
        ("2025-12-02T00:00:00Z", True),
        ("2025-12-02T01:00:00Z", True),
        ("2025-12-02T10:59:00Z", True),
        ("2025-12-02T13:30:00Z", True),
        ("2025-12-02T17:00:00Z", True),
        ("2025-12-02T18:00:00Z", True),
        ("2026-03-08T06:30:00Z", False),
        ("2026-03-08T07:30:00Z", False),
        ("2026-03-09T00:30:00Z", True),
        ("2025-11-01T01:30:00Z", False),
    ],
)
def test_the_exchange_is_open_as_in_example_20(moment: str, opened: bool) -> None:
    assert is_open(ns(moment)) is opened


CLOSED = "2025-01-01 2026-01-01 2027-01-01 2025-04-18 2027-03-26 2025-12-25 2026-12-25 2027-12-24"
AT_NOON = (
    "2025-01-20 2026-01-19 2027-01-18 2025-02-17 2026-02-16 2027-02-15 2025-05-26 2026-05-25 2027-05-31 "
    "2025-06-19 2026-06-19 2027-06-18 2025-07-04 2026-07-03 2027-07-05 2025-09-01 2026-09-07 2027-09-06 "
    "2025-11-27 2026-11-26 2027-11-25"
)
AT_QUARTER_PAST = "2025-07-03 2025-11-28 2026-11-27 2027-11-26 2025-12-24 2026-12-24"


def test_the_table_is_whole() -> None:
    days = f"{CLOSED} {AT_NOON} {AT_QUARTER_PAST} 2025-01-09 2026-04-03".split()
    assert sorted(holiday.day.isoformat() for holiday in HOLIDAYS) == sorted(days)


@pytest.mark.parametrize("day", CLOSED.split())
def test_a_closed_holiday_has_no_trade_date(day: str) -> None:
    closed = date.fromisoformat(day)
    assert CALENDAR.hours(closed) == ()
    evening_before = chicago(closed - timedelta(days=1), 17 * 60)
    assert not any(is_open(evening_before + quarter * 15 * MINUTE) for quarter in range(23 * 4))
    assert next_open(evening_before) > evening_before + 23 * HOUR


@pytest.mark.parametrize(
    ("day", "minute"),
    [(day, 12 * 60) for day in AT_NOON.split()]
    + [(day, 12 * 60 + 15) for day in AT_QUARTER_PAST.split()]
    + [("2025-01-09", 8 * 60 + 30), ("2026-04-03", 8 * 60 + 15)],
)
def test_an_early_close_lasts_until_the_next_trade_date(day: str, minute: int) -> None:
    early = date.fromisoformat(day)
    end = chicago(early, minute)
    assert is_open(end - 1)
    assert not is_open(end)
    assert not is_open(chicago(early, 16 * 60) - 1)
    assert session_close(end - HOUR) == end
    reopens = next_open(end)
    assert reopens >= chicago(early, 17 * 60)
    assert is_open(reopens)
    assert (reopens - chicago(early, 17 * 60)) % HOUR == 0


def test_the_exchange_reopens_on_the_evening_of_a_halted_holiday() -> None:
    assert iso(next_open(ns("2025-09-01T18:00:00Z"))) == "2025-09-01T22:00:00Z"
    assert trade_date(ns("2025-09-01T22:00:00Z")) == date(2025, 9, 2)


@pytest.mark.parametrize(
    "day", ["2027-12-31", "2026-07-02", "2026-12-31", "2025-12-31", "2027-12-23"]
)
def test_days_next_to_holidays_are_ordinary(day: str) -> None:
    ordinary = date.fromisoformat(day)
    assert CALENDAR.hours(ordinary) == (
        (chicago(ordinary - timedelta(days=1), 17 * 60), chicago(ordinary, 16 * 60)),
    )


def test_every_stock_holiday_of_these_years_is_in_the_table() -> None:
    listed = {holiday.day for holiday in HOLIDAYS if holiday.kind is not HolidayKind.EARLY}
    day, missing = date(2025, 1, 1), []
    while day < date(2028, 1, 1):
        if day.weekday() < 5 and not is_business_day(day) and day not in listed:
            missing.append(day)
        day += timedelta(days=1)
    assert missing == [date(2026, 4, 3)]  # Good Friday of a jobs report: an early close
    assert [day for day in listed if is_business_day(day)] == [date(2025, 1, 9)]


@pytest.mark.parametrize(
    "moment", ["2019-12-25T15:00:00Z", "2024-01-15T19:00:00Z", "2028-01-03T15:00:00Z"]
)
def test_outside_the_table_only_weekly_hours_apply(moment: str) -> None:
    assert not covers(ns(moment))
    assert is_open(ns(moment))
    assert covers(ns("2026-12-25T15:00:00Z"))
    assert not covers(ns("2026-12-25T15:00:00Z"), "metals")


def test_a_saturday_is_closed_in_any_year() -> None:
    assert not is_open(ns("2024-01-20T18:58:00Z"))
    assert not is_open(ns("2024-02-10T02:54:00Z"))
    assert not is_open(ns("2024-02-05T22:00:00Z"))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-12-01T23:00:00Z", "2025-12-02"),
        ("2025-12-02T21:59:59Z", "2025-12-02"),
        ("2025-12-05T21:59:59Z", "2025-12-05"),
        ("2025-12-07T23:00:00Z", "2025-12-08"),
        ("2025-12-06T12:00:00Z", "2025-12-08"),
        ("2026-03-08T22:00:00Z", "2026-03-09"),
        ("2026-10-30T20:59:59Z", "2026-10-30"),
        ("2026-11-01T23:00:00Z", "2026-11-02"),
    ],
)
def test_a_trade_date_is_the_day_on_which_it_ends(moment: str, day: str) -> None:
    assert trade_date(ns(moment)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("moment", "opens", "closes"),
    [
        ("2026-03-06T23:00:00Z", "2026-03-08T22:00:00Z", "2026-03-09T21:00:00Z"),  # the clock goes forward
        ("2026-10-30T21:00:00Z", "2026-11-01T23:00:00Z", "2026-11-02T22:00:00Z"),  # and back
        ("2025-12-02T22:30:00Z", "2025-12-02T23:00:00Z", "2025-12-03T22:00:00Z"),
        ("2025-12-02T15:00:00Z", "2025-12-02T15:00:00Z", "2025-12-02T22:00:00Z"),
        ("2025-12-24T18:15:00Z", "2025-12-25T23:00:00Z", "2025-12-26T22:00:00Z"),
    ],
)  # fmt: skip
def test_next_open_and_close_skip_what_is_closed(moment: str, opens: str, closes: str) -> None:
    assert iso(next_open(ns(moment))) == opens
    assert iso(session_close(ns(moment))) == closes


def test_grains_pause_in_the_morning_and_end_at_noon() -> None:
    monday = date(2026, 11, 16)
    assert [is_open(chicago(monday, minute), "grains") for minute in (0, 7 * 60 + 44, 7 * 60 + 45, 8 * 60 + 30, 13 * 60 + 19, 13 * 60 + 20, 18 * 60 + 59, 19 * 60)] == [
        True, True, False, True, True, False, False, True
    ]  # fmt: skip


def test_a_table_of_one_s_own_replaces_the_shipped_one() -> None:
    day = date(2026, 11, 24)
    own = Calendar([Holiday(day, "Flood", HolidayKind.HALT, 10 * 60, HolidayStatus.EXPECTED)])
    assert own.is_open(chicago(day, 10 * 60) - 1)
    assert not own.is_open(chicago(day, 10 * 60))
    assert is_open(chicago(day, 10 * 60))
    assert own.holiday(day) is not None


def test_open_time_of_a_year_adds_up() -> None:
    ordinary = 23 * HOUR
    year = [CALENDAR.hours(date(2026, 1, 1) + timedelta(days=number)) for number in range(365)]
    assert (
        sum(bool(hours) for hours in year) == 261 - 2
    )  # New Year and Christmas; Good Friday trades until 08:15
    for hours in year:
        assert all(0 < end - start <= ordinary for start, end in hours)
    assert ordinary < DAY
