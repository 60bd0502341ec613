"""Requests and answers as HTTP and frames carry them: query, JSON and form as one object. Protocol 2 and 16."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.socket import Request

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
}


@web.middleware
async def open_to_browsers(
    request: web.Request, handler: Callable[[web.Request], Any]
) -> web.StreamResponse:
    """Let pages of any origin call, as Tradovate does."""
    response: web.StreamResponse = await handler(request)
    if not response.prepared:
        response.headers.update(CORS)
    return response


def response_of(answer: Answer) -> web.Response:
    """Return an answer as HTTP."""
    if answer.body is None:
        headers = {"Location": answer.location} if answer.location else None
        return web.Response(status=answer.status, headers=headers)
    return web.Response(
        status=answer.status,
        body=msgspec.json.encode(answer.body),
        content_type="application/json",
        charset="utf-8",
    )


async def body_of(request: web.Request) -> Json | None:
    """Return query and body as one object; None for a body that is no object."""
    asked: Json = dict(request.query)
    if request.content_type == "application/x-www-form-urlencoded":
        form = await request.post()
        return asked | {name: _coerced(str(value)) for name, value in form.items()}
    raw = await request.read()
    if raw.strip() in {b"", b"undefined"}:
        return asked
    try:
        told = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return asked | told if isinstance(told, dict) else None


def _coerced(text: str) -> Any:
    """Return a form's text as the boolean or number it stands for; forms know no types."""
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def asked_of(request: Request) -> Json:
    """Return a socket request's query and body as one object."""
    pairs: Sequence[str] = [part for part in request.query.split("&") if "=" in part]
    asked: Json = dict(part.split("=", 1) for part in pairs)
    with suppress(msgspec.DecodeError):
        told = msgspec.json.decode(request.body)
        if isinstance(told, dict):
            asked |= told
    return asked
