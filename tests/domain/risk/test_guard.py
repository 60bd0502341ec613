"""The guard over days: locks and who ends them, own limits, hours, evaluations, and what survives a restart."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.brokers.domain.facts import (
    PositionClosed,
)
from apps.brokers.domain.messages import (
    DayRolled,
    FlattenRequested,
    OrderAllowed,
    OrderStopped,
    Pending,
)
from apps.brokers.domain.order import Role
from apps.bus.domain.message import DAY as A_DAY
from apps.bus.domain.message import HOUR, MINUTE, Fact, decode_command, encode_command, told
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.messages import CandleRecorded, ClockTicked, Look, Resumed
from apps.risk.domain.guard import RiskGuard
from apps.risk.domain.limits import Level, LimitName
from apps.risk.domain.messages import LiftLock, LockOut, SetOwnLimits, SetRules
from apps.risk.domain.own_limits import own_limits
from apps.risk.domain.rules import Rules
from apps.risk.domain.standing import LockKind, Standing, standing_of
from apps.trades.domain.messages import CommandRefused
from tests.domain.risk.road import (
    AT,
    DAY,
    NQ,
    SECOND,
    Road,
    holding,
    proposal,
    rules,
    standing,
    view,
)

D = Decimal
WISH: dict[str, Any] = {"id": "w1", "user": 7, "account": 1}
STATIC = {"type": "static", "amount": "2000"}


def on(set: Rules | None = None, booked: Any = None, **given: Any) -> Road:
    """Return a road on which the market and the account are there and it is 09:00 in Chicago."""
    road = Road(booked or view(), standing(set, booked, **given))
    road.tell(ClockTicked(AT))
    road.start({NQ: 80_000})
    return road


def names(road: Road) -> list[str]:
    return [one.name for one in road.facts("risk.")]


def flattens(road: Road) -> list[tuple[int, str]]:
    return [(one.at, one.reason) for one in road.said if isinstance(one, FlattenRequested)]


def roll(road: Road, days: int = 1, balance: str | None = None, **given: Any) -> None:
    """Let days pass."""
    for _ in range(days):
        old = road.clerk.view
        at = AT + (old.trade_date - DAY).days * A_DAY + 13 * HOUR  # 17:00 in Chicago
        now = D(balance) if balance is not None else old.balance
        net = now - old.day_start_balance
        road.clerk.view = replace(
            old, balance=now, day_start_balance=now, realized_today=D(0), trades_today=0,
            trade_date=old.trade_date + timedelta(days=1), at=at,
        )  # fmt: skip
        road.tell(DayRolled(1, 7, at, old.trade_date, now, net, given.get("trades", 1)))
        road.tell(road.clerk.view)


def refused(said: list[Any]) -> list[str]:
    return [one.reason for one in said if isinstance(one, CommandRefused)]


def verdict(road: Road, **given: Any) -> Any:
    road.tell(proposal(stop=79_990, **given))
    return road.clerk.heard[-1]


# ---- breaches and locks ----


def test_open_profit_given_back_breaks_the_rule_although_nothing_was_closed() -> None:
    trailing = {"type": "intraday_trailing", "amount": "2000", "lock_level": "50100"}
    set = rules(drawdown=trailing, flatten_on_lock=False)
    road = on(set, view(holdings=[holding(NQ, 1, 80_000)]))
    for n, price in enumerate((80_150, 80_300, 80_100, 79_901, 79_900)):
        road.tick(NQ, price, AT + n * SECOND)
    (broken,) = road.facts("risk.broken")
    assert (broken.floor, broken.equity, broken.fails) == (D(49_500), D(49_500), True)
    assert (broken.at, broken.prices) == (AT + 4 * SECOND, {NQ: "19975.00"})
    assert road.standing.failed_why == "MAX_LOSS_BROKEN"


def test_each_crossing_is_said_with_its_figures() -> None:
    road = on(rules(daily_loss={"amount": "1000"}), view(holdings=[holding(NQ, 1, 80_000)]))
    for n, price in enumerate((79_901, 79_900, 79_860, 79_905, 79_865, 79_820, 79_800)):
        road.tick(NQ, price, AT + n * SECOND)
    found = [(one.was, one.level, one.used_pct, one.left) for one in road.facts("risk.level")]
    assert found == [
        ("safe", "warning", D("50.00"), D(500)), ("warning", "danger", D("70.00"), D(300)),
        ("danger", "safe", D("47.50"), D(525)), ("safe", "warning", D("67.50"), D(325)),
        ("warning", "locked", D("90.00"), D(100)),
    ]  # fmt: skip
    assert [one.kind for one in road.facts("risk.locked")] == ["daily"]
    assert flattens(road) == [(AT + 5 * SECOND, "DAILY_LOSS_LOCK")]


def test_a_daily_lock_ends_with_the_reset_and_a_near_miss_is_told() -> None:
    road = on(rules(daily_loss={"amount": "1000"}), view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 79_815, AT + SECOND)
    assert isinstance(verdict(road), OrderStopped)
    (lock,) = road.facts("risk.locked")
    assert lock.until_at == AT + 8 * HOUR  # 17:00 in Chicago
    roll(road)
    (miss,) = road.facts("risk.near_miss")
    assert (miss.limit, miss.level, miss.trade_date) == ("daily_loss", "locked", DAY)
    assert [one.kind for one in road.facts("risk.unlocked")] == ["daily"]
    assert road.standing.level is Level.SAFE
    assert isinstance(verdict(road), OrderAllowed)


def test_a_soft_daily_breach_closes_and_locks_and_the_account_lives() -> None:
    set = rules(daily_loss={"amount": "1000"}, lock_at_pct=100, flatten_on_lock=False)
    road = on(set, view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 79_790, AT + SECOND)
    (broken,) = road.facts("risk.broken")
    assert (broken.limit, broken.fails) == ("daily_loss", False)
    assert flattens(road) == [(AT + SECOND, "DAILY_LOSS_BROKEN")]
    assert road.standing.failed_at is None and not road.facts("risk.near_miss")
    roll(road)
    assert not road.facts("risk.near_miss")  # it was no miss
    assert isinstance(verdict(road), OrderAllowed)


def test_a_hard_daily_breach_fails_the_account_for_ever_until_it_begins_anew() -> None:
    own = own_limits({"max_trades": 9})
    road = on(
        rules(daily_loss={"amount": "1000", "action": "hard"}),
        view(holdings=[holding(NQ, 1, 80_000)]),
        own=own,
    )
    road.tick(NQ, 79_800, AT + SECOND)
    assert [one.reason for one in road.facts("risk.failed")] == ["DAILY_LOSS_BROKEN"]
    roll(road, 3)
    assert isinstance(verdict(road, confirmed=True), OrderStopped)
    road.book(view(is_new=True))
    assert (road.standing.failed_at, road.standing.locks, road.standing.own) == (None, [], own)
    assert road.standing.rules is not None
    assert isinstance(verdict(road), OrderAllowed)


def test_the_lock_of_the_maximum_loss_is_lifted_by_a_person_in_a_later_session() -> None:
    road = on(rules(drawdown=STATIC), view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 79_640, AT + SECOND)
    assert road.standing.lock(LockKind.MAX_LOSS) is not None
    assert refused(road.tell(LiftLock(**WISH))) == ["TOO_EARLY"]
    roll(road)
    assert road.standing.lock(LockKind.MAX_LOSS) is not None
    road.tell(LiftLock(**WISH))
    (lifted,) = road.facts("risk.unlocked")
    assert lifted.key == "risk.unlocked:1:w1"
    assert refused(road.tell(LiftLock(**WISH))) == ["NOT_LOCKED"]
    held = verdict(road)
    assert isinstance(held, OrderStopped) and held.is_held  # danger: he has to say yes
    roll(road, balance="50000")
    assert not road.standing.lifted


def test_a_locked_account_never_gains_exposure_and_every_exit_passes() -> None:
    road = on(rules(daily_loss={"amount": "1000"}), view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 79_815, AT + SECOND)
    for confirmed in (False, True):
        stopped = verdict(road, confirmed=confirmed)
        assert isinstance(stopped, OrderStopped) and not stopped.is_held
        assert "LOCKED" in [code for code, _ in stopped.reasons]
    assert isinstance(verdict(road, side="sell", role=Role.EXIT), OrderAllowed)


def test_an_entry_filled_while_everything_is_being_closed_is_closed_too() -> None:
    road = on(rules(daily_loss={"amount": "1000"}), view(holdings=[holding(NQ, 1, 80_000)]))
    slow = road.clerk.view
    road.clerk.is_slow = True
    road._routes.clear()
    from apps.bus.domain.stage import ears

    for stage in (road.market, road.clerk, road.guard):
        for kind, hear in ears(stage):
            road._routes[kind].append(hear)
    road.tick(NQ, 79_815, AT + SECOND)
    assert len(flattens(road)) == 1
    road.book(replace(slow, at=AT + 2 * SECOND, pending=(Pending("p", NQ, 0, 1, 1, 1),)))
    assert len(flattens(road)) == 1
    road.book(replace(slow, at=AT + 3 * SECOND, holdings=(holding(NQ, 2, 80_000),)))
    assert len(flattens(road)) == 2


def test_a_candle_whose_ticks_are_not_known_meets_the_worse_extreme_first() -> None:
    set = rules(drawdown={"type": "intraday_trailing", "amount": "2000"}, flatten_on_lock=False)
    for quantity in (1, -1):
        road = on(set, view(holdings=[holding(NQ, quantity, 80_000)]))
        candle = Candle(AT + MINUTE, 80_010, 80_420, 79_600, 80_300, 9)
        road.tell(CandleRecorded(NQ, 60, candle))
        (broken,) = road.facts("risk.broken")
        assert broken.at == AT + MINUTE
        assert broken.equity == (D(48_000) if quantity > 0 else D(47_900))
        assert broken.floor == (D(48_050) if quantity > 0 else D(48_000))


# ---- own limits and lockouts ----


def test_tighter_at_once_looser_from_the_next_day() -> None:
    road = on()
    road.tell(SetOwnLimits(**WISH, limits={"max_daily_loss": "500", "max_trades": 5}))
    road.tell(
        SetOwnLimits(
            id="w2",
            user=7,
            account=1,
            limits={"max_daily_loss": "800", "max_trades": 3, "cooldown_minutes": 10},
        )
    )
    first, second = road.facts("risk.own")
    assert first.next_day is None
    assert second.now == {"max_daily_loss": "500", "max_trades": 3, "cooldown_minutes": 10}
    assert second.next_day == {"max_daily_loss": "800", "max_trades": 3, "cooldown_minutes": 10}
    roll(road)
    assert road.standing.own.plain() == second.next_day
    assert road.standing.own_next is None


@pytest.mark.parametrize(
    "bad", [{"max_trades": -1}, {"max_daily_loss": "x"}, {"max_daily_loss": 0.5}, {"size": 1}]
)
def test_own_limits_that_can_not_be_used_are_refused(bad: dict[str, Any]) -> None:
    assert refused(on().tell(SetOwnLimits(**WISH, limits=bad))) == ["BAD_VALUE"]


def test_an_own_daily_limit_locks_until_the_reset() -> None:
    road = on(
        None, view(holdings=[holding(NQ, 1, 80_000)]), own=own_limits({"max_daily_loss": "500"})
    )
    road.tick(NQ, 79_900, AT + SECOND)
    assert [one.limit for one in road.facts("risk.broken")] == [LimitName.OWN_DAILY]
    assert flattens(road) == [(AT + SECOND, "OWN_DAILY_BROKEN")]
    assert [one.kind for one in road.facts("risk.locked")] == ["own"]
    assert "nothing is blocked at the broker" in road.facts("risk.locked")[0].blocks


def test_a_lockout_can_only_become_longer_and_ends_at_its_instant() -> None:
    road = on()
    assert refused(road.tell(LockOut(**WISH, until=AT))) == ["BAD_VALUE"]
    assert refused(road.tell(LockOut(**WISH, until=AT + 400 * A_DAY))) == ["BAD_VALUE"]
    road.tell(LockOut(**WISH, until=AT + HOUR))
    assert refused(road.tell(LockOut(**WISH, until=AT + HOUR - 1))) == ["ONLY_LONGER"]
    road.tell(LockOut(id="w2", user=7, account=1, until=AT + 2 * HOUR))
    assert [one.until_at - AT for one in road.facts("risk.locked")] == [HOUR, 2 * HOUR]
    road.book(view(is_new=True))  # beginning anew does not undo it
    assert isinstance(verdict(road), OrderStopped)
    road.tell(ClockTicked(AT + 2 * HOUR + 7))
    assert [one.at - AT for one in road.facts("risk.unlocked")] == [2 * HOUR]
    assert isinstance(verdict(road, at=AT + 2 * HOUR), OrderAllowed)


def closed(realized: str, at: int, number: int = 0) -> PositionClosed:
    return PositionClosed(
        at=at, user=7, account=1, position=f"p{number}{at}", contract=NQ, strategy=0,
        direction="long", quantity=1, realized=D(realized), fees=D(8), net=D(realized) - 8,
        r=None, mfe_ticks=0, mae_ticks=0, opened_at=at,
    )  # fmt: skip


def test_losses_in_a_row_are_counted_before_fees() -> None:
    road = on(rules(max_losses_in_row=2))
    for n, realized in enumerate(("-5", "5", "-5", "0", "-5")):
        road.tell(closed(realized, AT + n))
    assert (road.standing.streak, road.standing.last_loss_at) == (2, AT + 4)
    assert [code for code, _ in verdict(road).reasons] == ["LOSING_STREAK"]
    roll(road)
    assert isinstance(verdict(road), OrderAllowed)


def test_a_cooldown_follows_a_loss() -> None:
    road = on(None, own=own_limits({"cooldown_minutes": 10}))
    road.tell(closed("-5", AT))
    assert [code for code, _ in verdict(road, at=AT + 10 * MINUTE - 1).reasons] == ["COOLDOWN"]
    assert isinstance(verdict(road, at=AT + 10 * MINUTE), OrderAllowed)


# ---- hours ----


@pytest.mark.parametrize("woken_by", ["clock", "late clock", "tick"])
def test_flat_by_closes_what_is_held_dated_with_its_own_instant(woken_by: str) -> None:
    road = on(rules(hours={"flat_by": "15:10"}), view(holdings=[holding(NQ, 1, 80_000)]))
    due = AT + 6 * HOUR + 10 * MINUTE
    road.tell(ClockTicked(due - 1))
    assert flattens(road) == []
    if woken_by == "tick":
        road.tick(NQ, 80_001, due + 3 * SECOND)
    else:
        road.tell(ClockTicked(due + (0 if woken_by == "clock" else 40 * SECOND)))
    assert flattens(road) == [(due, "FLAT_BY")]
    road.tell(ClockTicked(due + MINUTE))
    assert len(flattens(road)) == 1
    road.book(view(at=due + 2 * MINUTE, holdings=[holding(NQ, 1, 80_000)]))  # filled after all
    assert flattens(road)[1:] == [(due + 2 * MINUTE, "FLAT_BY")]


def test_who_is_flat_is_left_alone_at_flat_by() -> None:
    road = on(rules(hours={"flat_by": "15:10"}))
    road.tell(ClockTicked(AT + 7 * HOUR))
    assert flattens(road) == [] and road.standing.flat_said == AT + 6 * HOUR + 10 * MINUTE


# ---- evaluations ----


def test_an_evaluation_passes_flat_with_target_days_and_consistency() -> None:
    set = rules(stage="evaluation", target="3000", min_days=2, consistency={"share": "0.5"})
    road = on(set)
    roll(road, balance="51800")
    road.book(replace(road.clerk.view, balance=D(53_000), realized_today=D(1_200), trades_today=1))
    assert not road.facts("risk.passed")  # the best day of 1,800 is 60 %
    road.book(
        replace(
            road.clerk.view,
            balance=D(53_600),
            realized_today=D(1_800),
            holdings=(holding(NQ, 1, 80_000),),
        )
    )
    assert not road.facts("risk.passed")  # something is open
    road.book(replace(road.clerk.view, holdings=()))
    (passed,) = road.facts("risk.passed")
    assert (passed.profit, passed.days) == (D(3_600), 2)
    road.book(replace(road.clerk.view, balance=D(53_700)))
    assert len(road.facts("risk.passed")) == 1


def test_an_evaluation_runs_out_of_time() -> None:
    road = on(rules(time_limit_days=30, target="3000"))
    roll(road, 29)
    assert not road.facts("risk.failed")
    roll(road)
    assert [one.reason for one in road.facts("risk.failed")] == ["TIME_LIMIT"]


# ---- rules ----


def test_rules_are_set_and_refused_with_a_cure() -> None:
    road = on(None, view(holdings=[holding(NQ, 1, 80_000)]))
    plain = rules(drawdown={"type": "eod_trailing", "amount": "2000"}).plain()
    assert refused(road.tell(SetRules(**WISH, rules={**plain, "target": "x"}))) == ["BAD_VALUE"]
    assert refused(road.tell(SetRules(id="w", user=8, account=1, rules=plain))) == ["NO_ACCOUNT"]
    assert refused(road.tell(SetRules(id="w", user=7, account=2, rules=plain))) == ["NO_ACCOUNT"]
    road.tell(SetRules(**WISH, rules=plain, version=3, floor="49200"))
    (set,) = road.facts("risk.rules_set")
    assert (set.plan, set.version, set.floor) == ("Plan", 3, D(49_200))
    road.tick(NQ, 79_840, AT + SECOND)
    assert [one.limit for one in road.facts("risk.broken")] == ["max_loss"]


def test_the_same_drawdown_in_a_new_version_keeps_its_floor() -> None:
    road = on(rules(drawdown={"type": "eod_trailing", "amount": "2000"}))
    roll(road, balance="51000")
    road.tell(
        SetRules(
            **WISH,
            rules=rules(drawdown={"type": "eod_trailing", "amount": "2000"}, target="4000").plain(),
        )
    )
    assert road.standing.floor == D(49_000)
    road.tell(SetRules(id="w3", user=7, account=1, rules=None))
    assert road.standing.floor is None and road.standing.level is Level.SAFE


def test_wishes_survive_the_inbox_and_facts_can_be_told() -> None:
    for wish in (
        SetRules(**WISH, rules=None),
        SetOwnLimits(**WISH, limits={"max_trades": 1}),
        LockOut(**WISH, until=AT),
        LiftLock(**WISH),
    ):
        assert decode_command(wish.name, encode_command(wish)) == wish
    road = on(rules(daily_loss={"amount": "1000"}), view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 79_500, AT + SECOND)
    keys = [one.key for one in road.said if isinstance(one, Fact)]
    assert len(keys) == len(set(keys)) and keys
    for one in road.facts("risk."):
        json.dumps(told(one))


# ---- a restart ----


def test_a_standing_comes_back_as_it_was_written() -> None:
    road = on(
        rules(daily_loss={"amount": "1000"}, drawdown=STATIC), view(holdings=[holding(NQ, 1, 80_000)]),
        own=own_limits({"max_daily_loss": "2000"}),
    )  # fmt: skip
    road.tell(LockOut(**WISH, until=AT + HOUR))
    road.tick(NQ, 79_815, AT + SECOND)
    roll(road, 2)
    road.tell(SetOwnLimits(**WISH, limits={"max_daily_loss": "3000"}))
    kept = json.loads(json.dumps(road.standing.plain()))
    assert standing_of(kept) == road.standing
    assert standing_of(Standing(1, 7).plain()) == Standing(1, 7)


def test_a_guard_that_starts_again_goes_on_and_says_nothing_twice() -> None:
    set = rules(
        drawdown={"type": "intraday_trailing", "amount": "2000"}, daily_loss={"amount": "1000"}
    )
    road = on(set, view(holdings=[holding(NQ, 1, 80_000)]))
    road.tick(NQ, 80_090, AT + SECOND)
    road.tick(NQ, 79_890, AT + 2 * SECOND)
    road.tell(Look())  # the journal looks before it writes
    assert len(road.facts()) == 2
    again = Road(road.clerk.view, standing_of(road.standing.plain()))
    again.tick(NQ, 79_890, AT + 2 * SECOND)
    again.tell(Resumed(), again.clerk.view)
    assert again.facts() == []
    assert again.standing.floor == D(48_450)
    again.tick(NQ, 79_860, AT + 3 * SECOND)
    assert [one.level for one in again.facts("risk.level")] == ["danger"]
    assert again.facts("risk.level")[0].number == 3


def test_a_failed_or_unknown_account_waits_for_no_price() -> None:
    road = on(rules(drawdown=STATIC), view(holdings=[holding(NQ, 1, 80_000)]))
    assert [of for of in road.market.tapes[NQ].sleepers.since if of.startswith("r:")] == [
        "r:1:NQZ6"
    ]
    road.tick(NQ, 79_000, AT + SECOND)
    assert [of for of in road.market.tapes[NQ].sleepers.since if of.startswith("r:")] == []
    assert RiskGuard().view(5) is None
    assert (
        datetime(2026, 9, 15, 14, 0, tzinfo=UTC).timestamp() * SECOND == AT
        and date(2026, 9, 15) == DAY
    )
