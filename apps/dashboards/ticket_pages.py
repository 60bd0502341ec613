"""The Trade Manager's page and its order ticket: what it could lose while it is filled in, and what became of it."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.brokers import services
from apps.brokers.domain.order import OrderStatus, OrderType
from apps.brokers.models import Account, Order
from apps.brokers.store import live_of
from apps.dashboards import chart, manager, shell
from apps.dashboards.accounts import accounts_of, chosen_account, forget
from apps.dashboards.forms import new_request
from apps.dashboards.ticket_form import TicketForm, fresh, symbols_of
from apps.risk.queries import Preview, preview
from apps.trades.domain.telling import sentence
from apps.trades.services import NoAnswer, Refused

AGAIN_S: Final = 10.0  # an identical order within so many seconds asks
HOME: Final = "desk:manager"
UNANSWERED: Final = (
    "The engine has not answered. Look at your orders before you try again: the wish expires "
    "within seconds and is never carried out late."
)


@login_required
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the Trade Manager."""
    return _page(request, _fresh(request))


def _page(request: HttpRequest, form: TicketForm, status: int = 200, **more: Any) -> HttpResponse:
    context = shell.around(request, "manager") | {"about": manager.chosen(request)}
    for build, _ in manager.REGIONS.values():
        context |= build(request)
    context |= {"frames": chart.FRAMES, "ticket": form, "wants_account": "new" in request.GET}
    context |= _verdict(request, form) | more
    return render(request, "manager/page.html", context, status=status)


def _fresh(request: HttpRequest) -> TicketForm:
    about = manager.chosen(request)
    kept = request.session.get("ticket", {})
    return fresh(symbols_of(shell.fed_root()), about.root, kept)


# ---- the ticket ----


