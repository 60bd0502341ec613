"""OrderDesk: what traders and signals want sent, answered, changed and taken back, made into orders and asked of the rules.

Nothing goes out that the risk guard has not heard of; what comes back is booked by the ledger, with which it shares the
books. The way out has a stage of its own, the exit desk.
"""

from collections.abc import Iterator
from typing import Any, Final

from apps.brokers.domain.account import Kind
from apps.brokers.domain.books import ON_ITS_WAY, Books, named
from apps.brokers.domain.cancelling import Canceller
from apps.brokers.domain.changing import change_for
from apps.brokers.domain.facts import (
    CancelAllAsked,
    OrderBlocked,
    OrderCancelAsked,
    OrderChangeAsked,
    OrderHeld,
    OrderSent,
    RouteSkipped,
)
from apps.brokers.domain.messages import (
    AnswerOrder,
    CancelAll,
    CancelOrder,
    CancelRequested,
    ModifyOrder,
    OrderAllowed,
    OrderStopped,
    PlaceOrder,
    RouteOrder,
    Wish,
)
from apps.brokers.domain.order import Order, OrderStatus, Origin, Role
from apps.brokers.domain.passage import bars
from apps.brokers.domain.placing import Placing
from apps.brokers.domain.prices import Prices
from apps.brokers.domain.ticket import BadOrder
from apps.bus.domain.message import MINUTE, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.messages import ClockTicked, ContractListed, Recalled
from apps.trades.domain.messages import CommandRefused

HELD_FOR: Final = 15 * MINUTE  # an order that nobody answers is not wanted any more


