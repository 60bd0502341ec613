"""Positions that an older version recorded, before it said what was traded otherwise, are judged once, in portions."""

from typing import Any

import pytest

from apps.bus import transport
from apps.bus.domain.message import MINUTE
from apps.recorder import deviating, recorders, tasks
from apps.recorder.models import RecordedPosition, RecorderLog
from apps.recorder.services import settle
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder, an_order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN + 60 * MINUTE, True)
    yield
    transport.use(None)


def left_by_an_older_version() -> None:
    """Leave the rows as they were written before deviations existed."""
    RecordedPosition.objects.update(plan={}, deviations=[])
    RecorderLog.objects.filter(key__startswith="deviation:").delete()


def said() -> list[Any]:
    rows = RecordedPosition.objects.order_by("opened_ns", "id")
    return [(row.plan, row.deviations, row.version) for row in rows]


def lines() -> list[Any]:
    rows = RecorderLog.objects.filter(kind="warning").order_by("key")
    return list(rows.values_list("key", "text", "at_ns", "strategy", "user"))


def a_day(user: Any) -> Any:
    """Trade by and against the figures: adds, a trim, a reversal, a slipped stop, an order in parts, one that is open."""
    account = a_broker_account(user)
    one = a_recorder(user, account, size=2, unit="points", stop_loss=40, take_profit=60, trim=1)
    a_fill(account, 3, "20000", 1)
    a_fill(account, -2, "20010", 2)
    a_fill(account, -3, "19955", 3)  # closes one, and opens two the other way
    a_fill(account, 2, "20100", 4)
    a_fill(account, 1, "20000", 5, order="parts")
    a_fill(account, 1, "20000.25", 5.1, order="parts")
    an_order(account, "slip", "stop", side="sell", stop="19960")
    a_fill(account, -2, "19950", 6, order="slip")
    a_fill(account, 5, "20000", 7)
    settle(account=account, since=0)
    return account, one


def test_they_come_to_what_deriving_them_says_and_only_once(alice: Actor) -> None:
    account, _ = a_day(alice.user)
    expected, told = said(), lines()
    assert len(expected) == 4 and sum(len(one) for _, one, _ in expected) >= 5
    left_by_an_older_version()
    assert settle(account=account) == 0, "nothing of them is looked at by itself"
    assert deviating.catch_up() == 4
    assert (said(), lines()) == (expected, told)
    assert deviating.catch_up() == 0
    settle(account=account, since=0)
    assert (said(), lines()) == (expected, told)


def test_the_sweep_does_it_in_portions_the_newest_first(alice: Actor, monkeypatch: Any) -> None:
    a_day(alice.user)
    expected = said()
    left_by_an_older_version()
    assert deviating.catch_up(limit=3) == 3
    assert [bool(plan) for plan, _, _ in said()] == [False, True, True, True]
    tasks.sweep()
    assert [row[:2] for row in said()] == [row[:2] for row in expected]


def test_each_is_judged_by_its_own_strategy_and_its_own_owner_s_log(
    alice: Actor, bob: Actor
) -> None:
    a_day(alice.user)
    a_day(bob.user)
    told = lines()
    left_by_an_older_version()
    deviating.catch_up()
    assert lines() == told


def test_what_was_never_recorded_by_figures_is_left_alone(alice: Actor) -> None:
    account, one = a_day(alice.user)
    left_by_an_older_version()
    one.spans.all().delete()
    assert (deviating.catch_up(), deviating.waiting().count()) == (0, 0)
    recorders.start(recorder=recorders.stop(recorder=one, by="alice"), by="alice", since=0)
    deviating.catch_up()
    assert RecordedPosition.objects.filter(account=account, plan={}).count() == 0


def test_one_that_was_derived_while_it_was_judged_is_not_written_over(alice: Actor) -> None:
    account, _ = a_day(alice.user)
    left_by_an_older_version()
    (row, *_) = deviating.waiting()[:1]
    RecordedPosition.objects.filter(pk=row.pk).update(version=row.version + 1, plan={"size": 9})
    known = deviating.store.known_of(account)
    assert deviating._judge(account, [row], known) == 0
    row.refresh_from_db()
    assert row.plan == {"size": 9}
