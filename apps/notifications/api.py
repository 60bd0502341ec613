"""API: the notification centre, and Discord's switch."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.notifications import choices, queries, services
from apps.notifications.domain.kinds import Kind
from apps.notifications.models import Notice
from apps.notifications.serializers import (
    DiscordSerializer,
    NoticeRowSerializer,
    ReadAnswerSerializer,
    ReadSerializer,
    ToggleSerializer,
)
from apps.users.asked import read

PROBLEM = OpenApiResponse(description="Problem details.")


class NoticeFilter(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """Which notices one wants."""

    kind = django_filters.ChoiceFilter(choices=[(kind.value, kind.value) for kind in Kind])
    unread = django_filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")


class Notices(GenericAPIView[Any]):
    """The notification centre."""

    serializer_class = NoticeRowSerializer
    filterset_class = NoticeFilter

    def get_queryset(self) -> QuerySet[Notice]:
        """Return the asker's own notices, newest first."""
        return queries.notices(self.request.user)

    @extend_schema(responses=NoticeRowSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return your notices, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class Read(GenericAPIView[Any]):
    """Notices that were read."""

    serializer_class = ReadSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses={200: ReadAnswerSerializer, 400: PROBLEM})
    def post(self, request: Request) -> Response:
        """Mark your notices as read: those with these ids, or all of them."""
        wish = read(ReadSerializer, request.data)
        marked = services.mark_read(user=request.user, ids=wish.validated_data.get("ids"))
        return Response({"marked": marked, "unread": queries.unread(request.user)})


class ToggleDiscord(GenericAPIView[Any]):
    """The switch of Discord's direct messages."""

    serializer_class = ToggleSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(responses={200: DiscordSerializer, 400: PROBLEM})
    def post(self, request: Request) -> Response:
        """Turn direct messages on or off, and say how it stands."""
        wish = read(ToggleSerializer, request.data)
        on = services.switch_discord(user=request.user, on=wish.validated_data.get("enabled"))
        link = choices.link_of(request.user)
        body = {
            "discord_dms_enabled": on, "linked": link is not None,
            "username": link.username if link else "", "broken": link.broken if link else "",
        }  # fmt: skip
        return Response(DiscordSerializer(body).data)
