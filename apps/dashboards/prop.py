"""Prop Portfolio as it is drawn: a row per account, the tiles above, the detail of the one that is chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from typing import Any, Final

from django.http import HttpRequest

from apps.brokers.domain.account import Kind
from apps.brokers.models import Account
from apps.brokers.queries import accounts
from apps.bus.domain.message import to_datetime
from apps.dashboards.accounts import CHOSEN, accounts_of
from apps.dashboards.gauges import Gauge, Risk, risk_of
from apps.dashboards.plan_chart import PlanChart, plan_chart
from apps.dashboards.templatetags.desk import dollars, minute
from apps.marketdata import price
from apps.risk.compliance import OLD_DAYS, Break, Check, breaks, compliance, days_old, for_now
from apps.risk.domain.limits import LimitName
from apps.risk.domain.planner import Plan
from apps.risk.domain.rules import Rules
from apps.risk.domain.standing import Standing
from apps.risk.domain.wording import POLICY_WORDS, unsure_words
from apps.risk.history import Day, Days, days_of, fees_since, incidents, paid_since
from apps.risk.portfolio import UnderRules, under_rules
from apps.trades.domain.telling import tell

SHOWN: Final = ("open", "passed", "failed")
CLOSED: Final = "closed"
TRACKED: Final = 60  # days of the tracker, which scrolls
NOTHING: Final = Decimal(0)
OWN: Final = (
    ("max_daily_loss", "Daily loss", "$"),
    ("max_trades", "Trades a day", "trades"),
    ("max_losses_in_row", "Losses in a row", "losses"),
    ("cooldown_minutes", "Pause after a loss", "min"),
    ("max_minis", "Contracts at once", "minis"),
)


@dataclass(frozen=True)
class PropRow:
    """One account in the table."""

    one: UnderRules
    risk: Risk

    @property
    def pk(self) -> int:
        """Return its number."""
        return self.one.row.pk

    @property
    def can_reopen(self) -> bool:
        """Return whether its owner may open it again: a closed one on paper. A broker's is used anew under Brokers."""
        return not self.one.row.is_open and self.one.row.kind == Kind.PAPER

    @property
    def plan_words(self) -> str:
        """Return whose rules it lives under."""
        rules = self.one.rules
        return f"{rules.firm} {rules.plan}" if rules else "no rule set"

    @property
    def max_loss(self) -> Gauge | None:
        """Return the gauge of the maximum loss."""
        return next((one for one in self.risk.gauges if one.limit.name is LimitName.MAX_LOSS), None)

    @property
    def daily(self) -> Gauge | None:
        """Return the gauge of the daily limit that binds first, the firm's or the trader's own."""
        daily = [one for one in self.risk.gauges if one.limit.name is not LimitName.MAX_LOSS]
        return min(daily, key=lambda one: one.left, default=None)

    @property
    def used_pct(self) -> int:
        """Return how much of its worst limit is used."""
        return self.risk.worst.used_pct if self.risk.worst else 0

    @property
    def used_words(self) -> str:
        """Return how much of its worst limit is used, in words."""
        return f"{self.used_pct} % used"

    @property
    def state_words(self) -> str:
        """Return its level with what decides it: Safe, 14 %; Locked to 17:00 CT; Failed."""
        if self.one.state == "failed":
            return "Failed"
        if self.one.state == "passed" and not self.risk.is_locked:
            return "Passed"
        if self.risk.is_locked:
            until = self.risk.lock_until
            return f"Locked to {minute(until)} CT" if isinstance(until, datetime) else "Locked"
        name = str(self.risk.level).capitalize()
        return f"{name}, {self.used_pct} %" if self.risk.worst else name

    @property
    def goal(self) -> str:
        """Return target or payout in a few words."""
        plan, rules = self.one.plan, self.one.rules
        if plan is None or rules is None:
            return ""
        if rules.target is not None:
            return f"{_whole(plan.profit)} of {rules.target:,.0f}"
        if rules.payout is None:
            return ""
        if plan.payout is not None and plan.payout.amount > 0:
            return f"{_whole(plan.payout.amount)} can be asked for"
        if plan.winning_days_needed:
            return f"{plan.winning_days} of {plan.winning_days_needed} days"
        if plan.days_needed:
            return f"{plan.days} of {plan.days_needed} days"
        return "safety net" if rules.payout.buffer else "not yet"

    @property
    def goal_width(self) -> Decimal:
        """Return how far it is, as the width of a bar."""
        plan, rules = self.one.plan, self.one.rules
        if plan is None or rules is None:
            return NOTHING
        if rules.target is not None:
            return _share(plan.profit, rules.target)
        if plan.payout is not None and plan.payout.amount > 0:
            return Decimal(100)
        if plan.winning_days_needed:
            return _share(Decimal(plan.winning_days), Decimal(plan.winning_days_needed))
        if plan.days_needed:
            return _share(Decimal(plan.days), Decimal(plan.days_needed))
        row = self.one.row
        return _share(
            row.balance - row.start_balance, rules.payout.buffer if rules.payout else NOTHING
        )

    @property
    def best_day(self) -> dict[str, Any] | None:
        """Return the best day against the consistency rule: words, bar, mark of what is allowed."""
        best = self.one.plan.best_day if self.one.plan else None
        if best is None:
            return None
        share = best.share
        words = "no profit yet" if best.net <= 0 else f"{_pct(share)} of {_pct(best.allowed)}"
        if best.net > 0 and share is None:
            words = "no profit in all"
        return {
            "is_met": best.is_met or best.net <= 0,
            "words": words,
            "width": _share(share or NOTHING, Decimal(1)),
            "mark": _share(best.allowed, Decimal(1)),
        }


