"""Import of fills: upload, preview, import, result, undo. And the strip of days that says how complete an account is."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers.models import BrokerAccount
from apps.brokers.queries import FILE
from apps.bus.domain.message import to_datetime, to_instant
from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.performance import as_day
from apps.recorder import files, importing, joining, making
from apps.recorder.days import Cell, days_of
from apps.recorder.import_life import CannotImport
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.imports.zones import ZONES
from apps.recorder.joining import CannotJoin
from apps.recorder.models import Import, ImportedRow
from apps.recorder.queries import broker_accounts

MOST_AT_ONCE: Final = 32 * 1024 * 1024  # bytes of a file that the form takes without its script
LISTED: Final = 20
SHOWN: Final = 200
STRIP_DAYS: Final = 55  # eight weeks
EARLIEST: Final = date(2000, 1, 1)
_FOUND: Final = "As the file shows"


class MannerForm(forms.Form):
    """How a file writes times, decimals and dates."""

    zone = forms.ChoiceField(
        label="Its times are in",
        help_text="Files of Tradovate and NinjaTrader do not say. TopstepX's do; then this is not used.",
    )
    decimals = forms.ChoiceField(
        label="Decimals", required=False,
        choices=[("", _FOUND), ("point", "21,539.50 (point)"), ("comma", "21.539,50 (comma)")],
    )  # fmt: skip
    days = forms.ChoiceField(
        label="Dates", required=False,
        choices=[("", _FOUND), ("month", "Month first, 1/28/2025"), ("day", "Day first, 28/1/2025")],
    )  # fmt: skip

    def __init__(self, *args: Any, user: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        own = getattr(user, "time_zone", "")
        names = dict.fromkeys((*ZONES[:2], own, *ZONES[2:]))
        notes = {"America/Chicago": "exchange", own: "yours"}
        zone = self.fields["zone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.choices = [
            (one, f"{one} ({notes[one]})" if one in notes else one) for one in names if one
        ]
        self.initial.setdefault("zone", own or ZONES[0])
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"


class UploadForm(MannerForm):
    """A file, and how it writes."""

    file = forms.FileField(
        label="CSV file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv"}),
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty; export it again.",
        },
    )
    field_order = ("file", "zone", "decimals", "days")

    def clean_file(self) -> Any:
        """Refuse what is too large for one request: the script sends that in slices."""
        file = self.cleaned_data["file"]
        if file.size > MOST_AT_ONCE:
            raise forms.ValidationError(
                f"The CSV file has {file.size / 2**20:,.0f} MB; without JavaScript {MOST_AT_ONCE // 2**20} MB are taken. Turn it on, "
                "or have whoever runs the desk use manage.py import_fills, or export a shorter time."
            )
        return file


@dataclass(frozen=True, slots=True)
class Seen:
    """An import as it is shown."""

    row: Import

    @property
    def layout(self) -> str:
        """Return whose export it is."""
        known = LAYOUTS.get(self.row.layout)
        return known.title if known else ""

    @property
    def is_running(self) -> bool:
        """Return whether it is worked on."""
        state = Import.State
        return self.row.state in (state.LOOKING, state.COUNTING, state.APPLYING, state.UNDOING)

    @property
    def is_receiving(self) -> bool:
        """Return whether more of the file has to come from the browser."""
        return self.row.state == Import.State.RECEIVING

    @property
    def percent(self) -> int:
        """Return how far the running step is."""
        return int(self.row.share * 100)

    @property
    def first(self) -> datetime | None:
        """Return the time of the earliest fill."""
        return to_datetime(self.row.seen["first"]) if self.row.seen.get("first") else None

    @property
    def last(self) -> datetime | None:
        """Return the time of the latest fill."""
        return to_datetime(self.row.seen["last"]) if self.row.seen.get("last") else None

    @property
    def counts(self) -> dict[str, int]:
        """Return what the rows are, or came to."""
        found: dict[str, int] = self.row.counts or self.row.seen.get("counts", {})
        return found

    @property
    def can_apply(self) -> bool:
        """Return whether there is anything to import."""
        return bool(
            self.counts.get("new") or self.counts.get("known") or self.counts.get("conflict")
        )


# ---- pages ----


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Take a file in, and list the last imports."""
    around = shell.around(request, "imports")
    form = UploadForm(request.POST or None, request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = importing.accept(
                user=request.user, name=given["file"].name, chunks=given["file"].chunks(), zone=given["zone"],
                decimals=given["decimals"], days=given["days"],
            )  # fmt: skip
        except CannotImport as problem:
            form.add_error(
                problem.field if problem.field in form.fields else None, _sentence(problem)
            )
        else:
            return redirect("desk:import", made.pk)
    own = list(broker_accounts(request.user))
    shown = next((one for one in own if str(one.pk) == request.GET.get("account")), None)
    shown = shown or (own[0] if own else None)
    context = {
        "own": own,
        "ledger": strip_of(shown, as_day(request.GET.get("until", ""))) if shown else None,
        "form": form,
        "imports": [Seen(one) for one in Import.objects.of(request.user)[:LISTED]],
        "layouts": LAYOUTS.values(),
        "has_accounts": bool(own),
        "alike": joining.questions(request.user),
    }
    return render(
        request, "imports/page.html", around | context, status=422 if form.errors else 200
    )


@login_required
@require_POST
def open_account(request: HttpRequest) -> HttpResponse:
    """Make an account that no login reads, for the fills of files."""
    try:
        made = files.open_account(user=request.user, name=request.POST.get("name", "")[:200])
    except CannotImport as problem:
        messages.error(request, _sentence(problem))
    else:
        messages.success(
            request, f"{made} is there. Import its file, then let a recorder record from it."
        )
    return redirect("desk:imports")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def same(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether an account for files is the one that a login lists, and do what the answer says."""
    question = get_object_or_404(joining.questions(request.user), pk=pk)
    if request.method == "GET":
        asked = {"question_of": question, "fills": question.of_files.fills.count()}
        return ask(request, "imports", "imports/_same.html", "Is it the same account?", asked)
    is_same = request.POST.get("is") == "same"
    old, now = str(question.of_files), str(question.account)
    try:
        joining.answer(question=question, is_same=is_same, by=request.user.get_username())
    except CannotJoin as problem:
        messages.error(request, str(problem))
    else:
        messages.success(
            request, f"{old} is {now} now." if is_same else f"{old} stays an account of its own."
        )
    return redirect("desk:imports")


@login_required
@never_cache
@require_GET
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an import: how far it is, what it would do, or what it did."""
    around = shell.around(request, "imports")
    row = _mine(request, pk)
    own = list(broker_accounts(request.user))
    seen = Seen(row)
    form = MannerForm(
        initial={"zone": row.zone, "decimals": row.decimals, "days": row.days}, user=request.user
    )
    context: dict[str, Any] = {
        "seen": seen, "row": row, "form": form, "own": own,
        "missing": [
            {"name": name, "called": making.called(row, name), "fills": row.seen.get("by_account", {}).get(name, 0)}
            for name in making.missing(row)
        ],
        "is_in_part": row.state == Import.State.BAD and row.evidence.exists(),
        "named": [  # not "accounts": those are the desk's, in the bar above every page
            {"name": name, "field": f"account-{number}", "fills": row.seen.get("by_account", {}).get(name, 0), "chosen": chosen}
            for number, (name, chosen) in enumerate(row.accounts.items())
        ],
        "conflicts": row.evidence.filter(state=ImportedRow.State.CONFLICT).select_related("account")[:SHOWN],
    }  # fmt: skip
    return render(request, "imports/one.html", around | context)


@login_required
@require_POST
def deed(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Do what a button of an import says."""
    row = _mine(request, pk)
    try:
        match what:
            case "read-again":
                form = MannerForm(request.POST, user=request.user)
                if not form.is_valid():
                    raise CannotImport("zone", "choose one of the list")
                importing.look_again(importing=row, **form.cleaned_data)
            case "accounts":
                importing.choose_accounts(importing=row, chosen=_chosen(request, row))
            case "make-accounts":
                importing.choose_accounts(importing=row, chosen={}, make_missing=True)
                made = broker_accounts(request.user).filter(pk__in=row.made_accounts)
                messages.success(request, f"Made for files: {', '.join(map(str, made))}.")
            case "apply":
                _said_yes(request, row)
                importing.apply(importing=row, only_good="only_good" in request.POST)
            case "undo":
                importing.undo(importing=row)
            case "discard":
                importing.discard(importing=row)
                messages.success(request, "The upload is thrown away. Nothing was imported.")
                return redirect("desk:imports")
            case _:
                raise Http404(what)
    except CannotImport as problem:
        messages.error(request, _sentence(problem))
    return redirect("desk:import", pk)


@login_required
@require_POST
def settle(request: HttpRequest, pk: int, row_pk: int) -> HttpResponse:
    """Say whether a row in conflict is another fill or the same."""
    row = get_object_or_404(
        _mine(request, pk).evidence.select_related("importing", "account"), pk=row_pk
    )
    try:
        importing.settle_row(row=row, is_another=request.POST.get("is") == "another")
    except CannotImport as problem:
        messages.error(request, _sentence(problem))
    return redirect("desk:import", pk)


@login_required
@never_cache
@require_GET
def days(request: HttpRequest, pk: int) -> HttpResponse:
    """Draw how complete the days of one broker account are."""
    account = get_object_or_404(broker_accounts(request.user), pk=pk)
    return render(request, "imports/_days.html", strip_of(account))


def strip_of(account: BrokerAccount, until: date | None = None) -> dict[str, Any]:
    """Return what `imports/_days.html` needs: eight weeks of an account.

    until: a day of their last week; None: today's, for an account that only files tell of that of its last fill
    """
    now = timezone.now()
    today, stride = now.date(), timedelta(days=STRIP_DAYS + 1)
    if until is None and account.connection.broker == FILE:
        until = account.fills.aggregate(last=Max("trade_date"))["last"]
    until = min(max(until or today, EARLIEST), today)
    last = until + timedelta(days=4 - until.weekday() if until.weekday() < 5 else 0)
    first = last - timedelta(days=STRIP_DAYS)
    cells: list[Cell] = days_of(account, first, last, to_instant(now))
    weeks: dict[Any, list[Cell]] = {}
    for cell in cells:
        weeks.setdefault(cell.day - timedelta(days=cell.day.weekday()), []).append(cell)
    gaps = [cell for cell in cells if cell.state == "gap"]
    return {
        "account": account, "weeks": list(weeks.values()), "gaps": gaps, "first": first, "last": last,
        "earlier": last - stride if last - stride > EARLIEST else None,
        "later": last + stride if last < today else None,
    }  # fmt: skip


def _mine(request: HttpRequest, pk: int) -> Import:
    found: Import = get_object_or_404(Import.objects.of(request.user), pk=pk)
    return found


def _chosen(request: HttpRequest, row: Import) -> dict[str, int | None]:
    chosen: dict[str, int | None] = {}
    for number, name in enumerate(row.accounts):
        text = request.POST.get(f"account-{number}", "")
        is_number = text.isascii() and text.isdigit() and len(text) < 19
        chosen[name] = int(text) if is_number else None
    return chosen


def _said_yes(request: HttpRequest, row: Import) -> None:
    """Refuse fills of one name for an account of another that nobody has said yes to.

    Raises:  CannotImport
    """
    strangers = row.seen.get("strangers", {})
    if strangers and "strangers" not in request.POST:
        name, called = next(iter(strangers.items()))
        raise CannotImport(
            "strangers", f"the file says its fills are of {name}; tick that they are of {called}"
        )


def _sentence(problem: CannotImport) -> str:
    return f"{problem.cure[:1].upper()}{problem.cure[1:]}."
