"""Orders through the API, carried out by the real engine on its own thread against a market made by hand."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from apps.brokers.models import Account, Fill, Order, Position
from apps.bus.models import FactRow
from tests.cast import Actor
from tests.factories import a_strategy, at
from tests.integration.papertrading.rows import Desk, send, trading

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "paper-trading/place-order/"
BRACKET = {"stop": "19985.25", "targets": [{"price": "20045.25", "quantity": 1}, {"r": "3"}]}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def account(alice: Actor, desk: Desk) -> int:
    """Alice's paper account, opened over the API."""
    answer = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"})
    assert answer.status_code == 201, answer.content
    desk.wait()
    return int(answer.json()["id"])


def market_order(account: int, **more: Any) -> dict[str, Any]:
    usual = {"account": account, "symbol": "NQ", "side": "buy", "type": "market", "quantity": 2}
    return usual | more


def positions(actor: Actor) -> list[dict[str, Any]]:
    return list(actor.client.get("/api/paper-trading/positions/").json()["results"])


def status_of(actor: Actor) -> dict[str, Any]:
    return dict(actor.client.get("/api/paper-trading/account-status/").json()["results"][0])


def test_a_bracket_is_placed_filled_moved_and_closed(
    alice: Actor, desk: Desk, account: int
) -> None:
    answer = send(alice, "post", PLACE, market_order(account, bracket=BRACKET))
    assert answer.status_code == 201, answer.content
    order = answer.json()
    assert (order["status"], order["role"], order["quantity"]) == ("sent", "entry", 2)
    assert [leg["status"] for leg in order["legs"]] == ["waiting"] * len(order["legs"])
    assert order["notices"] == []
    desk.trades("20005.25", "20005.50", "20006.00")
    (held,) = positions(alice)
    assert (held["direction"], held["quantity"], held["stop"]) == ("long", 2, "19985.25")
    assert held["uncovered"] == 0
    assert held["targets"][0]["limit"] == "20045.25"
    (fill, *_) = alice.client.get("/api/paper-trading/fills/").json()["results"]
    assert 50 <= fill["latency_ms"] <= 2000
    assert Decimal(fill["fees"]) > 0

    moved = send(alice, "put", f"paper-trading/update-stops/{held['id']}/", {"stop": "19995.00"})
    assert moved.status_code == 200, moved.content
    assert {one["role"] for one in moved.json()["orders"]} == {"stop"}
    desk.trades("20007.00", "20007.25")
    assert positions(alice)[0]["stop"] == "19995.00"

    part = send(alice, "delete", f"paper-trading/close-position/{held['id']}/?quantity=1")
    assert part.status_code == 200, part.content
    assert [one["role"] for one in part.json()["orders"]] == ["exit"]
    desk.trades("20008.00", "20008.25")
    (held,) = positions(alice)
    assert (held["quantity"], held["uncovered"]) == (1, 0)

    rest = send(alice, "delete", f"paper-trading/close-position/{held['id']}/")
    assert rest.status_code == 200, rest.content
    desk.trades("20009.00", "20009.25", "20009.50")
    assert positions(alice) == []
    assert not Order.objects.filter(status__in=("working", "waiting", "sent")).exists()
    shown = status_of(alice)
    assert (shown["positions"], shown["working_orders"], shown["trades_today"]) == (0, 0, 1)
    assert shown["equity"] == shown["balance"]
    money = sum((one.realized - one.fees for one in Fill.objects.all()), Decimal(0))
    assert Account.objects.get(pk=account).balance == 50_000 + money
    again = send(alice, "delete", f"paper-trading/close-position/{held['id']}/")
    assert (again.status_code, again.json()["code"]) == (409, "flat")


