"""Recorders, when they recorded, whose each fill is, and the positions that follow from that.

Everything from `RecordedPosition` on is derived from brokers' fills and people's decisions: it may be derived anew.
"""

from decimal import Decimal
from typing import Any, ClassVar

from django.db import models

from apps.brokers.models import BrokerAccount, BrokerFill, money_field
from apps.recorder.domain.terms import LogKind, PositionStatus, Reason, Unit, Ways
from apps.signals.models import Strategy, price_field
from apps.users.models import Owned


def distance_field(
    help_text: str,
) -> "models.DecimalField[Decimal | int | str | None, Decimal | None]":
    """Return a field for how far a stop or target is, in the recorder's unit."""
    return models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True, help_text=help_text
    )


def amount_field(help_text: str = "") -> "models.DecimalField[Any, Any]":
    """Return a field for dollars that are not always known."""
    return models.DecimalField(max_digits=18, decimal_places=4, null=True, help_text=help_text)


class Recorder(Owned):
    """A strategy bound to a broker's account: its fills there are recorded as the strategy's positions."""

    strategy = models.OneToOneField(Strategy, on_delete=models.CASCADE, related_name="recorder")
    account = models.ForeignKey(
        BrokerAccount, on_delete=models.SET_NULL, null=True, related_name="recorders"
    )
    root = models.CharField(max_length=8, help_text="What it trades, e.g. MNQ.")
    size = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Contracts of an entry; empty = not said, any number is right.",
    )
    position_add = models.PositiveIntegerField(
        default=0, help_text="Contracts that are added to an open position; 0 = it never adds."
    )
    unit = models.CharField(max_length=8, choices=[(one, one) for one in Unit], default=Unit.TICKS)
    take_profit = distance_field("From the entry, e.g. 40; empty = none.")
    stop_loss = distance_field("From the entry, e.g. 20; empty = none.")
    trim = models.PositiveIntegerField(
        default=0, help_text="Contracts that a first target takes off; 0 = all at once."
    )
    ways = models.CharField(max_length=5, choices=[(one, one) for one in Ways], default=Ways.BOTH)
    is_recording = models.BooleanField(default=False)
    reset_ns = models.BigIntegerField(
        default=0, help_text="What was closed up to here is out of its history, ns UTC."
    )
    reset_before_ns = models.BigIntegerField(null=True, help_text="Where that was before.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["account", "root"], name="recorder_of_account")]

    def __str__(self) -> str:
        return f"{self.strategy} in {self.account}"


class RecordingSpan(models.Model):
    """A stretch of time in which a recorder recorded in one account."""

    recorder = models.ForeignKey(Recorder, on_delete=models.CASCADE, related_name="spans")
    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="spans")
    root = models.CharField(max_length=8)
    started_ns = models.BigIntegerField(help_text="ns UTC; 0 = everything that is kept.")
    stopped_ns = models.BigIntegerField(null=True)
    made_ns = models.BigIntegerField(
        help_text="When that was asked for; of what was before, no news is made."
    )

    class Meta:
        ordering: ClassVar = ["started_ns", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["recorder"],
                condition=models.Q(stopped_ns__isnull=True),
                name="recorder_records_once",
            ),
            models.CheckConstraint(
                condition=models.Q(stopped_ns__isnull=True)
                | models.Q(stopped_ns__gte=models.F("started_ns")),
                name="recording_span_forward",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recorder_id}: {self.started_ns}-{self.stopped_ns or ''}"


class Book(models.Model):
    """The lock and the progress of one account's recording."""

    account = models.OneToOneField(BrokerAccount, on_delete=models.CASCADE, related_name="book")
    version = models.PositiveIntegerField(default=0, help_text="Grows with each change written.")
    settled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.account}, version {self.version}"


