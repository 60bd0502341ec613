"""Stored ticks and candles, the running market of each contract, imports, and what staff may edit."""

from decimal import Decimal
from typing import ClassVar

from django.db import models

from apps.marketdata.domain.calendar import HolidayKind, HolidayStatus
from apps.marketdata.domain.contract import RollDay
from apps.marketdata.domain.instrument import EQUITY, GROUPS, INSTRUMENTS


def listed_roots() -> list[tuple[str, str]]:
    """Return the instruments to choose from. A function, so that a longer list is no migration."""
    return [(root, f"{root} {product.name}") for root, product in INSTRUMENTS.items()]


class TickMark(models.IntegerChoices):
    """How a tick counts."""

    ORDINARY = 0, "ordinary"
    LATE = 1, "late"  # came after its candle, changed nothing
    HELD = 2, "held"  # a jump that nobody has confirmed yet
    DROPPED = 3, "dropped"  # a jump that was none


class TickRow(models.Model):
    """A tick as it was traded. On PostgreSQL the table lies in daily partitions by `ts_ns`.

    Its key names the tick for ever, so that the same tick can be brought twice, and serves reads by time.
    """

    pk = models.CompositePrimaryKey("contract", "ts_ns", "tick_id")
    contract = models.CharField(max_length=16)
    ts_ns = models.BigIntegerField(help_text="When it was traded, ns UTC.")
    tick_id = models.BigIntegerField(help_text="Grows along the tape of a contract.")
    price = models.IntegerField(help_text="Whole ticks of the instrument.")
    size = models.IntegerField(help_text="Contracts.")
    bid = models.IntegerField(null=True, help_text="Whole ticks.")
    bid_size = models.IntegerField(null=True)
    ask = models.IntegerField(null=True, help_text="Whole ticks.")
    ask_size = models.IntegerField(null=True)
    mark = models.SmallIntegerField(choices=TickMark, default=TickMark.ORDINARY)

    class Meta:
        db_table = "marketdata_tick"
        verbose_name = "tick"

    def __str__(self) -> str:
        return f"{self.contract} {self.tick_id}"


def _price(help_text: str = "") -> "models.DecimalField[Decimal | str, Decimal]":
    return models.DecimalField(max_digits=18, decimal_places=7, help_text=help_text)


class CandleRow(models.Model):
    """A closed candle, named by its open time. Nothing traded, no candle."""

    contract = models.CharField(max_length=16)
    seconds = models.PositiveIntegerField(help_text="Its length, e.g. 60.")
    open_at = models.DateTimeField()
    open = _price()
    high = _price()
    low = _price()
    close = _price()
    volume = models.BigIntegerField(default=0, help_text="Contracts.")
    trades = models.IntegerField(default=0, help_text="How many; 0 is unknown.")
    turnover = models.BigIntegerField(
        default=0, help_text="Sum of price times size, in ticks times contracts, for VWAP."
    )
    complete = models.BooleanField(default=True, help_text="No gap in the feed touched it.")

    class Meta:
        db_table = "marketdata_candle"
        verbose_name = "candle"
        ordering: ClassVar = ["contract", "seconds", "open_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["contract", "seconds", "open_at"], name="candle_once"),
            models.CheckConstraint(
                condition=models.Q(open__gte=models.F("low"), open__lte=models.F("high"))
                & models.Q(close__gte=models.F("low"), close__lte=models.F("high")),
                name="candle_holds_its_prices",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract} {self.seconds} s {self.open_at:%Y-%m-%d %H:%M}"


class ContractState(models.Model):
    """The running market of a contract, as the engine left it with its last turn."""

    contract = models.CharField(max_length=16, unique=True)
    at = models.BigIntegerField(help_text="Its last price, ns UTC.")
    state = models.JSONField(help_text="Open candles, session, last tick, ticks under suspicion.")

    class Meta:
        verbose_name = "contract's running market"

    def __str__(self) -> str:
        return self.contract


class ImportJob(models.Model):
    """An import of a file. The same file is known by its content, so it can go on where it stopped."""

    class Kind(models.TextChoices):
        """What the file holds."""

        TICKS = "ticks"
        CANDLES = "candles"

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=8, choices=Kind)
    file = models.CharField(max_length=400)
    sha256 = models.CharField(
        max_length=64, help_text="Of the file's bytes and of how it was read."
    )
    bytes = models.BigIntegerField()
    contract = models.CharField(max_length=16)
    rows = models.BigIntegerField(default=0, help_text="Rows that are stored.")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    error = models.CharField(max_length=600, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "contract", "sha256"], name="import_of_a_file_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.contract}: {self.state}"


class HolidayRow(models.Model):
    """A day that differs from the weekly hours. The exchange publishes its hours some weeks ahead."""

    day = models.DateField()
    group = models.CharField(
        max_length=16, choices=[(group, group) for group in GROUPS], default=EQUITY
    )
    event = models.CharField(max_length=60, help_text="e.g. Thanksgiving.")
    kind = models.CharField(
        max_length=12,
        choices=[(kind.value, kind.value) for kind in HolidayKind],
        help_text="closed: the whole trade date. halt: stops at noon, say, and reopens in the evening.",
    )
    closes = models.TimeField(
        null=True, blank=True, help_text="Chicago time, e.g. 12:00; empty when closed all day."
    )
    status = models.CharField(
        max_length=10,
        choices=[(status.value, status.value) for status in HolidayStatus],
        default=HolidayStatus.EXPECTED.value,
    )

    class Meta:
        verbose_name = "holiday"
        ordering: ClassVar = ["day"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "day"], name="holiday_once"),
            models.CheckConstraint(
                condition=models.Q(kind=HolidayKind.CLOSED.value, closes__isnull=True)
                | (~models.Q(kind=HolidayKind.CLOSED.value) & models.Q(closes__isnull=False)),
                name="holiday_closes_at_some_time",
                violation_error_message="A closed day has no closing time; all others need one.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.event}"


def _points(what: str) -> "models.DecimalField[Decimal | str | None, Decimal | None]":
    return models.DecimalField(
        max_digits=18,
        decimal_places=7,
        null=True,
        blank=True,
        help_text=f"Points. {what} Empty: as shipped.",
    )


def _dollars(what: str) -> "models.DecimalField[Decimal | str | None, Decimal | None]":
    return models.DecimalField(
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=f"Dollars a side. {what} Empty: as shipped.",
    )


class InstrumentSetting(models.Model):
    """What the house changes about an instrument. Empty fields leave it as shipped."""

    root = models.CharField(max_length=4, unique=True, choices=listed_roots)
    buffer = _points("Room between pivot and stop, e.g. 25.")
    stale_tolerance = _points("A signal this far from the market is stale, e.g. 5.")
    jump = _points("A tick farther from the last price is held, e.g. 50.")
    near_stop = _points("A trade this near to its stop is marked, e.g. 10.")
    commission = _dollars("e.g. 2.50.")
    exchange_fee = _dollars("Exchange and NFA, e.g. 1.40.")
    roll = models.CharField(
        max_length=40,
        choices=[(roll.value, roll.value) for roll in RollDay],
        default=RollDay.MONDAY.value,
        help_text="On which day the next index contract becomes the front one.",
    )

    class Meta:
        verbose_name = "instrument's settings"
        verbose_name_plural = "instruments' settings"
        ordering: ClassVar = ["root"]

    def __str__(self) -> str:
        return self.root
