"""The notification centre, its bell, and the settings of how one is told."""

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.dashboards import notice_form, shell
from apps.notifications import choices, linking, queries, services
from apps.notifications.domain.kinds import ABOUT, Kind
from apps.notifications.domain.telling import LOOKS
from apps.notifications.domain.timing import quiet_until
from apps.notifications.models import Notice

PAGE: Final = 30
HOME: Final = "desk:notices"


@login_required
@never_cache
@require_GET
def centre(request: HttpRequest) -> HttpResponse:
    """Show what a trader was told."""
    around = shell.around(request, "notices")
    return render(request, "notices/centre.html", around | _listed(request, around["unread"]))


@login_required
@never_cache
@require_GET
def listed(request: HttpRequest) -> HttpResponse:
    """Draw the list again."""
    return render(request, "notices/_list.html", _listed(request, queries.unread(request.user)))


@login_required
@never_cache
@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """Draw the bell again."""
    return render(request, "notices/_bell.html", {"unread": queries.unread(request.user)})


def _listed(request: HttpRequest, unread: int) -> dict[str, Any]:
    """Return a page of the notices that are asked for, and where the filter stands."""
    kind, only_new = request.GET.get("kind", ""), request.GET.get("new") == "1"
    rows = queries.notices(request.user)
    if kind in list(Kind):
        rows = rows.filter(kind=kind)
    if only_new:
        rows = rows.filter(read_at__isnull=True)
    found = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    unsent = queries.unsent(found.object_list)
    words = {"kind": kind, "new": "1" if only_new else ""}
    query = urlencode({name: value for name, value in words.items() if value})
    return {
        "found": found,
        "lines": [_line(row, unsent.get(row.pk, [])) for row in found.object_list],
        "kinds": [(one.value, ABOUT[one].label, one.value == kind) for one in Kind],
        "only_new": only_new,
        "is_filtered": bool(query),
        "query": f"{query}&" if query else "",
        "here": request.get_full_path() if request.path == "/notices/" else "/notices/",
        "unread": unread,
        "zone": getattr(request.user, "time_zone", "UTC"),
        "as_asked": f"?{query}&page={found.number}",
    }


def _line(row: Notice, unsent: list[Any]) -> dict[str, Any]:
    tone, icon = LOOKS[row.severity]  # type: ignore[index]
    return {
        "row": row, "tone": tone, "icon": icon, "unsent": unsent,
        "kind": ABOUT[Kind(row.kind)].label,
    }  # fmt: skip


@login_required
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Mark one notice, or all, as read."""
    wanted = request.POST.get("id", "")
    ids = [int(wanted)] if wanted.isascii() and wanted.isdigit() and len(wanted) <= 18 else None
    if wanted and ids is None:
        raise Http404(wanted)
    services.mark_read(user=request.user, ids=ids)
    return redirect(shell.back(request, HOME))


@login_required
@never_cache
@require_GET
def follow(request: HttpRequest, pk: int) -> HttpResponse:
    """Go where a notice leads; whoever goes there has read it."""
    row = queries.notice(request.user, pk)
    if row is None:
        raise Http404(pk)
    services.mark_read(user=request.user, ids=[pk])
    return redirect(row.path)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show and keep how a trader wants to be told."""
    prefs = choices.preferences(request.user)
    form = notice_form.QuietForm(request.POST or None, initial=notice_form.initial(prefs))
    if request.method == "POST":
        ways, breaks = notice_form.chosen(request.POST)
        if form.is_valid():
            services.set_preferences(
                user=request.user, channels=ways, breaks=breaks, **form.cleaned_data
            )
            messages.success(request, "Kept.")
            return redirect("desk:notifications")
        prefs.channels = {kind.value: list(chosen) for kind, chosen in ways.items()}
        prefs.breaks = [kind.value for kind in breaks]
    zone = getattr(request.user, "time_zone", "UTC")
    around = shell.around(request, "settings")
    context = {
        "tab": "notifications",
        "form": form,
        "groups": notice_form.matrix(prefs),
        "ways": notice_form.WAYS,
        "discord": queries.discord_state(request.user),
        "address": choices.address_of(request.user),
        "redirect_uri": linking.redirect_uri(request),
        "zone": zone,
        "add_bot": _add_bot(),
        "quiet_now": quiet_until(around["market"].at, prefs.quiet_from, prefs.quiet_to, zone),
    }
    status = 422 if form.errors else 200
    there = urlsplit(settings.DISCORD_AUTHORIZE)  # pressing Link sends the browser there
    page: Any = render(request, "notices/settings.html", around | context, status=status)
    page._csp_update = {"form-action": [f"{there.scheme}://{there.netloc}"]}  # as csp_update does
    return page  # type: ignore[no-any-return]  # csp's own attribute is unknown to its type


def _add_bot() -> str:
    """Return where one adds the desk's bot to one's own Discord account, so that it may write."""
    asked = {
        "client_id": settings.DISCORD_CLIENT_ID, "integration_type": "1",
        "scope": "applications.commands",
    }  # fmt: skip
    return f"{settings.DISCORD_AUTHORIZE}?{urlencode(asked)}"


@login_required
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Have a test message sent by every way that is open."""
    row = services.send_test(user=request.user)
    ways = {"email": "e-mail", "discord": "Discord"}
    sent = [ways[one.channel] for one in row.deliveries.all() if one.status == "queued"]
    where = f" and goes out by {' and '.join(sent)}" if sent else ""
    messages.success(request, f"A test message is in your notices{where}.")
    return redirect("desk:notifications")
