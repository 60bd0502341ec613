"""The consistency rule as numbers: how large the best day is, and with which results of today it is small enough.

`is_consistent` of limits.py answers yes or no; `met_today` turns the question round. All exact, to the cent.
Source: reference/prop-firm-rules.md, 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from apps.risk.domain.rules import Basis, Consistency
from apps.risk.domain.spoken import dollars

CENT: Final = Decimal("0.01")
DOLLAR: Final = Decimal(1)
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a trading day made, after fees. Only days with a trade are days."""

    trade_date: date
    net: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """Results of today, both ends included, that would do. None: no end on that side."""

    low: Decimal | None = None
    high: Decimal | None = None

    def holds(self, net: Decimal) -> bool:
        """Return whether a result lies inside."""
        return (self.low is None or self.low <= net) and (self.high is None or net <= self.high)

    def cut(self, other: "Window | None") -> "Window | None":
        """Return what lies in both, None if nothing does."""
        if other is None:
            return None
        lows = [one for one in (self.low, other.low) if one is not None]
        highs = [one for one in (self.high, other.high) if one is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        return None if low is not None and high is not None and low > high else Window(low, high)


@dataclass(frozen=True, slots=True)
class BestDay:
    """The consistency rule now. Today counts as a day.

    share: best day / profit (None: no profit yet); of: that profit; needed: the profit, up to the next whole
    dollar, with which the best day is small enough; window: results of today with which the rule is met at its close
    """

    net: Decimal
    on: date | None
    of: Decimal
    share: Decimal | None
    allowed: Decimal
    basis: Basis
    strict: bool
    is_met: bool
    needed: Decimal
    window: Window | None


def best_day(
    rule: Consistency,
    days: Sequence[DayResult],
    today: DayResult | None,
    *,
    profit: Decimal,
    target: Decimal | None,
) -> BestDay:
    """Return where the rule stands.

    days: the closed days that the rule counts; today: None = it counts for nothing
    profit: now, all of it, or since the last payout where the rule counts from there
    """
    counted = days if today is None else (*days, today)
    best = max(counted, key=lambda one: one.net, default=None)
    net, on = (best.net, best.trade_date) if best and best.net > 0 else (NOTHING, None)
    of = _denominator(rule, [one.net for one in counted], profit, target)
    before = [one.net for one in days]
    return BestDay(
        net=net,
        on=on,
        of=of,
        share=net / of if of > 0 else None,
        allowed=rule.share,
        basis=rule.basis,
        strict=rule.strict,
        is_met=_fits(rule, net, max(of, profit) if rule.basis is Basis.TARGET else of),
        needed=needed_profit(net, rule),
        window=None if today is None else met_today(rule, before, profit - today.net, target),
    )


def met_today(
    rule: Consistency, days: Sequence[Decimal], profit: Decimal, target: Decimal | None
) -> Window | None:
    """Return with which results of today the best day is no larger than allowed, None: with none.

    `days` and `profit` without today. M is the best day before, P the profit before, x today's result: while x <= M
    the profit has to grow to M / share, so x >= M / share - P; above it x itself is the best day, so
    x <= share * P / (1 - share).
    """
    best = max([NOTHING, *days])
    if rule.basis is Basis.POSITIVE_DAYS:
        profit = sum((one for one in days if one > 0), NOTHING)
    if rule.basis is not Basis.TARGET and rule.share < 1 and best <= 0 and profit <= 0:
        return None  # the first good day is all of the profit
    grown = _grown(rule, best, profit)
    if rule.basis is Basis.POSITIVE_DAYS and grown is not None and _fits(rule, best, profit):
        return Window(None, grown.high)  # a losing day changes nothing in the sum of the good ones
    if rule.basis is Basis.TARGET and target is not None:
        most = _below(rule.share * target, strict=rule.strict)
        if best <= most:
            return Window(
                None, most if grown is None or grown.high is None else max(most, grown.high)
            )
    return grown


def needed_profit(best: Decimal, rule: Consistency) -> Decimal:
    """Return the profit with which this best day is small enough: best / share, up to the next whole dollar."""
    if best <= 0:
        return NOTHING
    whole = (best / rule.share).quantize(DOLLAR, ROUND_CEILING)
    return whole + DOLLAR if rule.strict and best == rule.share * whole else whole


def _fits(rule: Consistency, best: Decimal, profit: Decimal) -> bool:
    most = rule.share * profit
    return best <= 0 or (best < most if rule.strict else best <= most)


def _denominator(
    rule: Consistency, nets: Sequence[Decimal], profit: Decimal, target: Decimal | None
) -> Decimal:
    match rule.basis:
        case Basis.TARGET if target is not None:
            return target
        case Basis.POSITIVE_DAYS:
            return sum((one for one in nets if one > 0), NOTHING)
        case _:
            return profit


def _grown(rule: Consistency, best: Decimal, profit: Decimal) -> Window | None:
    """Return the results x with max(best, x) <= share * (profit + x), to the cent."""
    low = (best / rule.share).quantize(CENT, ROUND_CEILING)
    if rule.strict and best == rule.share * low:
        low += CENT
    if rule.share == 1:
        high = None if (profit > 0 if rule.strict else profit >= 0) else low - profit - CENT
    else:
        exact = rule.share * profit / (1 - rule.share)
        high = exact.quantize(CENT, ROUND_FLOOR)
        if rule.strict and high * (1 - rule.share) == rule.share * profit:
            high -= CENT
    return Window(low - profit).cut(Window(None, high))


def _below(most: Decimal, *, strict: bool) -> Decimal:
    cents = most.quantize(CENT, ROUND_FLOOR)
    return cents - CENT if strict and cents == most else cents


# ---- words ----


def too_large(best: BestDay) -> str:
    """Return what a best day that is too large asks for."""
    if best.needed == 0:
        return "No day has made a profit yet."
    limit = f"{'under' if best.strict else 'at most'} {(best.allowed * 100).normalize():f} %"
    needed, net = dollars(best.needed, sign=False), dollars(best.net)
    return f"The best day, {net}, may be {limit}: the profit has to reach {needed} first."
