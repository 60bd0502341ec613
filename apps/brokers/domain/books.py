"""The books: accounts, orders and positions as they stand, and how a day and a fill change them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.account import Account, cents, share
from apps.brokers.domain.facts import (
    DayClosed,
    FeesCorrected,
    OrderFilled,
    PositionClosed,
    PositionOpened,
)
from apps.brokers.domain.messages import (
    AccountBooked,
    BrokerReported,
    DayRolled,
    Holding,
    Pending,
    PlaceOrder,
    Protection,
    Wish,
)
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Role
from apps.brokers.domain.position import Lot, Position
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.messages import NEVER, Leaves, Look, Waits
from apps.trades.domain.messages import CommandRefused

ON_ITS_WAY: Final = frozenset({OrderStatus.SENT, OrderStatus.WORKING})
_STOPS: Final = frozenset({OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT})


@dataclass
class LedgerState:
    """What of the ledger outlives the process: accounts, orders that are not over, open positions."""

    accounts: list[Account] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)


class Books:
    """Every account with its orders and positions.

    `changed_*`, `reasons`, `fills`, `fees_of_past`, `days`: what has still to be written.
    """

    def __init__(self, state: LedgerState | None = None, unwanted: Iterable[str] = ()) -> None:
        """Take over what the rows know. `at` is the market time as far as it was told.

        leaving: entries whose end was asked for; unwanted: those of them of which what is filled all the same is closed
        """
        state = state or LedgerState()
        self.at = 0
        self.accounts = {account.id: account for account in state.accounts}
        self.orders: dict[str, Order] = {}
        self._legs: dict[str, list[Order]] = {}
        for order in state.orders:
            self.remember(order)
        self.positions = {(one.account, one.contract, one.strategy): one for one in state.positions}
        self.unwanted = set(unwanted)
        self.leaving = set(unwanted)
        self.watched = {one.waiter: one for one in state.positions}
        self.changed_accounts: dict[int, Account] = {}
        self.changed_orders: dict[str, Order] = {}
        self.changed_positions: dict[str, Position] = {}
        self.reasons: dict[str, str] = {}  # of orders that are over: why, as it is known now
        self.fills: list[OrderFilled] = []
        self.days: list[tuple[DayClosed, Account]] = []
        self.fees_of_past: list[tuple[FeesCorrected, bool]] = []  # and whether its position is open

    def written(self) -> None:
        """Everything that had changed has been written."""
        self.changed_accounts.clear()
        self.changed_orders.clear()
        self.changed_positions.clear()
        self.reasons.clear()
        self.fills.clear()
        self.fees_of_past.clear()
        self.days.clear()

    # ---- a day is over ----

    def roll(self, account: Account, at: int) -> Iterator[Message]:
        """Close every day of an account that is over at this instant, as of its end; at 0 no time is known yet."""
        if not at:
            return
        if not account.day_ends:
            account.begin_day(at)
            self.changed_accounts[account.id] = account
            yield self.booked(account, at)
        while account.day_ends <= at:
            ended_at, over = account.day_ends, account.trade_date
            said = DayClosed(
                at=ended_at, user=account.user, account=account.id, trade_date=over,
                balance=cents(account.balance), net=cents(account.net_today), trades=account.trades_today,
            )  # fmt: skip
            self.days.append((said, replace(account)))
            account.begin_day(ended_at)
            self.changed_accounts[account.id] = account
            yield said
            yield DayRolled(
                account.id, account.user, ended_at, over, said.balance, said.net, said.trades
            )
            yield self.booked(account, ended_at)

    # ---- a fill ----

    def book(self, order: Order, account: Account, said: BrokerReported) -> Iterator[Message]:
        """Book one fill: what it closes first, oldest lots first, then what it opens."""
        product = instrument(root_of(order.contract))
        charged = self._charged(account, product, said)
        order.filled += said.quantity
        order.paid += said.quantity * said.price
        if order.remaining == 0:
            order.become(OrderStatus.FILLED, said.at)
        elif order.status is not OrderStatus.WORKING:
            order.become(OrderStatus.WORKING, said.at)
        position = self.positions.get(order.place)
        against = position is not None and position.sign != order.side.sign
        closing = min(said.quantity, position.size) if position and against else 0
        opening = said.quantity - closing
        realized, to_close = Decimal(0), share(charged, closing, said.quantity)
        if position is not None and closing:
            yield Look()  # how far it went until now is still its own
            realized = position.take(closing, said.price, to_close)
            position.learn(said.price, said.price)
        account.balance += realized - charged
        account.realized_today += realized
        account.fees_today += charged
        self.changed_accounts[account.id] = account
        filled = OrderFilled(
            at=said.at, fill=said.fill, price=product.price(said.price),
            left=order.remaining, fees=cents(charged), realized=cents(realized),
            slippage_ticks=order.slippage(said.price), latency_ms=(said.at - order.at) // 1_000_000,
            rests_on=said.rests_on, **{**named(order), "quantity": said.quantity},
        )  # fmt: skip
        self.fills.append(filled)
        yield filled
        if position is not None and closing:
            yield from self._after_closing(position, account, said.at)
        if opening:
            account.opened_today += opening
            lot = Lot(opening, said.price, said.at, said.fill)
            yield from self._open(order, account, product, lot, charged - to_close)
        if order.is_over:
            self.forget(order)

    def _charged(self, account: Account, product: Instrument, said: BrokerReported) -> Decimal:
        """Return what all contracts of a fill cost: by the venue's word, else by the account's table."""
        if said.fees is not None:
            return said.fees
        return Decimal(0) if said.rests_on == "settled" else account.fee(product) * said.quantity

    def _after_closing(self, position: Position, account: Account, at: int) -> Iterator[Message]:
        self.changed_positions[position.key] = position
        if position.lots:
            return
        position.closed_at = at
        del self.positions[position.account, position.contract, position.strategy]
        del self.watched[position.waiter]
        account.trades_today += 1
        account.wins_today += position.realized > 0
        account.losses_today += position.realized < 0
        best, worst = position.excursion
        yield Leaves(position.waiter, position.contract)
        yield PositionClosed(
            at=at, realized=cents(position.realized), fees=cents(position.fees),
            net=cents(position.realized - position.fees), r=position.result_r(),
            mfe_ticks=best, mae_ticks=worst, opened_at=position.opened_at,
            **_held(position, position.most),
        )  # fmt: skip

    def _open(
        self, order: Order, account: Account, product: Instrument, lot: Lot, fees: Decimal
    ) -> Iterator[Message]:
        stop = next((leg.stop for leg in self.legs_of(order) if leg.role is Role.STOP), None)
        position = self.positions.get(order.place)
        is_new = position is None
        if position is None:
            position = Position(
                key=lot.fill, user=account.user, account=account.id, contract=order.contract,
                strategy=order.strategy, instrument=product, sign=order.side.sign,
                opened_at=lot.at, high=lot.price, low=lot.price, signal=order.signal,
            )  # fmt: skip
            self.positions[order.place] = position
            self.watched[position.waiter] = position
        position.add(lot, fees, stop)
        self.changed_positions[position.key] = position
        if is_new:
            yield Waits(position.waiter, position.contract, -NEVER, NEVER)
            yield PositionOpened(
                at=lot.at, price=product.price(lot.price), **_held(position, lot.quantity)
            )

    # ---- what others ask ----

    def booked(self, account: Account, at: int = 0, *, is_new: bool = False) -> AccountBooked:
        """Return all that risk has to know of an account."""
        orders = self.orders_of(account.id)
        return AccountBooked(
            account=account.id,
            user=account.user,
            at=max(self.at, at),
            balance=cents(account.balance),
            start_balance=cents(account.start_balance),
            trade_date=account.trade_date,
            day_start_balance=cents(account.day_start_balance),
            realized_today=cents(account.net_today),
            fees_today=cents(account.fees_today),
            trades_today=account.trades_today,
            fee_a_side=account.fee_table,
            holdings=tuple(_holding(one) for one in self.held_by(account.id)),
            protections=tuple(
                Protection(one.contract, one.strategy, one.remaining, one.stop)
                for one in orders
                if one.is_exit and one.type in _STOPS and one.stop is not None
                and one.status is OrderStatus.WORKING
            ),
            pending=tuple(
                Pending(
                    one.id, one.contract, one.strategy, one.side.sign * one.remaining,
                    one.limit if one.limit is not None else one.stop,
                    next((leg.stop for leg in self.legs_of(one) if leg.role is Role.STOP), None),
                )
                for one in orders
                if not one.is_exit and one.status in ON_ITS_WAY and one.remaining
            ),
            payouts=cents(account.payouts),
            is_new=is_new,
        )  # fmt: skip

    def contracts(self) -> set[str]:
        """Return the contracts that somebody holds or has an order in."""
        held = {contract for _, contract, _ in self.positions}
        return held | {one.contract for one in self.orders.values()}

    def own(self, wish: Wish, account: int) -> Account | CommandRefused:
        """Return the account that a wish is about, or why there is none for this trader."""
        found = self.accounts.get(account)
        if found is None or found.user != wish.user:
            return self.refused(wish, "NO_ACCOUNT", f"account: {account} is none of yours")
        if not found.is_open and isinstance(wish, PlaceOrder):
            detail = "account: it is closed on this desk; choose another one"
            return self.refused(wish, "CLOSED", detail)
        return found

    def refused(self, wish: Wish, reason: str, detail: str) -> CommandRefused:
        """Return the answer to a wish that can't be granted."""
        return CommandRefused(
            at=self.at, user=wish.user, command=wish.id, reason=reason, detail=detail
        )

    def orders_of(self, account: int) -> list[Order]:
        """Return the open orders of an account."""
        return [one for one in self.orders.values() if one.account == account]

    def held_by(self, account: int) -> list[Position]:
        """Return the open positions of an account."""
        return [one for one in self.positions.values() if one.account == account]

    def legs_of(self, order: Order) -> list[Order]:
        """Return the legs of an entry that are not over."""
        return list(self._legs.get(order.id, ()))

    def remember(self, order: Order) -> None:
        """Take an order in."""
        self.orders[order.id] = order
        if order.parent:
            self._legs.setdefault(order.parent, []).append(order)

    def forget(self, order: Order) -> None:
        """An order that is over needs no place here any more; its row keeps it."""
        self.orders.pop(order.id, None)
        self.leaving.discard(order.id)
        self.unwanted.discard(order.id)
        legs = self._legs.get(order.parent)
        if legs is not None:
            self._legs[order.parent] = [one for one in legs if one is not order]
            if not self._legs[order.parent]:
                del self._legs[order.parent]


def named(order: Order) -> dict[str, Any]:
    """Return what every fact of an order says of it."""
    return {
        "user": order.user,
        "account": order.account,
        "order": order.id,
        "contract": order.contract,
        "side": order.side.value,
        "type": order.type.value,
        "role": order.role.value,
        "quantity": order.quantity,
        "strategy": order.strategy,
        "signal": order.signal,
    }


def _held(position: Position, quantity: int) -> dict[str, Any]:
    return {
        "user": position.user,
        "account": position.account,
        "position": position.key,
        "contract": position.contract,
        "strategy": position.strategy,
        "direction": position.direction,
        "quantity": quantity,
    }


def _holding(position: Position) -> Holding:
    return Holding(
        position.contract,
        position.instrument.root,
        position.strategy,
        position.quantity,
        position.cost,
        position.instrument.tick_value,
    )
