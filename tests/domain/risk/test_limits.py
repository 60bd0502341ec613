"""Floors, levels and tiers: the worked figures of the reference, and the firms' own."""

from decimal import Decimal

import pytest

from apps.brokers.domain.facts import (
    PayoutTaken,
)
from apps.brokers.domain.messages import (
    DayRolled,
)
from apps.risk.domain.limits import (
    Level,
    Limit,
    LimitName,
    allowed_minis,
    daily_amount,
    first_floor,
    is_consistent,
    level,
    lock_level,
    tier_of,
    trailed,
    used,
)
from apps.risk.domain.rules import Basis, Consistency, Rules
from apps.risk.domain.standing import Standing, limits_of
from tests.domain.risk.road import AT, DAY, Road, rules, standing, view

D = Decimal


def drawdown(
    type: str, amount: str = "2000", lock: str | None = None, start: str = "50000", **more: object
) -> Rules:
    given: dict[str, object] = {"type": type, "amount": amount}
    if lock is not None:
        given["lock_level"] = lock
    return rules(drawdown=given, start_balance=start, **more)


def floors(set: Rules, highs: list[str], start: str = "50000") -> list[Decimal]:
    """Return the floor after each highest, one after the other."""
    assert set.drawdown
    floor, found = first_floor(set.drawdown, D(start)), []
    for high in highs:
        floor = trailed(set.drawdown, floor, D(high), lock_level(set, D(start)))
        found.append(floor)
    return found


def closes(set: Rules, balances: list[str], start: str = "50000") -> list[Decimal]:
    """Return the floor after each day's close."""
    booked = view(start, start_balance=D(start), day_start_balance=D(start))
    stand, found = standing(set, booked), []
    for balance in balances:
        stand.close_day(DAY, D(balance), D(0), 1)
        assert stand.floor is not None
        found.append(stand.floor)
    return found


# ---- reference, section 2 ----


def test_a_static_floor_never_moves_tradeday_static_50k() -> None:
    set = drawdown("static", "500")
    assert floors(set, ["53000"]) == [D(49_500)]
    booked = view("53000")
    stand = standing(set)
    stand.close_day(DAY, D(53_000), D(3_000), 1)
    (limit,) = limits_of(booked, stand)
    assert (limit.floor, limit.left(D(53_000))) == (D(49_500), D(3_500))


def test_a_static_100k_has_its_floor_at_99250() -> None:
    assert floors(drawdown("static", "750"), ["100000"], "100000") == [D(99_250)]


def test_end_of_day_trailing_with_lock_at_the_start() -> None:
    set = drawdown("eod_trailing", lock="50000")
    wanted = [D(49_200), D(49_200), D(50_000), D(50_000)]
    assert closes(set, ["51200", "50700", "52600", "51000"]) == wanted


def test_an_intraday_high_does_not_move_an_end_of_day_floor_but_equity_is_checked_in_real_time() -> (
    None
):
    road = Road(stand=standing(drawdown("eod_trailing", lock="50000")))
    road.start({})
    road.book(view("52400", realized_today=D(2_400)))
    assert road.standing.floor == D(48_000)
    road.book(view("51200", realized_today=D(1_200)))
    road.tell(DayRolled(1, 7, AT, DAY, D(51_200), D(1_200), 1))
    assert road.standing.floor == D(49_200)
    road.book(view("49200.01", day_start_balance=D(51_200)))
    assert road.standing.failed_at is None
    road.book(view("49200", day_start_balance=D(51_200)))
    assert road.standing.failed_why == "MAX_LOSS_BROKEN"


def test_intraday_trailing_counts_open_profit_and_locks() -> None:
    set = drawdown("intraday_trailing", lock="50100")
    assert floors(set, ["51500", "50300", "52100", "52600"]) == [
        D(49_500), D(49_500), D(50_100), D(50_100),
    ]  # fmt: skip
    booked = view("50300")
    stand = standing(set)
    stand.rise(D(51_500))
    (limit,) = limits_of(booked, stand)
    assert limit.left(D(50_300)) == D(800)
    assert limit.is_broken(D(49_500)) and not limit.is_broken(D("49500.01"))
    stand.rise(D(52_600))
    assert (stand.peak, stand.floor) == (D(52_100), D(50_100))


