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
from tests.cast import Actor
from tests.factories import at
from tests.integration.papertrading.rows import a_position, an_account

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
