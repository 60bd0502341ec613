"""Every shipped rule set reads, says where it comes from, and has the figures that the reference has."""

from dataclasses import fields
from datetime import date, time
from decimal import Decimal

import pytest

from apps.risk.domain.presets import PRESETS, preset
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Action, Basis, Consistency, DrawdownType, Policy, Rules, Stage

EOD, INTRADAY, STATIC = (
    DrawdownType.EOD_TRAILING,
    DrawdownType.INTRADAY_TRAILING,
    DrawdownType.STATIC,
)


@pytest.mark.parametrize("slug", PRESETS)
def test_a_preset_reads_and_says_where_it_comes_from(slug):
    rules = rules_for(PRESETS[slug])
    assert rules.plain() == PRESETS[slug]
    assert rules.sources and all(rules.sources)
    assert rules.verified_on == date(2026, 11, 21)
    assert rules.confidence in ("high", "medium", "low")
    assert len(rules.policy_words) > 20
    assert rules.drawdown is not None
    assert rules.hours.flat_by is not None
    assert rules.stage in (Stage.EVALUATION, Stage.FUNDED)
    assert (rules.target is not None) == (rules.stage is Stage.EVALUATION)
    known = {one.name for one in fields(Rules)}
    assert all(name.split(".")[0] in known for name in rules.unsure)
    assert len(set(rules.unsure)) == len(rules.unsure)


def test_names_of_plans_are_as_unique_as_slugs():
    assert len({(one["firm"], one["plan"]) for one in PRESETS.values()}) == len(PRESETS) > 100


@pytest.mark.parametrize(
    ("slug", "target", "kind", "amount", "lock", "daily", "minis"),
    [
        ("topstep-combine-50k", 3000, EOD, 2000, 50_000, None, 5),
        ("topstep-combine-100k-daily-loss", 6000, EOD, 3000, 100_000, 2000, 10),
        ("topstep-combine-150k-daily-loss", 9000, EOD, 4500, 150_000, 3000, 15),
        ("topstep-xfa-150k-standard", None, EOD, 4500, 0, None, 15),
        ("apex-eod-25k", 1500, EOD, 1000, None, 500, 4),
        ("apex-eod-150k", 9000, EOD, 4000, None, 2000, 12),
        ("apex-intraday-100k", 6000, INTRADAY, 3000, None, None, 8),
        ("apex-pa-intraday-50k", None, INTRADAY, 2000, 50_100, None, 4),
        ("apex-pa-eod-100k", None, EOD, 3000, 100_100, None, None),
        ("apex-legacy-25k", 1500, INTRADAY, 1500, None, None, 4),
        ("apex-legacy-75k", 4250, INTRADAY, 2750, None, None, 12),
        ("apex-legacy-300k", 20_000, INTRADAY, 7500, None, None, 35),
        ("apex-legacy-100k-static", 2000, STATIC, 625, None, None, 2),
        ("apex-legacy-pa-250k", None, INTRADAY, 6500, 250_100, None, 27),
        ("tradeday-static-50k", 3000, STATIC, 500, None, None, 1),
        ("tradeday-static-100k", 6000, STATIC, 750, None, None, 2),
        ("tradeday-intraday-150k", 9000, INTRADAY, 4000, 150_000, None, 15),
        ("tradeday-eod-50k", 3000, EOD, 2000, 50_000, None, 5),
        ("tpt-test-75k", 4500, EOD, 2500, 75_000, None, 9),
        ("tpt-pro-150k", None, INTRADAY, 4500, 150_000, None, 15),
        ("mffu-core-funded-50k", None, EOD, 2000, 50_100, None, 5),
        ("mffu-rapid-funded-100k", None, INTRADAY, 3000, None, None, 10),
        ("mffu-flex-funded-150k", None, STATIC, 4500, None, None, 15),
        ("earn2trade-career-path-25k", 1750, EOD, 1500, 25_000, 550, 3),
        ("earn2trade-gauntlet-mini-200k", 11_000, EOD, 6000, 200_000, 4400, 16),
        ("ftmo-futures-growth-funded-50k", None, EOD, 2000, 50_000, 1000, 5),
        ("ftmo-futures-pro-50k", 3000, EOD, 3000, 50_000, 1000, 5),
        ("tradeify-growth-50k", 3000, EOD, 2000, None, 1250, None),
        ("lucid-pro-50k-daily-loss", 3000, EOD, 2000, 50_100, 1200, 4),
        ("bulenox-eod-50k", 3000, EOD, 2500, None, 1100, 7),
    ],
)
def test_figures_are_those_of_the_reference(slug, target, kind, amount, lock, daily, minis):
    rules = preset(slug)
    assert rules.target == target
    assert rules.drawdown
    assert (rules.drawdown.type, rules.drawdown.amount) == (kind, amount)
    assert rules.drawdown.lock_level == lock
    assert (rules.daily_loss.amount if rules.daily_loss else None) == daily
    assert (rules.size.minis if rules.size else None) == minis


