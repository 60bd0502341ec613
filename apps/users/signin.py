"""How the API knows who is asking."""

from typing import Final

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from apps.users.models import ApiToken, Scope, User
from apps.users.services import token_of

BEARER: Final = "bearer"
READ_ONLY_CODE: Final = "READ_ONLY_TOKEN"
READ_ONLY: Final = (
    "This token is read-only: it may not change anything. Make one that may, under Settings."
)


class SessionSignIn(SessionAuthentication):
    """The desk's own login. A stranger is answered 401, not 403: he may sign in."""

    def authenticate_header(self, request: Request) -> str:
        """Name the way to sign in."""
        return "Session"


class TokenSignIn(BaseAuthentication):
    """A program with `Authorization: Bearer <token>`; what else its request carries does not count.

    A read-only token is refused here, before any view is asked, so that no view can forget it.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return whose token it is. A wrong or revoked one is refused even where strangers may ask."""
        kind, _, secret = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if kind.lower() != BEARER:
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed(
                "There is no such token, or it was revoked or has expired.", "wrong_token"
            )
        if token.scope == Scope.READ and request.method not in SAFE_METHODS:
            raise PermissionDenied(READ_ONLY, READ_ONLY_CODE)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Name the way to come in."""
        return 'Bearer realm="tradehub"'
