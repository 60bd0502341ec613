"""Brokers: a trader's logins, the accounts that they see, and the forms that add, change and use them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers import connecting, releasing
from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.queries import broker_accounts, connection_of, connections
from apps.brokers.tallies import usage_of
from apps.brokers.tradovate.quota import PER_HOUR, PER_MINUTE
from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.prop_forms import RuleSetField, RulesForm
from apps.risk import adopting
from apps.risk.adopting import Adopted
from apps.trades.domain.telling import sentence
from apps.trades.services import NoAnswer, Refused

SECRET: Final = ("password", "sec")
OWN_MARKET: Final = "simulator"
PLACES: Final = (
    ("demo", "Demo"),
    ("live", "LIVE: real money"),
    (OWN_MARKET, "This desk's own market"),
)
TONES: Final = {"ok": "good", "refused": "bad", "displaced": "bad", "lost": "bad"}


def has_own_market() -> bool:
    """Return whether the desk runs a simulated market, where a login can be tried without a broker."""
    return settings.MARKET != "tradovate" and OWN_MARKET in settings.BROKER_ENVIRONMENTS


def _text(label: str, hint: str = "", *, needed: bool = True, most: int = 80) -> forms.CharField:
    widget = forms.TextInput(attrs={"class": "input", "autocomplete": "off"})
    return forms.CharField(
        label=label, help_text=hint, required=needed, max_length=most, widget=widget
    )


def _secret(label: str, hint: str = "", *, needed: bool = True) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"class": "input", "autocomplete": "new-password"})
    return forms.CharField(
        label=label, help_text=hint, required=needed, max_length=200, strip=False, widget=widget
    )


class ConnectForm(forms.Form):
    """A login at Tradovate."""

    environment = forms.ChoiceField(label="Where", widget=forms.Select(attrs={"class": "input"}))
    name = _text("Name", "As you call it, e.g. My Tradovate.", most=40)
    login = _text("User name")
    password = _secret("Password", "Encrypted, and never shown again.")
    cid = _text("API key: cid", "Only if your firm gave you a key.", needed=False, most=64)
    sec = _secret("API key: sec", needed=False)
    app_id = _text("API key: app name", needed=False, most=64)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offered = [one for one in PLACES if one[0] in settings.BROKER_ENVIRONMENTS]
        self.fields["environment"].choices = offered  # type: ignore[attr-defined]
        if has_own_market():
            self.fields["environment"].initial = OWN_MARKET


class ChangeForm(ConnectForm):
    """The same for a login that is kept: secrets that stay empty stay as they are."""

    field_order = ("name", "login", "password", "cid", "sec", "app_id")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["environment"]
        self.fields["password"].required = False
        self.fields["password"].help_text = "Leave it empty to keep the one that is kept."


class AdoptForm(RulesForm):
    """Under which name an account is used here, and whose rules it lives under."""

    field_order = ("name", "rule_set", "firm", "floor")

    name = _text("Name on this desk", most=40)
    rule_set = RuleSetField(
        label="Rule set",
        none="none: your own limits alone",
        required=False,
        help_text="Of the firm behind the account. What is marked unsure has to be compared with your own contract.",
    )

    firm = _text(
        "Prop firm", "Only where its rules are not offered above: whose evaluation or funded account it is.",
        needed=False, most=40,
    )  # fmt: skip

    def clean_floor(self) -> str | None:
        """Return plain decimal text, None where it is not known: what is no amount must not wait for the adoption."""
        floor = super().clean_floor()
        try:
            amount = Decimal(floor or 0)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            raise forms.ValidationError(
                f"{floor} is no amount. Write e.g. 48000, or leave it empty."
            )
        return floor


@dataclass(frozen=True, slots=True)
class Row:
    """A login with its accounts."""

    connection: Connection
    accounts: list[BrokerAccount]
    minute: int
    hour: int

    @property
    def tone(self) -> str:
        """Return how its state looks."""
        return TONES.get(self.connection.state, "wait")

    @property
    def can_reconnect(self) -> bool:
        """Return whether its owner can mend it by a click."""
        return self.connection.is_on and self.connection.state != Connection.State.OK

    @property
    def minute_of(self) -> int:
        """Return the calls a minute that it may make."""
        return PER_MINUTE

    @property
    def hour_of(self) -> int:
        """Return the calls an hour that it may make."""
        return PER_HOUR


@login_required
@never_cache
@sensitive_post_parameters(*SECRET)
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the logins; try or keep a new one."""
    form = ConnectForm(request.POST or None)
    seen = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            if request.POST.get("do") == "test":
                seen = connecting.test(
                    user=request.user, **{k: v for k, v in given.items() if k != "name"}
                )
            else:
                made = connecting.add(user=request.user, **given)
                messages.success(request, f"{made.name} is connected. Choose the accounts to use.")
                return redirect("desk:connections")
        except Refused as refused:
            _blame(form, refused)
    context = _listed(request) | {
        "form": form, "seen": seen, "has_own_market": has_own_market(),
    }  # fmt: skip
    status = 422 if form.errors else 200
    around = shell.around(request, "connections")
    return render(request, "connections/page.html", around | context, status=status)