def test_intraday_trailing_without_lock_goes_above_the_start() -> None:
    assert floors(drawdown("intraday_trailing"), ["52600"]) == [D(50_600)]


def test_closed_balance_trailing_knows_closed_trades_only() -> None:
    road = Road(stand=standing(drawdown("closed_balance_trailing")))
    road.start({})
    road.book(view("50300"))
    assert (road.standing.peak, road.standing.floor) == (D(50_300), D(48_300))


def test_a_zero_based_account_locks_at_zero() -> None:
    set = drawdown("eod_trailing", lock="0", start="0")
    assert first_floor(set.drawdown, D(0)) == D(-2_000)  # type: ignore[arg-type]
    assert closes(set, ["900", "2000"], "0") == [D(-1_100), D(0)]
    stand = standing(set, view("0", start_balance=D(0), day_start_balance=D(0)))
    stand.close_day(DAY, D(2_000), D(2_000), 1)
    stand.pay_out(D(1_000))
    (limit,) = limits_of(view("1000", start_balance=D(0)), stand)
    assert limit.left(D(1_000)) == D(1_000)


def test_the_daily_floor_counts_from_the_days_first_balance() -> None:
    set = rules(daily_loss={"amount": "1000"})
    (limit,) = limits_of(view("53000", day_start_balance=D(51_200)), standing(set))
    assert limit.floor == D(50_200)
    ftmo = rules(daily_loss={"amount": "2500", "action": "hard"})  # 5 % of 50,000
    (limit,) = limits_of(view(day_start_balance=D(50_800)), standing(ftmo))
    assert limit.floor == D(48_300)


def test_the_lock_moves_with_an_account_that_begins_elsewhere() -> None:
    set = drawdown("eod_trailing", lock="50100")
    assert lock_level(set, D(25_000)) == D(25_100)


# ---- payouts ----


def test_a_payout_lowers_the_balance_not_the_floor() -> None:
    road = Road(stand=standing(drawdown("eod_trailing", lock="50000")))
    road.start({})
    road.tell(DayRolled(1, 7, AT, DAY, D(51_500), D(1_500), 1))
    assert road.standing.floor == D(49_500)
    road.tell(PayoutTaken(at=AT, user=7, account=1, wish="w", amount=D(1_000), balance=D(50_500)))
    road.book(view("50500", day_start_balance=D(50_500)))
    assert road.standing.floor == D(49_500)
    assert road.standing.failed_at is None


def test_the_first_payout_may_put_the_floor_at_the_start() -> None:
    set = drawdown("eod_trailing", lock="0", start="0", payout={"floor_to_start": True})
    booked = view("900", start_balance=D(0), day_start_balance=D(0))
    stand = standing(set, booked)
    assert stand.floor == D(-2_000)
    assert stand.pay_out(D(500)) and stand.floor == D(0)
    assert not stand.pay_out(D(100))


def test_a_full_withdrawal_after_the_lock_is_a_breach() -> None:
    set = drawdown("eod_trailing", lock="50000")
    road = Road(stand=standing(set))
    road.start({})
    road.tell(DayRolled(1, 7, AT, DAY, D(52_500), D(2_500), 1))
    road.tell(PayoutTaken(at=AT, user=7, account=1, wish="w", amount=D(2_500), balance=D(50_000)))
    road.book(view("50000"))
    assert [one.limit for one in road.facts("risk.broken")] == [LimitName.MAX_LOSS]


# ---- levels ----


