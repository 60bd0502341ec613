"""A signal: what one alert became, from its candle to its confirmation."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.session import Session
from apps.signals.domain.confirmation import Stop
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import SignalSettings


class Status(StrEnum):
    """Where a signal stands. Source: methodology, 12; WAITING is before its candle has closed."""

    WAITING = "WAITING"
    REJECTED = "REJECTED"
    IGNORED = "IGNORED"
    PENDING = "PENDING"
    CANCELLED = "CANCELLED"
    CONFIRMED = "CONFIRMED"
    VOID = "VOID"
    ENTERED = "ENTERED"


class Reason(StrEnum):
    """Why a signal ended before it became a trade. Source: methodology, 4, 5 and 9."""

    MALFORMED = "MALFORMED"
    NO_CANDLE = "NO_CANDLE"
    DUPLICATE = "DUPLICATE"
    HTF_MISALIGNED = "HTF_MISALIGNED"
    OUT_OF_SESSION = "OUT_OF_SESSION"
    MARKET_CLOSED = "MARKET_CLOSED"
    STALE = "STALE"
    ALREADY_PENDING = "ALREADY_PENDING"
    OPPOSING_SIGNAL = "OPPOSING_SIGNAL"
    NON_POSITIVE_RISK = "NON_POSITIVE_RISK"
    EXPIRED = "EXPIRED"


TRANSITIONS: dict[tuple[Status, Status], str] = {
    (Status.WAITING, Status.REJECTED): "a check failed",
    (Status.WAITING, Status.IGNORED): "a repetition",
    (Status.WAITING, Status.PENDING): "every check passed",
    (Status.PENDING, Status.CANCELLED): "an opposing signal, or the contract expired",
    (Status.PENDING, Status.CONFIRMED): "a later close beyond its extreme",
    (
        Status.CONFIRMED,
        Status.CANCELLED,
    ): "an opposing signal still in time, or the contract expired",
    (Status.CONFIRMED, Status.VOID): "no risk to measure with",
    (Status.CONFIRMED, Status.ENTERED): "the first price after the confirmation",
}  # what is not in the table cannot happen


class Check(NamedTuple):
    """One check of chapter 4, as the trader sees it. `ok` is None where it was not made."""

    name: str
    value: str
    needs: str
    ok: bool | None


@dataclass
class Signal:
    """One alert on its way. Prices are whole ticks, instants ns UTC."""

    key: str
    alert: Alert
    status: Status = Status.WAITING
    reason: Reason | None = None
    detail: str = ""
    instrument: Instrument | None = None
    settings: SignalSettings | None = None
    contract: str | None = None
    direction: Direction | None = None
    session: Session | None = None
    bar: int | None = None
    high: int | None = None
    low: int | None = None
    late: bool = False
    incomplete: bool = False
    checks: list[Check] = field(default_factory=list)
    cancelled_by: str | None = None
    cancel_bar: int | None = None
    confirmation_bar: int | None = None
    bars_to_confirmation: int | None = None
    stop: Stop | None = None
    final_at: int | None = None
    prices: list[tuple[int, int]] = field(default_factory=list)
    trade_id: str | None = None
    entry: tuple[int, int, int] | None = None  # bar, at, price of a void one

    @property
    def place(self) -> tuple[int, str]:
        """Return whose pending place it wants: one for each strategy and contract root."""
        return self.alert.strategy, self.instrument.root if self.instrument else ""

    @property
    def waiter(self) -> str:
        """Return the name under which it waits at a price."""
        return f"s:{self.key}"

    def become(self, status: Status) -> None:
        """Move on, if the table allows it."""
        if (self.status, status) not in TRANSITIONS:
            raise AssertionError(f"{self.key}: {self.status} cannot become {status}")
        self.status = status
