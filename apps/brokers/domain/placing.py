"""From a wish to a proposed order: read, checked against the market and the account's way out, asked of the rules."""

from collections.abc import Iterator

from apps.brokers.domain.account import Account, Kind
from apps.brokers.domain.books import Books
from apps.brokers.domain.messages import OrderProposed, PlaceOrder
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Origin, Role, side_of
from apps.brokers.domain.passage import bars
from apps.brokers.domain.position import Position
from apps.brokers.domain.prices import Prices
from apps.brokers.domain.ticket import BadOrder, Setting, orders_for
from apps.bus.domain.message import Message
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.session import day_bounds
from apps.trades.domain.messages import CommandRefused


class Placing:
    """Makes orders. Nothing goes out that the risk guard has not heard of."""

    def __init__(self, books: Books, prices: Prices, calendar: Calendar = CALENDAR) -> None:
        self._books, self._prices, self._calendar = books, prices, calendar

    def place(
        self, wish: PlaceOrder, at: int, origin: Origin, *, ask: bool = False, after: str = ""
    ) -> Iterator[Message]:
        """Read an order and ask the rules for it.

        ask: only with a person's yes; after: the order that has to be over before this one starts
        """
        account = self._books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        if wish.id in self._books.orders or f"{wish.id}-x" in self._books.orders:
            return  # the same wish, said again
        contract = self._prices.contract(wish.symbol)
        if contract is None or not (yield from self._prices.ask(contract)):
            detail = f"symbol: {wish.symbol!r} has no market data here"
            yield self._books.refused(wish, "NO_MARKET", detail)
            return
        at = max(at, self._prices.at(contract))
        yield from self._books.roll(account, at)
        try:
            made = orders_for(wish, self._setting(wish, account, contract, at, after), origin)
        except BadOrder as problem:
            yield self._books.refused(wish, problem.code, str(problem))
            return
        enters = any(not order.is_exit for order, _ in made)
        if enters and wish.type == OrderType.MARKET and not self._is_open(contract, at):
            detail = f"type: {root_of(contract)} is closed now; a limit or stop order may wait for the opening"
            yield self._books.refused(wish, "MARKET_CLOSED", detail)
            return
        for order, legs in made:
            if account.kind is not Kind.PAPER and not order.is_exit:
                if refusal := bars(account, order, legs, self._books):
                    yield self._books.refused(wish, *refusal)
                    continue
                ask = ask or (origin is Origin.AUTOMATIC and not account.passage.automatic)
            if account.kind is not Kind.PAPER:
                order.verdict = {"abroad": True, "dear": account.stake.is_dear}
            if ask:
                order.verdict = {**order.verdict, "ask": True}
            if wish.text:
                order.verdict = {**order.verdict, "text": wish.text}
            yield from self.propose(order, legs, wish.confirmed)

    def exit(
        self, position: Position, size: int, id: str, origin: Origin, at: int, reason: str,
        signal: str = "", text: str = "",
    ) -> Iterator[Message]:  # fmt: skip
        """Send a market order that closes so much of a position."""
        at_broker = self._books.accounts[position.account].kind is not Kind.PAPER
        has_price = yield from self._prices.ask(position.contract)
        if id in self._books.orders or not (has_price or at_broker):
            return  # a broker has its own price: what is held there is closed without ours
        order = Order(
            id=id, user=position.user, account=position.account, contract=position.contract,
            side=side_of(position.quantity).opposite, type=OrderType.MARKET, quantity=size,
            strategy=position.strategy, role=Role.EXIT, origin=origin, reason=reason,
            reference=self._prices.known(position.contract), signal=signal,
            verdict={"text": text} if text else {},
            at=max(at, self._prices.at(position.contract)),
        )  # fmt: skip
        yield from self.propose(order, (), True)

    def propose(self, order: Order, legs: tuple[Order, ...], confirmed: bool) -> Iterator[Message]:
        """Ask the rules for an order. From here on it is known, whatever becomes of it."""
        last = self._prices.known(order.contract)
        assert last is not None or order.is_exit, f"order {order.id}: {order.contract} has no price"
        for one in (order, *legs):
            if one.id not in self._books.orders:
                self._books.remember(one)
            self._books.changed_orders[one.id] = one
        entry = order.limit if order.limit is not None else order.stop
        last = last or 0  # nobody asks what an exit costs
        yield OrderProposed(order, legs, last, last if entry is None else entry, confirmed)
        if order.status is OrderStatus.SENT and not order.verdict.get("sent"):
            raise AssertionError(f"order {order.id}: nobody judged it")

    def _setting(
        self, wish: PlaceOrder, account: Account, contract: str, at: int, after: str
    ) -> Setting:
        held = self._books.positions.get((account.id, contract, wish.strategy))
        return Setting(
            contract, instrument(root_of(contract)), self._prices.last(contract), at,
            day_bounds(at)[1], account.balance, held.quantity if held and not after else 0, after,
        )  # fmt: skip

    def _is_open(self, contract: str, at: int) -> bool:
        return self._calendar.is_open(at, instrument(root_of(contract)).group)
