"""Notices, the outbox, and how each trader wants to be told."""

from typing import ClassVar

from django.db import models

from apps.notifications.domain.kinds import BREAKS_QUIET, Channel, Kind, Severity
from apps.users.models import Owned
from apps.users.secret import SealedField


def kinds() -> list[tuple[str, str]]:
    """Return what a trader can be told of. A function, so that a new kind is no migration."""
    return [(item, item) for item in Kind]


class Notice(Owned):
    """Something that a trader is told, once: the notification centre is these rows."""

    key = models.CharField(max_length=200, help_text="The fact's own key.")
    kind = models.CharField(max_length=24, choices=kinds)
    severity = models.CharField(max_length=8, choices=[(item, item) for item in Severity])
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    path = models.CharField(max_length=200, help_text="Of the page that shows it.")
    of = models.CharField(max_length=200, blank=True)
    batch = models.CharField(max_length=160, blank=True)
    parts = models.JSONField(default=dict, help_text="The facts of a batch, by their keys.")
    context = models.JSONField(default=dict)
    at = models.DateTimeField(help_text="Market time.")
    created_at = models.DateTimeField(help_text="Wall time.")
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="notice_once_per_fact"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="notice_newest"),
            models.Index(
                fields=["user"], condition=models.Q(read_at__isnull=True), name="notice_unread"
            ),
            models.Index(
                fields=["user", "batch"], condition=~models.Q(batch=""), name="notice_batch"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Delivery(Owned):
    """A notice on its way out by one channel. These rows are the outbox; nothing is sent without one."""

    class Status(models.TextChoices):
        """How far it is."""

        QUEUED = "queued", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"
        SUPPRESSED = "suppressed", "Not sent"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(
        max_length=8, choices=[(item, item) for item in (Channel.EMAIL, Channel.DISCORD)]
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    reason = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not before this.")
    worth_until = models.DateTimeField(help_text="Afterwards it helps nobody any more.")
    nonce = models.CharField(max_length=25, unique=True, help_text="Made of owner, fact, channel.")
    unknown_since = models.DateTimeField(
        null=True, help_text="When an attempt began whose outcome is not known."
    )
    reopened = models.BooleanField(default=False, help_text="Its channel was opened once more.")
    message = models.CharField(
        max_length=200, blank=True, help_text="The other side's name for it."
    )
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "channel"], name="delivery_once_per_channel"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["channel", "next_at"],
                condition=models.Q(status__in=["queued", "sending"]),
                name="delivery_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.status}"


def usual_breaks() -> list[str]:
    """Return the kinds that break quiet hours unless one chooses."""
    return sorted(BREAKS_QUIET)


class Preferences(Owned):
    """How a trader wants to be told; without a row everything is as usual."""

    channels = models.JSONField(default=dict, help_text='{"stop_hit": ["toast", "discord"]}')
    discord_on = models.BooleanField(default=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    breaks = models.JSONField(default=usual_breaks)

    class Meta:
        verbose_name_plural = "preferences"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user"], name="preferences_once_per_user"),
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user_id}"


class DiscordLink(Owned):
    """Whose Discord account a trader's is. No token of his is kept."""

    snowflake = models.CharField(max_length=20, unique=True)
    username = models.CharField(max_length=80)
    channel = models.CharField(max_length=20, blank=True, help_text="Of the direct messages.")
    broken = models.CharField(max_length=200, blank=True, help_text="Why it can't be used.")
    linked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user"], name="discord_link_once_per_user"),
        ]

    def __str__(self) -> str:
        return self.username


class Confirmation(Owned):
    """A question asked in Discord that waits for one press of its button."""

    token = models.CharField(max_length=43, unique=True)
    deed = models.CharField(max_length=16)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.deed


class FollowUp(Owned):
    """What Discord was answered before the engine had answered: that answer is edited when it has. Then this is gone."""

    token = SealedField(help_text="Of the interaction; Discord takes it for 15 minutes.")
    wishes = models.JSONField(help_text="[name, inbox id, what is said when it is done] each.")
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(help_text="Not before this.")
    worth_until = models.DateTimeField(help_text="Afterwards Discord takes no edit any more.")

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"{len(self.wishes)} wishes"


class Sender(models.Model):
    """What the other side of a channel has asked of us.

    paused_until: the other side wants silence from everybody
    stopped:      why nothing is sent until the operator has changed something
    stopped_key:  a fingerprint of the key that was refused: another key may try again
    """

    name = models.CharField(max_length=24, unique=True)
    paused_until = models.DateTimeField(null=True)
    opening_paused_until = models.DateTimeField(null=True)
    stopped = models.CharField(max_length=200, blank=True)
    stopped_key = models.CharField(max_length=16, blank=True)

    def __str__(self) -> str:
        return self.name
