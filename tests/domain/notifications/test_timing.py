"""Quiet hours on the trader's clock, pauses that grow."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.notifications.domain.letters import dated, direct_message, plain
from apps.notifications.domain.timing import PAUSES_S, pause, quiet_until

ZONE = "America/New_York"


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-01-07T02:59:59+00:00", None),  # 21:59:59
        ("2026-01-07T03:00:00+00:00", "2026-01-07T12:00:00+00:00"),
        ("2026-01-07T11:59:59+00:00", "2026-01-07T12:00:00+00:00"),
        ("2026-01-07T12:00:00+00:00", None),
        ("2026-07-07T02:00:00+00:00", "2026-07-07T11:00:00+00:00"),  # summer time
        ("2026-03-08T04:00:00+00:00", "2026-03-08T11:00:00+00:00"),  # the clock goes forward in this night
    ],
)  # fmt: skip
def test_quiet_hours_over_midnight(moment: str, ends: str | None) -> None:
    found = quiet_until(datetime.fromisoformat(moment), time(22), time(7), ZONE)
    assert found == (datetime.fromisoformat(ends) if ends else None)


@given(
    now=st.integers(0, 2 * 365 * 86_400).map(lambda s: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    start=st.times(), end=st.times(),
)  # fmt: skip
def test_quiet_hours_end_within_a_day_and_are_over_then(now: datetime, start: time, end: time) -> None:  # fmt: skip
    until = quiet_until(now, start, end, ZONE)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-01T05:10:00+00:00", "2026-11-01T05:30:00+00:00"),  # 01:10, for the first time
        ("2026-11-01T05:40:00+00:00", None),  # 01:40
        ("2026-11-01T06:10:00+00:00", "2026-11-01T06:30:00+00:00"),  # 01:10 once more
    ],
)
def test_quiet_hours_that_end_in_an_hour_which_the_clock_tells_twice(moment: str, ends: str | None) -> None:  # fmt: skip
    found = quiet_until(datetime.fromisoformat(moment), time(22), time(1, 30), ZONE)
    assert found == (datetime.fromisoformat(ends) if ends else None)


def test_no_or_half_or_empty_quiet_hours_are_none() -> None:
    now = datetime(2026, 1, 7, tzinfo=UTC)
    for start, end in ((None, None), (time(1), None), (None, time(1)), (time(1), time(1))):
        assert quiet_until(now, start, end, ZONE) is None


def test_pauses_grow_to_ten_minutes() -> None:
    found = [pause(n).total_seconds() for n in range(40)]
    assert found == sorted(found) and found[-1] == PAUSES_S[-1] == 600 and found[1] == 2


@given(st.text())
def test_no_text_can_mention_or_style(text: str) -> None:
    shown = plain(text)
    for sign in "*_~`|@<[":
        assert shown.count(sign) == shown.count("\\" + sign)


def test_a_message_fits_discords_limits_whatever_is_said() -> None:
    said = direct_message(
        title="*" * 5000, body="[" * 9000, severity="alarm", link="https://x.example/" + "y" * 300,
        at="Fri", mark="m" * 24,
    )  # fmt: skip
    assert len(said["content"]) <= 2000
    assert len(said["embeds"][0]["description"]) <= 4096


def test_moments_in_a_text_are_told_on_ones_own_clock() -> None:
    assert (
        dated("Locked until 2026-01-07T23:00:00Z.", ZONE) == "Locked until Wed 7 Jan 18:00:00 EST."
    )
