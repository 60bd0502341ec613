"""When to stop today: windows to the cent, checked against trying every result."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.risk.domain.best_day import DayResult, best_day, met_today, needed_profit
from apps.risk.domain.limits import is_consistent
from apps.risk.domain.planner import Goal, PaidOut, plan
from apps.risk.domain.presets import preset
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Basis, Consistency

TODAY = date(2026, 11, 20)


def results(*nets, last=TODAY):
    """Days before today, the last one yesterday."""
    return [
        DayResult(last - timedelta(days=len(nets) - number), Decimal(net))
        for number, net in enumerate(nets)
    ]


def custom(**rules):
    return rules_for(
        {"firm": "Own", "plan": "test", "stage": "evaluation", "start_balance": "50000", **rules}
    )


def test_the_sentence_on_the_page():
    rules = preset("topstep-xfa-50k-consistency")
    days = [
        DayResult(date(2026, 11, 10), Decimal(1000)),
        *(
            DayResult(date(2026, 11, day), Decimal(net))
            for day, net in ((13, 214), (16, -160), (17, 540), (18, 88), (19, 236))
        ),
    ]
    made = plan(
        rules, days, DayResult(TODAY, Decimal(300)), balance=Decimal(1718), floor=Decimal(0),
        payouts=[PaidOut(date(2026, 11, 12), Decimal(500))],
    )  # fmt: skip
    assert made.text == (
        "Stop between +$432 and +$612 today and a payout can be asked for. You have +$300."
    )
    assert made.goal is Goal.PAYOUT and not made.is_met
    assert made.best_day and made.best_day.net == 540 and made.best_day.on == date(2026, 11, 17)
    assert made.best_day.of == 1218 and round(made.best_day.share, 2) == Decimal("0.44")
    assert made.best_day.needed == 1350 and not made.best_day.is_met
    assert made.payout and made.payout.amount == 0 and made.payout.then == 1015
    assert made.payout.why_not == (
        "The best day, +$540, may be at most 40 %: the profit has to reach $1,350 first.",
    )


@pytest.mark.parametrize(
    ("share", "strict", "needed"),
    [("0.55", False, 3273), ("0.50", False, 3600), ("0.30", False, 6000), ("0.50", True, 3601)],
)
def test_what_a_best_day_of_1800_needs(share, strict, needed):
    rule = Consistency(Decimal(share), Basis.TOTAL_PROFIT, strict)
    assert needed_profit(Decimal(1800), rule) == needed
    assert is_consistent(rule, [Decimal(1800)], Decimal(needed), None)
    assert not is_consistent(rule, [Decimal(1800)], Decimal(needed) - 1, None)


def test_an_evaluation_ends_between_target_and_best_day():
    rules = custom(target="3000", consistency={"share": "0.5"}, min_days=2)
    made = plan(rules, results(1400, 300), DayResult(TODAY, Decimal(0)), balance=Decimal(51_700))
    assert made.window and (made.window.low, made.window.high) == (1300, 1700)
    assert (
        made.text
        == "Stop between +$1,300 and +$1,700 today and the evaluation is passed. You have $0."
    )
    assert made.target_left == 1300


def test_when_one_day_cannot_do_it_the_reason_is_said():
    rules = custom(target="3000", consistency={"share": "0.5"})
    made = plan(rules, results(1000), DayResult(TODAY, Decimal(200)), balance=Decimal(51_200))
    assert made.window is None
    assert made.missing == (
        "The target needs +$2,000 today, but more than +$1,000 would be too large a best day.",
    )
    assert made.text.startswith("Stop at +$1,000 today and the consistency rule is met.")


def test_days_that_are_missing_are_counted():
    rules = preset("topstep-xfa-50k-standard")
    made = plan(
        rules,
        results(200, 200, -50, 149),
        DayResult(TODAY, Decimal(160)),
        balance=Decimal(659),
        floor=Decimal(-1341),
    )
    assert (made.winning_days, made.winning_days_needed) == (3, 5)
    assert made.missing == ("3 winning days of $150 or more, today included.",)
    assert made.payout and made.payout.why_not == ("3 of 5 winning days of $150 or more.",)
    made = plan(
        rules,
        results(200, 200, 200, 200),
        DayResult(TODAY, Decimal(20)),
        balance=Decimal(820),
        floor=Decimal(-1180),
    )
    assert made.text == "Stop at +$150 or more today and a payout can be asked for. You have +$20."


def test_a_payout_is_half_the_balance_capped_and_leaves_the_account_alive():
    rules = preset("topstep-xfa-50k-standard")
    days = results(200, 200, 200, 200, 200)
    made = plan(
        rules, days, DayResult(TODAY, Decimal(0)), balance=Decimal(1000), floor=Decimal(-1000)
    )
    assert made.payout and made.payout.amount == 500 and made.payout.floor_after == 0
    made = plan(rules, days, DayResult(TODAY, Decimal(0)), balance=Decimal(9000), floor=Decimal(0))
    assert made.payout and made.payout.amount == 2000
    # a full withdrawal would leave the balance on the floor, which is a breach
    rules = preset("ftmo-futures-pro-funded-50k")
    made = plan(
        rules, days, DayResult(TODAY, Decimal(0)), balance=Decimal(53_000), floor=Decimal(50_000)
    )
    assert made.payout and made.payout.amount == Decimal("2999.99")


def test_a_ladder_of_payouts_and_a_buffer():
    rules = preset("apex-pa-eod-50k")
    days = results(600, 600, 600, 600, 600)
    now = DayResult(TODAY, Decimal(0))
    made = plan(rules, days, now, balance=Decimal(52_599), floor=Decimal(50_100))
    assert made.payout and made.payout.amount == 0
    assert made.payout.why_not == ("The balance has to be $52,600 first.",)
    made = plan(rules, days, now, balance=Decimal(55_000), floor=Decimal(50_100))
    assert made.payout and made.payout.amount == 1500
    paid = [PaidOut(date(2026, 10, number), Decimal(1500)) for number in (1, 2)]
    made = plan(rules, days, now, balance=Decimal(55_000), floor=Decimal(50_100), payouts=paid)
    assert made.payout and made.payout.amount == 2000


def test_after_a_payout_today_the_count_begins_tomorrow():
    rules = preset("topstep-xfa-50k-consistency")
    made = plan(
        rules, results(500, 500), DayResult(TODAY, Decimal(100)), balance=Decimal(700), floor=Decimal(0),
        payouts=[PaidOut(TODAY, Decimal(400))],
    )  # fmt: skip
    assert made.window is None and made.days == 0
    assert made.text.startswith("A payout was taken today")


def test_without_a_rule_there_is_nothing_to_say():
    made = plan(
        rules_for({"firm": "Own", "plan": "free"}),
        [],
        DayResult(TODAY, Decimal(5)),
        balance=Decimal(50_005),
    )
    assert made.goal is Goal.NONE and made.window is None and made.text == "You have +$5."


CENTS = st.integers(-80, 120).map(Decimal)


@given(
    st.lists(CENTS, max_size=5),
    st.sampled_from(["0.3", "0.4", "0.5", "0.55", "1"]),
    st.sampled_from(Basis),
    st.booleans(),
    CENTS,
)
def test_a_window_holds_exactly_the_results_that_meet_the_rule(days, share, basis, strict, today):
    """Two witnesses: the window, and the plain question asked of every result from -400 to +400."""
    rule, target = Consistency(Decimal(share), basis, strict), Decimal(150)
    profit = sum(days, Decimal(0))
    window = met_today(rule, days, profit, target)
    for x in (*map(Decimal, range(-400, 401)), today + Decimal("0.01")):
        nets, total = [*days, x], profit + x
        if max(nets) <= 0:
            continue  # without a good day there is nothing to compare
        fits = is_consistent(rule, nets, total, target)
        if basis is Basis.TARGET:
            most = rule.share * total
            fits = fits or (max(nets) < most if strict else max(nets) <= most)
        assert (window is not None and window.holds(x)) == fits, (x, window)
        now = best_day(rule, results(*days), DayResult(TODAY, x), profit=profit + x, target=target)
        assert now.is_met == fits
