"""Performance: what trading came to, by account, strategy and range."""

from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.analytics.books import by_strategy, performance_of
from apps.dashboards import performance, shell
from apps.dashboards.performance import Books, PerformanceFilter
from apps.trades.queries import market_day

PER_PAGE: Final = 25
LEAST: Final = 30  # below so many trades nothing is claimed
LISTED: Final = 60  # days and weeks in the tables beside the curve


@login_required
@never_cache
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show what this trader's positions came to."""
    around = shell.around(request, "performance")
    filters = PerformanceFilter(request.GET, user=request.user)
    source = filters.chosen.source
    rows = source.closed(request.user, filters.scope)
    listed, day = performance.on_day(rows, request.GET.get("day", ""))
    made = performance_of(rows)
    found = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "filters": filters,
        "where": filters.where,
        "made": made,
        "figures": made.figures,
        "least": LEAST,
        "levels": made.curve[-LISTED:],
        "weeks": made.weeks[-LISTED:],
        "month": performance.month_of(made.days, request.GET.get("month", "")),
        "day": day,
        "today": market_day(),
        "found": found,
        "shown": source.in_full(request.user, list(found.object_list)),
        "of_strategies": by_strategy(request.user, rows) if filters.scope.strategy is None else [],
    }
    return render(request, "performance/page.html", around | context)


@login_required
@never_cache
@require_GET
def curve(request: HttpRequest) -> HttpResponse:
    """Give the chart the summed net at the close of each day, and its highest close."""
    filters = PerformanceFilter(request.GET, user=request.user)
    source = filters.chosen.source
    levels = performance_of(source.closed(request.user, filters.scope)).curve
    return JsonResponse(performance.drawn(levels))


@login_required
@never_cache
@require_GET
def positions_csv(request: HttpRequest) -> HttpResponse:
    """Hand over the closed positions as a file, newest first."""
    filters = PerformanceFilter(request.GET, user=request.user)
    source = filters.chosen.source
    rows = source.closed(request.user, filters.scope)
    listed, day = performance.on_day(rows, request.GET.get("day", ""))
    answer = HttpResponse(
        performance.as_csv(source.in_full(request.user, listed)),
        content_type="text/csv; charset=utf-8",
    )
    books = "recorded-" if filters.chosen is Books.RECORDED else ""
    name = f"{books}positions-{day.isoformat()}" if day else f"{books}positions"
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
