"""Quotes and order books: updates merged into the full state, prices brought to whole ticks."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

from apps.brokers.domain.ports import QuoteArrived
from apps.brokers.tradovate.frames import instant_of
from apps.marketdata.domain.tick import Quote


class OffGrid(ValueError):
    """A price is no whole number of ticks."""


def whole_ticks(price: Decimal, tick_size: Decimal) -> int:
    """Return a price in ticks.

    Raises:  OffGrid  it lies between two of them
    """
    ticks = price / tick_size
    if ticks != ticks.to_integral_value():
        raise OffGrid(f"{price} is no multiple of {tick_size}")
    return int(ticks)


class _Entry(Struct):
    price: Decimal | None = None
    size: Decimal | None = None


class _QuoteRow(Struct, rename="camel"):
    timestamp: str
    contract_id: int
    entries: dict[str, _Entry]


class _DomRow(Struct, rename="camel"):
    timestamp: str
    contract_id: int
    bids: list[_Entry]
    offers: list[_Entry]


class QuoteBook:
    """The last full quote of one contract. An update may leave any entry out; what it leaves out stands."""

    def __init__(self, contract: str, tick_size: Decimal) -> None:
        self._contract = contract
        self._tick_size = tick_size
        self._entries: dict[str, _Entry] = {}
        self._at = 0

    def merge(self, row: Raw) -> QuoteArrived:
        """Return the full state after an update.

        Raises:  ValueError, msgspec.DecodeError  it can't be read; the state stays as it was
        """
        update = msgspec.json.decode(row, type=_QuoteRow)
        at = instant_of(update.timestamp)
        for entry in update.entries.values():
            if entry.price is not None:
                whole_ticks(entry.price, self._tick_size)  # refuse it before anything is changed
        if "EmptyBook" in update.entries:
            self._entries.pop("Bid", None)
            self._entries.pop("Offer", None)
        self._entries |= update.entries
        self._at = max(self._at, at)
        return QuoteArrived(
            self._contract,
            self._at,
            Quote(self._price("Bid"), self._size("Bid"), self._price("Offer"), self._size("Offer")),
            last=self._price("Trade"),
            open=self._price("OpeningPrice"),
            high=self._price("HighPrice"),
            low=self._price("LowPrice"),
            settlement=self._price("SettlementPrice"),
            volume=self._size("TotalTradeVolume"),
        )

    def _price(self, name: str) -> int | None:
        entry = self._entries.get(name)
        if entry is None or entry.price is None:
            return None
        return whole_ticks(entry.price, self._tick_size)

    def _size(self, name: str) -> int | None:
        entry = self._entries.get(name)
        return None if entry is None or entry.size is None else int(entry.size)


@dataclass(frozen=True, slots=True)
class Depth:
    """An order book: (price in ticks, size), best first on both sides."""

    at: int
    bids: tuple[tuple[int, int], ...]
    offers: tuple[tuple[int, int], ...]


def depth_in(row: Raw, tick_size: Decimal) -> Depth:
    """Return the full book of a DOM row; each row replaces the one before.

    Raises:  ValueError, msgspec.DecodeError  unreadable, unsorted or crossed
    """
    told = msgspec.json.decode(row, type=_DomRow)
    bids, offers = _side(told.bids, tick_size), _side(told.offers, tick_size)
    if list(bids) != sorted(bids, reverse=True) or list(offers) != sorted(offers):
        raise ValueError("book out of order")
    if bids and offers and bids[0][0] >= offers[0][0]:
        raise ValueError("crossed book")
    return Depth(instant_of(told.timestamp), bids, offers)


def _side(entries: Iterable[_Entry], tick_size: Decimal) -> tuple[tuple[int, int], ...]:
    return tuple(
        (whole_ticks(entry.price, tick_size), int(entry.size or 0))
        for entry in entries
        if entry.price is not None
    )
