"""Main and its regions: the same query and the same partial for first paint and for every refresh."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.brokers.domain.telling import UNSAID
from apps.bus.domain.message import to_datetime
from apps.dashboards import chart, manager, prop, shell, wellness
from apps.dashboards.accounts import accounts_of
from apps.dashboards.ladder import ladders
from apps.marketdata import price
from apps.marketdata.domain.session import day_bounds, session_of
from apps.signals.queries import pending_signals
from apps.signals.queries import rows as signal_rows
from apps.system.domain.health import examine, overall
from apps.system.queries import signs_of_life
from apps.trades import queries
from apps.users.models import Theme

EVENTS: Final = 60
TRACK_ENDS: Final = ("trade.stopped_out", "trade.break_even_hit")
DAY_CLOSED: Final = "account.day_closed"
QUIET_DAY: Final = Q(name=DAY_CLOSED, payload__trades=0, payload__net="0.00")
SETTLED: Final = ("signal.confirmed", "signal.cancelled")


@login_required
@never_cache
@require_GET
def main(request: HttpRequest) -> HttpResponse:
    """Show the desk."""
    context = shell.around(request, "main")
    for build, _ in MAIN.values():
        context |= build(request)
    return render(request, "desk/main.html", context | {"frames": chart.FRAMES})


@login_required
@never_cache
@require_GET
def region(request: HttpRequest, name: str) -> HttpResponse:
    """Draw one region of a page again."""
    if name not in REGIONS:
        raise Http404(name)
    build, template = REGIONS[name]
    return render(request, template, build(request) | {"topics": shell.topics(request.user)})


@login_required
@never_cache
@require_GET
def candles(request: HttpRequest, contract: str) -> HttpResponse:
    """Give the chart its candles and this trader's marks."""
    product = chart.product(contract)
    seconds = _seconds(request)
    if product is None or seconds is None:
        raise Http404(contract)
    key = request.GET.get("story")
    if key is None:
        accounts = accounts_of(request)
        account = accounts.chosen
        standing = accounts.standings.get(account.row.pk) if account else None
        drawn = chart.live_chart(request.user, contract, product, seconds, account, standing)
        return JsonResponse(drawn)
    story = chart.story_chart(request.user, key, product, seconds)
    if story is None:
        raise Http404(key)
    return JsonResponse(story)


@login_required
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep how the trader wants his pages, and go back to where he was."""
    theme, nav, keys = (request.POST.get(name) for name in ("theme", "nav", "keys"))
    if theme in Theme.values:
        user: Any = request.user
        user.theme = theme
        user.save(update_fields=["theme"])
    if nav in ("open", "folded"):
        request.session["nav_folded"] = nav == "folded"
    if keys in ("on", "off"):
        request.session["keys"] = keys == "on"
    return redirect(shell.back(request))


@login_required
@never_cache
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Show how every part of the desk is."""
    components = examine(signs_of_life())
    status = overall(components)
    context = {
        "health": {"status": status.value, "state": wellness.STATES[status]},
        "parts": wellness.parts(components),
        "version": settings.VERSION,
    }
    return render(request, "system/health.html", shell.around(request, "health") | context)


def _seconds(request: HttpRequest) -> int | None:
    text = request.GET.get("seconds", "60")
    known = {str(seconds): seconds for _, seconds in chart.FRAMES}
    return known.get(text)


# ---- what the regions show ----


def _strip(request: HttpRequest) -> dict[str, Any]:
    return {"strip": shell.strip(request)}


def _active(request: HttpRequest) -> dict[str, Any]:
    views = queries.active_trades(request.user)
    ended = None
    if not views:
        last = queries.rows(request.user).filter(ended_at__isnull=False).order_by("-ended_at")[:1]
        ended = next(iter(queries.views(last)), None)
    return {"ladders": ladders(views), "open_r": _open_r(views), "last_trade": ended}


def _pending(request: HttpRequest) -> dict[str, Any]:
    waiting = pending_signals(request.user)
    last = None if waiting else signal_rows(request.user).first()
    return {"pending": waiting, "last_signal": last}


def _today(request: HttpRequest) -> dict[str, Any]:
    day = queries.today(request.user)
    since, until = (to_datetime(at) for at in day_bounds(price.now()))
    heard = signal_rows(request.user).filter(received_at__gte=since, received_at__lt=until).count()
    return {
        "day": day,
        "open_r": _open_r(queries.active_trades(request.user)),
        "signals_today": heard,
    }


def _closed(request: HttpRequest) -> dict[str, Any]:
    return {"day": queries.today(request.user)}


def _sessions(request: HttpRequest) -> dict[str, Any]:
    trades = queries.today(request.user).trades
    now = session_of(price.now())
    return {
        "sessions": [
            {
                "name": name,
                "hours": hours,
                "is_now": name == now,
                "trades": len(mine := [one for one in trades if one.row.session == name]),
                "net_r": sum((one.result_r or Fraction(0) for one in mine), Fraction(0)),
            }
            for name, hours in shell.SESSIONS
        ]
    }


def _events(request: HttpRequest) -> dict[str, Any]:
    found = queries.events(request.user, EVENTS, without=UNSAID, unless=QUIET_DAY)
    is_named = any(one.row.name == DAY_CLOSED for one in found)
    views = accounts_of(request).views if is_named else ()
    names = {str(one.row.pk): one.row.name for one in views}
    return {"events": [_of_account(one, names) for one in _told_once(found)]}


def _of_account(event: queries.Event, names: Mapping[str, str]) -> queries.Event:
    """Name the account of a day that is over: all of them end at the same moment."""
    name = names.get(event.row.of) if event.row.name == DAY_CLOSED else None
    if name is None:
        return event
    return replace(event, told=event.told._replace(title=f"{name}, {event.told.title}"))


def _told_once(events: list[queries.Event]) -> list[queries.Event]:
    """Leave out what another event says better: the end of the plan, the final confirmation."""
    ended = {(one.row.of, one.row.at_ns) for one in events if one.row.name == "trade.ended"}
    settled = {one.row.of for one in events if one.row.name in SETTLED}
    return [
        one
        for one in events
        if not (one.row.name in TRACK_ENDS and (one.row.of, one.row.at_ns) in ended)
        and not (one.row.name == "signal.confirmation_found" and one.row.of in settled)
    ]


def _open_r(views: list[queries.TradeView]) -> Fraction | None:
    known = [view.now_r for view in views if view.now_r is not None]
    return sum(known, Fraction(0)) if known or not views else None


MAIN: Final[Mapping[str, tuple[Callable[[HttpRequest], dict[str, Any]], str]]] = {
    "strip": (_strip, "desk/_strip.html"),
    "active": (_active, "trades/_active.html"),
    "pending": (_pending, "signals/_pending.html"),
    "today": (_today, "trades/_today.html"),
    "closed": (_closed, "trades/_closed.html"),
    "sessions": (_sessions, "trades/_sessions.html"),
    "events": (_events, "desk/_events.html"),
    "limits": (prop.panel, "risk/_gauges.html"),
}
REGIONS: Final = {
    **MAIN,
    **manager.REGIONS,
    **manager.SHELL,
    "clock": (lambda _: {"market": shell.market()}, "desk/_clock.html"),
}
