"""Ledger: accounts, their days, and what venues report of their orders.

It alone books: balances, positions and the state of each order change with a report of a venue. What goes out is the
business of the order desk and the exit desk, whether it may go is the risk guard's, how it is matched the venue's.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from apps.brokers.domain.account import BadAccount, Kind, amount, cents, new_account
from apps.brokers.domain.books import Books, named
from apps.brokers.domain.correcting import book_difference, correct_fees
from apps.brokers.domain.facts import (
    AccountListed,
    AccountOpened,
    OrderCancelled,
    OrderChanged,
    OrderExpired,
    OrderRejected,
    OrderWorking,
    PayoutTaken,
)
from apps.brokers.domain.messages import (
    BookDifference,
    BrokerReported,
    ListAccount,
    Report,
    ReportFees,
    ResetAccount,
    TakePayout,
)
from apps.brokers.domain.order import (
    Order,
    OrderStatus,
    OrderType,
    Origin,
    Role,
    side_of,
)
from apps.bus.domain.message import Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.messages import (
    NEVER,
    ClockTicked,
    ContractExpired,
    ExtremesMoved,
    Resumed,
    TimeTold,
    Waits,
)
from apps.trades.domain.messages import CommandRefused

_END_FACTS: Final = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.REJECTED: OrderRejected,
    OrderStatus.EXPIRED: OrderExpired,
}


class Ledger:
    """Every account with its orders and positions. `changed_*` is what the journal has still to write."""

    def __init__(self, books: Books) -> None:
        self.books = books

    # ---- a start, time, the market ----

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Say again what each account holds, and watch each position's extremes."""
        for position in list(self.books.positions.values()):
            yield Waits(position.waiter, position.contract, -NEVER, NEVER)
        for account in list(self.books.accounts.values()):
            yield self.books.booked(account)

    @handles(ClockTicked)
    def tick_clock(self, said: ClockTicked) -> Iterator[Message]:
        """Begin the days that have begun."""
        self.books.at = max(self.books.at, said.at)
        for account in list(self.books.accounts.values()):
            yield from self.books.roll(account, said.at)

    @handles(ExtremesMoved)
    def hear_extremes(self, said: ExtremesMoved) -> Iterator[Message]:
        """Somebody looked: how far a position went."""
        position = self.books.watched.get(said.of)
        if position is not None and position.learn(said.high, said.low):
            self.books.changed_positions[position.key] = position
        return iter(())

    @handles(ContractExpired)
    def hear_expiry(self, said: ContractExpired) -> Iterator[Message]:
        """Nothing trades any more: what is held is settled at the last price, without a fee. Orders end at the venue.

        At a broker its own settlement is booked, as whatever it trades: both together would turn the position round.
        """
        held = [
            one
            for one in self.books.positions.values()
            if one.contract == said.contract and self.books.accounts[one.account].kind is Kind.PAPER
        ]
        for position in held:
            order = Order(
                id=f"expired.{position.key}", user=position.user, account=position.account,
                contract=position.contract, side=side_of(position.quantity).opposite,
                type=OrderType.MARKET, quantity=position.size, strategy=position.strategy,
                role=Role.EXIT, origin=Origin.RULE, reason="EXPIRED", reference=said.last, at=said.at,
            )  # fmt: skip
            self.books.remember(order)
            yield BrokerReported(
                position.account, order.id, Report.FILLED, said.at, fill=f"{order.id}#1",
                quantity=position.size, price=said.last, rests_on="settled",
            )  # fmt: skip

    @handles(TimeTold)
    def hear_time(self, said: TimeTold) -> Iterator[Message]:
        """Know what time it is for the wish that comes next; a day that is over by now is closed before it."""
        self.books.at = max(self.books.at, said.at)
        for account in list(self.books.accounts.values()):
            yield from self.books.roll(account, self.books.at)

    # ---- accounts ----

    @handles(ListAccount)
    def list_account(self, wish: ListAccount) -> Iterator[Message]:
        """Open an account, or take over its changed settings."""
        known = self.books.accounts.get(wish.account)
        try:
            if known is None:
                account = new_account(wish.account, wish.user, wish.config)
            else:
                account = known
                account.configure(wish.config)
        except BadAccount as problem:
            yield self.books.refused(wish, "BAD_VALUE", str(problem))
            return
        self.books.changed_accounts[account.id] = account
        if known is not None:
            yield AccountListed(at=self.books.at, user=wish.user, account=account.id, wish=wish.id)
            yield self.books.booked(account)
            return
        self.books.accounts[account.id] = account
        if self.books.at:
            account.begin_day(self.books.at)
        yield AccountOpened(
            at=self.books.at,
            user=wish.user,
            account=account.id,
            wish=wish.id,
            balance=cents(account.balance),
        )
        yield self.books.booked(account, is_new=True)

    @handles(ResetAccount)
    def reset_account(self, wish: ResetAccount) -> Iterator[Message]:
        """Begin a flat paper account anew."""
        account = self.books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        busy = self.books.orders_of(account.id) or self.books.held_by(account.id)
        if busy or account.kind is not Kind.PAPER:
            detail = (
                "account: only a flat paper account without orders can begin anew; flatten it first"
            )
            yield self.books.refused(wish, "NOT_FLAT", detail)
            return
        try:
            balance = amount("balance", wish.balance)
        except BadAccount as problem:
            yield self.books.refused(wish, "BAD_VALUE", str(problem))
            return
        account.balance = account.start_balance = balance
        account.payouts = Decimal(0)
        account.begin_day(self.books.at)
        self.books.changed_accounts[account.id] = account
        yield AccountOpened(
            at=self.books.at,
            user=wish.user,
            account=account.id,
            wish=wish.id,
            balance=cents(balance),
        )
        yield self.books.booked(account, is_new=True)

    @handles(TakePayout)
    def take_payout(self, wish: TakePayout) -> Iterator[Message]:
        """Take money out: the balance falls, no floor does."""
        account = self.books.own(wish, wish.account)
        if isinstance(account, CommandRefused):
            yield account
            return
        try:
            taken = amount("amount", wish.amount, least=Decimal("0.01"))
        except BadAccount as problem:
            yield self.books.refused(wish, "BAD_VALUE", str(problem))
            return
        if taken > account.balance:
            detail = f"amount: {taken} is more than the balance of {account.balance}"
            yield self.books.refused(wish, "BAD_VALUE", detail)
            return
        account.balance -= taken
        account.payouts += taken
        account.day_start_balance -= taken  # what was paid out is no loss of the day
        self.books.changed_accounts[account.id] = account
        yield PayoutTaken(
            at=self.books.at, user=account.user, account=account.id, wish=wish.id,
            amount=cents(taken), balance=cents(account.balance),
        )  # fmt: skip
        yield self.books.booked(account)

    @handles(BookDifference)
    def book_difference(self, wish: BookDifference) -> Iterator[Message]:
        """Let the balance become the broker's, once."""
        yield from book_difference(self.books, wish)

    @handles(ReportFees)
    def hear_fees(self, said: ReportFees) -> Iterator[Message]:
        """Book what a fill cost by the broker's word."""
        yield from correct_fees(self.books, said)

    # ---- what the venue says ----

    @handles(BrokerReported)
    def hear_report(self, said: BrokerReported) -> Iterator[Message]:
        """Book what became of an order."""
        order = self.books.orders.get(said.order)
        if order is None:
            return
        account = self.books.accounts[order.account]
        yield from self.books.roll(account, said.at)
        self.books.changed_orders[order.id] = order
        if said.what is Report.FILLED:
            yield from self.books.book(order, account, said)
        elif said.what is Report.WORKING:
            _take_over(order, said)
            if order.status is not OrderStatus.WORKING:
                order.become(OrderStatus.WORKING, said.at)
            yield OrderWorking(at=said.at, **named(order))
        elif said.what is Report.CHANGED:
            yield from self._changed(order, said)
        else:
            status = OrderStatus(said.what.value)
            order.become(status, said.at, said.reason)
            yield _END_FACTS[status](at=said.at, reason=said.reason, **named(order))
            self.books.forget(order)
        yield self.books.booked(account, said.at)

    def _changed(self, order: Order, said: BrokerReported) -> Iterator[Message]:
        _take_over(order, said)
        yield OrderChanged(
            at=said.at, limit=order.price(order.limit), stop=order.price(order.stop),
            **named(order),
        )  # fmt: skip


def _take_over(order: Order, said: BrokerReported) -> None:
    order.quantity = said.quantity or order.quantity
    order.limit = order.limit if said.limit is None else said.limit
    order.stop = order.stop if said.stop is None else said.stop
    order.trail = order.trail if said.trail is None else said.trail