def test_the_same_key_is_the_same_order(alice: Actor, desk: Desk, account: int) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = (send(alice, "post", PLACE, market_order(account), **key) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    desk.trades("20005.25", "20005.50")
    third = send(alice, "post", PLACE, market_order(account), **key)
    assert third.json()["id"] == first.json()["id"]
    assert Order.objects.filter(role="entry").count() == 1
    assert sum(Fill.objects.values_list("quantity", flat=True)) == 2


def test_flatten_ends_flat_whatever_is_open(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, market_order(account, bracket=BRACKET))
    desk.trades("20005.25", "20005.50")
    limit = market_order(account, type="limit", limit="19990.00", quantity=1)
    working = send(alice, "post", PLACE, limit).json()
    desk.trades("20005.75", "20006.00")
    answer = send(alice, "post", "paper-trading/flatten/", {}, **{"Idempotency-Key": "out"})
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"accounts": [{"account": account, "positions": 1, "orders": 1}]}
    desk.trades("20006.25", "20006.50", "20006.75")
    assert positions(alice) == []
    assert Order.objects.get(pk=working["id"]).status == "cancelled"
    assert not Order.objects.filter(status__in=("working", "waiting", "sent", "held")).exists()
    again = send(alice, "post", "paper-trading/flatten/", {}, **{"Idempotency-Key": "out"})
    assert again.json() == answer.json()
    assert FactRow.objects.filter(name="account.flatten_asked").count() == 1


def test_a_working_order_is_changed_and_cancelled(alice: Actor, desk: Desk, account: int) -> None:
    limit = market_order(account, type="limit", limit="19990.00", tif="gtc")
    order = send(alice, "post", PLACE, limit).json()
    desk.trades("20005.50", "20005.75")
    path = f"paper-trading/change-order/{order['id']}/"
    assert send(alice, "put", path, {"limit": "19991.00", "quantity": 1}).status_code == 200
    desk.trades("20006.00", "20006.25")
    row = Order.objects.get(pk=order["id"])
    assert (row.limit, row.quantity, row.status) == (Decimal(19991), 1, "working")
    assert send(alice, "put", path, {"quantity": 3}).json()["errors"][0]["field"] == "quantity"
    off = send(alice, "put", path, {"limit": "19991.10"})
    assert "nearest price is 19991.00" in off.json()["errors"][0]["detail"]
    nothing = send(alice, "put", path, {})
    assert nothing.status_code == 409, nothing.content
    gone = send(alice, "delete", f"paper-trading/cancel-order/{order['id']}/")
    assert gone.status_code == 200, gone.content
    desk.trades("20006.50", "20006.75")
    row.refresh_from_db()
    assert row.status == "cancelled"
    again = send(alice, "delete", f"paper-trading/cancel-order/{order['id']}/")
    assert again.status_code == 409


def test_cancel_all_leaves_the_stop_of_a_position(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, market_order(account, bracket={"stop": "19985.25"}))
    desk.trades("20005.25", "20005.50")
    send(alice, "post", PLACE, market_order(account, type="limit", limit="19990.00"))
    desk.trades("20005.50", "20005.75")
    answer = send(alice, "post", "paper-trading/cancel-all/", {"account": account})
    assert answer.json() == {"account": account, "orders": 1}
    desk.trades("20005.50", "20005.75")
    (stop,) = Order.objects.filter(status="working")
    assert stop.role == "stop"
    gone = send(alice, "delete", f"paper-trading/cancel-order/{stop.pk}/")
    assert (gone.status_code, gone.json()["code"]) == (409, "protects")


def test_a_position_without_a_stop_gets_one(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, market_order(account))
    desk.trades("20005.25", "20005.50")
    (held,) = positions(alice)
    assert (held["stop"], held["uncovered"]) == (None, 2)
    path = f"paper-trading/update-stops/{held['id']}/"
    wrong = send(alice, "put", path, {"stop": "20100.00"})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "wrong_side")
    given = send(alice, "put", path, {"stop": "19990.10", "snap": True})
    assert given.status_code == 200, given.content
    assert given.json()["notices"][0]["used"] == "19990.00"
    desk.trades("20005.25", "20005.50")
    (held,) = positions(alice)
    assert (held["stop"], held["uncovered"]) == ("19990.00", 0)
    desk.trades("19989.50", "19989.25", "19989.00")
    assert positions(alice) == []