class RecordedPosition(Owned):
    """What a strategy held of a contract in one account, from flat to flat."""

    key = models.CharField(
        max_length=180, unique=True, help_text="Strategy, account and opening fill."
    )
    strategy = models.ForeignKey(
        Strategy, on_delete=models.CASCADE, related_name="recorded_positions"
    )
    account = models.ForeignKey(
        BrokerAccount, on_delete=models.CASCADE, related_name="recorded_positions"
    )
    contract = models.CharField(max_length=32)
    root = models.CharField(max_length=8, help_text="Empty: a contract that the desk cannot value.")
    sign = models.SmallIntegerField(choices=[(1, "long"), (-1, "short")])
    size = models.PositiveIntegerField(help_text="Open contracts.")
    most = models.PositiveIntegerField(help_text="The most that was held at once.")
    entered = models.PositiveIntegerField()
    exited = models.PositiveIntegerField(default=0)
    entry = models.DecimalField(max_digits=20, decimal_places=9, help_text="Average.")
    exit = models.DecimalField(
        max_digits=20, decimal_places=9, null=True, help_text="Average of what was closed."
    )
    cost = models.DecimalField(
        max_digits=24, decimal_places=7, help_text="Sum of open contracts x price, FIFO."
    )
    realized = amount_field("Before fees; null: it cannot be valued.")
    fees = money_field(default=0)
    fees_known = models.BooleanField(default=True, help_text="The broker has said all of them.")
    stop = price_field("The first stop that was known of it.")
    risk = amount_field("Dollars from the entry to that stop; null: without one.")
    mfe = amount_field("Dollars that it was ahead at best, before fees; null: not known.")
    mae = amount_field("Dollars that it was behind at worst, 0 or less.")
    looked_at = models.DateTimeField(null=True, help_text="When that was last looked for.")
    plan = models.JSONField(
        default=dict, help_text="The strategy's figures when it was first recorded."
    )
    deviations = models.JSONField(
        default=list, help_text="Where it was traded otherwise, in words."
    )
    status = models.CharField(max_length=12, choices=[(one, one) for one in PositionStatus])
    opened_ns = models.BigIntegerField()
    closed_ns = models.BigIntegerField(null=True)
    trade_date = models.DateField(help_text="Of its last fill, the exchange's day.")
    version = models.PositiveIntegerField(default=1, help_text="Grows when it is derived anew.")

    class Meta:
        ordering: ClassVar = ["-opened_ns", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["strategy", "-closed_ns"], name="recorded_history"),
            models.Index(fields=["strategy", "-opened_ns", "-id"], name="recorded_newest"),
            models.Index(fields=["account", "contract", "opened_ns"], name="recorded_ledger"),
            models.Index(fields=["user", "-closed_ns"], name="recorded_of_user"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["strategy", "account", "contract"],
                condition=models.Q(closed_ns__isnull=True),
                name="recorded_one_open",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_ns__isnull=True, size__gte=1)
                | models.Q(closed_ns__isnull=False, size=0),
                name="recorded_closed_when_flat",
            ),
        ]

    def __str__(self) -> str:
        return f"{'long' if self.sign > 0 else 'short'} {self.most} {self.contract}"


class Opening(models.Model):
    """What was held of a contract before the first fill that the desk has of it: by the broker's position less our fills."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="openings")
    contract = models.CharField(max_length=32)
    net = models.IntegerField(default=0, help_text="Signed contracts.")
    at_ns = models.BigIntegerField(
        help_text="When they were held: of the first fill known, ns UTC."
    )
    said_net = models.IntegerField(
        help_text="What a look has found; held to be true when the next finds the same."
    )
    said_at = models.DateTimeField(help_text="When that look was.")
    is_settled = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "contract"], name="opening_once"),
        ]

    def __str__(self) -> str:
        return f"{self.net:+d} {self.contract}"


class RecordedFill(models.Model):
    """A share of a broker's fill, whose it is and why; without a strategy: nobody's, or not decided."""

    fill = models.ForeignKey(BrokerFill, on_delete=models.CASCADE, related_name="shares")
    part = models.PositiveSmallIntegerField(help_text="Its place among the fill's shares.")
    strategy = models.ForeignKey(
        Strategy, on_delete=models.CASCADE, null=True, related_name="recorded_fills"
    )
    position = models.ForeignKey(
        RecordedPosition, on_delete=models.CASCADE, null=True, related_name="fills"
    )
    quantity = models.PositiveIntegerField()
    opens = models.BooleanField(default=True, help_text="It made the position larger.")
    realized = amount_field("What it closed, before fees.")
    fees = amount_field()
    reason = models.CharField(max_length=16, choices=[(one, one) for one in Reason])
    candidates = models.JSONField(default=list, help_text="Strategies that it may be of.")
    note = models.CharField(max_length=200, blank=True, help_text="Why, in words.")
    seen = models.CharField(max_length=32, help_text="What of the fill and order this rests on.")
    flat_after = models.BooleanField(default=False, help_text="Nothing of the contract is held.")

    class Meta:
        ordering: ClassVar = ["fill__at_ns", "id"]
        indexes: ClassVar = [
            models.Index(
                fields=["fill"],
                condition=models.Q(reason=Reason.AMBIGUOUS),
                name="recorded_fill_undecided",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fill", "part"], name="recorded_fill_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.fill_id}: {self.reason}"


class Assignment(Owned):
    """A person's decision whose a fill is. Never edited: undone, and followed by another."""

    fill = models.ForeignKey(BrokerFill, on_delete=models.CASCADE, related_name="assignments")
    shares = models.JSONField(help_text="[[strategy or null, contracts]] of the whole fill.")
    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.CharField(max_length=150, help_text="Who decided.")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["fill"],
                condition=models.Q(undone_at__isnull=True),
                name="assignment_one_holds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fill_id}: {self.shares}"


class RecorderLog(Owned):
    """A line of a recorder's log."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="recorder_log")
    key = models.CharField(max_length=200, unique=True, help_text="Names the happening.")
    kind = models.CharField(max_length=10, choices=[(one, one) for one in LogKind])
    text = models.CharField(max_length=300)
    at_ns = models.BigIntegerField(help_text="When it happened.")
    contracts = models.PositiveIntegerField(
        null=True, help_text="Of an order, so many were told; null: of all."
    )
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-at_ns", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["strategy", "-at_ns", "-id"], name="recorder_log_latest")
        ]

    def __str__(self) -> str:
        return self.text
