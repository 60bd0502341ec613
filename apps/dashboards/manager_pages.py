"""The Trade Manager's forms: every one that answers, moves, cancels, closes or opens. They ask once, then they do it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.brokers import queries, services
from apps.brokers.domain.order import OrderStatus
from apps.brokers.models import Account, Order, Position
from apps.dashboards import manager, shell
from apps.dashboards.accounts import accounts_of, choose, chosen_account
from apps.dashboards.asking import ask, is_dialog
from apps.dashboards.held import Held
from apps.dashboards.ticket_form import symbols_of
from apps.dashboards.ticket_pages import HOME, UNANSWERED
from apps.signals.queries import signal
from apps.trades.services import NoAnswer, Refused

STORED: Final = (
    "The engine has not answered. Your wish is stored and is carried out as soon as the engine "
    "is back; until then nothing is closed. Your stops stand as they are."
)


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
    problem, more = "", ""
    value = str(request.POST.get("price", "")).strip().replace(",", "")
    if request.method == "POST":
        try:
            services.modify_order(
                user=request.user,
                order=row,
                source="page",
                confirmed=request.POST.get("confirmed") == value,
                **{line.move_field: value},
            )
        except NoAnswer:
            problem = UNANSWERED
        except Refused as refused:
            problem = f"{refused.detail[:1].upper()}{refused.detail[1:]}."
            more = value if refused.reason == "NEEDS_CONFIRMATION" else ""
        else:
            messages.success(request, f"{line.type} of {row.contract}: moved to {value}.")
            return redirect(shell.back(request, HOME))
    context = {"line": line, "problem": problem, "value": value or line.move_value, "more": more}
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
    account = chosen_account(request)
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
    stop_points = request.POST.get("stop_points", "").strip().replace(",", "")

    def act() -> str:
        services.close_position(
            user=request.user,
            position=position,
            quantity=half,
            reverse=how == "reverse",
            stop_points=(stop_points or None) if how == "reverse" else None,
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
            services.modify_order(
                user=request.user, order=order, stop=f"{level:f}", confirmed=True, source="page"
            )
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
    account = chosen_account(request)
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
    if not back and is_dialog(request):
        back = shell.came_from(request)
    context = context | {"back": back, "chosen": accounts_of(request).chosen}
    return ask(request, "manager", template, title, context, status=status)


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
