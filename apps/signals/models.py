"""Where alerts come from, what was refused, and what became of the rest."""

from typing import Any, ClassVar

from django.db import models

from apps.signals.domain.confirmation import StopRule
from apps.signals.domain.indicator import Direction
from apps.signals.domain.signal import Reason, Status
from apps.users.models import Owned


class Strategy(Owned):
    """A source of alerts of one trader, with a secret address of its own."""

    name = models.CharField(max_length=80, help_text="As the trader calls it, e.g. NQ FVG.")
    symbol = models.CharField(
        max_length=16, default="NQ1!", help_text="Taken when an alert names no symbol, e.g. NQ1!."
    )
    is_active = models.BooleanField(default=True, help_text="Off: its alerts are refused.")
    token_hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the secret in its webhook address."
    )
    token_generation = models.PositiveIntegerField(
        default=1, help_text="Grows with each new secret; the signing key changes with it."
    )
    requires_signature = models.BooleanField(
        default=False,
        help_text="Alerts must carry X-Webhook-Signature. TradingView cannot.",
    )
    only_tradingview = models.BooleanField(
        default=False, help_text="Alerts must come from one of TradingView's addresses."
    )
    settings = models.JSONField(
        default=dict,
        blank=True,
        help_text='How its signals are handled: {"require_body": true}.',
    )
    quiet_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Alarm after so many minutes of open market without an alert, e.g. 60; empty = by its own rhythm, 0 = never.",
    )
    archived_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Set: out of lists and choices, its alerts are refused, its history stays.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "strategies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="strategy_name_once_per_user"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        """Return whether it was put away."""
        return self.archived_at is not None


class AlertWatch(models.Model):
    """How far the watch over one strategy's alerts has come. Instants are market time, ns UTC."""

    strategy = models.OneToOneField(Strategy, on_delete=models.CASCADE, related_name="watch")
    listens_since_ns = models.BigIntegerField(
        help_text="From here on alerts are missed: the desk is up and the strategy on."
    )
    looked_at = models.DateTimeField(help_text="Wall time of the last look.")
    breaks = models.JSONField(default=list, help_text="A pause around one of these is no habit.")
    silent_since_ns = models.BigIntegerField(null=True, help_text="The silence that was told.")
    told_ns = models.BigIntegerField(null=True, help_text="When it was told.")

    class Meta:
        verbose_name_plural = "alert watches"

    def __str__(self) -> str:
        return f"{self.strategy_id}: {'silent' if self.silent_since_ns else 'heard'}"


class WebhookRefusal(models.Model):
    """An alert that was not taken, and why. Each strategy keeps its latest ones."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="refusals")
    received_at = models.DateTimeField(help_text="Wall time of the last one.")
    address = models.GenericIPAddressField(null=True)
    code = models.CharField(max_length=40)
    field = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=400)
    body = models.TextField(help_text="How it began, at most 2,000 characters.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["strategy", "-id"], name="refusal_latest")]

    def __str__(self) -> str:
        return f"{self.code} {self.field}".rstrip()


def price_field(help_text: str = "", **options: Any) -> "models.DecimalField[Any, Any]":
    """Return a field for a price of any instrument; null where it is not known yet."""
    return models.DecimalField(
        max_digits=18, decimal_places=7, null=True, help_text=help_text, **options
    )


class Signal(Owned):
    """What became of one alert. Written by the engine alone; its open rows are its snapshot."""

    key = models.CharField(max_length=64, unique=True, help_text="The engine's name for it.")
    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="signals")
    alert = models.JSONField(help_text="The alert as the engine took it.")
    sender_id = models.CharField(
        max_length=80, blank=True, db_index=True, help_text="The sender's own name for his trade."
    )
    root = models.CharField(max_length=8)
    contract = models.CharField(max_length=16, blank=True)
    trade_id = models.CharField(max_length=40, blank=True)
    direction = models.CharField(
        max_length=8, blank=True, choices=[(item, item) for item in Direction]
    )
    session = models.CharField(max_length=10, blank=True)
    status = models.CharField(max_length=10, choices=[(item, item) for item in Status])
    reason = models.CharField(max_length=20, blank=True, choices=[(item, item) for item in Reason])
    detail = models.CharField(max_length=300, blank=True, help_text="Why, in a sentence.")
    checks = models.JSONField(default=list, help_text="Each check with value, threshold, result.")
    settings = models.JSONField(default=dict, help_text="The settings it was made with.")
    received_at = models.DateTimeField(null=True, help_text="Market time of receipt.")
    stored_at = models.DateTimeField(null=True, help_text="Wall time of receipt.")
    price = price_field("What the alert said.")
    market_price = price_field("The last price when it was received.")
    is_late = models.BooleanField(default=False)
    is_incomplete = models.BooleanField(
        default=False, help_text="Rests on a candle touched by a gap in the feed."
    )
    bar_at = models.DateTimeField(null=True, help_text="Open time of the signal candle.")
    high = price_field()
    low = price_field()
    cancelled_by = models.CharField(max_length=40, blank=True)
    cancel_bar_at = models.DateTimeField(null=True)
    confirmation_bar_at = models.DateTimeField(null=True)
    bars_to_confirmation = models.PositiveIntegerField(null=True)
    stop_rule = models.CharField(
        max_length=16, blank=True, choices=[(item, item) for item in StopRule]
    )
    stop_anchor_at = models.DateTimeField(null=True)
    stop_anchor_price = price_field()
    stop_price = price_field()
    final_at = models.DateTimeField(
        null=True, help_text="Until then an opposing alert in time still cancels the confirmation."
    )
    grace_prices = models.JSONField(
        default=list, help_text="[ticks, ns] since a confirmation that is not final yet."
    )
    void_entry = models.JSONField(null=True, help_text="[bar, at, ticks] of an entry without risk.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="signal_feed"),
            models.Index(fields=["user", "-bar_at"], name="signal_by_candle"),
            models.Index(
                fields=["status"],
                condition=models.Q(status__in=["WAITING", "PENDING", "CONFIRMED"]),
                name="signal_open",
            ),
            models.Index(fields=["strategy", "root", "trade_id"], name="signal_again"),
        ]

    def __str__(self) -> str:
        return self.trade_id or self.key


class OutsideView(Owned):
    """What a sender believes about his own trade. Kept beside our records, never moves them."""

    key = models.CharField(max_length=64, unique=True, help_text="The alert's id.")
    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="outside_views")
    sender_id = models.CharField(max_length=80, blank=True, db_index=True)
    stage = models.CharField(max_length=40)
    body = models.JSONField()
    received_at = models.DateTimeField(help_text="Wall time.")
    signal = models.ForeignKey(
        Signal, on_delete=models.SET_NULL, null=True, related_name="outside_views"
    )

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.stage} {self.sender_id}"
