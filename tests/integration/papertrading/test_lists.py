"""What paper trading shows: shapes, filters, pages, whose it is, and what it costs."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.bus import transport
from tests.cast import Actor
from tests.factories import ENTERED, a_price, a_strategy
from tests.integration.papertrading.rows import (
    a_day,
    a_fill,
    a_position,
    an_account,
    an_order,
)

pytestmark = pytest.mark.django_db
LISTS = ("orders", "fills", "positions", "accounts", "account-status", "daily-pnl")


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def results(actor: Actor, path: str) -> list[dict[str, Any]]:
    answer = actor.client.get(f"/api/paper-trading/{path}")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {"count", "next", "previous", "results"}
    assert body["count"] >= len(body["results"])
    return list(body["results"])


def test_an_order_has_the_promised_shape(alice: Actor) -> None:
    account = an_account(alice.user)
    row = an_order(account, type="trailing_stop", stop="19969.00", trail=40, average="20000.125")
    (item,) = results(alice, "orders/")
    assert {
        "id": row.pk, "account": account.pk, "account_name": "Alpha", "symbol": "NQ",
        "contract": "NQZ5", "side": "buy", "type": "trailing_stop", "status": "working",
        "quantity": 1, "filled": 0, "limit": None, "stop": "19969.00", "trail_points": "10.00",
        "reference": "20005.25", "average": "20000.125", "at": ENTERED, "expires_at": None,
        "ended_at": None, "strategy": None,
    }.items() <= item.items()  # fmt: skip


def test_a_position_is_valued_at_the_price_of_the_moment(alice: Actor) -> None:
    a_price("20036.50")
    account = an_account(alice.user)
    row = a_position(account, risk=Decimal(1000))
    stop = an_order(
        account, type="stop", role="stop", side="sell", stop="19975.00", quantity=1, tif="gtc"
    )
    target = an_order(account, role="target", side="sell", limit="20100.00", quantity=1)
    (item,) = results(alice, "positions/")
    assert {
        "id": row.pk, "direction": "long", "quantity": 2, "entry_price": "20000.00",
        "last": "20036.50", "points": "36.50", "unrealized_pnl": "1460.00", "fees": "7.80",
        "net_pnl": "-7.80", "r": "1.4600", "stop": "19975.00", "stop_away": "61.50",
        "uncovered": 1, "mfe_points": "10.00", "mae_points": "-2.00", "is_open": True,
        "exit_price": None, "closed_at": None,
    }.items() <= item.items()  # fmt: skip
    assert [(one["order"], one["stop"]) for one in item["stops"]] == [(stop.pk, "19975.00")]
    assert [(one["order"], one["limit"]) for one in item["targets"]] == [(target.pk, "20100.00")]


def test_an_average_between_two_ticks_is_not_put_on_the_grid(alice: Actor) -> None:
    account = an_account(alice.user)
    lots = [[1, 80_000, 1, "a"], [2, 80_001, 2, "b"]]
    a_position(account, size=3, lots=lots, entered_paid=240_002)
    (item,) = results(alice, "positions/")
    assert item["entry_price"] == "20000.1667"
    assert item["last"] is None
    assert item["unrealized_pnl"] is None


def test_positions_are_the_open_ones_unless_others_are_asked_for(alice: Actor) -> None:
    account = an_account(alice.user)
    held = a_position(account)
    closed = a_position(account, closed="2025-12-02T15:08:00Z")
    assert [one["id"] for one in results(alice, "positions/")] == [held.pk]
    (item,) = results(alice, "positions/?status=closed")
    assert (item["id"], item["exit_price"], item["quantity"]) == (closed.pk, "20000.00", 0)
    assert len(results(alice, "positions/?status=all")) == 2


def test_an_account_shows_equity_margin_and_its_day(alice: Actor) -> None:
    a_price("20010.00")
    account = an_account(
        alice.user, balance="50100", realized_today=Decimal("107.80"), fees_today=Decimal("7.80")
    )
    a_position(account)
    an_order(account)
    an_order(account, status="held")
    (item,) = results(alice, "account-status/")
    assert {
        "account": account.pk, "name": "Alpha", "kind": "paper", "balance": "50100.00",
        "unrealized_pnl": "400.00", "equity": "50500.00", "margin": "2000.00",
        "trade_date": "2025-12-02", "day_ends_at": "2025-12-02T23:00:00Z", "net_today": "100.00",
        "positions": 1, "working_orders": 1, "held_orders": 1,
    }.items() <= item.items()  # fmt: skip
    assert results(alice, f"account-status/?account={account.pk}") == [item]


def test_days_begin_with_the_one_that_runs(alice: Actor) -> None:
    account = an_account(alice.user, realized_today=Decimal(12), fees_today=Decimal(2))
    other = an_account(alice.user, "Beta")
    for day in ("2025-11-28", "2025-12-01"):
        a_day(account, day)
    items = results(alice, f"daily-pnl/?account={account.pk}")
    assert [(one["trade_date"], one["is_over"]) for one in items] == [
        ("2025-12-02", False), ("2025-12-01", True), ("2025-11-28", True),
    ]  # fmt: skip
    assert [one["net_pnl"] for one in items] == ["10.00", "100.00", "100.00"]
    assert (items[0]["ended_at"], items[1]["ended_at"]) == (None, "2025-12-01T23:00:00Z")
    assert len(results(alice, f"daily-pnl/?since=2025-12-01&account={account.pk}")) == 2
    assert len(results(alice, f"daily-pnl/?until=2025-12-01&account={account.pk}")) == 2
    assert len(results(alice, "daily-pnl/")) == 4
    assert other.pk != account.pk
    first = alice.client.get("/api/paper-trading/daily-pnl/?page_size=3").json()
    second = alice.client.get(first["next"]).json()
    assert (len(first["results"]), len(second["results"])) == (3, 1)
    assert second["results"][0]["trade_date"] == "2025-11-28"


def test_the_execution_report_says_what_orders_cost(alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    market = an_order(account, type="market", status="filled", quantity=3, filled=3)
    a_fill(market, quantity=2, slippage_ticks=2, latency_ms=100)
    a_fill(market, quantity=1, slippage_ticks=-1, latency_ms=151, rests_on="trade")
    an_order(account, status="cancelled")
    theirs = an_order(an_account(bob.user), type="market", status="filled", filled=1)
    a_fill(theirs, slippage_ticks=50)
    report = alice.client.get("/api/paper-trading/execution-report/").json()
    assert (report["orders"], report["fills"], report["contracts"]) == (2, 2, 3)
    assert (report["slippage_ticks"], report["slippage_cost"]) == ("1.00", "15.00")
    assert (report["latency_ms"], report["fees"]) == ("125.50", "7.80")
    assert report["rests_on"] == {"quote": 1, "trade": 1}
    by_type = {one["type"]: one for one in report["types"]}
    assert (by_type["market"]["filled"], by_type["market"]["worst_slippage_ticks"]) == (1, 2)
    assert (by_type["limit"]["cancelled"], by_type["limit"]["slippage_ticks"]) == (1, None)
    nothing = alice.client.get("/api/paper-trading/execution-report/?type=stop").json()
    assert (nothing["orders"], nothing["slippage_ticks"], nothing["types"]) == (0, None, [])


def test_orders_and_fills_are_filtered(alice: Actor) -> None:
    account, other = an_account(alice.user), an_account(alice.user, "Beta")
    strategy = a_strategy(alice.user)
    working = an_order(account, asked="2025-12-02T15:00:00Z", strategy=strategy, place=strategy.pk)
    filled = an_order(
        other, asked="2025-12-01T15:00:00Z", type="market", side="sell", status="filled", filled=1
    )
    a_fill(filled, when="2025-12-01T15:00:01Z")
    for narrowed, ids in {
        f"account={account.pk}": [working.pk],
        "status=working": [working.pk],
        "status=open": [working.pk],
        "status=filled": [filled.pk],
        "contract=NQZ5": [working.pk, filled.pk],
        "contract=ESZ5": [],
        "symbol=NQ1!": [working.pk, filled.pk],
        "symbol=nonsense": [],
        "side=sell": [filled.pk],
        "type=market": [filled.pk],
        "role=stop": [],
        f"strategy={strategy.pk}": [working.pk],
        "strategy=0": [filled.pk],
        "since=2025-12-02T00:00:00Z": [working.pk],
        "until=2025-12-02T00:00:00Z": [filled.pk],
    }.items():
        assert [one["id"] for one in results(alice, f"orders/?{narrowed}")] == ids, narrowed
    assert len(results(alice, f"fills/?account={other.pk}&order={filled.pk}&side=sell")) == 1
    assert results(alice, f"fills/?account={account.pk}") == []
    assert results(alice, "fills/?since=2025-12-02T00:00:00Z") == []


@pytest.mark.parametrize(
    "path",
    [
        "orders/?status=flying", "orders/?account=x", "orders/?account=-1", "orders/?since=soon",
        "orders/?since=0001-01-01T00:00:00Z", "orders/?type=iceberg", "orders/?side=long",
        "fills/?order=1e30", "fills/?until=99999-01-01", "positions/?status=half",
        "positions/?strategy=x", "daily-pnl/?since=yesterday", "daily-pnl/?account=NaN",
        "account-status/?account=x", "account-status/?account=-1", "execution-report/?role=hero",
    ],
)  # fmt: skip
def test_a_wrong_filter_is_a_problem_that_names_it(path: str, alice: Actor) -> None:
    answer = alice.client.get(f"/api/paper-trading/{path}")
    assert answer.status_code == 400, answer.content
    assert answer["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == path.partition("?")[2].partition("=")[0]


def test_only_paper_accounts_are_paper_trading(alice: Actor) -> None:
    live = an_account(alice.user, kind="live")
    an_order(live)
    a_position(live)
    a_day(live, "2025-12-01")
    assert [results(alice, f"{name}/") for name in LISTS] == [[]] * len(LISTS)


# ---- whose ----


@pytest.mark.parametrize("name", LISTS)
def test_bob_does_not_see_what_is_alices(name: str, alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    a_position(account)
    a_fill(an_order(account))
    a_day(account, "2025-12-01")
    assert results(alice, f"{name}/")
    assert results(bob, f"{name}/") == []
    narrowed = f"{name}/?account={account.pk}"
    if name == "account-status":
        assert bob.client.get(f"/api/paper-trading/{narrowed}").status_code == 404
    elif name != "accounts":
        assert results(bob, narrowed) == []


@pytest.mark.parametrize("name", [*LISTS, "execution-report"])
def test_nobody_is_told_nothing(name: str) -> None:
    answer = Client().get(f"/api/paper-trading/{name}/")
    assert answer.status_code == 401
    assert answer["content-type"] == "application/problem+json"


# ---- how much it costs ----


@pytest.mark.parametrize(
    ("name", "most"),
    [("orders", 4), ("fills", 4), ("positions", 5), ("accounts", 4), ("account-status", 6)],
)
def test_a_list_costs_the_same_queries_however_long_it_is(
    name: str, most: int, alice: Actor, django_assert_num_queries: Any
) -> None:
    a_price("20010.00")
    for number in range(12):
        account = an_account(alice.user, f"A{number}")
        a_position(account)
        a_fill(an_order(account))
    with django_assert_num_queries(most):
        assert len(results(alice, f"{name}/")) == 12
