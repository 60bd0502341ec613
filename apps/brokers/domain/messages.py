"""What is said about accounts, orders, fills and positions.

A command is checked by the ledger, which says `OrderProposed`; the risk guard answers `OrderAllowed`, `OrderHeld`
or `OrderBlocked`; the venue hears what is allowed and says `BrokerReported`; the ledger books the report and says
facts. Paper is a venue inside the engine; a live broker is the same venue outside it.

Prices: decimal text in commands, whole ticks in messages between stages; in the facts (`facts.py`) `Decimal`. So is money.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final

from apps.brokers.domain.order import Order
from apps.bus.domain.message import Command, Input, Message

# ---- wishes ----


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish(Command):
    """A person's wish about his own money. `id` names it, and the order that it makes, for ever."""

    id: str
    user: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAccount(Wish):
    """An account is there from now on, or its settings have changed. Carries all of `Account.plain()`."""

    name: ClassVar[str] = "account.list"
    account: int
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRoute(Wish):
    """What becomes of a strategy's signals in one account. Carries all of `Route.plain()`; None: nothing any more."""

    name: ClassVar[str] = "route.list"
    strategy: int
    account: int
    config: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroup(Wish):
    """Which accounts an alert reaches by a group's name. Carries all of `Group.plain()`; None: the group is gone."""

    name: ClassVar[str] = "group.list"
    group: int
    config: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder(Wish):
    """Buy or sell. Prices are decimal text.

    symbol:      as the trader writes it: NQ1!, MNQ, NQZ6
    bracket:     {"stop": price} or {"stop_points": distance} or {"trail_points": distance},
                 "targets": [{"price": …} or {"r": …}, each with "quantity"], "break_even_r": R at which the stop moves to entry
    strategy:    whose position it belongs to, 0 = by hand
    signal:      the signal that it executes, "" = none
    risk_percent: instead of a quantity: so many percent of the balance may be lost at the stop, decimal text
    confirmed:   he has seen what it can lose and wants it all the same
    most:        what `risk_percent` may come to at most, 0 = no bound
    text:        what the sender calls it, kept with the order
    snap:        put prices that are off the grid on the nearest tick instead of refusing them
    """

    name: ClassVar[str] = "order.place"
    account: int
    symbol: str
    side: str
    type: str
    quantity: int = 0
    risk_percent: str | None = None
    limit: str | None = None
    stop: str | None = None
    trail_points: str | None = None
    tif: str = "day"
    bracket: Mapping[str, Any] | None = None
    strategy: int = 0
    signal: str = ""
    confirmed: bool = False
    snap: bool = False
    most: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOrder(Wish):
    """Say yes or no to an order that waits for it."""

    name: ClassVar[str] = "order.answer"
    order: str
    yes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyOrder(Wish):
    """Change what is given of a working order; None leaves it. Prices are decimal text."""

    name: ClassVar[str] = "order.modify"
    order: str
    quantity: int | None = None
    limit: str | None = None
    stop: str | None = None
    trail_points: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(Wish):
    """Cancel one order."""

    name: ClassVar[str] = "order.cancel"
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAll(Wish):
    """Cancel every order of an account but the stops that protect a position."""

    name: ClassVar[str] = "order.cancel_all"
    account: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition(Wish):
    """Close a position at the market, or `quantity` contracts of it; `reverse` opens the opposite one too.

    stop_points: how far from its entry the opposite position's stop lies, decimal text; None: it has no stop
    """

    name: ClassVar[str] = "position.close"
    account: int
    contract: str
    strategy: int = 0
    quantity: int | None = None
    reverse: bool = False
    stop_points: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Wish):
    """Close every position and cancel every order of an account, 0 = of all his accounts. Never refused.

    is_kill: at brokers by their own liquidation, which cancels and closes in one step
    is_late: it waited so long that something else may be held at brokers by now: there entries end, nothing is closed
    """

    name: ClassVar[str] = "account.flatten"
    account: int = 0
    is_kill: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBroker(Command):
    """What a broker said of an order, a fill, or what became of a dispatch. Brought by the gateway, never by a person.

    what:    order, fill or dispatch; line: it can be reached again after something could not leave
    account: the desk's; tag: our mark, empty where the broker's order carries none of ours
    status:  of an order as in `BrokerStatus`; of a dispatch sent, refused, not_sent or expired
    fill:    the broker's own name of it; prices are decimal text
    filled:  of an order: how much of it is filled by the broker's word
    fees:    of all contracts of a fill, decimal text; None while the broker has not said
    strategy, role: of a fill with our mark: whose the order was, and what for, also when it is long over; role "" = not known
    at:      the broker's time; 0 of what we ourselves found out: it is dated by the market's time when it is heard
    """

    name: ClassVar[str] = "broker.report"
    account: int
    what: str
    at: int
    tag: str = ""
    status: str = ""
    errand: str = ""
    fill: str = ""
    contract: str = ""
    side: str = ""
    quantity: int = 0
    filled: int = 0
    price: str | None = None
    limit: str | None = None
    stop: str | None = None
    reason: str = ""
    fees: str | None = None
    strategy: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFees(Command):
    """What a fill cost by the broker's word, which came after it was booked. Brought by the gateway, never by a person.

    fill:     the desk's name of it; position: of what it opened or closed
    was, fees: as booked, and as the broker says, of all its contracts: decimal text
    """

    name: ClassVar[str] = "broker.fees"
    account: int
    fill: str
    position: str
    was: str
    fees: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetAccount(Wish):
    """Begin a paper account anew with a balance, decimal text. Only when it is flat."""

    name: ClassVar[str] = "account.reset"
    account: int
    balance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePayout(Wish):
    """Take money out of an account, decimal text."""

    name: ClassVar[str] = "account.payout"
    account: int
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDifference(Wish):
    """Book what a broker's balance and ours differ by, decimal text. Only when the account is flat, and still at `ours`.

    difference: the row that told of it; reason: one of `Reason`
    """

    name: ClassVar[str] = "account.book_difference"
    account: int
    difference: int
    ours: str
    theirs: str
    reason: str


