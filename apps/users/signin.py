"""How the API knows who is asking."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class SessionSignIn(SessionAuthentication):
    """The desk's own login. A stranger is answered 401, not 403: he may sign in."""

    def authenticate_header(self, request: Request) -> str:
        """Name the way to sign in."""
        return "Session"
