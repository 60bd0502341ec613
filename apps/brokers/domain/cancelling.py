"""Which orders may be taken back, and how: what never went out ends here, the rest is asked of its venue."""

from collections.abc import Iterable, Iterator

from apps.brokers.domain.books import ON_ITS_WAY, Books, named
from apps.brokers.domain.facts import OrderCancelled, OrderExpired
from apps.brokers.domain.messages import CancelRequested
from apps.brokers.domain.order import Order, OrderStatus, Role
from apps.brokers.domain.position import Position
from apps.bus.domain.message import Message


class Canceller:
    """Takes orders of the books back."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def cancellable(self, account: int) -> list[Order]:
        """Return the orders of an account that may be taken back: not the stops that protect what it holds."""
        return [
            one
            for one in self._books.orders_of(account)
            if not (one.parent and one.role is Role.STOP) and one.status is not OrderStatus.WAITING
        ]

    def entries(self, account: int) -> list[Order]:
        """Return those of them that could make a position larger."""
        return [one for one in self.cancellable(account) if not one.is_exit]

    def entries_of(self, position: Position) -> list[Order]:
        """Return the entries that went out and would still make a position larger."""
        return [
            one
            for one in self.entries(position.account)
            if one.place == position.place
            and one.side.sign == position.sign and one.status in ON_ITS_WAY
        ]  # fmt: skip

    def take_back(
        self, orders: Iterable[Order], reason: str, at: int, *, at_once: bool = False,
        closes: bool = False,
    ) -> Iterator[Message]:  # fmt: skip
        """End what is held here, and ask for the end of what went out; `closes`: what it still gets is closed again."""
        for order in orders:
            if order.status is OrderStatus.HELD:
                yield from self.drop_held(order, OrderStatus.CANCELLED, at, reason)
            elif not order.is_over:
                self._books.leaving.add(order.id)
                if closes:
                    self._books.unwanted.add(order.id)
                yield CancelRequested(order, at, reason, at_once, closes)

    def drop_held(
        self, order: Order, status: OrderStatus, at: int, reason: str
    ) -> Iterator[Message]:
        """End an order that waits for a person's yes."""
        order.become(status, at, reason)
        self._books.changed_orders[order.id] = order
        kind = OrderExpired if status is OrderStatus.EXPIRED else OrderCancelled
        yield kind(at=at, reason=reason, **named(order))
        self.forget(order, at)

    def forget(self, order: Order, at: int) -> None:
        """Forget an order that never went out. Its legs end without a word: nobody has heard of them."""
        for leg in self._books.legs_of(order):
            leg.become(OrderStatus.CANCELLED, at, "ENTRY_ENDED")
            self._books.changed_orders[leg.id] = leg
            self._books.forget(leg)
        self._books.forget(order)
