"""API: signals that wait, and what became of one."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.marketdata.fields import MomentField, PriceField
from apps.signals import queries
from apps.signals.queries import SignalView


class CheckSerializer(serializers.Serializer[Any]):
    """One check of an alert; `ok` is null where it was not made."""

    name = serializers.CharField()
    value = serializers.CharField()
    needs = serializers.CharField()
    ok = serializers.BooleanField(allow_null=True)


class SignalSerializer(serializers.Serializer[SignalView]):
    """A signal against the price of the moment. Prices and points are decimal text."""

    id = serializers.IntegerField(source="row.pk")
    key = serializers.CharField(source="row.key")
    trade_id = serializers.CharField(source="row.trade_id")
    symbol = serializers.CharField(source="row.root")
    contract = serializers.CharField(source="row.contract")
    direction = serializers.CharField(source="row.direction")
    session = serializers.CharField(source="row.session")
    status = serializers.CharField(source="row.status")
    reason = serializers.CharField(source="row.reason")
    detail = serializers.CharField(source="row.detail")
    strategy = serializers.IntegerField(source="row.strategy_id")
    strategy_name = serializers.CharField(source="row.strategy.name")
    is_late = serializers.BooleanField(source="row.is_late")
    is_incomplete = serializers.BooleanField(source="row.is_incomplete")
    is_provisional = serializers.BooleanField(
        help_text="Confirmed, but an opposing alert in time can still cancel it."
    )
    received_at = MomentField(source="row.received_at", allow_null=True, help_text="Market time.")
    signal_bar = MomentField(source="row.bar_at", allow_null=True)
    signal_high = PriceField(source="high", allow_null=True)
    signal_low = PriceField(source="low", allow_null=True)
    level = PriceField(allow_null=True, help_text="A later close has to pass it.")
    last = PriceField(allow_null=True)
    to_go = PriceField(allow_null=True, help_text="Points from the last price to the level.")
    closes_at = MomentField(help_text="When the running candle is over, market time.")


class SignalStatusSerializer(SignalSerializer):
    """Everything that is known of a signal."""

    price = PriceField(source="row.price", allow_null=True, help_text="What the alert said.")
    market_price = PriceField(source="row.market_price", allow_null=True)
    checks = CheckSerializer(many=True)
    cancelled_by = serializers.CharField(source="row.cancelled_by")
    cancel_bar = MomentField(source="row.cancel_bar_at", allow_null=True)
    confirmation_bar = MomentField(source="row.confirmation_bar_at", allow_null=True)
    bars_to_confirmation = serializers.IntegerField(
        source="row.bars_to_confirmation", allow_null=True
    )
    stop_rule = serializers.CharField(source="row.stop_rule")
    stop_anchor_bar = MomentField(source="row.stop_anchor_at", allow_null=True)
    stop_anchor_price = PriceField(allow_null=True)
    stop_price = PriceField(allow_null=True)
    trade = serializers.SerializerMethodField(help_text="Its trade's id, null without one.")
    state = serializers.SerializerMethodField(help_text="Its trade's state, null without one.")

    def get_trade(self, view: SignalView) -> int | None:
        """Return the row id of its trade."""
        trade = getattr(view.row, "trade", None)
        return None if trade is None else int(trade.pk)

    def get_state(self, view: SignalView) -> str | None:
        """Return where its trade stands."""
        trade = getattr(view.row, "trade", None)
        return None if trade is None else str(trade.state)


class PendingSignals(GenericAPIView[Any]):
    """What waits for its candle, its confirmation or its entry."""

    serializer_class = SignalSerializer
    filter_backends = ()

    @extend_schema(responses=SignalSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return your waiting signals, newest first."""
        waiting = queries.rows(request.user).filter(status__in=queries.WAITING)
        page = self.paginate_queryset(waiting) or []
        items = self.get_serializer(queries.views(page), many=True).data
        return self.get_paginated_response(items)


class SignalStatus(GenericAPIView[Any]):
    """What became of one signal."""

    serializer_class = SignalStatusSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)],
        responses={
            200: SignalStatusSerializer,
            404: OpenApiResponse(description="Problem details."),
        },
    )
    def get(self, request: Request, id: int) -> Response:
        """Return one of your signals with every check, its confirmation and its stop."""
        found = queries.rows(request.user).select_related("trade").filter(pk=id).first()
        if found is None:
            raise NotFound(f"You have no signal {id}.")
        return Response(self.get_serializer(queries.view(found)).data)
