"""OrderDesk, the sixth stage: what traders, signals and rules want done, made into orders and asked of the rules.

It places, changes, cancels and closes. Nothing goes out that the risk guard has not heard of; what comes back is booked
by the ledger, with which it shares the books.
"""

from collections.abc import Generator, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.account import Account, Kind
from apps.brokers.domain.books import ON_ITS_WAY, Books, named
from apps.brokers.domain.facts import (
    CancelAllAsked,
    FlattenAsked,
    OrderBlocked,
    OrderCancelAsked,
    OrderCancelled,
    OrderChangeAsked,
    OrderExpired,
    OrderHeld,
    OrderSent,
    RouteSkipped,
)
from apps.brokers.domain.messages import (
    AnswerOrder,
    CancelAll,
    CancelOrder,
    CancelRequested,
    ChangeRequested,
    ClosePosition,
    EntriesForbidden,
    Flatten,
    FlattenRequested,
    ModifyOrder,
    OrderAllowed,
    OrderProposed,
    OrderStopped,
    PlaceOrder,
    RouteExit,
    RouteOrder,
    Uncovered,
    Wish,
)
from apps.brokers.domain.order import (
    Order,
    OrderStatus,
    OrderType,
    Origin,
    Role,
    Side,
    side_of,
)
from apps.brokers.domain.passage import bars
from apps.brokers.domain.position import Position
from apps.brokers.domain.ticket import BadOrder, Setting, orders_for, whole
from apps.bus.domain.message import MINUTE, Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.calendar import CALENDAR, Calendar
from apps.marketdata.domain.contract import UnknownSymbol, parse, parts_of, root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.messages import (
    ClockTicked,
    ContractListed,
    Recall,
    Recalled,
)
from apps.marketdata.domain.session import day_bounds
from apps.signals.domain.messages import SignalCancelled
from apps.trades.domain.messages import CommandRefused

HELD_FOR: Final = 15 * MINUTE  # an order that nobody answers is not wanted any more
_SEEN: Final = "l:"  # the name under which the desk asks for a contract's price