# ---- between the stages ----


@dataclass(frozen=True, slots=True)
class Protection:
    """A working stop that bounds what a holding can lose. `stop` in ticks; `quantity` of contracts it covers."""

    contract: str
    strategy: int
    quantity: int
    stop: int


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that is still on its way or working, and what it can lose.

    quantity: signed, still asked for; price: where it would fill (None: at the market); stop: of its bracket
    """

    order: str
    contract: str
    strategy: int
    quantity: int
    price: int | None
    stop: int | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds of one contract for one strategy.

    quantity: signed contracts; cost: sum of quantity x entry price in ticks, so that
    unrealised = (quantity x last - cost) x tick_value
    """

    contract: str
    root: str
    strategy: int
    quantity: int
    cost: int
    tick_value: Decimal

    def unrealized(self, last: int) -> Decimal:
        """Return its open profit at a price in ticks."""
        return (self.quantity * last - self.cost) * self.tick_value


@dataclass(frozen=True, slots=True)
class AccountBooked(Message):
    """An account after something changed it: all that risk has to know. Said again for each account at a start.

    day_start_balance: at the last reset; realized_today: net of fees, since then
    """

    account: int
    user: int
    at: int
    balance: Decimal
    start_balance: Decimal
    trade_date: date
    day_start_balance: Decimal
    realized_today: Decimal
    fees_today: Decimal
    trades_today: int
    fee_a_side: Mapping[str, Decimal]
    holdings: tuple[Holding, ...] = ()
    protections: tuple[Protection, ...] = ()
    pending: tuple[Pending, ...] = ()
    payouts: Decimal = Decimal(0)
    is_new: bool = False  # opened or reset just now: whatever was known of it is void


@dataclass(frozen=True, slots=True)
class DayRolled(Message):
    """An account's trading day is over. `balance` at its close is realised, after fees."""

    account: int
    user: int
    at: int
    closed_date: date
    balance: Decimal
    net: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class RouteOrder(Message):
    """A signal's order for one account, at the market time of its confirmation; `ask`: only with a person's yes.

    after: the order that has to be over before this one starts
    """

    place: PlaceOrder
    at: int
    ask: bool
    after: str = ""