@dataclass(frozen=True)
class Tiles:
    """The figures above the table."""

    buffer: Decimal
    if_stopped: Decimal
    nearest: PropRow | None
    today: Decimal
    payable: Decimal
    payable_from: str
    paid: Decimal
    payouts: int
    fees: Decimal

    @property
    def net_of_fees(self) -> Decimal:
        """Return what was paid out, less fees."""
        return self.paid - self.fees


@dataclass(frozen=True)
class Incident:
    """Something that rules did, as a person reads it."""

    at: datetime
    title: str
    text: str
    is_miss: bool
    is_good: bool


@dataclass(frozen=True)
class Detail:
    """The chosen account in full."""

    row: PropRow
    checks: Sequence[Check]
    breaks: Sequence[Break]
    days: Days
    incidents: Sequence[Incident]
    at: int

    @property
    def rules(self) -> Rules | None:
        """Return its rules."""
        return self.row.one.rules

    @property
    def standing(self) -> Standing:
        """Return where it stands."""
        return self.row.one.standing

    @property
    def plan(self) -> Plan | None:
        """Return what today has to bring."""
        return self.row.one.plan

    @property
    def tracked(self) -> list[Day]:
        """Return its last days, newest first."""
        return list(reversed(self.days.days[-TRACKED:]))

    @property
    def version(self) -> str:
        """Return which version of its rules holds."""
        kept = self.row.one.kept
        return f"v{kept.version.number}" if kept else ""

    @property
    def newer(self) -> int | None:
        """Return the number of a newer version of its rule set, None if it lives under the newest."""
        kept = self.row.one.kept
        if kept is None:
            return None
        newest = kept.version.rule_set.versions.first()
        return newest.number if newest and newest.number > kept.version.number else None

    @property
    def age(self) -> int | None:
        """Return how many days ago the rules were read."""
        return days_old(self.rules, self.at)

    @property
    def is_old(self) -> bool:
        """Return whether that is too long ago."""
        return self.age is None or self.age >= OLD_DAYS

    @property
    def unsure(self) -> str:
        """Return what has to be compared with the contract."""
        return unsure_words(self.rules) if self.rules else ""

    @property
    def policy(self) -> str:
        """Return the firm's word on automation, short."""
        return POLICY_WORDS[self.rules.automation] if self.rules else ""

    @property
    def own(self) -> list[tuple[str, str, str | None]]:
        """Return the trader's own limits: name, what holds now, what holds from the next reset on if it differs."""
        now, later = self.standing.own, self.standing.own_next
        each = []
        for field, name, unit in OWN:
            kept = _said(getattr(now, field), unit)
            then = None if later is None else _said(getattr(later, field), unit)
            each.append((name, kept, None if then == kept else then))
        return each

    @cached_property
    def chart(self) -> PlanChart | None:
        """Return the days and today's window as bars."""
        if self.plan is None:
            return None
        today = self.row.one.view.booked.trade_date
        return plan_chart(self.standing.results, self.row.one.view.net_today, today, self.plan)

    @property
    def max_loss_lock(self) -> Any:
        """Return the lock that a person may lift, None where there is none."""
        return next((one for one in self.standing.locks if one.kind == "max_loss"), None)


