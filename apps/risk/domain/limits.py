"""Limits as numbers: where a floor lies, how much of a limit is used, and what level that is.

All money is `Decimal` dollars, used is a part of the whole (0.5 = 50 %). Source: reference/prop-firm-rules.md, 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.risk.domain.rules import Action, Basis, Consistency, Drawdown, DrawdownType, Rules, Tier

WARNING_AT: Final = Decimal("0.5")
DANGER_AT: Final = Decimal("0.7")
LOCKED_AT: Final = Decimal("0.9")
BACK: Final = Decimal("0.02")  # so far below its boundary a level gets better, or it would flap
NOTHING: Final = Decimal(0)


class Level(StrEnum):
    """How near an account is to a limit."""

    SAFE = "safe"
    WARNING = "warning"
    DANGER = "danger"
    LOCKED = "locked"

    @property
    def rank(self) -> int:
        """Return 0 for safe to 3 for locked."""
        return _RANKS[self]


_RANKS: Final = {level: rank for rank, level in enumerate(Level)}


class LimitName(StrEnum):
    """Which limit: the firm's daily one, the trader's own daily one, the maximum loss."""

    DAILY_LOSS = "daily_loss"
    OWN_DAILY = "own_daily"
    MAX_LOSS = "max_loss"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one account now: equity must stay above `floor`, which is `amount` below where it counts from.

    inclusive: touching the floor breaks it already; lock_at: the part used at which trading is locked
    """

    name: LimitName
    amount: Decimal
    floor: Decimal
    inclusive: bool = True
    lock_at: Decimal = LOCKED_AT

    def left(self, equity: Decimal) -> Decimal:
        """Return how much may still be lost."""
        return equity - self.floor

    def used(self, equity: Decimal) -> Decimal:
        """Return the part that is used, never below 0."""
        return used(equity - self.floor, self.amount)

    def is_broken(self, equity: Decimal) -> bool:
        """Return whether the rule is broken at this equity."""
        return equity <= self.floor if self.inclusive else equity < self.floor

    def level(self, equity: Decimal, was: Level = Level.SAFE) -> Level:
        """Return the level at this equity: worse at once, better only `BACK` below the boundary."""
        part = self.used(equity)
        now = level(part, self.lock_at)
        return (
            now if now.rank >= was.rank else min(was, level(part + BACK, self.lock_at), key=_rank)
        )

    def worse_at(self, now: Level) -> Decimal:
        """Return the equity at or below which something happens next: a worse level, or the floor itself."""
        parts = [part for one, part in self._boundaries() if one.rank > now.rank]
        return self.floor + self.amount * (1 - min(parts)) if parts else self.floor

    def better_above(self, now: Level) -> Decimal | None:
        """Return the equity above which the level gets better, None if it is the best."""
        for one, part in self._boundaries():
            if one is now:
                return self.floor + self.amount * (1 - part + BACK)
        return None

    def _boundaries(self) -> tuple[tuple[Level, Decimal], ...]:
        return (
            (Level.WARNING, WARNING_AT),
            (Level.DANGER, DANGER_AT),
            (Level.LOCKED, self.lock_at),
        )


def used(left: Decimal, amount: Decimal) -> Decimal:
    """Return the part of a limit that is used: 1 - left / amount, never below 0."""
    return max(NOTHING, 1 - left / amount)


def level(part: Decimal, lock_at: Decimal = LOCKED_AT) -> Level:
    """Return the level of a part used: safe below 50 %, warning below 70, danger below the lock."""
    if part >= lock_at:
        return Level.LOCKED
    if part >= DANGER_AT:
        return Level.DANGER
    return Level.WARNING if part >= WARNING_AT else Level.SAFE


def _rank(one: Level) -> int:
    return one.rank


# ---- floors ----


def first_floor(drawdown: Drawdown, start: Decimal) -> Decimal:
    """Return where the floor of the maximum loss lies at the beginning; a static one stays there for ever."""
    return start - drawdown.amount


def trailed(drawdown: Drawdown, floor: Decimal, highest: Decimal, lock: Decimal | None) -> Decimal:
    """Return the floor once `highest` was reached: it follows at a distance, stops at the lock and never falls.

    highest: end-of-day balance (eod_trailing), equity (intraday_trailing), balance (closed_balance_trailing)
    """
    if drawdown.type is DrawdownType.STATIC:
        return floor
    follows = highest - drawdown.amount
    return max(floor, follows if lock is None else min(follows, lock))


def lock_level(rules: Rules, start: Decimal) -> Decimal | None:
    """Return where the floor stops to rise, None = never. A plan's figure moves with the account's own start."""
    drawdown = rules.drawdown
    if drawdown is None or drawdown.lock_level is None:
        return None
    return drawdown.lock_level + (start - rules.start_balance)


def daily_floor(day_start: Decimal, amount: Decimal) -> Decimal:
    """Return the daily floor: the day's first balance less the limit, whatever the high of the day."""
    return day_start - amount


# ---- tiers ----


def tier_of(rules: Rules, profit: Decimal) -> int | None:
    """Return the number of the tier that a profit at a day's close earns; below the first it is the first."""
    if not rules.scaling:
        return None
    reached = [number for number, one in enumerate(rules.scaling) if one.min_profit <= profit]
    return reached[-1] if reached else 0


def tier_at(rules: Rules | None, number: int | None) -> Tier | None:
    """Return the tier with this number, None where there is none."""
    if rules is None or number is None or number >= len(rules.scaling):
        return None
    return rules.scaling[number]


def daily_amount(rules: Rules | None, tier: int | None) -> Decimal | None:
    """Return the firm's daily limit in dollars: the tier's own, else the plan's; None = none."""
    one = tier_at(rules, tier)
    if one is not None and one.daily_loss is not None:
        return one.daily_loss
    return rules.daily_loss.amount if rules is not None and rules.daily_loss else None


def is_hard(rules: Rules | None) -> bool:
    """Return whether the broken daily limit fails the account."""
    return (
        rules is not None
        and rules.daily_loss is not None
        and (rules.daily_loss.action is Action.HARD)
    )


def allowed_minis(rules: Rules | None, tier: int | None) -> int | None:
    """Return how many minis may be held at once, None = any number."""
    one = tier_at(rules, tier)
    if one is not None:
        return one.minis
    return rules.size.minis if rules is not None and rules.size else None


# ---- consistency ----


def is_consistent(
    rule: Consistency, days: Sequence[Decimal], profit: Decimal, target: Decimal | None
) -> bool:
    """Return whether the best day is no larger a part of the profit than the rule allows.

    days: net of each day; profit: in all, or since the last payout where the rule counts from it
    """
    best = max(days, default=NOTHING)
    if best <= 0:
        return True
    whole = profit
    if rule.basis is Basis.TARGET and target is not None:
        whole = max(target, profit)  # a better day raises what is needed, it forbids nothing
    elif rule.basis is Basis.POSITIVE_DAYS:
        whole = sum((day for day in days if day > 0), NOTHING)
    if whole <= 0:
        return False
    return best < rule.share * whole if rule.strict else best <= rule.share * whole
