"""What was traded otherwise than the strategy's figures say, in a trader's words, and only when it is certain."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.order import OrderType
from apps.recorder.domain.deviations import deviations
from apps.recorder.domain.seen import Fill, Plan
from apps.recorder.domain.terms import Unit, Ways

from .stage import A, booked, fill, known, order


def plan(**figures: Any) -> Plan:
    usual: dict[str, Any] = {"unit": Unit.POINTS, "size": 2, "position_add": 0, "trim": 0}
    return Plan(**(usual | figures))


def said(fills: list[Fill], plan: Plan, *orders: Any) -> list[str]:
    whole = known(plans={A: plan}, orders=orders)
    return [
        one.text for position in booked(fills, whole) for one in deviations(position, plan, whole)
    ]


@pytest.mark.parametrize(
    ("figures", "fills", "texts"),
    [
        ({}, [(2, "100"), (-2, "104")], []),
        ({}, [(3, "100")], ["Opened 3, the strategy says 2."]),
        ({}, [(1, "100")], []),  # the rest of its order may still come
        ({}, [(1, "100"), (-1, "101")], ["Opened 1, the strategy says 2."]),
        ({}, [(2, "100"), (1, "101")], ["Added 1, though the strategy never adds."]),
        ({"position_add": 1}, [(2, "100"), (1, "101")], []),
        ({"position_add": 1}, [(2, "100"), (3, "101")], ["Added 3, the strategy says 1."]),
        ({}, [(2, "100"), (-1, "110"), (-1, "112")], ["Took 1 off and left 1, though the strategy leaves all at once."]),
        ({}, [(2, "100"), (-1, "110")], []),  # the rest of its order may still come
        ({"size": 4, "trim": 2}, [(4, "100"), (-1, "110"), (-3, "112")], ["Trimmed 1, the strategy says 2."]),
        ({"size": 4, "trim": 2}, [(4, "100"), (-3, "110")], ["Trimmed 3, the strategy says 2."]),
        ({"size": 4, "trim": 2}, [(4, "100"), (-2, "110"), (-2, "112")], []),
        ({"size": 4, "trim": 2}, [(4, "100"), (-4, "90")], []),  # it never came to its target
        ({"trim": 1, "take_profit": Decimal(10)}, [(2, "100"), (-2, "110")], ["Left all 2 at once, the strategy trims 1 first."]),
        ({"stop_loss": Decimal(40)}, [(2, "20000"), (-2, "19955")], ["Left at −45 points, the stop loss says 40 points."]),
        ({"stop_loss": Decimal(40)}, [(-2, "20000"), (2, "20045")], ["Left at −45 points, the stop loss says 40 points."]),
        ({"stop_loss": Decimal(40)}, [(2, "20000"), (-2, "19959")], []),  # four ticks
        ({"stop_loss": Decimal(160), "unit": Unit.TICKS}, [(2, "20000"), (-2, "19955")], ["Left at −180 ticks, the stop loss says 160 ticks."]),
        ({"stop_loss": Decimal(800), "unit": Unit.DOLLARS}, [(2, "20000"), (-2, "19955")], ["Left at −900 dollars a contract, the stop loss says 800 dollars a contract."]),
        ({"stop_loss": Decimal("0.2"), "unit": Unit.PERCENT}, [(2, "20000"), (-2, "19955")], ["Left at −0.22 percent, the stop loss says 0.2 percent."]),
        ({"take_profit": Decimal(50)}, [(2, "20000"), (-2, "20060")], ["Left at +60 points, the take profit says 50 points."]),
        ({"take_profit": Decimal(50)}, [(2, "20000"), (-2, "20012")], []),  # his own decision
        ({"trim": 1, "take_profit": Decimal(50)}, [(2, "20000"), (-1, "20050"), (-1, "20090")], []),  # the rest runs
        ({"size": None, "position_add": None, "trim": None}, [(7, "100"), (2, "101"), (-3, "104"), (-6, "105")], []),
    ],
)  # fmt: skip
def test_each_deviation_in_words(
    figures: dict[str, Any], fills: list[tuple[int, str]], texts: list[str]
) -> None:
    told = [fill(number, *one) for number, one in enumerate(fills, 1)]
    assert said(told, plan(**figures)) == texts


def test_an_order_that_is_filled_in_parts_is_one_entry() -> None:
    parts = [fill(1, 1, "100", order="e"), fill(2, 1, "100", order="e"), fill(3, -2, "104")]
    assert said(parts, plan()) == []
    apart = [fill(1, 1, "100", order="e"), fill(2, 1, "100", order="x"), fill(3, 1, "100", order="e")]  # fmt: skip
    assert said(apart, plan()) == ["Added 1, though the strategy never adds."]


@pytest.mark.parametrize(
    ("ways", "signed", "text"),
    [
        (Ways.LONG, -2, "Short, though the strategy is long only."),
        (Ways.SHORT, 2, "Long, though the strategy is short only."),
        (Ways.LONG, 2, ""),
    ],
)
def test_a_way_that_it_does_not_trade(ways: Ways, signed: int, text: str) -> None:
    """Only an order that names its strategy gets so far; another one is never taken as its."""
    named = order("o1", tag=f"th{A}")
    assert said([fill(1, signed, "100")], plan(ways=ways), named) == ([text] if text else [])


def test_the_slippage_of_a_stop_that_stood_where_it_should_is_none() -> None:
    fills = [fill(1, 2, "20000", order="e"), fill(2, -2, "19950", order="s")]
    stood = order("s", OrderType.STOP, parent="e", stop=Decimal(19960))
    moved = order("s", OrderType.STOP, parent="e", stop=Decimal(19950))
    assert said(fills, plan(stop_loss=Decimal(40)), stood) == []
    assert said(fills, plan(stop_loss=Decimal(40)), moved) == ["Left at −50 points, the stop loss says 40 points."]  # fmt: skip


def test_a_deviation_names_the_fill_that_did_it() -> None:
    whole = known()
    (position,) = booked([fill(1, 2, "100"), fill(2, 1, "101", remote="f9", at=77)], whole)
    (one,) = deviations(position, plan(), whole)
    assert (one.kind, one.fill, one.at) == ("add", "f9", 77)


@given(st.lists(st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(90, 110)), max_size=12))  # fmt: skip
def test_what_is_said_of_a_position_stays_said_when_more_fills_come(
    told: list[tuple[int, int]],
) -> None:
    fills = [fill(number, signed, str(price)) for number, (signed, price) in enumerate(told, 1)]
    figures, seen = plan(trim=1, position_add=1, stop_loss=Decimal(5)), set[tuple[str, str]]()
    for many in range(len(fills) + 1):
        whole = known(plans={A: figures})
        now = {
            (one.kind, one.fill)
            for position in booked(fills[:many], whole)
            for one in deviations(position, figures, whole)
        }
        assert seen <= now
        seen = now
