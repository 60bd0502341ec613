"""What a trader wants to know before he goes on today: when to stop, what is missing, what could be paid out.

Everything is exact: money is `Decimal` dollars, and a window's ends are the first and the last cent that do.
Source: reference/prop-firm-rules.md, 2 and 11; product-spec.md, 5.8.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

from apps.risk.domain.best_day import (
    CENT,
    DOLLAR,
    NOTHING,
    BestDay,
    DayResult,
    Window,
    best_day,
    too_large,
)
from apps.risk.domain.limits import lock_level, trailed
from apps.risk.domain.rules import Basis, Consistency, Payout, Rules
from apps.risk.domain.spoken import dollars


@dataclass(frozen=True, slots=True)
class PaidOut:
    """Money that left the account on a trading day."""

    trade_date: date
    amount: Decimal


class Goal(StrEnum):
    """What an account is traded for next."""

    TARGET = "target"
    PAYOUT = "payout"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PayoutNow:
    """What could be asked for. `amount` 0: nothing, and `why_not` says why; `then`: after a stop at the window's end."""

    amount: Decimal
    why_not: tuple[str, ...]
    cap: Decimal | None
    floor_after: Decimal | None
    then: Decimal | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the planner says. Days count since the last payout where the goal is a payout.

    window: results of today with which the goal is reached at its close; missing: what today alone cannot bring
    """

    goal: Goal
    today: Decimal
    profit: Decimal
    target_left: Decimal | None
    days: int
    days_needed: int
    winning_days: int
    winning_days_needed: int
    best_day: BestDay | None
    window: Window | None
    missing: tuple[str, ...]
    payout: PayoutNow | None
    text: str

    @property
    def is_met(self) -> bool:
        """Return whether he may stop now and has reached the goal."""
        return self.window is not None and self.window.holds(self.today)


def plan(
    rules: Rules,
    days: Sequence[DayResult],
    today: DayResult,
    *,
    balance: Decimal,
    floor: Decimal | None = None,
    payouts: Sequence[PaidOut] = (),
    start: Decimal | None = None,
    has_traded: bool | None = None,
) -> Plan:
    """Return what today has to bring.

    days:       closed days with a trade, without today; today: its net so far
    balance:    now, today's net in it; start: of the account, None = the rule set's
    floor:      of the maximum loss; has_traded: today already counts as a day, None = if its net is not 0
    """
    return _Planner(rules, days, today, balance, floor, payouts, start, has_traded).plan()


class _Planner:
    """The account as it stands. `self.before` is what held when today began."""

    def __init__(
        self,
        rules: Rules,
        days: Sequence[DayResult],
        today: DayResult,
        balance: Decimal,
        floor: Decimal | None,
        payouts: Sequence[PaidOut],
        start: Decimal | None,
        has_traded: bool | None,
    ) -> None:
        self.rules, self.today, self.balance, self.floor = rules, today, balance, floor
        self.payouts = payouts
        self.start = rules.start_balance if start is None else start
        self.before = balance - today.net
        self.profit = balance + sum((one.amount for one in payouts), NOTHING) - self.start
        self.all_days = tuple(days)
        self.paid_on = max((one.trade_date for one in payouts), default=None)
        self.since = tuple(
            one for one in days if self.paid_on is None or one.trade_date > self.paid_on
        )
        self.is_paid_today = self.paid_on is not None and today.trade_date <= self.paid_on
        self.has_traded = bool(today.net) if has_traded is None else has_traded
        if rules.target is not None:
            self.goal = Goal.TARGET
        else:
            self.goal = Goal.PAYOUT if rules.payout is not None else Goal.NONE

    def plan(self) -> Plan:
        """Return the whole plan."""
        rules = self.rules
        counted = self.since if self.goal is Goal.PAYOUT else self.all_days
        counts_today = not (self.goal is Goal.PAYOUT and self.is_paid_today)
        done = [one.net for one in counted]
        now = [*done, self.today.net] if self.has_traded and counts_today else done
        won = rules.winning_days
        best = self._best_day(rules.consistency) if rules.consistency else None
        missing, window = self._goal_today(best, done)
        payout = self._payout_now(window, now, best) if rules.payout is not None else None
        return Plan(
            goal=self.goal,
            today=self.today.net,
            profit=self.profit,
            target_left=None if rules.target is None else max(NOTHING, rules.target - self.profit),
            days=len(now),
            days_needed=rules.min_days,
            winning_days=sum(net >= won.amount for net in now) if won else 0,
            winning_days_needed=won.count if won else 0,
            best_day=best,
            window=window,
            missing=missing,
            payout=payout,
            text=_text(self.goal, window, best, missing, self.today.net),
        )

    def _best_day(self, rule: Consistency) -> BestDay:
        if rule.basis is not Basis.SINCE_PAYOUT:
            return best_day(
                rule, self.all_days, self.today, profit=self.profit, target=self.rules.target
            )
        today = None if self.is_paid_today else self.today
        nets = [one.net for one in self.since] + ([today.net] if today else [])
        return best_day(
            rule, self.since, today, profit=sum(nets, NOTHING), target=self.rules.target
        )

    # ---- the goal ----

    def _goal_today(
        self, best: BestDay | None, done: list[Decimal]
    ) -> tuple[tuple[str, ...], Window | None]:
        """Return what one day cannot bring, and with which results of today the goal is reached."""
        rules, missing = self.rules, list[str]()
        window: Window | None = Window(self._room())
        if self.goal is Goal.NONE:
            return (), None
        if self.goal is Goal.PAYOUT and self.is_paid_today:
            return ("A payout was taken today: the count begins anew with the next day.",), None
        lacking = rules.min_days - len(done) - 1
        if lacking > 0:
            missing.append(f"{_many(lacking, 'more trading day')} after today.")
        if rules.winning_days:
            amount = rules.winning_days.amount
            open_days = rules.winning_days.count - sum(net >= amount for net in done)
            if open_days > 1:
                days = _many(open_days, "winning day")
                missing.append(f"{days} of {dollars(amount, sign=False)} or more, today included.")
            elif open_days == 1:
                window = window and window.cut(Window(amount))
        wanted = Window(self._least_today())
        window = window and window.cut(wanted)
        if best is not None:
            if best.window is None:
                missing.append(too_large(best))
            within = window and window.cut(best.window)
            if window is not None and within is None and best.window is not None:
                missing.append(_not_in_one_day(self.goal, best.window, wanted))
            window = within
        return tuple(missing), None if missing else window

    def _room(self) -> Decimal | None:
        """Return the worst result of today with which the account is still alive."""
        if self.floor is None or self.rules.drawdown is None:
            return None
        return self.floor + (CENT if self.rules.drawdown.inclusive else NOTHING) - self.before

    def _least_today(self) -> Decimal | None:
        """Return the least result of today with which target or smallest payout is reached."""
        rules = self.rules
        if self.goal is Goal.TARGET and rules.target is not None:
            return rules.target - (self.profit - self.today.net)
        if rules.payout is None:
            return None
        least = max(rules.payout.minimum, CENT)
        balances = [self.start + rules.payout.buffer + least]
        if rules.payout.share_of_balance:
            share = least / rules.payout.share_of_balance
            balances.append(self.start + share.quantize(CENT, ROUND_CEILING))
        floor = self._floor_after(self.before)
        if floor is not None:
            balances.append(floor + self._touch() + least)
        return max(balances) - self.before

    # ---- the payout ----

    def _payout_now(
        self, window: Window | None, now: list[Decimal], best: BestDay | None
    ) -> PayoutNow:
        payout = self.rules.payout
        assert payout is not None
        why_not = list(self._why_not(payout, now, best))
        amount = NOTHING if why_not else self._amount(payout, self.balance)
        end = None
        if window is not None:
            end = window.high if window.high is not None else max(self.today.net, window.low or 0)
        return PayoutNow(
            amount=amount,
            why_not=tuple(why_not),
            cap=self._cap(payout),
            floor_after=self._floor_after(self.balance),
            then=None if end is None else self._amount(payout, self.before + end),
        )

    def _why_not(self, payout: Payout, now: list[Decimal], best: BestDay | None) -> list[str]:
        why, won = list[str](), self.rules.winning_days
        if self.is_paid_today:
            why.append("A payout was taken today.")
        if len(now) < self.rules.min_days:
            why.append(f"{len(now)} of {_many(self.rules.min_days, 'trading day')}.")
        if won and (count := sum(net >= won.amount for net in now)) < won.count:
            amount = dollars(won.amount, sign=False)
            why.append(f"{count} of {_many(won.count, 'winning day')} of {amount} or more.")
        if best is not None and not best.is_met:
            why.append(too_large(best))
        if self._amount(payout, self.balance) == 0:
            least = self.start + payout.buffer + max(payout.minimum, CENT)
            if self.balance < least:
                why.append(f"The balance has to be {dollars(least, sign=False)} first.")
            else:
                why.append("What may be taken is less than the smallest payout.")
        return why

    def _amount(self, payout: Payout, balance: Decimal) -> Decimal:
        """Return the most that may be taken from a balance and leaves the account alive; 0 below the minimum."""
        above = balance - self.start
        most = [above - payout.buffer, payout.share_of_balance * above]
        if (cap := self._cap(payout)) is not None:
            most.append(cap)
        if (floor := self._floor_after(balance)) is not None:
            most.append(balance - floor - self._touch())
        amount = min(most).quantize(CENT, ROUND_FLOOR)
        return amount if amount >= max(payout.minimum, CENT) else NOTHING

    def _cap(self, payout: Payout) -> Decimal | None:
        """Return the cap of the next request; after the last step of a ladder its last step holds."""
        return payout.caps[min(len(self.payouts), len(payout.caps) - 1)] if payout.caps else None

    def _floor_after(self, balance: Decimal) -> Decimal | None:
        """Return the floor once a day has closed at this balance and its payout was taken."""
        drawdown, payout = self.rules.drawdown, self.rules.payout
        if drawdown is None or self.floor is None:
            return None
        floor = trailed(drawdown, self.floor, balance, lock_level(self.rules, self.start))
        is_first = not self.payouts
        return max(floor, self.start) if payout and payout.floor_to_start and is_first else floor

    def _touch(self) -> Decimal:
        return CENT if self.rules.drawdown is None or self.rules.drawdown.inclusive else NOTHING


# ---- words ----


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _not_in_one_day(goal: Goal, consistent: Window, wanted: Window) -> str:
    what = "target" if goal is Goal.TARGET else "payout"
    least = dollars(wanted.low) if wanted.low is not None else "more"
    most = dollars(consistent.high) if consistent.high is not None else least
    return f"The {what} needs {least} today, but more than {most} would be too large a best day."


_REACHED: Final = {
    Goal.TARGET: "the evaluation is passed",
    Goal.PAYOUT: "a payout can be asked for",
    Goal.NONE: "the consistency rule is met",
}


def _text(
    goal: Goal, window: Window | None, best: BestDay | None, missing: tuple[str, ...], now: Decimal
) -> str:
    """Return the one sentence for the page, and what he has."""
    have = f"You have {dollars(now)}."
    if window is not None:
        return f"{_stop(window)} and {_REACHED[goal]}. {have}"
    if best is not None and best.window is not None:
        then = f" Still needed: {' '.join(missing)}" if missing else ""
        return f"{_stop(best.window)} and {_REACHED[Goal.NONE]}. {have}{then}"
    return f"{' '.join(missing)} {have}" if missing else have


def _stop(window: Window) -> str:
    """Return where to stop, in whole dollars that lie inside the window if there are any."""
    low, high = window.low, window.high
    up = None if low is None else low.quantize(DOLLAR, ROUND_CEILING)
    down = None if high is None else high.quantize(DOLLAR, ROUND_FLOOR)
    if up is None or down is None or up <= down:
        low, high = up, down
    if low is None and high is None:
        return "Stop whenever you like today"
    if low is None or high is None:
        which, end = ("more", low) if high is None else ("less", high)
        return f"Stop at {dollars(end or NOTHING)} or {which} today"
    if low == high:
        return f"Stop at {dollars(low)} today"
    return f"Stop between {dollars(low)} and {dollars(high)} today"
