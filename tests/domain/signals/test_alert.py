"""What senders post is understood, or refused with a true reason."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from apps.bus.domain.message import to_instant
from apps.signals.domain.alert import (
    OrderAlert,
    OutsideView,
    PriceBar,
    SignalAlert,
    fingerprint,
    parse,
    read,
)
from apps.signals.domain.indicator import Direction
from apps.signals.domain.refusal import REASONS, Refused

AT = to_instant(datetime(2025, 11, 14, 14, 27, tzinfo=UTC))
SHORT = {
    "signal_type": "Bullish",
    "price": 25035.75,
    "timestamp": 1763130420000,
    "session": "NY AM",
    "symbol": "NQ1!",
}


def posted(**fields):
    return parse(json.dumps(fields).encode())


def refused(body) -> tuple[str, str]:
    answer = parse(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert isinstance(answer, Refused), answer
    assert answer.detail
    assert answer.code in REASONS
    return answer.code, answer.field


def test_short_form_is_a_signal():
    alert = posted(**SHORT)
    assert isinstance(alert, SignalAlert)
    assert (alert.direction, alert.price, alert.at, alert.symbol) == (
        Direction.BULLISH,
        Decimal("25035.75"),
        AT,
        "NQ1!",
    )


@pytest.mark.parametrize("name", ["type", "signal_type", "signal", "direction"])
@pytest.mark.parametrize(
    ("word", "direction"),
    [
        ("Bullish", Direction.BULLISH),
        ("BULL", Direction.BULLISH),
        (" long ", Direction.BULLISH),
        ("buy", Direction.BULLISH),
        ("bearish", Direction.BEARISH),
        ("Bear", Direction.BEARISH),
        ("SHORT", Direction.BEARISH),
        ("sell", Direction.BEARISH),
    ],
)
def test_direction_words_in_any_case_under_every_name(name, word, direction):
    assert posted(**{name: word}).direction is direction


def test_the_first_present_direction_field_decides():
    assert posted(type="Bullish", signal="Bearish").direction is Direction.BULLISH
    assert posted(type=None, signal_type="NaN", signal="Bearish").direction is Direction.BEARISH


@pytest.mark.parametrize(
    "written",
    [
        1763130420000,
        "1763130420000",
        1763130420,
        "1763130420",
        "2025-11-14T14:27:00Z",
        "2025-11-14T14:27:00",
        "2025-11-14T09:27:00-05:00",
        "2025-11-14 14:27:00.000+00:00",
    ],
)
def test_times_in_every_form_are_the_same_instant(written):
    assert posted(type="bull", timestamp=written).at == AT


@pytest.mark.parametrize("absent", [None, "", "NaN", "na", " null "])
def test_absent_values_are_absent_however_written(absent):
    alert = posted(type="bull", price=absent, timestamp=absent, symbol=absent, htf_ok=absent)
    assert (alert.price, alert.at, alert.symbol, alert.htf_ok) == (None, None, None, None)


def test_a_bare_nan_is_absent_as_pine_means_it():
    assert parse(b'{"type": "bull", "price": NaN}').price is None


@pytest.mark.parametrize(
    ("line", "direction", "price", "biases", "htf_ok"),
    [
        (
            "SIGNAL:Bullish:4156.25:85.0:1H:Bullish 15M:Bullish 5M:Bullish:FVG:1698765432000",
            Direction.BULLISH,
            "4156.25",
            {"60": "BULLISH", "15": "BULLISH", "5": "BULLISH"},
            None,
        ),
        (
            "SIGNAL:Bearish:4150.00:75:ALIGNED:ALIGNED:1698765432000",
            Direction.BEARISH,
            "4150.00",
            {},
            True,
        ),
        (
            "SIGNAL:Bearish:4150.00:75:MISALIGNED:FVG:1698765432000",
            Direction.BEARISH,
            "4150.00",
            {},
            False,
        ),
    ],
)
def test_line_form_is_read_from_both_ends(line, direction, price, biases, htf_ok):
    alert = parse(line.encode())
    assert isinstance(alert, SignalAlert)
    assert (alert.direction, alert.price) == (direction, Decimal(price))
    assert alert.at == 1_698_765_432 * 10**9
    assert (alert.biases, alert.htf_ok) == (biases, htf_ok)


def test_full_form_takes_price_and_bias_from_its_parts():
    alert = posted(
        signal_id="x1",
        signal_type="Bearish",
        timestamp=1763130420000,
        signal_candle={"open": 1, "high": 2, "low": 1, "close": "25035.75", "volume": 3},
        fvg_data={"bias": "Bearish", "htf_aligned": False},
    )
    assert isinstance(alert, SignalAlert)
    assert (alert.price, alert.htf_ok) == (Decimal("25035.75"), False)


def test_creation_in_telemetry_is_a_signal():
    first = posted(
        type="signal_created",
        signal_id="20251114_092700_BULLISH",
        bias="Bullish",
        entry_price=25035.75,
        timestamp=1763130420000,
    )
    assert isinstance(first, SignalAlert)
    assert (first.direction, first.at, first.price) == (Direction.BULLISH, AT, Decimal("25035.75"))
    second = posted(
        schema_version="1.0.0",
        trade_id="20251114_092700000_BEARISH",
        event_type="SIGNAL_CREATED",
        event_timestamp="2025-11-14T09:27:00Z",
        symbol="MNQ1!",
        direction="Bearish",
        htf_alignment={"daily": "Bullish", "h4": "Neutral", "m5": "Bearish", "m1": "Bearish"},
    )
    assert isinstance(second, SignalAlert)
    assert second.at is None, "its time stands in nobody knows which zone"
    assert second.biases == {"D": "BULLISH", "240": "NEUTRAL", "5": "BEARISH"}


@pytest.mark.parametrize(
    "stage",
    [
        "mfe_update",
        "BE_TRIGGERED",
        "ENTRY",
        "EXIT_BREAK_EVEN",
        "signal_completed",
        "CANCELLED",
        "CONFIRMATION_DETECTED",
        "SIGNAL_CANCELLED",
        "TRADE_ACTIVATED",
        "TRADE_RESOLVED",
    ],
)
@pytest.mark.parametrize("name", ["type", "event_type"])
def test_later_stages_are_an_outside_view(name, stage):
    view = posted(**{name: stage, "signal_id": "20251114_000200000_BEARISH", "be_mfe": 3.9875})
    assert isinstance(view, OutsideView)
    assert (view.stage, view.sender_id) == (stage.upper(), "20251114_000200000_BEARISH")
    assert view.given["be_mfe"] == Decimal("3.9875")


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("buy", "buy"),
        ("Long", "buy"),
        ("SELL", "sell"),
        ("short", "sell"),
        ("close", "close"),
        ("flat", "close"),
        ("exit", "close"),
        ("closelong", "close_long"),
        ("closeshort", "close_short"),
    ],
)
def test_order_actions(word, action):
    assert posted(symbol="NQ1!", action=word).action == action


def test_orders_in_both_forms():
    order = posted(
        symbol="NQ1!",
        action="buy",
        quantity="1",
        price="25035.75",
        strategy="JADNQ",
        account_group="topstep",
        market_position="long",
        comment='he said "go"',
    )
    line = parse(
        b"JADNQ: buy, Price = 25035.75, Ticker = NQ1!, Period = 1, Action = buy, Amount = 1, "
        b"StopLoss = 25010, TakeProfit = 25080"
    )
    for alert in (order, line):
        assert isinstance(alert, OrderAlert)
        assert (alert.action, alert.quantity, alert.price) == ("buy", 1, Decimal("25035.75"))
        assert (alert.strategy, alert.symbol, alert.expires_s) == ("JADNQ", "NQ1!", 60)
    assert order.market_position == "long"
    assert (line.stop_loss, line.take_profit) == (Decimal(25010), Decimal(25080))


def test_price_bars_of_a_chart():
    bar = posted(type="realtime_price", symbol="NQ1!", price="25035.75", timestamp=1763130420000)
    assert isinstance(bar, PriceBar)
    assert (bar.price, bar.at) == (Decimal("25035.75"), AT)


BAD = [
    (b"", ("EMPTY_BODY", "")),
    (b"  \n ", ("EMPTY_BODY", "")),
    (b"\xff\xfe{", ("NOT_UTF8", "")),
    (b'{"type": "bull", "comment": "a\\u0000b"}', ("WRONG_TYPE", "")),
    (b'{"type": "bull", "comment": "\\ud800"}', ("WRONG_TYPE", "")),
    (b'{"risk_distance":20.5","be_price":25035.75}', ("BAD_JSON", "")),
    (b'{"type": "bull"', ("BAD_JSON", "")),
    (b'{"a":' * 10_000, ("TOO_DEEP", "")),
    (b'{"type":"bull","a":' + b"[" * 40 + b"]" * 40 + b"}", ("TOO_DEEP", "")),
    (b"[" * 900 + b"]" * 900, ("NOT_AN_OBJECT", "")),
    (b"[1, 2]", ("NOT_AN_OBJECT", "")),
    (b'"hello"', ("NOT_AN_OBJECT", "")),
    (b'{"type": "bull", "type": "bear"}', ("DUPLICATE_KEY", "type")),
    (b'{"type": "bull", "price": Infinity}', ("BAD_NUMBER", "")),
    (b'{"type": "bull", "price": 1e999999999999999999999}', ("BAD_NUMBER", "")),
    (b'{"type": "bull", "price": 1e400}', ("OUT_OF_RANGE", "price")),
    (b'{"type": "bull", "price": ' + b"9" * 5000 + b"}", ("OUT_OF_RANGE", "price")),
    (b'{"type": "bull", "price": -25035.75}', ("OUT_OF_RANGE", "price")),
    (b'{"type": "bull", "price": 0}', ("OUT_OF_RANGE", "price")),
    (b'{"type": "bull", "price": "12,5"}', ("BAD_NUMBER", "price")),
    (b'{"type": "bull", "price": true}', ("WRONG_TYPE", "price")),
    (b'{"type": "bull", "price": {}}', ("WRONG_TYPE", "price")),
    (b'{"type": "bull", "timestamp": "yesterday"}', ("BAD_TIME", "timestamp")),
    (b'{"type": "bull", "timestamp": -5}', ("BAD_TIME", "timestamp")),
    (b'{"type": "bull", "timestamp": 1e17}', ("BAD_TIME", "timestamp")),
    (b'{"type": "bull", "timestamp": []}', ("WRONG_TYPE", "timestamp")),
    (b'{"type": "bull", "symbol": "NQ\' OR 1=1"}', ("UNKNOWN_SYMBOL", "symbol")),
    (b'{"type": "bull", "symbol": ["NQ"]}', ("WRONG_TYPE", "symbol")),
    (b'{"type": "sideways"}', ("BAD_DIRECTION", "type")),
    (b'{"signal_type": 7}', ("BAD_DIRECTION", "signal_type")),
    (b'{"type": "bull", "htf_ok": "perhaps"}', ("WRONG_TYPE", "htf_ok")),
    (b'{"price": 5}', ("UNKNOWN_FORM", "")),
    (b"{}", ("UNKNOWN_FORM", "")),
    (b'{"event_type": "PARTY", "direction": "Bullish"}', ("UNKNOWN_FORM", "event_type")),
    (b'{"type": "signal_created"}', ("MISSING_FIELD", "direction")),
    (b'{"type": "MFE_UPDATE"}', ("MISSING_FIELD", "trade_id")),
    (b'{"type": "realtime_price", "symbol": "NQ"}', ("MISSING_FIELD", "price")),
    (b'{"action": "hodl", "symbol": "NQ"}', ("BAD_ACTION", "action")),
    (b'{"action": "buy"}', ("MISSING_FIELD", "symbol")),
    (b'{"action": "buy", "symbol": "NQ", "quantity": 1.5}', ("OUT_OF_RANGE", "quantity")),
    (b'{"action": "buy", "symbol": "NQ", "quantity": -1}', ("OUT_OF_RANGE", "quantity")),
    (b'{"action": "buy", "symbol": "NQ", "contracts": 1e9}', ("OUT_OF_RANGE", "contracts")),
    (b"hello there", ("BAD_LINE", "")),
    (b"SIGNAL:Bullish:1:2", ("BAD_LINE", "")),
    (b"SIGNAL::4156.25:85:x:FVG:1698765432000", ("MISSING_FIELD", "signal")),
    (b"SIGNAL:Up:4156.25:85:x:FVG:1698765432000", ("BAD_DIRECTION", "signal")),
    (b"JADNQ: buy, what", ("BAD_LINE", "")),
    (b'{"comment":"' + b"x" * 70_000 + b'"}', ("TOO_LARGE", "")),
    (b'{"type":"bull","symbol":"' + b"x" * 600 + b'"}', ("TOO_LONG", "symbol")),
]


@pytest.mark.parametrize(
    ("body", "reason"), BAD, ids=[body[:40].decode("latin1") for body, _ in BAD]
)
def test_what_cannot_be_read_is_refused_with_code_and_field(body, reason):
    assert refused(body) == reason


def test_the_same_fields_in_another_order_are_the_same_alert():
    one, two = read(b'{"type": "bull", "price": 1}'), read(b' {"price":1,"type":"bull"}\n')
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint(read(b'{"type": "bear", "price": 1}'))


def test_secrets_are_not_kept_and_do_not_make_another_alert():
    with_token = read(b'{"type": "bull", "token": "geheim"}')
    assert fingerprint(with_token) == fingerprint(read(b'{"type": "bull"}'))
    assert "token" not in parse(b'{"type": "bull", "token": "geheim"}').given
