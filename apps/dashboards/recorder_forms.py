"""What a trader does to a recorder: makes, changes, starts, stops, copies, resets and deletes it, and settles whose a fill is."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.brokers.models import BrokerAccount
from apps.brokers.queries import FILE
from apps.bus.domain.message import to_instant
from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.templatetags.recording import kind_of_account
from apps.marketdata.domain.calendar import CHICAGO, trade_date
from apps.recorder import archiving, clock, deciding, queries, recorders
from apps.recorder.domain.terms import BadRecorder, Unit, Ways
from apps.recorder.models import Recorder
from apps.signals.models import Signal, Strategy
from apps.signals.services import signing_key
from apps.trades.services import NoAnswer

INPUT: Final = {"class": "input"}
NUMBER: Final = INPUT | {"inputmode": "decimal", "autocomplete": "off"}
SINCE: Final = (
    ("now", "now"),
    ("day", "the beginning of this trading day"),
    ("all", "everything that is kept of this account"),
)


class RecorderForm(forms.Form):
    """A strategy and its recorder. Distances are in the chosen unit."""

    name = forms.CharField(max_length=80, help_text="e.g. NQ Fade", widget=forms.TextInput(INPUT))
    symbol = forms.CharField(
        max_length=16,
        initial="NQ1!",
        help_text="Whose alerts it takes.",
        widget=forms.TextInput(INPUT),
    )
    account = forms.ModelChoiceField(
        BrokerAccount.objects.none(), required=False, empty_label="none yet",
        help_text="Its fills there are recorded.", widget=forms.Select(INPUT),
    )  # fmt: skip
    root = forms.CharField(
        label="Trades", max_length=16, required=False, help_text="What it trades there, e.g. MNQ; empty: its symbol.",
        widget=forms.TextInput(INPUT),
    )  # fmt: skip
    size = forms.IntegerField(
        min_value=1, max_value=10_000, required=False, widget=forms.TextInput(NUMBER),
        help_text="Contracts of an entry; another number is pointed out. Empty: any is right.",
    )  # fmt: skip
    position_add = forms.IntegerField(
        label="Adds", min_value=0, max_value=10_000, initial=0, widget=forms.TextInput(NUMBER),
        help_text="Contracts added to an open position.",
    )  # fmt: skip
    trim = forms.IntegerField(
        min_value=0, max_value=10_000, initial=0, widget=forms.TextInput(NUMBER),
        help_text="Contracts off at the first target; 0 = all at once.",
    )  # fmt: skip
    unit = forms.ChoiceField(choices=[(one, one) for one in Unit], widget=forms.Select(INPUT))
    stop_loss = forms.DecimalField(
        max_digits=12, decimal_places=4, required=False, widget=forms.TextInput(NUMBER),
        help_text="Measures R where an order has no stop.",
    )  # fmt: skip
    take_profit = forms.DecimalField(
        max_digits=12, decimal_places=4, required=False, widget=forms.TextInput(NUMBER)
    )
    ways = forms.ChoiceField(
        label="Directions",
        choices=[
            (Ways.BOTH, "long and short"),
            (Ways.LONG, "long only"),
            (Ways.SHORT, "short only"),
        ],
        widget=forms.Select(INPUT),
    )

    def __init__(self, data: Any = None, *, user: Any, strategy: Strategy | None = None) -> None:
        recorder = queries.recorder_of(strategy) if strategy else None
        names = (
            "account",
            "root",
            "size",
            "position_add",
            "trim",
            "unit",
            "stop_loss",
            "take_profit",
            "ways",
        )
        initial = {name: getattr(recorder, name) for name in names} if recorder else {}
        for name in ("stop_loss", "take_profit"):
            if initial.get(name) is not None:
                initial[name] = f"{initial[name].normalize():f}"
        if strategy is not None:
            initial |= {"name": strategy.name, "symbol": strategy.symbol}
        super().__init__(data, initial=initial)
        field: Any = self.fields["account"]
        field.queryset = queries.broker_accounts(user)
        field.label_from_instance = lambda row: f"{row}, {kind_of_account(row)}"

    @property
    def given(self) -> dict[str, Any]:
        """Return what was filled in; an empty product is the symbol's."""
        return {name: value for name, value in self.cleaned_data.items() if name != "root" or value}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a strategy with its recorder and show its secret this one time."""
    form = RecorderForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = recorders.create(user=request.user, **form.given)
        except BadRecorder as bad:
            _blame(form, bad)
        else:
            return _secret(request, made, secret)
    return _form(request, form, None)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a strategy and its recorder."""
    mine = _mine(request, pk)
    form = RecorderForm(request.POST or None, user=request.user, strategy=mine)
    if request.method == "POST" and form.is_valid():
        try:
            found = queries.recorder_of(mine) or recorders.bind(strategy=mine)
            recorders.change(recorder=found, by=request.user.get_username(), **form.given)
        except BadRecorder as bad:
            _blame(form, bad)
        else:
            messages.success(request, f"{form.cleaned_data['name']}: kept.")
            return redirect("desk:recorder", pk)
    return _form(request, form, mine)


