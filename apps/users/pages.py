"""The door."""

from collections.abc import Callable
from typing import Any, Final

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseServerError,
)
from django.middleware.csrf import REASON_CSRF_TOKEN_MISSING, REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import defaults
from rest_framework.renderers import JSONRenderer

from apps.users import problems
from apps.users.asked import FORM_TOKEN

# What a form may have carried that is shown to nobody again, whoever typed it: by a part of its field's name.
_HUSHED: Final = ("password", "code", "sec", "cid", "token", "credential", "key")
_UNTYPED: Final = (FORM_TOKEN, "next", "request_id", "do", "how")  # what a form sends by itself
_SHOWN_LENGTH: Final = 300
LOCKED = "Too many wrong passwords. Wait a quarter of an hour, then try again."


def locked_out(
    request: HttpRequest, _response: HttpResponse | None = None, _credentials: Any = None
) -> HttpResponse:
    """Answer somebody who has tried too many passwords."""
    if _is_api(request):
        return _problem(429, LOCKED, code="locked_out")
    return render(request, "account/locked_out.html", {"detail": LOCKED}, status=429)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a wrong address: a program in its own language, people with a page."""
    if _is_api(request):
        return _problem(404, "There is no such address. See /api/docs/.", code="not_found")
    return defaults.page_not_found(request, exception)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without the right token: what happened, that nothing was done, what was typed, and the way back to it.

    What was typed is shown only where the browser says that one of our own pages sent it: a stranger's page that
    posts here is not to speak from ours. It is for reading; nothing is sent again from here.
    """
    if _is_api(request):
        return _problem(
            403, "The form's token is missing or too old. Nothing was done.", code="csrf"
        )
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        came_from, {request.get_host()}, require_https=request.is_secure()
    )
    context = {
        "why": _why(reason, is_ours=is_ours),
        "back": came_from if is_ours else "",
        "typed": _typed(request) if is_ours else [],
    }
    return render(request, "403_csrf.html", context, status=403)


def _why(reason: str, *, is_ours: bool) -> str:
    if reason == REASON_NO_CSRF_COOKIE:
        return "cookies"
    if not is_ours or "rigin" in reason or "eferer" in reason:
        return "elsewhere"
    return "missing" if reason == REASON_CSRF_TOKEN_MISSING else "old"


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what was typed or chosen, as name and value; no secrets, and of a file its name."""
    shown = []
    for name, values in request.POST.lists():
        if name in _UNTYPED or any(one in name for one in _HUSHED):
            continue
        shown += [(_label(name), one[:_SHOWN_LENGTH]) for one in values if one.strip()]
    for name in request.FILES:
        shown += [
            (_label(name), f"{file.name} (choose it again)") for file in request.FILES.getlist(name)
        ]
    return shown


def _label(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def broken(request: HttpRequest) -> HttpResponse:
    """Answer where a view has failed; the log has the reason."""
    if _is_api(request):
        return _problem(500, "The fault is ours and is written down.", code="broken")
    try:
        page = loader.get_template("500.html").render(request=request)
    except (
        Exception
    ):  # what broke may be what was asked for the note of live orders: then it is left out
        return defaults.server_error(request)
    return HttpResponseServerError(page)


def no_page(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a visit to the address of a button with a page: there leads a sign-in that came between press and deed."""

    def answering(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if request.method != "GET" or not isinstance(answer, HttpResponseNotAllowed):
            return answer
        page = render(request, "405.html", status=405)
        page["Allow"] = answer["Allow"]
        return page

    return answering


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _problem(status: int, detail: str, *, code: str) -> HttpResponse:
    body = JSONRenderer().render(problems.details(status, detail, code=code))
    return HttpResponse(body, status=status, content_type=problems.MEDIA_TYPE)
