"""What is too large to be taken in one request, and the answer to it."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from apps.users.problems import MEDIA_TYPE, details

MOST_BODY: Final = 36 * 1024 * 1024  # a form with a file of 32 MB, and room for its other fields


def refuse_large(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a request whose body was too large to be kept, before anybody looks for its fields."""

    def refusing(request: HttpRequest) -> HttpResponse:
        text = request.META.get("CONTENT_LENGTH") or "0"
        size = int(text) if text.isdigit() else 0
        if size <= MOST_BODY:
            return get_response(request)
        had, most = f"{size / 2**20:,.0f} MB", f"{MOST_BODY // 2**20} MB"
        if request.path.startswith("/api/"):
            said = (
                f"body: {had} are more than the {most} that one request may have; "
                "send a large file in slices, see /api/docs/"
            )
            return JsonResponse(
                details(413, said, code="too_large"), status=413, content_type=MEDIA_TYPE
            )
        return render(request, "413.html", {"had": had}, status=413)

    return refusing
