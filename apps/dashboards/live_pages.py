"""Live orders: what may leave each account, what has left, where the broker disagrees, and the kill switch."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Window
from django.db.models.functions import RowNumber
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers import live
from apps.brokers.domain.account import Kind, Passage
from apps.brokers.models import WAITING, Account, BrokerAccount, Difference, Dispatch
from apps.brokers.queries import accounts as accounts_of_user
from apps.brokers.reconciling import open_differences
from apps.brokers.store import live_of
from apps.dashboards import shell
from apps.dashboards.accounts import accounts_of
from apps.dashboards.asking import ask
from apps.trades.domain.telling import sentence
from apps.trades.services import NoAnswer, Refused
from apps.users.recent import has_second_factor, second_factor_recent, second_factor_required

HOME: Final = "desk:live"
SHOWN: Final = 15
HOW: Final = {
    "take_over": "Take the broker's position over", "close": "Close it at the broker",
    "cancel": "Cancel it at the broker", "forget": "Let go of it here",
    "never": "It never arrived", "ours": "That order is ours", "stop": "Place this stop",
}  # fmt: skip
REASONS: Final = (
    ("fees", "Book it as fees"), ("transfer", "Book it as payout or deposit"),
    ("other", "Book it as other"),
)  # fmt: skip


class SizesForm(forms.Form):
    """What may leave an account, and the words that mean it."""

    per_order = forms.IntegerField(min_value=1, max_value=500, label="Contracts of one order")
    per_position = forms.IntegerField(min_value=1, max_value=500, label="Contracts held at once")
    per_day = forms.IntegerField(min_value=1, max_value=500, label="Contracts opened in a day")
    automatic = forms.BooleanField(
        required=False, label="Signals may enter without my yes, where the firm allows it"
    )
    typed = forms.CharField(required=False, max_length=80, label="To switch on, type")


@dataclass(frozen=True)
class Panel:
    """One account at a broker, as the page shows it."""

    row: Account
    remote: BrokerAccount | None
    passage: Passage
    form: SizesForm
    to_type: str
    waiting: list[Dispatch]
    sent: list[Dispatch]
    differences: list[Difference]

    @property
    def has_rules(self) -> bool:
        """Return whether a rule set binds it; without one, no firm's word on automation is known either."""
        return getattr(self.row, "rules", None) is not None


@login_required
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show every account that trades at a broker."""
    return _page(request)


@login_required
@never_cache
@require_GET
def orders(request: HttpRequest, pk: int) -> HttpResponse:
    """Draw again one part of an account's panel: its orders, whether they leave, or what its broker says otherwise."""
    account = _mine(request, pk)
    if request.GET.get("part") == "switch":
        now = {"row": account, "passage": _passage(account)}
        return render(request, "live/_is_on.html", {"panel": now})
    if request.GET.get("part") == "differences":
        now = {"row": account, "differences": _told([account.pk])}
        words = {"panel": now, "how": HOW, "reasons": REASONS}
        return render(request, "live/_differences.html", words)
    waiting, sent = _waiting([account.pk]), _lately([account.pk])
    panel = {"row": account, "waiting": waiting[account.pk], "sent": sent[account.pk]}
    return render(request, "live/_orders.html", {"panel": panel})


def _page(request: HttpRequest, failed: dict[int, SizesForm] | None = None) -> HttpResponse:
    context = shell.around(request, "live")
    found = _panels(request.user, failed or {})
    user: Any = request.user
    context |= {
        "panels": found, "how": HOW, "reasons": REASONS, "has_factor": has_second_factor(user),
        "is_proved": second_factor_recent(request),
    }  # fmt: skip
    return render(request, "live/page.html", context, status=400 if failed else 200)


def _panels(user: Any, failed: dict[int, SizesForm]) -> list[Panel]:
    """Return each account at a broker with what was sent for it and what differs, in four queries."""
    mine = accounts_of_user(user).filter(is_open=True).exclude(kind=Kind.PAPER)
    rows = list(mine.select_related("live_switch", "remote__connection", "rules"))
    numbers = [row.pk for row in rows]
    sent, waiting = _lately(numbers), _waiting(numbers)
    differences = _by_account(_told(numbers))
    return [
        _panel(row, failed.get(row.pk), waiting[row.pk], sent[row.pk], differences[row.pk])
        for row in rows
    ]


def _told(accounts: list[int]) -> list[Difference]:
    """Return what was told to differ and still does."""
    return [one for one in open_differences(accounts) if one.told_at is not None]


def _waiting(accounts: list[int]) -> dict[int, list[Dispatch]]:
    """Return those of each account that are on the way."""
    return _by_account(Dispatch.objects.filter(account__in=accounts, status__in=WAITING))


def _lately(accounts: list[int]) -> dict[int, list[Dispatch]]:
    """Return the newest of each account that wait for nothing any more."""
    place = Window(RowNumber(), partition_by="account_id", order_by="-id")
    done = Dispatch.objects.filter(account__in=accounts).exclude(status__in=WAITING)
    return _by_account(done.annotate(place=place).filter(place__lte=SHOWN).order_by("-id"))


