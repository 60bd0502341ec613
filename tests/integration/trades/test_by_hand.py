"""Entering and closing by hand, answered by the real engine on its own thread."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from apps.brokers.domain.ports import FeedChanged, FeedState, TicksArrived
from apps.bus import transport
from apps.bus.models import FactRow, Inbox
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ContractListed
from apps.marketdata.domain.tick import Tick
from apps.trades.models import Trade
from tests.cast import Actor
from tests.factories import NOW, NQ, a_trade, at

pytestmark = pytest.mark.django_db(transaction=True)
CREATE = "/api/signal-lab/create/"
LONG = {"symbol": "NQ", "direction": "long", "stop_price": "19980.00", "note": "gap fill"}


@pytest.fixture
def way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.fixture
def engine(way: None) -> Iterator[LiveEngine]:
    """A live engine with one price, 20005.25."""
    told = threading.Event()
    stop = transport.listen(lambda said: told.set() if said.topic == "price.NQ" else None)
    live = LiveEngine([ContractListed("NQZ5", "NQ")])
    live.start()
    live.put(FeedChanged(FeedState.LIVE, "NQZ5", at(NOW), at(NOW)))
    live.put(TicksArrived("NQZ5", (Tick(at(NOW), NQ.to_ticks("20005.25"), 1, 1),), live=True))
    assert told.wait(50)
    stop()
    yield live
    live.stop()


def post(actor: Actor, path: str, body: Any = None, **headers: str) -> Any:
    return actor.client.post(path, body or {}, content_type="application/json", headers=headers)


def test_an_entry_is_made_at_the_last_price(alice: Actor, engine: LiveEngine) -> None:
    answer = post(alice, CREATE, LONG)
    assert answer.status_code == 201, answer.content
    item = answer.json()
    assert (item["entry_price"], item["stop_price"], item["risk"]) == (
        "20005.25", "19980.00", "25.25",
    )  # fmt: skip
    assert (item["state"], item["is_manual"], item["note"]) == ("active", True, "gap fill")
    assert item["direction"] == "BULLISH"
    row = Trade.objects.get(pk=item["id"])
    assert (row.user_id, row.contract) == (alice.user.pk, "NQZ5")
    assert FactRow.objects.filter(of=row.key, name="trade.entered").count() == 1


@pytest.mark.parametrize(
    ("plan", "kept"),
    [
        ({}, (True, None)),
        ({"plan_target_r": None, "plan_break_even": None}, (True, None)),
        ({"plan_target_r": "2.50", "plan_break_even": False}, (False, "2.5")),
        ({"plan_target_r": 10}, (True, "10")),
    ],
)
def test_an_entry_has_the_plan_that_was_asked_for(
    plan: dict[str, Any], kept: tuple[bool, str | None], alice: Actor, engine: LiveEngine
) -> None:
    answer = post(alice, CREATE, LONG | plan)
    assert answer.status_code == 201, answer.content
    settings = Trade.objects.get(pk=answer.json()["id"]).settings
    assert (settings["plan_break_even"], settings["plan_target_r"]) == kept


def test_a_plan_left_out_of_a_form_is_the_usual_one(alice: Actor, engine: LiveEngine) -> None:
    assert alice.client.post(CREATE, LONG).status_code == 201
    assert Trade.objects.get().settings["plan_break_even"] is True


def test_the_page_enters_with_the_plan_that_was_filled_in(alice: Actor, engine: LiveEngine) -> None:
    form = {"symbol": "NQ", "direction": "bullish", "stop": "19980.00"}
    plans = (
        ({"plan_target_r": "3"}, (False, "3")),
        ({"plan_target_r": "", "plan_break_even": "on"}, (True, None)),
    )
    for number, (plan, kept) in enumerate(plans):
        wish = form | plan | {"request_id": f"{number:016x}"}
        answer = alice.client.post("/trades/enter/", wish)
        assert answer.status_code == 302, answer.content
        settings = Trade.objects.latest("id").settings
        assert (settings["plan_break_even"], settings["plan_target_r"]) == kept


def test_the_same_key_is_the_same_entry(alice: Actor, bob: Actor, engine: LiveEngine) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = (post(alice, CREATE, LONG, **key).json() for _ in range(2))
    assert first["id"] == again["id"]
    assert post(bob, CREATE, LONG, **key).json()["id"] != first["id"]
    assert Trade.objects.count() == 2


def test_a_trade_is_closed_once_at_the_last_price(alice: Actor, engine: LiveEngine) -> None:
    made = post(alice, CREATE, LONG).json()
    path = f"/api/signal-lab/trades/{made['id']}/close/"
    closed = post(alice, path)
    assert closed.status_code == 200, closed.content
    assert (closed.json()["state"], closed.json()["result_r"]) == ("closed", "0.0000")
    assert closed.json()["status"] == "ACTIVE"  # the tracks go on
    again = post(alice, path)
    assert (again.status_code, again.json()["code"]) == (409, "not_active")


def test_bob_cannot_close_it_nor_see_it(alice: Actor, bob: Actor, engine: LiveEngine) -> None:
    made = post(alice, CREATE, LONG).json()
    assert post(bob, f"/api/signal-lab/trades/{made['id']}/close/").status_code == 404
    assert bob.client.get("/api/signal-lab/trades/").json()["count"] == 0
    assert Trade.objects.get().state == "active"


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        ({"stop_price": "20005.25"}, "stop_price", "must lie below"),
        ({"stop_price": "20100.00"}, "stop_price", "must lie below"),
        ({"direction": "short"}, "stop_price", "must lie above"),
        ({"stop_price": "19980.10"}, "stop_price", "multiples of 0.25"),
        ({"stop_price": "NaN"}, "stop_price", "number"),
        ({"stop_price": "1e400"}, "stop_price", "digits"),
        ({"stop_price": None}, "stop_price", "null"),
        ({"stop_price": {"a": 1}}, "stop_price", "number"),
        ({"direction": "sideways"}, "direction", "none of bullish"),
        ({"direction": ""}, "direction", "blank"),
        ({"symbol": "BTCUSD"}, "symbol", "NQZ6"),
        ({"symbol": "ES"}, "symbol", "no market data"),
        ({"note": "x" * 2001}, "note", "2000"),
        ({"plan_target_r": "0"}, "plan_target_r", "0.0001"),
        ({"plan_target_r": "soon"}, "plan_target_r", "number"),
        ({"plan_target_r": "1e9"}, "plan_target_r", "digits"),
        ({"plan_break_even": "perhaps"}, "plan_break_even", "boolean"),
    ],
)
def test_what_can_not_be_entered_is_refused_by_field(
    change: dict[str, Any], field: str, hint: str, alice: Actor, engine: LiveEngine
) -> None:
    answer = post(alice, CREATE, LONG | change)
    assert answer.status_code == 400, answer.content
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert hint in error["detail"]
    assert Trade.objects.count() == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff\xfe"])
def test_what_is_no_entry_at_all_is_refused(body: bytes, alice: Actor, way: None) -> None:
    answer = alice.client.post(CREATE, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"


def test_nothing_is_entered_while_the_market_is_not_live(alice: Actor, way: None) -> None:
    answer = post(alice, CREATE, LONG)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_live")
    assert Inbox.objects.count() == 0


def test_a_silent_engine_is_said_and_the_wish_expires(
    alice: Actor, way: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.trades.services.PATIENCE_S", 0.01)
    transport.set_market_time(at(NOW), live=True)
    answer = post(alice, CREATE, LONG)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
    (wish,) = Inbox.objects.all()
    assert wish.expires_market_at == at(NOW) + 5 * 10**9


def test_an_exit_is_not_blocked_by_a_lost_feed(alice: Actor, engine: LiveEngine) -> None:
    made = post(alice, CREATE, LONG).json()
    transport.set_market_time(at(NOW), live=False)
    assert post(alice, f"/api/signal-lab/trades/{made['id']}/close/").status_code == 200


def test_a_trade_that_has_ended_says_so(alice: Actor, way: None) -> None:
    row = a_trade(alice.user, prices=("19969.00",))
    answer = post(alice, f"/api/signal-lab/trades/{row.pk}/close/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_active")
    assert "stopped_out" in answer.json()["detail"]
