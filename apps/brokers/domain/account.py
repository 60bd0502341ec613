"""An account: its balance to the cent, its fees, and the trading day that its rules count by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.bus.domain.message import SECOND, to_instant
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument

MOST: Final = Decimal(100_000_000)
CENT: Final = Decimal("0.01")
FINEST: Final = Decimal("0.0001")
SATURDAY: Final = 5
NOON: Final = time(12, 0)
NO_DAY: Final = date(1970, 1, 1)  # the trading day while no time is known

# What brokers ask a contract for inside the day; general knowledge of November 2026, shown, never enforced:
# a prop firm's own limits bind long before.
DAY_MARGIN_MINI: Final = Decimal(1_000)
DAY_MARGIN_MICRO: Final = Decimal(100)


class BadAccount(ValueError):
    """A setting of an account that can't be used; the text names it, its value and a cure."""


class Kind(StrEnum):
    """What an account trades with. They can't be confused: it is part of the account's identity."""

    PAPER = "paper"
    DEMO = "demo"
    LIVE = "live"


class Stake(StrEnum):
    """What is lost with an account: the word on its badge, and whether orders leave it only after its owner's proof."""

    PAPER = "paper"
    DEMO = "demo"
    FIRM = "firm"
    LIVE = "live"

    @property
    def is_dear(self) -> bool:
        """Return whether its orders leave only after a second factor and a typed word: money, or what a firm gave."""
        return self in (Stake.FIRM, Stake.LIVE)


def stake_of(kind: str, firm: str) -> Stake:
    """Return what is lost with an account of this kind.

    Evaluations and funded accounts of prop firms live in a broker's demo environment. Their fees and payouts are real.
    """
    return Stake.FIRM if kind == Kind.DEMO and firm.strip() else Stake(kind)


class Reason(StrEnum):
    """Why a broker's balance was not ours, by its trader's word."""

    FEES = "fees"
    TRANSFER = "transfer"  # a payout or a deposit
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Passage:
    """What may leave for the broker of an account. Of size limits 0 is none; they bind entries alone.

    is_on:      entries may leave; exits always may
    automatic:  a signal's entry may leave without a person's yes, where the firm allows it too
    per_order, per_position, per_day: contracts; of a day those that were opened
    """

    is_on: bool = False
    automatic: bool = False
    per_order: int = 1
    per_position: int = 1
    per_day: int = 10


def passage_of(config: Mapping[str, Any]) -> Passage:
    """Return what may leave, as settings say it.

    Raises:  BadAccount
    """
    sizes: dict[str, int] = {}
    for name in ("per_order", "per_position", "per_day"):
        value = config.get(name, getattr(Passage(), name))
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 500:
            raise BadAccount(f"{name}: {value!r} must be a whole number of contracts, 1 to 500")
        sizes[name] = value
    return Passage(
        is_on=bool(config.get("is_on")), automatic=bool(config.get("automatic")), **sizes
    )


