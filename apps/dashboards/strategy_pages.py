"""Strategies: where alerts come from, their secrets, what was refused, and trying a payload."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers.grouping import reach
from apps.bus.domain.message import iso
from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.forms import StrategyForm
from apps.dashboards.order_alerts import last_order_alerts
from apps.dashboards.settings_form import SettingsForm
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.signals import queries, services
from apps.signals.domain import alert as alerts
from apps.signals.domain.refusal import REASONS, Refused, Unreadable
from apps.signals.domain.settings import BadSetting
from apps.signals.domain.silence import MOST_MINUTES, NEVER
from apps.signals.models import Strategy, WebhookRefusal

REFUSALS: Final = 10
EXAMPLE: Final = (
    '{"signal_type": "Bullish", "price": 25035.75, "timestamp": "2026-11-20T14:35:00Z", '
    '"symbol": "NQ1!"}'
)
MESSAGE: Final = '{"signal_type": "Bullish", "price": {{close}}, "timestamp": "{{time}}", "symbol": "{{ticker}}"}'
FORMS: Final = "\n".join(
    (
        MESSAGE,
        '{"signal": "BEARISH", "ticker": "NQ1!", "time": "{{time}}", "price": "{{close}}"}',
        "SIGNAL:Bullish:25035.75:85:ALIGNED:FVG:1763130420000",
    )
)
_KINDS: Final = {
    alerts.SignalAlert: "a signal",
    alerts.OutsideView: "the sender's own view",
    alerts.OrderAlert: "an order",
    alerts.PriceBar: "a price",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """How a payload would be understood, or why it would be refused."""

    body: str
    kind: str = ""
    alert: str = ""
    refused: Refused | None = None

    @property
    def title(self) -> str:
        """Return what is wrong, in a sentence."""
        return REASONS[self.refused.code].title if self.refused else ""

    @property
    def cure(self) -> str:
        """Return what helps."""
        return REASONS[self.refused.code].cure if self.refused else ""


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def strategies(request: HttpRequest) -> HttpResponse:
    """Show this trader's strategies; make a new one."""
    form = StrategyForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        return _page(request, form=form)
    try:
        with transaction.atomic():
            made, token = services.create_strategy(
                user=request.user,
                name=form.cleaned_data["name"],
                symbol=form.cleaned_data["symbol"],
            )
    except IntegrityError:
        form.add_error("name", _taken(request, form.cleaned_data["name"]))
        return _page(request, form=form)
    except BadSetting as bad:
        form.add_error("symbol", f"There are no defaults for it yet: {bad}.")
        return _page(request, form=form)
    return _page(request, secret=_secret(request, made, token))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def strategy(request: HttpRequest, pk: int) -> HttpResponse:
    """Show and change how a strategy's signals are handled."""
    mine = _mine(request, pk)
    form = SettingsForm(request.POST or None, strategy=mine)
    if request.method == "POST" and form.is_valid():
        services.change_settings(strategy=mine, given=form.given)
        messages.success(request, f"{mine.name}: kept. It applies to signals from now on.")
        return redirect("desk:strategy", mine.pk)
    context = shell.around(request, "strategy") | {"strategy": mine, "form": form}
    return render(request, "strategies/settings.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep who may send to a strategy."""
    mine = _mine(request, pk)
    names = ("is_active", "only_tradingview", "requires_signature")
    switches: dict[str, Any] = {name: name in request.POST for name in names}
    if "quiet" in request.POST:
        try:
            switches["quiet_minutes"] = _quiet(request)
            services.change_strategy(strategy=mine, **switches)
        except BadSetting:
            messages.error(
                request,
                f"{mine.name}: not kept. Minutes without alerts: use 1 to {MOST_MINUTES:,}, e.g. 60.",
            )
            return redirect("desk:strategies")
    else:
        services.change_strategy(strategy=mine, **switches)
    messages.success(request, f"{mine.name}: kept. It applies to alerts from now on.")
    return redirect("desk:strategies")


def _quiet(request: HttpRequest) -> int | None:
    """Return the minutes after which silence is told: None = by its own rhythm, 0 = never.

    Raises:  BadSetting
    """
    way, text = request.POST["quiet"], request.POST.get("quiet_minutes", "").strip()
    if way != "after":
        return NEVER if way == "never" else None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_MINUTES):
        raise BadSetting("quiet_minutes", text[:20], f"must be 1 to {MOST_MINUTES:,} minutes")
    return int(text[:9])


