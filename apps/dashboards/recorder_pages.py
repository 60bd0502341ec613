"""My Recorders, and one strategy's page: what it really made at its broker, and why each fill is taken as its."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.analytics import recorded
from apps.analytics.books import Performance, Scope, performance_of
from apps.dashboards import performance, shell
from apps.dashboards.strategy_pages import silences
from apps.recorder import queries
from apps.recorder.domain.matching import tag_of
from apps.recorder.queries import BoundView
from apps.signals.queries import archived
from apps.trades.queries import market_day

PER_PAGE: Final = 25
LEAST: Final = 30  # below so many trades nothing is claimed
LISTED: Final = 60
LINES: Final = 40
ASKED: Final = ("month", "day", "page", "undecided", "log")  # what of the page is looked at


@login_required
@never_cache
@require_GET
def recorders(request: HttpRequest) -> HttpResponse:
    """Show this trader's strategies as recorders."""
    return render(
        request,
        "recorders/list.html",
        shell.around(request, "recorders")
        | _all(request)
        | silences(request)
        | {"archived": list(archived(request.user))},
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
    page = Page(request, view_of(request, pk))
    context = {
        "has_made": bool(page.made.figures.trades),
        "tag": tag_of(pk),
        **silences(request, pk),
    }
    for tell in REGIONS.values():
        context |= tell[1](page)
    return render(request, "recorders/recorder.html", around | page.common | context)


@login_required
@never_cache
@require_GET
def region(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Draw one region of a strategy's page again; what of it is looked at stands in the address, as for the page."""
    if name not in REGIONS:
        raise Http404(name)
    template, tell = REGIONS[name]
    page = Page(request, view_of(request, pk))
    return render(request, template, page.common | tell(page))


# ---- the regions ----


@dataclass(frozen=True)
class Page:
    """A strategy's page as it is asked for."""

    request: HttpRequest
    one: BoundView

    @cached_property
    def made(self) -> Performance:
        """Return what it made, read when it is looked at."""
        scope = Scope(strategy=self.one.strategy.pk)
        return performance_of(recorded.closed(self.request.user, scope))

    @property
    def day(self) -> date | None:
        """Return the day whose positions are asked for, None: all."""
        return performance.as_day(self.asked("day"))

    def asked(self, name: str) -> str:
        """Return what the address says."""
        return self.request.GET.get(name, "")

    @property
    def common(self) -> dict[str, Any]:
        """Return what every region needs; `where` is the address, for those that are drawn again."""
        kept = {name: self.asked(name) for name in ASKED if self.asked(name)}
        return {"one": self.one, "where": "", "asked": f"?{urlencode(kept)}" if kept else ""}


def _now(page: Page) -> dict[str, Any]:
    (one,) = queries.recorder_views(page.request.user, page.one.day, [page.one.strategy])
    return {"one": one}


def _undecided(page: Page) -> dict[str, Any]:
    user = page.request.user
    rows = queries.undecided(user, page.one.strategy.pk)
    return {
        "undecided": Paginator(rows, PER_PAGE).get_page(page.asked("undecided")),
        "names": dict(queries.strategies(user).values_list("pk", "name")),
    }


def _figures(page: Page) -> dict[str, Any]:
    return {"figures": page.made.figures, "least": LEAST}


def _curve(page: Page) -> dict[str, Any]:
    pk, made = page.one.strategy.pk, page.made
    return {
        "made": made,
        "figures": made.figures,
        "levels": made.curve[-LISTED:],
        "weeks": made.weeks[-LISTED:],
        "curve_src": reverse("desk:recorder_curve", args=[pk]),
    }


def _calendar(page: Page) -> dict[str, Any]:
    month = performance.month_of(page.made.days, page.asked("month"))
    return {"month": month, "day": page.day}


def _positions(page: Page) -> dict[str, Any]:
    rows, day = queries.positions(page.request.user).filter(strategy=page.one.strategy), page.day
    found = Paginator(rows.filter(trade_date=day) if day else rows, PER_PAGE).get_page(
        page.asked("page")
    )
    return {
        "day": day,
        "found": found,
        "shown": queries.views(found.object_list, with_fills=True),
    }


def _log(page: Page) -> dict[str, Any]:
    rows = queries.log(page.request.user, page.one.strategy.pk)
    return {"lines": Paginator(rows, LINES).get_page(page.asked("log"))}


REGIONS: Final[Mapping[str, tuple[str, Callable[[Page], dict[str, Any]]]]] = {
    "now": ("recorders/_now.html", _now),
    "undecided": ("recorders/_undecided.html", _undecided),
    "figures": ("recorders/_figures.html", _figures),
    "curve": ("performance/_curve_words.html", _curve),
    "calendar": ("recorders/_calendar.html", _calendar),
    "positions": ("recorders/_positions.html", _positions),
    "log": ("recorders/_log.html", _log),
}


@login_required
@never_cache
@require_GET
def curve(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the chart a strategy's summed net at the close of each day, and its highest close."""
    view_of(request, pk)
    rows = recorded.closed(request.user, Scope(strategy=pk))
    levels = performance_of(rows).curve
    return JsonResponse(performance.drawn(levels))


def view_of(request: HttpRequest, pk: int) -> BoundView:
    """Return one of this trader's strategies, today.

    Raises:  Http404  he has no such strategy, whoever else has
    """
    mine = queries.strategy(request.user, pk)
    if mine is None:
        raise Http404(str(pk))
    return BoundView(mine, market_day())
