"""The Signal Lab: the list of signals, and the story of each."""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.dashboards import chart, shell, story
from apps.dashboards.forms import SignalFilter
from apps.dashboards.templatetags.desk import minute
from apps.signals.queries import SignalView, signals, silent, view
from apps.signals.queries import rows as signal_rows
from apps.trades.domain.trade import State
from apps.trades.queries import Story, TradeView, mfe_history, signal_story, views

PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list: a signal and the trade that it became."""

    signal: SignalView
    trade: TradeView | None

    @property
    def words(self) -> str:
        """Return what became of it."""
        return story.signal_verdict(self.signal, self.trade)[0]

    @property
    def tone(self) -> str:
        """Return the tone of its badge."""
        return story.signal_verdict(self.signal, self.trade)[1]

    @property
    def r(self) -> Any:
        """Return its result, or where it stands now."""
        return self.trade and (
            self.trade.now_r if self.trade.result_r is None else self.trade.result_r
        )


@login_required
@never_cache
@require_GET
def signal_list(request: HttpRequest) -> HttpResponse:
    """List this trader's signals, newest first."""
    filters = SignalFilter(request.GET, user=request.user)
    chosen = filters.chosen
    found = Paginator(signals(request.user, chosen), PER_PAGE).get_page(request.GET.get("page"))
    trades = {
        one.row.signal_id: one
        for one in views(
            row.trade for row in found.object_list if getattr(row, "trade", None) is not None
        )
    }
    query = urlencode(chosen)
    context = {
        "filters": filters,
        "found": found,
        "rows": [Row(view(row), trades.get(row.pk)) for row in found.object_list],
        "query": f"{query}&" if query else "",
        "silent": silent(request.user),
    }
    return render(request, "signals/list.html", shell.around(request, "signals") | context)


@login_required
@never_cache
@require_GET
def signal(request: HttpRequest, key: str) -> HttpResponse:
    """Tell one signal's story, or that of a trade entered by hand."""
    context = shell.around(request, "chain")
    found = _story(request, key)
    told = found.signal.row.alert if found.signal else None
    trade_row = found.trade.row if found.trade else None
    signal_row = found.signal.row if found.signal else None
    words, tone = story.verdict(found)
    steps = mfe_history(request.user, trade_row.pk) if trade_row else []
    context |= _regions(request.user, found) | {
        "key": key,
        "story": found,
        "headline": _headline(found),
        "direction": (signal_row or trade_row).direction,  # type: ignore[union-attr]
        "is_bullish": found.signal.is_bullish
        if found.signal
        else found.trade and found.trade.is_bullish,
        "trade_id": (trade_row or signal_row).trade_id,  # type: ignore[union-attr]
        "contract": trade_row.contract if trade_row else signal_row and signal_row.contract,
        "verdict": words,
        "verdict_tone": tone,
        "frames": chart.FRAMES,
        "explained": story.explained(found.signal) if found.signal else [],
        "alert_text": json.dumps(told, indent=1, ensure_ascii=False) if told else "",
        "steps": steps or [],
        **_neighbours(request.user, found),
    }
    return render(request, "signals/story.html", context)


@login_required
@never_cache
@require_GET
def story_region(request: HttpRequest, key: str) -> HttpResponse:
    """Draw the timeline and the figures again."""
    return render(request, "signals/_story.html", _regions(request.user, _story(request, key)))


@login_required
@never_cache
@require_GET
def tracks_region(request: HttpRequest, key: str) -> HttpResponse:
    """Draw the two tracks again."""
    found = _story(request, key)
    if found.trade is None:
        raise Http404(key)
    return render(
        request, "signals/_tracks.html", _regions(request.user, found) | {"view": found.trade}
    )


@login_required
@never_cache
@require_GET
def path(request: HttpRequest, key: str) -> HttpResponse:
    """Give the path chart its lines: best of both tracks and worst after each candle, in R."""
    found = _story(request, key)
    steps = mfe_history(request.user, found.trade.row.pk) if found.trade else None
    if steps is None:
        raise Http404(key)
    columns = {
        "at": [step.at.timestamp() for step in steps],
        "no_be": [float(step.no_be_mfe) for step in steps],
        "be": [float(step.be_mfe) for step in steps],
        "worst": [float(step.mae) for step in steps],
    }
    return JsonResponse(columns)


def _story(request: HttpRequest, key: str) -> Story:
    found = signal_story(request.user, key)
    if found is None:
        raise Http404(key)
    return found


def _regions(user: Any, found: Story) -> dict[str, Any]:
    tracks = []
    if found.trade is not None:
        plan = found.trade.trade.plan
        tracks = [
            {"name": name, "record": record, "is_plan": plan.name == track}
            for name, record, track in (
                ("Stop to entry", found.trade.be, "be"),
                ("Fixed stop", found.trade.no_be, "no_be"),
            )
        ]
    live = found.trade if found.trade and found.trade.row.state == State.ACTIVE else None
    return {
        "hops": story.hops(found),
        "figures": story.figures(found),
        "tracks": tracks,
        "live": live,
        "topics": shell.topics(user),
    }


def _headline(found: Story) -> str:
    if found.signal is not None:
        row = found.signal.row
        clock = minute(row.bar_at) if row.bar_at else "unreadable"
        return f"{row.root or found.signal.symbol} {clock}"
    assert found.trade is not None
    return f"{found.trade.row.root} {minute(found.trade.row.entry_at)}"


def _neighbours(user: Any, found: Story) -> dict[str, str | None]:
    if found.signal is None:
        return {"older": None, "newer": None}
    mine, pk = signal_rows(user), found.signal.row.pk
    return {
        "older": mine.filter(pk__lt=pk).order_by("-pk").values_list("key", flat=True).first(),
        "newer": mine.filter(pk__gt=pk).order_by("pk").values_list("key", flat=True).first(),
    }
