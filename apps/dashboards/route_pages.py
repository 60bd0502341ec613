"""Routes: into which accounts a strategy's signals go, how large, and when they are let through."""

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from apps.brokers import services
from apps.brokers.domain.account import Kind
from apps.brokers.domain.routing import Mode, route_for
from apps.brokers.domain.routing import Route as Plan
from apps.brokers.models import Account, Route
from apps.brokers.queries import accounts
from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.route_form import RouteForm, targets_text
from apps.marketdata.domain.contract import root_of
from apps.risk.domain.reading import rules_for
from apps.risk.domain.wording import POLICY_WORDS
from apps.signals.models import Strategy
from apps.trades.services import Refused

TONES: Final = {Mode.OBSERVE: "", Mode.APPROVE: "wait", Mode.AUTOMATIC: "good"}


@dataclass(frozen=True, slots=True)
class Way:
    """One account, and what becomes of a strategy's signals there: `plan` is None where nothing was said."""

    account: Account
    plan: Plan | None
    root: str

    @property
    def tone(self) -> str:
        """Return the tone of its mode."""
        return TONES[self.plan.mode] if self.plan else ""

    @property
    def size(self) -> str:
        """Return how large an entry is, and in what."""
        assert self.plan is not None
        amount = f"{self.plan.risk_percent} % at risk" if self.plan.risk_percent else str(self.plan.quantity)  # fmt: skip
        return f"{amount} {'in ' if self.plan.risk_percent else ''}{self.plan.root or self.root}"

    @property
    def ends(self) -> str:
        """Return how a trade ends there."""
        assert self.plan is not None
        many = "" if len(self.plan.targets) == 1 else "s"
        targets = f"target{many} {targets_text(self.plan)} R" if self.plan.targets else "no target"
        even = f"stop to entry at {self.plan.break_even_r} R" if self.plan.break_even_r else "stop stays"  # fmt: skip
        return f"{targets}; {even}"

    @property
    def gates(self) -> str:
        """Return when entries are let through."""
        assert self.plan is not None
        said = [
            f"{', '.join(self.plan.windows)} New York" if self.plan.windows else "",
            f"{self.plan.cooldown_s} s pause" if self.plan.cooldown_s else "",
            f"at most {self.plan.most_trades} a day" if self.plan.most_trades else "",
        ]
        return ", ".join(one for one in said if one) or "any time"

    @property
    def policy(self) -> str:
        """Return the firm's word on automation; without a rule set that each order is asked for, empty where none is lost."""
        kept = getattr(self.account, "rules", None)
        if kept is None:
            unknown = "no rule set says whether it is allowed: each order waits for your yes"
            return unknown if self.account.stake.is_dear else ""
        rules = rules_for(kept.version.rules)
        return f"{rules.firm}: {POLICY_WORDS[rules.automation]}"

    @property
    def stays_in(self) -> bool:
        """Return whether its orders are made but don't leave this desk yet."""
        switch = getattr(self.account, "live_switch", None)
        return self.account.kind != Kind.PAPER and not (switch and switch.is_on)


@login_required
@never_cache
@require_GET
def routes(request: HttpRequest, pk: int) -> HttpResponse:
    """Show each account of this trader and what becomes of a strategy's signals there."""
    strategy = _mine(request, pk)
    kept = {one.account_id: one for one in Route.objects.of(request.user).filter(strategy=pk)}
    ways = [
        _way(strategy, one, kept.get(one.pk))
        for one in accounts(request.user).filter(is_open=True).select_related("rules__version")
    ]
    context = {"strategy": strategy, "ways": sorted(ways, key=lambda one: one.plan is None)}
    return render(request, "strategies/routes.html", shell.around(request, "strategy") | context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def route(request: HttpRequest, pk: int, account: int) -> HttpResponse:
    """Show and change what becomes of a strategy's signals in one account."""
    strategy, into, kept = _place(request, pk, account)
    way = _way(strategy, into, kept)
    form = RouteForm(request.POST or None, symbol_root=way.root, now=way.plan)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_route(
                user=request.user, strategy=strategy, account=into, source="page", **form.given
            )
        except Refused as refused:
            for field, detail in refused.told:
                form.refuse(field.partition(".")[0], detail)
        else:
            messages.success(
                request, f"{strategy.name} into {into.name}: kept, for signals from now on."
            )
            return redirect("desk:routes", strategy.pk)
    context = shell.around(request, "strategy") | {"strategy": strategy, "way": way, "form": form}
    return render(request, "strategies/route.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, pk: int, account: int) -> HttpResponse:
    """Ask once, then let no signal of a strategy reach an account any more."""
    strategy, into, kept = _place(request, pk, account)
    if kept is None:
        return redirect("desk:routes", strategy.pk)
    if request.method == "POST":
        services.end_route(route=kept, source="page")
        messages.success(
            request, f"{strategy.name}: no signal reaches {into.name} any more. What is open stays."
        )
        return redirect("desk:routes", strategy.pk)
    context = {"strategy": strategy, "account": into}
    return ask(request, "strategy", "strategies/_end_route.html", "End a route", context)


def _way(strategy: Strategy, account: Account, kept: Route | None) -> Way:
    plan = None
    if kept is not None:
        config: dict[str, Any] = kept.config | {"mode": kept.mode}
        plan = route_for(kept.strategy_id, kept.account_id, kept.user_id, config)
    return Way(account, plan, root_of(strategy.symbol))


def _place(request: HttpRequest, pk: int, account: int) -> tuple[Strategy, Account, Route | None]:
    strategy = _mine(request, pk)
    rows = accounts(request.user).filter(is_open=True).select_related("rules__version")
    into = rows.filter(pk=account).first()
    if into is None:
        raise Http404(str(account))
    kept = Route.objects.of(request.user).filter(strategy=strategy, account=into).first()
    return strategy, into, kept


def _mine(request: HttpRequest, pk: int) -> Strategy:
    found: Strategy | None = Strategy.objects.of(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    return found
