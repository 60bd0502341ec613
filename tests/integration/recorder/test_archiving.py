"""A strategy that is put away: its alerts are refused, its history stays, and it comes back; for good it goes without one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.analytics.books import by_strategy
from apps.brokers.models import Route
from apps.bus.models import FactRow, Inbox
from apps.recorder.models import RecordedPosition, Recorder
from apps.recorder.services import settle
from apps.signals import services as strategies
from apps.signals.models import Signal, Strategy, WebhookRefusal
from apps.trades import services as trades
from tests.cast import Actor, program
from tests.factories import a_signal, a_strategy, a_trade
from tests.integration.papertrading.rows import (
    Desk,
    a_position,
    an_account,
    an_order,
    send,
    trading,
)

from .rows import a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db(transaction=True)
LONG = {"symbol": "NQ1!", "signal_type": "Bullish", "price": 20005.25}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


def archived(actor: Actor, pk: int) -> Any:
    return send(actor, "post", f"strategies/{pk}/archive/")


def restored(actor: Actor, pk: int) -> Any:
    return send(actor, "delete", f"strategies/{pk}/archive/")


def traded(actor: Actor) -> Recorder:
    """Return a recorder that records, with a position that it closed."""
    account = a_broker_account(actor.user)
    recorder = a_recorder(actor.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    settle(account=account)
    assert RecordedPosition.objects.filter(strategy=recorder.strategy).count() == 1
    return recorder


@pytest.mark.parametrize("door", ["api", "page"])
def test_its_alerts_are_refused_its_history_stays_and_it_comes_back(
    alice: Actor, desk: Desk, door: str
) -> None:
    recorder = traded(alice)
    pk, account = recorder.strategy_id, an_account(alice.user)
    secret = strategies.rotate_token(strategy=recorder.strategy)
    Route.objects.create(
        user=alice.user, strategy=recorder.strategy, account=account, mode="automatic"
    )
    if door == "api":
        told = archived(alice, pk)
        assert told.status_code == 200, told.content
        assert told.json()["archived_at"] and told.json()["is_recording"] is False
        assert archived(alice, pk).status_code == 200
    else:
        asked = alice.client.get(f"/recorders/{pk}/archive/").content.decode()
        assert (
            "Archive NQ Fade?" in asked and "figures stay" in asked and "stops recording" in asked
        )
        said = alice.client.post(f"/recorders/{pk}/archive/", follow=True).content.decode()
        assert "NQ Fade is archived" in said and "Restore" in said
    assert not Route.objects.exists()
    # out of the lists, into one of its own
    assert send(alice, "get", "strategies/").json()["results"] == []
    assert [one["id"] for one in send(alice, "get", "strategies/?archived=true").json()["results"]] == [pk]  # fmt: skip
    for path in ("/strategies/", "/recorders/"):
        page = alice.client.get(path)
        assert [one.pk for one in page.context["archived"]] == [pk], path
        assert not page.context["strategies" if path == "/strategies/" else "recorders"]
    # its alerts
    answer = Client().post(f"/webhook/{secret}/", json.dumps(LONG), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "ARCHIVED")
    assert "Restore it" in answer.json()["detail"]
    assert WebhookRefusal.objects.get().code == "ARCHIVED" and not Inbox.objects.filter(
        kind="alert"
    )
    # its history
    assert alice.client.get(f"/recorders/{pk}/").status_code == 200
    assert send(alice, "get", f"strategies/{pk}/positions/").json()["count"] == 1
    assert "NQ Fade</a> <span" in alice.client.get("/performance/?books=recorded").content.decode()
    # nothing begins in it
    start = send(alice, "post", f"recorder/start/{pk}/")
    assert (start.status_code, start.json()["code"]) == (409, "archived")
    route = send(
        alice, "put", f"strategies/{pk}/routes/", {"account": account.pk, "mode": "observe"}
    )
    assert (route.status_code, route.json()["code"]) == (409, "archived"), route.content
    order = {"account": account.pk, "symbol": "NQ", "side": "buy", "type": "market", "quantity": 1}
    placed = send(alice, "post", "paper-trading/place-order/", order | {"strategy": pk})
    assert "archived" in str(placed.json()), placed.content
    same = send(alice, "post", "strategies/", {"name": "NQ Fade", "symbol": "NQ1!"})
    assert "an archived one: restore it" in str(same.json())
    # and back
    if door == "api":
        assert restored(alice, pk).json()["archived_at"] is None
        assert restored(alice, pk).status_code == 200
    else:
        said = alice.client.post(f"/recorders/{pk}/restore/", follow=True).content.decode()
        assert "NQ Fade is back" in said
    answer = Client().post(f"/webhook/{secret}/", json.dumps(LONG), content_type="application/json")
    assert answer.json()["status"] == "accepted"
    assert [one["id"] for one in send(alice, "get", "strategies/").json()["results"]] == [pk]
    told = [row.payload["what"] for row in FactRow.objects.filter(name="recorder.changed")]
    assert [one for one in told if one in ("archived", "restored")] == ["archived", "restored"]


@pytest.mark.parametrize("what", ["position", "order"])
def test_it_stays_while_it_holds_something(alice: Actor, what: str) -> None:
    """Archived, its exits would be refused."""
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    if what == "position":
        a_position(account, strategy=strategy, place=strategy.pk)
    else:
        an_order(account, strategy=strategy, place=strategy.pk)
    a_position(account, contract="ESZ5", root="ES")  # by hand: none of its
    answer = archived(alice, strategy.pk)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    words = "holds NQZ5 in Alpha: close it" if what == "position" else "works or waits in Alpha"
    assert words in answer.json()["detail"] and "first, then archive it" in answer.json()["detail"]
    page = alice.client.post(f"/recorders/{strategy.pk}/archive/", follow=True).content.decode()
    assert words in page
    strategy.refresh_from_db()
    assert not strategy.is_archived


def test_one_with_routes_waits_for_the_engine(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = a_strategy(alice.user)
    Route.objects.create(
        user=alice.user, strategy=strategy, account=an_account(alice.user), mode="automatic"
    )
    monkeypatch.setattr(trades, "PATIENCE_S", 0.0)
    assert archived(alice, strategy.pk).status_code == 503
    strategy.refresh_from_db()
    assert not strategy.is_archived and not Route.objects.exists()
    assert archived(alice, strategy.pk).status_code == 200


def test_a_history_is_never_deleted(alice: Actor) -> None:
    pk = traded(alice).strategy_id
    for cure in ("archive it instead", "it stays in the archive"):
        answer = send(alice, "delete", f"strategies/{pk}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert cure in answer.json()["detail"]
        page = alice.client.get(f"/recorders/{pk}/delete/").content.decode()
        assert cure in page and "Delete it" not in page
        assert archived(alice, pk).status_code == 200
    by_hand = a_strategy(alice.user, "orders")
    a_position(an_account(alice.user), strategy=by_hand, closed="2025-12-02T15:00:00Z")
    assert send(alice, "delete", f"strategies/{by_hand.pk}/").status_code == 409
    lab = a_strategy(alice.user)
    a_trade(alice.user, signal=a_signal(alice.user, strategy=lab, status="ENTERED"))
    assert send(alice, "delete", f"strategies/{lab.pk}/").status_code == 409
    assert Strategy.objects.count() == 3


def test_signals_that_came_to_nothing_go_after_it_was_archived(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    a_signal(alice.user, strategy=strategy, status="REJECTED")
    waiting = a_signal(alice.user, strategy=strategy)
    path = f"strategies/{strategy.pk}/"
    assert "still waits" in send(alice, "delete", path).json()["detail"]
    Signal.objects.filter(pk=waiting.pk).update(status="CANCELLED")
    assert "archive it first" in send(alice, "delete", path).json()["detail"]
    archived(alice, strategy.pk)
    page = alice.client.get(f"/recorders/{strategy.pk}/delete/").content.decode()
    assert "2 signals, of which none became a trade, go too" in page and "Delete it" in page
    assert send(alice, "delete", path).status_code == 204
    assert not Strategy.objects.exists() and not Signal.objects.exists()
    (told,) = [
        one.payload["text"]
        for one in FactRow.objects.filter(name="recorder.changed")
        if one.payload["what"] == "deleted"
    ]
    assert told == "Deleted; 2 signals, no trade had come of it."


def test_without_trades_it_leaves_the_table_of_figures(alice: Actor) -> None:
    strategy = a_strategy(alice.user)
    assert [one.pk for one in by_strategy(alice.user, [])] == [strategy.pk]
    archived(alice, strategy.pk)
    assert by_strategy(alice.user, []) == []
    assert "NQ FVG" not in alice.client.get("/prop/simulate/").content.decode()
    assert "NQ FVG, archived" in alice.client.get("/signals/").content.decode()


def test_nobody_else_puts_it_away(alice: Actor, bob: Actor) -> None:
    pk = a_strategy(alice.user).pk
    path = f"/api/strategies/{pk}/archive/"
    assert archived(bob, pk).status_code == 404 == restored(bob, pk).status_code
    for page in (f"/recorders/{pk}/archive/", f"/recorders/{pk}/restore/"):
        assert bob.client.post(page).status_code == 404
        assert Client().post(page).status_code == 302
    assert bob.client.get(f"/recorders/{pk}/archive/").status_code == 404
    for method in ("post", "delete"):
        assert getattr(Client(), method)(path).status_code == 401
        assert getattr(program(alice.user), method)(path).status_code == 403
    assert not Strategy.objects.get(pk=pk).is_archived
    archived(alice, pk)
    assert send(bob, "get", "strategies/?archived=true").json()["count"] == 0
    assert program(alice.user, may_change=True).delete(path).status_code == 200
