"""Exits that could not leave in time: they end, nothing of them is done later, and the next press works at once."""

from typing import Any

import pytest

from apps.brokers.domain.abroad import STALE_S, TOO_LATE, Dispatch, Errand
from apps.brokers.domain.facts import OrderRejected
from apps.brokers.domain.messages import (
    ClosePosition,
    Flatten,
    ModifyOrder,
    PlaceOrder,
    ReportBroker,
)
from apps.brokers.domain.order import OrderType, Role
from apps.bus.domain.message import SECOND, Fact
from apps.marketdata.domain.messages import ClockTicked
from apps.risk.domain.messages import FlattenSaid, SetRules
from tests.domain.brokers.test_broker_venue import NQ, World


def lapse(world: World) -> list[Fact]:
    """Let what is first in the queue age there until it ends."""
    sent = world.queue.pop(0)
    return world.tell(
        ReportBroker(
            account=1, what="dispatch", at=0, tag=sent.tag, errand=sent.errand.value,
            status="not_sent", reason=TOO_LATE,
        )
    )  # fmt: skip


def asked(world: World) -> list[tuple[Errand, int | None]]:
    return [(one.errand, one.fresh_s) for one in world.queue]


def late(facts: list[Fact]) -> list[str]:
    return [one.reason for one in facts if isinstance(one, OrderRejected)]


def bare(world: World, quantity: int = 1) -> None:
    """Hold something that the trader bought in the broker's own program, without a stop."""
    world.broker.by_hand("buy", quantity)
    world.quiet()


def back(world: World) -> None:
    """Let the line to the broker be back."""
    world.tell(ReportBroker(account=1, what="line", at=0))


def passes(world: World, seconds: int) -> None:
    world.at += seconds * SECOND
    world.tell(ClockTicked(world.at))


@pytest.mark.parametrize(
    ("wish", "more", "errand"),
    [
        (ClosePosition, {"account": 1, "contract": NQ}, Errand.PLACE),
        (Flatten, {"account": 1}, Errand.PLACE),
        (Flatten, {"is_kill": True}, Errand.LIQUIDATE),
    ],
)
def test_a_person_s_exit_that_aged_is_over_and_the_next_press_works_at_once(
    wish: Any, more: dict[str, Any], errand: Errand
) -> None:
    world = World()
    bare(world)
    world.wish(wish, **more)
    assert asked(world) == [(errand, STALE_S)]
    assert late(lapse(world)) == [TOO_LATE]
    back(world)
    passes(world, 3600)
    assert (world.queue, world.held) == ([], 1)
    world.wish(wish, **more)
    assert asked(world) == [(errand, STALE_S)]
    world.quiet()
    assert (world.held, world.broker.net) == (0, 0)


def test_of_two_presses_of_which_one_waits_for_the_other_both_are_over() -> None:
    world = World()
    bare(world)
    world.wish(ClosePosition, account=1, contract=NQ)
    world.wish(ClosePosition, account=1, contract=NQ)
    assert asked(world) == [(Errand.PLACE, STALE_S)]
    assert late(lapse(world)) == [TOO_LATE, TOO_LATE]
    assert world.queue == []


def test_what_makes_room_for_an_exit_ages_with_it_and_the_stop_stays() -> None:
    world = World()
    world.entered(1)
    world.wish(ClosePosition, account=1, contract=NQ)
    assert asked(world) == [(Errand.CANCEL, STALE_S)] * 2
    assert late(lapse(world)) == [TOO_LATE]
    assert lapse(world) == []
    assert (world.queue, world.broker.protects()) == ([], 1)
    assert not any(one.is_leaving or one.refusals for one in world.engine.abroad.lines.values())
    world.wish(ClosePosition, account=1, contract=NQ)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


