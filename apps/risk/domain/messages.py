"""What is said about rules: wishes, and facts named risk.*. Money is `Decimal`, `..._pct` per cent with 2 decimals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from apps.brokers.domain.facts import (
    AccountFact,
)
from apps.brokers.domain.messages import (
    Wish,
)

# ---- wishes ----


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRules(Wish):
    """Put an account under a rule set, as `Rules.plain()` writes it; None: under none.

    version: the number of the rule set's version, for the record
    floor:   where the floor of the maximum loss lies today, decimal text, where its history is not known here
    """

    name: ClassVar[str] = "risk.rules"
    account: int
    rules: Mapping[str, Any] | None
    version: int = 0
    floor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOwnLimits(Wish):
    """A trader's own limits, all of them, as `OwnLimits.plain()`. Tighter at once, looser from the next day on."""

    name: ClassVar[str] = "risk.own"
    account: int
    limits: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut(Wish):
    """No new entries until this market time, ns UTC. Nobody can undo it; it can only become longer."""

    name: ClassVar[str] = "risk.lockout"
    account: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftLock(Wish):
    """Lift the lock of the maximum loss, on a later trade date than the one on which it began."""

    name: ClassVar[str] = "risk.lift"
    account: int


# ---- facts ----


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFact(AccountFact):
    """Something that rules made of an account. `number` counts the account's own risk facts, and names this one."""

    number: int

    @property
    def key(self) -> str:
        """Return the fact's name, the account and its count."""
        return f"{self.name}:{self.account}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAnswer(AccountFact):
    """What a wish brought about."""

    wish: str

    @property
    def key(self) -> str:
        """Return the fact's name, the account and the wish."""
        return f"{self.name}:{self.account}:{self.wish}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLevelChanged(RiskFact):
    """A limit has another level: safe, warning, danger, locked. `account_level` is the worst of all."""

    name: ClassVar[str] = "risk.level_changed"
    limit: str
    level: str
    was: str
    account_level: str
    used_pct: Decimal
    left: Decimal
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBroken(RiskFact):
    """Equity met the floor of a limit. prices: the last price of each contract held, decimal text."""

    name: ClassVar[str] = "risk.broken"
    limit: str
    floor: Decimal
    equity: Decimal
    fails: bool
    prices: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLocked(RiskFact):
    """New entries are refused. `until_at` None: until a person lifts it, or for ever; `blocks` says what it stops."""

    name: ClassVar[str] = "risk.locked"
    kind: str
    until_at: int | None
    reason: str
    blocks: str
    wish: str = ""

    @property
    def key(self) -> str:
        """Return the wish where there is one, else the account's count."""
        return f"{self.name}:{self.account}:{self.wish or self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUnlocked(RiskFact):
    """A lock is over: by time, or because a person lifted it."""

    name: ClassVar[str] = "risk.unlocked"
    kind: str
    wish: str = ""

    @property
    def key(self) -> str:
        """Return the wish where there is one, else the account's count."""
        return f"{self.name}:{self.account}:{self.wish or self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFailed(RiskFact):
    """The firm would take the account away. Only a reset begins it anew."""

    name: ClassVar[str] = "risk.failed"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPassed(RiskFact):
    """Target, days and consistency are fulfilled, with nothing open."""

    name: ClassVar[str] = "risk.passed"
    profit: Decimal
    target: Decimal
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss(RiskFact):
    """A day ended on which a limit came near and held. `used_pct` when its worst level began."""

    name: ClassVar[str] = "risk.near_miss"
    limit: str
    level: str
    used_pct: Decimal
    trade_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenSaid(RiskFact):
    """A rule closes everything that the account holds."""

    name: ClassVar[str] = "risk.flattened"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSet(RiskAnswer):
    """An account lives under these rules from now on; empty texts: under none."""

    name: ClassVar[str] = "risk.rules_set"
    firm: str
    plan: str
    version: int
    floor: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimitsChanged(RiskAnswer):
    """A trader's own limits: `now` holds at once, `next_day` from the next roll on (None: the same)."""

    name: ClassVar[str] = "risk.own_changed"
    now: Mapping[str, Any]
    next_day: Mapping[str, Any] | None
