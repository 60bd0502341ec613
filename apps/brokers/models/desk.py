"""Accounts with their orders, fills, positions and days; paper, demo and live alike. Written by the engine alone."""

from decimal import Decimal
from typing import Any, ClassVar, Final

from django.db import models

from apps.brokers.domain.account import Kind, Stake, stake_of
from apps.brokers.domain.order import ENDED, OrderStatus, OrderType, Origin, Role, Side, TimeInForce
from apps.brokers.domain.routing import Mode
from apps.signals.models import Strategy, price_field
from apps.users.models import Owned

OPEN: Final = [item.value for item in OrderStatus if item not in ENDED]


def money_field(
    help_text: str = "", **options: Any
) -> "models.DecimalField[Decimal | int | str, Decimal]":
    """Return a field for dollars; 4 decimals, because a tick of a bond future has 3."""
    return models.DecimalField(max_digits=18, decimal_places=4, help_text=help_text, **options)


class Account(Owned):
    """One account. What a trader sets is above `balance`; from there on the engine alone writes."""

    name = models.CharField(max_length=40, help_text="As the trader calls it, e.g. Alpha.")
    kind = models.CharField(max_length=8, choices=[(item, item) for item in Kind])
    firm = models.CharField(max_length=40, blank=True, help_text="e.g. Topstep.")
    start_balance = money_field()
    tz = models.CharField(max_length=40, default="America/Chicago", help_text="Zone of the reset.")
    reset = models.TimeField(default="17:00", help_text="When its trading day begins anew.")
    fees = models.JSONField(
        default=dict, blank=True, help_text='A side, where they differ: {"MNQ": "0.52"}.'
    )
    paper = models.JSONField(
        default=dict, blank=True, help_text='How it is filled: {"slippage_ticks": [0, 2]}.'
    )
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    balance = money_field("Realised, after fees.")
    trade_date = models.DateField(null=True)
    day_ends = models.BigIntegerField(default=0, help_text="The next reset, ns UTC.")
    day_start_balance = money_field(default=0)
    realized_today = money_field("Before fees.", default=0)
    fees_today = money_field(default=0)
    trades_today = models.PositiveIntegerField(default=0)
    wins_today = models.PositiveIntegerField(default=0)
    losses_today = models.PositiveIntegerField(default=0)
    payouts = money_field(default=0)
    opened_today = models.PositiveIntegerField(default=0, help_text="Contracts.")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="account_name_once_per_user"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.stake})"

    @property
    def stake(self) -> Stake:
        """Return what is lost with it: pages write it on its badge, and what is dear leaves after a proof alone."""
        return stake_of(self.kind, self.firm)


