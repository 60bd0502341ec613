"""API: health. Open to everybody, since those who ask are often not people."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.system.domain.health import Component, Status, examine, overall
from apps.system.queries import signs_of_life

_COMPONENT = inline_serializer(
    "HealthOfComponent",
    {
        "status": serializers.ChoiceField(choices=[status.value for status in Status]),
        "reason": serializers.CharField(required=False),
        "detail": serializers.DictField(required=False),
    },
)
_DESK = inline_serializer(
    "HealthOfDesk",
    {
        "status": serializers.ChoiceField(choices=[status.value for status in Status]),
        "version": serializers.CharField(),
        "components": serializers.DictField(child=_COMPONENT),
    },
)


class Health(APIView):
    """Never looks at who is asking: that would need the database whose health is in question."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


@extend_schema(responses={200: _DESK, 503: OpenApiResponse(_DESK, "engine or database is dead")})
class DeskHealth(Health):
    """The whole desk: 200 while engine and database live, else 503."""

    def get(self, request: Request) -> Response:
        """Return the desk's status and each component's."""
        components = examine(signs_of_life())
        status = overall(components)
        body = {
            "status": status.value,
            "version": settings.VERSION,
            "components": {name: _told(part) for name, part in components.items()},
        }
        return _fresh(body, status)


@extend_schema(responses={200: _COMPONENT, 503: OpenApiResponse(_COMPONENT, "it is dead")})
class ComponentHealth(Health):
    """One component."""

    def get(self, request: Request, component: str) -> Response:
        """Return the component's status, with the reason if it is not ok."""
        part = examine(signs_of_life()).get(component)
        if part is None:
            raise NotFound("There is no such component.")
        return _fresh(_told(part), part.status)


def _told(part: Component) -> dict[str, Any]:
    told: dict[str, Any] = {"status": part.status.value}
    if part.reason:
        told["reason"] = part.reason
    return told | {"detail": dict(part.detail)}


def _fresh(body: dict[str, Any], status: Status) -> Response:
    return Response(
        body,
        status=503 if status is Status.DOWN else 200,
        headers={"Cache-Control": "no-store"},
    )
