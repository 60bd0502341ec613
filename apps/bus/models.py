"""What the bus keeps: wishes that wait, facts that happened, and how far each listener has come."""

from typing import ClassVar

from django.db import models


class Inbox(models.Model):
    """A command that waits for the engine, with both clocks of the moment it came in.

    The engine takes what is not `handled`, in the order of ids, and marks it inside its own
    transaction. A cursor over ids would not do: PostgreSQL may commit a lower id later.
    """

    kind = models.CharField(max_length=64, help_text="Name of the command, e.g. alert.")
    payload = models.TextField(help_text="The command as JSON.")
    user_id = models.BigIntegerField(help_text="Whose wish it is; 0 is the desk itself.")
    source = models.CharField(max_length=64, help_text="Where it came in, e.g. webhook, page, api.")
    key = models.CharField(  # noqa: DJ001 - unique, so "none" can't be the empty text
        max_length=200,
        null=True,
        unique=True,
        help_text="The same key is the same wish.",
    )
    received_at = models.DateTimeField(help_text="Wall time of receipt.")
    market_at = models.BigIntegerField(null=True, help_text="Market time of receipt, ns UTC.")
    market_live = models.BooleanField(default=False, help_text="The feed was live at that moment.")
    expires_market_at = models.BigIntegerField(
        null=True,
        help_text="From this market time on it is refused, ns UTC.",
    )
    handled = models.BooleanField(default=False)
    of = models.CharField(
        max_length=64, blank=True, help_text="What it is about, where that is asked: strategy:7."
    )

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = "waiting command"
        verbose_name_plural = "inbox"
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(handled=False), name="inbox_waiting"),
            models.Index(fields=["received_at"], name="inbox_received"),
            models.Index(fields=["of", "market_at"], condition=~models.Q(of=""), name="inbox_of"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class FactRow(models.Model):
    """Something that happened, never edited. `seq` is the order of the commits."""

    seq = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=200, unique=True, help_text="Names the happening itself.")
    name = models.CharField(max_length=64, help_text="e.g. trade.stopped.")
    at = models.DateTimeField(help_text="Market time, microseconds rounded down.")
    at_ns = models.BigIntegerField(help_text="Market time, ns UTC.")
    user_id = models.BigIntegerField(help_text="Whose it is; 0 is everybody's.")
    of = models.CharField(
        max_length=200, blank=True, help_text="The signal or trade it tells about."
    )
    payload = models.JSONField(help_text="The fact's own fields as plain JSON values.")
    cause = models.BigIntegerField(null=True, help_text="The inbox id that asked for it.")
    recorded_at = models.DateTimeField(help_text="Wall time of the commit.")

    class Meta:
        ordering: ClassVar = ["seq"]
        verbose_name = "fact"
        indexes: ClassVar = [
            models.Index(fields=["user_id", "name", "seq"], name="fact_user_name"),
            models.Index(fields=["of", "seq"], name="fact_of"),
            models.Index(
                fields=["cause"], condition=models.Q(cause__isnull=False), name="fact_cause"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.of}".rstrip()


class Cursor(models.Model):
    """How far a source has been worked off, or a subscriber has heard."""

    source = models.CharField(max_length=120, unique=True, help_text="e.g. ticks:NQZ6.")
    value = models.CharField(max_length=120)

    def __str__(self) -> str:
        return f"{self.source} = {self.value}"


class LeaseRow(models.Model):
    """Who is the one that does what has this name, and until when he has to say that he lives."""

    name = models.CharField(max_length=64, unique=True, help_text="e.g. discord.")
    holder = models.CharField(max_length=32)
    held_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """The last sign of life of something that runs for ever."""

    name = models.CharField(max_length=64, unique=True, help_text="e.g. engine.")
    at = models.DateTimeField(help_text="Wall time.")
    state = models.CharField(max_length=32)
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