def test_room_for_a_part_ages_too_and_what_else_was_wanted_of_the_stop_is_asked_anew() -> None:
    world = World()
    world.buy(2)
    world.quiet()
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    assert asked(world) == [(Errand.MODIFY, STALE_S)]
    (stop,) = [one for one in world.engine.ledger.books.orders.values() if one.role is Role.STOP]
    world.wish(ModifyOrder, order=stop.id, stop="19991.00")
    assert late(lapse(world)) == [TOO_LATE]
    (moved,) = world.queue
    assert (moved.errand, moved.payload.get("quantity"), moved.fresh_s) == (
        Errand.MODIFY, None, None,
    )  # fmt: skip
    world.quiet()
    assert (world.held, world.broker.protects()) == (2, 2)


def test_an_exit_behind_a_change_from_before_it_is_over_with_it_and_the_stop_moves_on() -> None:
    world = World()
    world.buy(2, bracket={"trail_points": "10"})
    world.quiet()
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    world.price(80_040)
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    assert asked(world) == [(Errand.MODIFY, None)]
    assert late(lapse(world)) == [TOO_LATE]
    (moved,) = world.queue
    assert (moved.payload["stop"], "quantity" in moved.payload) == ("20000.00", False)


def test_what_is_left_of_a_bracket_whose_position_is_closed_is_taken_back_however_late() -> None:
    world = World()
    world.entered(1)
    world.broker.by_hand("sell", 1)
    while world.broker.told:
        world.hear()
    assert asked(world) == [(Errand.CANCEL, None)] * 2


def test_an_end_that_aged_is_asked_for_again_once_the_position_was_closed_at_the_broker() -> None:
    world = World()
    world.entered(1)
    world.wish(ClosePosition, account=1, contract=NQ)
    world.broker.by_hand("sell", 1)
    while world.broker.told:
        world.hear()
    lapse(world), lapse(world)
    assert asked(world) == [(Errand.CANCEL, None)] * 2
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


def failed() -> World:
    """Return an account whose rule closes everything, with that exit in the queue."""
    world = World()
    rules = {
        "firm": "Firm", "plan": "50K", "start_balance": "50000",
        "drawdown": {"type": "static", "amount": "2000"},
    }  # fmt: skip
    world.wish(SetRules, account=1, rules=rules)
    bare(world, 2)
    world.price(76_000)
    assert asked(world) == [(Errand.PLACE, STALE_S)]
    return world


def test_a_rule_s_exit_that_aged_is_asked_for_again_when_the_line_is_back() -> None:
    world = failed()
    assert late(lapse(world)) == [TOO_LATE]
    passes(world, 7200)
    world.restart()
    passes(world, 60)
    assert world.queue == [], "nothing waits in the queue for a line that is not there"
    back(world)
    passes(world, 6)
    world.quiet()
    assert (world.held, world.broker.net) == (0, 0)
    assert len([one for one in world.facts if isinstance(one, FlattenSaid)]) == 2


def test_a_rule_asks_for_nothing_when_the_line_is_back_and_the_position_is_gone() -> None:
    world = failed()
    lapse(world)
    world.broker.by_hand("sell", 2)
    world.quiet()
    back(world)
    passes(world, 600)
    assert (world.held, world.queue) == (0, [])


def test_what_lost_its_stop_is_closed_once_the_line_is_back_and_not_before() -> None:
    world = World()
    world.buy(1)
    world.quiet()
    world.broker.rejects.add("stop")
    world.broker.fill(world.tags("e")[0], 1)
    while world.broker.told:
        world.hear()
    assert asked(world) == [(Errand.PLACE, STALE_S)]
    lapse(world)
    passes(world, 600)
    assert world.queue == []
    back(world)
    world.quiet()
    assert (world.held, world.broker.net) == (0, 0)


def test_a_stop_that_stands_alone_and_aged_is_over() -> None:
    world = World()
    bare(world)
    stop = {"symbol": NQ, "side": "sell", "type": "stop", "stop": "19990.00", "quantity": 1}
    world.wish(PlaceOrder, account=1, confirmed=True, **stop)
    (sent,) = world.queue
    assert (sent.payload["type"], sent.fresh_s) == (OrderType.STOP, STALE_S)
    assert isinstance(sent, Dispatch) and late(lapse(world)) == [TOO_LATE]