class OrderDesk:
    """Turns wishes into orders. Its state is in the books; the market it asks for when it needs it."""

    def __init__(self, books: Books, prices: Prices, placing: Placing) -> None:
        self._books, self._prices, self._placing = books, prices, placing
        self._canceller = Canceller(books)

    # ---- the market, the clock ----

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Remember which contract an undated symbol means now."""
        self._prices.list_front(said)
        return iter(())

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Keep the market that was asked for."""
        self._prices.hear(said)
        return iter(())

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """Let go of orders that nobody answered."""
        for order in [one for one in self._books.orders.values() if one.status is OrderStatus.HELD]:
            due = order.at + HELD_FOR
            if due <= said.at and order.status is OrderStatus.HELD:
                yield from self._canceller.drop_held(
                    order, OrderStatus.EXPIRED, due, "NOT_ANSWERED"
                )

    # ---- orders go out ----

    @handles(PlaceOrder)
    def place(self, wish: PlaceOrder) -> Iterator[Message]:
        """Read an order and ask the rules for it."""
        yield from self._placing.place(wish, self._books.at, Origin.PERSON)

    @handles(RouteOrder)
    def place_routed(self, said: RouteOrder) -> Iterator[Message]:
        """Do the same for a signal; what is refused is said of the signal."""
        account = self._books.accounts.get(said.place.account)
        for answer in self._placing.place(
            said.place, said.at, Origin.AUTOMATIC, ask=said.ask, after=said.after
        ):
            if isinstance(answer, CommandRefused) and account is not None:
                yield RouteSkipped(
                    at=said.at, user=account.user, account=account.id, signal=said.place.signal,
                    strategy=said.place.strategy, reason=answer.reason, detail=answer.detail,
                )  # fmt: skip
            else:
                yield answer

    @handles(OrderAllowed)
    def hear_allowed(self, said: OrderAllowed) -> Iterator[Message]:
        """The rules let it go; the venue hears of it next."""
        order = said.order
        order.verdict = {**order.verdict, **said.verdict, "sent": True}
        if order.status is OrderStatus.HELD:
            order.become(OrderStatus.SENT, said.at)
            order.at = said.at
        price = order.limit if order.limit is not None else order.stop
        stop = next((leg.stop for leg in said.legs if leg.role is Role.STOP), None)
        self._books.changed_orders[order.id] = order
        yield OrderSent(
            at=said.at, price=order.price(price), stop=order.price(stop), **named(order)
        )
        yield self._books.booked(self._books.accounts[order.account])

    @handles(OrderStopped)
    def hear_stopped(self, said: OrderStopped) -> Iterator[Message]:
        """The rules hold it until somebody says yes, or do not let it go."""
        order = said.order
        order.verdict = {**order.verdict, **said.verdict}
        codes = tuple(code for code, _ in said.reasons)
        detail = " ".join(text for _, text in said.reasons)
        self._books.changed_orders[order.id] = order
        told: dict[str, Any] = {"reasons": codes, "detail": detail, **named(order)}
        if said.is_held:
            if order.status is not OrderStatus.HELD:
                order.become(OrderStatus.HELD, said.at, ",".join(codes))
            yield OrderHeld(at=said.at, **told)
            return
        order.become(OrderStatus.BLOCKED, said.at, ",".join(codes))
        yield OrderBlocked(at=said.at, **told)
        self._canceller.forget(order, said.at)

    @handles(AnswerOrder)
    def answer(self, wish: AnswerOrder) -> Iterator[Message]:
        """A person's yes sends a held order to the rules once more, his no ends it."""
        order = self._own_order(wish, wish.order)
        if isinstance(order, CommandRefused):
            yield order
        elif order.status is not OrderStatus.HELD:
            detail = f"order: {order.id} does not wait for an answer; it is {order.status}"
            yield self._books.refused(wish, "NOT_HELD", detail)
        elif not wish.yes:
            yield from self._canceller.drop_held(
                order, OrderStatus.CANCELLED, self._books.at, "DECLINED"
            )
        elif refusal := self._barred(order):
            yield self._books.refused(wish, *refusal)
        else:
            yield from self._prices.ask(order.contract)
            if order.origin is Origin.AUTOMATIC:
                order.origin = Origin.APPROVED
            order.at, order.reference = self._books.at, self._prices.last(order.contract)
            order.verdict.pop("ask", None)
            yield from self._placing.propose(order, tuple(self._books.legs_of(order)), True)

    def _barred(self, order: Order) -> tuple[str, str] | None:
        """Return why a held order may not leave for its broker any more, None if it may."""
        account = self._books.accounts[order.account]
        if account.kind is Kind.PAPER:
            return None
        return bars(account, order, tuple(self._books.legs_of(order)), self._books)

    # ---- orders are changed and taken back ----

    @handles(ModifyOrder)
    def modify(self, wish: ModifyOrder) -> Iterator[Message]:
        """Move a working order, or make it smaller."""
        order = self._own_order(wish, wish.order)
        if isinstance(order, CommandRefused):
            yield order
            return
        if order.status not in {*ON_ITS_WAY, OrderStatus.WAITING}:
            detail = f"order: {order.id} is {order.status}; only a working order can be changed"
            yield self._books.refused(wish, "NOT_WORKING", detail)
            return
        yield from self._prices.ask(order.contract)
        is_bracket = bool(order.parent or self._books.legs_of(order))
        at_broker = self._books.accounts[order.account].kind is not Kind.PAPER
        try:
            change = change_for(
                wish, order, self._prices.last(order.contract), self._books.at,
                is_bracket_at_broker=is_bracket and at_broker,
            )  # fmt: skip
        except BadOrder as problem:
            yield self._books.refused(wish, problem.code, str(problem))
            return
        yield OrderChangeAsked(at=self._books.at, wish=wish.id, **named(order))
        yield change

    @handles(CancelOrder)
    def cancel(self, wish: CancelOrder) -> Iterator[Message]:
        """Take one order back, but no stop that protects a position."""
        order = self._own_order(wish, wish.order)
        if isinstance(order, CommandRefused):
            yield order
        elif order.status is OrderStatus.HELD:
            yield from self._canceller.drop_held(
                order, OrderStatus.CANCELLED, self._books.at, "CANCELLED"
            )
        elif order.is_over:
            detail = f"order: {order.id} is {order.status} already"
            yield self._books.refused(wish, "NOT_WORKING", detail)
        elif order.parent and order.role is Role.STOP:
            detail = "order: this stop protects a position or belongs to an entry: close the position, or cancel the entry"
            yield self._books.refused(wish, "PROTECTS", detail)
        elif order.status is OrderStatus.WAITING:
            detail = "order: its entry has not been filled yet; cancel the entry"
            yield self._books.refused(wish, "NOT_WORKING", detail)
        else:
            yield from self._prices.ask(order.contract)
            yield OrderCancelAsked(at=self._books.at, wish=wish.id, **named(order))
            yield CancelRequested(order, self._books.at, "CANCELLED")

    @handles(CancelAll)
    def cancel_all(self, wish: CancelAll) -> Iterator[Message]:
        """Take back everything of an account but the stops that protect its positions."""
        account = self._books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        mine = self._canceller.cancellable(account.id)
        yield from self._prices.ask_all(account)
        yield CancelAllAsked(
            at=self._books.at, user=account.user, account=account.id, wish=wish.id, orders=len(mine)
        )
        yield from self._canceller.take_back(mine, "CANCELLED", self._books.at)

    def _own_order(self, wish: Wish, id: str) -> Order | CommandRefused:
        order = self._books.orders.get(id)
        if order is None or order.user != wish.user:
            detail = f"order: {id} is no open order of yours; it may be over already"
            return self._books.refused(wish, "NO_ORDER", detail)
        return order
