"""What keeps an entry from leaving for a broker. Exits are never asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.brokers.domain.account import Account
from apps.brokers.domain.books import ON_ITS_WAY, Books
from apps.brokers.domain.order import Order, OrderType, Role

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "order": ("Contracts of this order", "{then} is more than {most}, your limit of an order"),
    "position": (
        "Contracts held with it",
        "the position would be {then}, more than {most}, your limit of a position",
    ),
    "day": (
        "Opened today with it",
        "{then} contracts would be opened today, more than {most}, your limit of a day",
    ),
}


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """A limit of an account's switch: what an order would bring it to, and what it allows, in contracts.

    name: order, position (held and on its way in one contract) or day (opened since the reset, and on its way)
    """

    name: str
    then: int
    most: int

    @property
    def is_broken(self) -> bool:
        """Return whether the order is too large for it."""
        return self.then > self.most

    @property
    def label(self) -> str:
        """Return what it counts, for a page."""
        return _WORDS[self.name][0]

    @property
    def words(self) -> str:
        """Return why the order is too large for it."""
        return _WORDS[self.name][1].format(then=self.then, most=self.most)


def bars(
    account: Account, order: Order, legs: tuple[Order, ...], books: Books
) -> tuple[str, str] | None:
    """Return code and sentence of what keeps an entry here, None if it may leave."""
    if not account.passage.is_on:
        if account.stake.is_dear:
            return "LIVE_OFF", "account: live orders are switched off for it; see Live orders"
        return "NOT_CONNECTED", "account: no broker's account is adopted for it; see Accounts"
    if not any(leg.role is Role.STOP for leg in legs):
        return "NO_STOP", "bracket: no entry leaves for a broker without its stop; give it one"
    of_order, *others = size_limits(account, order, books)
    if of_order.is_broken:
        return "SIZE_LIMIT", f"quantity: {of_order.words}"
    if -order.side.sign in _sides(order, books):
        return "HEDGED", (
            f"side: {order.contract} is held or ordered the other way in this account, and a broker nets both; "
            "close that first"
        )
    broken = next((one for one in others if one.is_broken), None)
    return None if broken is None else ("SIZE_LIMIT", f"quantity: {broken.words}")


def size_limits(account: Account, order: Order, books: Books) -> tuple[SizeLimit, ...]:
    """Return what an entry would bring each limit of its account to: of an order, of a position, of a day."""
    passage, size = account.passage, order.quantity
    held = sum(one.size for one in books.held_by(account.id) if _stays_beside(order, one.place))
    held += _left_of_own(order, books)
    coming = sum(one.remaining for one in _pending(order, books))
    on_its_way = sum(
        one.remaining
        for one in books.orders_of(account.id)
        if not one.is_exit and one.status in ON_ITS_WAY
    )
    return (
        SizeLimit("order", size, passage.per_order),
        SizeLimit("position", held + coming + size, passage.per_position),
        SizeLimit("day", account.opened_today + on_its_way + size, passage.per_day),
    )


def _sides(order: Order, books: Books) -> set[int]:
    """Return on which sides a contract is held or ordered beside an entry, as signs."""
    held = {one.sign for one in books.held_by(order.account) if _stays_beside(order, one.place)}
    return held | {one.side.sign for one in _pending(order, books)}


def _pending(order: Order, books: Books) -> list[Order]:
    """Return the entries in its contract that are on their way, but for those that it waits for."""
    return [
        one
        for one in books.orders_of(order.account)
        if not one.is_exit
        and one.status in ON_ITS_WAY
        and one.contract == order.contract
        and not (order.after and one.strategy == order.strategy and one.id in books.leaving)
    ]


def _stays_beside(order: Order, place: tuple[int, str, int]) -> bool:
    """Return whether a holding is of the same contract, and none of which the order's own exit decides what stays."""
    return place[1] == order.contract and not (order.after and place == order.place)


def _left_of_own(order: Order, books: Books) -> int:
    """Return what stays held on an entry's side of its own place once what it waits for is over."""
    position = books.positions.get(order.place) if order.after else None
    if position is None or position.sign != order.side.sign:
        return 0
    closing = sum(
        one.remaining
        for one in books.orders_of(order.account)
        if one.place == order.place and one.is_exit and not one.parent
        and one.type is OrderType.MARKET and one.status in ON_ITS_WAY
    )  # fmt: skip
    return max(0, position.size - closing)