class OrderDesk:
    """Turns wishes into orders. Its state is in the books; the market it asks for when it needs it."""

    def __init__(self, books: Books, calendar: Calendar = CALENDAR) -> None:
        self.books = books
        self._calendar = calendar
        self._fronts: dict[str, str] = {}
        self._market: dict[str, Recalled] = {}

    @handles(ContractListed)
    def list_contract(self, said: ContractListed) -> Iterator[Message]:
        """Remember which contract an undated symbol means now."""
        self._fronts[said.root] = said.contract
        return iter(())

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """Let go of orders that nobody answered."""
        for order in [one for one in self.books.orders.values() if one.status is OrderStatus.HELD]:
            due = order.at + HELD_FOR
            if due <= said.at and order.status is OrderStatus.HELD:
                yield from self._drop_held(order, OrderStatus.EXPIRED, due, "NOT_ANSWERED")

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Keep the market that was asked for."""
        if said.of.startswith(_SEEN):
            self._market[said.of.removeprefix(_SEEN)] = said
        return iter(())

    # ---- orders go out ----

    @handles(PlaceOrder)
    def place(self, wish: PlaceOrder) -> Iterator[Message]:
        """Read an order and ask the rules for it."""
        yield from self._place(wish, self.books.at, Origin.PERSON)

    @handles(RouteOrder)
    def place_routed(self, said: RouteOrder) -> Iterator[Message]:
        """Do the same for a signal; what is refused is said of the signal."""
        account = self.books.accounts.get(said.place.account)
        for answer in self._place(
            said.place, said.at, Origin.AUTOMATIC, ask=said.ask, after=said.after
        ):
            if isinstance(answer, CommandRefused) and account is not None:
                yield RouteSkipped(
                    at=said.at, user=account.user, account=account.id, signal=said.place.signal,
                    strategy=said.place.strategy, reason=answer.reason, detail=answer.detail,
                )  # fmt: skip
            else:
                yield answer

    @handles(RouteExit)
    def exit_routed(self, said: RouteExit) -> Iterator[Message]:
        """Close what an alert wants closed, oldest contract first; its own brackets end by themselves."""
        if said.clears:
            waiting = [
                one
                for one in self._cancellable(self.books.accounts[said.account])
                if not one.is_exit
                and one.strategy == said.strategy
                and root_of(one.contract) in said.roots
            ]
            yield from self._take_back(waiting, "ALERT", said.at, at_once=True)
        left = said.quantity
        for position in self.books.held_by(said.account):
            if position.strategy == said.strategy and position.instrument.root in said.roots:
                size = min(left, position.size)
                id = said.id if left == said.quantity else f"{said.id}.{position.contract}"
                if size:
                    yield from self._exit(
                        position, size, id, Origin.AUTOMATIC, max(said.at, self.books.at), "ALERT",
                        said.alert, said.text,
                    )  # fmt: skip
                left -= size

    def _place(
        self, wish: PlaceOrder, at: int, origin: Origin, *, ask: bool = False, after: str = ""
    ) -> Iterator[Message]:
        account = self.books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        if wish.id in self.books.orders or f"{wish.id}-x" in self.books.orders:
            return  # the same wish, said again
        contract = self._contract(wish.symbol)
        if contract is None or not (yield from self._ask_market(contract)):
            detail = f"symbol: {wish.symbol!r} has no market data here"
            yield self.books.refused(wish, "NO_MARKET", detail)
            return
        product, market = instrument(root_of(contract)), self._market[contract]
        assert market.last is not None
        at = max(at, market.at)
        yield from self.books.roll(account, at)
        held = self.books.positions.get((account.id, contract, wish.strategy))
        setting = Setting(
            contract, product, market.last, at, day_bounds(at)[1], account.balance,
            held.quantity if held and not after else 0, after,
        )  # fmt: skip
        try:
            made = orders_for(wish, setting, origin)
        except BadOrder as problem:
            yield self.books.refused(wish, problem.code, str(problem))
            return
        enters = any(not order.is_exit for order, _ in made)
        if enters and wish.type == OrderType.MARKET and not self._is_open(product, at):
            detail = f"type: {product.root} is closed now; a limit or stop order may wait for the opening"
            yield self.books.refused(wish, "MARKET_CLOSED", detail)
            return
        for order, legs in made:
            if account.kind is not Kind.PAPER and not order.is_exit:
                if refusal := bars(account, order, legs, self.books):
                    yield self.books.refused(wish, *refusal)
                    continue
                ask = ask or (origin is Origin.AUTOMATIC and not account.passage.automatic)
            if account.kind is not Kind.PAPER:
                order.verdict = {"abroad": True}
            if ask:
                order.verdict = {**order.verdict, "ask": True}
            if wish.text:
                order.verdict = {**order.verdict, "text": wish.text}
            yield from self._propose(order, legs, wish.confirmed)

    def _propose(self, order: Order, legs: tuple[Order, ...], confirmed: bool) -> Iterator[Message]:
        """Ask the rules for an order. From here on it is known, whatever becomes of it."""
        last = self._market[order.contract].last
        assert last is not None or order.is_exit, f"order {order.id}: {order.contract} has no price"
        for one in (order, *legs):
            if one.id not in self.books.orders:
                self.books.remember(one)
            self.books.changed_orders[one.id] = one
        entry = order.limit if order.limit is not None else order.stop
        last = last or 0  # nobody asks what an exit costs
        yield OrderProposed(order, legs, last, last if entry is None else entry, confirmed)
        if order.status is OrderStatus.SENT and not order.verdict.get("sent"):
            raise AssertionError(f"order {order.id}: nobody judged it")

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
        self.books.changed_orders[order.id] = order
        yield OrderSent(
            at=said.at, price=_price(order, price), stop=_price(order, stop),
            **named(order),
        )  # fmt: skip
        yield self.books.booked(self.books.accounts[order.account])

    @handles(OrderStopped)
    def hear_stopped(self, said: OrderStopped) -> Iterator[Message]:
        """The rules hold it until somebody says yes, or do not let it go."""
        order = said.order
        order.verdict = {**order.verdict, **said.verdict}
        codes = tuple(code for code, _ in said.reasons)
        detail = " ".join(text for _, text in said.reasons)
        self.books.changed_orders[order.id] = order
        told: dict[str, Any] = {"reasons": codes, "detail": detail, **named(order)}
        if said.is_held:
            if order.status is not OrderStatus.HELD:
                order.become(OrderStatus.HELD, said.at, ",".join(codes))
            yield OrderHeld(at=said.at, **told)
            return
        order.become(OrderStatus.BLOCKED, said.at, ",".join(codes))
        yield OrderBlocked(at=said.at, **told)
        yield from self._end_legs(order, said.at)
        self.books.forget(order)

    @handles(AnswerOrder)
    def answer(self, wish: AnswerOrder) -> Iterator[Message]:
        """A person's yes sends a held order to the rules once more, his no ends it."""
        order = self._own_order(wish, wish.order)
        if isinstance(order, CommandRefused):
            yield order
        elif order.status is not OrderStatus.HELD:
            detail = f"order: {order.id} does not wait for an answer; it is {order.status}"
            yield self.books.refused(wish, "NOT_HELD", detail)
        elif not wish.yes:
            yield from self._drop_held(order, OrderStatus.CANCELLED, self.books.at, "DECLINED")
        elif refusal := self._barred(order):
            yield self.books.refused(wish, *refusal)
        else:
            yield from self._ask_market(order.contract)
            market = self._market[order.contract]
            if order.origin is Origin.AUTOMATIC:
                order.origin = Origin.APPROVED
            order.at, order.reference = self.books.at, market.last
            order.verdict.pop("ask", None)
            yield from self._propose(order, tuple(self.books.legs_of(order)), True)

    def _barred(self, order: Order) -> tuple[str, str] | None:
        """Return why a held order may not leave for its broker any more, None if it may."""
        account = self.books.accounts[order.account]
        if account.kind is Kind.PAPER:
            return None
        return bars(account, order, tuple(self.books.legs_of(order)), self.books)

    def _drop_held(
        self, order: Order, status: OrderStatus, at: int, reason: str
    ) -> Iterator[Message]:
        order.become(status, at, reason)
        self.books.changed_orders[order.id] = order
        kind = OrderExpired if status is OrderStatus.EXPIRED else OrderCancelled
        yield kind(at=at, reason=reason, **named(order))
        yield from self._end_legs(order, at)
        self.books.forget(order)

    def _end_legs(self, order: Order, at: int) -> Iterator[Message]:
        """Legs of an entry that never went out end with it, without a word: nobody has heard of them."""
        for leg in self.books.legs_of(order):
            leg.become(OrderStatus.CANCELLED, at, "ENTRY_ENDED")
            self.books.changed_orders[leg.id] = leg
            self.books.forget(leg)
        return iter(())

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
            yield self.books.refused(wish, "NOT_WORKING", detail)
            return
        yield from self._ask_market(order.contract)
        try:
            change = self._change(order, wish)
        except BadOrder as problem:
            yield self.books.refused(wish, problem.code, str(problem))
            return
        yield OrderChangeAsked(at=self.books.at, wish=wish.id, **named(order))
        yield change

    def _change(self, order: Order, wish: ModifyOrder) -> ChangeRequested:
        """Return what is asked for in ticks, each value on its side of the market.

        Raises:  BadOrder
        """
        product, last = instrument(root_of(order.contract)), self._market[order.contract].last
        assert last is not None
        ticks: dict[str, int | None] = {"limit": None, "stop": None, "trail": None}
        for name, field_name, has in (
            ("limit", "limit", order.limit),
            ("stop", "stop", order.stop if order.trail is None else None),
            ("trail", "trail_points", order.trail),
        ):
            value = getattr(wish, field_name)
            if value in (None, ""):
                continue
            if has is None:
                raise BadOrder(field_name, value, f"does not go with a {order.type} order")
            try:
                ticks[name] = product.to_ticks(value)
            except ValueError as problem:
                raise BadOrder(field_name, None, str(problem), "OFF_TICK") from None
        stop = ticks["stop"]
        if stop is not None and (stop - last) * order.side.sign <= 0:
            where = "above" if order.side is Side.BUY else "below"
            cure = f"a {order.side} stop must lie {where} the last price {product.text(last)}"
            raise BadOrder("stop", product.text(stop), cure, "WRONG_SIDE")
        size = None if wish.quantity is None else whole("quantity", wish.quantity)
        at_broker = self.books.accounts[order.account].kind is not Kind.PAPER
        if size is not None and at_broker and (order.parent or self.books.legs_of(order)):
            cure = (
                "of a bracket at a broker stays as it was sent: cancel the entry, or close a part"
            )
            raise BadOrder("quantity", size, cure, "PROTECTS")
        if size is not None and size > order.quantity:
            raise BadOrder(
                "quantity", size, "can only become smaller: place another order for more"
            )
        if size is not None and order.parent and order.role is Role.STOP:
            raise BadOrder(
                "quantity", size, "of a protecting stop follows its position", "PROTECTS"
            )
        if size is None and not any(value is not None for value in ticks.values()):
            raise BadOrder("order", None, "nothing to change was given")
        return ChangeRequested(order, self.books.at, size, ticks["limit"], stop, ticks["trail"])

    @handles(CancelOrder)
    def cancel(self, wish: CancelOrder) -> Iterator[Message]:
        """Take one order back, but no stop that protects a position."""
        order = self._own_order(wish, wish.order)
        if isinstance(order, CommandRefused):
            yield order
        elif order.status is OrderStatus.HELD:
            yield from self._drop_held(order, OrderStatus.CANCELLED, self.books.at, "CANCELLED")
        elif order.is_over:
            detail = f"order: {order.id} is {order.status} already"
            yield self.books.refused(wish, "NOT_WORKING", detail)
        elif order.parent and order.role is Role.STOP:
            detail = "order: this stop protects a position or belongs to an entry: close the position, or cancel the entry"
            yield self.books.refused(wish, "PROTECTS", detail)
        elif order.status is OrderStatus.WAITING:
            detail = "order: its entry has not been filled yet; cancel the entry"
            yield self.books.refused(wish, "NOT_WORKING", detail)
        else:
            yield from self._ask_market(order.contract)
            yield OrderCancelAsked(at=self.books.at, wish=wish.id, **named(order))
            yield CancelRequested(order, self.books.at, "CANCELLED")

    @handles(CancelAll)
    def cancel_all(self, wish: CancelAll) -> Iterator[Message]:
        """Take back everything of an account but the stops that protect its positions."""
        account = self.books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        mine = self._cancellable(account)
        yield from self._ask_markets(account)
        yield CancelAllAsked(
            at=self.books.at, user=account.user, account=account.id, wish=wish.id, orders=len(mine)
        )
        yield from self._take_back(mine, "CANCELLED", self.books.at)

    def _cancellable(self, account: Account) -> list[Order]:
        """Return the orders of an account that may be taken back: not the stops that protect what it holds."""
        return [
            one
            for one in self.books.orders_of(account.id)
            if not (one.parent and one.role is Role.STOP) and one.status is not OrderStatus.WAITING
        ]

    def _take_back(
        self, orders: Iterable[Order], reason: str, at: int, *, at_once: bool = False,
        closes: bool = False,
    ) -> Iterator[Message]:  # fmt: skip
        for order in orders:
            if order.status is OrderStatus.HELD:
                yield from self._drop_held(order, OrderStatus.CANCELLED, at, reason)
            elif not order.is_over:
                self.books.leaving.add(order.id)
                yield CancelRequested(order, at, reason, at_once, closes)

    # ---- the way out ----

    @handles(Flatten)
    def flatten(self, wish: Flatten) -> Iterator[Message]:
        """Close everything. No rule is asked, no hour is wrong."""
        mine = [one for one in self.books.accounts.values() if one.user == wish.user]
        chosen = [one for one in mine if wish.account in (0, one.id)]
        if not chosen:
            yield self.books.refused(
                wish, "NO_ACCOUNT", f"account: {wish.account} is none of yours"
            )
        for account in chosen:
            reason = "KILL" if wish.is_kill else "BY_HAND"
            yield from self._flatten(account, f"{wish.id}.{account.id}", reason, Origin.PERSON)

    @handles(Uncovered)
    def close_uncovered(self, said: Uncovered) -> Iterator[Message]:
        """Close what lost its stop at the broker: nothing is left naked."""
        position = self.books.positions.get((said.account, said.contract, said.strategy))
        if position is not None:
            size = min(said.quantity, position.size)
            yield from self._exit(position, size, said.key, Origin.RULE, said.at, said.reason)

    @handles(FlattenRequested)
    def flatten_by_rule(self, said: FlattenRequested) -> Iterator[Message]:
        """A rule wants an account flat."""
        account = self.books.accounts[said.account]
        wish = f"rule.{said.reason}.{account.id}.{said.at}"
        yield from self._flatten(account, wish, said.reason, Origin.RULE, said.at)

    @handles(EntriesForbidden)
    def forbid_entries(self, said: EntriesForbidden) -> Iterator[Message]:
        """Take back what could still make an account's exposure larger."""
        account = self.books.accounts[said.account]
        entries = [one for one in self._cancellable(account) if not one.is_exit]
        yield from self._take_back(entries, said.reason, said.at, at_once=True)

    def _flatten(
        self, account: Account, wish: str, reason: str, origin: Origin, at: int = 0
    ) -> Iterator[Message]:
        """Take the entries back and close what is held. Exits stay: a flat place ends them by itself."""
        yield from self._ask_markets(account)
        at = at or self.books.at
        entries = [one for one in self._cancellable(account) if not one.is_exit]
        yield FlattenAsked(
            at=at, user=account.user, account=account.id, wish=wish, reason=reason,
            positions=len(self.books.held_by(account.id)), orders=len(entries),
        )  # fmt: skip
        yield from self._take_back(entries, reason, at, at_once=True, closes=True)
        for position in self.books.held_by(account.id):
            yield from self._exit(
                position, position.size, f"{wish}.{position.key}", origin, at, reason
            )

    @handles(ClosePosition)
    def close_position(self, wish: ClosePosition) -> Iterator[Message]:
        """Close a position, or part of it; turned round, the opposite one is an entry that the rules judge."""
        account = self.books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        position = self.books.positions.get((account.id, wish.contract, wish.strategy))
        if position is None:
            detail = f"contract: {wish.contract} is not held here; it may be flat already"
            yield self.books.refused(wish, "FLAT", detail)
            return
        try:
            size = position.size if wish.quantity is None else whole("quantity", wish.quantity)
            if wish.reverse and wish.stop_points:
                _distance(position.instrument, wish.stop_points)
        except BadOrder as problem:
            yield self.books.refused(wish, problem.code, str(problem))
            return
        size = min(size, position.size)
        side = side_of(position.quantity).opposite
        if wish.reverse and not wish.stop_points and account.kind is not Kind.PAPER:
            detail = "reverse: it would open without a stop, which no order to a broker does; close, then enter anew"
            yield self.books.refused(wish, "NO_STOP", detail)
            return
        bracket = {"stop_points": wish.stop_points} if wish.reverse and wish.stop_points else None
        yield from self._exit(position, size, wish.id, Origin.PERSON, self.books.at, "CLOSE")
        if wish.reverse:
            opposite = PlaceOrder(
                id=f"{wish.id}-r", user=wish.user, account=account.id, symbol=wish.contract,
                side=side, type=OrderType.MARKET, quantity=size, strategy=wish.strategy,
                bracket=bracket, confirmed=True,
            )  # fmt: skip
            yield from self._place(opposite, self.books.at, Origin.PERSON, after=wish.id)

    def _exit(
        self, position: Position, size: int, id: str, origin: Origin, at: int, reason: str,
        signal: str = "", text: str = "",
    ) -> Iterator[Message]:  # fmt: skip
        """Send a market order that closes so much of a position."""
        at_broker = self.books.accounts[position.account].kind is not Kind.PAPER
        has_price = yield from self._ask_market(position.contract)
        if id in self.books.orders or not (has_price or at_broker):
            return  # a broker has its own price: what is held there is closed without ours
        order = Order(
            id=id, user=position.user, account=position.account, contract=position.contract,
            side=side_of(position.quantity).opposite, type=OrderType.MARKET, quantity=size,
            strategy=position.strategy, role=Role.EXIT, origin=origin, reason=reason,
            reference=self._market[position.contract].last, signal=signal,
            verdict={"text": text} if text else {},
            at=max(at, self._market[position.contract].at),
        )  # fmt: skip
        yield from self._propose(order, (), True)

    @handles(SignalCancelled)
    def hear_signal_cancelled(self, said: SignalCancelled) -> Iterator[Message]:
        """What was sent for a signal that is void after all is taken back, what was filled is closed."""
        mine = [
            one
            for one in self.books.orders.values()
            if one.signal == said.signal and not one.parent
        ]
        for order in mine:
            if order.status is OrderStatus.HELD:
                at = max(said.at, order.at)
                yield from self._drop_held(order, OrderStatus.CANCELLED, at, "SIGNAL_VOID")
            elif order.status in ON_ITS_WAY:
                yield CancelRequested(order, self.books.at, "SIGNAL_VOID", True, True)
        for position in [one for one in self.books.positions.values() if one.signal == said.signal]:
            id = f"{said.signal}.{position.account}-void"
            yield from self._exit(
                position, position.size, id, Origin.RULE, self.books.at, "SIGNAL_VOID"
            )

    # ---- small things ----

    def _own_order(self, wish: Wish, id: str) -> Order | CommandRefused:
        order = self.books.orders.get(id)
        if order is None or order.user != wish.user:
            detail = f"order: {id} is no open order of yours; it may be over already"
            return self.books.refused(wish, "NO_ORDER", detail)
        return order

    def _is_open(self, product: Instrument, at: int) -> bool:
        return self._calendar.is_open(at, product.group)

    def _contract(self, symbol: str) -> str | None:
        known = {*self._fronts.values(), *self._market, *self.books.contracts()}
        if symbol in known:
            return symbol
        try:
            root, month, _ = parts_of(symbol)
            if month is None:
                return self._fronts.get(root)
            dated = parse(
                symbol, self.books.at
            ).name  # another month is another price, not the front's
        except UnknownSymbol:
            return None
        return dated if dated in known else None

    def _ask_markets(self, account: Account) -> Iterator[Message]:
        """Learn what time it is wherever an account has something open."""
        contracts = {one.contract for one in self.books.orders_of(account.id)}
        contracts |= {one.contract for one in self.books.held_by(account.id)}
        for contract in sorted(contracts):
            yield from self._ask_market(contract)

    def _ask_market(self, contract: str) -> Generator[Message, None, bool]:
        """Ask for the newest price of a contract and return whether there is one."""
        yield Recall(f"{_SEEN}{contract}", contract)
        seen = self._market.get(contract)
        if seen is None or seen.last is None:
            return False
        self.books.at = max(self.books.at, seen.at)
        return True


def _price(order: Order, ticks: int | None) -> Decimal | None:
    return None if ticks is None else instrument(root_of(order.contract)).price(ticks)


def _distance(product: Instrument, points: str) -> None:
    """Refuse what is no distance on the grid, before anything of the wish is done.

    Raises:  BadOrder
    """
    try:
        ticks = product.to_ticks(points)
    except ValueError as problem:
        raise BadOrder("stop_points", None, str(problem), "OFF_TICK") from None
    if ticks <= 0:
        raise BadOrder("stop_points", points, "must be more than 0")
