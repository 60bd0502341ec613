"""The door."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.renderers import JSONRenderer

from apps.users import problems

LOCKED = "Too many wrong passwords. Wait a quarter of an hour, then try again."


def locked_out(
    request: HttpRequest, _response: HttpResponse | None = None, _credentials: Any = None
) -> HttpResponse:
    """Answer somebody who has tried too many passwords."""
    if request.path.startswith("/api/"):
        body = problems.details(429, LOCKED, code="locked_out")
        return HttpResponse(
            JSONRenderer().render(body), status=429, content_type=problems.MEDIA_TYPE
        )
    return render(request, "registration/locked_out.html", {"detail": LOCKED}, status=429)
