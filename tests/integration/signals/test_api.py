"""The API of signals: what waits, what became of one, whose it is."""

from typing import Any

import pytest
from django.test import Client

from apps.bus import transport
from tests.cast import Actor
from tests.factories import a_price, a_signal, a_trade

pytestmark = pytest.mark.django_db
PENDING = "/api/realtime/pending-signals/"


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def test_a_pending_signal_says_how_far_it_is_from_its_confirmation(alice: Actor) -> None:
    a_price("20005.25", now="2025-12-02T15:10:12.500Z")
    row = a_signal(alice.user)
    body = alice.client.get(PENDING).json()
    assert (body["count"], body["next"], body["previous"]) == (1, None, None)
    (item,) = body["results"]
    assert (item["id"], item["status"], item["symbol"]) == (row.pk, "PENDING", "NQ")
    assert (item["level"], item["last"], item["to_go"]) == ("20012.00", "20005.25", "6.75")
    assert item["signal_bar"] == "2025-12-02T15:04:00Z"
    assert item["closes_at"] == "2025-12-02T15:11:00Z"


def test_a_bearish_signal_waits_below_its_low(alice: Actor) -> None:
    a_price("19999.75")
    a_signal(alice.user, direction="BEARISH")
    (item,) = alice.client.get(PENDING).json()["results"]
    assert (item["level"], item["to_go"]) == ("20000.00", "-0.25")


def test_what_is_over_waits_no_more(alice: Actor) -> None:
    for status in ("REJECTED", "IGNORED", "CANCELLED", "VOID", "ENTERED"):
        a_signal(alice.user, status=status)
    waiting = [a_signal(alice.user, status=status) for status in ("WAITING", "CONFIRMED")]
    found = alice.client.get(PENDING).json()["results"]
    assert {item["id"] for item in found} == {row.pk for row in waiting}


def test_a_signals_status_has_every_check_and_its_trade(alice: Actor) -> None:
    row = a_signal(alice.user, status="ENTERED", stop_price="19969.00", stop_rule="RANGE_PIVOT")
    trade = a_trade(alice.user, signal=row)
    item = alice.client.get(f"/api/realtime/signal-status/{row.pk}/").json()
    assert item["checks"][0] == {"name": "Session", "value": "NY AM", "needs": "open", "ok": True}
    assert item["checks"][1]["ok"] is None
    assert (item["stop_rule"], item["stop_price"]) == ("RANGE_PIVOT", "19969.00")
    assert (item["trade"], item["state"]) == (trade.pk, "active")


def test_a_refused_signal_says_why(alice: Actor) -> None:
    row = a_signal(
        alice.user, status="REJECTED", reason="STALE", detail="Not stale: 6.00 points, needs < 5.00"
    )
    item = alice.client.get(f"/api/realtime/signal-status/{row.pk}/").json()
    assert (item["reason"], item["detail"]) == ("STALE", "Not stale: 6.00 points, needs < 5.00")
    assert (item["trade"], item["state"]) == (None, None)


def test_a_signal_of_an_unreadable_alert_can_be_shown(alice: Actor) -> None:
    row = a_signal(
        alice.user, status="REJECTED", reason="MALFORMED", bar_at=None, high=None, low=None,
        root="", contract="", trade_id="", session="", settings={}, received_at=None,
    )  # fmt: skip
    item = alice.client.get(f"/api/realtime/signal-status/{row.pk}/").json()
    assert (item["signal_bar"], item["level"], item["to_go"]) == (None, None, None)


def test_bob_gets_404_for_alices_signal_and_sees_none_waiting(alice: Actor, bob: Actor) -> None:
    row = a_signal(alice.user)
    answer = bob.client.get(f"/api/realtime/signal-status/{row.pk}/")
    assert (answer.status_code, answer["content-type"]) == (404, "application/problem+json")
    assert bob.client.get(PENDING).json()["count"] == 0


@pytest.mark.parametrize("path", [PENDING, "/api/realtime/signal-status/1/"])
def test_nobody_is_told_nothing(path: str) -> None:
    assert Client().get(path).status_code in (401, 403)


def test_the_list_costs_the_same_queries_however_long_it_is(
    alice: Actor, django_assert_num_queries: Any
) -> None:
    for minute in range(9):
        a_signal(alice.user, bar=f"2025-12-02T15:0{minute}:00Z")
    with django_assert_num_queries(4):  # session, user, count, rows
        assert alice.client.get(PENDING).json()["count"] == 9