@dataclass(frozen=True, slots=True)
class RouteExit(Message):
    """An alert closes so many contracts that a strategy holds in an account. No rule is asked.

    id: of the order; alert: that wants it; clears: entries that still wait are taken back first
    then: the side on which the alert enters anew, +1 or -1, 0 = on none: what is filled all the same of an entry that is
          taken back is closed again, unless it is on that side
    """

    id: str
    alert: str
    account: int
    strategy: int
    roots: tuple[str, ...]
    quantity: int
    at: int
    clears: bool
    text: str = ""
    then: int = 0


@dataclass(frozen=True, slots=True)
class OrderProposed(Message):
    """An order that is well formed and somebody's own; its legs follow it into the market.

    last: the market in ticks; entry: where it would fill; confirmed: a person has seen the worst case
    """

    order: Order
    legs: tuple[Order, ...]
    last: int
    entry: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class OrderAllowed(Message):
    """The guard lets an order go, with its verdict for the record."""

    order: Order
    legs: tuple[Order, ...]
    at: int
    verdict: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderStopped(Message):
    """The guard does not let an order go: blocked for good, or held until a person says yes.

    reasons: (code, sentence) each; verdict: plain values of the whole check
    """

    order: Order
    legs: tuple[Order, ...]
    at: int
    is_held: bool
    reasons: tuple[tuple[str, str], ...]
    verdict: Mapping[str, Any] = field(default_factory=dict)


# why orders are taken back that a person takes back: one or all, by a close, a flatten or the kill
BY_HAND: Final = frozenset({"CANCELLED", "CLOSE", "BY_HAND", "KILL"})


@dataclass(frozen=True, slots=True)
class CancelRequested(Message):
    """The venue is asked to take an order back."""

    order: Order
    at: int
    reason: str = ""
    at_once: bool = False  # without latency: the account has to be flat
    closes: bool = False  # what is filled of it all the same, at a broker, is closed again

    @property
    def is_by_hand(self) -> bool:
        """Return whether a person wants it himself, and no rule, alert or signal."""
        return self.reason in BY_HAND


@dataclass(frozen=True, slots=True)
class ChangeRequested(Message):
    """The venue is asked to change an order; None leaves a value. Whole ticks."""

    order: Order
    at: int
    quantity: int | None = None
    limit: int | None = None
    stop: int | None = None
    trail: int | None = None


@dataclass(frozen=True, slots=True)
class FlattenRequested(Message):
    """A rule wants an account flat. `reason` is said of every order that follows."""

    account: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class EntriesForbidden(Message):
    """A lock begins: entries that are held, on their way or working are taken back at once. Exits stay."""

    account: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class LineBack(Message):
    """An account's broker can be reached again after something could not leave; what it told meanwhile has been heard."""

    account: int
    at: int


@dataclass(frozen=True, slots=True)
class Uncovered(Message):
    """Contracts at a broker lost their stop though nobody wanted that: they are closed at the market. `key` names it."""

    account: int
    contract: str
    strategy: int
    quantity: int
    at: int
    key: str
    reason: str


class Report(StrEnum):
    """What a venue says about an order."""

    WORKING = "working"
    FILLED = "filled"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class BrokerReported(Input):
    """A venue's word about an order. Whole ticks, ns UTC.

    fill:      the venue's own name of a fill: it is booked once
    rests_on:  quote, trade or candle: what the price of a fill was taken from
    slippage:  ticks against the order's reference, positive = worse
    fees:      of all contracts of a fill, by the venue's word; None: by the account's own table
    """

    account: int
    order: str
    what: Report
    at: int
    fill: str = ""
    quantity: int = 0
    price: int = 0
    slippage: int = 0
    rests_on: str = ""
    limit: int | None = None
    stop: int | None = None
    trail: int | None = None
    reason: str = ""
    fees: Decimal | None = None
