"""The one token of a login name at a broker, whoever of this installation logs in with it."""

from typing import ClassVar

from django.db import models

from apps.users.secret import SealedField

SIMULATOR = "simulator"


def place_of(environment: str) -> str:
    """Return where a login is one user with one pair of sessions: demo and live are the same, a simulator is another."""
    return SIMULATOR if environment == SIMULATOR else "tradovate"


class LoginToken(models.Model):
    """What the feed, every connection and every trial of one login name share. It belongs to the installation.

    Who holds the lease logs in or renews, nobody else. `proof` says with which password and keys it was had: only who
    has the same may take it.
    """

    broker = models.CharField(max_length=12, default="tradovate")
    place = models.CharField(
        max_length=10, help_text="tradovate, demo and live alike, or simulator."
    )
    login = models.CharField(max_length=80, help_text="The user name at the broker.")
    token = SealedField(blank=True)
    proof = SealedField(blank=True)
    token_issued_at = models.BigIntegerField(default=0, help_text="ns UTC.")
    token_expires_at = models.BigIntegerField(default=0, help_text="ns UTC.")
    renewed_at = models.BigIntegerField(default=0, help_text="Last attempt, ns UTC.")
    is_displaced = models.BooleanField(
        default=False, help_text="Pushed out; nobody logs in until the owner says so."
    )
    paused_until = models.BigIntegerField(default=0, help_text="No login before, ns UTC.")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it rests.")
    lease_by = models.CharField(max_length=64, blank=True)
    lease_until = models.BigIntegerField(default=0, help_text="ns UTC of the wall clock.")
    hosts = models.JSONField(
        default=dict, help_text="Where the broker steered us to, for each environment."
    )

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["broker", "place", "login"], name="login_token_once_per_login"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.login} ({self.place})"
