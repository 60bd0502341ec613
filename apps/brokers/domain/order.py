"""An order and its life: what was asked for, what the venue made of it.

Prices are whole ticks of the contract's instrument, instants ns UTC, quantities contracts.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Return the side that closes what this one opens."""
        return Side.SELL if self is Side.BUY else Side.BUY


def side_of(signed: int) -> Side:
    """Return the side that makes a holding of this sign."""
    return Side.BUY if signed > 0 else Side.SELL


class OrderType(StrEnum):
    """How an order finds its price."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    """How long an order works: to the end of the exchange's day, or until it is cancelled."""

    DAY = "day"
    GTC = "gtc"


class Role(StrEnum):
    """What an order is for. All but an entry only ever make a position smaller."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


class Origin(StrEnum):
    """Who wanted it: a person, a signal that a person approved, a signal by itself, or a rule."""

    PERSON = "person"
    APPROVED = "approved"
    AUTOMATIC = "automatic"
    RULE = "rule"


class OrderStatus(StrEnum):
    """Where an order stands. HELD waits for a person's yes, WAITING for the entry of its bracket."""

    HELD = "held"
    WAITING = "waiting"
    SENT = "sent"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    BLOCKED = "blocked"


ENDED: Final = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.BLOCKED,
    }
)
_S = OrderStatus
TRANSITIONS: Final = frozenset(
    {
        (_S.SENT, _S.HELD), (_S.HELD, _S.SENT), (_S.HELD, _S.BLOCKED), (_S.HELD, _S.CANCELLED), (_S.HELD, _S.EXPIRED),
        (_S.WAITING, _S.WORKING), (_S.WAITING, _S.CANCELLED), (_S.WAITING, _S.REJECTED),
        (_S.WAITING, _S.EXPIRED), (_S.WAITING, _S.FILLED),
        (_S.SENT, _S.WORKING), (_S.SENT, _S.FILLED), (_S.SENT, _S.CANCELLED),
        (_S.SENT, _S.REJECTED), (_S.SENT, _S.EXPIRED), (_S.SENT, _S.BLOCKED),
        (_S.WORKING, _S.FILLED), (_S.WORKING, _S.CANCELLED), (_S.WORKING, _S.EXPIRED),
        (_S.WORKING, _S.REJECTED),
    }
)  # fmt: skip # what is not in the table cannot happen


@dataclass(slots=True)
class Order:
    """One order of one account.

    strategy:  whose position it opens or closes; 0 is what the trader does by hand
    parent:    the entry whose bracket this leg belongs to, empty for all others
    trail:     a trailing stop's distance; its `stop` is where it lies now
    arm_at:    a protective stop moves to `arm_to` when this price has traded (break-even); None: never
    r:         a leg that is measured in R: where a target lies, or a stop is armed. Its price is an estimate until the
               entry is filled; then R is the distance from what was paid to the stop
    after:     an order that has to be over before this one starts: a turn round closes first, then opens
    reference: the last price when it was asked for, which slippage is measured against
    paid:      the sum of contracts x price of its fills
    """

    id: str
    user: int
    account: int
    contract: str
    side: Side
    type: OrderType
    quantity: int
    strategy: int = 0
    limit: int | None = None
    stop: int | None = None
    trail: int | None = None
    tif: TimeInForce = TimeInForce.GTC
    role: Role = Role.ENTRY
    origin: Origin = Origin.PERSON
    parent: str = ""
    after: str = ""
    signal: str = ""
    arm_at: int | None = None
    r: str = ""
    reference: int | None = None
    at: int = 0
    status: OrderStatus = OrderStatus.SENT
    filled: int = 0
    paid: int = 0
    reason: str = ""
    ended_at: int | None = None
    expires_at: int | None = None
    verdict: dict[str, object] = field(default_factory=dict)

    @property
    def is_exit(self) -> bool:
        """Return whether it can only make a position smaller. No rule ever blocks one."""
        return self.role is not Role.ENTRY

    @property
    def remaining(self) -> int:
        """Return how many contracts are still asked for."""
        return self.quantity - self.filled

    @property
    def is_over(self) -> bool:
        """Return whether nothing can happen to it any more."""
        return self.status in ENDED

    @property
    def place(self) -> tuple[int, str, int]:
        """Return the holding that it changes: account, contract, strategy."""
        return (self.account, self.contract, self.strategy)

    def price(self, ticks: int | None) -> Decimal | None:
        """Return a price of its contract, None for none."""
        return None if ticks is None else instrument(root_of(self.contract)).price(ticks)

    def slippage(self, price: int) -> int:
        """Return how many ticks worse a fill is than what was asked for; negative: better.

        A limit is measured against itself, a stop against where it lay, a market order against the last price then.
        """
        asked = self.limit if self.limit is not None else self.stop
        if asked is None:
            asked = self.reference
        return 0 if asked is None else (price - asked) * self.side.sign

    def become(self, status: OrderStatus, at: int, reason: str = "") -> None:
        """Take the next step of its life, once.

        Raises:  AssertionError  the table has no such step: an impossible state
        """
        if (self.status, status) not in TRANSITIONS:
            raise AssertionError(f"order {self.id}: {self.status} cannot become {status}")
        self.status, self.reason = status, reason or self.reason
        if status in ENDED:
            self.ended_at = at
