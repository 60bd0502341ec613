"""The shapes that paper trading answers in. Prices and money are decimal text, R is text with 4 decimals."""

from typing import Any

from rest_framework import serializers

from apps.brokers.fields import AverageField, GridPriceField, InstantField, MoneyField
from apps.brokers.models import Account, AccountDay, AccountGroup, Fill, GroupMember, Order, Route
from apps.brokers.queries import AccountView, PositionView
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.fields import MomentField, PriceField, RField


class NoticeSerializer(serializers.Serializer[Any]):
    """Something that was carried out other than it was asked for."""

    field = serializers.CharField()
    asked = serializers.CharField()
    used = serializers.CharField()
    detail = serializers.CharField()


class OrderSerializer(serializers.Serializer[Order]):
    """An order and how far it is."""

    id = serializers.IntegerField(source="pk")
    key = serializers.CharField(help_text="The engine's name for it; facts name it so.")
    account = serializers.IntegerField(source="account_id")
    account_name = serializers.CharField(source="account.name")
    strategy = serializers.IntegerField(
        source="strategy_id", allow_null=True, help_text="Whose position it changes; null: by hand."
    )
    symbol = serializers.CharField(source="root")
    contract = serializers.CharField()
    side = serializers.CharField()
    type = serializers.CharField()
    tif = serializers.CharField()
    role = serializers.CharField(help_text="entry, stop, target or exit.")
    origin = serializers.CharField(help_text="person, approved, automatic or rule.")
    status = serializers.CharField(
        help_text="held, waiting, sent, working, filled, cancelled, rejected, expired or blocked."
    )
    reason = serializers.CharField()
    quantity = serializers.IntegerField()
    filled = serializers.IntegerField()
    limit = GridPriceField(allow_null=True)
    stop = GridPriceField(allow_null=True, help_text="Of a trailing stop: where it lies now.")
    trail_points = serializers.SerializerMethodField()
    break_even_at = GridPriceField(
        source="arm_at",
        allow_null=True,
        help_text="The stop moves to the entry when this has traded.",
    )
    reference = GridPriceField(
        allow_null=True, help_text="The last price when it was asked for; slippage is against it."
    )
    average = AverageField(allow_null=True, help_text="What it was filled at.")
    parent = serializers.CharField(  # type: ignore[assignment]  # it is declared, so it is a field
        help_text="Key of the entry whose bracket it belongs to."
    )
    signal = serializers.CharField(help_text="Key of the signal that it executes.")
    verdict = serializers.DictField(help_text="What the rules said, with all figures.")
    at = MomentField()
    expires_at = InstantField(source="expires_ns", allow_null=True)
    ended_at = MomentField(allow_null=True)

    def get_trail_points(self, row: Order) -> str | None:
        """Return how far a trailing stop follows."""
        return None if row.trail is None else instrument(row.root).text(row.trail)


class PlacedSerializer(OrderSerializer):
    """An order that was placed just now, with its legs and what was put on the grid."""

    legs = OrderSerializer(many=True)
    notices = NoticeSerializer(many=True)


class FillSerializer(serializers.Serializer[Fill]):
    """Contracts that were traded, once."""

    id = serializers.IntegerField(source="pk")
    key = serializers.CharField(help_text="The venue's own name for it.")
    account = serializers.IntegerField(source="account_id")
    account_name = serializers.CharField(source="account.name")
    order = serializers.IntegerField(source="order_id")
    symbol = serializers.SerializerMethodField()
    contract = serializers.CharField()
    side = serializers.CharField()
    role = serializers.CharField(source="order.role")
    quantity = serializers.IntegerField()
    price = GridPriceField()
    fees = MoneyField()
    realized_pnl = MoneyField(source="realized", help_text="What it closed, before fees.")
    slippage_ticks = serializers.IntegerField(help_text="Positive is worse for you.")
    latency_ms = serializers.IntegerField(help_text="Market time from the wish to the fill.")
    rests_on = serializers.CharField(help_text="quote, trade or candle.")
    at = MomentField()

    def get_symbol(self, row: Fill) -> str:
        """Return what was traded."""
        return root_of(row.contract)


