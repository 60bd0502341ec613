"""What may be taken back, and how what never went out ends."""

from apps.brokers.domain.books import Books, LedgerState
from apps.brokers.domain.cancelling import Canceller
from apps.brokers.domain.facts import OrderCancelled
from apps.brokers.domain.messages import CancelRequested
from apps.brokers.domain.order import Order, OrderStatus, Role, Side
from tests.domain.brokers.bracket import order


def books(status: OrderStatus) -> Books:
    leg = {"side": Side.SELL, "parent": "e", "stop": 79_960, "status": OrderStatus.WAITING}
    orders: list[Order] = [
        order("e", status=status), order("e-s", role=Role.STOP, **leg),
        order("x", side=Side.SELL, role=Role.EXIT),
    ]  # fmt: skip
    return Books(LedgerState(orders=orders))


def test_no_stop_that_protects_is_taken_back() -> None:
    kept = books(OrderStatus.WORKING)
    kept.orders["e-s"].become(OrderStatus.WORKING, 1)
    canceller = Canceller(kept)
    assert [one.id for one in canceller.cancellable(1)] == ["e", "x"]
    assert [one.id for one in canceller.entries(1)] == ["e"]


def test_what_went_out_is_asked_for_and_is_on_its_way_out_from_then_on() -> None:
    kept = books(OrderStatus.WORKING)
    canceller = Canceller(kept)
    (asked,) = canceller.take_back(canceller.entries(1), "LOCKED", 5, at_once=True)
    assert asked == CancelRequested(kept.orders["e"], 5, "LOCKED", at_once=True)
    assert kept.leaving == {"e"}


def test_a_held_order_ends_here_and_its_legs_end_without_a_word() -> None:
    kept = books(OrderStatus.HELD)
    (said,) = Canceller(kept).take_back([kept.orders["e"]], "DECLINED", 5)
    assert isinstance(said, OrderCancelled) and (said.order, said.reason) == ("e", "DECLINED")
    assert set(kept.orders) == {"x"}
    assert kept.changed_orders["e-s"].status is OrderStatus.CANCELLED
