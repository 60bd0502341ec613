"""What a market gives to an order: chance, price, size and place in the queue. Small pure functions.

Whole ticks, contracts, ns UTC.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from apps.brokers.domain.order import Side
from apps.bus.domain.message import SECOND
from apps.marketdata.domain.tick import Quote

STALE: Final = 10 * SECOND  # a quote older than this says nothing about what can be had now
PRINTED: Final = "printed"
QUOTE, TRADE, CANDLE = "quote", "trade", "candle"
_MS: Final = 1_000_000


@dataclass(slots=True)
class Print:
    """One trade, the quote beside it, and what an account has already taken of both.

    used: contracts taken of the ask ("buy"), of the bid ("sell"), and of what was printed
    """

    price: int
    at: int
    size: int = 1
    quote: Quote | None = None
    id: int = -1
    used: dict[str, int] = field(default_factory=dict)

    def is_same(self, id: int, at: int) -> bool:
        """Return whether it is this tick."""
        return self.id == id and self.at == at

    def is_fresh(self, at: int) -> bool:
        """Return whether it still tells, at this instant, what could be had."""
        return at - self.at <= STALE


class Offer(NamedTuple):
    """What the market holds against an order: a price, how much (None: unknown), and what that rests on."""

    price: int
    size: int | None
    rests_on: str
    pool: str


def offered(seen: Print, side: Side) -> Offer | None:
    """Return what a buyer or seller meets now, None where the quote is crossed or lacks his side.

    Where no quote is known at all, the last trade stands for both sides.
    """
    quote = seen.quote
    if quote is None or (quote.bid is None and quote.ask is None):
        return Offer(seen.price, seen.size, TRADE, PRINTED)
    if quote.bid is not None and quote.ask is not None and quote.bid > quote.ask:
        return None
    price, size = (quote.ask, quote.ask_size) if side is Side.BUY else (quote.bid, quote.bid_size)
    return None if price is None else Offer(price, size, QUOTE, side.value)


def stop_offer(seen: Print, side: Side) -> Offer:
    """Return what a stop gets that this trade has set off: the worse of the trade and the quote beside it."""
    offer = offered(seen, side)
    if offer is None:
        return Offer(seen.price, seen.size, TRADE, PRINTED)
    if (offer.price - seen.price) * side.sign >= 0:
        return offer
    return offer._replace(price=seen.price)


def left_of(seen: Print, offer: Offer, wanted: int) -> int:
    """Return how much of an offer an account can still have."""
    if offer.size is None:
        return wanted
    return max(0, min(wanted, offer.size - seen.used.get(offer.pool, 0)))


def queue_at(seen: Print, side: Side, limit: int, usual: int) -> int:
    """Return how many contracts stand ahead of a limit order that begins to rest."""
    quote = seen.quote
    if quote is None:
        return usual
    best, size = (quote.bid, quote.bid_size) if side is Side.BUY else (quote.ask, quote.ask_size)
    return size if best == limit and size is not None else usual


def latency(seed: str, order: str, span: tuple[int, int]) -> int:
    """Return how long the wishes of one order travel, in ns. The same for the same order, whatever else happens."""
    return Random(f"{seed}:{order}").randint(*span) * _MS


def slippage(seed: str, order: str, number: int, span: tuple[int, int]) -> int:
    """Return the ticks against one fill of one order."""
    return Random(f"{seed}:{order}:{number}").randint(*span)
