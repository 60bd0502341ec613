"""Whatever is posted gets an answer, never an exception, and what is taken can be stored."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.signals.domain.alert import (
    OrderAlert,
    OutsideView,
    PriceBar,
    SignalAlert,
    fingerprint,
    parse,
    read,
)
from apps.signals.domain.refusal import REASONS, Refused

KEYS = [
    "type",
    "signal_type",
    "signal",
    "direction",
    "bias",
    "price",
    "timestamp",
    "symbol",
    "ticker",
    "event_type",
    "trade_id",
    "signal_id",
    "action",
    "quantity",
    "contracts",
    "id",
    "htf_ok",
    "htf_alignment",
    "signal_candle",
    "fvg_data",
    "comment",
    "stop_loss",
    "expires_s",
    "volume",
]
WORDS = st.sampled_from(
    [
        "Bullish",
        "sell",
        "MFE_UPDATE",
        "signal_created",
        "realtime_price",
        "buy",
        "flat",
        "NaN",
        "",
        "NQ1!",
        "1763130420000",
        "2025-11-14T14:27:00Z",
        "-1",
        "1e9",
        "ALIGNED",
        "0001-01-01",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
LINES = st.lists(st.text(max_size=12) | WORDS, max_size=10)


def check(body: bytes) -> None:
    answer = parse(body)
    if isinstance(answer, Refused):
        assert answer.code in REASONS
        assert answer.detail
    else:
        assert isinstance(answer, SignalAlert | OutsideView | OrderAlert | PriceBar)
        assert b"\\u0000" not in msgspec.json.encode(answer.given)
        assert fingerprint(answer.given) == fingerprint(read(body))


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body):
    check(body)


@settings(max_examples=600)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES | WORDS, max_size=8))
def test_any_object_gets_an_answer(fields):
    check(json.dumps(fields).encode())


@settings(max_examples=300)
@given(st.sampled_from(["SIGNAL:", "JADNQ: buy, ", ""]), st.sampled_from(":,="), LINES)
def test_any_line_gets_an_answer(start, between, pieces):
    check((start + between.join(pieces)).encode("utf-8", "surrogatepass"))
