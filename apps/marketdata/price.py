"""What a contract costs now, as the engine last told it. A reading: nobody stores it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.utils import timezone

from apps.bus import transport
from apps.bus.domain.message import to_instant
from apps.marketdata.domain.contract import is_continuous, parse, root_of


class Price(NamedTuple):
    """The newest price of a contract. `reading` has all that was told: bid, change, session, candle."""

    contract: str
    last: Decimal
    at: datetime
    wall_at: datetime
    reading: Mapping[str, Any]

    @property
    def age_ms(self) -> int:
        """Return how long ago its frame arrived, by the wall clock."""
        age = timezone.now() - self.wall_at
        return max(0, round(age.total_seconds() * 1000))


def price_now(symbol: str) -> Price | None:
    """Return the price of a symbol in any spelling; a root is its front contract. None: not fed.

    Raises:  UnknownSymbol
    """
    return _price(transport.latest(f"price.{place_of(symbol)}"))


def price_of(contract: str) -> Price | None:
    """Return the price of a contract by its exact name; None if nothing was told of it yet."""
    return _price(transport.latest(f"price.{contract}"))


def place_of(symbol: str) -> str:
    """Return under which name a symbol is told: NQ for NQ1!, NQZ6 for CME_MINI:NQZ2026.

    Raises:  UnknownSymbol
    """
    return root_of(symbol) if is_continuous(symbol) else parse(symbol, now()).name


def now() -> int:
    """Return the market's time as the engine last told it, else the wall clock's; ns UTC."""
    at = transport.market_time().at
    return at if at is not None else to_instant(timezone.now())


def _price(reading: Mapping[str, Any] | None) -> Price | None:
    if reading is None or reading.get("last") is None:
        return None
    at, wall_at = reading["at"], reading.get("wall_at") or reading["at"]
    last = Decimal(reading["last"])
    return Price(str(reading["contract"]), last, moment(at), moment(wall_at), reading)


def moment(iso: str) -> datetime:
    """Return a moment as readings tell it."""
    return datetime.fromisoformat(iso)
