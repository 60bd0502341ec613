"""Past trades under each kind of rule, worked by hand from the figures of the reference."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.risk.domain.evaluation import RestsOn, Verdict, evaluate
from apps.risk.domain.limits import first_floor, lock_level, trailed
from apps.risk.domain.presets import preset
from apps.risk.domain.rules import Basis, DrawdownType
from apps.risk.domain.walk import AimedAt, Walker, Why, terms_of, units
from tests.domain.risk_study.past import at, days, rules, trade


def floors(made):
    return [int(row.next_floor) for row in made.rows]


# ---- the worked figures of the reference, one drawdown kind each ----


def test_a_static_floor_stays_where_it_is():
    made = evaluate(days(3000, -2000, -1499, -1), rules(amount="500"))
    assert floors(made) == [49_500] * 4
    assert made.verdict is Verdict.FAILED and made.why is Why.MAX_LOSS
    assert (made.trade, made.floor, made.equity) == (4, 49_500, 49_500)
    assert (
        made.reason
        == "Equity of 49,500.00 met the floor of the maximum loss, 49,500.00, in trade 4."
    )


def test_an_end_of_day_floor_follows_closes_and_stops_at_its_lock():
    results = [(1200, 2400, 0), -500, 1900, -1600]  # the high of day 1 does not count
    made = evaluate(days(*results), rules("eod_trailing", lock="50000"))
    assert [int(row.balance) for row in made.rows] == [51_200, 50_700, 52_600, 51_000]
    assert floors(made) == [49_200, 49_200, 50_000, 50_000]
    assert [int(row.floor) for row in made.rows] == [48_000, 49_200, 49_200, 50_000]
    assert made.verdict is Verdict.OPEN


def test_an_end_of_day_floor_is_enforced_on_open_profit():
    made = evaluate(days(1200, (100, 150, -2000)), rules("eod_trailing", lock="50000"))
    assert (made.why, made.trade, made.floor, made.equity) == (Why.MAX_LOSS, 2, 49_200, 49_200)
    made = evaluate(days(1200, (100, 150, "-1999.99")), rules("eod_trailing", lock="50000"))
    assert made.verdict is Verdict.OPEN
    assert made.closest and (made.closest.trade, made.closest.left) == (2, Decimal("0.01"))


def test_an_intraday_floor_follows_open_profit_that_is_given_back():
    apex = rules("intraday_trailing", lock="50100")
    made = evaluate(days((300, 1500, 0), (-800, 0, -800)), apex)
    assert floors(made)[0] == 49_500
    assert (made.why, made.trade, made.equity) == (Why.MAX_LOSS, 2, 49_500)
    assert made.profit == -500


def test_an_intraday_floor_locks():
    locked = evaluate(
        days((2050, 2100, 0), (300, 600, 0)), rules("intraday_trailing", lock="50100")
    )
    assert floors(locked) == [50_100, 50_100]
    unlocked = evaluate(days((2500, 2600, 0)), rules("intraday_trailing"))
    assert floors(unlocked) == [50_600]


def test_ahead_first_then_behind_is_the_order_that_is_assumed():
    made = evaluate(days((100, 1000, -1000)), rules("intraday_trailing"))
    assert (made.why, made.floor, made.equity) == (Why.MAX_LOSS, 49_000, 49_000)
    assert not made.is_certain  # behind first, it would have lived
    assert evaluate(days((100, 1000, -999)), rules("intraday_trailing")).verdict is Verdict.OPEN
    made = evaluate(days((-1000, 1000, -1000)), rules("intraday_trailing"))
    assert made.verdict is Verdict.FAILED and made.is_certain  # its close is its worst


def test_a_trade_that_was_never_behind_its_entry_did_not_come_back_to_it():
    made = evaluate(days((2500, 2600, 0)), rules("intraday_trailing"))
    assert made.verdict is Verdict.OPEN
    assert evaluate(days(2500), rules("intraday_trailing")).verdict is Verdict.OPEN


def test_a_closed_balance_floor_ignores_open_profit():
    made = evaluate(days((300, 1500, 0)), rules("closed_balance_trailing"))
    assert floors(made) == [48_300]
    morning = [trade("2026-01-05 09:30", 900), trade("2026-01-05 10:30", -2000)]
    made = evaluate(morning, rules("closed_balance_trailing"))
    assert (made.why, made.floor) == (Why.MAX_LOSS, 48_900)


def test_a_zero_based_account():
    xfa = preset("topstep-xfa-50k-standard")
    assert floors(evaluate(days(900, 1100), xfa)) == [-1100, 0]


def test_an_account_that_began_elsewhere_takes_its_lock_along():
    made = evaluate(days(3000), rules("eod_trailing", lock="50000"), start=Decimal(100_000))
    assert floors(made) == [100_000]


def test_a_floor_that_may_be_touched():
    touched = rules()
    loose = replace(touched, drawdown=replace(touched.drawdown, inclusive=False))
    assert evaluate(days(-2000), touched).why is Why.MAX_LOSS
    assert evaluate(days(-2000), loose).verdict is Verdict.OPEN
    assert evaluate(days("-2000.01"), loose).why is Why.MAX_LOSS


# ---- the daily limit ----


def test_a_soft_daily_limit_closes_the_day_and_the_account_lives():
    soft = rules("eod_trailing", daily_loss={"amount": "1000"})
    made = evaluate(
        [
            trade("2026-01-05 09:30", 1200),
            trade("2026-01-06 09:30", 500, 800, -100),
            trade("2026-01-06 10:30", 900, 950, -1500),
            trade("2026-01-06 11:30", 700),
            trade("2026-01-07 09:30", 100),
        ],
        soft,
    )
    assert made.verdict is Verdict.OPEN
    day = made.rows[1]
    assert (day.net, day.balance, day.trades, day.skipped) == (-1000, 50_200, 2, 1)
    assert day.is_locked and not made.rows[2].is_locked
    assert made.rows[2].balance == 50_300


def test_a_hard_daily_limit_fails_the_account():
    hard = rules("eod_trailing", daily_loss={"amount": "1000", "action": "hard"})
    made = evaluate(days(1200, (900, 950, -1000)), hard)
    assert (made.why, made.floor, made.equity) == (Why.DAILY_LOSS, 50_200, 50_200)


def test_of_two_limits_the_higher_one_is_met_first():
    both = rules(amount="1500", daily_loss={"amount": "1000"})
    made = evaluate(days(-600, -2000, -1), both)
    assert made.why is Why.MAX_LOSS and made.trade == 2 and made.floor == 48_500


def test_a_daily_floor_at_nothing_is_still_the_daily_one():
    xfa = rules(daily_loss={"amount": "500"}, start_balance="0", amount="2000")
    made = evaluate(days(500, -600), xfa)
    assert made.verdict is Verdict.OPEN and made.rows[1].is_locked and made.balance == 0


def test_tiers_change_the_daily_limit_from_the_next_day_on():
    tiers = [
        {"min_profit": "-2000", "minis": 2, "daily_loss": "300"},
        {"min_profit": "500", "minis": 4, "daily_loss": "900"},
    ]
    made = evaluate(days(600, -800, -400), rules(size={"minis": 4}, scaling=tiers))
    assert [row.is_locked for row in made.rows] == [False, False, True]
    assert [int(row.net) for row in made.rows] == [600, -800, -300]


# ---- passing ----


def test_it_passes_with_the_trade_that_meets_every_rule():
    made = evaluate(days(1650, 1350, 400), preset("topstep-combine-50k"))
    assert (made.verdict, made.trade, made.at) == (Verdict.PASSED, 2, at("2026-01-06 09:30"))
    assert made.days == 2 and made.profit == 3000
    assert made.consistency and made.consistency.share == Decimal("0.55")
    assert made.aimed_at is AimedAt.TARGET


def test_a_best_day_that_is_too_large_asks_for_more():
    made = evaluate(days(1800, 1400, 72, 1), preset("topstep-combine-50k"))
    assert made.consistency and made.consistency.needed == 3273
    assert made.trade == 4 and made.verdict is Verdict.PASSED
    made = evaluate(days(1800, 1400, 72), preset("topstep-combine-50k"))
    assert made.verdict is Verdict.OPEN and made.consistency and not made.consistency.is_met


@pytest.mark.parametrize(
    ("basis", "strict", "results", "passed"),
    [
        ("target", False, (1200, 1200, 600), True),
        ("target", False, (1500, 1500), False),  # 1,500 / 0.4 = 3,750
        ("target", False, (1500, 1400, 850), True),
        ("positive_days", False, (1250, 1250, -125, 625), True),
        ("total_profit", False, (1250, 1250, -125, 625), False),
        ("total_profit", True, (1200, 1200, 600), False),
        ("since_payout", False, (1200, 1200, 600), True),
    ],
)
def test_every_basis(basis, strict, results, passed):
    rule = {"share": "0.4", "basis": basis, "strict": strict}
    made = evaluate(days(*results), rules(target="3000", consistency=rule))
    assert (made.verdict is Verdict.PASSED) == passed


def test_minimum_days_and_winning_days_hold_a_pass_back():
    made = evaluate(days(3000, 10, 10), rules(target="3000", min_days=3))
    assert (made.trade, made.days, made.days_needed) == (3, 3, 3)
    won = {"count": 3, "amount": "150"}
    made = evaluate(days(3000, 149, 150, 150), rules(target="3000", winning_days=won))
    assert (made.trade, made.winning_days) == (4, 3)


def test_a_funded_account_aims_at_its_first_payout():
    made = evaluate(days(200, 200, 200, 200, 200), preset("topstep-xfa-50k-standard"))
    assert (made.verdict, made.aimed_at, made.trade) == (Verdict.PASSED, AimedAt.PAYOUT, 5)
    made = evaluate(days(*[520] * 6), preset("apex-pa-eod-50k"))
    assert made.trade == 5 and made.profit == 2600
    assert evaluate(days(9000), preset("mffu-pro-funded-50k")).aimed_at is AimedAt.NOTHING


def test_time_runs_out():
    limited = rules(target="3000", time_limit_days=9)
    made = evaluate(days(*[100] * 9), limited)
    assert made.verdict is Verdict.FAILED and made.why is Why.TIME_LIMIT
    assert made.trade is None and made.at == at("2026-01-13 17:00")
    assert made.days == 7 and made.profit == 700
    assert evaluate(days(*[100] * 7), limited).verdict is Verdict.OPEN
    assert evaluate(days(*[500] * 6), limited).verdict is Verdict.PASSED
    early = evaluate(days(*[500] * 6), limited, began_at=at("2026-01-02 09:00"))
    assert early.why is Why.TIME_LIMIT and early.days == 5


# ---- days, and what an answer rests on ----


@pytest.mark.parametrize(
    ("when", "day"),
    [
        ("2026-03-06 16:59", date(2026, 3, 6)),
        ("2026-03-08 17:30", date(2026, 3, 9)),  # clocks went forward that morning
        ("2026-03-09 17:30", date(2026, 3, 10)),
        ("2026-10-30 15:59", date(2026, 10, 30)),
        ("2026-11-01 17:30", date(2026, 11, 2)),  # clocks went back
        ("2026-11-02 17:30", date(2026, 11, 3)),
        ("2026-11-02 16:59", date(2026, 11, 2)),
    ],
)
def test_after_the_reset_it_is_the_next_trading_day(when, day):
    assert evaluate([trade(when, 1)], rules()).rows[0].trade_date == day


def test_the_reset_of_the_firm_counts():
    prague = rules(hours={"tz": "Europe/Prague", "reset": "00:00"})
    made = evaluate([trade("2026-01-05 16:59", 1), trade("2026-01-05 17:30", 1)], prague)
    assert [row.trade_date.day for row in made.rows] == [5, 6]


def test_what_it_rests_on():
    known = evaluate(days((10, 20, -5), (10, 20, -5)), rules())
    assert known.rests_on is RestsOn.TICKS
    assert evaluate(days((10, 20, -5), 10), rules()).rests_on is RestsOn.CLOSED_TRADES
    both = [
        trade("2026-01-05 09:30", 1, 1, 0, minutes=60),
        trade("2026-01-05 09:40", 1, 1, 0, minutes=15),
    ]
    made = evaluate(both, rules())
    assert (made.rests_on, made.overlapping, made.unknown) == (RestsOn.CLOSED_TRADES, 1, 0)


def test_rules_that_results_cannot_answer_are_named():
    made = evaluate(days(1), preset("topstep-xfa-50k-standard"))
    assert made.not_tested == ("size", "scaling")
    late = [
        trade("2026-01-05 15:11", 1), trade("2026-01-06 15:10", 1), trade("2026-01-07 18:00", 1),
        trade("2026-01-08 17:05", 1, minutes=10),
    ]  # fmt: skip
    assert evaluate(late, preset("topstep-combine-50k")).held_late == (1, 4)


def test_no_trades():
    made = evaluate([], preset("topstep-combine-50k"))
    assert made.verdict is Verdict.OPEN and made.rows == () and made.closest is None


# ---- laws ----

DOLLARS = st.integers(-90_000, 90_000).map(lambda cents: Decimal(cents) / 100)
PAST = st.lists(
    st.lists(st.tuples(DOLLARS, DOLLARS.map(abs), DOLLARS.map(lambda one: -abs(one))), max_size=4),
    max_size=10,
)
KINDS = st.sampled_from(DrawdownType)
LOCKS = st.sampled_from([None, "50000", "50100"])


def on_days(past):
    made = []
    for number, of_day in enumerate(past):
        when = [f"2026-01-{5 + number // 5 * 7 + number % 5:02} {9 + k:02}:30" for k in range(4)]
        made += [trade(one, *values) for one, values in zip(when, of_day, strict=False)]
    return made


@settings(max_examples=150)
@given(PAST, KINDS, LOCKS)
def test_floors_agree_with_the_guard_and_never_fall(past, kind, lock):
    """Two witnesses: the walk in whole numbers, and `limits.trailed` that guards the account of today."""
    static = kind is DrawdownType.STATIC
    given_rules = rules(kind, lock=None if static else lock)
    drawdown, walker = given_rules.drawdown, Walker(terms_of(given_rules))
    start = given_rules.start_balance
    stops_at = lock_level(given_rules, start)
    floor, balance = first_floor(drawdown, start), start
    for of_day in past:
        walker.open_day()
        for net, best, worst in of_day:
            best, worst, before = (
                max(best, net, Decimal(0)),
                min(worst, net, Decimal(0)),
                walker.floor,
            )
            walker.take(units(net), units(best), units(worst))
            if kind is DrawdownType.INTRADAY_TRAILING:
                floor = trailed(drawdown, floor, balance + best, stops_at)
            broken = balance + (worst or net) <= floor
            assert (walker.end is Why.MAX_LOSS) == broken
            assert walker.floor >= before
            if broken:
                return
            balance += net
            if kind in (DrawdownType.INTRADAY_TRAILING, DrawdownType.CLOSED_BALANCE_TRAILING):
                floor = trailed(drawdown, floor, balance, stops_at)
            assert walker.floor == units(floor) and walker.balance == units(balance)
        walker.close_day()
        if kind is DrawdownType.EOD_TRAILING:
            floor = trailed(drawdown, floor, balance, stops_at)
        assert walker.floor == units(floor)


@settings(max_examples=100)
@given(PAST, KINDS, LOCKS, st.sampled_from([None, "soft", "hard"]))
def test_the_table_adds_up(past, kind, lock, action):
    more = {} if action is None else {"daily_loss": {"amount": "700", "action": action}}
    lock = None if kind is DrawdownType.STATIC else lock
    made = evaluate(on_days(past), rules(kind, lock=lock, **more))
    assert made.balance == 50_000 + sum(row.net for row in made.rows)
    assert made.profit == made.balance - 50_000
    for row, following in pairwise(made.rows):
        assert following.balance == row.balance + following.net
        assert following.floor >= row.next_floor >= row.floor
    if made.why in (Why.MAX_LOSS, Why.DAILY_LOSS):
        assert made.equity <= made.floor
    elif made.closest:
        assert made.closest.left > 0 or action == "soft"
    if not action and made.verdict is not Verdict.FAILED:
        assert made.profit == sum((net for of_day in past for net, _, _ in of_day), Decimal(0))


@settings(max_examples=60)
@given(PAST, st.randoms(use_true_random=False))
def test_the_order_within_days_changes_no_sum(past, chance):
    wide = rules(amount="90000", consistency={"share": "0.4", "basis": Basis.POSITIVE_DAYS})
    shuffled = [chance.sample(of_day, len(of_day)) for of_day in past]
    one, other = evaluate(on_days(past), wide), evaluate(on_days(shuffled), wide)
    assert [row.net for row in one.rows] == [row.net for row in other.rows]
    assert (one.profit, one.days, one.consistency) == (other.profit, other.days, other.consistency)


@settings(max_examples=60)
@given(PAST, KINDS)
def test_knowing_the_excursions_never_makes_it_better(past, kind):
    """Closed trades alone can only be too kind: what they break, the ticks break too, and not later."""
    ticks = on_days(past)
    closes = [type(one)(one.opened_at, one.closed_at, one.net) for one in ticks]
    exact, estimate = evaluate(ticks, rules(kind)), evaluate(closes, rules(kind))
    if estimate.verdict is Verdict.FAILED:
        assert exact.verdict is Verdict.FAILED and exact.trade <= estimate.trade
