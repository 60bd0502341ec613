"""Positions from fills: first in first out, fees to the cent, reversals, what ended them, and each happening once."""

from decimal import Decimal

import pytest

from apps.brokers.domain.order import OrderType
from apps.recorder.domain.happenings import Whose, happenings
from apps.recorder.domain.seen import Known, Plan, Span
from apps.recorder.domain.terms import PositionStatus, Unit

from .stage import NAMES, A, booked, fill, known, order

STOP, LIMIT, MARKET = OrderType.STOP, OrderType.LIMIT, OrderType.MARKET


def said(fills: list, told: Known) -> list[tuple[str, int, int]]:  # type: ignore[type-arg]
    whose = Whose(7, 3, "DEMO1001", NAMES)
    return [
        (fact.name.partition(".")[2], fact.quantity, fact.left)
        for position in booked(fills, told)
        for fact, _ in happenings(position, whose, told)
    ]


def test_lots_close_first_in_first_out_with_the_real_fees() -> None:
    fills = [
        fill(1, 1, "20000.00", fees="2.10"),
        fill(2, 1, "20010.00", fees="2.10"),
        fill(3, -1, "20020.00", fees="2.11"),
    ]
    (position,) = booked(fills, known())
    assert (position.size, position.cost, position.realized) == (1, Decimal("20010.00"), 400)
    assert (position.fees, position.net) == (Decimal("6.31"), Decimal("393.69"))
    (position,) = booked([*fills, fill(4, -1, "20005.00", fees="2.11")], known())
    assert (position.realized, position.status) == (300, "closed")


def test_a_reversal_closes_and_opens_and_divides_the_fee_to_the_last_digit() -> None:
    fills = [fill(1, 1, "100"), fill(2, -3, "101", fees="1.00")]
    first, second = booked(fills, known())
    assert (first.closed_at, second.sign, second.size) == (2, -1, 2)
    assert (first.fees, second.fees) == (Decimal("0.3333"), Decimal("0.6667"))
    assert said(fills, known()) == [("opened", 1, 1), ("closed", 1, 0), ("opened", 2, 2)]


def test_a_contract_that_the_desk_does_not_know_is_recorded_and_not_valued() -> None:
    fills = [fill(1, 1, "100", contract="XYZZ5"), fill(2, -1, "101", contract="XYZZ5")]
    (position,) = booked(fills, known(Span(A, "XYZ", 0)))
    assert (position.status, position.realized, position.net, position.exit) == (
        "closed", None, None, Decimal(101),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("closing", "status"),
    [
        (order("o2", STOP), PositionStatus.STOPPED_OUT),
        (order("o2", OrderType.TRAILING_STOP), PositionStatus.STOPPED_OUT),
        (order("o2", LIMIT, parent="o1"), PositionStatus.TARGET_HIT),
        (order("o2", LIMIT, oco="o3"), PositionStatus.TARGET_HIT),
        (order("o2", LIMIT), PositionStatus.CLOSED),
        (order("o2", MARKET), PositionStatus.CLOSED),
    ],
)
def test_the_type_of_the_closing_order_says_what_ended_it(closing, status) -> None:  # type: ignore[no-untyped-def]
    fills = [fill(1, 1, "100"), fill(2, -1, "99")]
    (position,) = booked(fills, known(orders=[closing]))
    assert position.status is status


@pytest.mark.parametrize(
    ("unit", "stop", "target", "price", "status"),
    [
        (Unit.TICKS, "20", "40", "95.00", "stopped_out"),
        (Unit.TICKS, "20", "40", "95.25", "closed"),
        (Unit.POINTS, "5", "10", "110.00", "target_hit"),
        (Unit.PERCENT, "5", "10", "110.00", "target_hit"),
        (Unit.DOLLARS, "100", "200", "95.00", "stopped_out"),
        (Unit.DOLLARS, "100", "200", "109.75", "closed"),
    ],
)
def test_without_an_order_the_plans_levels_say_it(unit, stop, target, price, status) -> None:  # type: ignore[no-untyped-def]
    plan = Plan(unit=unit, stop_loss=Decimal(stop), take_profit=Decimal(target))
    fills = [fill(1, 1, "100"), fill(2, -1, price)]
    (position,) = booked(fills, known(plans={A: plan}))
    assert position.status == status


def test_r_rests_on_the_first_stop_of_the_bracket() -> None:
    orders = [order("o1"), order("o9", STOP, parent="o1", stop=Decimal("95.00"))]
    fills = [fill(1, 2, "100"), fill(2, -2, "110")]
    (position,) = booked(fills, known(orders=orders))
    assert (position.risk, position.realized) == (200, 400)
    facts = [
        fact for fact, _ in happenings(position, Whose(7, 3, "D", NAMES), known(orders=orders))
    ]
    assert [(fact.net, fact.r) for fact in facts] == [(None, None), (400, Decimal("2.0000"))]


def test_an_order_that_is_filled_in_parts_is_one_happening() -> None:
    fills = [
        fill(1, 1, "100", order="in"),
        fill(2, 2, "100", order="in"),
        fill(3, 1, "100", order="add"),
        fill(4, -1, "101", order="trim"),
        fill(5, -1, "101", order="trim"),
        fill(6, -1, "101", order="out"),
        fill(7, -1, "101", order="out"),
    ]
    assert said(fills, known()) == [
        ("opened", 3, 3), ("added", 1, 4), ("reduced", 2, 2), ("closed", 2, 0),
    ]  # fmt: skip


def test_a_first_target_is_told_and_then_the_stop_of_the_rest() -> None:
    orders = [order("o2", LIMIT, parent="o1"), order("o3", STOP, parent="o1")]
    fills = [fill(1, 2, "100"), fill(2, -1, "110"), fill(3, -1, "100")]
    assert said(fills, known(orders=orders)) == [
        ("opened", 2, 2), ("target_hit", 1, 1), ("stop_hit", 1, 0),
    ]  # fmt: skip


def test_a_position_that_ends_is_told_under_one_name_whatever_ended_it() -> None:
    fills, whose = [fill(1, 1, "100"), fill(2, -1, "99")], Whose(7, 3, "D", NAMES)
    keys = set()
    for told in (known(), known(orders=[order("o2", STOP)])):
        (position,) = booked(fills, told)
        keys.add([fact.key for fact, _ in happenings(position, whose, told)][-1])
    assert len(keys) == 1
