"""Fills that come when their order is over here: they count for whoever sent it, and what nobody waits for is closed."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from apps.brokers.domain.abroad import Errand
from apps.brokers.domain.messages import (
    CancelOrder,
    ClosePosition,
    Flatten,
    ListRoute,
    ReportBroker,
)
from apps.bus.domain.message import SECOND
from tests.domain.brokers.test_broker_venue import NQ, Abroad, World, alerted
from tests.domain.brokers.test_closing_races import LIMIT, flat, heads, is_out, routed


def ended(world: World, how: str) -> str:
    """Let an entry of two be taken back, and heard to be over with nothing filled; return its tag."""
    alerted(world, 1, "long", 2, **LIMIT)
    world.quiet()
    (tag,) = heads(world)
    if how == "alert":
        flat(world, 2)
    else:
        (order,) = [one.id for one in world.engine.ledger.books.orders.values() if not one.parent]
        world.wish(CancelOrder, order=order)
    world.quiet()
    assert not world.engine.abroad.lines
    return tag


def late(world: World, tag: str, size: int, **more: Any) -> None:
    """Let the broker tell of a fill that came before that end."""
    world.broker.net += size
    said = {"strategy": 5, "role": "entry", "side": "buy", **more}
    world.tell(
        ReportBroker(
            account=1, what="fill", at=world.at + SECOND, tag=tag, fill=f"late.{tag}.{size}",
            contract=NQ, quantity=size, price="19999.00", **said,
        )
    )  # fmt: skip


@pytest.mark.parametrize("how", ["alert", "person"])
def test_what_an_entry_got_before_its_end_is_its_strategy_s_and_is_closed(how: str) -> None:
    world = routed()
    tag = ended(world, how)
    late(world, tag, 1)
    (held,) = world.engine.ledger.books.positions.values()
    assert (held.strategy, held.quantity) == (5, 1)
    world.quiet()
    assert is_out(world)


def test_the_legs_of_such_an_entry_are_ended_too() -> None:
    world = routed()
    tag = ended(world, "alert")
    late(world, tag, 1)
    gone = {(one.errand, one.tag) for one in world.queue}
    assert {(Errand.CANCEL, f"{tag[:-1]}s"), (Errand.CANCEL, f"{tag[:-1]}t")} <= gone
    late(world, tag, 1)  # told again
    assert len(world.queue) == len(gone)


def test_a_part_of_an_entry_that_ended_while_another_part_lives_is_closed_alone() -> None:
    world = World()
    two = [{"price": "20010.00", "quantity": 1}, {"price": "20020.00", "quantity": 1}]
    world.buy(2, type="limit", limit="19999.00", bracket={"stop": "19990.00", "targets": two})
    world.quiet()
    first, other = heads(world)
    world.broker._end(world.broker.orders[first], "cancelled")  # by its own program
    world.quiet()
    late(world, first, 1)
    world.quiet()
    assert (world.held, world.broker.net) == (0, 0)
    world.broker.fill(other, 1)
    world.quiet()
    assert (world.held, world.broker.net) in ((0, 0), (1, 1))
    assert world.broker.lowest == 0


def test_a_late_fill_of_an_exit_closes_what_its_own_strategy_holds() -> None:
    world = World("demo", automatic=True)
    world.entered(1)  # by hand, and first
    world.tell(ListRoute(id="r", user=1, strategy=5, account=1, config={"mode": "automatic"}))
    alerted(world, 1, "long", 1, **LIMIT)
    world.quiet()
    world.broker.fill(heads(world)[1], 1)
    world.quiet()
    assert world.held == 2
    world.broker.net -= 2
    late(world, "th0", 1, role="exit", side="sell")
    (left,) = world.engine.ledger.books.positions.values()
    assert (left.strategy, left.quantity) == (0, 1)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_what_is_bought_by_hand_while_a_kill_is_under_way_is_bought(side: str) -> None:
    world = World()
    world.entered(1)
    world.wish(Flatten, is_kill=True)
    world.broker.by_hand(side, 1)
    while world.broker.told:
        world.hear()
    assert world.held == world.broker.net
    assert not [one for one in world.facts if one.name == "order.rejected"]


def test_a_close_after_a_late_fill_finds_nothing_left() -> None:
    world = routed()
    late(world, ended(world, "person"), 2)
    world.wish(ClosePosition, account=1, contract=NQ, strategy=5)
    world.quiet()
    assert is_out(world)


class AbroadAndLate(Abroad):
    """The same machine, at a broker whose cancelled entries had traded more than it told.

    No kill: that an exit right behind a liquidation opens nothing is the gateway's to see, which asks what is held.
    """

    @rule(kill=st.just(False))
    def flatten(self, kill: bool) -> None:
        self.world.wish(Flatten, is_kill=kill)

    @rule(which=st.integers(0, 9))
    def fill_late(self, which: int) -> None:
        orders = self.world.broker.orders
        over = [
            tag
            for tag, one in orders.items()
            if one.status == "cancelled" and not one.head and one.side == "buy"
            and one.filled < one.quantity
        ]  # fmt: skip
        if over:
            self.world.broker.late(over[which % len(over)])


TestAbroadAndLate = AbroadAndLate.TestCase
TestAbroadAndLate.settings = settings(
    max_examples=30, stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
