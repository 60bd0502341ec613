"""What is lost with an account, and what follows: who is asked before a signal's order leaves, and that exits never are."""

from typing import Any

import pytest

from apps.brokers.domain.account import Stake, stake_of
from apps.brokers.domain.facts import OrderHeld
from apps.brokers.domain.messages import AnswerOrder, ClosePosition, PlaceOrder, RouteOrder
from apps.bus.domain.message import Fact
from apps.risk.domain.messages import SetRules
from apps.trades.domain.messages import CommandRefused
from tests.domain.brokers.test_broker_venue import NQ, STOP, World

DEAR = [("live", ""), ("live", "Apex"), ("demo", "Apex")]


def by_signal(world: World) -> list[Fact]:
    """Let a signal want an entry, on a route that is automatic."""
    place = PlaceOrder(
        id="s1", user=1, account=1, symbol=NQ, side="buy", type="market", quantity=1, bracket=STOP,
        signal="sig",
    )  # fmt: skip
    return world.tell(RouteOrder(place, world.at, ask=False))


def rules(automation: str) -> dict[str, Any]:
    return {
        "firm": "Apex", "plan": "50K", "start_balance": "50000", "automation": automation,
        "drawdown": {"type": "static", "amount": "2000"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "firm", "stake", "is_dear"),
    [
        ("paper", "", Stake.PAPER, False), ("paper", "Apex", Stake.PAPER, False),
        ("demo", "", Stake.DEMO, False), ("demo", "  ", Stake.DEMO, False),
        ("demo", "Apex", Stake.FIRM, True), ("live", "", Stake.LIVE, True), ("live", "Apex", Stake.LIVE, True),
    ],
)  # fmt: skip
def test_a_firms_account_in_a_demo_environment_is_as_dear_as_money(
    kind: str, firm: str, stake: Stake, is_dear: bool
) -> None:
    assert (stake_of(kind, firm), stake.is_dear) == (stake, is_dear)


@pytest.mark.parametrize(("kind", "firm"), DEAR)
def test_without_a_rule_set_a_signal_asks_a_person(kind: str, firm: str) -> None:
    """Nobody knows whether a program may trade it: that is `unknown`, and unknown asks."""
    world = World(kind, firm, automatic=True)
    (held,) = [one for one in by_signal(world) if isinstance(one, OrderHeld)]
    assert held.reasons == ("AUTOMATION",)
    assert "No rule set" in held.detail and not world.queue
    world.wish(AnswerOrder, order="s1", yes=True)
    assert len(world.queue) == 1, "with a person's yes it leaves"


def test_play_money_of_a_broker_without_a_firm_stays_automatic() -> None:
    world = World("demo", automatic=True)
    assert not [one for one in by_signal(world) if isinstance(one, OrderHeld)]
    assert len(world.queue) == 1


@pytest.mark.parametrize(("kind", "firm"), DEAR)
@pytest.mark.parametrize(("policy", "held"), [("allowed", 0), ("unknown", 1), ("manual_only", 1)])
def test_a_rule_set_says_it_instead(kind: str, firm: str, policy: str, held: int) -> None:
    world = World(kind, firm, automatic=True)
    world.wish(SetRules, account=1, rules=rules(policy))
    assert len([one for one in by_signal(world) if isinstance(one, OrderHeld)]) == held
    assert len(world.queue) == 1 - held


@pytest.mark.parametrize(("kind", "firm"), DEAR)
def test_exits_ask_nobody(kind: str, firm: str) -> None:
    world = World(kind, firm, automatic=True)
    world.entered(1)
    world.live(is_on=False)
    (refused,) = [one for one in world.buy(1) if isinstance(one, CommandRefused)]
    assert refused.reason == "LIVE_OFF"
    world.wish(ClosePosition, account=1, contract=NQ)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])