@login_required
@never_cache
@require_GET
def region(request: HttpRequest) -> HttpResponse:
    """Draw the logins again."""
    context = _listed(request) | {"topics": shell.topics(request.user)}
    return render(request, "connections/_list.html", context)


@login_required
@never_cache
@sensitive_post_parameters(*SECRET)
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a login."""
    mine = _mine(request, pk)
    kept = {name: getattr(mine, name) for name in ("name", "login", "cid", "app_id")}
    form = ChangeForm(request.POST or None, initial=kept)
    if request.method == "POST" and form.is_valid():
        try:
            connecting.change(connection=mine, **form.cleaned_data)
            messages.success(request, f"{mine.name}: kept.")
            return redirect("desk:connections")
        except Refused as refused:
            _blame(form, refused)
    title = f"Change {_mine(request, pk).name}"
    return _question(request, "connections/_change.html", title, {"form": form, "connection": mine})


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then forget a login."""
    mine = _mine(request, pk)
    if request.method == "POST":
        _done(request, lambda: connecting.remove(connection=mine), f"{mine.name} is removed.")
        return redirect("desk:connections")
    title = f"Remove {mine.name}"
    return _question(request, "connections/_remove.html", title, {"connection": mine})


@login_required
@never_cache
@require_POST
def deed(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Connect again, test, or switch a login."""
    mine = _mine(request, pk)
    deeds = {
        "reconnect": (lambda: connecting.reconnect(connection=mine), "connected again"),
        "test": (lambda: connecting.look(connection=mine), "the login works"),
        "on": (lambda: connecting.switch(connection=mine, on=True), "switched on"),
        "off": (lambda: connecting.switch(connection=mine, on=False), "switched off"),
    }
    if what not in deeds:
        raise Http404(what)
    do, words = deeds[what]
    _done(request, do, f"{mine.name}: {words}.")
    return redirect("desk:connections")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def adopt(request: HttpRequest, pk: int) -> HttpResponse:
    """Use an account of a broker on this desk."""
    found = broker_accounts(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    form = AdoptForm(request.POST or None, initial={"name": found.name})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = adopting.adopt(
                account=found, name=given["name"], firm=given["firm"], version=given["rule_set"],
                floor=given["floor"],
            )  # fmt: skip
        except Refused as refused:
            _blame(form, refused)
        else:
            _tell(request, made)
            return redirect("desk:connections")
    return _question(
        request, "connections/_adopt.html", f"Use {found.name}", {"form": form, "account": found}
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then use an account of a broker here no more."""
    found = broker_accounts(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    if request.method == "POST":
        words = f"{found.name} is used here no more. What it did stays in your records."
        _done(request, lambda: releasing.release(account=found), words)
        return redirect("desk:connections")
    if found.account is None:
        messages.info(request, f"{found.name} is not used on this desk.")
        return redirect("desk:connections")
    title = f"Stop using {found.name}"
    return _question(request, "connections/_release.html", title, {"account": found})


def _tell(request: HttpRequest, made: Adopted) -> None:
    """Say that an account is used now, and whether its rules hold."""
    name = made.account.name
    if made.not_ruled:
        messages.warning(
            request,
            f"{name} is used on this desk now, without a rule set: {made.not_ruled}. "
            "Choose its rules in Prop Portfolio before it trades.",
        )
    else:
        under = f", under {made.version.rule_set}" if made.version is not None else ""
        messages.success(
            request,
            f"{name} is used on this desk now{under}. Its orders stay here until you let them out under Live orders.",
        )


def _listed(request: HttpRequest) -> dict[str, Any]:
    accounts: dict[int, list[BrokerAccount]] = {}
    for one in broker_accounts(request.user):
        accounts.setdefault(one.connection_id, []).append(one)
    return {
        "rows": [
            Row(one, accounts.get(one.pk, []), *usage_of(one)) for one in connections(request.user)
        ]
    }


def _mine(request: HttpRequest, pk: int) -> Connection:
    found = connection_of(request.user, pk)
    if found is None:
        raise Http404(str(pk))
    return found


def _done(request: HttpRequest, do: Any, words: str) -> None:
    try:
        do()
    except NoAnswer:
        text = "The engine has not answered: the account stays in use, its orders no longer leave. Try again."
        messages.warning(request, text)
    except Refused as refused:
        messages.error(request, sentence(refused.detail))
    else:
        messages.success(request, words)


def _blame(form: forms.Form, refused: Refused) -> None:
    """Put a refusal where its field is."""
    known: Iterable[str] = form.fields
    form.add_error(refused.field if refused.field in known else None, sentence(refused.detail))


def _question(
    request: HttpRequest, template: str, title: str, context: Mapping[str, Any]
) -> HttpResponse:
    form = context.get("form")
    status = 422 if form is not None and form.errors else 200
    return ask(request, "connections", template, title, context, status=status)
