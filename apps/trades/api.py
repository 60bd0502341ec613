"""API: trades as they run, the Signal Lab, entering and closing by hand."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.trades import queries, services
from apps.trades.domain.outcome import Variant
from apps.trades.domain.trade import State
from apps.trades.filters import TradeFilter
from apps.trades.models import Trade
from apps.trades.serializers import (
    EntrySerializer,
    MfeSerializer,
    PathStepSerializer,
    StatsQuerySerializer,
    StatsSerializer,
    TradeSerializer,
)
from apps.users.asked import read

PROBLEM = OpenApiResponse(description="Problem details.")
ID = OpenApiParameter("id", OpenApiTypes.INT, OpenApiParameter.PATH)
AGAIN = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key is the same wish."
)


class NotGranted(APIException):
    """The engine refused a wish."""

    status_code = status.HTTP_409_CONFLICT


class EngineSilent(APIException):
    """The engine did not answer in time."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "no_answer"
    default_detail = "The engine did not answer in time. The wish expires by itself; look at your trades before you try again."


class Trades(GenericAPIView[Any]):
    """A list of trades, each against the price of the moment."""

    serializer_class = TradeSerializer
    filterset_class = TradeFilter

    def get_queryset(self) -> QuerySet[Trade]:
        """Return the asker's own trades, newest entry first."""
        return queries.rows(self.request.user)

    @extend_schema(responses=TradeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Return your trades, newest entry first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        items = self.get_serializer(queries.views(page), many=True).data
        return self.get_paginated_response(items)


class ActiveTrades(Trades):
    """Trades whose plan is still on."""

    def get_queryset(self) -> QuerySet[Trade]:
        """Return the asker's active trades."""
        return super().get_queryset().filter(state=State.ACTIVE)


class AutomatedEntries(Trades):
    """Trades that came from signals."""

    def get_queryset(self) -> QuerySet[Trade]:
        """Return the asker's trades that nobody entered by hand."""
        return super().get_queryset().filter(is_manual=False)


class TradeMfe(GenericAPIView[Any]):
    """How far a trade has gone."""

    serializer_class = MfeSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[ID], responses={200: MfeSerializer, 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return MFE of both tracks and MAE of one of your trades, and what it would make now."""
        found = queries.trade(request.user, id)
        if found is None:
            raise NotFound(f"You have no trade {id}.")
        return Response(self.get_serializer(found).data)


class MfeHistory(GenericAPIView[Any]):
    """The path of a trade."""

    serializer_class = PathStepSerializer
    filter_backends = ()

    @extend_schema(parameters=[ID], responses={200: PathStepSerializer(many=True), 404: PROBLEM})
    def get(self, request: Request, id: int) -> Response:
        """Return MFE of both tracks and MAE after each candle while one of your trades ran."""
        path = queries.mfe_history(request.user, id)
        if path is None:
            raise NotFound(f"You have no trade {id}.")
        page = self.paginate_queryset(path) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class LabStats(Trades):
    """The Signal Lab in numbers."""

    asks = StatsQuerySerializer
    pagination_class = None

    @extend_schema(
        parameters=[StatsQuerySerializer],
        filters=True,
        responses={200: StatsSerializer, 400: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Return win rate, expectancy and more of your trades, for both variants and one target.

        The plain `win_rate` is that of the fixed stop with this target, 1 R unless another is given.
        """
        asked = StatsQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        target, fee_r = (Fraction(asked.validated_data[name]) for name in ("target", "fee_r"))
        chosen = self.filter_queryset(self.get_queryset())
        both = queries.lab_stats(request.user, target=target, fee_r=fee_r, only=chosen)
        fixed = both[Variant.NO_BE]
        body = StatsSerializer(
            {
                "target": target,
                "fee_r": fee_r,
                "trades": fixed.trades,
                "win_rate": fixed.win_rate,
                "no_be": fixed,
                "be": both[Variant.BE],
            }
        )
        return Response(body.data)


class CreateEntry(GenericAPIView[Any]):
    """Enters a trade by hand."""

    serializer_class = EntrySerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[AGAIN],
        responses={201: TradeSerializer, 400: PROBLEM, 409: PROBLEM, 503: PROBLEM},
    )
    def post(self, request: Request) -> Response:
        """Enter a Signal Lab trade at the market's last price."""
        given = dict(read(EntrySerializer, request.data).validated_data)
        stop: Decimal = given.pop("stop_price")
        target, break_even = given.pop("plan_target_r"), given.pop("plan_break_even")
        plan = services.plan_settings(target, break_even is not False)
        try:
            row = services.enter_trade(
                user=request.user, stop=f"{stop:f}", settings=plan, key=_key(request), **given
            )
        except services.Refused as refused:
            raise _not_granted(refused) from None
        except services.NoAnswer:
            raise EngineSilent from None
        body = TradeSerializer(queries.views([row])[0]).data
        return Response(body, status=status.HTTP_201_CREATED)


class CloseEntry(GenericAPIView[Any]):
    """Closes a trade by hand."""

    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[ID, AGAIN],
        request=None,
        responses={200: TradeSerializer, 404: PROBLEM, 409: PROBLEM, 503: PROBLEM},
    )
    def post(self, request: Request, id: int) -> Response:
        """Close one of your trades at the market's last price; its tracks go on for analysis."""
        try:
            row = services.close_trade(user=request.user, id=id, key=_key(request))
        except Trade.DoesNotExist:
            raise NotFound(f"You have no trade {id}.") from None
        except services.Refused as refused:
            raise _not_granted(refused) from None
        except services.NoAnswer:
            raise EngineSilent from None
        return Response(TradeSerializer(queries.views([row])[0]).data)


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get("Idempotency-Key")
    if key and len(key) > 80:
        raise ValidationError({"Idempotency-Key": ["Use at most 80 characters."]})
    return key or None


def _not_granted(refused: services.Refused) -> APIException:
    if refused.field:
        field = {"stop": "stop_price"}.get(refused.field, refused.field)
        return ValidationError({field: [refused.detail]}, code=refused.reason.lower())
    return NotGranted(refused.detail, refused.reason.lower())
