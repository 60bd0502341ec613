"""API: who is asking."""

from typing import Any

from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response


class PersonSerializer(serializers.Serializer[Any]):
    """A person as his own browser may know him."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    time_zone = serializers.CharField()
    theme = serializers.CharField()
    units = serializers.CharField()
    is_staff = serializers.BooleanField()


@extend_schema(
    responses=inline_serializer(
        "CheckAuth",
        {
            "authenticated": serializers.BooleanField(),
            "user": PersonSerializer(allow_null=True),
        },
    )
)
@never_cache
@api_view(["GET"])
@permission_classes([AllowAny])
def check_auth(request: Request) -> Response:
    """Tell whether the asker is signed in, and as whom."""
    user = request.user if request.user.is_authenticated else None
    return Response(
        {"authenticated": user is not None, "user": PersonSerializer(user).data if user else None}
    )


@extend_schema(responses=inline_serializer("CsrfToken", {"csrf_token": serializers.CharField()}))
@never_cache
@api_view(["GET"])
@permission_classes([AllowAny])
def csrf_token(request: Request) -> Response:
    """Give the token that each changing request sends back in `X-CSRFToken`, and set its cookie."""
    return Response({"csrf_token": get_token(request._request)})
