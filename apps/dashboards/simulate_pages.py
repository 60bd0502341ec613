"""The simulator: a trader's own past trades against any rule set, worked out by the worker."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers.queries import accounts
from apps.dashboards import shell
from apps.dashboards.prop_forms import StudyForm
from apps.risk.domain.odds import LEAST_DAYS, LEAST_TRADES
from apps.risk.models import Study
from apps.risk.portfolio import studies
from apps.risk.services import OPEN_STUDIES, cancel_study, start_study
from apps.signals.models import Strategy
from apps.trades.services import Refused

LISTED: Final = 10
WHY: Final = {
    "max_loss": "maximum loss",
    "daily_loss": "daily loss",
    "time_limit": "time limit",
}


@dataclass(frozen=True)
class Walk:
    """A study as it is shown."""

    row: Study
    strategy: str

    @property
    def source(self) -> str:
        """Return whose trades it took."""
        if self.row.account is not None:
            return self.row.account.name
        options = self.row.options
        unit = "micro" if options.get("micros") else "mini"
        many = "s" if options["contracts"] != 1 else ""
        return f"{self.strategy}, {options['contracts']} {unit}{many} each"

    @property
    def is_open(self) -> bool:
        """Return whether it is still worked on."""
        return self.row.state in OPEN_STUDIES

    @property
    def told(self) -> dict[str, Any]:
        """Return the walk through the trades, empty while there is none."""
        return self.row.result or {}

    @property
    def ended_at(self) -> datetime | None:
        """Return when the account passed or failed."""
        at = self.told.get("at")
        return datetime.fromisoformat(at) if at else None

    @property
    def days(self) -> list[dict[str, Any]]:
        """Return the days of the walk, with money as numbers."""
        return [_day(one) for one in self.told.get("rows", ())]

    @property
    def odds(self) -> dict[str, Any] | None:
        """Return the pass probability with everything that it rests on, None where nothing can be said."""
        odds: dict[str, Any] | None = self.told.get("odds")
        if not odds or odds["probability"] is None:
            return None
        percent = {
            name: (Decimal(odds[name]) * 100).quantize(Decimal("0.1"))
            for name in ("probability", "low", "high")
        }
        reasons = [(WHY.get(why, why), share) for why, share in odds["reasons"].items()]
        return odds | {
            "percent": percent,
            "width": percent["high"] - percent["low"],
            "why": sorted(reasons, key=lambda one: Decimal(one[1]), reverse=True),
        }

    @property
    def is_empty(self) -> bool:
        """Return whether there was no trade at all."""
        return self.row.state == Study.State.DONE and not self.told.get("trades")


def _day(one: dict[str, Any]) -> dict[str, Any]:
    money = ("net", "balance", "floor", "next_floor")
    read = {name: None if one[name] is None else Decimal(one[name]) for name in money}
    return one | read | {"trade_date": datetime.fromisoformat(one["trade_date"])}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def simulate(request: HttpRequest) -> HttpResponse:
    """Ask for a study, and list the last ones."""
    form = StudyForm(request.POST or None, user=request.user, accounts=_accounts(request))
    if request.method == "POST" and form.is_valid():
        try:
            study = start_study(user=request.user, **form.asked)
        except Refused as refused:
            form.add_error(None, f"{refused.detail[:1].upper()}{refused.detail[1:]}.")
        else:
            return redirect("desk:study", study.pk)
    context = {"form": form, "walks": _walks(request.user, studies(request.user)[:LISTED])}
    around = shell.around(request, "simulate")
    least = {"least_trades": LEAST_TRADES, "least_days": LEAST_DAYS}
    status = 422 if form.errors else 200
    return render(request, "prop/simulate.html", around | context | least, status=status)


@login_required
@never_cache
@require_GET
def study(request: HttpRequest, pk: int) -> HttpResponse:
    """Show how far a study is, or what came of it."""
    walk = _mine(request, pk)
    context = {"walk": walk, "least_trades": LEAST_TRADES, "least_days": LEAST_DAYS}
    return render(request, "prop/study.html", shell.around(request, "simulate") | context)


@login_required
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a study."""
    if cancel_study(study=_mine(request, pk).row):
        messages.success(request, "The study is cancelled.")
    return redirect("desk:simulate")


def _accounts(request: HttpRequest) -> list[Any]:
    return list(accounts(request.user).filter(is_open=True))


def _mine(request: HttpRequest, pk: int) -> Walk:
    found = _walks(request.user, studies(request.user).filter(pk=pk))
    if not found:
        raise Http404(str(pk))
    return found[0]


def _walks(user: Any, rows: Any) -> list[Walk]:
    listed = list(rows)
    wanted = {one.options.get("strategy") for one in listed} - {None}
    names = {}
    if wanted:
        names = dict(Strategy.objects.of(user).filter(pk__in=wanted).values_list("pk", "name"))
    return [Walk(one, names.get(one.options.get("strategy"), "a strategy")) for one in listed]
