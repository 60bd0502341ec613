"""A trader's accounts under their rules: what each may still lose, what today has to bring. User first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Prefetch, QuerySet

from apps.brokers.models import Account
from apps.brokers.queries import AccountView, account_views, lasts_of
from apps.risk.domain.best_day import DayResult
from apps.risk.domain.limits import Limit
from apps.risk.domain.line import Line, families, family_of, liquidation
from apps.risk.domain.planner import PaidOut, Plan, plan
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.domain.standing import Standing, limits_of
from apps.risk.domain.worst_case import minis_after
from apps.risk.history import payouts_of
from apps.risk.models import AccountRules, RuleSet, RuleSetVersion, Study
from apps.risk.queries import standings_of


@dataclass(frozen=True)
class UnderRules:
    """An account with its rules, where it stands, and what follows from both at the prices of the moment."""

    view: AccountView
    standing: Standing
    kept: AccountRules | None
    payouts: tuple[PaidOut, ...] = ()

    @property
    def row(self) -> Account:
        """Return the account's row."""
        return self.view.row

    @cached_property
    def rules(self) -> Rules | None:
        """Return the rules that it lives under: the engine's word, else what was chosen and waits for the engine."""
        if self.standing.rules is not None or self.kept is None:
            return self.standing.rules
        return rules_for(self.kept.version.rules)

    @property
    def equity(self) -> Decimal:
        """Return its equity; where a price is missing, its balance."""
        return self.row.balance if self.view.equity is None else self.view.equity

    @property
    def net_today(self) -> Decimal:
        """Return today's result, open profit included."""
        return self.view.net_today + (self.view.unrealized or Decimal(0))

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """Return the money limits that bind it."""
        return limits_of(self.view.booked, self.standing)

    @cached_property
    def lasts(self) -> Mapping[str, int]:
        """Return the last price of each contract held, and of the larger one of its family, ticks."""
        held = {
            one.row.contract: one.last_ticks
            for one in self.view.positions
            if one.last_ticks is not None
        }
        minis = {
            family_of(one.row.root) + one.row.contract.removeprefix(one.row.root)
            for one in self.view.positions
        }
        return {**lasts_of(minis - held.keys()), **held}

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return the liquidation line of each index family in which it holds something, the nearest first."""
        booked = self.view.booked
        found = (
            liquidation(booked, self.limits, self.lasts, family) for family in families(booked)
        )
        return tuple(sorted((one for one in found if one), key=lambda one: one.points_left))

    @property
    def line(self) -> Line | None:
        """Return the nearest liquidation line, None where it is flat or has no limit."""
        return self.lines[0] if self.lines else None

    @cached_property
    def minis(self) -> Decimal:
        """Return how many minis it holds, or may hold once what is working has filled."""
        return minis_after(None, self.view.booked, self.standing)

    @property
    def _paid_in(self) -> Decimal:
        """Return what was deposited: no profit is made of it."""
        return sum((one.amount for one in self.payouts), Decimal(0)) - self.row.payouts

    @cached_property
    def plan(self) -> Plan | None:
        """Return what today has to bring; None without rules, or once the account has failed."""
        if self.rules is None or self.standing.failed_at is not None:
            return None
        days = [DayResult(day, net) for day, net in self.standing.results]
        return plan(
            self.rules,
            days,
            DayResult(self.view.booked.trade_date, self.view.net_today),
            balance=self.row.balance,
            floor=self.standing.floor,
            payouts=self.payouts,
            start=self.row.start_balance + self._paid_in,
            has_traded=bool(self.row.trades_today or self.view.net_today),
        )

    @property
    def state(self) -> str:
        """Return open, passed or failed."""
        if self.standing.failed_at is not None:
            return "failed"
        return "passed" if self.standing.passed_at is not None else "open"


def under_rules(user: Any, rows: Iterable[Account] | None = None) -> list[UnderRules]:
    """Return a trader's accounts under their rules, oldest first, in six queries."""
    views = account_views(user, rows)
    mine = [one.row for one in views]
    standings = standings_of(mine)
    chosen = AccountRules.objects.select_related("version__rule_set")
    kept = {one.account_id: one for one in chosen.filter(account__in=mine)}
    paid = payouts_of(user, mine)
    return [
        UnderRules(
            view,
            standings.get(view.row.pk) or Standing(view.row.pk, view.row.user_id),
            kept.get(view.row.pk),
            tuple(paid.get(view.row.pk, ())),
        )
        for view in views
    ]


def rule_sets() -> QuerySet[RuleSet]:
    """Return the rule sets that are offered, each with its versions, newest first."""
    newest_first = RuleSetVersion.objects.order_by("-number")
    return RuleSet.objects.filter(is_active=True).prefetch_related(
        Prefetch("versions", queryset=newest_first)
    )


def newest_version(rule_set: int) -> RuleSetVersion | None:
    """Return the newest version of a rule set that is offered, None if there is none."""
    offered = RuleSetVersion.objects.filter(rule_set=rule_set, rule_set__is_active=True)
    return offered.select_related("rule_set").order_by("-number").first()


def studies(user: Any) -> QuerySet[Study]:
    """Return a trader's studies, newest first."""
    rows: QuerySet[Study] = Study.objects.of(user).select_related("version__rule_set", "account")
    return rows
