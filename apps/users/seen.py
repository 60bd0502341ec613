"""Where people are signed in, and when they were last seen there."""

from collections.abc import Callable
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.users.models import User
from apps.users.services import sign_out_elsewhere

EVERY_S: Final = 300
_NOTED: Final = "seen_at"  # in the session


def note(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Note with a request that its session is in use, once in five minutes: it costs a write."""

    def noting(request: HttpRequest) -> HttpResponse:
        now = int(timezone.now().timestamp())
        if request.session.get(_NOTED, 0) < now - EVERY_S and request.user.is_authenticated:
            UserSession.objects.create_from_request(request)
            request.session[_NOTED] = now
        return get_response(request)

    return noting


def end_the_others(request: HttpRequest, user: User, **_: Any) -> None:
    """After a new password or second factor: whoever came in with less has to come in again."""
    sign_out_elsewhere(request, user=user)
