"""A close that races its own entry at the broker: what is filled of it afterwards is closed too, and nothing else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.brokers.domain.facts import OrderCancelled, RouteSkipped
from apps.brokers.domain.messages import ClosePosition, ListRoute, RouteExit
from apps.signals.domain.posted import TakeOrderAlert
from tests.domain.brokers.test_broker_venue import NQ, World, alerted

LIMIT = {"order_type": "limit", "price": Decimal("19999.00")}


def routed() -> World:
    """Return a world in which strategy 5 trades by itself."""
    world = World("demo", automatic=True)
    world.tell(ListRoute(id="r", user=1, strategy=5, account=1, config={"mode": "automatic"}))
    return world


def flat(world: World, number: int, **more: Any) -> None:
    """Let the strategy say that nothing shall be held any more."""
    said = {"action": "close", **more}
    world.tell(TakeOrderAlert(id=f"al{number}", user=1, strategy=5, symbol=NQ, **said))


def heads(world: World) -> list[str]:
    """Return the entries at the broker by their tags, the oldest first."""
    return [tag for tag, one in world.broker.orders.items() if one.side == "buy" and not one.head]


def is_out(world: World) -> bool:
    """Return whether nothing is held and nothing is left at the broker, and nothing was ever turned round."""
    is_clean = not world.broker.exits() and not world.engine.ledger.books.orders
    return (world.held, world.broker.net, world.broker.lowest) == (0, 0, 0) and is_clean


@pytest.mark.parametrize("early", [0, 1])
@pytest.mark.parametrize("is_sent", [False, True])
def test_what_a_strategy_s_entry_still_gets_after_its_close_is_closed_too(
    early: int, is_sent: bool
) -> None:
    world = routed()
    alerted(world, 1, "long", 3, **LIMIT)
    if early:  # a part is held when the close comes
        world.quiet()
        world.broker.fill(heads(world)[0], early)
        world.quiet()
    elif is_sent:  # else its dispatch waits, and comes to the broker before its end does
        world.send()
    flat(world, 2)
    if not early and not is_sent:
        world.send()
    world.broker.fill(heads(world)[0], 3)
    world.quiet()
    assert is_out(world)


@pytest.mark.parametrize("early", [1, 2])
def test_what_an_entry_still_gets_after_a_trader_s_close_is_closed_too(early: int) -> None:
    world = World()
    world.buy(3, type="limit", limit="20001.00")
    world.quiet()
    world.broker.fill(heads(world)[0], early)
    world.quiet()
    world.wish(ClosePosition, account=1, contract=NQ)
    world.broker.fill(heads(world)[0], 3)
    world.quiet()
    assert is_out(world)


def test_a_second_entry_that_is_in_flight_when_its_position_is_closed_is_closed_too() -> None:
    world = World()
    world.entered(1)
    world.buy(1)
    world.wish(ClosePosition, account=1, contract=NQ)
    world.send()  # the entry, before its end
    world.broker.fill(heads(world)[1], 1)
    world.quiet()
    assert is_out(world)
    told = [one for one in world.facts if isinstance(one, OrderCancelled) and one.reason == "CLOSE"]
    assert told


def test_closing_a_part_lets_another_entry_work() -> None:
    world = World()
    world.entered(2)
    world.buy(1, type="limit", limit="19995.00")
    world.quiet()
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    world.quiet()
    world.broker.fill(heads(world)[-1], 1)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (2, 2, 2)


def test_an_entry_after_the_close_is_held() -> None:
    world = routed()
    alerted(world, 1, "long", 2, **LIMIT)
    world.quiet()
    old = heads(world)[0]
    world.broker.fill(old, 1)
    world.quiet()
    flat(world, 2)
    world.broker.fill(old, 2)
    world.quiet()
    alerted(world, 3, "long", 2)
    world.quiet()
    world.broker.fill(heads(world)[1], 2)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (2, 2, 2)
    assert world.broker.lowest == 0


def test_a_new_entry_that_comes_while_the_old_one_is_closed_waits_for_that_and_is_held() -> None:
    world = routed()
    alerted(world, 1, "long", 2, **LIMIT)
    world.quiet()
    old = heads(world)[0]
    world.broker.fill(old, 1)
    world.quiet()
    flat(world, 2)
    alerted(world, 3, "long", 1)
    world.broker.fill(old, 2)
    world.quiet()
    for tag in heads(world)[1:]:
        world.broker.fill(tag, 9)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (1, 1, 1)
    assert world.broker.lowest == 0


def test_an_entry_that_waits_for_another_counts_what_stays_held_beside_it() -> None:
    world = routed()
    alerted(world, 1, "long", 2)
    world.quiet()
    world.broker.fill(heads(world)[0], 2)
    world.quiet()
    alerted(world, 2, "long", 4, **LIMIT)
    world.quiet()
    world.live(automatic=True, per_position=2)
    facts = alerted(world, 3, "long", 3)  # one instead of the two that work, beside two held
    (skipped,) = [one for one in facts if isinstance(one, RouteSkipped)]
    assert (skipped.reason, "would be 3, more than 2" in skipped.detail) == ("SIZE_LIMIT", True)


def test_another_strategy_s_entry_is_left_alone() -> None:
    world = routed()
    alerted(world, 1, "long", 1)
    world.quiet()
    world.broker.fill(heads(world)[0], 1)
    world.buy(1, type="limit", limit="19999.00")  # by hand
    world.quiet()
    flat(world, 2)
    world.quiet()
    world.broker.fill(heads(world)[1], 1)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (1, 1, 1)


def test_what_is_filled_beyond_a_smaller_target_is_closed_again() -> None:
    world = routed()
    alerted(world, 1, "long", 2)
    world.quiet()
    world.broker.fill(heads(world)[0], 2)
    world.quiet()
    alerted(world, 2, "long", 4, **LIMIT)
    world.quiet()
    alerted(world, 3, "long", 1)
    world.broker.fill(heads(world)[1], 2)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (1, 1, 1)


def test_a_late_fill_is_closed_after_a_restart_as_without_one() -> None:
    world = routed()
    alerted(world, 1, "long", 2, **LIMIT)
    world.quiet()
    flat(world, 2)
    world.broker.fill(heads(world)[0], 1)
    world.restart()
    world.quiet()
    assert is_out(world)


def test_the_same_close_said_again_sends_nothing() -> None:
    world = routed()
    alerted(world, 1, "long", 2, **LIMIT)
    world.quiet()
    world.broker.fill(heads(world)[0], 1)
    world.quiet()
    flat(world, 2)
    before = list(world.queue)
    world.tell(RouteExit("al2.1-c", "al2", 1, 5, ("NQ",), 1, world.at, clears=True))
    assert world.queue == before


steps = st.lists(
    st.tuples(st.sampled_from(["send", "hear", "fill", "again"]), st.integers(0, 5)), max_size=20
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(steps, steps, st.booleans(), st.integers(1, 4))
def test_however_the_fills_and_the_close_come_in_the_place_ends_flat(
    before: list[tuple[str, int]], after: list[tuple[str, int]], by_hand: bool, size: int
) -> None:
    world = routed()
    alerted(world, 1, "long", size, **LIMIT)
    _play(world, before)
    if by_hand and world.held:
        world.wish(ClosePosition, account=1, contract=NQ, strategy=5)
    else:
        flat(world, 2)
    _play(world, after)
    world.quiet()
    for tag in heads(world):
        world.broker.fill(tag, 9)
    world.quiet()
    assert is_out(world)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    steps, steps, steps, st.integers(1, 3), st.integers(1, 3), st.sampled_from(["long", "short"])
)
def test_whatever_comes_late_a_new_entry_after_the_close_is_held_alone(
    before: list[tuple[str, int]], after: list[tuple[str, int]], then: list[tuple[str, int]],
    old: int, new: int, side: str,
) -> None:  # fmt: skip
    world = routed()
    alerted(world, 1, "long", old, **LIMIT)
    _play(world, before, legs=False)
    flat(world, 2)
    _play(world, after, legs=False)
    alerted(world, 3, side, new)
    _play(world, then, legs=False)
    world.quiet()
    for tag in [tag for tag, one in world.broker.orders.items() if not one.head]:
        world.broker.fill(tag, 9)
    world.quiet()
    assert world.held == world.broker.net == (new if side == "long" else -new)
    closing = "sell" if side == "long" else "buy"
    stops = [one for one in world.broker.exits(closing) if one.type == "stop"]
    assert sum(world.broker.may_fill(one.tag) for one in stops) == new
    assert world.broker.lowest >= min(0, world.broker.net)


def _play(world: World, script: list[tuple[str, int]], *, legs: bool = True) -> None:
    for what, which in script:
        if what == "send" and world.queue:
            world.send()
        elif what in ("hear", "again") and world.broker.told:
            world.hear(which % len(world.broker.told), again=what == "again")
        elif what == "fill":
            working = [
                tag
                for tag, one in world.broker.orders.items()
                if world.broker.may_fill(tag) and (legs or not one.head)
            ]
            if working:
                world.broker.fill(working[which % len(working)], 1)


def test_a_stop_that_is_told_before_its_entry_leaves_nothing_to_close() -> None:
    world = routed()
    alerted(world, 1, "long", 1, **LIMIT)
    world.quiet()
    world.broker.fill(heads(world)[0], 1)
    world.broker.fill(world.tags("s")[0], 1)
    world.hear(max(n for n, one in enumerate(world.broker.told) if one.what == "fill"))
    flat(world, 2)
    world.quiet()
    assert is_out(world)
