"""The API of trades: its shapes, whose they are, and what is refused."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.bus import transport
from apps.marketdata.domain.candle import Candle
from apps.marketdata.store import save_candles
from tests.cast import Actor
from tests.factories import ENTERED, NQ, a_price, a_signal, a_trade, at

pytestmark = pytest.mark.django_db
ARMED = ("20060.00", "20014.00")
STOPPED = ("20030.00", "19969.00")


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def results(actor: Actor, path: str) -> list[dict[str, Any]]:
    answer = actor.client.get(path)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {"count", "next", "previous", "results"}
    assert body["count"] >= len(body["results"])
    return list(body["results"])


def test_an_active_trade_has_the_promised_shape(alice: Actor) -> None:
    a_price("20036.50")
    a_trade(alice.user, signal=a_signal(alice.user), prices=("20000.00", "20050.00"))
    (item,) = results(alice, "/api/realtime/active-trades/")
    assert {
        "id", "trade_id", "symbol", "direction", "state", "status", "entry_price", "stop_price",
        "no_be", "be", "mae",
    } <= set(item)  # fmt: skip
    assert (item["symbol"], item["contract"]) == ("NQ", "NQZ5")
    assert (item["state"], item["status"]) == ("active", "ACTIVE")
    assert (item["entry_price"], item["stop_price"]) == ("20014.00", "19969.00")
    assert item["risk"] == "45.00"
    assert item["mae"] == "-0.3111"
    assert item["now_r"] == "0.5000"
    assert item["stop_away"] == "67.50"
    assert item["no_be"] == {
        "status": "OPEN", "mfe": "0.8000", "mfe_points": "36.00", "result_r": None,
        "exit_bar": None, "exit_time": None, "exit_level": None, "exit_hit": None,
        "targets_hit": {},
    }  # fmt: skip
    assert item["targets"]["1"] == "20059.00"
    assert item["entry_time"] == ENTERED


def test_a_trade_out_at_break_even_keeps_its_first_stop(alice: Actor) -> None:
    row = a_trade(alice.user, prices=ARMED)
    (item,) = results(alice, "/api/signal-lab/trades/")
    assert (item["id"], item["state"], item["status"]) == (row.pk, "break_even_hit", "ACTIVE")
    assert (item["stop_price"], item["current_stop"]) == ("19969.00", "20014.00")
    assert item["result_r"] == "0.0000"
    assert item["be"]["status"] == "BREAK_EVEN"
    assert item["be"]["triggered"] is True
    assert item["be"]["trigger_time"] == "2025-12-02T15:04:01Z"
    assert item["be"]["exit_hit"] == "20014.00"
    assert item["no_be"]["targets_hit"] == {"1": "2025-12-02T15:04:01Z"}
    assert results(alice, "/api/realtime/active-trades/") == []


def test_without_a_price_nothing_is_made_up(alice: Actor) -> None:
    a_trade(alice.user)
    (item,) = results(alice, "/api/realtime/active-trades/")
    assert (item["last"], item["now_r"], item["stop_away"]) == (None, None, None)


def test_mfe_and_its_history_are_read_by_id(alice: Actor) -> None:
    row = a_trade(alice.user, prices=("20030.00", "20059.00"))
    candles = [
        Candle(at(ENTERED), *(NQ.to_ticks(p) for p in ("20014", "20059", "20010", "20050")), 9),
    ]
    save_candles("NQZ5", 60, candles)
    mfe = alice.client.get(f"/api/realtime/trade-mfe/{row.pk}/").json()
    assert (mfe["id"], mfe["no_be"]["mfe"], mfe["be"]["mfe"]) == (row.pk, "1.0000", "1.0000")
    (step,) = results(alice, f"/api/realtime/mfe-history/{row.pk}/")
    assert step == {
        "bar": ENTERED, "no_be_mfe": "1.0000", "be_mfe": "1.0000", "mae": "-0.0889",
    }  # fmt: skip


def test_entries_are_told_apart_and_filtered(alice: Actor) -> None:
    automated = a_trade(alice.user, signal=a_signal(alice.user))
    by_hand = a_trade(alice.user, prices=STOPPED, entered="2025-12-01T15:04:00Z")
    lab = "/api/signal-lab/trades/"
    assert [item["id"] for item in results(alice, lab)] == [automated.pk, by_hand.pk]
    (only,) = results(alice, "/api/signal-lab/automated-entries/")
    assert only["id"] == automated.pk
    for narrowed, ids in {
        "is_manual=true": [by_hand.pk],
        "state=stopped_out": [by_hand.pk],
        "status=ACTIVE": [automated.pk],
        "symbol=NQ1!": [automated.pk, by_hand.pk],
        "symbol=ES": [],
        "symbol=nonsense": [],
        "direction=BEARISH": [],
        "since=2025-12-02T00:00:00Z": [automated.pk],
        "until=2025-12-02T00:00:00Z": [by_hand.pk],
    }.items():
        assert [item["id"] for item in results(alice, f"{lab}?{narrowed}")] == ids, narrowed


def test_a_wrong_filter_is_a_problem_that_names_it(alice: Actor) -> None:
    answer = alice.client.get("/api/signal-lab/trades/?state=flying")
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "state"


def test_lists_come_in_pages(alice: Actor) -> None:
    for minute in range(3):
        a_trade(alice.user, entered=f"2025-12-02T15:0{minute}:00Z")
    first = alice.client.get("/api/signal-lab/trades/?page_size=2").json()
    assert (first["count"], len(first["results"])) == (3, 2)
    second = alice.client.get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (1, None)


def test_statistics_follow_the_methodology(alice: Actor, bob: Actor) -> None:
    a_trade(alice.user, prices=("20104.00", "19969.00"))  # 2 R, then stopped: +1, BE track +1
    a_trade(alice.user, prices=("20020.00", "19969.00"))  # a loss on both
    a_trade(alice.user)  # undecided
    a_trade(bob.user, prices=STOPPED)
    stats = alice.client.get("/api/signal-lab/stats/").json()
    assert (stats["trades"], stats["win_rate"], stats["target"]) == (3, "0.5000", "1.0000")
    assert stats["no_be"]["undecided"] == 1
    assert stats["no_be"]["expectancy_r"] == "0.0000"
    assert stats["no_be"]["profit_factor"] == "1.0000"
    three = alice.client.get("/api/signal-lab/stats/?target=3&fee_r=0.1").json()
    assert three["no_be"]["wins"] == 0
    assert three["no_be"]["losses"] == 2
    assert three["be"]["break_evens"] == 1
    assert three["be"]["total_r"] == "-1.2000"
    assert three["no_be"]["profit_factor"] == "0.0000"


@pytest.mark.parametrize("query", ["target=0", "target=x", "target=NaN", "fee_r=-1"])
def test_statistics_refuse_what_is_no_target(query: str, alice: Actor) -> None:
    answer = alice.client.get(f"/api/signal-lab/stats/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_statistics_of_nothing_divide_by_nothing(alice: Actor) -> None:
    stats = alice.client.get("/api/signal-lab/stats/").json()
    assert (stats["trades"], stats["win_rate"]) == (0, None)
    assert stats["be"]["total_r"] == "0.0000"


# ---- whose ----

PRIVATE = ("realtime/trade-mfe/{}/", "realtime/mfe-history/{}/")
LISTS = (
    "realtime/active-trades/",
    "signal-lab/trades/",
    "signal-lab/automated-entries/",
)


@pytest.mark.parametrize("path", PRIVATE)
def test_bob_gets_404_for_what_is_alices(path: str, alice: Actor, bob: Actor) -> None:
    row = a_trade(alice.user)
    assert alice.client.get(f"/api/{path.format(row.pk)}").status_code == 200
    answer = bob.client.get(f"/api/{path.format(row.pk)}")
    assert answer.status_code == 404
    assert answer["content-type"] == "application/problem+json"


def test_bob_cannot_close_alices_trade(alice: Actor, bob: Actor) -> None:
    row = a_trade(alice.user)
    assert bob.client.post(f"/api/signal-lab/trades/{row.pk}/close/").status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_bob_does_not_see_alices_trades(path: str, alice: Actor, bob: Actor) -> None:
    a_trade(alice.user, signal=a_signal(alice.user))
    assert len(results(alice, f"/api/{path}")) == 1
    assert results(bob, f"/api/{path}") == []


@pytest.mark.parametrize(
    "path", [*LISTS, *(path.format(1) for path in PRIVATE), "signal-lab/stats/"]
)
def test_nobody_is_told_nothing(path: str) -> None:
    answer = Client().get(f"/api/{path}")
    assert answer.status_code in (401, 403)
    assert answer["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["signal-lab/create/", "signal-lab/trades/1/close/"])
def test_nobody_changes_nothing(path: str) -> None:
    assert Client().post(f"/api/{path}").status_code in (401, 403)


# ---- how much it costs ----


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_queries_however_long_it_is(
    path: str, alice: Actor, django_assert_num_queries: Any
) -> None:
    for minute in range(12):
        signal = a_signal(alice.user, bar=f"2025-12-02T15:{minute:02d}:00Z")
        a_trade(alice.user, signal=signal, entered=f"2025-12-02T15:{minute:02d}:30Z")
    with django_assert_num_queries(4):  # session, user, count, rows
        assert len(results(alice, f"/api/{path}")) == 12


def test_prices_are_exact_however_they_are_kept(alice: Actor) -> None:
    row = a_trade(alice.user)
    assert row.entry_price == Decimal(20014)
    (item,) = results(alice, "/api/signal-lab/trades/")
    assert item["entry_price"] == "20014.00"
