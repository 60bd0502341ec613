"""The Trade Manager: the page, its ticket with the live verdict, and every form that sends, moves, cancels or closes."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.brokers import queries, services
from apps.brokers.domain.order import OrderStatus, OrderType
from apps.brokers.models import Account, Order, Position
from apps.dashboards import chart, manager, shell
from apps.dashboards.accounts import accounts_of, choose, forget
from apps.dashboards.forms import new_request
from apps.dashboards.held import Held
from apps.dashboards.ticket_form import TicketForm, fresh, symbols_of
from apps.risk.queries import Preview, preview
from apps.signals.queries import signal
from apps.trades.services import NoAnswer, Refused

AGAIN_S: Final = 10.0  # an identical order within so many seconds asks
UNANSWERED: Final = (
    "The engine has not answered. Look at your orders before you try again: the wish expires "
    "within seconds and is never carried out late."
)
STORED: Final = (
    "The engine has not answered. Your wish is stored and is carried out as soon as the engine "
    "is back; until then nothing is closed. Your stops stand as they are."
)
HOME: Final = "desk:manager"


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
    account = _chosen(request)
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
        messages.warning(request, f"{what} waits for your yes: see the reasons below.")
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
    level = {"allowed": "safe", "confirm": "warning", "blocked": "locked"}[decision]
    if decision == "confirm" and found.verdict and found.verdict.level == "danger":
        level = "danger"
    return {"preview": found, "decision": decision, "level": level, "not_yet": ""}


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


# ---- orders ----


@login_required
@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Say yes or no to an order that waits for it."""
    held = _order(request, pk)
    yes = request.POST.get("answer") == "yes"

    def act() -> str:
        row = services.answer_order(user=request.user, order=held, yes=yes, source="page")
        if row.status == OrderStatus.BLOCKED:
            raise Refused("BLOCKED", " ".join(manager.OrderLine(row, None).reasons))
        return f"{row.side.capitalize()} {row.quantity} {row.contract} {'sent' if yes else 'not sent'}."

    return _done(request, act)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """Move an order to another price."""
    row = _order(request, pk)
    line = manager.lines([row])[0]
    problem = ""
    value = str(request.POST.get("price", "")).strip().replace(",", "")
    if request.method == "POST":
        try:
            services.modify_order(
                user=request.user, order=row, source="page", **{line.move_field: value}
            )
        except NoAnswer:
            problem = UNANSWERED
        except Refused as refused:
            problem = f"{refused.detail[:1].upper()}{refused.detail[1:]}."
        else:
            messages.success(request, f"{line.type} of {row.contract}: moved to {value}.")
            return redirect(shell.back(request, HOME))
    context = {"line": line, "problem": problem, "value": value or line.move_value}
    return _question(
        request, "manager/_move.html", "Move an order", context, 422 if problem else 200
    )


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then take an order back."""
    row = _order(request, pk)
    if request.method == "GET":
        return _question(
            request, "manager/_cancel.html", "Cancel an order", {"line": manager.lines([row])[0]}
        )

    def act() -> str:
        services.cancel_order(user=request.user, order=row, source="page")
        return f"{row.contract}: cancelling {row.side} {row.quantity}."

    return _done(request, act)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def cancel_all(request: HttpRequest) -> HttpResponse:
    """Ask once, then take every order back but the stops that protect."""
    account = _chosen(request)
    view = accounts_of(request).chosen
    assert view is not None
    if request.method == "GET":
        mine = [one for one in manager.lines(view.working) if one.can_cancel]
        return _question(
            request, "manager/_cancel_all.html", "Cancel orders", {"view": view, "lines": mine}
        )

    def act() -> str:
        fact = services.cancel_all(user=request.user, account=account, source="page")
        return f"{account.name}: cancelling {fact.payload['orders']} orders."

    return _done(request, act)


# ---- positions ----

HOWS: Final = ("all", "half", "reverse")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then close a position, half of it, or turn it round."""
    position = _position(request, pk)
    how = (request.POST if request.method == "POST" else request.GET).get("how", "all")
    if how not in HOWS or (how == "half" and position.size < 2):
        how = "all"
    if request.method == "GET":
        context = {"one": _held(request, position), "how": how}
        return _question(request, "manager/_close.html", "Close a position", context)
    half = position.size // 2 if how == "half" else None

    def act() -> str:
        services.close_position(
            user=request.user,
            position=position,
            quantity=half,
            reverse=how == "reverse",
            source="page",
        )
        words = {
            "all": "closing",
            "half": f"closing {half} of {position.size}",
            "reverse": "turning round",
        }
        return f"{position.contract}: {words[how]}."

    return _done(request, act, unanswered=UNANSWERED if how == "reverse" else STORED)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def stop_to_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then move the stop of a position to its average entry."""
    one = _held(request, _position(request, pk))
    if one.stop_order is None:
        messages.error(request, "There is no stop to move: place a stop order first.")
        return redirect(HOME)
    level = one.view.instrument.snap(one.view.entry)
    if request.method == "GET":
        return _question(
            request, "manager/_to_entry.html", "Stop to entry", {"one": one, "level": level}
        )

    def act() -> str:
        for order in one.view.protections:
            services.modify_order(user=request.user, order=order, stop=f"{level:f}", source="page")
        return f"{one.view.row.contract}: stop on its way to {level:,f}."

    return _done(request, act)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def flatten(request: HttpRequest) -> HttpResponse:
    """Ask once, then close everything. No rule, no hour and no stale feed refuses it."""
    accounts = accounts_of(request)
    if request.method == "GET":
        return _question(request, "manager/_flatten.html", "Flatten", {"accounts": accounts})
    wanted = request.POST.get("account", "")
    account = None if wanted == "all" else _account(request, wanted)

    def act() -> str:
        services.flatten(user=request.user, account=account, source="page")
        return f"{account.name if account else 'All accounts'}: closing positions and cancelling orders."

    return _done(request, act, unanswered=STORED)


# ---- signals, accounts ----


@login_required
@require_POST
def execute(request: HttpRequest, key: str) -> HttpResponse:
    """Enter a confirmed signal in the chosen account, with one click."""
    found = signal(request.user, key=key)
    if found is None:
        raise Http404(key)
    account = _chosen(request)
    size = request.POST.get("size", "risk:0.5")
    if size not in dict(manager.SIZES):
        size = "risk:0.5"
    kind, _, percent = size.partition(":")
    asked: dict[str, Any] = {"risk_percent": percent} if kind == "risk" else {"quantity": int(size)}
    root = request.POST.get("root", "")

    def act() -> str:
        row = services.execute_signal(
            user=request.user, signal=found, account=account, source="page",
            root=root if root in symbols_of(shell.fed_root()) else "",
            targets=[{"r": "2"}], **asked,
        )  # fmt: skip
        if row.status == OrderStatus.BLOCKED:
            raise Refused("BLOCKED", " ".join(manager.OrderLine(row, None).reasons))
        word = "waits for your yes" if row.status == OrderStatus.HELD else "sent"
        return (
            f"{row.side.capitalize()} {row.quantity} {row.contract} for {found.trade_id}: {word}."
        )

    return _done(request, act)


@login_required
@require_POST
def account(request: HttpRequest) -> HttpResponse:
    """Choose the account that the pages are about."""
    choose(request, _account(request, request.POST.get("account", "")))
    return redirect(shell.came_from(request) or HOME)


@login_required
@require_POST
def open_account(request: HttpRequest) -> HttpResponse:
    """Open a paper account and choose it."""
    name = request.POST.get("name", "").strip()[:40]
    balance = request.POST.get("start_balance", "").strip().replace(",", "")
    try:
        made = services.open_account(
            user=request.user, name=name, start_balance=balance or "50000", source="page"
        )
    except Refused as refused:
        label = {"name": "Name", "start_balance": "Start balance"}.get(refused.field, "")
        messages.error(request, f"{label} {refused.detail}.".strip())
        return redirect(HOME)
    choose(request, made)
    messages.success(request, f"{made.name} is open with ${made.start_balance:,.2f}.")
    return redirect(shell.back(request, HOME))


# ---- small things ----


def _done(
    request: HttpRequest, act: Callable[[], str], *, unanswered: str = UNANSWERED
) -> HttpResponse:
    """Do something, say what came of it, and go back to where it was asked."""
    try:
        said = act()
    except NoAnswer:
        messages.warning(request, unanswered)
    except Refused as refused:
        messages.error(
            request, f"{refused.detail[:1].upper()}{refused.detail[1:]}.".replace("..", ".")
        )
    else:
        messages.success(request, said)
    return redirect(shell.back(request, HOME))


def _question(
    request: HttpRequest, template: str, title: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Ask in a dialog, or on a page of its own where no script opened one."""
    back = request.POST.get("next", "")
    if not back and request.headers.get("X-Requested-With") == "dialog":
        back = shell.came_from(request)
    context = context | {"back": back, "chosen": accounts_of(request).chosen}
    if request.headers.get("X-Requested-With") == "dialog":
        return render(request, template, context, status=status)
    around = shell.around(request, "manager") | {"question": template, "question_title": title}
    return render(request, "manager/question.html", around | context, status=status)


def _chosen(request: HttpRequest) -> Account:
    """Return the chosen account's row."""
    view = accounts_of(request).chosen
    if view is None:
        raise Http404("account")
    return view.row


def _account(request: HttpRequest, wanted: str) -> Account:
    found = (
        queries.account(request.user, int(wanted))
        if wanted.isdecimal() and len(wanted) < 18
        else None
    )
    if found is None:
        raise Http404(wanted)
    return found


def _order(request: HttpRequest, pk: int) -> Order:
    found = queries.orders(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    return found


def _position(request: HttpRequest, pk: int) -> Position:
    found = queries.positions(request.user).filter(pk=pk, closed_at__isnull=True).first()
    if found is None:
        raise Http404(str(pk))
    return found


def _held(request: HttpRequest, position: Position) -> Held:
    views = [one for each in accounts_of(request).views for one in each.positions]
    found = next((one for one in views if one.row.pk == position.pk), None)
    if found is None:
        raise Http404(str(position.pk))
    return Held(found)
