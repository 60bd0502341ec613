"""Rule sets with their versions, which account lives under which, and where each stands."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.brokers.models import Account
from apps.users.models import Owned


class RuleSet(models.Model):
    """A plan of a firm, or one of our own. What it says is in its versions; one that was used is never edited."""

    name = models.CharField(max_length=80, unique=True, help_text="e.g. Topstep Combine 50K.")
    firm = models.CharField(max_length=40)
    slug = models.SlugField(max_length=80, unique=True)
    is_preset = models.BooleanField(default=False, help_text="Came with tradehub.")
    is_active = models.BooleanField(default=True, help_text="Off: not offered for new accounts.")

    class Meta:
        ordering: ClassVar = ["firm", "name"]

    def __str__(self) -> str:
        return self.name


class RuleSetVersion(models.Model):
    """What a rule set said from one day on. An account keeps the version that it was opened under."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rules = models.JSONField(help_text="As docs/prop-rules.md describes them.")
    note = models.CharField(max_length=200, blank=True, help_text="What changed, and why.")
    verified_on = models.DateField(
        null=True, blank=True, help_text="When the firm's page was read."
    )
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    is_shipped = models.BooleanField(default=False, help_text="Came with tradehub, not by hand.")

    class Meta:
        ordering: ClassVar = ["rule_set", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule_set", "number"], name="version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_set} v{self.number}"


class AccountRules(models.Model):
    """Which rules an account lives under."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="rules")
    version = models.ForeignKey(RuleSetVersion, on_delete=models.PROTECT, related_name="accounts")
    since = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "account rules"

    def __str__(self) -> str:
        return f"{self.account}: {self.version}"


class Standing(models.Model):
    """Where an account stands under its rules. Written by the engine alone."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="standing")
    level = models.CharField(max_length=8, default="safe")
    plain = models.JSONField(help_text="All that the guard has to know to go on.")

    def __str__(self) -> str:
        return f"{self.account}: {self.level}"


class Study(Owned):
    """An evaluation of past trades against a rule set: the simulator's job and its result."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        CANCELLED = "cancelled", "cancelled"
        FAILED = "failed", "failed"

    version = models.ForeignKey(RuleSetVersion, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    result = models.JSONField(null=True)
    problem = models.CharField(max_length=300, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(null=True, help_text="The worker's last sign of life.")

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "studies"

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"
