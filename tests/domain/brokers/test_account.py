"""An account's trading day, its fees, and what it refuses."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from apps.brokers.domain.account import BadAccount, amount, day_of, new_account
from apps.brokers.domain.facts import DayClosed
from apps.brokers.domain.messages import ListAccount
from apps.bus.domain.message import DAY, to_datetime, to_instant
from apps.engine.domain.engine import build_engine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, TimeTold

CHICAGO = "America/Chicago"


def at(text: str) -> int:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-03-06T21:30", date(2026, 3, 6)),  # Friday 15:30 CST
        ("2026-03-06T23:30", date(2026, 3, 9)),  # Friday 17:30 CST: Monday's day
        (
            "2026-03-08T22:30",
            date(2026, 3, 9),
        ),  # Sunday 17:30 CDT, clocks went forward that morning
        ("2026-03-09T21:59", date(2026, 3, 9)),  # Monday 16:59 CDT
        ("2026-03-09T22:30", date(2026, 3, 10)),  # Monday 17:30 CDT is the next trade date
        ("2026-10-30T22:30", date(2026, 11, 2)),  # Friday 17:30 CDT
        ("2026-11-01T23:30", date(2026, 11, 2)),  # Sunday 17:30 CST, clocks went back that morning
        ("2026-11-02T22:59", date(2026, 11, 2)),  # Monday 16:59 CST
        ("2026-11-02T23:30", date(2026, 11, 3)),  # Monday 17:30 CST
    ],
)
def test_a_trade_at_1730_belongs_to_the_next_trade_date(utc: str, day: date) -> None:
    assert day_of(at(utc), CHICAGO, time(17))[0] == day


def test_a_day_in_prague_is_the_date_itself() -> None:
    day, ends = day_of(at("2026-06-10T15:00"), "Europe/Prague", time(0))
    assert day == date(2026, 6, 10)
    assert to_datetime(ends) == datetime(2026, 6, 10, 22, 0, tzinfo=UTC)


def test_the_day_ends_at_its_own_reset() -> None:
    _, ends = day_of(at("2026-11-02T23:30"), CHICAGO, time(17))
    assert to_datetime(ends) == datetime(2026, 11, 3, 23, 0, tzinfo=UTC)


def test_fees_are_the_instruments_unless_the_account_says_otherwise() -> None:
    account = new_account(1, 1, {"start_balance": "50000", "fees": {"MNQ": "0.52"}})
    assert account.fee(instrument("NQ")) == Decimal("3.90")
    assert account.fee(instrument("MNQ")) == Decimal("0.52")


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"kind": "toy"}, "kind"),
        ({"start_balance": "lots"}, "start_balance"),
        ({"start_balance": "-1"}, "start_balance"),
        ({"start_balance": "1e99"}, "start_balance"),
        ({"start_balance": "NaN"}, "start_balance"),
        ({"tz": "Mars/Base"}, "tz"),
        ({"reset": "25:00"}, "reset"),
        ({"fees": {"XX": "1"}}, "fees.XX"),
        ({"fees": {"NQ": "-2"}}, "fees.NQ"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(config: dict[str, object], field: str) -> None:
    with pytest.raises(BadAccount, match=f"^{field}: "):
        new_account(1, 1, config)


def test_an_amount_has_at_most_four_decimals() -> None:
    with pytest.raises(BadAccount, match="decimals"):
        amount("amount", "1.00001")


def test_an_account_that_is_older_than_the_market_s_time_begins_with_it() -> None:
    """Listed, and told that no time is known yet, it has no days since 1970 to close."""
    engine = build_engine()
    wish = ListAccount(id="a1", user=1, account=1, config={"start_balance": "50000"})
    first = at("2026-03-09T15:00")
    said = [
        told
        for message in (wish, TimeTold(0), ClockTicked(first), ClockTicked(first + DAY))
        for told in engine.handle(message)
    ]
    days = [one.trade_date for one in said if isinstance(one, DayClosed)]
    assert days == [date(2026, 3, 9)]
