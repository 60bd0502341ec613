"""The port through which market data reaches the engine, whatever the source.

A feed puts these inputs on the engine's queue, in the order in which they are true: every tick up to a moment
comes before the `ClockTicked` of that moment. Prices are whole ticks of the contract's instrument, instants are
nanoseconds of UTC. `at` is market time (the feed's), `wall_at` is the wall clock's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

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
