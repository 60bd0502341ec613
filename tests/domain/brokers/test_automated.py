"""What goes out as automated: every act that no person clicked for, whoever opened the position."""

from typing import Any

import pytest

from apps.brokers.domain.abroad import Dispatch, Errand
from apps.brokers.domain.messages import (
    CancelAll,
    CancelOrder,
    ClosePosition,
    Flatten,
    FlattenRequested,
    ModifyOrder,
    PlaceOrder,
    RouteOrder,
)
from apps.brokers.domain.order import Order, Role
from tests.domain.brokers.test_broker_venue import NQ, STOP, World
from tests.domain.brokers.test_dispatching import at_work

LIMIT = {"type": "limit", "limit": "19995.00"}


def acts(world: World) -> list[tuple[Errand, bool]]:
    """Return what is to be sent, and whether as automated."""
    return [(one.errand, one.payload["is_automated"]) for one in world.queue]


def order(world: World, role: Role) -> Order:
    return next(one for one in world.engine.ledger.books.orders.values() if one.role is role)


def by_signal(world: World, **more: Any) -> None:
    """Let a signal enter by itself."""
    place = PlaceOrder(
        id="s1", user=1, account=1, symbol=NQ, side="buy", quantity=1, bracket=STOP, signal="sig",
        confirmed=True, **{"type": "market", **more},
    )  # fmt: skip
    world.tell(RouteOrder(place, world.at, ask=False))


def test_the_break_even_of_a_hand_order_is_automated() -> None:
    world = World()
    world.buy(1, bracket={**STOP, "break_even_r": "1"})
    assert acts(world) == [(Errand.PLACE, False)]
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    world.price(80_044)
    assert acts(world) == [(Errand.MODIFY, True)]


def test_a_trailing_stop_of_a_hand_order_follows_as_automated() -> None:
    world = World()
    world.buy(1, bracket={"trail_points": "10"})
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    world.price(80_040)
    assert acts(world) == [(Errand.MODIFY, True)]


@pytest.mark.parametrize("enters", [World.buy, by_signal])
def test_a_change_that_a_person_clicked_is_his_whoever_entered(enters: Any) -> None:
    world = World(automatic=True)
    enters(world)
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    world.wish(ModifyOrder, order=order(world, Role.STOP).id, stop="19991.00")
    assert acts(world) == [(Errand.MODIFY, False)]


@pytest.mark.parametrize(("then", "is_automated"), [(79_970, False), (79_980, True)])
def test_a_person_s_change_that_we_overtake_before_it_leaves_is_automated(
    then: int, is_automated: bool
) -> None:
    dispatcher, stop = at_work()
    stop.want_stop, stop.by_hand = 79_970, {"stop": 79_970}
    stop.want_stop = then
    (sent,) = dispatcher.change(stop, 1)
    assert isinstance(sent, Dispatch) and sent.payload["is_automated"] == is_automated
    assert stop.by_hand == {}


@pytest.mark.parametrize("enters", [World.buy, by_signal])
@pytest.mark.parametrize("wish", [CancelOrder, CancelAll, Flatten])
def test_an_end_that_a_person_clicked_is_his_whoever_entered(enters: Any, wish: Any) -> None:
    world = World(automatic=True)
    enters(world, **LIMIT)
    world.quiet()
    named = {"order": order(world, Role.ENTRY).id} if wish is CancelOrder else {"account": 1}
    world.wish(wish, **named)
    assert acts(world) == [(Errand.CANCEL, False)]


def test_the_exit_that_a_person_clicked_is_his_and_the_room_that_we_make_for_it_is_not() -> None:
    world = World()
    world.entered(1)
    world.wish(ClosePosition, account=1, contract=NQ)
    assert acts(world) == [(Errand.CANCEL, True)] * 2
    for _ in range(2):
        world.send()
    while world.broker.told:
        world.hear()
    assert acts(world) == [(Errand.PLACE, False)]


def test_the_kill_that_a_person_pressed_is_his() -> None:
    world = World()
    world.entered(1)
    world.wish(Flatten, is_kill=True)
    assert acts(world)[0] == (Errand.LIQUIDATE, False)


def test_what_a_rule_takes_back_and_closes_is_automated() -> None:
    world = World()
    world.broker.by_hand("buy", 1)
    world.quiet()
    world.buy(1, **LIMIT)
    world.quiet()
    world.tell(FlattenRequested(1, world.at, "LOCKED"))
    assert acts(world) == [(Errand.CANCEL, True), (Errand.PLACE, True)]


def test_what_is_left_over_is_taken_back_as_automated() -> None:
    world = World()
    world.entered(1)
    world.broker.by_hand("sell", 1)
    while world.broker.told:
        world.hear()
    assert acts(world) == [(Errand.CANCEL, True)] * 2
