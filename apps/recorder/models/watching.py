"""Where what is recorded and what the broker holds are not the same."""

from typing import ClassVar

from django.db import models

from apps.brokers.models import BrokerAccount


class SizeDifference(models.Model):
    """An account's contract of which strategies hold another size than the broker says. Gone when they agree again."""

    account = models.ForeignKey(
        BrokerAccount, on_delete=models.CASCADE, related_name="size_differences"
    )
    contract = models.CharField(max_length=32)
    recorded = models.IntegerField(help_text="Signed contracts of all strategies.")
    at_broker = models.IntegerField(help_text="Signed contracts.")
    since_ns = models.BigIntegerField(help_text="Since when it differs by as much, ns UTC.")
    told_at = models.DateTimeField(null=True, help_text="Its owner was told.")

    class Meta:
        ordering: ClassVar = ["since_ns"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "contract"], name="recorded_differs_once"),
        ]

    def __str__(self) -> str:
        return f"{self.contract}: recorded {self.recorded:+d}, at the broker {self.at_broker:+d}"
