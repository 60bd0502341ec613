"""How the API's description names our ways in."""

from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)


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


class AskedBody(OpenApiSerializerExtension):
    """A body in which a field that is not known is refused."""

    target_class = "apps.users.asked.Asked"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        """Say that there are no other fields, and which may come back as they were read."""
        shape = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        for name in sorted(self.target.echoes - set(self.target.fields)):
            shape["properties"][name] = {"readOnly": True, "description": "It changes nothing."}
        return shape | {"additionalProperties": False}