def test_best_days():
    assert preset("topstep-combine-50k").consistency == Consistency(Decimal("0.55"))
    assert preset("topstep-xfa-50k-consistency").consistency == Consistency(
        Decimal("0.40"), Basis.SINCE_PAYOUT
    )
    assert preset("tpt-test-50k").consistency == Consistency(
        Decimal("0.5"), Basis.TOTAL_PROFIT, True
    )
    assert preset("apex-pa-eod-50k").consistency == Consistency(
        Decimal("0.5"), Basis.SINCE_PAYOUT, True
    )
    assert preset("trading-pit-prime-50k").consistency == Consistency(Decimal("0.4"), Basis.TARGET)
    assert preset("apex-eod-50k").consistency is None


def test_days_hours_and_what_breaking_the_daily_limit_does():
    topstep, apex = preset("topstep-combine-50k"), preset("apex-eod-50k")
    assert topstep.hours.flat_by == time(15, 10) and topstep.hours.tz == "America/Chicago"
    assert apex.hours.flat_by == time(16, 59) and apex.hours.reset == time(18, 0)
    assert apex.hours.tz == "America/New_York"
    assert apex.daily_loss and apex.daily_loss.action is Action.SOFT
    hard = preset("earn2trade-gauntlet-mini-50k").daily_loss
    assert hard and hard.action is Action.HARD
    assert (topstep.min_days, apex.time_limit_days) == (2, 30)


def test_scaling_and_payouts():
    xfa = preset("topstep-xfa-150k-standard")
    assert [(int(one.min_profit), one.minis) for one in xfa.scaling] == [
        (-4500, 3), (1500, 4), (2000, 5), (3000, 10), (4500, 15),
    ]  # fmt: skip
    assert xfa.winning_days and (xfa.winning_days.count, xfa.winning_days.amount) == (5, 150)
    pa = preset("apex-pa-eod-50k").payout
    assert pa and pa.buffer + pa.minimum == 2600
    assert list(pa.caps) == [1500, 1500, 2000, 2500, 2500, 3000]


def test_what_a_firm_says_of_programs():
    said = {one["firm"]: one["automation"] for one in PRESETS.values()}
    assert said["Topstep"] == Policy.PERSONAL_DEVICE_ONLY
    assert said["Apex"] == said["Take Profit Trader"] == said["Alpha Futures"] == Policy.MANUAL_ONLY
    assert said["TradeDay"] == Policy.PLATFORM_ONLY
    assert [firm for firm, word in said.items() if word == "allowed"] == ["My Funded Futures"]


def test_what_the_reference_doubts_is_marked():
    assert "drawdown.lock_level" in preset("apex-intraday-50k").unsure
    assert "automation" in preset("tpt-pro-50k").unsure
    assert "min_days" in preset("tradeday-eod-50k").unsure
    assert "target" in preset("ftmo-futures-growth-50k").unsure
    assert "drawdown.amount" in preset("earn2trade-gauntlet-mini-150k").unsure
    assert "drawdown.amount" not in preset("earn2trade-gauntlet-mini-50k").unsure
    assert preset("trading-pit-prime-50k").confidence == "low"
