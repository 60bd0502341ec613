"""The liquidation line is the price at which a slow walk of equity first breaks a rule."""

from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.brokers.domain.messages import (
    AccountBooked,
    Holding,
)
from apps.marketdata.domain.contract import root_of
from apps.risk.domain.limits import LimitName
from apps.risk.domain.line import families, family_of, liquidation
from apps.risk.domain.own_limits import OwnLimits
from apps.risk.domain.rules import Rules
from apps.risk.domain.standing import Standing, limits_of
from tests.domain.risk.road import ES, MNQ, NQ, holding, rules, standing, view
from tests.domain.risk.test_differential import random_rules

D = Decimal
LASTS = {
    NQ: 80_000,
    MNQ: 80_003,
    "NQH7": 80_900,
    ES: 26_000,
    "MESZ6": 26_001,
    "GCZ6": 40_000,
    "ZNZ6": 7_000,
}


def random_account(luck: Random) -> tuple[AccountBooked, Standing, Rules]:
    """Return an account with a portfolio, under any rules, somewhere in its life."""
    made = {}
    for strategy in range(luck.randint(1, 5)):
        contract = luck.choice(list(LASTS))
        size = luck.choice([-3, -2, -1, 1, 2, 3]) * luck.choice([1, 1, 7])
        made[contract, strategy] = holding(
            contract, size, LASTS[contract] + luck.randint(-9, 9), strategy
        )
    set = random_rules(luck)
    balance = D(luck.randint(4_950_000, 5_150_000)) / 100
    booked = view(balance, made.values(), day_start_balance=balance + luck.randint(-100, 300))
    own = OwnLimits(D(luck.randint(1, 30) * 50)) if luck.random() < 0.4 else OwnLimits()
    stand = standing(set, booked, own=own)
    if set.drawdown and set.drawdown.type == "intraday_trailing":
        stand.rise(_equity(booked, LASTS))
    if set.drawdown and set.drawdown.type == "eod_trailing":
        stand.close_day(booked.trade_date, balance, D(0), 1)
    return booked, stand, set


def _equity(booked: AccountBooked, lasts: dict[str, int]) -> Decimal:
    total = booked.balance
    for one in booked.holdings:
        total += (one.quantity * lasts[one.contract] - one.cost) * one.tick_value
    return total


def walk(
    booked: AccountBooked, stand: Standing, set: Rules, family: str, most: int = 3_000
) -> int | None:
    """Return after how many ticks against the account a rule breaks first: equity anew at each price."""
    mine = [one for one in booked.holdings if family_of(one.root) == family]
    net = sum((one.quantity * one.tick_value for one in mine), D(0))
    if not net:
        return None
    step = -1 if net > 0 else 1
    lasts, floor = dict(LASTS), stand.floor
    for ticks in range(most):
        equity = _equity(booked, lasts)
        if set.drawdown and floor is not None:
            if set.drawdown.type == "intraday_trailing":
                wanted = equity - set.drawdown.amount
                lock = set.drawdown.lock_level
                floor = max(floor, wanted if lock is None else min(wanted, lock))
            if equity < floor or (equity == floor and set.drawdown.inclusive):
                return ticks
        lost = booked.day_start_balance - equity
        if set.daily_loss and lost >= set.daily_loss.amount:
            return ticks
        if stand.own.max_daily_loss and lost >= stand.own.max_daily_loss:
            return ticks
        for contract in {one.contract for one in mine}:
            lasts[contract] += step
    return None


@settings(max_examples=400)
@given(st.integers(0, 10**9))
def test_the_line_is_where_a_slow_walk_first_breaks_a_rule(seed: int) -> None:
    compare(Random(seed))


def compare(luck: Random) -> None:
    """Compare line and walk in each family that a random account holds."""
    booked, stand, set = random_account(luck)
    for family in families(booked):
        line = liquidation(booked, limits_of(booked, stand), LASTS, family)
        ticks = walk(booked, stand, set, family)
        if line is None:
            assert ticks is None
            continue
        away = abs(line.price - LASTS[line.contract])
        assert away == ticks or (ticks is None and away >= 3_000)


def test_one_mini_against_a_micro_is_drawn_at_the_mini() -> None:
    booked = view(holdings=[holding(NQ, 1, 80_000), holding(MNQ, -5, 80_000)])
    stand = standing(rules(daily_loss={"amount": "500"}))
    line = liquidation(booked, limits_of(booked, stand), {NQ: 80_000, MNQ: 80_000}, "NQ")
    assert line is not None  # $5.00 - $2.50 a tick: 200 ticks
    assert (line.contract, line.price, line.points_left) == (NQ, 79_800, D(50))
    assert (line.limit, line.level) == (LimitName.DAILY_LOSS, D("19950.00"))


def test_what_cancels_out_has_no_line() -> None:
    booked = view(holdings=[holding(NQ, 1, 80_000), holding(MNQ, -10, 80_000)])
    stand = standing(rules(daily_loss={"amount": "500"}))
    assert liquidation(booked, limits_of(booked, stand), LASTS, "NQ") is None


def test_without_a_limit_there_is_no_line() -> None:
    booked = view(holdings=[holding(NQ, 1, 80_000)])
    assert liquidation(booked, (), LASTS, "NQ") is None


def test_a_micro_alone_is_drawn_at_the_mini_where_that_is_known() -> None:
    booked = view(holdings=[holding(MNQ, 2, 80_000)])
    floors = limits_of(booked, standing(rules(daily_loss={"amount": "100"})))
    line = liquidation(booked, floors, {NQ: 80_000, MNQ: 80_000}, "NQ")
    assert line is not None and (line.contract, line.price) == (NQ, 79_900)
    alone = liquidation(booked, floors, {MNQ: 80_000}, "NQ")
    assert alone is not None and (alone.contract, alone.price) == (MNQ, 79_900)


def test_a_broken_limit_lies_at_the_last_price() -> None:
    booked = view("49000", [holding(NQ, -1, 80_000)])
    floors = limits_of(booked, standing(rules(daily_loss={"amount": "500"})))
    line = liquidation(booked, floors, {NQ: 80_000}, "NQ")
    assert line is not None and (line.price, line.points_left) == (80_000, D(0))


def test_a_holding_names_its_family() -> None:
    assert [family_of(root_of(one)) for one in (NQ, MNQ, ES, "ZNZ6")] == ["NQ", "NQ", "ES", "ZN"]
    assert isinstance(holding(NQ, 1, 1), Holding)
