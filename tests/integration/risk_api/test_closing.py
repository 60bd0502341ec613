"""Closing a paper account and opening it again, by API and page: refused while something is open, its history stays."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, AccountGroup, GroupMember, Order, Position, Route
from apps.trades import services
from tests.cast import Actor, program
from tests.factories import a_strategy
from tests.integration.papertrading.rows import (
    Desk,
    a_day,
    a_position,
    an_account,
    an_order,
    send,
    trading,
)

pytestmark = pytest.mark.django_db(transaction=True)
ENTRY = {"symbol": "NQ", "side": "buy", "type": "market", "quantity": 1}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def alpha(alice: Actor, desk: Desk) -> Account:
    """Return a paper account that the engine knows."""
    made = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"})
    assert made.status_code == 201, made.content
    desk.wait()
    return Account.objects.get(name="Alpha")


def closed(actor: Actor, account: Account) -> Any:
    return send(actor, "post", "paper-trading/close-account/", {"account": account.pk})


def reopened(actor: Actor, account: Account) -> Any:
    return send(actor, "post", "paper-trading/reopen-account/", {"account": account.pk})


@pytest.mark.parametrize("door", ["api", "page"])
def test_it_closes_keeps_its_history_and_opens_again(
    alice: Actor, desk: Desk, alpha: Account, door: str
) -> None:
    an_order(alpha, status="filled", filled=1)
    a_day(alpha, "2025-12-01")
    if door == "api":
        answer = closed(alice, alpha)
        assert (answer.status_code, answer.json()["is_open"]) == (200, False), answer.content
        assert closed(alice, alpha).status_code == 200
    else:
        asked = alice.client.get(f"/prop/{alpha.pk}/close/").content.decode()
        assert "Close Alpha?" in asked and "Its orders, positions, days and figures stay" in asked
        said = alice.client.post(f"/prop/{alpha.pk}/close/", follow=True).content.decode()
        assert "Alpha is closed" in said and "Open again" in said and ">Closed<" in said
    desk.wait()
    order = send(alice, "post", "paper-trading/place-order/", ENTRY | {"account": alpha.pk})
    assert order.json()["errors"][0]["code"] == "closed", order.content
    assert "Alpha" not in alice.client.get("/manager/").content.decode()
    assert Order.objects.filter(account=alpha).count() == 1
    assert send(alice, "get", "paper-trading/daily-pnl/").json()["count"] == 1
    if door == "api":
        assert reopened(alice, alpha).json()["is_open"] is True
        assert reopened(alice, alpha).status_code == 200
    else:
        said = alice.client.post(f"/prop/{alpha.pk}/reopen/", follow=True).content.decode()
        assert "Alpha is open again" in said and "Close the account" in said
    desk.wait()
    order = send(alice, "post", "paper-trading/place-order/", ENTRY | {"account": alpha.pk})
    assert order.status_code == 201, order.content


@pytest.mark.parametrize("what", ["position", "order", "held"])
def test_it_stays_open_while_something_is_open(alice: Actor, alpha: Account, what: str) -> None:
    if what == "position":
        a_position(alpha)
    else:
        an_order(alpha, status="working" if what == "order" else "held")
    answer = closed(alice, alpha)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    words = "holds NQZ5: flatten it" if what == "position" else "works or waits: take it back"
    assert words in answer.json()["detail"] and "first, then close" in answer.json()["detail"]
    page = alice.client.post(f"/prop/{alpha.pk}/close/")
    assert page.status_code == 422 and words in page.content.decode()
    alpha.refresh_from_db()
    assert alpha.is_open


def test_what_reached_it_ends_and_nothing_new_may(alice: Actor, alpha: Account) -> None:
    other, strategy = an_account(alice.user, "Beta"), a_strategy(alice.user)
    for account in (alpha, other):
        Route.objects.create(user=alice.user, strategy=strategy, account=account, mode="automatic")
    group = AccountGroup.objects.create(user=alice.user, name="both")
    for account in (alpha, other):
        GroupMember.objects.create(user=alice.user, group=group, account=account, multiplier="2")
    assert closed(alice, alpha).status_code == 200
    assert [one.account for one in Route.objects.all()] == [other]
    (left,) = GroupMember.objects.all()
    assert (left.account, left.times) == (other, "2")
    way = {"account": alpha.pk, "mode": "automatic"}
    route = send(alice, "put", f"strategies/{strategy.pk}/routes/", way)
    assert (route.status_code, route.json()["code"]) == (409, "closed"), route.content
    members = [{"account": one.pk, "multiplier": "1"} for one in (alpha, other)]
    again = send(alice, "put", f"accounts/groups/{group.pk}/", {"name": "both", "members": members})
    assert again.status_code == 400 and "Alpha is closed" in str(again.json()), again.content
    assert "Alpha" not in alice.client.get(f"/settings/groups/{group.pk}/").content.decode()
    same = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"})
    assert "a closed one: open it again" in str(same.json())


def test_an_account_of_a_broker_is_closed_under_brokers(alice: Actor, desk: Desk) -> None:
    real = an_account(alice.user, "Real", kind="live")
    for answer in (closed(alice, real), reopened(alice, real)):
        assert (answer.status_code, answer.json()["code"]) == (409, "at_a_broker")
        assert "under Brokers" in answer.json()["detail"]


def test_without_an_answer_of_the_engine_it_stays_open(
    alice: Actor, alpha: Account, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.engine.stop()
    monkeypatch.setattr(services, "PATIENCE_S", 0.0)
    assert closed(alice, alpha).status_code == 503
    alpha.refresh_from_db()
    assert alpha.is_open


def test_the_closed_ones_are_shown_apart_with_the_last_one_closed(
    alice: Actor, alpha: Account
) -> None:
    assert ">Closed<" not in alice.client.get("/prop/").content.decode()
    closed(alice, alpha)
    page = alice.client.get("/prop/")
    assert page.status_code == 200 and "Alpha" in page.content.decode()
    for region in ("banner", "accounts", "detail", "tiles"):
        assert alice.client.get(f"/prop/region/{region}/?show=closed").status_code == 200, region
    an_account(alice.user, "Beta")
    shown = alice.client.get("/prop/").context["portfolio"]
    assert [one.one.row.name for one in shown.rows] == ["Beta"]
    assert shown.counts["closed"] == 1


def test_nobody_else_closes_it(alice: Actor, bob: Actor, alpha: Account) -> None:
    for what in ("close", "reopen"):
        path, page = f"/api/paper-trading/{what}-account/", f"/prop/{alpha.pk}/{what}/"
        body: dict[str, Any] = {"account": alpha.pk}
        more = {"content_type": "application/json"}
        assert bob.client.post(path, body, **more).status_code == 404
        assert bob.client.get(page).status_code == 404 == bob.client.post(page).status_code
        assert Client().post(path, body, **more).status_code == 401
        assert Client().post(page).status_code == 302
        assert program(alice.user).post(path, body, **more).status_code == 403
    alpha.refresh_from_db()
    assert alpha.is_open and not Position.objects.exists()
    answer = program(alice.user, may_change=True).post(
        "/api/paper-trading/close-account/", {"account": alpha.pk}, content_type="application/json"
    )
    assert answer.status_code == 200
