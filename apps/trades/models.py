"""Trades, automated and by hand: the Signal Lab."""

from typing import ClassVar

from django.db import models

from apps.signals.domain.indicator import Direction
from apps.signals.models import Signal, Strategy, price_field
from apps.trades.domain.trade import State, TrackStatus
from apps.users.models import Owned

TRACKS = [(item, item) for item in TrackStatus]


class Trade(Owned):
    """One trade along its two tracks. Written by the engine alone; its open rows are its snapshot.

    `best` and `worst` are distances in whole ticks, positive in the trade's favour.
    """

    key = models.CharField(max_length=64, unique=True, help_text="The engine's name for it.")
    signal = models.OneToOneField(Signal, on_delete=models.CASCADE, null=True, related_name="trade")
    strategy = models.ForeignKey(
        Strategy, on_delete=models.CASCADE, null=True, related_name="trades"
    )
    is_manual = models.BooleanField(default=False)
    note = models.TextField(blank=True)
    root = models.CharField(max_length=8)
    contract = models.CharField(max_length=16)
    trade_id = models.CharField(max_length=40)
    direction = models.CharField(max_length=8, choices=[(item, item) for item in Direction])
    session = models.CharField(max_length=10)
    settings = models.JSONField(default=dict)
    is_late = models.BooleanField(default=False)
    is_incomplete = models.BooleanField(default=False)
    is_expired = models.BooleanField(
        default=False, help_text="Its contract has expired; open tracks stay undecided."
    )
    entry_at = models.DateTimeField()
    entry_ns = models.BigIntegerField(help_text="Market time of the entry, ns UTC.")
    entry_bar_at = models.DateTimeField()
    entry_price = price_field()
    initial_stop = price_field()
    stop_price = price_field("Where the stop of the plan lies now.")
    risk = price_field("Points from entry to the initial stop.")
    state = models.CharField(
        max_length=16, default=State.ACTIVE, choices=[(item, item) for item in State]
    )
    reason = models.CharField(max_length=16, blank=True)
    ended_at = models.DateTimeField(null=True, help_text="When the trader's own trade ended.")
    ended_price = price_field()
    result_r = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, help_text="What the plan made, in R."
    )
    status = models.CharField(
        max_length=10,
        default="ACTIVE",
        choices=[("ACTIVE", "ACTIVE"), ("COMPLETED", "COMPLETED")],
        help_text="ACTIVE until the fixed-stop track ends.",
    )
    no_be_status = models.CharField(max_length=10, default=TrackStatus.OPEN, choices=TRACKS)
    no_be_best = models.BigIntegerField(default=0)
    no_be_exit = models.JSONField(null=True, help_text="[bar, at, level, hit]")
    no_be_hits = models.JSONField(default=dict, help_text="R target to ns UTC.")
    be_status = models.CharField(max_length=10, default=TrackStatus.OPEN, choices=TRACKS)
    be_best = models.BigIntegerField(default=0)
    be_exit = models.JSONField(null=True)
    be_hits = models.JSONField(default=dict)
    armed = models.JSONField(null=True, help_text="[bar, at] of the break-even trigger.")
    worst = models.BigIntegerField(default=0)
    first = models.JSONField(null=True, help_text="[best, worst] of its part of the entry candle.")

    class Meta:
        ordering: ClassVar = ["-entry_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["user", "-entry_at"], name="trade_history"),
            models.Index(fields=["user", "-ended_at"], name="trade_ended"),
            models.Index(
                fields=["contract"], condition=models.Q(status="ACTIVE"), name="trade_running"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(risk__gt=0), name="trade_has_risk"),
            models.CheckConstraint(
                condition=models.Q(state="active", ended_at__isnull=True)
                | (~models.Q(state="active") & models.Q(ended_at__isnull=False)),
                name="trade_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return self.trade_id
