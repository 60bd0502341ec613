"""Why stop and target of a bracket at a broker are over: what truly ended them is told, not what usually does."""

from collections.abc import Callable

import pytest

from apps.brokers.domain.facts import OrderCancelled
from apps.brokers.domain.messages import CancelOrder, ClosePosition, Flatten, FlattenRequested
from apps.brokers.domain.telling import WORDS, why
from tests.domain.brokers.test_broker_venue import NQ, World


def _ended(do: Callable[[World], object], quantity: int = 1) -> dict[str, str]:
    """Return the reasons of the legs that ended by what was done: by the last part of their name."""
    world = World()
    world.entered(quantity)
    before = len(world.facts)
    do(world)
    world.quiet()
    new = [one for one in world.facts[before:] if isinstance(one, OrderCancelled)]
    return {one.order.rpartition("-")[2]: one.reason for one in new}


def _close(world: World, quantity: int | None = None) -> None:
    world.wish(ClosePosition, account=1, contract=NQ, quantity=quantity)


def _target_fills(world: World) -> None:
    world.broker.fill(world.tags("t")[0], 1)


def _target_is_cancelled(world: World) -> None:
    (target,) = [one for one in world.engine.ledger.books.orders if one.endswith("-t1")]
    world.wish(CancelOrder, order=target)


def _stop_vanishes(world: World) -> None:
    world.broker._end(world.broker.orders[world.tags("s")[0]], "cancelled")


@pytest.mark.parametrize(
    ("do", "ended", "words"),
    [
        (_close, {"s": "CLOSE", "t1": "CLOSE"}, "closed by hand"),
        (lambda w: w.wish(Flatten, account=1), {"s": "BY_HAND", "t1": "BY_HAND"}, "flattened by hand"),
        (lambda w: w.wish(Flatten, is_kill=True), {"s": "KILL", "t1": "KILL"}, "kill switch"),
        (lambda w: w.tell(FlattenRequested(account=1, at=w.at, reason="FLAT_BY")), {"s": "FLAT_BY", "t1": "FLAT_BY"}, "flat by"),
        (lambda w: w.broker.by_hand("sell", 1), {"s": "AT_BROKER", "t1": "AT_BROKER"}, "traded at the broker"),
        (_target_fills, {"s": "OCO"}, "the other leg of its bracket was filled"),
        (_target_is_cancelled, {"t1": "CANCELLED"}, "by hand"),
        (_stop_vanishes, {"s": "ENDED_AT_BROKER"}, "the broker ended it"),
    ],
    ids=["closed", "flattened", "killed", "rule", "at the broker", "target", "cancelled", "vanished"],
)  # fmt: skip
def test_a_leg_is_told_as_ended_by_what_ended_it(
    do: Callable[[World], object], ended: dict[str, str], words: str
) -> None:
    assert _ended(do) == ended
    assert why(next(iter(ended.values()))) == words


def test_a_part_closed_by_hand_ends_only_the_legs_that_it_makes_room_with() -> None:
    assert _ended(lambda world: _close(world, 1), 2) == {"t1": "CLOSE"}


def test_a_target_that_fills_while_everything_is_closed_ends_its_stop_as_its_twin() -> None:
    def both(world: World) -> None:
        _close(world)
        _target_fills(world)

    assert _ended(both)["s"] == "OCO"


def test_the_page_says_it_in_words() -> None:
    world = World()
    world.entered(1)
    before = len(world.facts)
    _close(world)
    world.quiet()
    (stop, _) = [one for one in world.facts[before:] if isinstance(one, OrderCancelled)]
    payload = {"reason": stop.reason, "type": "stop", "side": "sell", "quantity": 1, "contract": NQ}
    assert WORDS["order.cancelled"](payload).text == "Closed by hand."
