"""Imports of files, and what each row of them stood for: the evidence by which nothing is doubled and all can be undone."""

from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.db import models

from apps.brokers.domain.order import Side
from apps.brokers.models import BrokerAccount, BrokerFill
from apps.recorder.imports.row import shown
from apps.users.models import Owned


class Import(Owned):
    """A file of fills: looked at, then taken over, perhaps undone."""

    class State(models.TextChoices):
        """How far it is."""

        RECEIVING = "receiving", "Being uploaded"
        LOOKING = "looking", "Being read"
        COUNTING = "counting", "Being counted"
        READY = "ready", "Ready to import"
        BAD = "bad", "Cannot be read"
        APPLYING = "applying", "Being imported"
        DONE = "done", "Imported"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(
        help_text="Bytes; of one that is being uploaded, those to come too."
    )
    modified_ms = models.BigIntegerField(
        default=0,
        help_text="When the sender's file was last changed: the same one is gone on with.",
    )
    layout = models.CharField(max_length=24, blank=True)
    zone = models.CharField(max_length=64, help_text="Of times that do not say their own.")
    decimals = models.CharField(max_length=5, blank=True, help_text="point, comma; empty = found.")
    days = models.CharField(max_length=5, blank=True, help_text="month or day first; empty: found.")
    state = models.CharField(max_length=10, choices=State, default=State.LOOKING)
    reason = models.CharField(max_length=600, blank=True, help_text="Why it cannot be done.")
    wish = models.JSONField(
        default=dict, help_text="What to do once it is looked at: account, apply, only_good."
    )
    share = models.FloatField(default=0, help_text="Of the running step, 0 to 1.")
    rows = models.PositiveIntegerField(default=0)
    bad_rows = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="The first bad rows, in words.")
    accounts = models.JSONField(
        default=dict, help_text="Name in the file: broker account, or null."
    )
    made_accounts = models.JSONField(
        default=list, help_text="Accounts for files that were made for it; they go with it."
    )
    seen = models.JSONField(default=dict, help_text="What the preview counted.")
    counts = models.JSONField(default=dict, help_text="What came of it.")
    only_good = models.BooleanField(default=False, help_text="Bad rows are left out, by wish.")
    made_by = models.CharField(max_length=150, help_text="Who imported it.")
    made_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(auto_now=True, help_text="Last sign of life.")
    done_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["user", "sha256"], name="import_of_file")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def path(self) -> Path:
        """Return where the upload lies until it is imported."""
        return Path(settings.HOME) / "uploads" / f"{self.pk}.csv"

    @property
    def staged(self) -> Path:
        """Return where its rows lie, read and sorted, until it is imported."""
        return Path(settings.HOME) / "uploads" / f"{self.pk}.rows.sqlite3"


class ImportedRow(models.Model):
    """What one row of an import stood for."""

    class State(models.TextChoices):
        """What came of it."""

        NEW = "new", "Imported"
        KNOWN = "known", "Known before"
        CONFLICT = "conflict", "To be settled"
        LEFT_OUT = "left_out", "Left out by hand"

    importing = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="evidence")
    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="+")
    family = models.CharField(max_length=20, help_text="Layouts that name a fill alike.")
    key = models.CharField(max_length=130)
    part = models.CharField(max_length=125, blank=True, help_text="Of which pair.")
    fills = models.ManyToManyField(BrokerFill, related_name="evidence", through="Stood")
    state = models.CharField(max_length=8, choices=State)
    row = models.PositiveIntegerField(help_text="Line of the file.")
    contract = models.CharField(max_length=16)
    side = models.CharField(max_length=4, choices=[(item, item) for item in Side])
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=7)
    at_ns = models.BigIntegerField()
    grain_ns = models.BigIntegerField()
    order = models.CharField(max_length=60, blank=True)
    name = models.CharField(max_length=60, blank=True, help_text="The broker's number of the fill.")
    average = models.BooleanField(default=False)
    fees = models.DecimalField(
        max_digits=18, decimal_places=4, null=True, help_text="As the row says; null: it does not."
    )
    why = models.CharField(max_length=300, blank=True)
    by_hand = models.BooleanField(default=False, help_text="A person settled it.")

    class Meta:
        ordering: ClassVar = ["row", "id"]
        indexes: ClassVar = [
            models.Index(fields=["account", "family", "key"], name="imported_row_known"),
            models.Index(
                fields=["importing"],
                condition=models.Q(state="conflict"),
                name="imported_row_unsettled",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["importing", "account", "family", "key", "part"], name="imported_row_once"
            ),
        ]

    def __str__(self) -> str:
        return f"row {self.row}: {self.state}"

    @property
    def shown_price(self) -> str:
        """Return its price as it is shown."""
        return shown(self.price)


class Stood(models.Model):
    """A row stood for a fill; one row may stand for several, one fill in several rows."""

    evidence = models.ForeignKey(ImportedRow, on_delete=models.CASCADE, related_name="stood")
    fill = models.ForeignKey(BrokerFill, on_delete=models.CASCADE, related_name="stood")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["evidence", "fill"], name="stood_once"),
        ]

    def __str__(self) -> str:
        return f"{self.evidence_id} for {self.fill_id}"
