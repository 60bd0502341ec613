"""Moments and money as a sentence says them: in exchange time, with a dollar sign."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from apps.bus.domain.message import SECOND

CHICAGO: Final = ZoneInfo("America/Chicago")


def when(at: int) -> str:
    """Return an instant in exchange time: "Mon 3 Nov 15:10 CT"."""
    local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(CHICAGO)
    return f"{local:%a} {local.day} {local:%b %H:%M} CT"


def in_dollars(amount: Decimal) -> str:
    """Return an amount as it is read: "$1,250.00", "−$543.40"."""
    sign = "−" if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}"
