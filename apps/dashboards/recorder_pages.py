"""My Recorders, and one strategy's page: what it really made at its broker, and why each fill is taken as its."""

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.analytics import recorded
from apps.analytics.queries import Scope
from apps.dashboards import performance, shell
from apps.dashboards.strategy_pages import silences
from apps.recorder import queries
from apps.recorder.domain.matching import tag_of
from apps.recorder.queries import RecorderView
from apps.trades.queries import market_day

PER_PAGE: Final = 25
LEAST: Final = 30  # below so many trades nothing is claimed
LISTED: Final = 60
LINES: Final = 40
REGIONS: Final = {"now": "recorders/_now.html", "log": "recorders/_log.html"}


@login_required
@never_cache
@require_GET
def recorders(request: HttpRequest) -> HttpResponse:
    """Show this trader's strategies as recorders."""
    return render(
        request,
        "recorders/list.html",
        shell.around(request, "recorders") | _all(request) | silences(request),
    )


@login_required
@never_cache
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Draw the list again."""
    return render(request, "recorders/_list.html", _all(request))


def _all(request: HttpRequest) -> dict[str, Any]:
    return {"recorders": queries.recorder_views(request.user, market_day())}


@login_required
@never_cache
@require_GET
def recorder(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what one strategy made, position by position."""
    around = shell.around(request, "recorder")
    view = view_of(request, pk)
    made = recorded.performance_of(recorded.closed(request.user, Scope(strategy=pk)))
    rows = queries.positions(request.user).filter(strategy=pk)
    day = performance.as_day(request.GET.get("day", ""))
    found = Paginator(rows.filter(trade_date=day) if day else rows, PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "one": view,
        "made": made,
        "figures": made.figures,
        "least": LEAST,
        "levels": made.curve[-LISTED:],
        "weeks": made.weeks[-LISTED:],
        "month": performance.month_of(made.days, request.GET.get("month", "")),
        "where": "",
        "curve_src": reverse("desk:recorder_curve", args=[pk]),
        "day": day,
        "found": found,
        "shown": queries.views(found.object_list, with_fills=True),
        "undecided": Paginator(queries.undecided(request.user, pk), PER_PAGE).get_page(
            request.GET.get("undecided")
        ),
        "names": dict(queries.strategies(request.user).values_list("pk", "name")),
        "lines": queries.log(request.user, pk)[:LINES],
        "tag": tag_of(pk),
        **silences(request, pk),
    }
    return render(request, "recorders/recorder.html", around | context)


@login_required
@never_cache
@require_GET
def region(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Draw one region of a strategy's page again."""
    if name not in REGIONS:
        raise Http404(name)
    context = {"one": view_of(request, pk)}
    if name == "log":
        context["lines"] = queries.log(request.user, pk)[:LINES]  # type: ignore[assignment]
    return render(request, REGIONS[name], context)


@login_required
@never_cache
@require_GET
def curve(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the chart a strategy's summed net at the close of each day, and its highest close."""
    view_of(request, pk)
    rows = recorded.closed(request.user, Scope(strategy=pk))
    levels = recorded.performance_of(rows).curve
    return JsonResponse(performance.drawn(levels))


def view_of(request: HttpRequest, pk: int) -> RecorderView:
    """Return one of this trader's strategies as it stands.

    Raises:  Http404  he has no such strategy, whoever else has
    """
    mine = queries.strategy(request.user, pk)
    if mine is None:
        raise Http404(str(pk))
    (view,) = queries.recorder_views(request.user, market_day(), [mine])
    return view
