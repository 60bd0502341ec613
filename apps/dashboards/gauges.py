"""Fuel gauges: what an account may still lose under each limit, and what its open stops would take of that.

Positions on a bar are percentages of its width, written by the server, so that they are right without a script.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from apps.brokers.queries import AccountView, PositionView
from apps.bus.domain.message import to_datetime
from apps.marketdata import price
from apps.risk.domain.limits import Level, Limit, LimitName
from apps.risk.domain.standing import Lock, LockKind, Standing, limits_of

NAMES: Final = {
    LimitName.DAILY_LOSS: "Daily loss",
    LimitName.OWN_DAILY: "Own daily loss",
    LimitName.MAX_LOSS: "To liquidation",
}
LOCK_NAMES: Final = {
    LockKind.DAILY: "The daily loss limit",
    LockKind.OWN: "Your own daily limit",
    LockKind.MAX_LOSS: "The maximum loss",
    LockKind.LOCKOUT: "Your own lockout",
}
WHOLE: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One limit of an account now, with what is lost if every open stop is hit."""

    limit: Limit
    equity: Decimal
    at_stake: Decimal
    level: Level

    @property
    def name(self) -> str:
        """Return the limit as it is called."""
        return NAMES[self.limit.name]

    @property
    def left(self) -> Decimal:
        """Return how many dollars may still be lost, never below nothing."""
        return max(Decimal(0), self.limit.left(self.equity))

    @property
    def used_pct(self) -> int:
        """Return how much of the limit is used, in whole per cent, rounded against the trader."""
        used = self.limit.used(self.equity) * 100
        return int(used.to_integral_value(ROUND_CEILING))

    @property
    def if_stopped(self) -> Decimal:
        """Return what is left if every open stop is hit, below 0 where that breaks the limit."""
        return self.limit.left(self.equity) - self.at_stake

    @property
    def width_left(self) -> Decimal:
        """Return how wide the bar is that is left."""
        return _width(self.left, self.limit.amount)

    @property
    def x_stake(self) -> Decimal:
        """Return where the part begins that the open stops would take."""
        return _width(max(Decimal(0), self.if_stopped), self.limit.amount)

    @property
    def width_stake(self) -> Decimal:
        """Return how wide that part is."""
        return max(Decimal(0), self.width_left - self.x_stake)


@dataclass(frozen=True, slots=True)
class Risk:
    """An account under its limits: the worst of them decides."""

    level: str
    gauges: tuple[Gauge, ...]
    standing: Standing | None
    unprotected: int

    @property
    def worst(self) -> Gauge | None:
        """Return the gauge that decides, None where there is no limit."""
        return max(self.gauges, key=lambda one: (one.level.rank, one.used_pct), default=None)

    @property
    def rules_words(self) -> str:
        """Return whose rules hold, in a word or two."""
        rules = self.standing.rules if self.standing else None
        return f"{rules.firm} {rules.plan}" if rules else "no rule set"

    @property
    def is_locked(self) -> bool:
        """Return whether new entries are refused."""
        return self.level == Level.LOCKED

    @property
    def failed_why(self) -> str:
        """Return why the account is gone, empty while it is not."""
        if self.standing is None or self.standing.failed_at is None:
            return ""
        return self.standing.failed_why.replace("_", " ").lower()

    @property
    def lock(self) -> Lock | None:
        """Return the lock that lasts longest, None where there is none."""
        locks = self.standing.locks if self.standing else []
        return max(locks, key=lambda one: (one.until is None, one.until or 0), default=None)

    @property
    def lock_name(self) -> str:
        """Return what the lock is called."""
        return LOCK_NAMES[self.lock.kind] if self.lock else ""

    @property
    def lock_since(self) -> object:
        """Return since when, None where nothing is locked."""
        return to_datetime(self.lock.since) if self.lock else None

    @property
    def lock_until(self) -> object:
        """Return until when, None where only a person or a reset ends it."""
        return to_datetime(self.lock.until) if self.lock and self.lock.until else None


def risk_of(view: AccountView, standing: Standing | None) -> Risk:
    """Return how an account stands at the prices of the moment."""
    if standing is None:
        return Risk(Level.SAFE, (), None, unprotected(view.positions))
    equity = view.equity if view.equity is not None else view.row.balance
    booked = view.booked
    stake = at_stake(view.positions)
    gauges = tuple(
        Gauge(
            limit, equity, stake, limit.level(equity, standing.levels.get(limit.name, Level.SAFE))
        )
        for limit in limits_of(booked, standing)
    )
    known = [standing.level, *(one.level for one in gauges)]
    locked_out = standing.lockout_until is not None and standing.lockout_until > price.now()
    level = Level.LOCKED if locked_out else max(known, key=lambda one: one.rank)
    return Risk(level, gauges, standing, unprotected(view.positions))


def at_stake(positions: Iterable[PositionView]) -> Decimal:
    """Return what is lost from the prices of the moment if every working stop is hit, without slippage.

    A stop beyond the price in profit gives back open profit; that counts as well.
    """
    lost = Decimal(0)
    for held in positions:
        if held.now is None:
            continue
        left = held.row.size
        for stop in held.protections:
            covered = min(left, stop.quantity - stop.filled)
            if stop.stop is not None and covered > 0:
                away = (held.now.last - stop.stop) * held.row.sign
                lost += max(Decimal(0), away) * covered * held.instrument.point_value
                left -= covered
    return lost


def unprotected(positions: Iterable[PositionView]) -> int:
    """Return how many contracts no stop protects."""
    return sum(held.uncovered for held in positions)


def _width(amount: Decimal, whole: Decimal) -> Decimal:
    share = max(Decimal(0), min(WHOLE, amount * WHOLE / whole))
    return share.quantize(Decimal("0.01"))
