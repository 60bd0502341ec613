"""What the signal desk hears and says. Prices in facts are Decimal; `of` is the signal's key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from apps.bus.domain.message import Command, Fact, Message
from apps.marketdata.domain.candle import Candle


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Command):
    """A signal as it came in, with the settings of its strategy at that moment.

    Units:  time: ns UTC, the bar's open or the moment it fired (settings: `time_basis`); received_at: market time,
            None = recorded without receipt; sender_id: his own name for his trade; market_price: decimal text, the last price when it was received
    """

    name: ClassVar[str] = "alert"
    id: str
    user: int = 0
    strategy: int = 0
    symbol: str
    direction: str | None
    time: int | None = None
    price: str | None = None
    market_price: str | None = None
    received_at: int | None = None
    htf_ok: bool | None = None
    biases: Mapping[str, str] = field(default_factory=dict)
    sender_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFact(Fact):
    """A fact in the life of a signal; each happens to it at most once."""

    signal: str
    trade_id: str | None
    strategy: int
    contract: str | None

    @property
    def key(self) -> str:
        """Return the fact's name and the signal's."""
        return f"{self.name}:{self.signal}"

    @property
    def of(self) -> str:
        """Return the signal's key."""
        return self.signal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCreated(SignalFact):
    """It passed every check and is pending."""

    name: ClassVar[str] = "signal.created"
    direction: str
    bar_at: int
    high: Decimal
    low: Decimal
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRejected(SignalFact):
    """A check failed; `detail` says value and threshold."""

    name: ClassVar[str] = "signal.rejected"
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalIgnored(SignalFact):
    """A repetition that changes nothing."""

    name: ClassVar[str] = "signal.ignored"
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalCancelled(SignalFact):
    """An opposing signal took its place away."""

    name: ClassVar[str] = "signal.cancelled"
    reason: str
    cancelled_by: str
    bar_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationFound(SignalFact):
    """A candle confirms it; an opposing signal that is still in time may yet cancel it until `final_at`."""

    name: ClassVar[str] = "signal.confirmation_found"
    direction: str
    bar_at: int
    stop_price: Decimal
    final_at: int
    order_at: str = "confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalConfirmed(SignalFact):
    """It is confirmed for good; the first price after the confirmation candle is the entry."""

    name: ClassVar[str] = "signal.confirmed"
    direction: str
    bar_at: int
    bars_to_confirmation: int
    stop_rule: str
    stop_anchor_at: int
    stop_anchor_price: Decimal
    stop_price: Decimal
    late: bool = False


@dataclass(frozen=True, slots=True)
class EntryDue(Message):
    """A confirmed signal wants its entry: what traded since its confirmation candle closed.

    Units:  stop, prices: whole ticks; prices: (price, at) tick by tick; candles: whole ones after the confirmation,
            for a signal that was worked off late; final_at: when no opposite alert could come any more, 0 = at the close
    """

    signal: str
    user: int
    strategy: int
    contract: str
    trade_id: str
    direction: str
    session: str
    stop: int
    confirmation_bar: int
    settings: Mapping[str, Any]
    prices: tuple[tuple[int, int], ...] = ()
    candles: tuple[Candle, ...] = ()
    is_late: bool = False
    incomplete: bool = False
    final_at: int = 0


@dataclass(frozen=True, slots=True)
class EntryVoided(Message):
    """The trade side says that there is no risk to measure with: the signal is void."""

    signal: str
    bar: int
    at: int
    price: int


@dataclass(frozen=True, slots=True)
class EntryMade(Message):
    """The trade side says that the signal became a trade."""

    signal: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalVoided(SignalFact):
    """Confirmed, but the market opened beyond its stop: no trade."""

    name: ClassVar[str] = "signal.voided"
    reason: str
    entry_price: Decimal
    stop_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideViewKept(Fact):
    """What the sender believes about its own trade was kept; it never moves our records."""

    name: ClassVar[str] = "signal.outside_view"
    alert: str
    stage: str
    sender_id: str

    @property
    def key(self) -> str:
        """Return the fact's name and the alert's."""
        return f"{self.name}:{self.alert}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAlertKept(Fact):
    """An order alert was understood; what it becomes in each account is told by itself."""

    name: ClassVar[str] = "signal.order_alert"
    alert: str
    action: str
    symbol: str
    strategy: int = 0
    accounts: tuple[int, ...] = ()
    detail: str = ""

    @property
    def key(self) -> str:
        """Return the fact's name and the alert's."""
        return f"{self.name}:{self.alert}"

    @property
    def of(self) -> str:
        """Return the alert."""
        return self.alert


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAlertRefused(Fact):
    """An order alert reaches no account, and why."""

    name: ClassVar[str] = "signal.order_alert_refused"
    alert: str
    action: str
    symbol: str
    reason: str
    detail: str

    @property
    def key(self) -> str:
        """Return the fact's name and the alert's."""
        return f"{self.name}:{self.alert}"

    @property
    def of(self) -> str:
        """Return the alert."""
        return self.alert