@dataclass(frozen=True)
class Portfolio:
    """The page: every account that is open on this desk, those that are shown, and the chosen one.

    closed: how many accounts are closed on this desk
    """

    every: Sequence[PropRow]
    rows: Sequence[PropRow]
    shown: str
    chosen: PropRow | None
    closed: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Return how many accounts are open, passed and failed, and how many are closed if any is."""
        counts = {name: sum(one.one.state == name for one in self.every) for name in SHOWN}
        return counts | ({CLOSED: self.closed} if self.closed else {})

    @property
    def locked(self) -> list[PropRow]:
        """Return the accounts on which new entries are refused."""
        return [one for one in self.every if one.risk.is_locked and not one.risk.failed_why]


def rows_of(user: Any, rows: Iterable[Account]) -> list[PropRow]:
    """Return accounts as rows of the table."""
    return [PropRow(one, risk_of(one.view, one.standing)) for one in under_rules(user, rows)]


def panel(request: HttpRequest) -> dict[str, Any]:
    """Return the risk panel of the account that the trader works with, at no query more than the frame's."""
    known = accounts_of(request)
    view = known.chosen
    if view is None:
        return {"panel": None}
    standing = known.standings.get(view.row.pk) or Standing(view.row.pk, view.row.user_id)
    one = UnderRules(view, standing, None)
    return {"panel": one, "panel_checks": for_now(one, price.now()), "accounts": known}


def portfolio(request: HttpRequest) -> Portfolio:
    """Return what the address asks for; without a choice the account that the trader works with."""
    found = list(accounts(request.user))
    every = rows_of(request.user, [one for one in found if one.is_open])
    closed = [one for one in found if not one.is_open]
    wanted, chosen_in_bar = request.GET.get("account", ""), request.session.get(CHOSEN)
    chosen = next((one for one in every if str(one.pk) == wanted), None)
    shown = request.GET.get("show", "")
    if shown == CLOSED or any(str(one.pk) == wanted for one in closed) or not every:
        listed = rows_of(request.user, closed) if closed else []
        chosen = next((one for one in listed if str(one.pk) == wanted), None)
        first = listed[0] if listed else None
        return Portfolio(every, listed, CLOSED, chosen or first, len(closed))
    if shown not in SHOWN:
        shown = chosen.one.state if chosen else "open"
    listed = [one for one in every if one.one.state == shown]
    if chosen is None:
        chosen = next((one for one in listed if one.pk == chosen_in_bar), None)
    first = listed[0] if listed else None
    return Portfolio(every, listed, shown, chosen or first, len(closed))


def tiles(user: Any, rows: Sequence[PropRow]) -> Tiles:
    """Return the figures above the table, over every account that has not failed."""
    alive = [one for one in rows if one.one.state != "failed"]
    tanks = [one.max_loss for one in alive if one.max_loss is not None]
    near = [one for one in alive if one.one.line is not None]
    can_pay = [
        (one.one.plan.payout.amount, one.one.row.name)
        for one in alive
        if one.one.plan and one.one.plan.payout and one.one.plan.payout.amount > 0
    ]
    new_year = datetime(to_datetime(price.now()).year, 1, 1, tzinfo=UTC)
    paid, payouts = paid_since(user, new_year)
    fees = fees_since(user, new_year.date())
    return Tiles(
        buffer=sum((one.left for one in tanks), NOTHING),
        if_stopped=sum((max(NOTHING, one.if_stopped) for one in tanks), NOTHING),
        nearest=min(near, key=_points_left, default=None),
        today=sum((one.one.net_today for one in rows), NOTHING),
        payable=sum((amount for amount, _ in can_pay), NOTHING),
        payable_from=", ".join(name for _, name in can_pay),
        paid=paid,
        payouts=payouts,
        fees=fees + sum((one.one.row.fees_today for one in rows), NOTHING),
    )


def detail(user: Any, row: PropRow) -> Detail:
    """Return the chosen account in full."""
    at = price.now()
    history = days_of(user, row.one.row, row.one.standing)
    return Detail(
        row=row,
        checks=compliance(row.one, at),
        breaks=breaks(row.one, history.locked_on),
        days=history,
        incidents=[_incident(fact) for fact in incidents(user, row.one.row)],
        at=at,
    )


def _incident(fact: Any) -> Incident:
    told = tell(fact.name, fact.payload)
    is_good = fact.name in ("risk.passed", "risk.unlocked")
    return Incident(fact.at, told.title, told.text, fact.name == "risk.near_miss", is_good)


def _said(value: Any, unit: str) -> str:
    if value is None:
        return ""
    return dollars(value) if unit == "$" else f"{value} {unit}"


def _points_left(row: PropRow) -> Decimal:
    line = row.one.line
    assert line is not None
    return line.points_left


def _share(part: Decimal, whole: Decimal) -> Decimal:
    if whole <= 0:
        return NOTHING
    return max(NOTHING, min(Decimal(100), part * 100 / whole)).quantize(Decimal("0.1"))


def _pct(part: Decimal | None) -> str:
    if part is None:
        return "–"
    return f"{int((part * 100).to_integral_value(ROUND_CEILING))} %"


def _whole(amount: Decimal) -> str:
    whole = int(amount)
    return f"{'−' if whole < 0 else ''}${abs(whole):,}"