class Route(Owned):
    """What becomes of a strategy's signals in one account."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="routes")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="routes")
    mode = models.CharField(
        max_length=10, choices=[(item, item) for item in Mode], default=Mode.OBSERVE
    )
    config = models.JSONField(
        default=dict, help_text='{"risk_percent": "0.5", "root": "MNQ", "targets": [{"r": "2"}]}'
    )

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["strategy", "account"], name="route_once"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} → {self.account}: {self.mode}"


class AccountGroup(Owned):
    """A name by which an alert reaches several accounts of its trader."""

    name = models.CharField(max_length=40, help_text="As alerts say it, e.g. topstep.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="group_name_once_per_user"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(Owned):
    """One account of a group, and by how much an alert's quantity is multiplied there."""

    group = models.ForeignKey(AccountGroup, on_delete=models.CASCADE, related_name="members")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    multiplier = models.DecimalField(max_digits=8, decimal_places=4, default=Decimal(1))

    class Meta:
        ordering: ClassVar = ["account_id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "account"], name="group_member_once"),
            models.CheckConstraint(
                condition=models.Q(multiplier__gt=0), name="group_multiplier_above_0"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.account} x {self.times}"

    @property
    def times(self) -> str:
        """Return the multiplier as a person writes it: 2.5."""
        return f"{self.multiplier.normalize():f}"


class Order(Owned):
    """An order. Its open rows are the ledger's snapshot."""

    key = models.CharField(max_length=120, unique=True, help_text="The engine's name for it.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="orders")
    strategy = models.ForeignKey(
        Strategy, on_delete=models.SET_NULL, null=True, related_name="orders"
    )
    place = models.BigIntegerField(default=0, help_text="The strategy's number, 0 = by hand.")
    contract = models.CharField(max_length=16)
    root = models.CharField(max_length=8)
    side = models.CharField(max_length=4, choices=[(item, item) for item in Side])
    type = models.CharField(max_length=16, choices=[(item, item) for item in OrderType])
    tif = models.CharField(max_length=4, choices=[(item, item) for item in TimeInForce])
    role = models.CharField(max_length=8, choices=[(item, item) for item in Role])
    origin = models.CharField(max_length=10, choices=[(item, item) for item in Origin])
    quantity = models.PositiveIntegerField()
    filled = models.PositiveIntegerField(default=0)
    paid = models.BigIntegerField(default=0, help_text="Sum of contracts x price in ticks.")
    limit = price_field()
    stop = price_field()
    trail = models.BigIntegerField(null=True, help_text="Distance of a trailing stop, ticks.")
    arm_at = price_field("The stop moves to the entry when this has traded.")
    r = models.CharField(max_length=12, blank=True, help_text="A leg that is measured in R.")
    reference = price_field("The last price when it was asked for.")
    average = price_field("What it was filled at, on average.")
    parent = models.CharField(max_length=120, blank=True, db_index=True)
    after = models.CharField(max_length=120, blank=True)
    signal = models.CharField(max_length=64, blank=True, db_index=True)
    status = models.CharField(max_length=10, choices=[(item, item) for item in OrderStatus])
    reason = models.CharField(max_length=120, blank=True)
    verdict = models.JSONField(default=dict, help_text="What the rules said, with all figures.")
    at = models.DateTimeField(help_text="Market time.")
    at_ns = models.BigIntegerField()
    expires_ns = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_ns = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-at_ns", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["account", "-at_ns"], name="order_history"),
            models.Index(
                fields=["account"], condition=models.Q(status__in=OPEN), name="order_open"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(filled__lte=models.F("quantity")), name="order_never_overfilled"
            ),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_has_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.contract} {self.type}"


class Position(Owned):
    """A position from flat to flat. Its open rows are the ledger's snapshot."""

    key = models.CharField(max_length=130, unique=True, help_text="The fill that opened it.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="positions")
    strategy = models.ForeignKey(
        Strategy, on_delete=models.SET_NULL, null=True, related_name="positions"
    )
    place = models.BigIntegerField(default=0, help_text="The strategy's number, 0 = by hand.")
    contract = models.CharField(max_length=16)
    root = models.CharField(max_length=8)
    sign = models.SmallIntegerField(choices=[(1, "long"), (-1, "short")])
    signal = models.CharField(max_length=64, blank=True, db_index=True)
    lots = models.JSONField(
        default=list, help_text="[contracts, ticks, ns, fill] each, oldest first."
    )
    size = models.PositiveIntegerField(help_text="Open contracts.")
    most = models.PositiveIntegerField(help_text="The most that was held at once.")
    entered = models.PositiveIntegerField()
    entered_paid = models.BigIntegerField()
    exited = models.PositiveIntegerField(default=0)
    exited_paid = models.BigIntegerField(default=0)
    high = models.BigIntegerField(help_text="Highest price since it was opened, ticks.")
    low = models.BigIntegerField()
    realized = money_field("Before fees.", default=0)
    fees = money_field(default=0)
    risk = money_field("Dollars at risk when it was entered, 0 = without a stop.", default=0)
    opened_at = models.DateTimeField()
    opened_ns = models.BigIntegerField()
    closed_at = models.DateTimeField(null=True)
    closed_ns = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["-opened_ns", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["account", "-closed_ns"], name="position_history"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "contract", "place"],
                condition=models.Q(closed_at__isnull=True),
                name="position_one_open_per_place",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at__isnull=True, size__gte=1)
                | models.Q(closed_at__isnull=False, size=0),
                name="position_closed_when_flat",
            ),
        ]

    def __str__(self) -> str:
        return f"{'long' if self.sign > 0 else 'short'} {self.size or self.most} {self.contract}"


class Fill(Owned):
    """Contracts that were traded, once."""

    key = models.CharField(max_length=130, unique=True, help_text="The venue's own name for it.")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="fills")
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="fills")
    contract = models.CharField(max_length=16)
    side = models.CharField(max_length=4, choices=[(item, item) for item in Side])
    quantity = models.PositiveIntegerField()
    price = price_field()
    fees = money_field()
    realized = money_field("What it closed, before fees.")
    slippage_ticks = models.IntegerField(default=0)
    latency_ms = models.IntegerField(default=0)
    rests_on = models.CharField(max_length=8, help_text="quote, trade or candle.")
    at = models.DateTimeField()
    at_ns = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["-at_ns", "-id"]
        indexes: ClassVar = [models.Index(fields=["account", "-at_ns"], name="fill_history")]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.contract} @ {self.price}"


class AccountDay(Owned):
    """One trading day of one account, as its rules count days."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="days")
    trade_date = models.DateField()
    ended_ns = models.BigIntegerField()
    start_balance = money_field()
    balance = money_field("At its close, realised.")
    realized = money_field("Before fees.")
    fees = money_field()
    trades = models.PositiveIntegerField()
    wins = models.PositiveIntegerField()
    losses = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["-trade_date", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "ended_ns"], name="account_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.trade_date}"
