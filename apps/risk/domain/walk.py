"""An account under a rule set, trade by trade, in whole numbers: fast enough to be walked some thousand times.

The unit is a ten-thousandth of a dollar, in which every fee and every tick is whole. `limits.py` says the same of
floors in `Decimal`, for the account that is traded now; a test holds both to each other.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from apps.risk.domain.limits import lock_level
from apps.risk.domain.rules import Action, Basis, DrawdownType, Rules

UNITS: Final = 10_000  # of a dollar
FAR_BELOW: Final = -(1 << 62)  # the floor where there is no limit
FAR_AWAY: Final = 1 << 61  # the distance to it, at least


class Why(StrEnum):
    """What ended an evaluation."""

    PASSED = "passed"
    MAX_LOSS = "max_loss"
    DAILY_LOSS = "daily_loss"
    TIME_LIMIT = "time_limit"


class AimedAt(StrEnum):
    """What counts as passing: the profit target, else the first payout, else nothing does."""

    TARGET = "target"
    PAYOUT = "payout"
    NOTHING = "nothing"


def units(amount: Decimal) -> int:
    """Return dollars as whole ten-thousandths, the nearest."""
    return int((amount * UNITS).to_integral_value())


def money(amount: int) -> Decimal:
    """Return whole ten-thousandths as dollars, with cents, or with four decimals where cents do not do."""
    exact = Decimal(amount) / UNITS
    return exact if amount % 100 else exact.quantize(Decimal("0.01"))


@dataclass(frozen=True, slots=True)
class Terms:
    """A rule set in whole numbers. `tiers` are (profit from which, daily loss), `goal` is the profit that passes."""

    start: int
    type: DrawdownType | None
    amount: int
    lock: int | None
    touch: int  # 1 where touching the floor breaks the rule already
    daily: int | None
    is_hard: bool
    tiers: tuple[tuple[int, int | None], ...]
    aimed_at: AimedAt
    goal: int
    min_days: int
    winning_days: int
    winning: int
    share: Fraction | None
    basis: Basis
    is_strict: bool
    target: int


def terms_of(rules: Rules, start: Decimal | None = None) -> Terms:
    """Return the rules that a walk can test, for an account that began with `start` (None: the rule set's own)."""
    begin = rules.start_balance if start is None else start
    drawdown, daily, rule, won = (
        rules.drawdown,
        rules.daily_loss,
        rules.consistency,
        rules.winning_days,
    )
    lock = lock_level(rules, begin)
    aimed_at, goal = _goal(rules)
    return Terms(
        start=units(begin),
        type=drawdown.type if drawdown else None,
        amount=units(drawdown.amount) if drawdown else 0,
        lock=None if lock is None else units(lock),
        touch=1 if drawdown is None or drawdown.inclusive else 0,
        daily=units(daily.amount) if daily else None,
        is_hard=daily is not None and daily.action is Action.HARD,
        tiers=tuple(
            (
                units(tier.min_profit),
                None if tier.daily_loss is None else units(tier.daily_loss),
            )
            for tier in rules.scaling
        ),
        aimed_at=aimed_at,
        goal=goal,
        min_days=rules.min_days,
        winning_days=won.count if won else 0,
        winning=units(won.amount) if won else 0,
        share=Fraction(rule.share) if rule else None,
        basis=rule.basis if rule else Basis.TOTAL_PROFIT,
        is_strict=rule is not None and rule.strict,
        target=units(rules.target) if rules.target is not None else 0,
    )


def _goal(rules: Rules) -> tuple[AimedAt, int]:
    if rules.target is not None:
        return AimedAt.TARGET, units(rules.target)
    payout = rules.payout
    if payout is None or not payout.share_of_balance:
        return AimedAt.NOTHING, 0
    least = max(payout.minimum, Decimal("0.01"))
    by_share = (least / payout.share_of_balance).quantize(Decimal("0.01"), ROUND_CEILING)
    return AimedAt.PAYOUT, units(max(payout.buffer + least, by_share))


class Walker:
    """Walks one account. `end` is None while it lives; then `equity` and `line` say what met what.

    is_certain: False where it failed only if its last trade was ahead before it was behind
    day_net, is_locked: of the day that is open; closest: least distance of equity to its nearest limit so far
    """

    __slots__ = (
        "balance", "best_day", "closest", "daily_line", "day_net", "days", "end", "equity", "floor",
        "has_traded", "is_certain", "is_locked", "line", "peak", "positive", "terms", "winning_days",
    )  # fmt: skip

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.begin()

    def begin(self) -> None:
        """Begin anew, with the first balance and the first floor."""
        terms = self.terms
        self.balance = self.peak = self.equity = terms.start
        self.floor = FAR_BELOW if terms.type is None else terms.start - terms.amount
        self.end: Why | None = None
        self.is_certain = True
        self.line = self.floor
        self.closest = FAR_AWAY
        self.days = self.winning_days = self.best_day = self.positive = 0
        self.open_day()

    @property
    def profit(self) -> int:
        """Return what it has made."""
        return self.balance - self.terms.start

    def open_day(self) -> None:
        """Begin a day: the daily limit counts from this balance, the tier from the profit so far."""
        terms, daily = self.terms, self.terms.daily
        if terms.tiers:
            profit = self.balance - terms.start
            reached = [loss for least, loss in terms.tiers if least <= profit]
            tier = reached[-1] if reached else terms.tiers[0][1]
            daily = daily if tier is None else tier
        self.daily_line = FAR_BELOW if daily is None else self.balance - daily
        self.day_net = 0
        self.is_locked = self.has_traded = False

    def take(self, net: int, best: int, worst: int) -> None:
        """Take one trade in: its best first, which moves an intraday floor, then its worst, then its close.

        That order is the pessimistic one: what is not broken by it was not broken at all. best >= max(net, 0),
        worst <= min(net, 0); a worst of 0 is the entry itself, so such a trade never came lower than its close.
        """
        terms = self.terms
        before, floor_at_entry = self.balance, self.floor
        is_intraday = terms.type is DrawdownType.INTRADAY_TRAILING
        if is_intraday:
            self._rise(before + best)
        change = worst or net
        equity = before + change
        self.has_traded = True
        daily, floor = self.daily_line, self.floor
        is_daily = daily + 1 > floor + terms.touch  # the higher one is met first
        line, least = (daily, daily + 1) if is_daily else (floor, floor + terms.touch)
        if equity - line < self.closest:
            self.closest = equity - line
        if equity < least:
            self.equity, self.line = equity, line
            if is_daily and not terms.is_hard:
                net = daily - before  # it is closed there, and the day is over
                self.is_locked = True
            else:
                self.end = Why.DAILY_LOSS if is_daily else Why.MAX_LOSS
                kind = equity >= floor_at_entry + terms.touch and before + net >= least
                self.is_certain = is_daily or not kind
                net = change
        self.balance = before + net
        self.day_net += net
        if self.end is None:
            if is_intraday or terms.type is DrawdownType.CLOSED_BALANCE_TRAILING:
                self._rise(self.balance)
            if terms.aimed_at is not AimedAt.NOTHING and self._has_passed():
                self.end = Why.PASSED

    def close_day(self) -> None:
        """End a day: only days with a trade count, and an end-of-day floor follows the balance."""
        if self.has_traded:
            net = self.day_net
            self.days += 1
            self.best_day = max(self.best_day, net)
            if net > 0:
                self.positive += net
            if net >= self.terms.winning:
                self.winning_days += 1
        if self.terms.type is DrawdownType.EOD_TRAILING:
            self._rise(self.balance)

    def is_consistent(self) -> bool:
        """Return whether the best day is small enough, the open day included.

        Against the target a larger best day raises what is needed to best day / share, as everywhere.
        """
        terms, net = self.terms, self.day_net
        best = max(self.best_day, net)
        if terms.share is None or best <= 0:
            return True
        whole = self.balance - terms.start
        if terms.basis is Basis.POSITIVE_DAYS:
            whole = self.positive + max(0, net)
        elif terms.basis is Basis.TARGET:
            whole = max(terms.target, whole)
        one, other = best * terms.share.denominator, terms.share.numerator * whole
        return one < other if terms.is_strict else one <= other

    def _has_passed(self) -> bool:
        terms = self.terms
        if self.balance - terms.start < terms.goal or self.days + 1 < terms.min_days:
            return False
        won = self.winning_days + (self.day_net >= terms.winning)
        return won >= terms.winning_days and self.is_consistent()

    def _rise(self, highest: int) -> None:
        if highest > self.peak:
            self.peak = highest
            terms = self.terms
            floor = highest - terms.amount
            if terms.lock is not None and floor > terms.lock:
                floor = terms.lock
            if floor > self.floor:
                self.floor = floor
