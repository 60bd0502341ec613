"""A day and a week are summed up once they are over, from the figures of every page."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.models import AccountDay
from apps.marketdata.price import moment
from apps.notifications import summaries
from apps.notifications.domain.kinds import Kind
from apps.notifications.models import Notice
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import at
from tests.integration.papertrading.rows import a_position, an_account
from tests.integration.recorder.rows import a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def ended(account: Any, day: date) -> None:
    """Have a trading day of an account behind it."""
    AccountDay.objects.create(
        user=account.user, account=account, trade_date=day, ended_ns=day.toordinal(),
        start_balance=50_000, balance=50_000, realized=0, fees=0, trades=1, wins=1, losses=0,
    )  # fmt: skip


def closed(account: Any, when: str, realized: str, **fields: Any) -> None:
    """Have a position behind it."""
    a_position(
        account, opened_ns=at(when) - 60_000_000_000, closed_ns=at(when), size=0, exited=1,
        closed_at=moment(when), realized=Decimal(realized), fees=Decimal(1),
        lots=[], entered=1, exited_paid=0, **fields,
    )  # fmt: skip


def test_a_day_is_summed_up_once_when_every_account_has_left_it(alice: Actor, bob: Actor) -> None:
    alpha = an_account(alice.user, trade_date=date(2025, 12, 3))
    beta = an_account(alice.user, "Beta", trade_date=date(2025, 12, 2))
    closed(alpha, "2025-12-02T15:00:00Z", "101.00", place=1)
    closed(alpha, "2025-12-02T16:00:00Z", "-41.00", place=2)
    closed(beta, "2025-12-02T16:30:00Z", "11.00", place=3)
    ended(alpha, date(2025, 12, 2))
    assert summaries.make(now=NOW) == 0, "Beta's day still runs"
    beta.trade_date = date(2025, 12, 3)
    beta.save()
    ended(beta, date(2025, 12, 2))
    assert summaries.make(now=NOW) == 1
    assert summaries.make(now=NOW) == 0
    row = Notice.objects.get()
    assert row.user == alice.user
    assert row.title == "Tuesday 02 December: +$68.00, 3 trades"
    assert row.body.splitlines()[0].startswith("2 won, 1 lost (67%)")
    assert "Best trade +$100.00, worst −$42.00, fees $3.00." in row.body
    assert "Alpha: +$58.00 in 2." in row.body and "Beta: +$10.00 in 1." in row.body
    assert alice.client.get(row.path).status_code == 200


def test_a_week_is_summed_up_when_the_next_has_begun(alice: Actor) -> None:
    alpha = an_account(alice.user, trade_date=date(2025, 12, 5))
    closed(alpha, "2025-12-02T15:00:00Z", "101.00", place=1)
    closed(alpha, "2025-12-04T15:00:00Z", "-51.00", place=2)
    ended(alpha, date(2025, 12, 4))
    summaries.make(now=NOW)
    assert not Notice.objects.filter(kind=Kind.WEEKLY).exists()
    alpha.trade_date = date(2025, 12, 8)
    alpha.save()
    ended(alpha, date(2025, 12, 5))
    assert summaries.make(now=NOW) == 1, "Friday had no trade: the week alone"
    row = Notice.objects.get(kind=Kind.WEEKLY)
    assert row.title == "Week of 01 December: +$48.00, 2 trades"
    assert "Best day Tuesday +$100.00, worst Thursday −$52.00." in row.body
    assert summaries.make(now=NOW) == 0


def test_days_without_trades_and_people_without_accounts_are_left_alone(alice: Actor, bob: Actor) -> None:  # fmt: skip
    ended(an_account(alice.user, trade_date=date(2025, 12, 3)), date(2025, 12, 2))
    assert summaries.make(now=NOW) == 0


# ---- what recorders found ----

AFTER = moment("2025-12-02T23:05:00Z")  # 17:05 in Chicago: the exchange's next day has begun


def found(account: Any, signed: int, minute: float, made: str) -> None:
    """Have a recorder find a position of one contract, of a minute, that made so much before fees of 4.00."""
    a_fill(account, signed, "20000.00", minute)
    a_fill(account, -signed, str(20_000 + signed * Decimal(made) / 20), minute + 1)
    settle(account=account)


def test_who_only_records_a_broker_account_is_summed_up_by_the_exchanges_day(
    alice: Actor, bob: Actor
) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    found(account, 1, 1, "100.00")
    assert summaries.make(now=moment("2025-12-02T22:30:00Z")) == 0, "the exchange's day still runs"
    assert summaries.make(now=AFTER) == 1
    assert summaries.make(now=AFTER) == 0
    row = Notice.objects.get()
    assert (row.user, row.kind) == (alice.user, Kind.DAILY)
    assert row.title == "Tuesday 02 December: recorded +$96.00, 1 trade"
    assert row.body.splitlines() == ["1 won, 0 lost (100%).", "Fees $4.00.", "NQ Fade: +$96.00 in 1."]  # fmt: skip
    assert row.path == f"/recorders/{first.strategy_id}/?day=2025-12-02#positions"
    assert "+$96.00" in alice.client.get(row.path).content.decode()


def test_each_strategy_has_its_line_and_fees_that_are_not_said_are_named(alice: Actor) -> None:
    account, other = a_broker_account(alice.user), a_broker_account(alice.user, "DEMO2")
    a_recorder(alice.user, account)
    a_recorder(alice.user, other, "NQ Trend")
    found(account, 1, 1, "100.00")
    found(other, -1, 5, "-40.00")
    a_fill(other, 1, "20000.00", 8, fees=None)
    a_fill(other, -1, "20001.00", 9)
    settle(account=other)
    summaries.make(now=AFTER)
    row = Notice.objects.get()
    assert row.title == "Tuesday 02 December: recorded +$70.00, 3 trades"
    assert "Fees $10.00 and those of 1 that the broker has not said yet." in row.body
    assert "NQ Fade: +$96.00 in 1." in row.body and "NQ Trend: −$26.00 in 2." in row.body
    assert row.path == "/recorders/" and alice.client.get(row.path).status_code == 200


def test_the_desks_own_and_what_is_recorded_stand_apart_once_both_days_are_over(
    alice: Actor,
) -> None:
    alpha = an_account(alice.user, trade_date=date(2025, 12, 2))
    closed(alpha, "2025-12-02T15:00:00Z", "101.00", place=1)
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    assert summaries.make(now=AFTER) == 0, "Alpha's day still runs"
    alpha.trade_date = date(2025, 12, 3)
    alpha.save()
    ended(alpha, date(2025, 12, 2))
    assert summaries.make(now=AFTER) == 1
    row = Notice.objects.get()
    assert row.title == "Tuesday 02 December: +$100.00, 1 trade; recorded +$46.00, 1 trade"
    lines = row.body.splitlines()
    assert lines[0] == "On the desk:"
    assert lines[3] == "Recorded in broker accounts: +$46.00 in 1."
    assert lines[-1] == "NQ Fade: +$46.00 in 1."
    assert row.path.startswith("/performance/") and row.severity == "good"


def test_what_the_desk_and_a_recorder_both_saw_counts_once(alice: Actor) -> None:
    desk = an_account(alice.user, "Demo one", kind="demo", trade_date=date(2025, 12, 3))
    ended(desk, date(2025, 12, 2))
    account = a_broker_account(alice.user, account=desk)
    own = a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    closed(desk, "2025-12-02T14:32:00Z", "50.00", place=own.strategy_id, strategy=own.strategy)
    closed(desk, "2025-12-02T18:00:00Z", "31.00", place=77)  # which no recorder saw
    summaries.make(now=AFTER)
    row = Notice.objects.get()
    assert row.title == "Tuesday 02 December: +$30.00, 1 trade; recorded +$46.00, 1 trade"


def test_recorders_do_not_wait_for_a_desk_that_stands_still(alice: Actor) -> None:
    an_account(alice.user, trade_date=date(2025, 12, 2))
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    found(account, 1, 24 * 60, "30.00")
    assert summaries.make(now=AFTER) == 0
    assert summaries.make(now=moment("2025-12-03T23:05:00Z")) == 2, "Tuesday, which waited, too"
    titles = [row.title.partition(":")[0] for row in Notice.objects.order_by("id")]
    assert titles == ["Tuesday 02 December", "Wednesday 03 December"]


def test_a_week_of_recorders_is_summed_up_on_its_own(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    found(account, 1, 3 * 24 * 60, "-70.00")
    assert summaries.make(now=moment("2025-12-06T10:00:00Z")) == 2
    row = Notice.objects.get(kind=Kind.WEEKLY)
    assert row.title == "Week of 01 December: recorded −$28.00, 2 trades"
    assert (row.severity, row.path.split("/")[1]) == ("bad", "recorders")


def test_who_recorded_nothing_is_left_alone(alice: Actor) -> None:
    a_recorder(alice.user, a_broker_account(alice.user))
    assert summaries.make(now=AFTER) == 0


# ---- what ended while the desk was off ----


def titles() -> list[str]:
    return [row.title.partition(":")[0] for row in Notice.objects.order_by("id")]


def test_a_desk_that_was_off_over_mondays_close_tells_the_week_and_its_last_day_late_and_once(
    alice: Actor,
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")  # on Tuesday
    found(account, 1, 2 * 24 * 60, "30.00")
    found(account, 1, 3 * 24 * 60, "-70.00")  # on Friday
    tuesday = moment("2025-12-09T23:05:00Z")
    assert summaries.make(now=tuesday) == 2
    assert titles() == ["Friday 05 December", "Week of 01 December"]
    assert summaries.make(now=tuesday) == 0
    found(account, 1, 8 * 24 * 60, "20.00")  # on Wednesday of the next week
    assert summaries.make(now=moment("2025-12-10T23:05:00Z")) == 1
    assert titles()[-1] == "Wednesday 10 December"


def test_a_day_that_was_missed_is_not_told_after_a_later_one(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    found(account, 1, 24 * 60, "30.00")
    assert summaries.make(now=moment("2025-12-04T23:05:00Z")) == 1, "Tuesday is in its week"
    assert titles() == ["Wednesday 03 December"]
    assert summaries.make(now=moment("2025-12-05T23:05:00Z")) == 1, "the week, now that it is over"
    assert titles() == ["Wednesday 03 December", "Week of 01 December"]


def test_a_desk_that_was_off_for_weeks_tells_the_last_week_and_no_day(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    found(account, 1, 1, "50.00")
    assert summaries.make(now=moment("2025-12-23T12:00:00Z")) == 1
    assert titles() == ["Week of 01 December"]
    Notice.objects.all().delete()
    assert summaries.make(now=moment("2026-01-20T12:00:00Z")) == 0, "too long ago"


def test_the_desks_own_week_is_told_late_too(alice: Actor) -> None:
    alpha = an_account(alice.user, trade_date=date(2025, 12, 17))
    closed(alpha, "2025-12-02T15:00:00Z", "101.00", place=1)
    ended(alpha, date(2025, 12, 2))
    assert (summaries.make(now=NOW), summaries.make(now=NOW)) == (1, 0)
    assert titles() == ["Week of 01 December"]


def test_what_a_file_or_a_late_start_brought_is_not_told_as_missed(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    for minute, signed in ((1, 1), (2, -1)):
        a_fill(account, signed, "20000.00", minute, source="csv:tradovate")
    other = a_broker_account(alice.user, "DEMO2")
    a_fill(other, 1, "20000.00", 5)
    a_fill(other, -1, "20010.00", 6)
    a_recorder(alice.user, other, "NQ Trend")
    settle(account=account)
    settle(account=other)
    assert summaries.make(now=moment("2025-12-09T23:05:00Z")) == 0
