"""What senders post, understood or refused with a true reason. Source: reference/alert-payloads.md.

`parse` judges the form only. What becomes of a well-formed signal is the desk's verdict, later.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from apps.signals.domain import wire
from apps.signals.domain.indicator import Direction
from apps.signals.domain.refusal import Refused, Unreadable

MAX_BYTES: Final = 64 * 1024
SECRET_FIELDS: Final = ("token", "secret", "passphrase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What every alert has. `alert_id` is the sender's own name for it, `given` all that he sent."""

    symbol: str | None = None
    alert_id: str | None = None
    at: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAlert(Received):
    """A new signal (forms A, B, C and the creation in D). `at` is its time in ns UTC, None if unsaid.

    Units:   biases by time frame: "5", "15", "60", "240" (minutes), "D"; values BULLISH, BEARISH, NEUTRAL
    """

    direction: Direction
    price: Decimal | None = None
    htf_ok: bool | None = None
    biases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideView(Received):
    """A later stage of the sender's own trade (C, D): kept beside the signal, moves nothing of ours."""

    stage: str
    sender_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAlert(Received):
    """An order (E). `action` is buy, sell, close, close_long or close_short.

    `expires_s` is how long after its own time it may still be carried out.
    """

    action: str
    quantity: int | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    order_type: str | None = None
    strategy: str | None = None
    account_group: str | None = None
    comment: str | None = None
    market_position: str | None = None
    prev_market_position: str | None = None
    market_position_size: int | None = None
    max_position_size: int | None = None
    risk_percent: Decimal | None = None
    expires_s: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBar(Received):
    """A price from somebody's chart (F): a feed of last resort."""

    price: Decimal
    volume: Decimal | None = None
    change: Decimal | None = None


AnyAlert = SignalAlert | OutsideView | OrderAlert | PriceBar

_CREATED: Final = frozenset({"SIGNAL_CREATED"})
_STAGES: Final = frozenset(
    {
        *("CONFIRMATION_DETECTED", "SIGNAL_CANCELLED", "TRADE_ACTIVATED", "TRADE_RESOLVED"),
        *("ENTRY", "MFE_UPDATE", "BE_TRIGGERED", "SIGNAL_COMPLETED", "CANCELLED"),
        *("EXIT_BREAK_EVEN", "EXIT_STOP_LOSS", "EXIT_TAKE_PROFIT", "EXIT_PARTIAL"),
    }
)
_PRICES: Final = frozenset({"REALTIME_PRICE"})
_EVENT_FIELDS: Final = ("event_type", "type", "event", "stage", "webhook_type")
_DIRECTION_FIELDS: Final = ("type", "signal_type", "signal", "direction")
_SIGNAL_TIMES: Final = ("timestamp", "time", "bar_time")
_ACTIONS: Final = {
    **dict.fromkeys(("buy", "long"), "buy"),
    **dict.fromkeys(("sell", "short"), "sell"),
    **dict.fromkeys(("close", "flat", "exit"), "close"),
    **dict.fromkeys(("closelong", "close_long", "exitlong", "exit_long"), "close_long"),
    **dict.fromkeys(("closeshort", "close_short", "exitshort", "exit_short"), "close_short"),
}
_FRAMES: Final = {
    **dict.fromkeys(("5m", "m5", "5min", "5"), "5"),
    **dict.fromkeys(("15m", "m15", "15min", "15"), "15"),
    **dict.fromkeys(("1h", "h1", "60m", "60"), "60"),
    **dict.fromkeys(("4h", "h4", "240m", "240"), "240"),
    **dict.fromkeys(("daily", "1d", "d1", "d", "day"), "D"),
}
_BIAS_IN_TEXT: Final = re.compile(
    r"([A-Za-z0-9]+)\s*[:=]\s*(bull\w*|bear\w*|neutral)", re.IGNORECASE | re.ASCII
)
_ORDER_LINE: Final = re.compile(r"\s*([^:{]{1,80}):\s*([A-Za-z_]+)\s*(,.*)?", re.ASCII | re.DOTALL)
_LINE_FIELDS: Final = {
    "price": "price",
    "ticker": "symbol",
    "symbol": "symbol",
    "action": "action",
    "amount": "quantity",
    "quantity": "quantity",
    "contracts": "quantity",
    "stoploss": "stop_loss",
    "takeprofit": "take_profit",
    "period": "timeframe",
    "time": "timestamp",
    "id": "id",
}


def parse(body: bytes) -> AnyAlert | Refused:
    """Return what a sender posted, or why it can't be taken. The content type says nothing reliable."""
    try:
        return _alert(read(body))
    except Unreadable as unreadable:
        return unreadable.refused


