"""The shapes of the trades' API. Prices are decimal text, R is text with 4 decimals."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import OffTick, instrument
from apps.marketdata.fields import MomentField, PriceField, RField
from apps.signals.domain.validation import read_direction
from apps.trades.queries import PathStep, TradeView
from apps.users.asked import Asked


class TrackSerializer(serializers.Serializer[Any]):
    """One way of managing the stop."""

    status = serializers.CharField(help_text="OPEN, STOPPED or BREAK_EVEN.")
    mfe = serializers.CharField(help_text="R")
    mfe_points = serializers.CharField()
    result_r = serializers.CharField(allow_null=True)
    exit_bar = serializers.CharField(allow_null=True)
    exit_time = serializers.CharField(allow_null=True)
    exit_level = serializers.CharField(allow_null=True, help_text="The stop.")
    exit_hit = serializers.CharField(allow_null=True, help_text="The traded price that hit it.")
    targets_hit = serializers.DictField(
        child=serializers.CharField(), help_text="When each target was reached, by its R."
    )


class BreakEvenTrackSerializer(TrackSerializer):
    """The track whose stop moves to the entry."""

    triggered = serializers.BooleanField()
    trigger_bar = serializers.CharField(allow_null=True)
    trigger_time = serializers.CharField(allow_null=True)


class TradeSerializer(serializers.Serializer[TradeView]):
    """A trade against the price of the moment."""

    id = serializers.IntegerField(source="row.pk")
    trade_id = serializers.CharField(source="row.trade_id")
    symbol = serializers.CharField(source="row.root")
    contract = serializers.CharField(source="row.contract")
    direction = serializers.CharField(source="row.direction")
    session = serializers.CharField(source="row.session")
    state = serializers.CharField(source="row.state")
    status = serializers.CharField(source="row.status")
    reason = serializers.CharField(source="row.reason")
    is_manual = serializers.BooleanField(source="row.is_manual")
    is_late = serializers.BooleanField(source="row.is_late")
    is_incomplete = serializers.BooleanField(source="row.is_incomplete")
    strategy = serializers.IntegerField(source="row.strategy_id", allow_null=True)
    signal = serializers.IntegerField(source="row.signal_id", allow_null=True)
    note = serializers.CharField(source="row.note")
    entry_time = MomentField(source="row.entry_at")
    entry_price = PriceField(source="entry")
    stop_price = PriceField(source="initial_stop", help_text="At the entry; R rests on it.")
    current_stop = PriceField(source="stop", help_text="Where the plan's stop lies now.")
    risk = PriceField(help_text="Points from entry to stop_price.")
    targets = serializers.SerializerMethodField()
    no_be = TrackSerializer()
    be = BreakEvenTrackSerializer()
    mae = RField(source="mae_r")
    last = PriceField(allow_null=True)
    now_r = RField(allow_null=True, help_text="What it would make at the last price.")
    stop_away = PriceField(allow_null=True, help_text="Points from the last price to current_stop.")
    ended_time = MomentField(source="row.ended_at", allow_null=True)
    result_r = RField(allow_null=True, help_text="What the trader's own plan made.")

    def get_targets(self, view: TradeView) -> dict[str, str]:
        """Return where each R target lies."""
        return {target.name: target.price for target in view.targets}


class MfeSerializer(serializers.Serializer[TradeView]):
    """How far a trade has gone, for and against."""

    id = serializers.IntegerField(source="row.pk")
    trade_id = serializers.CharField(source="row.trade_id")
    symbol = serializers.CharField(source="row.root")
    contract = serializers.CharField(source="row.contract")
    status = serializers.CharField(source="row.status")
    no_be = TrackSerializer()
    be = BreakEvenTrackSerializer()
    mae = RField(source="mae_r")
    last = PriceField(allow_null=True)
    now_r = RField(allow_null=True)


class PathStepSerializer(serializers.Serializer[PathStep]):
    """MFE of both tracks and MAE after one candle, in R."""

    bar = MomentField(source="at")
    no_be_mfe = RField()
    be_mfe = RField()
    mae = RField()


class VariantSerializer(serializers.Serializer[Any]):
    """The statistics of one variant. Rates and R are text; null where there is nothing to divide by."""

    undecided = serializers.IntegerField()
    decided = serializers.IntegerField()
    wins = serializers.IntegerField()
    losses = serializers.IntegerField()
    break_evens = serializers.IntegerField()
    win_rate = RField(allow_null=True, help_text="0 to 1, of the decided.")
    expectancy_r = RField(allow_null=True)
    total_r = RField()
    profit_factor = RField(allow_null=True)
    max_drawdown_r = RField()
    longest_losing_streak = serializers.IntegerField()


class StatsSerializer(serializers.Serializer[Any]):
    """Both variants over the same trades."""

    target = RField()
    fee_r = RField()
    trades = serializers.IntegerField()
    win_rate = RField(allow_null=True, help_text="Fixed stop.")
    no_be = VariantSerializer()
    be = VariantSerializer()


class StatsQuerySerializer(serializers.Serializer[Any]):
    """Over what, and how, statistics are made."""

    target = serializers.DecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal("0.01"), default=Decimal(1),
        help_text="In R.",
    )  # fmt: skip
    fee_r = serializers.DecimalField(
        max_digits=6, decimal_places=4, min_value=Decimal(0), default=Decimal(0),
        help_text="Fees of one trade in R.",
    )  # fmt: skip


class EntrySerializer(Asked):
    """A trade that a person wants to enter at the market's last price."""

    symbol = serializers.CharField(max_length=32, required=False, help_text="NQ, NQ1!, NQZ6 ...")
    direction = serializers.CharField(max_length=10, help_text="bullish, long, buy; bearish ...")
    stop_price = serializers.DecimalField(max_digits=18, decimal_places=7)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    plan_target_r = serializers.DecimalField(
        max_digits=8, decimal_places=4, min_value=Decimal("0.0001"), required=False,
        allow_null=True, default=None, help_text="Your plan ends at this R; null: it has no target.",
    )  # fmt: skip
    plan_break_even = serializers.BooleanField(
        required=False, allow_null=True, default=None,
        help_text="Your plan's stop goes to the entry at 1 R; so it is unless you say false.",
    )  # fmt: skip

    def validate_direction(self, word: str) -> str:
        """Refuse a word that names no direction."""
        direction = read_direction(word)
        if direction is None:
            raise serializers.ValidationError(
                f"{word!r} is none of bullish, long, buy, bearish, short, sell."
            )
        return str(direction)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse an unknown symbol, and a stop that is no price of it."""
        given.setdefault("symbol", settings.SYMBOL)
        try:
            product = instrument(root_of(given["symbol"]))
        except UnknownSymbol as unknown:
            raise serializers.ValidationError({"symbol": [f"{unknown}."]}) from None
        try:
            product.to_ticks(given["stop_price"])
        except OffTick as problem:
            raise serializers.ValidationError({"stop_price": [f"{problem}."]}) from None
        return given
