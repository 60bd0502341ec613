"""Where an account stands under its rules: all that the guard has to know of it after a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from apps.brokers.domain.messages import AccountBooked
from apps.risk.domain.limits import (
    LOCKED_AT,
    Level,
    Limit,
    LimitName,
    allowed_minis,
    daily_amount,
    daily_floor,
    first_floor,
    is_consistent,
    lock_level,
    tier_of,
    trailed,
)
from apps.risk.domain.own_limits import OwnLimits, own_limits, tighter
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Basis, DrawdownType, Rules

MOST_DAYS: Final = 400  # of results that are kept


class LockKind(StrEnum):
    """Why new entries are refused."""

    DAILY = "daily"
    MAX_LOSS = "max_loss"
    OWN = "own"
    LOCKOUT = "lockout"


LOCKS: Final = {
    LimitName.DAILY_LOSS: LockKind.DAILY,
    LimitName.OWN_DAILY: LockKind.OWN,
    LimitName.MAX_LOSS: LockKind.MAX_LOSS,
}
BLOCKS: Final = (
    "New entries through tradehub. Exits, cancels and flatten always pass, and nothing is "
    "blocked at the broker."
)


@dataclass(frozen=True, slots=True)
class Lock:
    """New entries are refused. `until` None: until a person lifts it; trade_date: the day it began."""

    kind: LockKind
    since: int
    until: int | None
    reason: str
    trade_date: date
    blocks: str = BLOCKS


@dataclass(slots=True)
class Standing:
    """One account under its rules.

    peak:    the highest that moves the floor: equity (intraday trailing) or balance (closed balance trailing)
    highest_close: highest balance at a day's close; tier: number of the scaling tier that holds today
    levels:  of each limit; worst: of each limit the day's worst level and the part used when it began
    broken:  limits broken since the reset; lifted: a person lifted the lock of the maximum loss
    results: net of each day with trades, oldest first; paid_on: the day of the last payout
    flattening: the reason for which a rule is closing everything, empty once the account is flat
    again_at: from when on that is asked again, because an exit came to nothing; 0 = it is under way; NEVER = it could not leave,
             and is asked for again when the line to the broker is back
    tries:   how often in a row it came to nothing
    flat_said: the last flat-by moment that was dealt with; said: number of the last fact
    lasts:   the last prices that the guard reckoned with, ticks
    """

    account: int
    user: int
    rules: Rules | None = None
    version: int = 0
    start: Decimal | None = None
    peak: Decimal | None = None
    highest_close: Decimal | None = None
    floor: Decimal | None = None
    tier: int | None = None
    own: OwnLimits = field(default_factory=OwnLimits)
    own_next: OwnLimits | None = None
    lockout_until: int | None = None
    locks: list[Lock] = field(default_factory=list)
    levels: dict[LimitName, Level] = field(default_factory=dict)
    worst: dict[LimitName, tuple[Level, Decimal]] = field(default_factory=dict)
    broken: list[LimitName] = field(default_factory=list)
    lifted: bool = False
    streak: int = 0
    last_loss_at: int | None = None
    trades_today: int = 0
    trade_date: date | None = None
    opened_on: date | None = None
    results: list[tuple[date, Decimal]] = field(default_factory=list)
    payouts: Decimal = Decimal(0)
    paid_on: date | None = None
    passed_at: int | None = None
    passed_why: str = ""
    failed_at: int | None = None
    failed_why: str = ""
    flattening: str = ""
    again_at: int = 0
    tries: int = 0
    flat_said: int = 0
    said: int = 0
    lasts: dict[str, int] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """Return the worst level of its limits; an account that is locked or failed is locked."""
        if self.failed_at is not None or self.locks:
            return Level.LOCKED
        return max(self.levels.values(), key=lambda one: one.rank, default=Level.SAFE)

    @property
    def lock_at(self) -> Decimal:
        """Return the part of a limit at which trading is locked."""
        return LOCKED_AT if self.rules is None else Decimal(self.rules.lock_at_pct) / 100

    @property
    def minis(self) -> int | None:
        """Return how many minis may be held at once, None = any number."""
        return tighter(allowed_minis(self.rules, self.tier), self.own.max_minis)

    @property
    def max_losses_in_row(self) -> int | None:
        """Return after how many losses in a row the day is over, None = never."""
        rule = self.rules.max_losses_in_row if self.rules else None
        return tighter(rule, self.own.max_losses_in_row)

    def number(self) -> int:
        """Return the number of the next fact."""
        self.said += 1
        return self.said

    def lock(self, kind: LockKind) -> Lock | None:
        """Return the lock of this kind, None if there is none."""
        return next((one for one in self.locks if one.kind is kind), None)

    def begin(self, start: Decimal, balance: Decimal, day_start: Decimal) -> None:
        """Begin to count: the floor at its first place, or where the highest known would have brought it."""
        self.start = start
        rules = self.rules
        self.tier = tier_of(rules, day_start - start) if rules is not None else None
        if rules is None or rules.drawdown is None:
            self.floor = self.peak = None
            return
        drawdown = rules.drawdown
        self.peak = max(start, balance)
        self.floor = first_floor(drawdown, start)
        if drawdown.type is DrawdownType.EOD_TRAILING:
            highest = self.highest_close if self.highest_close is not None else start
        else:
            highest = self.peak
        self.floor = trailed(drawdown, self.floor, highest, lock_level(rules, start))

    def rise(self, highest: Decimal) -> None:
        """Let the floor follow an equity or balance. Above the lock nothing moves it, so the peak rests there."""
        rules, floor = self.rules, self.floor
        if rules is None or rules.drawdown is None or floor is None or self.start is None:
            return
        lock = lock_level(rules, self.start)
        top = highest if lock is None else min(highest, lock + rules.drawdown.amount)
        self.peak = top if self.peak is None else max(self.peak, top)
        self.floor = trailed(rules.drawdown, floor, highest, lock)

    def close_day(self, day: date, balance: Decimal, net: Decimal, trades: int) -> None:
        """Take a day's result in: what it makes of floor, tier and own limits holds from the next day on."""
        assert self.start is not None
        self.highest_close = max(self.highest_close or self.start, self.start, balance)
        rules = self.rules
        drawdown = rules.drawdown if rules is not None else None
        follows = drawdown is not None and drawdown.type is DrawdownType.EOD_TRAILING
        if rules is not None and drawdown is not None and follows and self.floor is not None:
            lock = lock_level(rules, self.start)
            self.floor = trailed(drawdown, self.floor, self.highest_close, lock)
        if rules is not None:
            self.tier = tier_of(rules, balance - self.start)
        if trades or net:
            self.results = [*self.results, (day, net)][-MOST_DAYS:]
        if self.own_next is not None:
            self.own, self.own_next = self.own_next, None
        self.streak = self.trades_today = 0
        self.broken = [one for one in self.broken if one is LimitName.MAX_LOSS]

    def pay_out(self, amount: Decimal) -> bool:
        """Take a payout in; return whether it moved the floor to the start balance."""
        is_first = not self.payouts
        self.payouts += amount
        self.paid_on = self.trade_date
        rules = self.rules
        if not (is_first and rules and rules.payout and rules.payout.floor_to_start):
            return False
        if self.floor is None or self.start is None or self.floor >= self.start:
            return False
        self.floor = self.start
        return True

    def plain(self) -> dict[str, Any]:
        """Return the standing as JSON values; `standing_of` gives it back."""
        values = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def standing_of(plain: Mapping[str, Any]) -> Standing:
    """Return the standing that `plain` wrote down."""
    given = dict(plain)
    for name in ("start", "peak", "highest_close", "floor", "payouts"):
        if name in given:
            given[name] = Decimal(given[name])
    for name in ("trade_date", "opened_on", "paid_on"):
        if name in given:
            given[name] = date.fromisoformat(given[name])
    for name in ("own", "own_next"):
        if name in given:
            given[name] = own_limits(given[name])
    if "rules" in given:
        given["rules"] = rules_for(given["rules"])
    given["locks"] = [_lock(one) for one in given.get("locks", ())]
    given["levels"] = {LimitName(name): Level(one) for name, one in given.get("levels", {}).items()}
    given["worst"] = {
        LimitName(name): (Level(one), Decimal(part))
        for name, (one, part) in given.get("worst", {}).items()
    }
    given["broken"] = [LimitName(one) for one in given.get("broken", ())]
    given["results"] = [
        (date.fromisoformat(day), Decimal(net)) for day, net in given.get("results", ())
    ]
    return Standing(**given)


