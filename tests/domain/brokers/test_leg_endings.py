"""Why stop and target of a bracket at a broker are over: what truly ended them is told, not what usually does."""

from collections.abc import Callable
from itertools import permutations

import pytest

from apps.brokers.domain.facts import OrderCancelled, OrderEndExplained
from apps.brokers.domain.messages import CancelOrder, ClosePosition, Flatten, FlattenRequested
from apps.brokers.domain.telling import WORDS, why
from apps.bus.domain.message import SECOND
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


def _last_words(world: World, since: int) -> dict[str, str]:
    """Return why each leg ended, as it was told last."""
    told = [
        one for one in world.facts[since:] if isinstance(one, OrderCancelled | OrderEndExplained)
    ]
    return {one.order.rpartition("-")[2]: one.reason for one in told}


def _apart(world: World, filled: str, other: str) -> None:
    """Let one leg fill, and hear of its twin's end first."""
    world.broker.fill(world.tags(filled)[0], 1)
    twin = world.tags(other)[0]
    world.hear(next(n for n, one in enumerate(world.broker.told) if one.tag == twin))


@pytest.mark.parametrize(("filled", "other"), [("t", "s"), ("s", "t")])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_leg_that_is_told_as_ended_before_its_twin_s_fill_ends_by_that_fill(
    filled: str, other: str, restarts: bool
) -> None:
    world = World()
    world.entered(1)
    before = len(world.facts)
    _apart(world, filled, other)
    assert list(_last_words(world, before).values()) == ["ENDED_AT_BROKER"]
    if restarts:
        world.restart()
    world.quiet()
    (said,) = [one for one in world.facts if isinstance(one, OrderEndExplained)]
    assert list(_last_words(world, before).values()) == ["OCO"]
    assert (
        WORDS[said.name](
            {
                "type": said.type,
                "side": "sell",
                "quantity": 1,
                "contract": NQ,
                "reason": said.reason,
            }
        ).text
        == "The other leg of its bracket was filled."
    )


def test_whichever_way_round_it_is_told_a_leg_s_last_word_is_the_same() -> None:
    seen = set()
    for order in permutations(range(3)):
        world = World()
        world.entered(1)
        before = len(world.facts)
        world.broker.fill(world.tags("t")[0], 1)
        told = list(world.broker.told)
        assert len(told) == 3  # the fill, the target's end and the stop's
        for number in order:
            world.hear(world.broker.told.index(told[number]))
        world.quiet()
        assert (world.held, dict(world.engine.ledger.books.orders)) == (0, {})
        seen.add(_last_words(world, before)["s"])
    assert seen == {"OCO"}


def test_a_stop_that_somebody_ended_long_before_its_target_fills_was_ended_by_him() -> None:
    world = World()
    world.entered(1)
    before = len(world.facts)
    _stop_vanishes(world)
    world.quiet()
    world.broker.at += 60 * SECOND
    _target_fills(world)
    world.quiet()
    assert _last_words(world, before)["s"] == "ENDED_AT_BROKER"
