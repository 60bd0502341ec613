"""Prop Portfolio: accounts under their rules, and every form that changes what an account may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from apps.brokers import closing, switches
from apps.brokers.models import Account
from apps.brokers.queries import account as account_of
from apps.brokers.services import open_account, reset_account, take_payout
from apps.bus.domain.message import to_datetime
from apps.dashboards import prop, shell
from apps.dashboards.accounts import accounts_of, choose, forget
from apps.dashboards.asking import ask
from apps.dashboards.prop_forms import (
    LiftForm,
    LockOutForm,
    OpenForm,
    OwnForm,
    PayoutForm,
    ResetForm,
    RulesForm,
)
from apps.dashboards.templatetags.desk import minute
from apps.marketdata import price
from apps.risk import services
from apps.risk.history import days_of
from apps.risk.queries import standing_in
from apps.trades.services import NoAnswer, Refused

UNANSWERED: Final = (
    "The engine has not answered, so nothing was changed. Try again when the desk is live: the "
    "wish expires within seconds."
)
REGIONS: Final = {
    "banner": "prop/_banner.html",
    "tiles": "prop/_tiles.html",
    "accounts": "prop/_accounts.html",
    "detail": "prop/_detail.html",
}


@login_required
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show a trader's accounts under their rules."""
    context = shell.around(request, "prop") | _whole(request)
    return render(request, "prop/page.html", context)


@login_required
@never_cache
@require_GET
def region(request: HttpRequest, name: str) -> HttpResponse:
    """Draw one region of the page again."""
    if name not in REGIONS:
        raise Http404(name)
    context = _whole(request, only=name) | {"topics": shell.topics(request.user)}
    return render(request, REGIONS[name], context)


def _whole(request: HttpRequest, only: str = "") -> dict[str, Any]:
    """Return what the page shows, or `only` what one region of it needs."""
    found = prop.portfolio(request)
    chosen = found.chosen
    known = {
        "accounts": accounts_of(request),
        "portfolio": found,
        "where": f"account={chosen.pk}&show={found.shown}" if chosen else f"show={found.shown}",
    }
    if found.every and only in ("", "tiles"):
        known["tiles"] = prop.tiles(request.user, found.every)
    if chosen and only in ("", "detail"):
        known["detail"] = prop.detail(request.user, chosen)
    return known


