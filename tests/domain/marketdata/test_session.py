"""The session clock, and the grid of candles. Source: methodology, 1 and 3, example 20."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bus.domain.message import iso, to_instant
from apps.marketdata.domain.session import Session, day_of, frame_end, frame_start, session_of


def ns(text: str) -> int:
    return to_instant(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        ("2025-07-01T11:00:00Z", "NY PRE"),
        ("2025-07-01T12:29:59Z", "NY PRE"),
        ("2025-07-01T12:30:00Z", "NY AM"),
        ("2025-07-01T19:59:59Z", "NY PM"),
        ("2025-07-01T20:00:00Z", "INVALID"),
        ("2025-07-01T21:30:00Z", "INVALID"),
        ("2025-07-02T00:00:00Z", "ASIA"),
        ("2025-07-02T04:00:00Z", "LONDON"),
        ("2025-12-02T00:00:00Z", "INVALID"),
        ("2025-12-02T01:00:00Z", "ASIA"),
        ("2025-12-02T10:59:00Z", "LONDON"),
        ("2025-12-02T13:30:00Z", "NY AM"),
        ("2025-12-02T17:00:00Z", "NY LUNCH"),
        ("2025-12-02T18:00:00Z", "NY PM"),
        ("2026-03-08T06:30:00Z", "LONDON"),
        ("2026-03-08T07:30:00Z", "LONDON"),
        ("2026-03-09T00:30:00Z", "ASIA"),
        ("2025-11-01T01:30:00Z", "ASIA"),
    ],
)
def test_session_follows_the_new_york_clock(moment: str, session: str) -> None:
    assert session_of(ns(moment)) == Session(session)


@pytest.mark.parametrize(
    ("moment", "seconds", "start", "end"),
    [
        ("2025-12-02T13:33:07.5Z", 60, "2025-12-02T13:33:00Z", "2025-12-02T13:34:00Z"),
        ("2025-12-02T13:33:07Z", 900, "2025-12-02T13:30:00Z", "2025-12-02T13:45:00Z"),
        ("2025-12-02T13:33:07Z", 3600, "2025-12-02T13:00:00Z", "2025-12-02T14:00:00Z"),
        # winter: 18:00 New York is 23:00 UTC, so a frame opens at 03:00, 07:00, 11:00 ...
        ("2025-12-02T13:33:07Z", 14_400, "2025-12-02T11:00:00Z", "2025-12-02T15:00:00Z"),
        ("2025-12-02T13:33:07Z", 86_400, "2025-12-01T23:00:00Z", "2025-12-02T23:00:00Z"),
        ("2025-12-02T23:00:00Z", 86_400, "2025-12-02T23:00:00Z", "2025-12-03T23:00:00Z"),
        # summer: one hour earlier
        ("2025-07-01T13:33:07Z", 14_400, "2025-07-01T10:00:00Z", "2025-07-01T14:00:00Z"),
        ("2025-07-01T21:59:59Z", 86_400, "2025-06-30T22:00:00Z", "2025-07-01T22:00:00Z"),
        # the clock goes forward on 8 March 2026, back on 1 November 2026, both on a Sunday at 02:00
        ("2026-03-08T12:00:00Z", 86_400, "2026-03-07T23:00:00Z", "2026-03-08T22:00:00Z"),
        ("2026-03-08T22:30:00Z", 14_400, "2026-03-08T22:00:00Z", "2026-03-09T02:00:00Z"),
        ("2026-11-01T12:00:00Z", 86_400, "2026-10-31T22:00:00Z", "2026-11-01T23:00:00Z"),
        ("2026-11-01T23:30:00Z", 14_400, "2026-11-01T23:00:00Z", "2026-11-02T03:00:00Z"),
    ],
)  # fmt: skip
def test_candles_lie_on_the_clock_and_long_ones_are_counted_from_six(
    moment: str, seconds: int, start: str, end: str
) -> None:
    opened = frame_start(ns(moment), seconds)
    assert iso(opened) == start
    assert iso(frame_end(opened, seconds)) == end


@given(
    st.integers(ns("2019-01-01T00:00:00Z"), ns("2030-01-01T00:00:00Z")),
    st.sampled_from([60, 300, 900, 1800, 2700, 3600, 7200, 14_400, 86_400]),
)
def test_every_instant_lies_in_exactly_one_candle(at: int, seconds: int) -> None:
    start = frame_start(at, seconds)
    end = frame_end(start, seconds)
    assert start <= at < end
    assert frame_start(start, seconds) == frame_start(end - 1, seconds) == start
    assert frame_start(end, seconds) == end


def test_the_exchange_s_day_ends_at_six() -> None:
    assert day_of(ns("2025-12-01T22:59:59Z")) == date(2025, 12, 1)
    assert day_of(ns("2025-12-01T23:00:00Z")) == date(2025, 12, 2)
