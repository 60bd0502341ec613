"""Notices as JSON."""

from typing import Any

from rest_framework import serializers

from apps.notifications.models import Notice
from apps.users.asked import Asked


class NoticeRowSerializer(serializers.ModelSerializer[Notice]):
    """A notice."""

    is_read = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = (
            "id", "kind", "severity", "title", "body", "path", "of", "at", "created_at", "is_read",
        )  # fmt: skip

    def get_is_read(self, row: Notice) -> bool:
        """Return whether its owner has read it."""
        return row.read_at is not None


class ReadSerializer(Asked):
    """Which notices were read; without `ids` all of them."""

    ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62), required=False, max_length=500
    )


class ReadAnswerSerializer(serializers.Serializer[Any]):
    """How many were marked, and how many are left."""

    marked = serializers.IntegerField()
    unread = serializers.IntegerField()


class ToggleSerializer(Asked):
    """Direct messages on or off; without a wish they are turned round."""

    enabled = serializers.BooleanField(required=False, allow_null=True, default=None)


class DiscordSerializer(serializers.Serializer[Any]):
    """How it stands with Discord. `broken`: why it can't be used, empty if it can."""

    discord_dms_enabled = serializers.BooleanField()
    linked = serializers.BooleanField()
    username = serializers.CharField(allow_blank=True)
    broken = serializers.CharField(allow_blank=True)
