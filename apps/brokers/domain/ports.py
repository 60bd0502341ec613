"""The ports at the edge: through one, market data reaches the engine; through the other, orders reach a broker.

A feed puts these inputs on the engine's queue, in the order in which they are true: every tick up to a moment
comes before the `ClockTicked` of that moment. Prices are whole ticks of the contract's instrument, instants are
nanoseconds of UTC. `at` is market time (the feed's), `wall_at` is the wall clock's.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import AccountSeen, OrderSeen, Seen, Snapshot
from apps.bus.domain.message import Input
from apps.marketdata.domain.messages import CandleRecorded, ClockTicked, GapOpened
from apps.marketdata.domain.tick import Quote, Tick


class FeedState(StrEnum):
    """How the feed stands. Only `LIVE` moves market time."""

    CONNECTING = "connecting"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    LOST = "lost"
    ENDED = "ended"  # a recording is over; the connection stays
    STOPPED = "stopped"  # by us, or because nothing but a person can mend it: the reason says which


class Cursor(NamedTuple):
    """The newest tick of a contract that is safely stored."""

    id: int
    at: int


@dataclass(frozen=True, slots=True)
class TicksArrived(Input):
    """Ticks of one contract, oldest first where they were missed; as they came where they are live.

    complete: False when ticks between this batch and the one before could not be had.
    """

    contract: str
    ticks: tuple[Tick, ...]
    live: bool
    complete: bool = True


@dataclass(frozen=True, slots=True)
class QuoteArrived(Input):
    """The full state of a contract's quote after an update; None where the source has not said."""

    contract: str
    at: int
    quote: Quote
    last: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    settlement: int | None = None
    volume: int | None = None


@dataclass(frozen=True, slots=True)
class FeedChanged(Input):
    """The connection changed. `contract` is empty where it concerns all of them.

    alarm: it has been down for long enough, in market hours, to call somebody.
    at: market time as far as known, else 0.
    """

    state: FeedState
    contract: str
    at: int
    wall_at: int
    reason: str = ""
    alarm: bool = False


FeedItem = TicksArrived | QuoteArrived | ClockTicked | FeedChanged | GapOpened | CandleRecorded

QueuePut = Callable[[FeedItem], None]


class Feed(Protocol):
    """A source of market data that runs on its own and fills the engine's queue."""

    @property
    def state(self) -> FeedState:
        """Return how the feed stands now."""

    def start(self) -> None:
        """Begin to connect; returns at once."""

    def stop(self) -> None:
        """Log off and end; returns when nothing more will be put on the queue."""


# ---- brokers ----


class BrokerError(Exception):
    """The broker did not do what was asked. Subclasses say whether it may be asked again."""


class OrderRefused(BrokerError):
    """It understood the order and does not take it. `code` is the broker's own word, e.g. LiquidationOnly."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code, self.text = code, text


class OutcomeUnknown(BrokerError):
    """The call went out and no answer came: it may have been executed. Never sent again; look for its tag."""


class NotSent(BrokerError):
    """The call certainly did not reach the broker: it may be sent again, if it is still wanted."""


class LoginRefused(BrokerError):
    """Name, password, key or token are not taken. Only the owner can mend it."""


class SignedInElsewhere(LoginRefused):
    """A newer login has taken this one's place. Nobody takes it back until the owner says so."""


class Unavailable(BrokerError):
    """The broker does not answer, or asks for quiet. `retry_s` seconds of wall time until asking makes sense."""

    def __init__(self, reason: str, retry_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_s = retry_s


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a bracket: the side that closes, at absolute prices. Its quantity is its entry's."""

    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be sent. `legs`: none, or at most two that wait for its fill and cancel each other.

    account:      the broker's own number
    tag:          names it for ever: at most 50 characters, the same for the same wish
    text:         words for people at the broker's, at most 64 characters
    is_automated: no person clicked for this very order (an exchange's rule)
    is_exit:      it makes a position smaller: nothing that is asked for meanwhile goes before it
    """

    account: str
    contract: str
    side: Side
    type: OrderType
    quantity: int
    tag: str
    limit: Decimal | None = None
    stop: Decimal | None = None
    trail: Decimal | None = None
    tif: TimeInForce = TimeInForce.DAY
    text: str = ""
    is_automated: bool = True
    is_exit: bool = False
    legs: tuple[Leg, ...] = ()


StillWanted = Callable[[], Awaitable[None]]
"""Asked right before an order's words go out, each time they do; what it raises is raised, and nothing is sent."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The broker's own numbers of what was sent. Having one does not mean that the exchange took it."""

    order: str
    legs: tuple[str, ...] = ()


class Broker(Protocol):
    """One login at one broker. Belongs to one event loop. Every method may raise a `BrokerError`.

    Orders, modifications and cancels are never repeated by an adapter: `OutcomeUnknown` tells that nobody knows.
    """

    async def accounts(self) -> tuple[AccountSeen, ...]:
        """Return the accounts that this login may see. The cheapest call that proves a login."""

    async def snapshot(self) -> Snapshot:
        """Return everything that the broker still tells of the current session, by plain queries."""

    async def recall(self, orders: Sequence[OrderSeen]) -> tuple[Seen, ...]:
        """Return what became of orders that no snapshot lists, by their numbers, and what was filled of them.

        One that the broker does not know any more is told as `vanished`; what can't be had now is left out.
        """

    def reaches_back(self, seconds: float) -> bool:
        """Return whether `find` would certainly find what was sent so many seconds ago, in whatever way it ended."""

    async def find(self, account: str, tag: str, *, is_exit: bool = False) -> OrderSeen | None:
        """Return the order that carries our tag, None if the broker tells of none, see `reaches_back`."""

    async def held(self, account: str, contract: str) -> int:
        """Return how many contracts an account holds of one at this moment, signed."""

    async def place(self, order: NewOrder, still: StillWanted | None = None) -> Placed:
        """Send an order, with its bracket where it has one."""

    async def place_pair(self, first: NewOrder, other: Leg) -> Placed:
        """Send two orders of which one cancels the other (a stop and a target around a position)."""

    async def modify(
        self,
        order: OrderSeen,
        *,
        quantity: int | None = None,
        limit: Decimal | None = None,
        stop: Decimal | None = None,
        is_automated: bool = True,
    ) -> None:
        """Ask for a working order to be changed; what is None stays."""

    async def cancel(self, account: str, order: str, *, is_automated: bool = True) -> None:
        """Ask for an order to be taken back. Raises OrderRefused TooLate when it is over."""

    async def liquidate(self, account: str, contract: str, *, is_automated: bool = False) -> None:
        """Cancel every order of a contract and close its position at the market, at the broker's."""

    async def follow(
        self, heard: Callable[[Sequence[Seen]], None], state: Callable[[FeedState, str], None]
    ) -> None:
        """Follow the login's stream of orders, fills, positions and cash until cancelled.

        `heard` gets a whole snapshot after each (re)connect, then what changes; rows may repeat and come in any order.
        """

    async def close(self) -> None:
        """Let go of sockets and connections."""
