"""What the trade book hears and says. Prices in facts are Decimal, R exact; `of` is the trade's key."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from apps.bus.domain.message import Command, Fact, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterTrade(Command):
    """A person's own Signal Lab entry at the market's last price; `stop` is decimal text."""

    name: ClassVar[str] = "trade.enter"
    id: str
    user: int
    symbol: str
    direction: str
    stop: str
    note: str = ""
    settings: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTrade(Command):
    """Close the trader's own plan at the market's last price; the tracks go on for analysis."""

    name: ClassVar[str] = "trade.close"
    id: str
    user: int
    trade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRefused(Fact):
    """A wish that was not granted, and what would help."""

    name: ClassVar[str] = "command.refused"
    command: str
    reason: str
    detail: str

    @property
    def key(self) -> str:
        """Return the command's own id."""
        return f"{self.name}:{self.command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFact(Fact):
    """A fact in the life of a trade."""

    trade: str
    trade_id: str
    contract: str

    @property
    def key(self) -> str:
        """Return the fact's name and the trade's."""
        return f"{self.name}:{self.trade}"

    @property
    def of(self) -> str:
        """Return the trade's key."""
        return self.trade


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEntered(TradeFact):
    """The first price after the confirmation, or a person's own entry."""

    name: ClassVar[str] = "trade.entered"
    direction: str
    session: str
    entry_price: Decimal
    stop_price: Decimal
    risk: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHit(TradeFact):
    """An R target was reached; `tracks` are those that were still open."""

    name: ClassVar[str] = "trade.target_hit"
    target: Fraction
    price: Decimal
    tracks: tuple[str, ...]

    @property
    def key(self) -> str:
        """Return the fact's name, the trade's, and the target."""
        return f"{self.name}:{self.trade}:{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenArmed(TradeFact):
    """The trigger was reached; for later prices the stop of the break-even track is the entry."""

    name: ClassVar[str] = "trade.break_even_armed"
    entry_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEnded(TradeFact):
    """One track met its stop: `level` is the stop, `traded` the price that hit it."""

    track: str
    level: Decimal
    traded: Decimal
    r: Fraction
    mfe: Fraction

    @property
    def key(self) -> str:
        """Return the fact's name, the trade's, and the track."""
        return f"{self.name}:{self.trade}:{self.track}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStopped(TrackEnded):
    """The original stop was hit."""

    name: ClassVar[str] = "trade.stopped_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenHit(TrackEnded):
    """The price came back to the entry after the trigger."""

    name: ClassVar[str] = "trade.break_even_hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEnded(TradeFact):
    """The trader's own trade is over, by his plan, by hand or because the contract expired."""

    name: ClassVar[str] = "trade.ended"
    state: str
    reason: str
    price: Decimal
    r: Fraction


@dataclass(frozen=True, slots=True)
class MfeChanged(Reading):
    """Best and worst of a trade so far, in R."""

    trade: str
    user: int
    no_be_mfe_r: Fraction
    be_mfe_r: Fraction
    mae_r: Fraction
