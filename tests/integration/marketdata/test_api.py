"""The API of prices: what is promised of it, and what strangers and unknown symbols are told."""

from typing import Any

import pytest
from django.test import Client

from apps.bus import transport
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tick import Quote, Tick
from apps.marketdata.store import TickWriter, save_candles
from tests.cast import Actor
from tests.factories import NOW, NQ, a_price, at

pytestmark = pytest.mark.django_db
PRICE, CANDLE, TICKS = (
    f"/api/realtime/{name}/" for name in ("current-price", "current-candle", "recent-ticks")
)


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.mark.parametrize("symbol", ["NQ", "NQ1!", "CME_MINI:NQ1!", "NQZ5", "NQZ2025", "/NQZ5", ""])
def test_the_price_comes_for_any_spelling(symbol: str, alice: Actor) -> None:
    a_price("20005.25")
    answer = alice.client.get(PRICE, {"symbol": symbol})
    assert answer.status_code == 200
    body = answer.json()
    assert {"symbol", "contract", "last", "bid", "ask", "at", "age_ms"} <= set(body)
    assert (body["symbol"], body["contract"], body["last"]) == ("NQ", "NQZ5", "20005.25")
    assert (body["at"], body["ask"]) == (NOW, None)
    assert 0 <= body["age_ms"] < 60_000


def test_age_is_the_wall_clocks_not_the_markets(alice: Actor) -> None:
    a_price("20005.25", wall_at="2025-12-02T15:10:00Z")
    assert alice.client.get(PRICE).json()["age_ms"] > 1_000_000


@pytest.mark.parametrize("path", [PRICE, CANDLE, TICKS])
def test_an_unknown_symbol_is_named_with_its_cure(path: str, alice: Actor) -> None:
    a_price("20005.25")
    answer = alice.client.get(path, {"symbol": "BTCUSD"})
    assert (answer.status_code, answer["content-type"]) == (404, "application/problem+json")
    body = answer.json()
    assert body["code"] == "unknown_symbol"
    assert "'BTCUSD'" in body["detail"]
    assert "NQZ6" in body["detail"]


@pytest.mark.parametrize("path", [PRICE, CANDLE, TICKS])
def test_a_symbol_without_a_feed_is_no_price(path: str, alice: Actor) -> None:
    a_price("20005.25")
    body = alice.client.get(path, {"symbol": "ES"}).json()
    assert (body["status"], body["code"]) == (404, "no_market_data")


@pytest.mark.parametrize("path", [PRICE, CANDLE, TICKS])
def test_nobody_is_told_nothing(path: str) -> None:
    assert Client().get(path).status_code in (401, 403)


def test_the_open_minute_is_told(alice: Actor) -> None:
    a_price("20005.25")
    body = alice.client.get(CANDLE, {"symbol": "NQ"}).json()
    assert body == {
        "symbol": "NQ", "contract": "NQZ5", "seconds": 60, "at": NOW, "open": "20005.25",
        "high": "20005.25", "low": "20005.25", "close": "20005.25", "volume": 12,
    }  # fmt: skip


def test_a_longer_open_candle_takes_in_its_closed_minutes(alice: Actor) -> None:
    a_price("20005.25", now="2025-12-02T15:12:20Z")
    before = Candle(at(NOW), *(NQ.to_ticks(p) for p in ("20000", "20010", "19990", "20001")), 7)
    earlier = before._replace(at=at("2025-12-02T15:09:00Z"), high=NQ.to_ticks("21000"))
    save_candles("NQZ5", 60, [earlier, before])
    body = alice.client.get(CANDLE, {"seconds": "300"}).json()
    assert (body["at"], body["open"], body["high"]) == (NOW, "20000.00", "20010.00")
    assert (body["low"], body["close"], body["volume"]) == ("19990.00", "20005.25", 19)


@pytest.mark.parametrize("seconds", ["7", "x", "-60", "9" * 30])
def test_a_length_that_there_is_not_is_refused(seconds: str, alice: Actor) -> None:
    a_price("20005.25")
    answer = alice.client.get(CANDLE, {"seconds": seconds})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "seconds"


def test_between_candles_there_is_none(alice: Actor) -> None:
    a_price("20005.25", candle=None)
    assert alice.client.get(CANDLE).json()["code"] == "no_candle"


@pytest.mark.django_db(transaction=True)
def test_recent_ticks_come_newest_first_as_a_list(alice: Actor) -> None:
    a_price("20005.25")
    ticks = [
        Tick(at(NOW) + n * 1_000_000, 80_000 + n, 1 + n, n, Quote(79_999, 3, None, None))
        for n in range(5)
    ]
    TickWriter().write("NQZ5", ticks)
    body = alice.client.get(TICKS, {"limit": 2}).json()
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)
    assert body["results"][0] == {
        "id": 4, "at": "2025-12-02T15:10:00.004Z", "price": "20001.00", "size": 5,
        "bid": "19999.75", "ask": None,
    }  # fmt: skip
    assert body["results"][1]["id"] == 3


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_out_of_reach_is_refused(limit: str, alice: Actor) -> None:
    a_price("20005.25")
    answer = alice.client.get(TICKS, {"limit": limit})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "limit"
