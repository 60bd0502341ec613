"""Whose Discord account is it: OAuth2 with `identify`, once per state, with PKCE. His tokens are not kept."""

import base64
import hashlib
import secrets
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from apps.notifications import discord, services
from apps.notifications.discord import BadToken, Discord, Done, Refused

PAGE: Final = "/settings/notifications/"
IN_SESSION: Final = "discord_link"
WAITS_S: Final = 600

NOT_OURS: Final = (
    "That answer does not belong to a link which was begun here. Press Link Discord and try again."
)
TOO_LATE: Final = "That took longer than ten minutes. Press Link Discord and try again."
SAID_NO: Final = "Discord was not linked: you said no there."
USED: Final = "Discord does not take this answer (again): each works once and for a minute. Press Link Discord and try again."
SILENT: Final = "Discord did not answer. Nothing was linked; try again in a moment."
OPERATOR: Final = (
    "Discord does not accept this desk's client id or secret. The operator has to correct them."
)
ELSEWHERE: Final = (
    "That Discord account is linked to another trader of this desk. He has to unlink it first."
)


def redirect_uri(request: HttpRequest) -> str:
    """Return where Discord sends people back; the operator has registered exactly this."""
    path = reverse("discord:callback")
    if settings.PUBLIC_URL:
        return settings.PUBLIC_URL.rstrip("/") + path
    return request.build_absolute_uri(path)


@login_required
@require_POST
@sensitive_variables()
def start(request: HttpRequest) -> HttpResponse:
    """Send a trader to Discord to say yes."""
    if not discord.is_configured():
        messages.error(request, "The operator has not set Discord up on this desk yet.")
        return redirect(PAGE)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    request.session[IN_SESSION] = {
        "state": state, "verifier": verifier, "at": int(timezone.now().timestamp()),
    }  # fmt: skip
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code", "client_id": settings.DISCORD_CLIENT_ID, "scope": "identify",
        "state": state, "redirect_uri": redirect_uri(request), "prompt": "consent",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }  # fmt: skip
    return redirect(f"{settings.DISCORD_AUTHORIZE}?{urlencode(asked)}")


@login_required
@never_cache
@require_GET
@sensitive_variables()
def callback(request: HttpRequest) -> HttpResponse:
    """Take Discord's answer, once, and say on the settings page what came of it."""
    begun = request.session.pop(IN_SESSION, None)  # whatever comes of it, this state is used up
    state = request.GET.get("state", "")
    if not isinstance(begun, dict) or not constant_time_compare(state, str(begun.get("state"))):
        return _failed(request, NOT_OURS)
    if timezone.now().timestamp() - int(begun.get("at") or 0) > WAITS_S:
        return _failed(request, TOO_LATE)
    code = request.GET.get("code", "")
    if not code:
        return _failed(request, SAID_NO)
    problem, who = _who(request, code, str(begun["verifier"]))
    if problem:
        return _failed(request, problem)
    name = str(who.get("global_name") or who.get("username") or who["id"])
    try:
        services.link_discord(user=request.user, snowflake=str(who["id"]), username=name)
    except services.LinkedElsewhere:
        return _failed(request, ELSEWHERE)
    messages.success(request, f"Linked with {name}. Send yourself a test message to see it works.")
    return redirect(PAGE)


@sensitive_variables()
def _who(request: HttpRequest, code: str, verifier: str) -> tuple[str, dict[str, Any]]:
    """Return what went wrong, or who he is; his token is revoked as soon as it has told us."""
    with Discord() as line:
        got = line.exchange(code=code, verifier=verifier, redirect_uri=redirect_uri(request))
        match got:
            case Done({"access_token": str(access)}):
                pass
            case BadToken():
                return OPERATOR, {}
            case Refused():
                return USED, {}
            case _:
                return SILENT, {}
        me = line.me(access)
        line.revoke(access)  # if that fails it expires by itself; nobody here has kept it
    if isinstance(me, Done) and isinstance(me.data, dict) and str(me.data.get("id", "")).isdigit():
        return "", me.data
    return SILENT, {}


def _failed(request: HttpRequest, why: str) -> HttpResponse:
    messages.error(request, why)
    return redirect(PAGE)


@login_required
@require_POST
def unlink(request: HttpRequest) -> HttpResponse:
    """Forget a trader's Discord account."""
    if services.unlink_discord(user=request.user):
        messages.success(request, "Discord is unlinked. Nothing is sent there any more.")
    return redirect(PAGE)