@login_required
@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Send an order: it goes out, waits for a yes, or comes back with its reasons."""
    account = chosen_account(request)
    form = TicketForm(request.POST, symbols=symbols_of(shell.fed_root()))
    sent: Order | None = None
    more: dict[str, Any] = {}
    if not request.POST.get("side"):
        form.add_error(None, "Say buy or sell.")
    if form.is_valid() and not form.errors:
        more = _second(request, account, form)
        if not more:
            sent = _send(request, account, form)
    if sent is None:
        status = 409 if more else 422
        return _answer(request, _renewed(request, form), status, **more)
    request.session["ticket"] = form.kept()
    forget(request)
    _say(request, sent)
    return _answer(request, _fresh(request), 200)


def _send(request: HttpRequest, account: Account, form: TicketForm) -> Order | None:
    """Place the order and return its row; None with the refusal on the form."""
    try:
        quantity = None
        if form.cleaned_data["by_risk"]:
            quantity = preview(request.user, account, form.asked()).quantity
        sent: Order = services.place_order(
            user=request.user,
            account=account,
            source="page",
            key=form.cleaned_data["request_id"] or None,
            **form.asked(quantity),
        )
    except NoAnswer:
        form.add_error(None, UNANSWERED)
        return None
    except Refused as refused:
        form.place_error(refused.field, refused.detail)
        return None
    request.session["sent"] = [_print_of(account, form), timezone.now().isoformat()]
    return sent


def _second(request: HttpRequest, account: Account, form: TicketForm) -> dict[str, Any]:
    """Return the question that a second identical order within 10 s asks; nothing where there is none."""
    what, when = request.session.get("sent") or ["", ""]
    if what != _print_of(account, form) or form.cleaned_data["again"]:
        return {}
    since = (timezone.now() - datetime.fromisoformat(when)).total_seconds()
    return {"again_after": int(since)} if since < AGAIN_S else {}


def _print_of(account: Account, form: TicketForm) -> str:
    names = ("symbol", "side", "type", "quantity", "by_risk", "limit", "stop", "trail_points")
    given = form.cleaned_data
    return "|".join([str(account.pk), *(str(given[name]) for name in names)])


def _renewed(request: HttpRequest, form: TicketForm) -> TicketForm:
    """Return the ticket as it was sent; what is sent next is another wish."""
    given = request.POST.copy()
    given["request_id"] = new_request()
    again = TicketForm(given, symbols=symbols_of(shell.fed_root()))
    return again.with_errors_of(form)


def _say(request: HttpRequest, sent: Order) -> None:
    what = f"{sent.side.capitalize()} {sent.quantity} {sent.contract}"
    if sent.status == OrderStatus.BLOCKED:
        reasons = " ".join(manager.OrderLine(sent, None).reasons)
        messages.error(request, f"{what} was blocked. {reasons}")
    elif sent.status == OrderStatus.HELD:
        messages.warning(request, f"{what} waits for your yes: its reasons stand above.")
    elif sent.status in (OrderStatus.REJECTED, OrderStatus.EXPIRED):
        messages.error(request, f"{what} was {sent.status}.")
    else:
        messages.success(request, f"{what} {sent.type.replace('_', ' ')} sent.")


def _answer(request: HttpRequest, form: TicketForm, status: int, **more: Any) -> HttpResponse:
    """Answer a script with the ticket alone, a browser with the page or its way back to it."""
    if request.headers.get("X-Requested-With") == "ticket":
        context = {
            "ticket": form,
            "about": manager.chosen(request),
            "accounts": accounts_of(request),
            "is_alone": True,
        }
        context |= _verdict(request, form) | more
        return render(request, "manager/_ticket.html", context, status=status)
    if status == 200:
        return redirect(HOME)
    return _page(request, form, status, **more)


@login_required
@never_cache
@require_GET
def verdict(request: HttpRequest) -> HttpResponse:
    """Say what the rules would say of the ticket as it stands."""
    form = TicketForm(request.GET, symbols=symbols_of(shell.fed_root()))
    form.full_clean()
    context = {"accounts": accounts_of(request), "ticket": form} | _verdict(request, form)
    return render(request, "manager/_verdict.html", context)


def _verdict(request: HttpRequest, form: TicketForm) -> dict[str, Any]:
    view = accounts_of(request).chosen
    if view is None:
        return {"preview": None, "not_yet": ""}
    try:
        found = _preview(request, view, form)
    except Refused as refused:
        return {"preview": None, "not_yet": refused.detail}
    if found is None:
        return {"preview": None, "not_yet": ""}
    decision = found.verdict.decision.value if found.verdict else "allowed"
    barred = _barred(view.row, found)
    if barred:
        decision = "blocked"
    level = {"allowed": "safe", "confirm": "warning", "blocked": "locked"}[decision]
    if decision == "confirm" and found.verdict and found.verdict.level == "danger":
        level = "danger"
    return {
        "preview": found, "decision": decision, "level": level, "not_yet": "", "barred": barred,
    }  # fmt: skip


def _barred(account: Account, found: Preview) -> str:
    """Return what keeps an entry from leaving for a broker whatever the rules say."""
    if found.barred is None:
        return ""
    if not live_of(account).get("is_on"):
        return f"Orders of {account.name} are switched off: no entry leaves."
    return sentence(found.barred[1].partition(": ")[2])


def _preview(request: HttpRequest, view: Any, form: TicketForm) -> Preview | None:
    if not form.is_bound:
        given = {name: form.get_initial_for_field(one, name) for name, one in form.fields.items()}
        form = TicketForm(given, symbols=symbols_of(shell.fed_root()))
    if not form.is_valid():
        beside = [
            str(each) for name, lines in form.errors.items() if name != "__all__" for each in lines
        ]
        raise Refused("BAD_VALUE", beside[0] if beside else "")
    asked = form.asked()
    if not form.cleaned_data["side"]:
        asked["side"] = _likely_side(asked, manager.chosen(request).now)
    found = preview(request.user, view.row, asked, view=view)
    if form.cleaned_data["by_risk"] and form.cleaned_data["template"] == "runner":
        asked = form.asked(found.quantity) | {"side": asked["side"]}
        found = preview(request.user, view.row, asked, view=view)
    return found


def _likely_side(asked: dict[str, Any], now: Any) -> str:
    """Return the side that a price suggests: limits lie below the market for a buy, stops above."""
    price = asked.get("limit") or asked.get("stop")
    if now is None or not price or asked["type"] == OrderType.TRAILING_STOP:
        return "buy"
    try:
        is_below = Decimal(price) <= now.last
    except ArithmeticError:
        return "buy"
    buys_below = asked["type"] == OrderType.LIMIT
    return "buy" if is_below == buys_below else "sell"
