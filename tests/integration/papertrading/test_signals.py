"""Signals into orders: executing one by hand, and what becomes of a strategy's signals in each account."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.brokers.models import Account, Order, Route
from apps.signals.models import Signal
from tests.cast import Actor
from tests.factories import a_signal, a_strategy
from tests.integration.papertrading.rows import Desk, an_account, an_order, send, trading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


def opened(actor: Actor, desk: Desk, name: str = "Alpha") -> int:
    answer = send(actor, "post", "paper-trading/open-account/", {"name": name})
    desk.wait()
    return int(answer.json()["id"])


def confirmed(actor: Actor, **fields: Any) -> Signal:
    return a_signal(actor.user, status="CONFIRMED", stop_price="19985.25", **fields)


def execute(actor: Actor, signal: Signal, **body: Any) -> Any:
    return send(actor, "post", f"realtime/execute-signal/{signal.pk}/", body)


def test_a_confirmed_signal_is_entered_with_its_own_stop(alice: Actor, desk: Desk) -> None:
    account, signal = opened(alice, desk), confirmed(alice)
    answer = execute(alice, signal, quantity=2, targets=[{"r": "2"}])
    assert answer.status_code == 201, answer.content
    (result,) = answer.json()["results"]
    assert (result["account"], result["code"]) == (account, "")
    order = result["order"]
    assert (order["side"], order["type"], order["quantity"]) == ("buy", "market", 2)
    assert (order["signal"], order["strategy"]) == (signal.key, signal.strategy_id)
    desk.trades("20005.25", "20005.50")
    (held,) = alice.client.get("/api/paper-trading/positions/").json()["results"]
    assert (held["stop"], held["quantity"], held["signal"]) == ("19985.25", 2, signal.key)
    again = execute(alice, signal)
    assert again.json()["results"][0]["order"]["id"] == order["id"]
    assert Order.objects.filter(role="entry").count() == 1


def test_a_signal_that_was_refused_may_be_tried_with_another_size(alice: Actor, desk: Desk) -> None:
    opened(alice, desk)
    signal = confirmed(alice)
    small = execute(alice, signal, risk_percent="0.1")
    assert (small.status_code, small.json()["errors"][0]["code"]) == (400, "size_zero")
    assert execute(alice, signal, quantity=1).status_code == 201
    assert Order.objects.filter(role="entry").count() == 1


def test_a_signal_that_waits_for_a_yes_is_not_sent_twice(alice: Actor, desk: Desk) -> None:
    account = opened(alice, desk)
    signal = confirmed(alice)
    waits = an_order(
        Account.objects.get(pk=account), signal=signal.key, status="held", type="market"
    )
    (result,) = execute(alice, signal).json()["results"]
    assert (result["order"]["id"], result["order"]["status"]) == (waits.pk, "held")
    assert Order.objects.count() == 1
    Order.objects.filter(pk=waits.pk).update(status="cancelled")
    (result,) = execute(alice, signal).json()["results"]
    assert result["order"]["id"] != waits.pk


def test_a_signal_goes_to_several_accounts_sized_as_routed(alice: Actor, desk: Desk) -> None:
    signal = confirmed(alice)
    first, second = opened(alice, desk), opened(alice, desk, "Beta")
    for account, sizing in ((first, {"quantity": 3}), (second, {"risk_percent": "2"})):
        route = {"account": account, "mode": "approve", **sizing}
        answer = send(alice, "put", f"strategies/{signal.strategy_id}/routes/", route)
        assert answer.status_code == 200, answer.content
    desk.wait()
    results = execute(alice, signal).json()["results"]
    assert [(one["account"], one["order"]["quantity"]) for one in results] == [
        (first, 3), (second, 2),
    ]  # fmt: skip
    only = execute(alice, confirmed(alice), accounts=[first], risk_percent="4").json()["results"]
    assert [(one["account"], one["order"]["quantity"]) for one in only] == [(first, 5)]


def test_one_account_that_refuses_does_not_keep_the_other_from_it(alice: Actor, desk: Desk) -> None:
    signal = confirmed(alice)
    good, closed = opened(alice, desk), an_account(alice.user, "Shut", is_open=False)
    answer = execute(alice, signal, accounts=[closed.pk, good])
    assert answer.status_code == 201, answer.content
    shut, entered = answer.json()["results"]
    assert (shut["order"], shut["account"]) == (None, closed.pk)
    assert shut["code"] in ("no_account", "closed")
    assert entered["order"]["status"] == "sent"


def test_what_is_not_confirmed_is_not_executed(alice: Actor, desk: Desk) -> None:
    opened(alice, desk)
    for status in ("PENDING", "CANCELLED"):
        answer = execute(alice, a_signal(alice.user, status=status))
        assert (answer.status_code, answer.json()["code"]) == (409, "not_confirmed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": "many"}, "quantity"),
        ({"risk_percent": "0"}, "risk_percent"),
        ({"risk_percent": "101"}, "risk_percent"),
        ({"root": "DOGE"}, "root"),
        ({"targets": [{"r": "-1"}]}, "targets.0.r"),
        ({"targets": [{"price": "20100.00"}]}, "targets.0.price"),
        ({"accounts": []}, "accounts"),
        ({"accounts": ["x"]}, "accounts.0"),
        ({"stop": "19000"}, "stop"),
    ],
)
def test_what_can_not_be_executed_is_refused_by_field(
    body: dict[str, Any], field: str, alice: Actor, desk: Desk
) -> None:
    opened(alice, desk)
    answer = execute(alice, confirmed(alice), **body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert Order.objects.count() == 0


def test_without_accounts_he_is_asked_which(alice: Actor, desk: Desk) -> None:
    signal = confirmed(alice)
    assert execute(alice, signal).json()["errors"][0]["field"] == "accounts"
    opened(alice, desk)
    opened(alice, desk, "Beta")
    assert execute(alice, signal).json()["errors"][0]["field"] == "accounts"


def test_bob_executes_nothing_of_alices(alice: Actor, bob: Actor, desk: Desk) -> None:
    mine, theirs = opened(alice, desk), opened(bob, desk)
    assert execute(bob, confirmed(alice)).status_code == 404
    assert execute(bob, confirmed(bob), accounts=[theirs, mine]).status_code == 404
    assert Order.objects.count() == 0


def test_a_route_is_kept_shown_and_changed(alice: Actor, bob: Actor, desk: Desk) -> None:
    strategy, account = a_strategy(alice.user), opened(alice, desk)
    path = f"strategies/{strategy.pk}/routes/"
    empty = alice.client.get(f"/api/{path}").json()
    assert empty == {"count": 0, "next": None, "previous": None, "results": []}
    body = {
        "account": account, "mode": "automatic", "risk_percent": "0.50", "root": "MNQ",
        "targets": [{"r": "1.5", "quantity": 1}, {"r": "3"}],
    }  # fmt: skip
    answer = send(alice, "put", path, body)
    assert answer.status_code == 200, answer.content
    kept = {
        "account": account, "account_name": "Alpha", "mode": "automatic", "quantity": 1,
        "risk_percent": "0.5", "root": "MNQ", "break_even_r": "1", "windows": [],
        "cooldown_s": 0, "most_trades": 0,
        "targets": [{"r": "1.5", "quantity": 1}, {"r": "3", "quantity": None}],
    }  # fmt: skip
    assert answer.json() == kept
    assert alice.client.get(f"/api/{path}").json()["results"] == [kept]
    send(alice, "put", path, {"account": account, "mode": "observe"})
    assert Route.objects.get().mode == "observe"
    assert bob.client.get(f"/api/{path}").status_code == 404
    assert send(bob, "put", path, body).status_code == 404
    own = a_strategy(bob.user)
    assert send(bob, "put", f"strategies/{own.pk}/routes/", body).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "always"}, "mode"),
        ({"mode": None}, "mode"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 501}, "quantity"),
        ({"risk_percent": "101"}, "risk_percent"),
        ({"risk_percent": "x"}, "risk_percent"),
        ({"root": "XX"}, "root"),
        ({"targets": "all"}, "targets"),
        ({"targets": [{"r": "1"}] * 6}, "targets"),
        ({"break_even_r": "0"}, "break_even_r"),
        ({"size": 2}, "size"),
    ],
)
def test_a_route_that_can_not_be_is_refused_by_field(
    body: dict[str, Any], field: str, alice: Actor
) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    answer = send(
        alice, "put", f"strategies/{strategy.pk}/routes/",
        {"account": account.pk, "mode": "approve"} | body,
    )  # fmt: skip
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert Route.objects.count() == 0