@login_required
@never_cache
@require_GET
def silent(request: HttpRequest) -> HttpResponse:
    """Draw again whose alerts have stopped: of all of this trader's strategies, or of one."""
    return render(request, "signals/_silent.html", silences(request, request.GET.get("strategy")))


def silences(request: HttpRequest, strategy: int | str | None = None) -> dict[str, Any]:
    """Return what `signals/_silent.html` needs."""
    found = queries.silent(request.user)
    only = [one for one in found if strategy is None or str(one.strategy.pk) == str(strategy)]
    return {"silent": only}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then give a strategy a new secret and show it this one time."""
    mine = _mine(request, pk)
    if request.method == "POST":
        token = services.rotate_token(strategy=mine)
        return _page(request, secret=_secret(request, mine, token))
    context = {"strategy": mine}
    return ask(request, "strategies", "strategies/_rotate.html", "Rotate a secret", context)


@login_required
@never_cache
@require_POST
def try_payload(request: HttpRequest, pk: int) -> HttpResponse:
    """Say how an alert would be understood; nothing is stored."""
    mine = _mine(request, pk)
    body = request.POST.get("body", "")
    return _page(request, tried={mine.pk: _understood(mine, body)})


@login_required
@require_GET
def manual(request: HttpRequest) -> HttpResponse:
    """Show the webhook manual: the forms, and every refusal with its cure."""
    context = {"reasons": REASONS.items(), "message": MESSAGE, "forms": FORMS}
    return render(request, "strategies/manual.html", shell.around(request, "manual") | context)


def _page(
    request: HttpRequest,
    *,
    form: StrategyForm | None = None,
    secret: dict[str, Any] | None = None,
    tried: dict[int, Tried] | None = None,
) -> HttpResponse:
    refused = Prefetch("refusals", WebhookRefusal.objects.order_by("-id")[:REFUSALS], "latest")
    mine = list(queries.strategies(request.user).prefetch_related(refused))
    newest = queries.newest_of(request.user, [one.pk for one in mine])
    reached = reach(request.user, [one.pk for one in mine])
    ordered = last_order_alerts(request.user, [one.pk for one in mine])
    listed = [
        {
            "strategy": one,
            "reached": reached[one.pk],
            "refusals": one.latest,
            "last": newest.get(one.pk),
            "ordered": ordered.get(one.pk),
            "tried": (tried or {}).get(one.pk),
        }
        for one in mine
    ]
    context = {
        "strategies": listed,
        "archived": list(queries.archived(request.user)),
        "form": form or StrategyForm(),
        "secret": secret,
        "base": request.build_absolute_uri("/").rstrip("/"),
        "example": EXAMPLE,
        **silences(request),
    }
    status = 422 if form is not None and form.errors else 200
    around = shell.around(request, "strategies")
    return render(request, "strategies/list.html", around | context, status=status)


def _taken(request: HttpRequest, name: str) -> str:
    if queries.archived(request.user).filter(name=name).exists():
        return "An archived strategy of yours is called so: restore it or call it otherwise, or use another name here."
    return "You have a strategy of this name already."


def _mine(request: HttpRequest, pk: int) -> Strategy:
    found: Strategy | None = Strategy.objects.of(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    return found


def _secret(request: HttpRequest, strategy: Strategy, token: str) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "url": request.build_absolute_uri(f"/webhook/{token}/"),
        "signing_key": services.signing_key(strategy),
    }


def _understood(strategy: Strategy, body: str) -> Tried:
    try:
        alert = alerts.understand(alerts.read(body.encode()))
    except Unreadable as unreadable:
        return Tried(body, refused=unreadable.refused)
    if isinstance(alert, Refused):
        return Tried(body, refused=alert)
    try:
        root = root_of(alert.symbol or strategy.symbol)
    except UnknownSymbol as unknown:
        return Tried(body, refused=Refused("UNKNOWN_SYMBOL", str(unknown), "symbol"))
    plain: dict[str, Any] = msgspec.to_builtins(alert)
    plain |= {"at": None if alert.at is None else iso(alert.at), "root": root}
    known = {
        name: value for name, value in plain.items() if value not in (None, {}) and name != "given"
    }
    text = msgspec.json.format(msgspec.json.encode(known), indent=1).decode()
    return Tried(body, _KINDS[type(alert)], text)