@dataclass(slots=True)
class Account:
    """One account of one user.

    balance:   realised, after fees; equity is this and the open profit
    day_ends:  the next reset, ns UTC; 0 = no time is known yet
    realized_today, fees_today: since the last reset; trades_today: positions closed since then
    fees:      a side, by root, where they differ from the instrument's
    payouts:   what was paid out, less what was paid in
    passage:   of an account at a broker: what may leave; opened_today: contracts that were opened since the reset
    """

    id: int
    user: int
    kind: Kind
    start_balance: Decimal
    balance: Decimal
    tz: str = "America/Chicago"
    reset: time = time(17, 0)
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    is_open: bool = True
    trade_date: date = NO_DAY
    day_ends: int = 0
    day_start_balance: Decimal = Decimal(0)
    realized_today: Decimal = Decimal(0)
    fees_today: Decimal = Decimal(0)
    trades_today: int = 0
    wins_today: int = 0
    losses_today: int = 0
    payouts: Decimal = Decimal(0)
    passage: Passage = Passage()
    firm: str = ""
    opened_today: int = 0
    fee_table: dict[str, Decimal] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what one contract costs a side, by root: commission and exchange fee."""
        usual = {root: one.commission + one.exchange_fee for root, one in INSTRUMENTS.items()}
        self.fee_table = {**usual, **self.fees}

    @property
    def stake(self) -> Stake:
        """Return what is lost with it."""
        return stake_of(self.kind, self.firm)

    @property
    def net_today(self) -> Decimal:
        """Return what the day has brought so far, after fees."""
        return self.realized_today - self.fees_today

    def fee(self, instrument: Instrument) -> Decimal:
        """Return commission and exchange fee of one contract, one side."""
        return self.fee_table[instrument.root]

    def correct(self, amount: Decimal, reason: Reason) -> None:
        """Let the balance change by what a broker's differs. Fees and what is not known are the day's, a transfer is not.

        What was paid in is a payout below nought: so profit is balance + payouts - start, whichever way money went.
        """
        self.balance += amount
        if reason is Reason.TRANSFER:
            self.day_start_balance += amount
            self.payouts -= amount
        elif reason is Reason.FEES:
            self.fees_today -= amount
        else:
            self.realized_today += amount

    def begin_day(self, at: int) -> None:
        """Begin the trading day that holds this instant."""
        self.trade_date, self.day_ends = day_of(at, self.tz, self.reset)
        self.day_start_balance = self.balance
        self.realized_today = self.fees_today = Decimal(0)
        self.trades_today = self.wins_today = self.losses_today = self.opened_today = 0

    def configure(self, config: Mapping[str, Any]) -> None:
        """Take over settings as a page or the admin wrote them.

        Raises:  BadAccount
        """
        self.tz = str(config.get("tz") or self.tz)
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise BadAccount(f"tz: {self.tz!r} is no time zone, e.g. America/Chicago") from None
        try:
            self.reset = time.fromisoformat(str(config.get("reset") or self.reset))
        except ValueError:
            raise BadAccount(f"reset: {config['reset']!r} is no time of day, e.g. 17:00") from None
        self.fees = {
            root: amount(f"fees.{root}", value)
            for root, value in (config.get("fees") or {}).items()
        }
        for root in self.fees:
            if root not in INSTRUMENTS:
                raise BadAccount(f"fees.{root}: no such instrument")
        self.is_open = bool(config.get("is_open", True))
        self.passage = passage_of(config.get("live") or {})
        self.firm = str(config.get("firm") or "")
        self.__post_init__()


def new_account(id: int, user: int, config: Mapping[str, Any]) -> Account:
    """Return an account as it begins.

    Raises:  BadAccount
    """
    try:
        kind = Kind(config.get("kind", "paper"))
    except ValueError:
        raise BadAccount(f"kind: {config['kind']!r} is none of {', '.join(Kind)}") from None
    balance = amount("start_balance", config.get("start_balance", "50000"))
    account = Account(id, user, kind, balance, balance)
    account.configure(config)
    return account


def amount(name: str, value: object, *, least: Decimal = Decimal(0)) -> Decimal:
    """Return an amount of dollars that came as text.

    Raises:  BadAccount
    """
    try:
        read = Decimal(str(value))
    except InvalidOperation:
        raise BadAccount(f"{name}: {value!r} is no amount, write it like 50000 or 0.52") from None
    if not read.is_finite() or not least <= read <= MOST:
        raise BadAccount(f"{name}: {value!r} must lie between {least} and {MOST}")
    if read != read.quantize(Decimal("0.0001")):
        raise BadAccount(f"{name}: {value!r} has more than 4 decimals")
    return read


def share(fees: Decimal, quantity: int, of: int) -> Decimal:
    """Return the part of a fill's fees that so many of its contracts bear, as exactly as a row keeps it."""
    return (fees * quantity / of).quantize(FINEST)


def signed(name: str, value: object) -> Decimal:
    """Return a balance that came as text; it may lie below nought.

    Raises:  BadAccount
    """
    return amount(name, value, least=-MOST)


def cents(value: Decimal) -> Decimal:
    """Return an amount as it is written everywhere: two decimals, more only where it has them.

    A row keeps four, a sum as many as its parts; so that a fact reads the same before and after a restart.
    """
    short = value.quantize(CENT)
    return short if short == value else value.normalize()


def day_of(at: int, tz: str, reset: time) -> tuple[date, int]:
    """Return the trading day that holds an instant, and the instant at which it ends.

    A day is named by the date on which it ends, or begins where it is reset before noon (midnight in Prague). There is
    no Saturday and no Sunday: what is done after Friday's reset belongs to Monday.
    """
    zone = ZoneInfo(tz)
    local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone)
    end = local.date() if local.time() < reset else local.date() + timedelta(days=1)
    back = timedelta(days=1) if reset < NOON else timedelta(0)
    while (end - back).weekday() >= SATURDAY:
        end += timedelta(days=1)
    ends_at = datetime.combine(end, reset, zone).astimezone(UTC)
    return end - back, to_instant(ends_at)


def day_margin(instrument: Instrument) -> Decimal:
    """Return what a broker would ask for one contract inside the day."""
    return DAY_MARGIN_MICRO if instrument.is_micro else DAY_MARGIN_MINI
