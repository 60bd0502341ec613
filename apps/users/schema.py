"""How the API's description names our ways in."""

from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class SignInScheme(SessionScheme):
    """The desk's login, as any session cookie."""

    target_class = "apps.users.signin.SessionSignIn"
    name = "session"
    priority = 0


class TokenScheme(OpenApiAuthenticationExtension):
    """A token in the header."""

    target_class = "apps.users.signin.TokenSignIn"
    name = "token"
    priority = 0

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Say how a token is sent and where it comes from."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "Made under Settings, API tokens. A read-only one may only GET.",
        }
