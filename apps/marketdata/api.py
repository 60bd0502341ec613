"""API: prices, the running candle, ticks. The same for everybody who is signed in."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.bus.domain.message import iso, to_instant
from apps.marketdata import price
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.folding import folded
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.session import frame_start
from apps.marketdata.price import Price
from apps.marketdata.queries import candles_between, recent_ticks

LENGTHS: Final = (60, 300, 900, 3600)
MOST_TICKS: Final = 1000
SYMBOL: Final = OpenApiParameter(
    "symbol", str, description="NQ, NQ1!, NQZ6, CME_MINI:NQ1! ...; the desk's own if left out."
)
NOT_FED: Final = OpenApiResponse(description="Problem details: no such symbol, or no data for it.")


class PriceSerializer(serializers.Serializer[Any]):
    """The market of one contract now. Prices are decimal text; `at` is market time."""

    symbol = serializers.CharField()
    contract = serializers.CharField()
    last = serializers.CharField()
    bid = serializers.CharField(allow_null=True)
    ask = serializers.CharField(allow_null=True)
    bid_size = serializers.IntegerField(allow_null=True)
    ask_size = serializers.IntegerField(allow_null=True)
    at = serializers.CharField()
    age_ms = serializers.IntegerField(help_text="Since its frame arrived, by the wall clock.")
    change = serializers.CharField(allow_null=True, help_text="Against the settlement.")
    change_pct = serializers.CharField(allow_null=True)
    minute_volume = serializers.IntegerField()
    session_high = serializers.CharField(allow_null=True)
    session_low = serializers.CharField(allow_null=True)
    vwap = serializers.CharField(allow_null=True)


class CandleSerializer(serializers.Serializer[Any]):
    """A candle that is still open."""

    symbol = serializers.CharField()
    contract = serializers.CharField()
    seconds = serializers.IntegerField()
    at = serializers.CharField(help_text="Its open time.")
    open = serializers.CharField()
    high = serializers.CharField()
    low = serializers.CharField()
    close = serializers.CharField()
    volume = serializers.IntegerField()


class TickSerializer(serializers.Serializer[Any]):
    """One trade on the exchange."""

    id = serializers.IntegerField()
    at = serializers.CharField()
    price = serializers.CharField()
    size = serializers.IntegerField()
    bid = serializers.CharField(allow_null=True)
    ask = serializers.CharField(allow_null=True)


class TickListSerializer(serializers.Serializer[Any]):
    """Ticks, newest first. All of them are on this one page."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = TickSerializer(many=True)


class CurrentPrice(APIView):
    """The price now."""

    asks = ("symbol",)

    @extend_schema(parameters=[SYMBOL], responses={200: PriceSerializer, 404: NOT_FED})
    def get(self, request: Request) -> Response:
        """Return last, bid, ask, change and session of a symbol."""
        now = _price(request)
        body: dict[str, Any] = {
            name: now.reading.get(name) for name in PriceSerializer().get_fields()
        }
        return Response(body | {"symbol": root_of(now.contract), "age_ms": now.age_ms})


class CurrentCandle(APIView):
    """The candle that is open now."""

    asks = ("symbol", "seconds")

    @extend_schema(
        parameters=[SYMBOL, OpenApiParameter("seconds", int, enum=LENGTHS, default=60)],
        responses={200: CandleSerializer, 404: NOT_FED},
    )
    def get(self, request: Request) -> Response:
        """Return the running candle of a symbol, of a minute unless `seconds` says otherwise."""
        seconds = _whole(request, "seconds", 60)
        if seconds not in LENGTHS:
            raise ValidationError({"seconds": [f"Use one of {', '.join(map(str, LENGTHS))}."]})
        now = _price(request)
        running = now.reading.get("candle")
        if running is None:
            raise NotFound(f"{now.contract}: nothing has traded in this minute yet.", "no_candle")
        product = instrument(root_of(now.contract))
        candle = _candle(product, running)
        if seconds > 60:
            start = frame_start(candle.at, seconds)
            before = candles_between(now.contract, 60, start, candle.at)
            candle = next(iter(folded([*before, candle], seconds)))
        return Response(_told(product, now.contract, seconds, candle))


class RecentTicks(APIView):
    """The newest ticks."""

    asks = ("symbol", "limit")

    @extend_schema(
        parameters=[SYMBOL, OpenApiParameter("limit", int, description="1 to 1000.", default=100)],
        responses={200: TickListSerializer, 404: NOT_FED},
    )
    def get(self, request: Request) -> Response:
        """Return the newest stored ticks of a symbol, newest first."""
        limit = _whole(request, "limit", 100)
        if not 1 <= limit <= MOST_TICKS:
            raise ValidationError({"limit": [f"Use a number from 1 to {MOST_TICKS}."]})
        now = _price(request)
        product = instrument(root_of(now.contract))

        def text(ticks: int | None) -> str | None:
            return None if ticks is None else product.text(ticks)

        ticks = [
            {
                "id": tick.id,
                "at": iso(tick.at),
                "price": text(tick.price),
                "size": tick.size,
                "bid": text(tick.quote.bid) if tick.quote else None,
                "ask": text(tick.quote.ask) if tick.quote else None,
            }
            for tick in recent_ticks(now.contract, limit)
        ]
        return Response({"count": len(ticks), "next": None, "previous": None, "results": ticks})


def _price(request: Request) -> Price:
    """Return the price that is asked for.

    Raises:  NotFound  naming the symbol and what would do
    """
    symbol = request.query_params.get("symbol") or settings.SYMBOL
    try:
        now = price.price_now(symbol)
    except UnknownSymbol as unknown:
        raise NotFound(f"{str(unknown)[0].upper()}{str(unknown)[1:]}.", "unknown_symbol") from None
    if now is None:
        cure = f"This desk follows {settings.SYMBOL}; a price comes with the feed's first tick."
        raise NotFound(f"No market data for {symbol[:40]!r}. {cure}", "no_market_data")
    return now


def _whole(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name)
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise ValidationError({name: ["Use a whole number."]})
    return int(given)


def _candle(product: Instrument, told: Mapping[str, Any]) -> Candle:
    opened, high, low, close = (
        product.to_ticks(told[name]) for name in ("open", "high", "low", "close")
    )
    at = to_instant(price.moment(told["at"]))
    return Candle(at, opened, high, low, close, int(told["volume"]))


def _told(product: Instrument, contract: str, seconds: int, candle: Candle) -> dict[str, Any]:
    return {
        "symbol": product.root,
        "contract": contract,
        "seconds": seconds,
        "at": iso(candle.at),
        "open": product.text(candle.open),
        "high": product.text(candle.high),
        "low": product.text(candle.low),
        "close": product.text(candle.close),
        "volume": candle.volume,
    }
