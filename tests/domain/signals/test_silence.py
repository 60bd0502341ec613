"""When a strategy has fallen silent: its own hours, its own pauses, and TradingView's limit."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bus.domain.message import DAY, HOUR, MINUTE, SECOND
from apps.marketdata.domain.calendar import CALENDAR, EQUITY
from apps.marketdata.domain.session import Session
from apps.signals.domain.silence import (
    BURST_QUIET,
    FLOOR,
    Silence,
    Why,
    judge,
    learns_from,
    open_time,
)
from tests.factories import at

ALL = tuple(Session)


def mornings(*days: str, every: int = 20, alerts: int = 6) -> list[int]:
    """Return alerts from 9:30 New York on (14:30 UTC in winter), so many minutes apart, on each of these days."""
    return [
        at(f"2025-12-{day}T14:30:00Z") + number * every * MINUTE
        for day in days
        for number in range(alerts)
    ]


def judged(
    times: list[int], now: str, minutes: int | None = None, breaks: tuple[int, ...] = ()
) -> Silence:
    return judge(
        times, listens_since=at("2025-11-20T00:00:00Z"), breaks=breaks, minutes=minutes, now=at(now),
        calendar=CALENDAR, group=EQUITY,
    )  # fmt: skip


WEEK = mornings("01", "02", "03", "04")  # Monday to Thursday


@pytest.mark.parametrize(
    ("now", "quiet_min", "is_too_long"),
    [
        ("2025-12-04T16:10:00Z", 0, False),  # the last one has just come
        ("2025-12-05T14:30:00Z", 110, False),  # its mornings only: 11:10 to noon, 8:30 to 9:30...
        ("2025-12-05T15:20:00Z", 160, False),  # ... which is its usual pause, 110 minutes
        ("2025-12-05T15:25:00Z", 165, True),  # half as long again
        ("2025-12-06T12:00:00Z", 260, True),  # a weekend adds nothing
        ("2025-12-07T23:30:00Z", 260, True),
    ],
)
def test_it_is_silent_when_the_pause_is_half_as_long_again(
    now: str, quiet_min: int, is_too_long: bool
) -> None:
    found = judged(WEEK, now)
    assert found.habits.sessions == (Session.NY_AM,)
    assert (found.quiet // MINUTE, found.limit, found.is_too_long) == (
        quiet_min, 165 * MINUTE, is_too_long,
    )  # fmt: skip


@pytest.mark.parametrize("times", [WEEK[:9], mornings("01", "02", every=5, alerts=20), []])
def test_of_what_it_knows_too_little_nothing_is_expected(times: list[int]) -> None:
    found = judged(times, "2025-12-05T20:00:00Z")
    assert (found.limit, found.is_too_long) == (None, False)


def test_the_floor_is_half_an_hour() -> None:
    day = [at(f"2025-12-0{day}T14:00:00Z") + n * MINUTE for day in (1, 2, 3) for n in range(6 * 60)]
    steady = [one for one in day if one != day[0]]
    found = judged(steady, "2025-12-03T20:20:00Z", breaks=(at("2025-12-01T23:00:00Z"), at("2025-12-02T23:00:00Z")))  # fmt: skip
    assert (found.habits.longest, found.limit) == (MINUTE, FLOOR)


def test_the_owner_may_set_minutes_or_switch_it_off() -> None:
    found = judged(WEEK, "2025-12-04T16:55:00Z", minutes=45)
    assert (found.why, found.limit, found.is_too_long) == (Why.MINUTES, 45 * MINUTE, True)
    assert not judged(WEEK, "2025-12-31T16:55:00Z", minutes=0).is_too_long
    waited = judge([], listens_since=at("2025-12-02T15:00:00Z"), breaks=(), minutes=45, now=at("2025-12-02T15:45:00Z"),
                   calendar=CALENDAR, group=EQUITY)  # fmt: skip
    assert waited.is_too_long, "minutes are expected of one that never sent, too"


def test_fifteen_in_three_minutes_and_then_none() -> None:
    start = at("2025-12-02T15:00:00Z")
    burst = [start + n * 11 * SECOND for n in range(15)]
    last = burst[-1]

    def after(wait: int, times: list[int] = burst) -> Silence:
        return judge(times, listens_since=0, breaks=(), minutes=None, now=last + wait, calendar=CALENDAR, group=EQUITY)  # fmt: skip

    assert (after(BURST_QUIET).why, after(BURST_QUIET).burst) == (Why.BURST, 15)
    assert after(BURST_QUIET).is_too_long
    assert not after(BURST_QUIET - 1).is_too_long
    assert not after(HOUR, burst[1:]).is_too_long, "fourteen are no burst"
    assert not after(HOUR, [*burst, last + 5 * MINUTE]).is_too_long, "it goes on"


def test_a_told_silence_is_not_learned_as_a_habit() -> None:
    times = [one for one in WEEK if one < at("2025-12-03T14:50:00Z")] + mornings("04", "05")
    broken = judged(times, "2025-12-05T17:00:00Z")
    mended = judged(times, "2025-12-05T17:00:00Z", breaks=(at("2025-12-03T16:00:00Z"),))
    assert broken.habits.longest is not None
    assert mended.habits.longest is not None
    assert broken.habits.longest > mended.habits.longest == 110 * MINUTE


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        ("2025-12-05T21:00:00Z", "2025-12-08T00:00:00Z", 120),  # Friday 16:00 to Sunday 19:00 in New York
        ("2025-12-02T21:00:00Z", "2025-12-02T23:30:00Z", 90),  # around the daily break
        ("2025-11-28T17:00:00Z", "2025-11-30T23:00:00Z", 75),  # the day after Thanksgiving closes at 13:15
        ("2025-12-24T12:00:00Z", "2025-12-25T20:00:00Z", 375),  # Christmas is closed
        ("2025-12-02T15:00:00Z", "2025-12-02T15:00:00Z", 0),
    ],
)  # fmt: skip
def test_only_open_hours_count(since: str, until: str, minutes: int) -> None:
    assert open_time(at(since), at(until), ALL, CALENDAR, EQUITY) == minutes * MINUTE


INSTANT = st.integers(at("2025-11-24T00:00:00Z"), at("2025-12-12T00:00:00Z"))


@given(st.lists(INSTANT, min_size=3, max_size=3).map(sorted))
def test_open_time_adds_up_and_is_no_longer_than_time(three: list[int]) -> None:
    first, _middle, last = three
    whole = open_time(first, last, ALL, CALENDAR, EQUITY)
    parts = [open_time(one, other, ALL, CALENDAR, EQUITY) for one, other in pairwise(three)]
    assert whole == sum(parts)
    assert 0 <= whole <= last - first


@given(st.lists(INSTANT, max_size=40), INSTANT, st.integers(0, 3 * DAY))
def test_silence_only_grows_and_an_alert_ends_it(times: list[int], now: int, more: int) -> None:
    def stands(times: list[int], now: int) -> Silence:
        return judge(times, listens_since=0, breaks=(), minutes=60, now=now, calendar=CALENDAR, group=EQUITY)  # fmt: skip

    times = [one for one in times if one <= now] or [now]
    before, after = stands(times, now), stands(times, now + more)
    assert after.quiet >= before.quiet
    assert after.is_too_long or not before.is_too_long
    assert stands([*times, now + more], now + more).quiet == 0


def test_ten_trade_dates_are_looked_at() -> None:
    assert learns_from(at("2025-12-02T15:00:00Z"), CALENDAR, EQUITY) == at("2025-11-18T23:00:00Z")
