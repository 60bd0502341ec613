"""A change of a working order, read: on the grid, on its side of the market, never larger."""

from typing import Any

import pytest

from apps.brokers.domain.changing import change_for
from apps.brokers.domain.messages import ChangeRequested, ModifyOrder
from apps.brokers.domain.order import Order, OrderType, Role, Side
from apps.brokers.domain.ticket import BadOrder
from tests.domain.brokers.bracket import order

LAST = 80_000  # 20000.00


def change(what: Order, *, tied: bool = False, **asked: Any) -> ChangeRequested:
    wish = ModifyOrder(id="w", user=1, order=what.id, **asked)
    return change_for(wish, what, LAST, 7, is_bracket_at_broker=tied)


def stop(**said: Any) -> Order:
    return order("s", side=Side.SELL, type=OrderType.STOP, stop=79_960, quantity=2, **said)


def test_a_change_says_ticks_and_leaves_what_is_not_given() -> None:
    assert change(stop(), stop="19995.00", quantity=1) == ChangeRequested(
        stop(), 7, quantity=1, stop=79_980
    )


@pytest.mark.parametrize(
    ("asked", "tied", "code"),
    [
        ({"stop": "20000.10"}, False, "OFF_TICK"),
        ({"stop": "20000.00"}, False, "WRONG_SIDE"),
        ({"limit": "20000.00"}, False, "BAD_VALUE"),
        ({"trail_points": "10"}, False, "BAD_VALUE"),
        ({"quantity": 3}, False, "BAD_VALUE"),
        ({"quantity": 1}, True, "PROTECTS"),
        ({}, False, "BAD_VALUE"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_its_field(
    asked: dict[str, Any], tied: bool, code: str
) -> None:
    with pytest.raises(BadOrder) as refused:
        change(stop(), tied=tied, **asked)
    assert refused.value.code == code
    assert refused.value.field == next(iter(asked), "order")


def test_a_protecting_stop_is_as_large_as_its_position() -> None:
    with pytest.raises(BadOrder) as refused:
        change(stop(parent="e", role=Role.STOP), quantity=1)
    assert refused.value.code == "PROTECTS"


def test_a_trailing_stop_is_changed_by_its_distance() -> None:
    trailing = order(
        "s", side=Side.SELL, type=OrderType.TRAILING_STOP, stop=79_960, trail=40, role=Role.STOP
    )
    assert change(trailing, trail_points="5").trail == 20
    with pytest.raises(BadOrder):
        change(trailing, stop="19995.00")