def read(body: bytes) -> Mapping[str, Any]:
    """Return the fields of a body, whichever form they came in. Raises: Unreadable"""
    if len(body) > MAX_BYTES:
        raise Unreadable("TOO_LARGE", f"{len(body)} bytes")
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Unreadable("NOT_UTF8", f"byte {error.start + 1} is not UTF-8") from None
    if not text:
        raise Unreadable("EMPTY_BODY", "there is no text")
    if not wire.is_storable(text):
        raise Unreadable("NOT_UTF8", "it holds NUL characters")
    if text[0] in '{["':
        return wire.load_object(text)
    if text.upper().startswith("SIGNAL:"):
        return _signal_line(text)
    return _order_line(text)


def understand(given: Mapping[str, Any]) -> AnyAlert | Refused:
    """Return what the fields of a body say, or why they can't be taken."""
    try:
        return _alert(given)
    except Unreadable as unreadable:
        return unreadable.refused


def fingerprint(given: Mapping[str, Any]) -> str:
    """Return what two sendings of the same alert have in common: its fields, whatever their order."""
    plain = json.dumps(without_secrets(given), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def without_secrets(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without those that let the sender in."""
    return {key: value for key, value in given.items() if key.lower() not in SECRET_FIELDS}


def _alert(given: Mapping[str, Any]) -> AnyAlert:
    for name in _EVENT_FIELDS:
        event = given.get(name)
        word = event.strip().upper() if isinstance(event, str) else None
        for words, form in _FORMS:
            if word in words:
                return form(given, str(word))
    if not wire.is_absent(given.get("event_type")) or "schema_version" in given:
        raise Unreadable("UNKNOWN_FORM", "event_type names no known event", "event_type")
    if not wire.is_absent(given.get("action")):
        return _order(given)
    return _signal(given)


def _signal(given: Mapping[str, Any]) -> SignalAlert:
    name, said = wire.first(given, *_DIRECTION_FIELDS)
    if said is None:
        raise Unreadable(
            "UNKNOWN_FORM", "neither a direction (signal) nor an action (order) is given"
        )
    direction = wire.direction_of(said)
    if direction is None:
        raise Unreadable("BAD_DIRECTION", f"{name} is no direction: {str(said)[:40]}", name)
    candle, bias = wire.part(given, "signal_candle"), wire.part(given, "fvg_data")
    stated = wire.price(given, "price", "entry_price")
    return SignalAlert(
        **_common(given),
        at=wire.instant(given, *_SIGNAL_TIMES),
        direction=direction,
        price=stated if stated is not None else wire.price(candle, "close"),
        htf_ok=_htf_ok(given, bias),
        biases=_biases(given),
    )


def _created(given: Mapping[str, Any], _: str) -> SignalAlert:
    """Read the creation event of form D. Its `event_timestamp` is in nobody knows which zone: unused."""
    name, said = wire.first(given, "direction", "bias")
    if said is None:
        raise Unreadable("MISSING_FIELD", f"{name} is missing", name)
    direction = wire.direction_of(said)
    if direction is None:
        raise Unreadable("BAD_DIRECTION", f"{name} is no direction: {str(said)[:40]}", name)
    return SignalAlert(
        **_common(given),
        at=wire.instant(given, "timestamp"),
        direction=direction,
        price=wire.price(given, "price", "entry_price"),
        htf_ok=_htf_ok(given, {}),
        biases=_biases(given),
    )


def _later_stage(given: Mapping[str, Any], stage: str) -> OutsideView:
    sender_id = wire.text(given, "trade_id", "signal_id", most=80)
    if sender_id is None:
        raise Unreadable("MISSING_FIELD", "trade_id or signal_id is missing", "trade_id")
    return OutsideView(
        **_common(given),
        at=wire.instant(given, "timestamp"),
        stage=stage,
        sender_id=sender_id,
    )


def _order(given: Mapping[str, Any]) -> OrderAlert:
    said = wire.text(given, "action") or ""
    action = _ACTIONS.get(said.lower().replace(" ", "_"))
    if action is None:
        raise Unreadable("BAD_ACTION", f"action is none: {said[:40]}", "action")
    common = _common(given)
    if common["symbol"] is None:
        raise Unreadable("MISSING_FIELD", "symbol is missing", "symbol")
    expires = wire.quantity(given, "expires_s")
    return OrderAlert(
        **common,
        at=wire.instant(given, "timestamp", "time", "timenow"),
        action=action,
        quantity=wire.quantity(given, "quantity", "contracts", "amount", "qty"),
        price=wire.price(given, "price"),
        stop_price=wire.price(given, "stop_price"),
        stop_loss=wire.price(given, "stop_loss", "stopLoss", "sl"),
        take_profit=wire.price(given, "take_profit", "takeProfit", "tp"),
        order_type=wire.text(given, "order_type", "orderType"),
        strategy=wire.text(given, "strategy", "alert_name"),
        account_group=wire.text(given, "account_group"),
        comment=wire.text(given, "comment"),
        market_position=wire.text(given, "market_position"),
        prev_market_position=wire.text(given, "prev_market_position"),
        market_position_size=_size(given),
        max_position_size=wire.quantity(given, "max_position_size"),
        risk_percent=wire.number(given, "risk_percent"),
        expires_s=60 if expires is None else expires,
    )


def _size(given: Mapping[str, Any]) -> int | None:
    """Return how many contracts the sender holds now; nought and a sign are right here."""
    value = wire.number(given, "market_position_size")
    if value is None:
        return None
    if value != value.to_integral_value() or abs(value) > 10_000:
        detail = f"market_position_size is no number of contracts: {value}"
        raise Unreadable("OUT_OF_RANGE", detail, "market_position_size")
    return abs(int(value))


def _price_bar(given: Mapping[str, Any], _: str) -> PriceBar:
    price = wire.price(given, "price", "close")
    if price is None:
        raise Unreadable("MISSING_FIELD", "price is missing", "price")
    return PriceBar(
        **_common(given),
        at=wire.instant(given, *_SIGNAL_TIMES),
        price=price,
        volume=wire.number(given, "volume"),
        change=wire.number(given, "change"),
    )


_Reader = Callable[[Mapping[str, Any], str], AnyAlert]
_FORMS: Final[tuple[tuple[frozenset[str], _Reader], ...]] = (
    (_PRICES, _price_bar),
    (_CREATED, _created),
    (_STAGES, _later_stage),
)


def _common(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "symbol": wire.symbol(given, "symbol", "ticker"),
        "alert_id": wire.text(given, "id", "alert_id", "order_id"),
        "given": without_secrets(given),
    }


def _htf_ok(given: Mapping[str, Any], inner: Mapping[str, Any]) -> bool | None:
    """Return False if the alert says anywhere that its time frames disagree. Source: methodology 4."""
    said = (
        wire.truth(given, "htf_ok"),
        wire.truth(given, "htf_aligned"),
        wire.truth(inner, "htf_aligned"),
    )
    return False if False in said else True if True in said else None


def _biases(given: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("htf_alignment", "biases", "htf_bias"):
        value = given.get(name)
        pairs = value.items() if isinstance(value, dict) else _BIAS_IN_TEXT.findall(str(value))
        for frame, said in pairs:
            key = _FRAMES.get(str(frame).strip().lower())
            direction = wire.direction_of(said)
            if key is not None and isinstance(said, str):
                found[key] = direction.value if direction else "NEUTRAL"
    return found


def _signal_line(text: str) -> Mapping[str, Any]:
    """Read `SIGNAL:direction:price:strength:frames:type:ms` from both ends; frames hold colons."""
    parts = [piece.strip() for piece in text.split(":")]
    if len(parts) < 7:
        raise Unreadable("BAD_LINE", f"a signal line has 7 parts, this one {len(parts)}")
    frames = ":".join(parts[4:-2])
    given: dict[str, Any] = {
        "signal": parts[1],
        "price": parts[2],
        "signal_strength": parts[3],
        "htf_bias": frames,
        "setup": parts[-2],
        "timestamp": parts[-1],
    }
    if wire.is_absent(parts[1]):
        raise Unreadable("MISSING_FIELD", "the direction is missing", "signal")
    if frames.upper().replace(" ", "_") in {"ALIGNED", "MISALIGNED", "NOT_ALIGNED"}:
        given["htf_ok"] = frames.upper() == "ALIGNED"
    return given


def _order_line(text: str) -> Mapping[str, Any]:
    """Read `NAME: buy, Price = 25035.75, Ticker = NQ1!, ...`."""
    if len(text) > 2_000 or (line := _ORDER_LINE.fullmatch(text)) is None:
        raise Unreadable("BAD_LINE", f"it begins: {text[:40]}")
    name, action, rest = line.groups()
    given: dict[str, Any] = {"strategy": name.strip(), "action": action}
    for piece in (rest or "").split(",")[1:]:
        key, equals, value = piece.partition("=")
        known = _LINE_FIELDS.get(key.strip().lower())
        if not equals and piece.strip():
            raise Unreadable("BAD_LINE", f"'{piece.strip()[:40]}' is no 'name = value'")
        if known is not None:
            given[known] = value.strip()
    return given