def _by_account(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _passage(row: Account) -> Passage:
    plain = live_of(row)
    return Passage(**plain) if plain else Passage()


def _panel(
    row: Account,
    form: SizesForm | None,
    waiting: list[Dispatch],
    sent: list[Dispatch],
    differences: list[Difference],
) -> Panel:
    passage = _passage(row)
    sizes = {name: getattr(passage, name) for name in ("per_order", "per_position", "per_day")}
    return Panel(
        row=row,
        remote=getattr(row, "remote", None),
        passage=passage,
        form=form or SizesForm(initial={**sizes, "automatic": passage.automatic}),
        to_type=live.to_type(row, passage.per_order),
        waiting=waiting,
        sent=sent,
        differences=differences,
    )


@login_required
@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Let an account's orders out; of a dear one only by who has just shown his second factor.

    What was typed and the sizes are looked at before he is asked for it, and again when it was shown.
    """
    account = _mine(request, pk)
    form = SizesForm(request.POST)
    if not form.is_valid():
        return _page(request, {account.pk: form})
    given = form.cleaned_data
    refused = _tried(form, lambda: live.check_switch(user=request.user, account=account, **given))
    if form.errors:
        return _page(request, {account.pk: form})
    if refused is None and account.stake.is_dear:
        return _switch_dear(request, account, form)
    return _switch(request, account, form)


@second_factor_required
def _switch_dear(request: HttpRequest, account: Account, form: SizesForm) -> HttpResponse:
    return _switch(request, account, form)


def _switch(request: HttpRequest, account: Account, form: SizesForm) -> HttpResponse:
    given = form.cleaned_data

    def act() -> str:
        refused = _tried(
            form,
            lambda: live.switch_on(
                user=request.user, account=account, is_proved=second_factor_recent(request), **given
            ),
        )
        if refused is not None and not form.errors:
            raise refused
        return f"Orders of {account.name} reach its broker from now on."

    answer = _done(request, act)
    return _page(request, {account.pk: form}) if form.errors else answer


def _tried(form: SizesForm, act: Callable[[], object]) -> Refused | None:
    """Do it and return its refusal, if any, told at its field of the form where it has one."""
    try:
        act()
    except Refused as refused:
        if refused.field in form.fields:
            form.add_error(refused.field, sentence(refused.detail))
        return refused
    return None


@login_required
@require_POST
def off(request: HttpRequest, pk: int) -> HttpResponse:
    """Let no entry out any more. Asks for nothing."""
    account = _mine(request, pk)

    def act() -> str:
        live.switch_off(account=account)
        return f"No entry leaves {account.name} any more. Exits still do."

    return _done(request, act)


@login_required
@require_POST
def repair(request: HttpRequest, pk: int) -> HttpResponse:
    """Mend one difference."""
    found = Difference.objects.of(request.user).filter(pk=pk).select_related("account").first()
    if found is None:
        raise Http404(str(pk))

    def act() -> str:
        return live.repair(
            user=request.user, difference=found, how=request.POST.get("how", ""),
            stop=request.POST.get("stop", ""), reason=request.POST.get("reason", ""),
            amount=request.POST.get("amount", ""),
        )  # fmt: skip

    return _done(request, act)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def kill(request: HttpRequest) -> HttpResponse:
    """Ask once, then switch live off, end every order and close every position, everywhere."""
    if request.method == "GET":
        context = {"accounts": accounts_of(request), "back": shell.came_from(request)}
        return ask(request, "live", "live/_kill.html", "Kill switch", context)
    done = live.kill(user=request.user, source="page")
    if done["engine_answered"]:
        messages.warning(
            request, "Kill switch: live orders are off, orders end and positions close everywhere."
        )
    else:
        messages.error(
            request,
            f"Kill switch: live orders are off. The engine did not answer, so {done['sent_directly']} "
            "liquidations go straight to the brokers. Look at the broker's own platform, too.",
        )
    for one in done["unreachable"]:
        messages.error(
            request,
            f"Nothing can reach {one['called']} now, its login {one['login']} says: {one['why']}. "
            "Close it in the broker's own program: what has not left in two minutes is not sent any more.",
        )
    return redirect(shell.back(request, HOME))


def _done(request: HttpRequest, act: Callable[[], str]) -> HttpResponse:
    try:
        said = act()
    except NoAnswer:
        messages.warning(request, "The engine has not answered; nothing was changed. Try again.")
    except Refused as refused:
        text = f"{refused.field.replace('_', ' ')} {refused.detail}".strip()
        messages.error(request, sentence(text))
    else:
        messages.success(request, said)
    return redirect(shell.back(request, HOME))


def _mine(request: HttpRequest, pk: int) -> Account:
    rows: Any = accounts_of_user(request.user).exclude(kind=Kind.PAPER)
    found: Account | None = rows.select_related("remote__connection").filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    return found
