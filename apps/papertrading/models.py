"""What the paper venue has to remember of an order that it matches."""

from typing import ClassVar

from django.db import models

from apps.brokers.models import Account


class Resting(models.Model):
    """An order at the paper venue: its place in the queue, its trail, when it takes effect. The engine's own."""

    key = models.CharField(max_length=120, unique=True, help_text="The order's name.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="resting")
    contract = models.CharField(max_length=16)
    plain = models.JSONField(help_text="All that the venue has to know to go on.")

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = "resting order"

    def __str__(self) -> str:
        return self.key
