"""What happened to accounts, orders, fills and positions. Prices and money are `Decimal`, R exact."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFact(Fact):
    """Something that happened to an account."""

    account: int

    @property
    def of(self) -> str:
        """Return the account's number."""
        return str(self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOpened(AccountFact):
    """An account begins, or begins anew."""

    name: ClassVar[str] = "account.opened"
    wish: str
    balance: Decimal

    @property
    def key(self) -> str:
        """Return the wish that opened it."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountListed(AccountFact):
    """The settings of an account were taken over."""

    name: ClassVar[str] = "account.listed"
    wish: str

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTaken(AccountFact):
    """Money left an account."""

    name: ClassVar[str] = "account.payout_taken"
    wish: str
    amount: Decimal
    balance: Decimal

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceBooked(AccountFact):
    """The balance became the broker's. `amount` is theirs less ours; `balance` is theirs, as it is now."""

    name: ClassVar[str] = "account.difference_booked"
    wish: str
    difference: int
    reason: str
    ours: Decimal
    amount: Decimal
    balance: Decimal

    @property
    def key(self) -> str:
        """Return the difference and both balances: whoever wishes it, and however often, it happens once."""
        return f"{self.name}:{self.account}:{self.difference}:{self.ours}:{self.balance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeesCorrected(AccountFact):
    """A fill cost by the broker's word what was not booked. `fees` and `was` are of all its contracts."""

    name: ClassVar[str] = "account.fees_corrected"
    fill: str
    position: str
    fees: Decimal
    was: Decimal
    balance: Decimal

    @property
    def key(self) -> str:
        """Return the fill and both fees."""
        return f"{self.name}:{self.fill}:{self.was}:{self.fees}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClosed(AccountFact):
    """A trading day of an account is over."""

    name: ClassVar[str] = "account.day_closed"
    trade_date: date
    balance: Decimal
    net: Decimal
    trades: int

    @property
    def key(self) -> str:
        """Return the account and the day."""
        return f"{self.name}:{self.account}:{self.trade_date.isoformat()}:{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFact(AccountFact):
    """Something that happened to an order."""

    order: str
    contract: str
    side: str
    type: str
    role: str
    quantity: int
    strategy: int = 0
    signal: str = ""

    @property
    def key(self) -> str:
        """Return the fact's name and the order's: it happens once."""
        return f"{self.name}:{self.order}"

    @property
    def of(self) -> str:
        """Return the order's id."""
        return self.order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSent(OrderFact):
    """The rules let it go; it is on its way to the venue."""

    name: ClassVar[str] = "order.sent"
    price: Decimal | None = None
    stop: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(OrderFact):
    """It waits for a person's yes, until it expires."""

    name: ClassVar[str] = "order.held"
    reasons: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBlocked(OrderFact):
    """A rule does not let it go, and why."""

    name: ClassVar[str] = "order.blocked"
    reasons: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWorking(OrderFact):
    """The venue has it."""

    name: ClassVar[str] = "order.working"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(OrderFact):
    """It works with other values now."""

    name: ClassVar[str] = "order.changed"
    limit: Decimal | None = None
    stop: Decimal | None = None

    @property
    def key(self) -> str:
        """Return the order, the moment and the values: it may change often."""
        return f"{self.name}:{self.order}:{self.at}:{self.quantity}:{self.limit}:{self.stop}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(OrderFact):
    """Contracts were traded; `quantity` of this fill alone, `left` still asked for.

    realized: gross profit of what it closed; fees: of this fill; slippage_ticks: against the order's reference
    """

    name: ClassVar[str] = "order.filled"
    fill: str
    price: Decimal
    left: int
    fees: Decimal
    realized: Decimal
    slippage_ticks: int
    latency_ms: int
    rests_on: str

    @property
    def key(self) -> str:
        """Return the fill's own name."""
        return f"{self.name}:{self.fill}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAsked(OrderFact):
    """A person wants an order changed or taken back; what comes of it, the venue says."""

    wish: str

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChangeAsked(OrderAsked):
    """It is on its way to be changed."""

    name: ClassVar[str] = "order.change_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelAsked(OrderAsked):
    """It is on its way to be cancelled."""

    name: ClassVar[str] = "order.cancel_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(OrderFact):
    """It was taken back; what had been filled before stays filled."""

    name: ClassVar[str] = "order.cancelled"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEndExplained(OrderFact):
    """Why it had ended is known now: what ended it was told later than its end."""

    name: ClassVar[str] = "order.end_explained"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(OrderFact):
    """The venue did not take it."""

    name: ClassVar[str] = "order.rejected"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChangeRefused(OrderFact):
    """The broker refused to change or end it, and it stands as it stood: it may be asked again. `number` as of `OrderStuck`."""

    name: ClassVar[str] = "order.change_refused"
    reason: str
    number: int

    @property
    def key(self) -> str:
        """Return the order and what was asked last."""
        return f"{self.name}:{self.order}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStuck(OrderFact):
    """The broker refuses again and again to change or end it: the desk asks no more. `number` counts what was asked."""

    name: ClassVar[str] = "order.stuck"
    reason: str
    number: int

    @property
    def key(self) -> str:
        """Return the order and what was asked last: a new wish may find it stuck again."""
        return f"{self.name}:{self.order}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderExpired(OrderFact):
    """Its time is over."""

    name: ClassVar[str] = "order.expired"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFact(AccountFact):
    """Something that happened to a position, from flat to flat."""

    position: str
    contract: str
    strategy: int
    direction: str
    quantity: int

    @property
    def key(self) -> str:
        """Return the fact's name and the position's."""
        return f"{self.name}:{self.position}"

    @property
    def of(self) -> str:
        """Return the position's key."""
        return self.position


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened(PositionFact):
    """Flat no more."""

    name: ClassVar[str] = "position.opened"
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed(PositionFact):
    """Flat again. `quantity` is the most that was held; money net = realized - fees; `r` None without a stop."""

    name: ClassVar[str] = "position.closed"
    realized: Decimal
    fees: Decimal
    net: Decimal
    r: Fraction | None
    mfe_ticks: int
    mae_ticks: int
    opened_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenAsked(AccountFact):
    """Somebody, or a rule, wants the account flat: so many positions to close, so many entries to cancel."""

    name: ClassVar[str] = "account.flatten_asked"
    wish: str
    reason: str
    positions: int
    orders: int

    @property
    def key(self) -> str:
        """Return the wish and the account."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAllAsked(AccountFact):
    """Every order of an account is to be cancelled, but the stops that protect its positions."""

    name: ClassVar[str] = "account.cancel_asked"
    wish: str
    orders: int

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteListed(AccountFact):
    """What becomes of a strategy's signals in this account was taken over."""

    name: ClassVar[str] = "account.route_listed"
    wish: str
    strategy: int

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupListed(Fact):
    """Which accounts an alert reaches by a group's name was taken over."""

    name: ClassVar[str] = "group.listed"
    wish: str
    group: int

    @property
    def key(self) -> str:
        """Return the wish."""
        return f"{self.name}:{self.group}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSkipped(AccountFact):
    """A signal was not sent to an account, and why."""

    name: ClassVar[str] = "route.skipped"
    signal: str
    strategy: int
    reason: str
    detail: str

    @property
    def key(self) -> str:
        """Return the signal and the account."""
        return f"{self.name}:{self.signal}:{self.account}"
