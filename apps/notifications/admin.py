"""What was told to whom, and what did not get out, for staff."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.notifications.models import Delivery, DiscordLink, Sender


class ReadOnly(ModelAdmin):  # type: ignore[misc]  # unfold is not typed
    """Rows to be looked at, never to be edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one."""
        return False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """The outbox. What a notice says stays its owner's."""

    list_display: ClassVar = ["id", "user", "channel", "status", "reason", "attempts", "next_at", "sent_at"]  # fmt: skip
    list_filter: ClassVar = ["channel", "status"]
    fields: ClassVar = ["user", "channel", "status", "reason", "attempts", "next_at", "worth_until", "sent_at"]  # fmt: skip


@admin.register(DiscordLink)
class DiscordLinkAdmin(ReadOnly):
    """Who has linked Discord, and which links are broken."""

    list_display: ClassVar = ["user", "username", "broken", "linked_at"]
    fields: ClassVar = ["user", "username", "broken", "linked_at"]


@admin.register(Sender)
class SenderAdmin(ReadOnly):
    """Which channels are silent, and why."""

    list_display: ClassVar = ["name", "paused_until", "stopped"]
    fields: ClassVar = ["name", "paused_until", "stopped"]
