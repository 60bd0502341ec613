"""Dollars as rows keep them and as they are shown: figures are exact, and are rounded once, where they are told."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

MONEY_PARTS: Final = 10_000  # of a dollar, as rows keep money


def in_cents(amount: Fraction) -> Decimal:
    """Return dollars as they are shown: two decimals, ties away from zero, rounded in one step."""
    return _rounded(amount, 2)


def as_text(amount: Fraction) -> str:
    """Return dollars as the API tells them: two decimals, or four where they are exact and have more."""
    times, rest = divmod(MONEY_PARTS, amount.denominator)
    if rest:  # not exact with four decimals
        return f"{in_cents(amount):f}"
    dollars, parts = divmod(abs(amount.numerator) * times, MONEY_PARTS)
    cents, rest = divmod(parts, 100)
    sign = "-" if amount.numerator < 0 else ""
    return f"{sign}{dollars}.{parts:04d}" if rest else f"{sign}{dollars}.{cents:02d}"


def _rounded(amount: Fraction, decimals: int) -> Decimal:
    """Return an exact fraction with so many decimals, ties away from zero, never −0."""
    scale = 10**decimals
    whole = (abs(amount.numerator) * scale * 2 + amount.denominator) // (amount.denominator * 2)
    return Decimal(-whole if amount < 0 and whole else whole).scaleb(-decimals)