@pytest.mark.parametrize(
    ("left", "part", "wanted"),
    [
        ("1000", "0", "safe"), ("1200", "0", "safe"), ("500.01", "0.49999", "safe"),
        ("500", "0.5", "warning"), ("300.01", "0.69999", "warning"), ("300", "0.7", "danger"),
        ("100.01", "0.89999", "danger"), ("100", "0.9", "locked"), ("-50", "1.05", "locked"),
    ],
)  # fmt: skip
def test_levels_have_their_boundaries_at_50_70_and_90(left: str, part: str, wanted: str) -> None:
    assert used(D(left), D(1_000)) == D(part)
    assert level(D(part)) == wanted


def test_the_lock_comes_where_the_rule_set_wants_it() -> None:
    assert level(D("0.85"), D("0.8")) is Level.LOCKED
    assert level(D("0.95"), D(1)) is Level.DANGER


def test_a_level_gets_better_only_two_points_below_its_boundary() -> None:
    limit = Limit(LimitName.DAILY_LOSS, D(1_000), D(49_000))
    assert limit.level(D(49_510), Level.WARNING) is Level.WARNING  # 49 % used
    assert limit.level(D(49_520), Level.WARNING) is Level.WARNING  # 48 %
    assert limit.level(D("49520.01"), Level.WARNING) is Level.SAFE
    assert limit.level(D(49_310), Level.LOCKED) is Level.DANGER  # 69 % is not yet warning
    assert limit.level(D(49_500), Level.SAFE) is Level.WARNING


def test_only_going_below_breaks_an_exclusive_floor() -> None:
    limit = Limit(LimitName.MAX_LOSS, D(1_000), D(49_000), inclusive=False)
    assert not limit.is_broken(D(49_000))
    assert limit.is_broken(D("48999.99"))


# ---- tiers and consistency ----

XFA = [
    {"min_profit": "0", "minis": 2}, {"min_profit": "1500", "minis": 3}, {"min_profit": "2000", "minis": 5},
]  # fmt: skip


def test_a_scaling_plan_follows_the_close_and_drops_back() -> None:
    set = rules(size={"minis": 5}, scaling=XFA, start_balance="0")
    booked = view("0", start_balance=D(0), day_start_balance=D(0))
    stand = standing(set, booked)
    seen = [stand.minis]
    for balance in ("1499.99", "1500", "2400", "-100"):
        stand.close_day(DAY, D(balance), D(0), 1)
        seen.append(stand.minis)
    assert seen == [2, 2, 3, 5, 2]


def test_a_tier_may_bring_its_own_daily_limit_apex_pa() -> None:
    tiers = [
        {"min_profit": profit, "minis": 4, "daily_loss": loss}
        for profit, loss in (("0", "1000"), ("1500", "1000"), ("3000", "2000"), ("6000", "3000"))
    ]
    set = rules(size={"minis": 4}, scaling=tiers, daily_loss={"amount": "1000"})
    found = [daily_amount(set, tier_of(set, D(profit))) for profit in (0, 2_999, 3_000, 7_000)]
    assert found == [D(1_000), D(1_000), D(2_000), D(3_000)]
    assert allowed_minis(set, 3) == 4
    assert tier_of(set, D(-300)) == 0


@pytest.mark.parametrize(
    ("share", "needed"), [("0.55", "3272.73"), ("0.50", "3600"), ("0.30", "6000")]
)
def test_the_best_day_asks_for_more_profit(share: str, needed: str) -> None:
    rule = Consistency(D(share))
    days = [D(1_800), D(1_000)]
    assert is_consistent(rule, days, D(needed) + 1, None)
    assert not is_consistent(rule, days, D(needed) - 1, None)


def test_consistency_has_other_bases_and_a_strict_form() -> None:
    days = [D(1_500), D(-500), D(1_500)]
    assert is_consistent(Consistency(D("0.5"), Basis.TARGET), days, D(2_500), D(3_000))
    assert not is_consistent(Consistency(D("0.5"), strict=True), days, D(3_000), None)
    assert is_consistent(Consistency(D("0.5"), Basis.POSITIVE_DAYS), days, D(2_500), None)
    assert not is_consistent(Consistency(D("0.5")), days, D(2_500), None)


def test_a_standing_without_rules_has_no_limits() -> None:
    assert limits_of(view(), Standing(1, 7)) == ()