@login_required
@never_cache
@require_GET
def line(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the chart an account's days: balance at each close, and the floor that held."""
    mine = _mine(request, pk)
    known = days_of(request.user, mine, standing_in(mine))
    return JsonResponse(
        {
            "days": [one.trade_date.isoformat() for one in known.days],
            "balance": [f"{one.balance:f}" for one in known.days],
            "floor": [None if one.floor is None else f"{one.floor:f}" for one in known.days],
            "now": f"{mine.balance:f}",
            "floor_now": None if known.floor is None else f"{known.floor:f}",
            "start": f"{mine.start_balance:f}",
        }
    )


# ---- opening ----


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def open_new(request: HttpRequest) -> HttpResponse:
    """Open a paper account, under a rule set if one is chosen."""
    form = OpenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _opened(request, form)
        if made is not None:
            return redirect(f"{reverse('desk:prop')}?account={made.pk}")
    context = {"form": form}
    return _form(request, "prop/_open.html", "Open an account", context, form)


def _opened(request: HttpRequest, form: OpenForm) -> Account | None:
    given = form.cleaned_data
    try:
        made = open_account(
            user=request.user,
            name=given["name"],
            source="page",
            start_balance=form.start_balance,
        )
        if given["rule_set"] is not None:
            services.give_rules(account=made, version=given["rule_set"])
    except Refused as refused:
        _refuse(form, refused, {"start_balance": "balance"})
        return None
    choose(request, made)
    messages.success(request, f"{made.name} is open.")
    return made


# ---- what is done to one account ----


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that can be done to an account: its form, its question, and how it is carried out."""

    title: str
    template: str
    form: type[forms.Form]
    initial: Callable[[Account], Mapping[str, Any]]
    act: Callable[[Account, Any], str]


def _own(account: Account, form: OwnForm) -> str:
    now, later = services.set_own_limits(account=account, limits=form.limits)
    if later is None:
        return f"{account.name}: your limits hold from now on."
    tighter = [name for name, value in now.plain().items() if later.plain().get(name) != value]
    names = ", ".join(one.replace("_", " ").removeprefix("max ") for one in tighter) or "the rest"
    return f"{account.name}: what is tighter holds now. Looser from the next reset on: {names}."


def _lockout(account: Account, form: LockOutForm) -> str:
    until = form.until(price.now(), account.day_ends)
    services.lock_out(account=account, until=until)
    return f"{account.name} takes no new entries until {minute(to_datetime(until))} CT. Exits always pass."


def _lift(account: Account, form: LiftForm) -> str:
    services.lift_lock(account=account)
    return f"{account.name}: the lock of the maximum loss is lifted."


def _payout(account: Account, form: PayoutForm) -> str:
    amount = form.cleaned_data["amount"]
    take_payout(user=account.user, account=account, amount=amount, source="page")
    return f"{account.name}: ${amount} taken out, balance ${account.balance:,.2f}."


def _reset(account: Account, form: ResetForm) -> str:
    balance = form.cleaned_data["balance"]
    reset_account(user=account.user, account=account, balance=balance, source="page")
    return f"{account.name} begins anew with ${account.balance:,.2f}."


def _rules(account: Account, form: RulesForm) -> str:
    given = form.cleaned_data
    were_on = switches.is_on(account)
    row = services.give_rules(account=account, version=given["rule_set"], floor=given["floor"])
    said = f"{account.name} lives under {row.version} from now on."
    if were_on and not switches.is_on(account):
        said += " Its orders are off: let them out again under Live orders, with your second factor. Exits still leave."
    return said


def _close(account: Account, form: LiftForm) -> str:
    closing.close(account=account)
    return f"{account.name} is closed. Its history stays; you can open it again here."


def _reopen(account: Account, form: LiftForm) -> str:
    closing.reopen(account=account)
    return f"{account.name} is open again. Its routes and groups ended with it: set anew what shall trade in it."


def _own_now(account: Account) -> Mapping[str, Any]:
    standing = standing_in(account)
    return OwnForm.initial_of(standing.own_next if standing.own_next is not None else standing.own)


def _start(account: Account) -> Mapping[str, Any]:
    return {"balance": f"{account.start_balance.normalize():f}"}


def _nothing(account: Account) -> Mapping[str, Any]:
    return {}


DEEDS: Final[Mapping[str, Deed]] = {
    "own": Deed("Your own limits", "prop/_own.html", OwnForm, _own_now, _own),
    "lockout": Deed("Lock yourself out", "prop/_lockout.html", LockOutForm, _nothing, _lockout),
    "lift": Deed("Lift the lock", "prop/_lift.html", LiftForm, _nothing, _lift),
    "payout": Deed("Take a payout", "prop/_payout.html", PayoutForm, _nothing, _payout),
    "reset": Deed("Reset the account", "prop/_reset.html", ResetForm, _start, _reset),
    "close": Deed("Close the account", "prop/_close.html", LiftForm, _nothing, _close),
    "reopen": Deed("Open it again", "prop/_reopen.html", LiftForm, _nothing, _reopen),
    "rules": Deed("Change its rules", "prop/_change_rules.html", RulesForm, _nothing, _rules),
}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def deed(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Ask once, then do something to an account."""
    mine = _mine(request, pk)
    if what not in DEEDS:
        raise Http404(what)
    found = DEEDS[what]
    is_sent = request.method == "POST"
    form = found.form(request.POST) if is_sent else found.form(initial=dict(found.initial(mine)))
    if is_sent and form.is_valid():
        try:
            said = found.act(mine, form)
        except NoAnswer:
            form.add_error(None, UNANSWERED)
        except Refused as refused:
            _refuse(form, refused, {"account": None})
        else:
            messages.success(request, said)
            forget(request)
            return redirect(f"{reverse('desk:prop')}?account={mine.pk}")
    row = next(one for one in prop.rows_of(request.user, [mine]))
    context = {"form": form, "row": row, "account": mine, "what": what, "deed": found}
    return _form(request, found.template, found.title, context, form)


def _form(
    request: HttpRequest, template: str, title: str, context: dict[str, Any], form: forms.Form
) -> HttpResponse:
    """Answer with the question alone for a dialog, else with a page of its own."""
    return ask(request, "prop", template, title, context, status=422 if form.errors else 200)


def _refuse(form: forms.Form, refused: Refused, names: Mapping[str, str | None]) -> None:
    field = names.get(refused.field, refused.field)
    detail = f"{refused.detail[:1].upper()}{refused.detail[1:]}."
    form.add_error(field if field in form.fields else None, detail)


def _mine(request: HttpRequest, pk: int) -> Account:
    found = account_of(request.user, pk)
    if found is None:
        raise Http404(str(pk))
    return found