def test_a_stop_that_moves_away_needs_a_yes(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, market_order(account, bracket={"stop": "19990.00"}))
    desk.trades("20005.25", "20005.50")
    (held,) = positions(alice)
    path = f"paper-trading/update-stops/{held['id']}/"
    asked = send(alice, "put", path, {"stop": "19980.00"})
    assert (asked.status_code, asked.json()["code"]) == (409, "needs_confirmation")
    assert "the worst case grows from $" in asked.json()["detail"]
    assert send(alice, "put", path, {"stop": "19995.00"}).status_code == 200
    desk.trades("20005.25", "20005.50")
    sure = send(alice, "put", path, {"stop": "19980.00", "confirmed": True})
    assert sure.status_code == 200, sure.content


def test_a_position_is_turned_round(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, market_order(account))
    desk.trades("20005.25", "20005.50")
    (held,) = positions(alice)
    path = f"paper-trading/close-position/{held['id']}/?reverse=true"
    answer = send(alice, "delete", path, **{"Idempotency-Key": "round"})
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["orders"]) == 2
    desk.trades("20005.25", "20005.50", "20005.75")
    (turned,) = positions(alice)
    assert (turned["direction"], turned["quantity"]) == ("short", 2)


def test_prices_off_the_grid_are_snapped_with_a_notice(
    alice: Actor, desk: Desk, account: int
) -> None:
    body = market_order(
        account, type="limit", limit="20000.10", snap=True,
        bracket={"stop": "19985.30", "targets": [{"price": "20050.13"}]},
    )  # fmt: skip
    answer = send(alice, "post", PLACE, body)
    assert answer.status_code == 201, answer.content
    order = answer.json()
    assert order["limit"] == "20000.00"
    assert [(one["field"], one["asked"], one["used"]) for one in order["notices"]] == [
        ("limit", "20000.1", "20000.00"),
        ("bracket.stop", "19985.3", "19985.25"),
        ("bracket.targets[0].price", "20050.13", "20050.25"),
    ]


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        ({"limit": "20000.10", "type": "limit"}, "limit", "nearest price is 20000.00"),
        ({"stop": "20010.10", "type": "stop"}, "stop", "nearest price is 20010.00"),
        ({"stop": "20000.00", "type": "stop"}, "stop", "must lie above the last price"),
        ({"stop": "20010.00", "type": "stop", "side": "sell"}, "stop", "must lie below"),
        (
            {"stop": "20010.00", "limit": "20009.00", "type": "stop_limit"},
            "limit",
            "must not lie below its stop",
        ),
        ({"limit": "20000.00"}, "limit", "does not go with a market order"),
        ({"type": "limit"}, "limit", "needs one"),
        ({"bracket": {"stop": "20010.00"}}, "bracket.stop", "must lie below its entry"),
        ({"bracket": {"stop": "19990.10"}}, "bracket.stop", "nearest price is 19990.00"),
        ({"bracket": {"targets": []}}, "bracket", "exactly one of stop"),
        (
            {"bracket": {"stop": "19990.00", "stop_points": "5"}},
            "bracket",
            "exactly one of stop",
        ),
        (
            {"bracket": {"stop": "19990.00", "targets": [{"price": "20000.00"}]}},
            "bracket.targets[0].price",
            "must lie above its entry",
        ),
        ({"symbol": "ES"}, "symbol", "no market data"),
    ],
)
def test_what_can_not_be_placed_is_refused_by_field(
    change: dict[str, Any], field: str, hint: str, alice: Actor, desk: Desk, account: int
) -> None:
    answer = send(alice, "post", PLACE, market_order(account) | change)
    assert answer.status_code == 400, answer.content
    assert answer["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert hint in error["detail"]
    assert Order.objects.count() == 0


def test_risk_in_percent_sizes_an_order(alice: Actor, desk: Desk, account: int) -> None:
    body = market_order(account, risk_percent="2", bracket={"stop": "19985.25"})
    del body["quantity"]
    answer = send(alice, "post", PLACE, body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["quantity"] == 2  # 1,000 dollars over 20 points
    small = send(alice, "post", PLACE, body | {"risk_percent": "0.1"})
    assert (small.status_code, small.json()["errors"][0]["code"]) == (400, "size_zero")
    bare = send(alice, "post", PLACE, body | {"bracket": None})
    assert bare.json()["errors"][0]["field"] == "risk_percent"


def test_a_closed_market_takes_no_market_order(alice: Actor, desk: Desk, account: int) -> None:
    desk.at = at("2025-12-02T22:30:00Z")  # the daily break, 16:30 in Chicago
    desk.wait()
    answer = send(alice, "post", PLACE, market_order(account))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "market_closed")
    waits = send(alice, "post", PLACE, market_order(account, type="limit", limit="19990.00"))
    assert waits.status_code == 201, waits.content


def test_nobody_trades_in_an_account_of_somebody_else(
    alice: Actor, bob: Actor, desk: Desk, account: int
) -> None:
    send(alice, "post", PLACE, market_order(account, bracket={"stop": "19985.25"}))
    desk.trades("20005.25", "20005.50")
    held, stop = Position.objects.get(), Order.objects.get(role="stop")
    strategy = a_strategy(alice.user)
    for method, path, body in (
        ("post", "place-order/", market_order(account)),
        ("post", "flatten/", {"account": account}),
        ("post", "cancel-all/", {"account": account}),
        ("post", "reset-account/", {"account": account}),
        ("post", "payout/", {"account": account, "amount": "100"}),
        ("post", "answer-order/", {"order": stop.pk, "yes": True}),
        ("delete", f"cancel-order/{stop.pk}/", None),
        ("put", f"change-order/{stop.pk}/", {"stop": "19980.00"}),
        ("delete", f"close-position/{held.pk}/", None),
        ("put", f"update-stops/{held.pk}/", {"stop": "19980.00"}),
    ):
        answer = send(bob, method, f"paper-trading/{path}", body)
        assert answer.status_code == 404, (path, answer.content)
        assert answer["content-type"] == "application/problem+json"
    own = send(bob, "post", "paper-trading/open-account/", {"name": "Alpha"}).json()["id"]
    theirs = market_order(own, strategy=strategy.pk)
    assert send(bob, "post", PLACE, theirs).status_code == 404
    assert send(bob, "post", "paper-trading/flatten/", {}).json()["accounts"][0]["account"] == own
    desk.trades("20005.25", "20005.50")
    assert positions(alice)[0]["quantity"] == 2
    assert positions(bob) == []


def test_flatten_with_no_account_at_all_is_no_such_thing(bob: Actor, desk: Desk) -> None:
    assert send(bob, "post", "paper-trading/flatten/", {}).status_code == 404


def test_an_account_is_opened_once_paid_out_of_and_reset(
    alice: Actor, desk: Desk, account: int
) -> None:
    again = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (400, "name_taken")
    payout = {"account": account, "amount": "1000"}
    once = {"Idempotency-Key": "november"}
    for _ in range(2):
        answer = send(alice, "post", "paper-trading/payout/", payout, **once)
        assert answer.status_code == 200, answer.content
    assert (answer.json()["balance"], answer.json()["payouts"]) == ("49000.00", "1000.00")
    more = send(alice, "post", "paper-trading/payout/", payout | {"amount": "49000.01"})
    assert more.json()["errors"][0]["field"] == "amount"
    send(alice, "post", PLACE, market_order(account))
    busy = send(alice, "post", "paper-trading/reset-account/", {"account": account})
    assert (busy.status_code, busy.json()["code"]) == (409, "not_flat")
    desk.trades("20005.25", "20005.50")
    send(alice, "post", "paper-trading/flatten/", {"account": account})
    desk.trades("20005.25", "20005.50")
    fresh = send(
        alice, "post", "paper-trading/reset-account/", {"account": account, "balance": "100000"}
    )
    assert fresh.status_code == 200, fresh.content
    assert (fresh.json()["balance"], fresh.json()["start_balance"]) == ("100000.00", "100000.00")


def test_an_answer_to_an_order_that_does_not_wait_is_refused(
    alice: Actor, desk: Desk, account: int
) -> None:
    order = send(alice, "post", PLACE, market_order(account)).json()
    body = {"order": order["id"], "yes": True}
    answer = send(alice, "post", "paper-trading/answer-order/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_held")
    missing = send(alice, "post", "paper-trading/answer-order/", {"order": order["id"]})
    assert missing.json()["errors"][0]["field"] == "yes"
