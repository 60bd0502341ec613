"""Money as it is told: cents, four decimals where it has them exactly, rounded once."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.analytics.domain.money import as_text, in_cents


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Fraction(0), "0.00"),
        (Fraction(45), "45.00"),
        (Fraction(-11276, 100), "-112.76"),
        (Fraction(-1, 10_000), "-0.0001"),
        (Fraction(3125, 1000), "3.1250"),
        (Fraction(1, 3), "0.33"),
        (Fraction(-1, 1000_000), "0.00"),
        (Fraction(1005, 1000), "1.0050"),
        (Fraction(10051, 100_000), "0.10"),
    ],
)
def test_an_amount_is_written_with_the_decimals_it_has(amount: Fraction, text: str):
    assert as_text(amount) == text


@given(st.integers(-(10**15), 10**15))
@example(-5)
def test_what_rows_keep_is_written_to_its_last_digit(parts: int):
    kept = Decimal(parts).scaleb(-4)
    cents = kept.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert as_text(Fraction(parts, 10_000)) == f"{cents if cents == kept else kept:f}"


@given(st.fractions(max_denominator=10**6))
def test_what_has_more_decimals_is_told_in_cents(amount: Fraction):
    exact = amount * 10_000
    if exact.denominator == 1 and exact % 100:
        assert Fraction(as_text(amount)) == amount
    else:
        assert as_text(amount) == f"{in_cents(amount):f}"
