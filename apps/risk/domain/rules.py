"""A prop firm's rules as data. Everything else of this app asks these.

Money is `Decimal` dollars. Times of day are texts HH:MM in the rule set's own zone. Absent means: no such rule.
Source: reference/prop-firm-rules.md, 2 and 11.
"""

from dataclasses import dataclass, fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo


class DrawdownType(StrEnum):
    """What moves the floor of the maximum loss."""

    STATIC = "static"
    EOD_TRAILING = "eod_trailing"
    INTRADAY_TRAILING = "intraday_trailing"
    CLOSED_BALANCE_TRAILING = "closed_balance_trailing"


class Action(StrEnum):
    """What a broken daily limit does: lock until the reset, or fail the account."""

    SOFT = "soft"
    HARD = "hard"


class Policy(StrEnum):
    """Whether a firm lets orders come from a program. All but ALLOWED ask a person."""

    ALLOWED = "allowed"
    PERSONAL_DEVICE_ONLY = "personal_device_only"
    PLATFORM_ONLY = "platform_only"
    MANUAL_ONLY = "manual_only"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """Where in the firm's course an account stands."""

    EVALUATION = "evaluation"
    FUNDED = "funded"
    LIVE = "live"
    OWN = "own"


class Basis(StrEnum):
    """What the best day is measured against."""

    TOTAL_PROFIT = "total_profit"
    TARGET = "target"
    SINCE_PAYOUT = "since_payout"
    POSITIVE_DAYS = "positive_days"


@dataclass(frozen=True, slots=True)
class Drawdown:
    """Maximum loss. The floor never goes down; `lock_level` is where it stops to rise, None = never.

    inclusive: touching the floor breaks the rule already (most firms), else only going below it
    """

    type: DrawdownType
    amount: Decimal
    lock_level: Decimal | None = None
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class DailyLoss:
    """Daily limit: floor = balance at the day's start - amount, checked on equity as it moves."""

    amount: Decimal
    action: Action = Action.SOFT


@dataclass(frozen=True, slots=True)
class Size:
    """Most contracts at once, counted in minis: minis + micros / micro_ratio, over all products."""

    minis: int
    micro_ratio: int = 10


@dataclass(frozen=True, slots=True)
class Tier:
    """From this profit on, measured at a day's close, so many minis (and this daily loss) from the next day on."""

    min_profit: Decimal
    minis: int
    daily_loss: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Consistency:
    """Best day / profit must not be above `share`. Breaking it raises what is needed, it fails nobody."""

    share: Decimal
    basis: Basis = Basis.TOTAL_PROFIT
    strict: bool = False  # "under 50 %" instead of "at most"


@dataclass(frozen=True, slots=True)
class Hours:
    """The firm's day in its own zone. `flat_by` None: positions may stay; `reset` begins a new day."""

    tz: str = "America/Chicago"
    reset: time = time(17, 0)
    flat_by: time | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone itself."""
        return ZoneInfo(self.tz)


@dataclass(frozen=True, slots=True)
class WinningDays:
    """So many days that each made at least this much."""

    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class NewsWindow:
    """No entries around a release: minutes before and after each moment (ISO-8601, UTC) in `moments`."""

    before_minutes: int = 2
    after_minutes: int = 2
    moments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payout:
    """When money may be taken: balance above start + buffer, caps per request, share of the profit."""

    buffer: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    caps: tuple[Decimal, ...] = ()
    share_of_balance: Decimal = Decimal(1)
    floor_to_start: bool = (
        False  # the first payout sets the floor of the maximum loss to the start balance
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of one plan. Everything that an account under it may and may not do."""

    firm: str
    plan: str
    stage: Stage
    start_balance: Decimal
    drawdown: Drawdown | None = None
    daily_loss: DailyLoss | None = None
    size: Size | None = None
    scaling: tuple[Tier, ...] = ()
    target: Decimal | None = None
    consistency: Consistency | None = None
    min_days: int = 0
    winning_days: WinningDays | None = None
    hours: Hours = Hours()
    news: NewsWindow | None = None
    max_losses_in_row: int | None = None
    time_limit_days: int | None = None
    payout: Payout | None = None
    automation: Policy = Policy.UNKNOWN
    policy_words: str = ""
    lock_at_pct: int = 90
    flatten_on_lock: bool = True
    sources: tuple[str, ...] = ()
    verified_on: date | None = None
    confidence: str = ""
    unsure: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return the rules as JSON values; `rules_for` gives them back."""
        return {
            one.name: _plain(getattr(self, one.name))
            for one in fields(self)
            if getattr(self, one.name) not in (None, ())
        }


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        named = {one.name: getattr(value, one.name) for one in fields(value)}
        return {name: _plain(item) for name, item in named.items() if item not in (None, ())}
    return value
