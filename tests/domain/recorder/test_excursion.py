"""MFE and MAE of recorded positions: with the contracts that were held at each price, and unknown where nothing is known."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import CALENDAR, EQUITY
from apps.recorder.domain.excursion import Priced, Step, range_of, stretches
from tests.factories import at

BEGAN = at("2025-12-02T15:00:00Z")
Seen = list[tuple[float, str]]


def steps(*told: tuple[float, int, str]) -> list[Step]:
    return [Step(BEGAN + int(minute * MINUTE), signed, Decimal(price)) for minute, signed, price in told]  # fmt: skip


def ranged(some: list[Step], seen: Seen) -> tuple[str, str] | None:
    """Return worst and best, where these prices were seen so many minutes after the beginning."""
    prices = [(BEGAN + int(minute * MINUTE), Decimal(price)) for minute, price in seen]
    known = [
        [Priced(moment, moment, price, price) for moment, price in prices if part.since <= moment < part.until]
        for part in stretches(some)
    ]  # fmt: skip
    found = range_of(some, known, CALENDAR, EQUITY)
    return None if found is None else (f"{found[0]:f}", f"{found[1]:f}")


@pytest.mark.parametrize(
    ("fills", "seen", "worst_best"),
    [
        # a long, and the same market for a short
        (steps((0, 1, "100"), (4, -1, "103")), [(1, "95"), (2, "110")], ("-5", "10")),
        (steps((0, -1, "100"), (4, 1, "97")), [(1, "95"), (2, "110")], ("-10", "5")),
        # an addition: what was seen before it counts for one contract only
        (steps((0, 1, "100"), (2, 3, "110"), (4, -4, "112")), [(1, "90"), (3, "111")], ("-10", "18")),
        # a trim: what comes after it counts for the rest, with what it took
        (steps((0, 2, "100"), (2, -1, "110"), (4, -1, "105")), [(1, "108"), (3, "130")], ("0", "40")),
        (steps((0, -2, "100"), (2, 1, "110"), (4, 1, "96")), [(1, "100"), (3, "95")], ("-20", "0")),
        # never ahead, never behind
        (steps((0, 1, "100"), (4, -1, "95")), [(1, "99"), (3, "97")], ("-5", "0")),
        (steps((0, 1, "100"), (4, -1, "105")), [(1, "101"), (3, "104")], ("0", "5")),
    ],
)  # fmt: skip
def test_each_price_counts_for_what_was_held(
    fills: list[Step], seen: Seen, worst_best: tuple[str, str]
) -> None:
    assert ranged(fills, seen) == worst_best


def test_without_a_price_it_is_unknown_and_not_nothing() -> None:
    assert ranged(steps((0, 1, "100"), (4, -1, "103")), []) is None


def test_a_stretch_without_prices_is_unknown_though_others_are_known() -> None:
    some = steps((0, 1, "100"), (10, 1, "102"), (20, -2, "103"))
    assert ranged(some, [(minute, "101") for minute in range(10)]) is None
    assert ranged(some, [(minute, "101") for minute in range(20)]) == ("0", "4")


@pytest.mark.parametrize(("hole", "is_known"), [(5, True), (6, False)])
def test_a_hole_of_more_than_five_minutes_is_unknown(hole: int, is_known: bool) -> None:
    seen = [(minute, "101") for minute in range(30) if not 10 < minute < 10 + hole]
    assert (ranged(steps((0, 1, "100"), (30, -1, "103")), seen) is not None) == is_known


def test_the_closed_market_is_no_hole() -> None:
    evening = (at("2025-12-02T21:59:00Z") - BEGAN) // MINUTE
    some = steps((evening, 1, "100"), (evening + 62, -1, "103"))
    assert ranged(some, [(evening, "100"), (evening + 61, "104")]) == ("0", "4")


PRICE = st.integers(90, 110).map(Decimal)


@given(st.lists(st.tuples(st.sampled_from([-1, 1]), PRICE), max_size=8), st.lists(PRICE, min_size=8, max_size=8))  # fmt: skip
def test_it_is_the_worth_at_every_price(
    more: list[tuple[int, Decimal]], seen: list[Decimal]
) -> None:
    """A long of three with whatever additions and trims leave it open, walked price by price."""
    fills, held = [(3, Decimal(100))], 3
    for signed, price in more:
        if held + signed > 0:
            fills.append((signed, price))
            held += signed
    fills.append((-held, Decimal(101)))
    some = [Step(BEGAN + number * MINUTE, *fill) for number, fill in enumerate(fills)]
    prices = seen[: len(some) - 1] + seen[:1] * max(0, len(some) - 1 - len(seen))
    worths, now, paid = [Decimal(0)], 0, Decimal(0)
    for fill, price in zip(fills, [*prices, Decimal(101)], strict=True):
        now, paid = now + fill[0], paid + fill[0] * fill[1]
        worths += [now * fill[1] - paid, now * price - paid]
    known = [
        [Priced(part.since, part.since, price, price)]
        for part, price in zip(stretches(some), prices, strict=True)
    ]
    assert range_of(some, known, CALENDAR, EQUITY) == (min(worths), max(worths))
