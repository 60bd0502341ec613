"""Discord's door: commands that people give there. Each is signed by Discord and names who gave it."""

import json
from typing import Any, Final

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.notifications import commands
from apps.users import problems

log = structlog.get_logger(__name__)

FRESH_S: Final = 300
PONG: Final = 1
PING: Final = 1
COMMAND: Final = 2
BUTTON: Final = 3


@csrf_exempt
@require_POST
def interact(request: HttpRequest) -> HttpResponse:
    """Answer a command, if it is Discord's and of now."""
    body = request.body
    if not settings.DISCORD_PUBLIC_KEY or not is_signed(request, body):
        return _refused("The signature is not Discord's, or it is too old.")
    try:
        said: Any = json.loads(body)
        kind = said["type"]
    except (ValueError, KeyError, TypeError):
        return _problem(400, "This is no interaction.", "unreadable")
    if kind == PING:
        return JsonResponse({"type": PONG})
    if not cache.add(f"discord.interaction:{said.get('id')}", 1, FRESH_S * 2):
        return _refused("This interaction has been answered already.")
    if kind not in (COMMAND, BUTTON):
        return _problem(400, f"Interactions of type {kind!r} are not known here.", "unknown_type")
    try:
        return JsonResponse(commands.answer(said))
    except commands.Unreadable:
        return _problem(400, "This interaction lacks what it needs.", "unreadable")


def is_signed(request: HttpRequest, body: bytes) -> bool:
    """Return whether Discord has signed this body within the last minutes."""
    signature = request.headers.get("X-Signature-Ed25519", "")
    stamp = request.headers.get("X-Signature-Timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(timezone.now().timestamp() - int(stamp)) > FRESH_S:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(settings.DISCORD_PUBLIC_KEY))
        key.verify(bytes.fromhex(signature), stamp.encode() + body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _refused(detail: str) -> HttpResponse:
    return _problem(401, detail, "bad_signature")


def _problem(status: int, detail: str, code: str) -> HttpResponse:
    body = problems.details(status, detail, code=code)
    return JsonResponse(body, status=status, content_type=problems.MEDIA_TYPE)