class ProtectionSerializer(serializers.Serializer[Order]):
    """A working order that ends a position."""

    order = serializers.IntegerField(source="pk")
    type = serializers.CharField()
    quantity = serializers.SerializerMethodField()
    limit = GridPriceField(allow_null=True)
    stop = GridPriceField(allow_null=True)

    def get_quantity(self, row: Order) -> int:
        """Return how many contracts it still ends."""
        return row.quantity - row.filled


class PositionSerializer(serializers.Serializer[PositionView]):
    """A position, from flat to flat, against the price of the moment."""

    id = serializers.IntegerField(source="row.pk")
    key = serializers.CharField(source="row.key")
    account = serializers.IntegerField(source="row.account_id")
    account_name = serializers.CharField(source="row.account.name")
    strategy = serializers.IntegerField(source="row.strategy_id", allow_null=True)
    signal = serializers.CharField(source="row.signal")
    symbol = serializers.CharField(source="row.root")
    contract = serializers.CharField(source="row.contract")
    direction = serializers.CharField(source="row.get_sign_display", help_text="long or short.")
    is_open = serializers.SerializerMethodField()
    quantity = serializers.IntegerField(source="row.size", help_text="Open contracts, 0 = flat.")
    most = serializers.IntegerField(source="row.most", help_text="The most that was held at once.")
    entry_price = AverageField(source="entry", help_text="Average of what is open.")
    exit_price = AverageField(source="exit", allow_null=True)
    last = PriceField(source="now.last", allow_null=True, default=None)
    points = AverageField(allow_null=True, help_text="The last price's distance in your favour.")
    unrealized_pnl = MoneyField(source="unrealized", allow_null=True, help_text="Before fees.")
    realized_pnl = MoneyField(source="row.realized", help_text="Before fees.")
    fees = MoneyField(source="row.fees")
    net_pnl = MoneyField(source="net", help_text="Realised, after fees.")
    r = RField(source="r_now", allow_null=True, help_text="Null: entered without a stop.")
    mfe_points = serializers.SerializerMethodField()
    mae_points = serializers.SerializerMethodField()
    stop = serializers.SerializerMethodField(help_text="The nearest stop, null: none protects it.")
    stop_away = AverageField(allow_null=True, help_text="Points from the last price to the stop.")
    uncovered = serializers.IntegerField(help_text="Contracts that no stop protects.")
    stops = ProtectionSerializer(many=True, source="protections")
    targets = ProtectionSerializer(many=True)
    opened_at = MomentField(source="row.opened_at")
    closed_at = MomentField(source="row.closed_at", allow_null=True)

    def get_is_open(self, view: PositionView) -> bool:
        """Return whether anything is held."""
        return view.row.closed_at is None

    def get_mfe_points(self, view: PositionView) -> str:
        """Return how far the price went in its favour, from the average entry."""
        return f"{view.excursion[0]:f}"

    def get_mae_points(self, view: PositionView) -> str:
        """Return how far the price went against it, below zero."""
        return f"{view.excursion[1]:f}"

    def get_stop(self, view: PositionView) -> str | None:
        """Return the nearest stop with the decimals of its instrument."""
        product = view.instrument
        return None if view.stop is None else product.text(product.to_ticks(view.stop))


class ChangedSerializer(serializers.Serializer[Any]):
    """A position after a wish, and the orders that carry the wish out. The venue's answer follows in market time."""

    position = PositionSerializer()
    orders = OrderSerializer(many=True)
    notices = NoticeSerializer(many=True)


