"""Settings: account groups, the names under which one order alert reaches several accounts."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.brokers import grouping
from apps.brokers.models import AccountGroup
from apps.brokers.queries import accounts
from apps.dashboards import shell
from apps.trades.services import Refused

PAGE: Final = "settings"


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def groups(request: HttpRequest) -> HttpResponse:
    """Show this trader's groups; make a new one."""
    if request.method == "POST":
        try:
            made = grouping.make_group(
                user=request.user, name=request.POST.get("name", ""), source="page"
            )
        except Refused as refused:
            return _list(request, refused, 422)
        messages.success(request, f"{made.name}: made. Choose its accounts.")
        return redirect("desk:group", made.pk)
    return _list(request)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def group(request: HttpRequest, pk: int) -> HttpResponse:
    """Show and change a group's name, accounts and multipliers."""
    mine = _mine(request, pk)
    if request.method == "POST":
        try:
            grouping.change_group(
                group=mine,
                name=request.POST.get("name", ""),
                members=_members(request),
                source="page",
            )
        except Refused as refused:
            return _one(request, _mine(request, pk), refused)
        messages.success(request, f"{mine.name}: kept. It applies to alerts from now on.")
        return redirect("desk:groups")
    return _one(request, mine)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then delete a group."""
    mine = _mine(request, pk)
    if request.method == "POST":
        grouping.end_group(group=mine, source="page")
        messages.success(request, f"{mine.name}: deleted. No position was touched.")
        return redirect("desk:groups")
    return render(request, "settings/group_delete.html", _around(request) | {"group": mine})


def _members(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the accounts that are ticked, each with what stands beside it."""
    ticked = [one for one in request.POST.getlist("account") if one.isdecimal() and len(one) < 19]
    return [
        {
            "account": int(one),
            "multiplier": request.POST.get(f"multiplier_{one}", "").strip() or "1",
        }
        for one in ticked
    ]


def _list(request: HttpRequest, refused: Refused | None = None, status: int = 200) -> HttpResponse:
    context = {"groups": grouping.groups(request.user), "refused": refused, "name": ""}
    context["name"] = request.POST.get("name", "")[:40]
    return render(request, "settings/groups.html", _around(request) | context, status=status)


def _one(request: HttpRequest, mine: AccountGroup, refused: Refused | None = None) -> HttpResponse:
    if refused is None:
        chosen = {one.account_id: one.times for one in mine.members.all()}
        name = mine.name
    else:
        chosen = {one["account"]: one["multiplier"] for one in _members(request)}
        name = request.POST.get("name", "")[:40]
    rows = [
        {"account": one, "is_in": one.pk in chosen, "multiplier": chosen.get(one.pk, "1")}
        for one in accounts(request.user).filter(is_open=True)
    ]
    context = {"group": mine, "name": name, "rows": rows, "refused": refused}
    around = _around(request)
    return render(request, "settings/group.html", around | context, status=422 if refused else 200)


def _around(request: HttpRequest) -> dict[str, Any]:
    return shell.around(request, PAGE) | {"tab": "groups"}


def _mine(request: HttpRequest, pk: int) -> AccountGroup:
    found = grouping.groups(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404(str(pk))
    return found
