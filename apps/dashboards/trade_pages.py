"""Entering by hand and closing: forms that post, ask once, and say what will happen."""

from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.dashboards import shell
from apps.dashboards.asking import ask
from apps.dashboards.forms import EntryForm, new_request
from apps.trades.queries import trade
from apps.trades.services import NoAnswer, Refused, close_trade, enter_trade

UNANSWERED: Final = (
    "The engine has not answered. Look at your trades before you try again: the wish expires "
    "within seconds and is never carried out late."
)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Enter a trade by hand at the market's last price."""
    form = EntryForm(request.POST or None, initial={"request_id": new_request()})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        key = given.pop("request_id")
        try:
            made = enter_trade(user=request.user, key=key, source="page", **given)
        except NoAnswer:
            messages.warning(request, UNANSWERED)
            return redirect("desk:main")
        except Refused as refused:
            form = _again(request, refused)
        else:
            messages.success(request, f"{made.contract} entered at {made.entry_price:,.2f}.")
            return redirect("desk:main")
    context = shell.around(request, "enter") | {"form": form}
    return render(request, "trades/enter.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then close the trader's own trade at the market's last price."""
    view = trade(request.user, pk)
    if view is None:
        raise Http404(str(pk))
    if request.method == "POST":
        try:
            ended = close_trade(user=request.user, id=pk, source="page")
        except NoAnswer:
            messages.warning(request, UNANSWERED)
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"{ended.contract} closed at {ended.ended_price:,.2f}.")
        return redirect("desk:main")
    return ask(request, "close", "trades/_close.html", f"Close {view.row.contract}", {"view": view})


def _again(request: HttpRequest, refused: Refused) -> EntryForm:
    """Return the form with the refusal beside its field; what is sent then is a new wish."""
    given = request.POST.copy()
    given["request_id"] = new_request()
    form = EntryForm(given)
    field = refused.field if refused.field in form.fields else None
    form.add_error(field, str(refused))
    return form
