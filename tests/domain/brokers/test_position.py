"""Lots first in, first out, against a ledger done by hand."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.position import Lot, Position
from apps.marketdata.domain.instrument import instrument


def position(sign: int = 1, root: str = "NQ") -> Position:
    return Position(
        key="f1", user=1, account=1, contract=f"{root}Z5", strategy=0, instrument=instrument(root),
        sign=sign, opened_at=0, high=80000, low=80000,
    )  # fmt: skip


def test_the_oldest_contracts_are_closed_first() -> None:
    held = position()
    held.add(Lot(2, 80000, 1, "a"), Decimal("7.80"), stop=79900)
    held.add(Lot(1, 80040, 2, "b"), Decimal("3.90"), stop=79940)
    assert held.take(1, 80060, Decimal("3.90")) == Decimal(300)  # 60 ticks of $5
    assert held.take(2, 80060, Decimal("7.80")) == Decimal(300) + Decimal(100)
    assert (held.realized, held.fees) == (Decimal(700), Decimal("23.40"))
    assert held.size == 0
    assert held.risk == Decimal(3 * 100 * 5)
    assert held.result_r() == Fraction(700, 1500)


def test_micro_round_trip_of_three_costs_what_the_broker_takes() -> None:
    held = position(root="MNQ")
    fee = instrument("MNQ").commission + instrument("MNQ").exchange_fee
    held.add(Lot(3, 80000, 1, "a"), 3 * fee, None)
    held.take(3, 80004, 3 * fee)
    assert held.fees == Decimal("5.94")  # 6 sides of 0.62 commission and 0.37 exchange
    assert held.realized == Decimal(6)
    assert held.result_r() is None


def test_a_short_gains_when_the_price_falls() -> None:
    held = position(sign=-1)
    held.add(Lot(1, 80000, 1, "a"), Decimal(0), 80100)
    held.learn(80050, 79900)
    assert held.excursion == (100, -50)
    assert held.take(1, 79900, Decimal(0)) == Decimal(500)


sizes = st.lists(st.tuples(st.integers(1, 9), st.integers(79000, 81000)), min_size=1, max_size=6)


@given(opened=sizes, exits=st.lists(st.tuples(st.integers(1, 9), st.integers(79000, 81000))))
def test_realized_equals_a_list_of_single_contracts(
    opened: list[tuple[int, int]], exits: list[tuple[int, int]]
) -> None:
    held, singles, made = position(), list[int](), 0
    for number, (size, price) in enumerate(opened):
        held.add(Lot(size, price, number, str(number)), Decimal(0), None)
        singles += [price] * size
    for size, price in exits:
        size = min(size, held.size)
        if not size:
            break
        made += sum(price - singles.pop(0) for _ in range(size))
        held.take(size, price, Decimal(0))
        assert held.realized == made * Decimal(5)
        assert held.cost == sum(singles)
        assert held.quantity == len(singles)
