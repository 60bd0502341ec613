"""How the API writes strategies, recorded positions and fills. Money and prices are decimal text."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.brokers.fields import InstantField, MoneyField
from apps.marketdata.fields import MomentField, PriceField, RField
from apps.recorder.domain.matching import tag_of
from apps.recorder.domain.terms import LogKind, PositionStatus, Reason, Unit, Ways
from apps.recorder.queries import RecordedView, RecorderView
from apps.signals.domain.silence import MOST_MINUTES, NEVER
from apps.users.asked import Asked

QUIET: Final = "Open market without alerts after which you are told that they stopped; null: by its own rhythm, 0: never."


class StrategySerializer(serializers.Serializer[RecorderView]):
    """A strategy, its recorder and how it stands. `account` null: no recorder, or its account is gone."""

    id = serializers.IntegerField(source="strategy.pk")
    name = serializers.CharField(source="strategy.name")
    symbol = serializers.CharField(source="strategy.symbol")
    is_active = serializers.BooleanField(source="strategy.is_active", help_text="It takes alerts.")
    archived_at = MomentField(
        source="strategy.archived_at", allow_null=True, help_text="Null: it is not archived."
    )
    is_recording = serializers.BooleanField(source="recorder.is_recording", default=False)
    not_read = serializers.CharField(
        help_text="Why its account is not read although it is recorded, since when, and what helps; empty: it is read."
    )
    account = serializers.IntegerField(source="recorder.account_id", default=None, allow_null=True)
    account_name = serializers.SerializerMethodField()
    environment = serializers.CharField(
        source="recorder.account.connection.environment",
        default="",
        help_text="demo, live, or simulator.",
    )
    product = serializers.CharField(source="recorder.root", default="", help_text="It trades it.")
    size = serializers.IntegerField(
        source="recorder.size", default=None, allow_null=True,
        help_text="Contracts of an entry; null: not said.",
    )  # fmt: skip
    position_add = serializers.IntegerField(
        source="recorder.position_add", default=None, allow_null=True
    )
    unit = serializers.ChoiceField(
        list(Unit), source="recorder.unit", default=None, allow_null=True
    )
    take_profit = PriceField(source="recorder.take_profit", default=None, allow_null=True)
    stop_loss = PriceField(source="recorder.stop_loss", default=None, allow_null=True)
    trim = serializers.IntegerField(source="recorder.trim", default=None, allow_null=True)
    ways = serializers.ChoiceField(
        list(Ways), source="recorder.ways", default=None, allow_null=True
    )
    quiet_minutes = serializers.IntegerField(
        source="strategy.quiet_minutes", allow_null=True, help_text=QUIET
    )
    tag = serializers.SerializerMethodField(help_text="Begin an order's clOrdId with it.")
    net_today = MoneyField()
    net = MoneyField()
    fees_unknown = serializers.IntegerField(
        help_text="Closed positions of which the broker has not said all fees yet: net is before those."
    )
    closed = serializers.IntegerField(help_text="Positions.")
    win_rate = RField(allow_null=True)
    open_positions = serializers.IntegerField()
    undecided = serializers.IntegerField(source="waiting", help_text="Fills that may be its.")
    last_event = serializers.CharField(source="last.text", default="")
    last_event_at = InstantField(source="last.at_ns", default=None, allow_null=True)

    def get_account_name(self, view: RecorderView) -> str:
        """Return how the trader calls the account."""
        found = view.recorder.account if view.recorder else None
        return str(found) if found is not None else ""

    def get_tag(self, view: RecorderView) -> str:
        """Return the mark that names the strategy on orders from elsewhere."""
        return tag_of(view.strategy.pk)


class StrategyMadeSerializer(StrategySerializer):
    """A new strategy with its secret, which cannot be read again."""

    webhook_token = serializers.CharField(source="secret")


class StrategyWriteSerializer(Asked):
    """What a trader says of a strategy. Distances are in `unit`, dollars and fills of one contract.

    A strategy may be sent back as it was read, with what is to be otherwise changed in it.
    """

    echoes = frozenset(StrategyMadeSerializer().fields)

    name = serializers.CharField(max_length=80)
    symbol = serializers.CharField(max_length=16, help_text="In any spelling, e.g. NQ1!.")
    is_active = serializers.BooleanField(required=False)
    account = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**62, help_text="Of a broker."
    )
    product = serializers.CharField(
        required=False, max_length=16, help_text="What it trades there, e.g. MNQ; else its symbol."
    )
    size = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000,
        help_text="Contracts of an entry; null: not said, so any number is right.",
    )  # fmt: skip
    position_add = serializers.IntegerField(required=False, min_value=0, max_value=10_000)
    unit = serializers.ChoiceField(list(Unit), required=False)
    take_profit = serializers.DecimalField(
        12, 4, required=False, allow_null=True, min_value=0, max_value=1_000_000
    )
    stop_loss = serializers.DecimalField(
        12, 4, required=False, allow_null=True, min_value=0, max_value=1_000_000
    )
    trim = serializers.IntegerField(required=False, min_value=0, max_value=10_000)
    ways = serializers.ChoiceField(list(Ways), required=False)
    quiet_minutes = serializers.IntegerField(
        required=False, allow_null=True, min_value=NEVER, max_value=MOST_MINUTES, help_text=QUIET
    )
    is_recording = serializers.BooleanField(
        required=False, help_text="As it is; `recorder/start/` and `recorder/stop/` switch it."
    )


class ShareSerializer(serializers.Serializer[Any]):
    """A fill's share in a position, and why it is the strategy's."""

    fill = serializers.IntegerField(source="fill_id")
    remote = serializers.CharField(source="fill.remote", help_text="The broker's name of it.")
    order = serializers.CharField(source="fill.order")
    side = serializers.CharField(source="fill.side")
    quantity = serializers.IntegerField()
    of = serializers.IntegerField(source="fill.quantity", help_text="Contracts of the whole fill.")
    price = PriceField(source="fill.price")
    at = InstantField(source="fill.at_ns")
    opens = serializers.BooleanField()
    realized = MoneyField(allow_null=True)
    fees = MoneyField(allow_null=True, help_text="null: the broker has not said.")
    reason = serializers.ChoiceField(list(Reason))
    note = serializers.CharField()


@extend_schema_serializer(component_name="StrategyPosition")
class PositionSerializer(serializers.Serializer[RecordedView]):
    """A recorded position from flat to flat. Figures in dollars are null where a contract cannot be valued."""

    id = serializers.IntegerField(source="row.pk")
    strategy = serializers.IntegerField(source="row.strategy_id")
    strategy_name = serializers.CharField(source="row.strategy.name")
    account = serializers.IntegerField(source="row.account_id")
    account_name = serializers.SerializerMethodField()
    contract = serializers.CharField(source="row.contract")
    side = serializers.ChoiceField(["long", "short"])
    status = serializers.ChoiceField(list(PositionStatus), source="row.status")
    size = serializers.IntegerField(source="row.size", help_text="Open contracts.")
    most = serializers.IntegerField(source="row.most", help_text="The most held at once.")
    entered = serializers.IntegerField(source="row.entered")
    exited = serializers.IntegerField(source="row.exited")
    entry = PriceField(help_text="Average.")
    exit = PriceField(allow_null=True, help_text="Average.")
    stop = PriceField(
        source="row.stop",
        allow_null=True,
        help_text="The first that was known: of the entry's bracket, else of the strategy's plan. R rests on it.",
    )
    gross = MoneyField(source="row.realized", allow_null=True)
    fees = MoneyField(source="row.fees")
    fees_known = serializers.BooleanField(source="row.fees_known")
    net = MoneyField(allow_null=True)
    unrealized = MoneyField(allow_null=True)
    risk = MoneyField(source="row.risk", allow_null=True)
    r = RField(allow_null=True)
    mfe = MoneyField(allow_null=True)
    mae = MoneyField(allow_null=True)
    otherwise = serializers.ListField(
        child=serializers.CharField(),
        help_text="Where it was traded otherwise than its strategy says.",
    )
    trade_date = serializers.DateField(source="row.trade_date")
    opened_at = MomentField()
    closed_at = MomentField(allow_null=True)
    version = serializers.IntegerField(source="row.version")

    def get_account_name(self, view: RecordedView) -> str:
        """Return how the trader calls the account."""
        return str(view.row.account)


@extend_schema_serializer(component_name="RecordedPosition")
class RecordedSerializer(PositionSerializer):
    """A recorded position with its fills."""

    fills = ShareSerializer(many=True)


class UndecidedSerializer(serializers.Serializer[Any]):
    """A fill, or a share of one, that may be of several strategies."""

    fill = serializers.IntegerField(source="fill_id")
    account = serializers.IntegerField(source="fill.account_id")
    contract = serializers.CharField(source="fill.contract")
    side = serializers.CharField(source="fill.side")
    quantity = serializers.IntegerField()
    of = serializers.IntegerField(source="fill.quantity", help_text="Contracts of the whole fill.")
    price = PriceField(source="fill.price")
    at = InstantField(source="fill.at_ns")
    candidates = serializers.ListField(child=serializers.IntegerField())
    note = serializers.CharField()


class PartSerializer(Asked):
    """A strategy, null = nobody's, and its contracts."""

    strategy = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**62)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class AssignmentSerializer(Asked):
    """Whose a fill is: shares that are the whole fill."""

    shares = PartSerializer(many=True, allow_empty=False)


class StartSerializer(Asked):
    """From when a recorder records; left out: from now."""

    since = serializers.DateTimeField(required=False, help_text="An earlier moment, ISO-8601.")


class NameSerializer(Asked):
    """How a copy is called; left out: the old name with a number."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True)


class LogSerializer(serializers.Serializer[Any]):
    """A line of a recorder's log."""

    id = serializers.IntegerField(source="pk")
    kind = serializers.ChoiceField(list(LogKind))
    text = serializers.CharField()
    at = InstantField(source="at_ns")
