"""Questions whether an account for files and one that a login lists are the same."""

from typing import ClassVar

from django.db import models

from apps.brokers.models import BrokerAccount
from apps.users.models import Owned


class Resemblance(Owned):
    """An account for files that may be one that a login lists. Gone once they are joined; kept once they are two."""

    of_files = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="may_be")
    account = models.ForeignKey(
        BrokerAccount, on_delete=models.CASCADE, related_name="may_be_of_files"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    is_another = models.BooleanField(default=False, help_text="Their owner said that they are two.")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["of_files", "account"], name="resemblance_once"),
        ]

    def __str__(self) -> str:
        return f"{self.of_files_id} and {self.account_id}"
