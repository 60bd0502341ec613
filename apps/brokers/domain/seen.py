"""What a broker says of its own accounts, orders and fills: the rows of any adapter in one language.

Contracts are dated names as the exchange's data feed spells them (`NQZ6`); a broker may hold contracts that tradehub does
not know, so prices are exact `Decimal`s here, not ticks. Instants are ns UTC, quantities contracts, `net` is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from apps.brokers.domain.order import OrderType, Side, TimeInForce


class BrokerStatus(StrEnum):
    """Where an order stands at the broker. SUSPENDED waits for its parent's fill."""

    PENDING = "pending"
    SUSPENDED = "suspended"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


BROKER_ENDED = frozenset(
    {BrokerStatus.FILLED, BrokerStatus.CANCELLED, BrokerStatus.REJECTED, BrokerStatus.EXPIRED}
)


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """An account as the broker lists it. `remote` is its own number, `name` what people call it."""

    remote: str
    name: str
    is_open: bool = True
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """An order as the broker has it now.

    tag:      our own mark, as it was sent with the order ("" = not ours, or not known yet)
    text:     the words beside it, e.g. the strategy's name
    parent:   the broker's number of the entry whose bracket it belongs to, "" = none
    at:       when the row was last changed, as the broker says; what is older never replaces what is newer
    """

    account: str
    remote: str
    contract: str
    side: Side
    type: OrderType
    status: BrokerStatus
    at: int
    quantity: int = 0
    filled: int = 0
    limit: Decimal | None = None
    stop: Decimal | None = None
    tif: TimeInForce = TimeInForce.DAY
    tag: str = ""
    text: str = ""
    parent: str = ""
    oco: str = ""
    reason: str = ""

    @property
    def is_over(self) -> bool:
        """Return whether nothing can happen to it any more."""
        return self.status in BROKER_ENDED


@dataclass(frozen=True, slots=True)
class FillSeen:
    """Contracts that were traded. `remote` names it once for ever within its account.

    fees:      of all its contracts, None while the broker has not said
    is_active: False = the exchange took it back ("busted")
    """

    account: str
    remote: str
    order: str
    contract: str
    side: Side
    quantity: int
    price: Decimal
    at: int
    trade_date: date
    fees: Decimal | None = None
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class PositionSeen:
    """What the broker says is held of a contract; `net` 0 = flat, `price` its average."""

    account: str
    contract: str
    net: int
    at: int
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CashSeen:
    """Money of an account: cash with everything realised and paid, and the session's realised profit."""

    account: str
    balance: Decimal
    at: int
    realized: Decimal = Decimal(0)


Seen = AccountSeen | OrderSeen | FillSeen | PositionSeen | CashSeen


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the broker says of its accounts at one moment. `at` is the wall clock's, ns UTC."""

    at: int
    accounts: tuple[AccountSeen, ...] = ()
    orders: tuple[OrderSeen, ...] = ()
    fills: tuple[FillSeen, ...] = ()
    positions: tuple[PositionSeen, ...] = ()
    cash: tuple[CashSeen, ...] = ()

    def also(self, rows: Iterable["Seen"]) -> "Snapshot":
        """Return it with orders and fills that it did not list."""
        told = list(rows)
        orders = tuple(row for row in told if isinstance(row, OrderSeen))
        fills = tuple(row for row in told if isinstance(row, FillSeen))
        return replace(self, orders=(*self.orders, *orders), fills=(*self.fills, *fills))

    @property
    def all(self) -> tuple[Seen, ...]:
        """Return its rows in an order in which nobody refers to what comes later."""
        return (*self.accounts, *self.orders, *self.fills, *self.positions, *self.cash)