def _form(request: HttpRequest, form: RecorderForm, mine: Strategy | None) -> HttpResponse:
    context = shell.around(request, "recorder" if mine else "recorders")
    context |= {"form": form, "strategy": mine}
    return render(request, "recorders/form.html", context, status=422 if form.errors else 200)


def _secret(request: HttpRequest, made: Recorder, secret: str) -> HttpResponse:
    told = {
        "strategy": made.strategy,
        "url": request.build_absolute_uri(f"/webhook/{secret}/"),
        "signing_key": signing_key(made.strategy),
    }
    context = shell.around(request, "recorders") | {"secret": told, "made": made}
    return render(request, "recorders/made.html", context)


# ---- what is done with one button ----


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def deed(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Start, stop, copy, reset, or take a reset back; starting and resetting ask once."""
    mine = _mine(request, pk)
    found = queries.recorder_of(mine)
    if what not in DEEDS or found is None:
        raise Http404(what)
    question, do = DEEDS[what]
    if request.method == "POST":
        try:
            answer = do(request, found)
        except BadRecorder as bad:
            messages.error(request, bad.detail)
            return redirect("desk:recorder", pk)
        return answer or redirect("desk:recorder", pk)
    if not question:
        raise Http404(what)
    is_of_files = found.account is not None and found.account.connection.broker == FILE
    context = {
        "strategy": mine,
        "recorder": found,
        "since": SINCE[::-1] if is_of_files else SINCE,  # a file tells of what was
        "is_of_files": is_of_files,
    }
    return ask(request, "recorder", question, mine.name, context)


def _start(request: HttpRequest, found: Recorder) -> None:
    since = {"all": 0, "day": day_began(clock.now())}.get(request.POST.get("since", ""))
    recorders.start(recorder=found, by=request.user.get_username(), since=since)
    messages.success(request, f"{found.strategy.name} records in {found.account}.")


def day_began(at: int) -> int:
    """Return when the exchange's day of an instant began: 17:00 in Chicago on the day before, ns UTC."""
    eve = trade_date(at) - timedelta(days=1)
    return min(at, to_instant(datetime.combine(eve, time(17), CHICAGO)))


def _stop(request: HttpRequest, found: Recorder) -> None:
    recorders.stop(recorder=found, by=request.user.get_username())
    messages.success(
        request, f"{found.strategy.name} is stopped; what is open is followed to its end."
    )


def _clone(request: HttpRequest, found: Recorder) -> HttpResponse:
    made, secret = recorders.clone(recorder=found, by=request.user.get_username())
    return _secret(request, made, secret)


def _reset(request: HttpRequest, found: Recorder) -> None:
    recorders.reset(recorder=found, by=request.user.get_username())
    messages.success(request, "The history begins anew. The fills are kept; you can take it back.")


def _undo_reset(request: HttpRequest, found: Recorder) -> None:
    recorders.undo_reset(recorder=found, by=request.user.get_username())
    messages.success(request, "The history is back.")


Deed = Callable[[HttpRequest, Recorder], HttpResponse | None]
DEEDS: Final[Mapping[str, tuple[str, Deed]]] = {
    "start": ("recorders/_start.html", _start),
    "stop": ("", _stop),
    "clone": ("", _clone),
    "reset": ("recorders/_reset.html", _reset),
    "undo-reset": ("", _undo_reset),
}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then put a strategy away; its history stays."""
    mine = _mine(request, pk)
    if request.method == "POST":
        try:
            archiving.archive(strategy=mine, by=request.user.get_username())
        except BadRecorder as bad:
            messages.error(request, bad.detail)
            return redirect("desk:recorder", pk)
        except NoAnswer:
            messages.error(request, f"The engine has not answered. {mine.name} stays; its routes have ended. Try again.")  # fmt: skip
            return redirect("desk:recorder", pk)
        messages.success(request, f"{mine.name} is archived; its history stays.")
        return redirect("desk:recorder", pk)
    context = {"strategy": mine, "recorder": queries.recorder_of(mine)}
    return ask(request, "recorder", "recorders/_archive.html", f"Archive {mine.name}", context)


@login_required
@require_POST
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a strategy out of the archive."""
    mine = _mine(request, pk)
    archiving.restore(strategy=mine, by=request.user.get_username())
    messages.success(
        request, f"{mine.name} is back and takes alerts as before. Set its routes and its recording anew."
    )  # fmt: skip
    return redirect("desk:recorder", pk)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then delete a strategy that nothing has come of; of another one say why it stays."""
    mine = _mine(request, pk)
    if request.method == "POST":
        try:
            archiving.delete(strategy=mine, by=request.user.get_username())
        except BadRecorder as bad:
            messages.error(request, bad.detail)
            return redirect("desk:recorder", pk)
        messages.success(request, f"{mine.name} is deleted.")
        return redirect("desk:recorders")
    signals = Signal.objects.filter(strategy=mine).count()
    context = {"strategy": mine, "why_kept": archiving.why_kept(mine), "signals": signals}
    return ask(request, "recorder", "recorders/_delete.html", f"Delete {mine.name}", context)


@login_required
@never_cache
@require_POST
def settle(request: HttpRequest, pk: int, fill: int) -> HttpResponse:
    """Settle whose a fill is: one strategy's, nobody's, or take the decision back."""
    _mine(request, pk)
    row = queries.fill(request.user, fill)
    if row is None:
        raise Http404(str(fill))
    by, whose = request.user.get_username(), request.POST.get("whose", "")
    if whose == "undo":
        deciding.undo(fill=row, by=by)
        messages.success(request, f"{row}: your decision is taken back.")
        return redirect("desk:recorder", pk)
    if whose != "nobody" and not whose.isdecimal():
        messages.error(request, "Choose whose the fill is.")
        return redirect("desk:recorder", pk)
    strategy = None if whose == "nobody" else int(whose[:18])
    try:
        deciding.assign(user=request.user, fill=row, shares=[(strategy, row.quantity)], by=by)
    except BadRecorder as bad:
        messages.error(request, bad.detail)
    else:
        messages.success(request, f"{row}: settled. Its whole order follows.")
    return redirect("desk:recorder", pk)


def _mine(request: HttpRequest, pk: int) -> Strategy:
    found = queries.strategy(request.user, pk)
    if found is None:
        raise Http404(str(pk))
    return found


def _blame(form: forms.Form, bad: BadRecorder) -> None:
    form.add_error(bad.field if bad.field in form.fields else None, bad.detail)
