"""The door."""

from collections.abc import Callable
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseServerError,
)
from django.shortcuts import render
from django.template import loader
from django.views import defaults
from rest_framework.renderers import JSONRenderer

from apps.users import problems

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