# ---- what follows from a standing ----


def limits_of(view: AccountBooked, standing: Standing) -> tuple[Limit, ...]:
    """Return every money limit that binds an account now, daily ones first."""
    limits = []
    amount = daily_amount(standing.rules, standing.tier)
    start, lock_at = view.day_start_balance, standing.lock_at
    if amount is not None:
        limits.append(
            Limit(LimitName.DAILY_LOSS, amount, daily_floor(start, amount), True, lock_at)
        )
    own = standing.own.max_daily_loss
    if own is not None:
        limits.append(Limit(LimitName.OWN_DAILY, own, daily_floor(start, own), True, lock_at))
    drawdown = standing.rules.drawdown if standing.rules else None
    if drawdown is not None and standing.floor is not None:
        limits.append(
            Limit(LimitName.MAX_LOSS, drawdown.amount, standing.floor, drawdown.inclusive, lock_at)
        )
    return tuple(limits)


def passes(view: AccountBooked, standing: Standing) -> tuple[Decimal, int] | None:
    """Return profit and days of an account that has fulfilled its evaluation, None while it has not.

    Realised profit counts, and nothing may be open: what is open may still be given back.
    """
    rules = standing.rules
    if rules is None or rules.target is None or view.holdings or standing.failed_at is not None:
        return None
    profit = view.balance + view.payouts - view.start_balance
    dated = list(standing.results)
    if view.trades_today or view.realized_today:
        dated.append((view.trade_date, view.realized_today))
    days = [net for _, net in dated]
    if profit < rules.target or len(days) < rules.min_days:
        return None
    winning = rules.winning_days
    if winning and sum(net >= winning.amount for net in days) < winning.count:
        return None
    if rules.consistency is not None:
        paid_on = standing.paid_on
        since = rules.consistency.basis is Basis.SINCE_PAYOUT and paid_on is not None
        counted = [net for day, net in dated if paid_on is None or day > paid_on] if since else days
        whole = sum(counted, Decimal(0)) if since else profit
        if not is_consistent(rules.consistency, counted, whole, rules.target):
            return None
    return profit, len(days)


# ---- values in and out ----


def _lock(plain: Mapping[str, Any]) -> Lock:
    return Lock(
        LockKind(plain["kind"]),
        plain["since"],
        plain["until"],
        plain["reason"],
        date.fromisoformat(plain["trade_date"]),
        plain["blocks"],
    )


def _plain(value: Any) -> Any:
    match value:
        case Rules() | OwnLimits():
            return value.plain()
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case StrEnum():
            return value.value
        case Lock():
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case list() | tuple():
            return [_plain(one) for one in value]
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case _:
            return value
