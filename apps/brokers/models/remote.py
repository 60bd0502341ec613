"""Logins at brokers, and what the brokers say of their accounts: rows that outlive the broker's own memory of a day."""

from decimal import Decimal
from typing import ClassVar, Final

from django.db import models

from apps.brokers.domain.account import Stake
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import BROKER_ENDED, BrokerStatus
from apps.brokers.models.desk import Account, money_field
from apps.signals.models import price_field
from apps.users.models import Owned
from apps.users.secret import SealedField

AT_WORK: Final = [item.value for item in BrokerStatus if item not in BROKER_ENDED]


class Connection(Owned):
    """A login at a broker. Its secrets are encrypted, and shown to nobody, its owner included.

    Its token is the one of its login name, which all of this installation share: `LoginToken`.
    """

    class State(models.TextChoices):
        """How the login stands."""

        NEW = "new", "Not tested yet"
        OK = "ok", "Connected"
        LOST = "lost", "Not connected"
        REFUSED = "refused", "Login refused"
        DISPLACED = "displaced", "Signed in elsewhere"
        PAUSED = "paused", "Resting"
        OFF = "off", "Switched off"

    name = models.CharField(max_length=40, help_text="As the trader calls it, e.g. My Tradovate.")
    broker = models.CharField(max_length=12, default="tradovate")
    environment = models.CharField(
        max_length=10, help_text="demo, live, or simulator: the desk's own market."
    )
    login = models.CharField(max_length=80, help_text="The user name at the broker.")
    password = SealedField(blank=True)
    app_id = models.CharField(max_length=64, blank=True)
    cid = models.CharField(max_length=64, blank=True)
    sec = SealedField(blank=True)
    device_id = models.CharField(max_length=64)
    is_on = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State, default=State.NEW)
    reason = models.CharField(max_length=200, blank=True, help_text="Why, in a sentence.")
    state_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(null=True, help_text="Last time its accounts were read whole.")
    heard_at = models.DateTimeField(null=True, help_text="Last time its stream was up.")
    is_removed = models.BooleanField(default=False, help_text="Its rows stay, its secrets don't.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=models.Q(is_removed=False),
                name="connection_name_once_per_user",
            ),
            models.UniqueConstraint(
                fields=["user", "environment", "login"],
                condition=models.Q(is_removed=False),
                name="connection_login_once_per_user",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"


class BrokerAccount(Owned):
    """An account as a broker lists it. `account` is the desk's own account that trades through it, if there is one."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="accounts")
    remote = models.CharField(max_length=40, help_text="The broker's own number.")
    name = models.CharField(max_length=80, help_text="e.g. DEMO1001.")
    nickname = models.CharField(max_length=40, blank=True, help_text="As the trader calls it.")
    is_open = models.BooleanField(default=True)
    is_live = models.BooleanField(default=False, help_text="Real money.")
    balance = money_field("Cash, as the broker says.", null=True)
    realized = money_field("Of the broker's running session.", null=True)
    cash_at = models.BigIntegerField(default=0, help_text="ns UTC.")
    cash_read_at = models.DateTimeField(
        null=True, help_text="Wall time since which this balance was told last: no older than it."
    )
    account = models.OneToOneField(
        Account, on_delete=models.SET_NULL, null=True, related_name="remote"
    )
    version = models.PositiveIntegerField(default=1, help_text="How often it was told of.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "remote"], name="broker_account_once_per_connection"
            ),
        ]

    def __str__(self) -> str:
        return self.nickname or self.name

    @property
    def stake(self) -> Stake:
        """Return what is lost with it; that it is a firm's is said of the desk's own account."""
        if self.is_live:
            return Stake.LIVE
        return Stake.DEMO if self.account is None else self.account.stake


class BrokerOrder(Owned):
    """An order as its broker had it when we last heard of it."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="orders")
    remote = models.CharField(max_length=60)
    tag = models.CharField(max_length=64, blank=True, db_index=True, help_text="Our own mark.")
    text = models.CharField(max_length=64, blank=True, help_text="The words beside it.")
    parent = models.CharField(max_length=60, blank=True)
    oco = models.CharField(max_length=60, blank=True)
    contract = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=[(item, item) for item in Side])
    type = models.CharField(max_length=16, choices=[(item, item) for item in OrderType])
    tif = models.CharField(max_length=4, choices=[(item, item) for item in TimeInForce])
    status = models.CharField(max_length=10, choices=[(item, item) for item in BrokerStatus])
    quantity = models.PositiveIntegerField(default=0)
    filled = models.PositiveIntegerField(default=0)
    limit = price_field()
    stop = price_field()
    reason = models.CharField(max_length=200, blank=True)
    at_ns = models.BigIntegerField(help_text="Last change, as the broker says.")

    class Meta:
        ordering: ClassVar = ["-at_ns", "-id"]
        indexes: ClassVar = [
            models.Index(
                fields=["account"], condition=models.Q(status__in=AT_WORK), name="broker_order_open"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "remote"], name="broker_order_once"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.contract} {self.type} {self.status}"


class BrokerFill(Owned):
    """A fill at a broker: kept when first seen, because the broker forgets it at the end of the session."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="fills")
    remote = models.CharField(
        max_length=120, help_text="The broker's name of it; of a file without names: what it is."
    )
    order = models.CharField(max_length=60, blank=True, help_text="The broker's order.")
    contract = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=[(item, item) for item in Side])
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=18, decimal_places=7)
    fees = money_field("Of all its contracts, as the broker says; null: not said yet.", null=True)
    file_fees = money_field("As files say; they count until the broker says them.", null=True)
    at_ns = models.BigIntegerField()
    trade_date = models.DateField()
    source = models.CharField(max_length=24, help_text="stream, poll, or csv:<layout>.")
    is_active = models.BooleanField(default=True, help_text="Off: taken back by the exchange.")
    version = models.PositiveIntegerField(default=1, help_text="How often it was told.")
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["at_ns", "id"]
        indexes: ClassVar = [
            models.Index(fields=["account", "contract", "at_ns"], name="broker_fill_ledger"),
            models.Index(fields=["account", "trade_date"], name="broker_fill_day"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "remote"], name="broker_fill_once"),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1), name="broker_fill_has_quantity"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.contract} @ {self.price.normalize():f}"

    @property
    def paid(self) -> Decimal | None:
        """Return its fees: the broker's word, else a file's; None: nobody has said them yet."""
        told: Decimal | None = self.fees if self.fees is not None else self.file_fees
        return told


class BrokerPosition(Owned):
    """What a broker says is held of a contract in one account."""

    account = models.ForeignKey(BrokerAccount, on_delete=models.CASCADE, related_name="positions")
    contract = models.CharField(max_length=32)
    net = models.IntegerField(help_text="Signed contracts.")
    price = price_field("Average.")
    at_ns = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["contract"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "contract"], name="broker_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.net:+d} {self.contract}"
