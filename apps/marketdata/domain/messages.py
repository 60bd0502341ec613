"""What the market hears and says. Prices are whole ticks, instants ns UTC; `of` names who waits."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from apps.bus.domain.message import Fact, Input, Message, Reading
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tick import Quote, Tick

NEVER = 1 << 62  # an edge that no price reaches
AWAKE = (NEVER, -NEVER)  # a span in which nobody can sleep: woken at every price


@dataclass(frozen=True, slots=True)
class ContractListed(Input):
    """A contract is fed from now on, and is the front one of its root.

    Units:  jump: ticks, None = no quarantine; expires_at: its last trade
    """

    contract: str
    root: str
    jump: int | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class TickReceived(Input):
    """One tick of one contract, as the feed brought it."""

    contract: str
    tick: Tick


@dataclass(frozen=True, slots=True)
class CandleRecorded(Input):
    """A whole candle where ticks are not known: it stands for four prices (methodology, 11)."""

    contract: str
    seconds: int
    candle: Candle


@dataclass(frozen=True, slots=True)
class ClockTicked(Input):
    """The market time of the last frame of any kind. Never said while the feed is silent or catching up.

    contract: whose time it is alone, empty = everybody's
    """

    at: int
    contract: str = ""


@dataclass(frozen=True, slots=True)
class TimeTold(Input):
    """What time it is in the market as a wish comes in. It closes nothing: not all ticks up to it need be there."""

    at: int


@dataclass(frozen=True, slots=True)
class GapOpened(Input):
    """Ticks of this stretch can't be had; the candles that it touches are incomplete."""

    contract: str
    from_at: int
    to_at: int


@dataclass(frozen=True, slots=True)
class TapeEnded(Input):
    """A recording is over: what still waits for a candle will not get it."""

    at: int


@dataclass(frozen=True, slots=True)
class Look(Input):
    """Somebody looks: those whose extremes moved since the last look are told."""


@dataclass(frozen=True, slots=True)
class Resumed(Input):
    """The rows are loaded; whoever waits at a price says so again."""


@dataclass(frozen=True, slots=True)
class TickRefused(Message):
    """A tick that changes nothing, and why: duplicate, late, suspicious (held), dropped."""

    contract: str
    tick: Tick
    reason: str


@dataclass(frozen=True, slots=True)
class TickReleased(Message):
    """A held tick was confirmed by the next two and takes its place."""

    contract: str
    tick: Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class TickQuarantined(Fact):
    """A jump that nobody else has confirmed yet; shown for review."""

    name: ClassVar[str] = "tick.quarantined"
    contract: str
    tick_id: int
    price_ticks: int
    jump_ticks: int

    @property
    def key(self) -> str:
        """Return the tick's own name."""
        return f"{self.name}:{self.contract}:{self.tick_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEnded(Fact):
    """What became of a held tick: released (it was real) or dropped (it never existed)."""

    name: ClassVar[str] = "tick.quarantine_ended"
    contract: str
    tick_id: int
    outcome: str

    @property
    def key(self) -> str:
        """Return the tick's own name."""
        return f"{self.name}:{self.contract}:{self.tick_id}"


@dataclass(frozen=True, slots=True)
class CandlesClosed(Message):
    """All candles of one contract that are over at this instant, shortest first: (seconds, candle)."""

    contract: str
    at: int
    candles: tuple[tuple[int, Candle], ...]


@dataclass(frozen=True, slots=True)
class CandleOpened(Message):
    """The first price of a new one-minute candle. `bar` is its open time, `at` the price's own."""

    contract: str
    bar: int
    at: int
    price: int


@dataclass(frozen=True, slots=True)
class Waits(Message):
    """Nothing can happen to `of` strictly between these prices. `below > above`: wake me at every price."""

    of: str
    contract: str
    below: int
    above: int


@dataclass(frozen=True, slots=True)
class Leaves(Message):
    """`of` waits no more."""

    of: str
    contract: str


@dataclass(frozen=True, slots=True)
class PriceReached(Message):
    """A price left the span of `of`. `high` and `low` are the extremes since it began to wait.

    size:  contracts that traded at this price; quote: the best bid and ask beside it, as far as known
    id:    the tick's own; a late one has a smaller id than the last
    """

    of: str
    price: int
    at: int
    bar: int
    high: int
    low: int
    size: int = 1
    quote: Quote | None = None
    id: int = -1


@dataclass(frozen=True, slots=True)
class CandleReached(Message):
    """A recorded candle left the span of `of`. `high` and `low`: the extremes before this candle."""

    of: str
    candle: Candle
    high: int | None
    low: int | None


@dataclass(frozen=True, slots=True)
class ExtremesMoved(Message):
    """The answer to a look: the extremes since `of` began to wait."""

    of: str
    high: int
    low: int


@dataclass(frozen=True, slots=True)
class Recall(Message):
    """`of` asks what the running candle of a time frame looks like."""

    of: str
    contract: str
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class Recalled(Message):
    """The answer: the candle still open (None between candles), the last price, its time and the quote beside it.

    id: of the last tick, -1 where only candles are known
    """

    of: str
    candle: Candle | None
    last: int | None
    at: int
    quote: Quote | None = None
    size: int = 1
    id: int = -1


@dataclass(frozen=True, slots=True)
class ContractExpired(Message):
    """The last trade of a contract is over."""

    contract: str
    at: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChangedState(Fact):
    """The connection to the market changed; `state` as in `brokers.domain.ports.FeedState`."""

    name: ClassVar[str] = "feed.changed"
    contract: str
    state: str
    reason: str
    wall_at: int

    @property
    def key(self) -> str:
        """Return the moment of the change by the wall clock, for it has no other name."""
        return f"{self.name}:{self.contract}:{self.wall_at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRecorded(Fact):
    """A stretch of market time whose ticks can't be had."""

    name: ClassVar[str] = "feed.gap"
    contract: str
    from_at: int
    to_at: int

    @property
    def key(self) -> str:
        """Return the contract and where the gap begins."""
        return f"{self.name}:{self.contract}:{self.from_at}"


@dataclass(frozen=True, slots=True)
class PriceChanged(Reading):
    """The market of one contract now. Decimal prices; change against the prior settlement."""

    contract: str
    root: str
    last: Decimal
    bid: Decimal | None
    ask: Decimal | None
    bid_size: int | None
    ask_size: int | None
    at: int
    change: Decimal | None
    change_pct: Decimal | None
    minute_volume: int
    session_high: Decimal | None
    session_low: Decimal | None
    vwap: Decimal | None