class AccountSerializer(serializers.Serializer[Account]):
    """An account and its settings."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    kind = serializers.CharField(help_text="paper, demo or live.")
    firm = serializers.CharField()
    is_open = serializers.BooleanField()
    start_balance = MoneyField()
    balance = MoneyField(help_text="Realised, after fees.")
    tz = serializers.CharField()
    reset = serializers.SerializerMethodField(help_text="When its trading day begins anew, HH:MM.")
    fees = serializers.DictField(child=serializers.CharField(), help_text="A side, by symbol.")
    paper = serializers.DictField(help_text="How it is filled.")
    created_at = MomentField()

    def get_reset(self, row: Account) -> str:
        """Return the time of day in the account's own zone."""
        return str(row.reset)[:5]


class AccountStatusSerializer(serializers.Serializer[AccountView]):
    """An account now. Equity is null where a held contract has no price."""

    account = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    kind = serializers.CharField(source="row.kind")
    firm = serializers.CharField(source="row.firm")
    is_open = serializers.BooleanField(source="row.is_open")
    start_balance = MoneyField(source="row.start_balance")
    balance = MoneyField(source="row.balance", help_text="Realised, after fees.")
    unrealized_pnl = MoneyField(source="unrealized", allow_null=True)
    equity = MoneyField(allow_null=True)
    margin = MoneyField(help_text="What a broker would ask for; shown, never enforced.")
    trade_date = serializers.DateField(source="row.trade_date", allow_null=True)
    day_ends_at = InstantField(source="row.day_ends", allow_null=True)
    day_start_balance = MoneyField(source="row.day_start_balance")
    realized_today = MoneyField(source="row.realized_today", help_text="Before fees.")
    fees_today = MoneyField(source="row.fees_today")
    net_today = MoneyField()
    trades_today = serializers.IntegerField(source="row.trades_today")
    wins_today = serializers.IntegerField(source="row.wins_today")
    losses_today = serializers.IntegerField(source="row.losses_today")
    payouts = MoneyField(source="row.payouts")
    positions = serializers.SerializerMethodField(help_text="How many are open.")
    working_orders = serializers.SerializerMethodField()
    held_orders = serializers.SerializerMethodField(help_text="They wait for your answer.")

    def get_positions(self, view: AccountView) -> int:
        """Return how many positions are open."""
        return len(view.positions)

    def get_working_orders(self, view: AccountView) -> int:
        """Return how many orders lie at the venue or are on their way."""
        return len(view.working)

    def get_held_orders(self, view: AccountView) -> int:
        """Return how many orders wait for an answer."""
        return len(view.held)


class DaySerializer(serializers.Serializer[AccountDay]):
    """One trading day of one account, as its rules count days."""

    account = serializers.IntegerField(source="account_id")
    trade_date = serializers.DateField()
    is_over = serializers.SerializerMethodField()
    start_balance = MoneyField()
    balance = MoneyField(help_text="At its close, or now; realised.")
    realized_pnl = MoneyField(source="realized", help_text="Before fees.")
    fees = MoneyField()
    net_pnl = serializers.SerializerMethodField()
    trades = serializers.IntegerField(help_text="Positions closed.")
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    ended_at = InstantField(source="ended_ns", allow_null=True)

    def get_is_over(self, row: AccountDay) -> bool:
        """Return whether the day is closed."""
        return row.pk is not None

    def get_net_pnl(self, row: AccountDay) -> str:
        """Return what it brought after fees."""
        return MoneyField().to_representation(row.realized - row.fees)


class KindOfOrderSerializer(serializers.Serializer[Any]):
    """How the orders of one type were carried out."""

    type = serializers.CharField()
    orders = serializers.IntegerField()
    filled = serializers.IntegerField(help_text="Orders of which something was filled.")
    cancelled = serializers.IntegerField()
    rejected = serializers.IntegerField()
    expired = serializers.IntegerField()
    blocked = serializers.IntegerField()
    contracts = serializers.IntegerField(help_text="Contracts filled.")
    slippage_ticks = serializers.CharField(allow_null=True, help_text="Mean a contract.")
    worst_slippage_ticks = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.CharField(allow_null=True, help_text="Mean a fill, market time.")


