"""Rows of a broker told in any order, and again: what is known in the end is the same."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.merging import fill_after, order_after, position_after, vanished
from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.seen import BROKER_ENDED, BrokerStatus, FillSeen, OrderSeen, PositionSeen

ORDER = OrderSeen("1", "880001", "NQZ6", Side.BUY, OrderType.LIMIT, BrokerStatus.PENDING, 0, 3)
FILL = FillSeen("1", "9", "880001", "NQZ6", Side.BUY, 1, Decimal("20500.25"), 5, date(2026, 11, 20))

statuses = st.sampled_from(list(BrokerStatus))


@st.composite
def lives(draw: st.DrawFn) -> list[OrderSeen]:
    """An order's rows, each of its own moment; nothing follows once it is over."""
    told, at = [], 0
    for status in draw(st.lists(statuses, min_size=1, max_size=6)):
        at += draw(st.integers(1, 5))
        marks = {"tag": "th-1", "text": "opening drive"} if draw(st.booleans()) else {}
        filled = draw(st.integers(0, 3))
        told.append(replace(ORDER, status=status, at=at, filled=filled, **marks))
        if status in BROKER_ENDED:
            break
    return told


@given(lives(), st.data())
def test_an_order_s_rows_say_the_same_in_any_order_and_repeated(told, data) -> None:
    shuffled = data.draw(st.permutations(told + told[:2]))
    assert reduce(order_after, shuffled) == reduce(order_after, told)
    assert reduce(order_after, told).at == told[-1].at


@given(lives(), st.data())
def test_an_order_that_is_over_never_works_again(told, data) -> None:
    ended = replace(ORDER, status=BrokerStatus.CANCELLED, at=2)
    known = reduce(order_after, data.draw(st.permutations([*told, ended])))
    assert known.is_over


@given(st.data())
def test_a_fill_s_rows_say_the_same_in_any_order_and_repeated(data) -> None:
    told = [FILL, replace(FILL, fees=Decimal("2.08")), replace(FILL, is_active=False)]
    shuffled = data.draw(st.permutations([*told, FILL]))
    assert reduce(fill_after, shuffled) == replace(FILL, fees=Decimal("2.08"), is_active=False)


def test_a_position_s_older_row_does_not_replace_the_newer() -> None:
    newer, older = PositionSeen("1", "NQZ6", 0, 9), PositionSeen("1", "NQZ6", 2, 8)
    assert position_after(newer, older) == position_after(older, newer) == newer


def test_of_one_moment_the_order_that_has_come_further_counts() -> None:
    working, filled = replace(ORDER, status=BrokerStatus.WORKING), replace(ORDER, status="filled")
    assert order_after(filled, working) == order_after(working, filled) == filled


def test_an_order_that_its_broker_has_forgotten_is_over() -> None:
    working = replace(ORDER, status=BrokerStatus.WORKING, at=5, tag="th-1")
    gone = vanished(working)
    assert gone.is_over and gone.tag == "th-1"
    assert order_after(working, gone) == order_after(gone, gone) == gone


def test_an_order_that_had_vanished_works_again_once_its_broker_tells_of_it() -> None:
    working = replace(ORDER, status=BrokerStatus.WORKING, at=5)
    gone = vanished(working)
    assert order_after(gone, working) == working
    assert order_after(gone, replace(working, at=4)) == gone
    ended = replace(working, status=BrokerStatus.CANCELLED, at=4)
    assert order_after(gone, ended) == ended
