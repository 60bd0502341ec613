"""How complete what we know of a broker account's day is."""

from typing import ClassVar

from django.db import models

from apps.brokers.models import BrokerAccount, money_field
from apps.recorder.domain.completeness import Completeness


class AccountDayMark(models.Model):
    """An account and a trade date: whether all its fills are here, and how we know."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="days")
    trade_date = models.DateField()
    state = models.CharField(
        max_length=8,
        choices=[(one, one) for one in Completeness],
        default=Completeness.UNKNOWN,
    )
    why = models.CharField(max_length=300, help_text="In a sentence.")
    fills = models.PositiveIntegerField(default=0)
    swept_at = models.DateTimeField(
        null=True, help_text="The broker's lists were read after the close."
    )
    held = models.JSONField(
        null=True, help_text="Net contracts by contract, as the broker said at that reading."
    )
    cash = money_field("Cash at that reading.", null=True)
    failing = models.CharField(max_length=200, blank=True, help_text="Why it was not read.")
    alarmed_at = models.DateTimeField(null=True, help_text="Its owner was called.")
    marked_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["-trade_date"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "trade_date"], name="account_day_mark_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.trade_date}: {self.state}"