class ExecutionReportSerializer(serializers.Serializer[Any]):
    """How orders were carried out, and what that cost. Slippage is positive where it is worse for you."""

    orders = serializers.IntegerField()
    fills = serializers.IntegerField()
    contracts = serializers.IntegerField()
    fees = MoneyField()
    slippage_cost = MoneyField(help_text="All ticks of slippage in dollars.")
    slippage_ticks = serializers.CharField(allow_null=True, help_text="Mean a contract.")
    latency_ms = serializers.CharField(allow_null=True, help_text="Mean a fill, market time.")
    rests_on = serializers.DictField(
        child=serializers.IntegerField(), help_text="Fills by what their price was taken from."
    )
    types = KindOfOrderSerializer(many=True)


class FlattenedSerializer(serializers.Serializer[Any]):
    """An account that is on its way to be flat."""

    account = serializers.IntegerField()
    positions = serializers.IntegerField(help_text="To be closed.")
    orders = serializers.IntegerField(help_text="Entries to be cancelled.")


class FlattenAnswerSerializer(serializers.Serializer[Any]):
    """Every account that a flatten meant."""

    accounts = FlattenedSerializer(many=True)


class CancelAllAnswerSerializer(serializers.Serializer[Any]):
    """How many orders are to be taken back."""

    account = serializers.IntegerField()
    orders = serializers.IntegerField()


class RouteTargetSerializer(serializers.Serializer[Any]):
    """A target of a routed order."""

    r = serializers.CharField()
    quantity = serializers.IntegerField(allow_null=True, help_text="Null: what is left.")


class RouteSerializer(serializers.Serializer[Route]):
    """What becomes of a strategy's signals in one account."""

    account = serializers.IntegerField(source="account_id")
    account_name = serializers.CharField(source="account.name")
    mode = serializers.CharField(help_text="observe, approve or automatic.")
    quantity = serializers.IntegerField(source="config.quantity", default=1)
    risk_percent = serializers.CharField(
        source="config.risk_percent",
        allow_null=True,
        default=None,
        help_text="Of the balance, lost at the stop; used instead of the quantity.",
    )
    root = serializers.CharField(  # type: ignore[assignment]  # it is declared, so it is a field
        source="config.root",
        default="",
        help_text="Traded instead of the signal's own symbol, e.g. MNQ for NQ.",
    )
    targets = RouteTargetSerializer(source="config.targets", many=True, default=list)
    break_even_r = serializers.CharField(
        source="config.break_even_r", allow_null=True, default=None
    )
    windows = serializers.ListField(
        child=serializers.CharField(), source="config.windows", default=list
    )
    cooldown_s = serializers.IntegerField(source="config.cooldown_s", default=0)
    most_trades = serializers.IntegerField(source="config.most_trades", default=0)


class MemberSerializer(serializers.Serializer[GroupMember]):
    """An account of a group, and by how much a quantity is multiplied there."""

    account = serializers.IntegerField(source="account_id")
    account_name = serializers.CharField(source="account.name")
    multiplier = serializers.DecimalField(max_digits=8, decimal_places=4)


class GroupSerializer(serializers.Serializer[AccountGroup]):
    """A name by which an alert reaches several accounts."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    members = MemberSerializer(many=True)


class ExecutedSerializer(serializers.Serializer[Any]):
    """What became of a signal in one account: an order, or the reason why there is none."""

    account = serializers.IntegerField()
    order = OrderSerializer(allow_null=True)
    code = serializers.CharField(help_text="Empty where there is an order that may go.")
    detail = serializers.CharField()


class ExecutionSerializer(serializers.Serializer[Any]):
    """A signal, executed in one account or several."""

    signal = serializers.IntegerField()
    results = ExecutedSerializer(many=True)
