"""The door for alerts: who sends, is it whole, store it, answer. What it means is decided later.

An alert that got a 2xx is durable. One that could not be stored gets a 5xx, which TradingView sends again.
"""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import uuid4

import msgspec
import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from redis import RedisError
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from apps.bus import bus, transport
from apps.bus.domain.message import DAY, SECOND, iso, to_instant
from apps.bus.models import Inbox
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.signals import services, watching
from apps.signals.domain import alert as alerts
from apps.signals.domain.alert import (
    AnyAlert,
    OrderAlert,
    OutsideView,
    PriceBar,
    SignalAlert,
)
from apps.signals.domain.messages import Alert
from apps.signals.domain.posted import KeepOutsideView, TakeOrderAlert
from apps.signals.domain.refusal import REASONS, Refused, Unreadable
from apps.signals.models import Strategy

log = structlog.get_logger(__name__)

TRADINGVIEW: Final = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
SAME_BODY_SECONDS: Final = 60
LOOPBACK: Final = ("127.0.0.1", "::1")
FAR_FUTURE: Final = 4_102_444_800 * SECOND  # 2100
_SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-f]{64})", re.IGNORECASE)
_KINDS: Final = {
    SignalAlert: "signal",
    OutsideView: "outside_view",
    OrderAlert: "order",
    PriceBar: "price",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told: an id and a status, or why not."""

    id: str = ""
    status: str = ""
    refused: Refused | None = None
    retry_after: int | None = None
    alert: AnyAlert | None = None


@csrf_exempt
def receive(request: HttpRequest, token: str = "") -> HttpResponse:
    """Take one alert: store it and answer."""
    return _reply(_take(request, token, dry="dry_run" in request.GET))


@csrf_exempt
def try_out(request: HttpRequest, token: str) -> HttpResponse:
    """Say how an alert would be understood; nothing is stored."""
    return _reply(_take(request, token, dry=True))


@csrf_exempt
def receive_v2(request: HttpRequest) -> HttpResponse:
    """Take one alert as the older address did, with the fields that its senders look for."""
    answer = _take(request, "", dry=False)
    reply = _reply(answer)
    body = msgspec.json.decode(reply.content, type=dict[str, Any])
    taken = answer.refused is None
    body |= {
        "success": taken,
        "message": f"alert {answer.status}" if taken else body["detail"],
        "original_signal_id": answer.id or None,
        "v2_automation": {
            "success": taken,
            "trade_id": answer.id or None,
            "entry_price": None,
            "stop_loss_price": None,
            "r_targets": {},
        },
    }
    market = transport.market_time()
    body["timestamp"] = iso(market.at) if market.at is not None else None
    reply.content = msgspec.json.encode(body)
    return reply


def _take(request: HttpRequest, token: str, *, dry: bool) -> Answer:
    """Go through the door's questions in their order; the first that fails is the answer."""
    if request.method != "POST":
        return Answer(refused=Refused("WRONG_METHOD", f"{request.method} is not for alerts"))
    address = _address(request)
    if wait := _too_many(f"address:{address}", settings.WEBHOOK_RATE_PER_ADDRESS):
        return _busy("from this address", wait)
    body = request.read(alerts.MAX_BYTES + 1)
    given = _read(body)
    strategy = _strategy(request, token, given)
    if strategy is None:
        if not token and isinstance(given, Refused):
            return Answer(refused=given)
        return Answer(refused=Refused("UNKNOWN_TOKEN", "the address or secret is not known"))
    if wait := _too_many(f"strategy:{strategy.pk}", settings.WEBHOOK_RATE_PER_STRATEGY):
        answer = _busy("for this strategy", wait)
        if _once_a_minute(f"webhook:busy:{strategy.pk}"):
            _keep(strategy, answer, address, body)
        return answer
    if (refused := _unwelcome(request, strategy, address, body)) is not None:
        answer = Answer(refused=refused)
    elif isinstance(given, Refused):
        answer = Answer(refused=given)
    else:
        answer = _understand(strategy, given, _market_time(request), dry=dry)
    if answer.refused is not None and not dry:
        _keep(strategy, answer, address, body)
    return answer


def _understand(
    strategy: Strategy,
    given: Mapping[str, Any],
    market: transport.MarketTime,
    *,
    dry: bool,
) -> Answer:
    alert = alerts.understand(given)
    if isinstance(alert, Refused):
        return Answer(refused=alert)
    if (refused := _untradable(strategy, alert) or _expired(alert)) is not None:
        return Answer(refused=refused)
    if dry:
        return Answer(status="understood", alert=alert)
    return _store(strategy, alert, market)


def _store(strategy: Strategy, alert: AnyAlert, market: transport.MarketTime) -> Answer:
    """Put it into the inbox, once: the same id, or the same fields within a minute, are the same alert."""
    named = alert.alert_id is not None
    same = f"id {alert.alert_id}" if named else f"body {alerts.fingerprint(alert.given)}"
    key = f"webhook:{strategy.pk}:{hashlib.sha256(same.encode()).hexdigest()}"
    command = _command(uuid4().hex[:16], strategy, alert)
    try:
        receipt = bus.deliver(
            command,
            user=strategy.user_id,
            source="webhook",
            key=key,
            key_seconds=None if named else SAME_BODY_SECONDS,
            expires_market_at=_expiry(alert),
            market=market,
            of=watching.of(strategy.pk),
        )
        if receipt.is_new:
            return Answer(id=command.id, status="accepted")
        first = Inbox.objects.values_list("payload", flat=True).get(pk=receipt.id)
    except DatabaseError as error:
        log.exception("alert not stored", strategy=strategy.pk, error=type(error).__name__)
        return Answer(refused=Refused("NOT_STORED", "the database did not take it"), retry_after=2)
    return Answer(id=msgspec.json.decode(first)["id"], status="duplicate")


def _market_time(request: HttpRequest) -> transport.MarketTime:
    """Return the market time at which an alert is received.

    A real market keeps the wall's time. A simulated one has its own, and the stand-in that posts from it says so in
    a header, because what we last heard of the market may be older while a feed is lost.
    """
    known = transport.market_time()
    if settings.MARKET == "tradovate":
        return transport.MarketTime(to_instant(timezone.now()), known.live)
    said = request.headers.get("X-Market-Time", "")
    if not (
        said.isascii() and said.isdecimal() and len(said) <= 19 and _address(request) in LOOPBACK
    ):
        return known
    at = int(said)
    is_near = known.at is None or abs(at - known.at) <= DAY
    return transport.MarketTime(at, True) if is_near and at < FAR_FUTURE else known


def _sender_id(given: Mapping[str, Any]) -> str:
    said = given.get("trade_id") or given.get("signal_id")
    return said[:80] if isinstance(said, str) else ""


def _command(
    id: str, strategy: Strategy, alert: AnyAlert
) -> Alert | KeepOutsideView | TakeOrderAlert:
    whose: dict[str, Any] = {"id": id, "user": strategy.user_id, "strategy": strategy.pk}
    whose |= {"symbol": alert.symbol or strategy.symbol, "time": alert.at}
    match alert:
        case SignalAlert():
            return Alert(
                **whose,
                direction=alert.direction.value,
                price=None if alert.price is None else f"{alert.price:f}",
                htf_ok=alert.htf_ok,
                biases=alert.biases,
                sender_id=_sender_id(alert.given),
                settings=services.settings_now(strategy, alert.symbol or strategy.symbol),
            )
        case OutsideView():
            return KeepOutsideView(
                **whose, stage=alert.stage, sender_id=alert.sender_id, body=alert.given
            )
        case OrderAlert():
            shared = {field.name for field in fields(TakeOrderAlert)} - set(whose)
            values: dict[str, Any] = {name: getattr(alert, name, None) for name in shared}
            return TakeOrderAlert(**whose, **values | {"sender_strategy": alert.strategy})
        case PriceBar():
            raise AssertionError("refused at the door")


# --- the door's questions


def _read(body: bytes) -> Mapping[str, Any] | Refused:
    try:
        return alerts.read(body)
    except Unreadable as unreadable:
        return unreadable.refused


def _strategy(
    request: HttpRequest, token: str, given: Mapping[str, Any] | Refused
) -> Strategy | None:
    """Find who sends: by the secret in the address, a header or the body, or by his signature."""
    secrets = [token, request.GET.get("token", ""), request.headers.get("X-Webhook-Token", "")]
    if not isinstance(given, Refused):
        secrets += [
            said for name in alerts.SECRET_FIELDS if isinstance(said := given.get(name), str)
        ]
    said = next((secret for secret in secrets if secret), "")
    if said:
        return services.strategy_with_token(said)
    number = request.headers.get("X-Webhook-Strategy", "")
    if number.isascii() and number.isdigit() and len(number) < 19 and _signature(request):
        return Strategy.objects.filter(pk=int(number)).first()
    return None


def _unwelcome(
    request: HttpRequest, strategy: Strategy, address: str | None, body: bytes
) -> Refused | None:
    if strategy.only_tradingview and address not in TRADINGVIEW:
        return Refused("WRONG_ADDRESS", f"it came from {address}")
    signature = _signature(request)
    if signature:
        right = hmac.new(services.signing_key(strategy).encode(), body, "sha256").hexdigest()
        fits = _SIGNATURE.fullmatch(signature.strip())
        if fits is None or not hmac.compare_digest(fits.group(1).lower(), right):
            return Refused("BAD_SIGNATURE", "the HMAC-SHA256 of the body is another one")
    elif strategy.requires_signature:
        return Refused("NO_SIGNATURE", "X-Webhook-Signature is missing")
    if strategy.is_archived:
        return Refused("ARCHIVED", f"{strategy.name} is archived")
    if not strategy.is_active:
        return Refused("SWITCHED_OFF", f"{strategy.name} is switched off")
    return None


def _signature(request: HttpRequest) -> str:
    return request.headers.get("X-Webhook-Signature", "")


def _untradable(strategy: Strategy, alert: AnyAlert) -> Refused | None:
    if isinstance(alert, OutsideView):
        return None  # it moves nothing, whatever its symbol
    if isinstance(alert, PriceBar):
        return Refused("NO_CHART_FEED", "it is a price of a chart")
    try:
        root_of(alert.symbol or strategy.symbol)
    except UnknownSymbol as unknown:
        return Refused("UNKNOWN_SYMBOL", str(unknown), "symbol")
    return None


def _expired(alert: AnyAlert) -> Refused | None:
    """Refuse an order that is too old by its own time, on the market's clock."""
    now = transport.market_time().at
    if not isinstance(alert, OrderAlert) or alert.at is None or now is None:
        return None
    age = (now - alert.at) // SECOND
    if age < alert.expires_s:
        return None
    return Refused("EXPIRED", f"it is {age} s old; {alert.expires_s} s are allowed", "timestamp")


def _expiry(alert: AnyAlert) -> int | None:
    now = transport.market_time().at
    if not isinstance(alert, OrderAlert) or now is None:
        return None
    said = now if alert.at is None else min(alert.at, now)
    return said + alert.expires_s * SECOND


def _address(request: HttpRequest) -> str | None:
    try:
        return str(ipaddress.ip_address(BaseThrottle().get_ident(request)))  # type: ignore[arg-type]
    except ValueError:
        return None


class _Rate(SimpleRateThrottle):
    """So many in so long under one key, as in `300/min`."""

    def __init__(self, rate: str, key: str) -> None:
        self.rate = rate
        self.key_of_all = f"webhook:{key}"
        super().__init__()

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.key_of_all


def _too_many(key: str, rate_of: str) -> int | None:
    """Return the seconds to wait, None if there is no need to. No cache, no limit: alerts go first."""
    rate = _Rate(rate_of, key)
    try:
        if rate.allow_request(None, None):  # type: ignore[arg-type]
            return None
    except (RedisError, OSError):
        return None
    return max(1, round(rate.wait() or 1))


def _once_a_minute(key: str) -> bool:
    try:
        return bool(cache.add(key, 1, 60))
    except (RedisError, OSError):
        return True


# --- the answer


def _busy(whose: str, wait: int) -> Answer:
    return Answer(refused=Refused("TOO_MANY", f"too many {whose}"), retry_after=wait)


def _keep(strategy: Strategy, answer: Answer, address: str | None, body: bytes) -> None:
    assert answer.refused is not None
    log.info("alert refused", strategy=strategy.pk, code=answer.refused.code)
    try:
        services.keep_refusal(strategy=strategy, refused=answer.refused, address=address, body=body)
    except DatabaseError:
        log.exception("refusal not stored", strategy=strategy.pk)


def _reply(answer: Answer) -> HttpResponse:
    if answer.refused is not None:
        return _problem(answer.refused, answer.retry_after)
    if answer.alert is not None:
        understood = {"kind": _KINDS[type(answer.alert)], "alert": _plain(answer.alert)}
        return JsonResponse({"status": answer.status, **understood})
    return JsonResponse({"id": answer.id, "status": answer.status})


def _problem(refused: Refused, retry_after: int | None) -> HttpResponse:
    reason = REASONS[refused.code]
    body = {
        "type": "about:blank",
        "title": reason.title,
        "status": reason.status,
        "detail": f"{refused.detail}. {reason.cure}",
        "code": refused.code,
    }
    if refused.field:
        body["field"] = refused.field
    reply = JsonResponse(body, status=reason.status, content_type="application/problem+json")
    if retry_after is not None:
        reply["Retry-After"] = str(retry_after)
    if refused.code == "WRONG_METHOD":
        reply["Allow"] = "POST"
    return reply


def _plain(alert: AnyAlert) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(
        {field.name: getattr(alert, field.name) for field in fields(alert) if field.name != "given"}
    )
    plain["at"] = None if alert.at is None else iso(alert.at)
    return {name: value for name, value in plain.items() if value not in (None, {})}
