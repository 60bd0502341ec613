"""A trade as the exchange printed it."""

from typing import NamedTuple


class Quote(NamedTuple):
    """The best bid and ask beside a trade. Prices in whole ticks, sizes in contracts; None where unknown."""

    bid: int | None
    bid_size: int | None
    ask: int | None
    ask_size: int | None


class Tick(NamedTuple):
    """One trade of one contract.

    Units:   at: ns UTC; price: whole ticks of the instrument; size: contracts
             id: grows along the tape of a contract and names the tick for ever (the source's own id, or
             `made_id` for sources without one)
    """

    at: int
    price: int
    size: int
    id: int
    quote: Quote | None = None


def made_id(at: int, ordinal: int) -> int:
    """Return an id for a tick whose source has none: its millisecond, then its place among equal ones."""
    return (at // 1_000_000) << 20 | ordinal
