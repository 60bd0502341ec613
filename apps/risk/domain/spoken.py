"""Moments and money as a sentence says them: in exchange time, with a dollar sign."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from apps.bus.domain.message import SECOND
from apps.marketdata.domain.calendar import CHICAGO

CENT: Final = Decimal("0.01")


def when(at: int) -> str:
    """Return an instant in exchange time: "Mon 3 Nov 15:10 CT"."""
    local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(CHICAGO)
    return f"{local:%a} {local.day} {local:%b %H:%M} CT"


def in_dollars(amount: Decimal) -> str:
    """Return an amount as it is read: "$1,250.00", "−$543.40"."""
    amount = amount.quantize(CENT)  # first, so that what rounds to nothing has no sign
    return f"{'−' if amount < 0 else ''}${abs(amount):,f}"


def dollars(amount: Decimal, *, sign: bool = True) -> str:
    """Return an amount as a trader writes it, cents only where there are some: +$1,432, −$160, $50.25."""
    cents = amount != amount.to_integral_value()
    text = f"${abs(amount):,.2f}" if cents else f"${abs(amount):,.0f}"
    if amount < 0:
        return f"−{text}"
    return f"+{text}" if sign and amount > 0 else text
