"""A day is complete only where it was proved, and the hours of the proof follow the exchange's calendar."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from apps.marketdata.domain.calendar import CALENDAR
from apps.recorder.domain.completeness import (
    Completeness,
    Day,
    judge,
    session_at,
    session_before,
    session_on,
)

PROVED = Day(
    is_over=True, swept=True, held_before={}, traded={}, held_after={}, fills=2,
    made=Decimal("98.50"), cash_change=Decimal("98.50"),
)  # fmt: skip


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_a_day_is_complete_when_contracts_and_cash_add_up() -> None:
    assert judge(PROVED)[0] is Completeness.COMPLETE
    carried = replace(
        PROVED, held_before={"NQH5": 1}, traded={"NQH5": 1}, held_after={"NQH5": 2}, made=None
    )
    assert judge(carried)[0] is Completeness.COMPLETE


@pytest.mark.parametrize(
    ("change", "state", "why"),
    [
        ({"held_after": {"NQH5": 1}}, "gap", "NQH5 +0 by the fills, +1 at the broker"),
        ({"cash_change": Decimal("60.00")}, "unknown", "cash changed by 60.00 and the fills made 98.50"),
        ({"unsettled": 1}, "gap", "1 row of a file contradict"), ({"of_files": 1}, "filled", "1 of 2 fills come from a file"),
        ({"held_before": None}, "unknown", "what was held when the day began is not known"),
        ({"swept": False}, "gap", "were not read between the close"),
        ({"swept": False, "failing": "It refused the login."}, "gap", "refused"),
        ({"swept": False, "of_files": 2}, "filled", "A file tells 2 of 2 fills"),
        ({"swept": False, "is_over": False}, "unknown", "not over"),
    ],
)  # fmt: skip
def test_nothing_less_is_complete(change: dict[str, object], state: str, why: str) -> None:
    found, said = judge(replace(PROVED, **change))  # type: ignore[arg-type]
    assert found == state and why in said


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        (date(2026, 3, 6), "2026-03-06T22:00:00"),  # winter
        (date(2026, 3, 9), "2026-03-09T21:00:00"),  # the clock has gone forward
        (date(2026, 11, 27), "2026-11-27T18:15:00"),  # the day after Thanksgiving
        (date(2026, 1, 19), "2026-01-19T18:00:00"),  # a halt at noon
    ],
)
def test_the_sweep_follows_the_close(day: date, closes: str) -> None:
    session = session_on(day, CALENDAR)
    assert session is not None and session.closes == ns(closes)
    minute = 60 * 10**9
    for at in (session.opens, session.closes - 1, session.closes + minute, session.forgets - 1):
        assert session_at(at, CALENDAR) == session
    after = session_at(session.forgets, CALENDAR)
    assert after is None or after.day > day
    assert session.alarm_from == session.closes - 30 * minute


def test_days_without_a_session() -> None:
    assert session_on(date(2026, 12, 25), CALENDAR) is None
    assert session_on(date(2026, 11, 28), CALENDAR) is None
    assert session_at(ns("2026-11-28T12:00:00"), CALENDAR) is None
    before = session_before(date(2026, 12, 28), CALENDAR)
    assert before is not None and before.day == date(2026, 12, 24)
