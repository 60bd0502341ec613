"""The product table, and the way between prices and whole ticks."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.marketdata.domain.instrument import (
    GROUPS,
    INSTRUMENTS,
    OffTick,
    UnknownInstrument,
    instrument,
)

TICK_VALUES = {
    "ES": "12.50", "NQ": "5.00", "YM": "5.00", "RTY": "5.00", "MES": "1.25", "MNQ": "0.50", "MYM": "0.50",
    "M2K": "0.50", "GC": "10.00", "MGC": "1.00", "SI": "25.00", "SIL": "5.00", "CL": "10.00", "MCL": "1.00",
    "NG": "10.00", "ZB": "31.25", "ZN": "15.625", "ZC": "12.50", "ZS": "12.50", "ZW": "12.50", "6E": "6.25",
    "6J": "6.25",
}  # fmt: skip
DECIMALS = {"NQ": 2, "GC": 1, "RTY": 1, "YM": 0, "6E": 5, "ZN": 6, "ZB": 5, "6J": 7, "SI": 3}


@pytest.mark.parametrize("root", INSTRUMENTS)
def test_a_tick_is_worth_its_points(root: str) -> None:
    product = instrument(root)
    assert (
        product.tick_value == product.tick_size * product.point_value == Decimal(TICK_VALUES[root])
    )
    assert product.group in GROUPS
    assert set(product.liquid_months) <= set(product.months)


def test_the_table_is_whole() -> None:
    assert set(INSTRUMENTS) == set(TICK_VALUES)
    assert {root for root, product in INSTRUMENTS.items() if product.defaults} == {
        "NQ", "MNQ", "ES", "MES", "YM", "MYM", "RTY", "M2K", "GC", "MGC", "CL", "MCL"
    }  # fmt: skip


@pytest.mark.parametrize(("root", "decimals"), DECIMALS.items())
def test_a_price_has_the_fewest_decimals_that_write_the_tick(root: str, decimals: int) -> None:
    product = instrument(root)
    assert product.decimals == decimals
    assert product.text(1) == f"{product.tick_size:.{decimals}f}"


@given(st.sampled_from(sorted(INSTRUMENTS)), st.integers(-(10**9), 10**9))
def test_ticks_and_prices_are_the_same_thing(root: str, ticks: int) -> None:
    product = instrument(root)
    assert product.to_ticks(product.price(ticks)) == ticks
    assert product.to_ticks(product.text(ticks)) == ticks
    assert product.snap(product.price(ticks)) == product.price(ticks)


def test_a_price_between_two_ticks_is_refused_by_name() -> None:
    with pytest.raises(
        OffTick, match=r"20005\.10 is no price of NQ: its prices are multiples of 0\.25"
    ):
        instrument("NQ").to_ticks("20005.10")


@pytest.mark.parametrize("price", ["nan", "-inf", "1e999999", "", "twenty"])
def test_what_is_no_number_is_no_price(price: str) -> None:
    with pytest.raises(OffTick):
        instrument("NQ").to_ticks(price)


def test_snap_takes_the_nearest_price_and_ties_go_away_from_zero() -> None:
    nq = instrument("NQ")
    assert [str(nq.snap(price)) for price in ("20005.10", "20005.13", "20005.125", "-20005.125")] == [
        "20005.00", "20005.25", "20005.25", "-20005.25"
    ]  # fmt: skip


def test_minis_know_their_micros() -> None:
    assert instrument("NQ").micro == "MNQ"
    assert instrument("MNQ").mini == "NQ"
    assert instrument("MNQ").is_micro
    assert not instrument("NQ").is_micro
    assert instrument("MNQ").commission == Decimal("0.62")
    assert instrument("NQ").exchange_fee == Decimal("1.40")


def test_an_unknown_root_is_refused_by_name() -> None:
    with pytest.raises(UnknownInstrument, match="QQQ"):
        instrument("QQQ")
