"""In what a trader reads his open position first: said by the page, chosen by its style."""

from decimal import Decimal
from fractions import Fraction

import pytest

from apps.dashboards.templatetags.drawing import ticks_of
from apps.marketdata.domain.instrument import INSTRUMENTS


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (Decimal("3.00"), "+12"),
        (Fraction(-5, 4), "−5"),
        (Fraction(1, 6), "+0.7"),
        (Decimal(0), "0"),
        (None, "–"),
    ],
)
def test_points_are_told_in_ticks(points: Decimal | Fraction | None, words: str) -> None:
    assert ticks_of(points, INSTRUMENTS["NQ"]) == words
