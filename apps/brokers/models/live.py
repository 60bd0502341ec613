"""Live orders: what may leave, what has left, what is at the broker, and where both sides disagree."""

from typing import ClassVar, Final

from django.db import models

from apps.brokers.domain.abroad import Errand
from apps.brokers.models.desk import Account
from apps.users.models import Owned


class LiveSwitch(Owned):
    """What may leave for the broker of an account. Off until its owner proved who he is and named account and size."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="live_switch")
    is_on = models.BooleanField(default=False)
    automatic = models.BooleanField(
        default=False,
        help_text="Signals may enter without a person's yes, where the firm allows it.",
    )
    per_order = models.PositiveIntegerField(default=1, help_text="Contracts of one order.")
    per_position = models.PositiveIntegerField(default=1, help_text="Contracts held at once.")
    per_day = models.PositiveIntegerField(default=10, help_text="Contracts opened in a day.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(per_order__gte=1, per_position__gte=1, per_day__gte=1),
                name="live_switch_has_limits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {'on' if self.is_on else 'off'}"


class AbroadLine(models.Model):
    """An order at a broker as the engine's venue knows it. The engine's own."""

    tag = models.CharField(max_length=64, unique=True, help_text="Our mark at the broker.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="abroad")
    plain = models.JSONField(help_text="All that the venue has to know to go on.")

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = "order at a broker"
        verbose_name_plural = "orders at brokers"

    def __str__(self) -> str:
        return self.tag


class Dispatch(Owned):
    """Something that is to be sent to a broker, written with the facts that it follows from, sent once."""

    class Status(models.TextChoices):
        """Where it stands. SENDING that nobody works on any more, and UNKNOWN: only the broker knows."""

        QUEUED = "queued", "Queued"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused"
        UNKNOWN = "unknown", "Outcome unknown"
        NOT_SENT = "not_sent", "Never arrived"
        EXPIRED = "expired", "Too late"

    key = models.CharField(max_length=120, unique=True, help_text="The same wish, the same key.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="dispatches")
    order = models.CharField(max_length=120, db_index=True, help_text="The desk's order.")
    errand = models.CharField(max_length=10, choices=[(item, item) for item in Errand])
    tag = models.CharField(max_length=64, blank=True, db_index=True)
    contract = models.CharField(max_length=16)
    payload = models.JSONField(default=dict)
    is_exit = models.BooleanField(default=False)
    fresh_s = models.PositiveIntegerField(
        null=True, help_text="Seconds after which it is not sent any more; empty: never too late."
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    reason = models.CharField(max_length=200, blank=True)
    remote = models.JSONField(default=dict, help_text="The broker's numbers, by our tags.")
    attempts = models.PositiveIntegerField(default=0, help_text="Calls, look-ups included.")
    at_ns = models.BigIntegerField(help_text="Market time of the wish.")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, help_text="Wall time before the call.")
    next_at = models.DateTimeField(null=True, help_text="Not asked about again before.")
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "dispatches"
        indexes: ClassVar = [
            models.Index(
                fields=["account", "id"],
                condition=models.Q(status__in=["queued", "sending", "unknown"]),
                name="dispatch_waiting",
            ),
            models.Index(fields=["account", "-id"], name="dispatch_history"),
        ]

    def __str__(self) -> str:
        return f"{self.errand} {self.tag} {self.status}"


class Difference(Owned):
    """Where the desk and the broker disagree about an account, from when it was seen until it was gone."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=16)
    subject = models.CharField(max_length=130, help_text="A contract, or an order's mark.")
    words = models.CharField(max_length=300)
    detail = models.JSONField(default=dict)
    seen_at = models.DateTimeField(help_text="Wall time.")
    told_at = models.DateTimeField(null=True, help_text="When it had stood long enough to be told.")
    gone_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "kind", "subject"],
                condition=models.Q(gone_at__isnull=True),
                name="difference_open_once",
            ),
        ]

    def __str__(self) -> str:
        return self.words


WAITING: Final = (Dispatch.Status.QUEUED, Dispatch.Status.SENDING, Dispatch.Status.UNKNOWN)
