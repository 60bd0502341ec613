"""How likely a past was to pass: certain where it is certain, the same for the same seed, honest when it is short."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.risk.domain.odds import pass_probability, wilson
from apps.risk.domain.presets import preset
from apps.risk.domain.walk import AimedAt, Why
from tests.domain.risk_study.past import days, rules

TARGET = {"target": "1000"}
COIN = Random("coin").choices([-300, 320], k=40)


def test_a_sure_winner_passes_and_a_sure_loser_does_not():
    won = pass_probability(days(*[100] * 40), rules(**TARGET), seed=1, paths=300)
    assert (won.probability, won.median_days, won.reasons) == (1, 10, {})
    assert won.low < won.high == 1
    lost = pass_probability(days(*[-100] * 40), rules(**TARGET), seed=1, paths=300)
    assert (lost.probability, lost.low, lost.median_days) == (0, 0, None)
    assert lost.reasons == {Why.MAX_LOSS: 1}


def test_the_same_seed_says_the_same_and_another_one_something_near():
    past = days(*COIN)
    one, again, other = (
        pass_probability(past, rules(**TARGET), seed=seed, paths=400) for seed in (7, 7, 8)
    )
    assert one == again
    assert other != one and abs(other.probability - one.probability) < Decimal("0.12")
    assert one.low < one.probability < one.high


def test_more_paths_leave_the_first_ones_as_they_were():
    past = days(*COIN)
    few = pass_probability(past, rules(**TARGET), seed=7, paths=50)
    asked = []
    cut = pass_probability(
        past, rules(**TARGET), seed=7, paths=400,
        is_cancelled=lambda: len(asked) == 13 or asked.append(1),
    )  # fmt: skip
    assert cut.is_cancelled and cut.paths == 52
    assert few.passed <= cut.passed <= few.passed + 2


def test_progress_is_told():
    told = []
    pass_probability(
        days(*COIN), rules(**TARGET), seed=1, paths=200,
        progress=lambda done, paths: told.append((done, paths)),
    )  # fmt: skip
    assert told[0] == (0, 200) and told[-1] == (200, 200) and len(told) == 101


def test_a_fair_coin_passes_as_the_gambler_s_ruin_says():
    """From 0, steps of 100: the target 10 above or the floor 10 below is reached equally often."""
    fair = [100 if number % 2 else -100 for number in range(40)]
    odds = pass_probability(
        days(*fair),
        rules(amount="1000", **TARGET),
        seed=3,
        paths=1000,
        block_days=1,
        most_days=2000,
    )
    assert odds.undecided == 0
    assert odds.low < Decimal("0.5") < odds.high


def test_too_few():
    odds = pass_probability(days(*[100] * 19), rules(**TARGET), seed=1, paths=10)
    assert not odds.enough and "19 trading days and 19 trades" in odds.why_not_enough
    odds = pass_probability(days(*[100] * 25), rules(**TARGET), seed=1, paths=10)
    assert not odds.enough and odds.probability == 1
    odds = pass_probability(days(*[100] * 30), rules(**TARGET), seed=1, paths=10)
    assert odds.enough and odds.why_not_enough == ""


def test_nothing_known_and_nothing_to_pass():
    odds = pass_probability([], rules(**TARGET), seed=1)
    assert odds.probability is None and odds.paths == 0 and not odds.enough
    odds = pass_probability(days(*COIN), rules(), seed=1)
    assert odds.probability is None and odds.aimed_at is AimedAt.NOTHING
    assert "nothing to pass" in odds.why_not_enough


def test_a_time_limit_is_counted_at_the_trader_s_own_pace():
    slow = days(*[100] * 40)  # five days a week: 14 calendar days hold 10 trading days
    odds = pass_probability(slow, rules(time_limit_days=14, **TARGET), seed=1, paths=50)
    assert odds.probability == 1
    odds = pass_probability(slow, rules(time_limit_days=12, **TARGET), seed=1, paths=50)
    assert odds.reasons == {Why.TIME_LIMIT: 1}


def test_days_that_run_out_are_undecided():
    odds = pass_probability(days(*[10] * 40), rules(**TARGET), seed=1, paths=20, most_days=30)
    assert (odds.probability, odds.undecided, odds.failed) == (0, 20, 0)


def test_a_payout_can_be_aimed_at():
    odds = pass_probability(days(*[200] * 40), preset("topstep-xfa-50k-standard"), seed=1, paths=20)
    assert odds.aimed_at is AimedAt.PAYOUT and odds.median_days == 5


def test_wilson_by_hand():
    # n = 100, p = 0.5: (0.5 + 3.8415 / 200 -/+ 1.96 * sqrt(0.0025 + 3.8415 / 40000)) / 1.038415
    assert wilson(50, 100) == (Decimal("0.4038"), Decimal("0.5962"))
    assert wilson(0, 10) == (0, Decimal("0.2775"))
    assert wilson(10, 10) == (Decimal("0.7225"), 1)


@pytest.mark.parametrize("bad", [{"paths": 0}, {"block_days": 0}, {"most_days": 0}])
def test_nonsense_is_refused(bad):
    with pytest.raises(ValueError, match="at least 1"):
        pass_probability([], rules(), seed=1, **bad)


@settings(max_examples=25)
@given(
    st.lists(st.integers(-900, 900), min_size=1, max_size=25),
    st.integers(1, 7),
    st.integers(1, 30),
    st.integers(0, 9),
)
def test_shares_add_up(results, block_days, most_days, seed):
    odds = pass_probability(
        days(*results),
        rules(**TARGET),
        seed=seed,
        paths=40,
        block_days=block_days,
        most_days=most_days,
    )
    assert odds.passed + odds.failed + odds.undecided == odds.paths == 40
    assert 0 <= odds.low <= odds.probability <= odds.high <= 1
    assert odds.median_days is None or 1 <= odds.median_days <= most_days
