"""A desk whose accounts had closed every day since 1970 is set right when it is brought up to date."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps

from apps.brokers.models import Account, AccountDay
from apps.bus.domain.message import SECOND, to_instant
from apps.bus.models import FactRow
from apps.marketdata.domain.candle import Candle
from apps.marketdata.store import save_candles
from apps.risk.models import Standing
from tests.cast import Actor
from tests.integration.papertrading.rows import an_account

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 11, 27, 13, 30, tzinfo=UTC)
TOLD = "account.day_closed"


def a_day(account: Account, ended: datetime) -> None:
    """Write a day as the engine does: its row and its fact."""
    zero, at = Decimal(0), to_instant(ended)
    AccountDay.objects.create(
        user=account.user, account=account, trade_date=ended.date(), ended_ns=at, trades=0, wins=0, losses=0,
        start_balance=account.balance, balance=account.balance, realized=zero, fees=zero,
    )  # fmt: skip
    FactRow.objects.create(
        key=f"day.{account.pk}.{at}", name=TOLD, at=ended, at_ns=at, user_id=account.user_id,
        payload={}, recorded_at=FIRST,
    )  # fmt: skip


def brought_up_to_date() -> None:
    for name in ("brokers.migrations.0006_no_days_before_the_market.forget",
                 "risk.migrations.0002_opened_with_the_market.set_right"):  # fmt: skip
        module, _, function = name.rpartition(".")
        getattr(import_module(f"apps.{module}"), function)(apps, None)


def test_days_from_before_the_market_go_and_its_own_stay(alice: Actor) -> None:
    account = an_account(alice.user)
    save_candles("NQZ6", 60, [Candle(to_instant(FIRST), 1, 1, 1, 1, 1)])
    for ended in (
        datetime(1970, 1, 1, 23, tzinfo=UTC),
        FIRST - timedelta(days=1),
        FIRST + timedelta(hours=9),
    ):
        a_day(account, ended)
    plain = {"account": account.pk, "user": alice.user.pk, "trade_date": "2026-11-27"}
    failed = {"failed_at": 86_400 * SECOND, "failed_why": "TIME_LIMIT"}
    Standing.objects.create(
        account=account, level="locked", plain={**plain, "opened_on": "1970-01-01", **failed}
    )
    brought_up_to_date()
    assert [day.trade_date for day in AccountDay.objects.all()] == [date(2026, 11, 27)]
    assert FactRow.objects.filter(name=TOLD).count() == 1
    standing = Standing.objects.get()
    assert (standing.level, standing.plain) == ("safe", {**plain, "opened_on": "2026-11-27"})


def test_an_account_that_truly_ran_out_of_time_stays_failed(alice: Actor) -> None:
    account = an_account(alice.user)
    save_candles("NQZ6", 60, [Candle(to_instant(FIRST), 1, 1, 1, 1, 1)])
    plain = {
        "account": account.pk, "user": alice.user.pk, "trade_date": "2026-12-28", "opened_on": "2026-11-27",
        "failed_at": to_instant(FIRST + timedelta(days=31)), "failed_why": "TIME_LIMIT",
    }  # fmt: skip
    Standing.objects.create(account=account, level="locked", plain=plain)
    brought_up_to_date()
    assert (Standing.objects.get().level, Standing.objects.get().plain) == ("locked", plain)
