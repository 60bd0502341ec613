"""Using a broker's account here no more, by API and page: refused while something is open, and its history stays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.signals import post_save
from django.test import Client

from apps.brokers.models import (
    Account,
    AccountGroup,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    Connection,
    Difference,
    Dispatch,
    GroupMember,
    LiveSwitch,
    Order,
    Position,
    Route,
)
from apps.bus.models import FactRow, Inbox
from apps.trades import services
from tests.cast import Actor, program
from tests.factories import NOW, a_strategy
from tests.integration.brokers.shared import let_out
from tests.integration.papertrading.rows import (
    Desk,
    a_position,
    an_account,
    an_order,
    send,
    trading,
)
from tests.integration.recorder.rows import a_broker_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def used(alice: Actor, desk: Desk) -> BrokerAccount:
    """Return an account of a broker that Alice uses as Eval 1, its orders let out."""
    found = a_broker_account(alice.user, balance="50000")
    Connection.objects.update(state="ok")
    answer = send(alice, "post", f"accounts/{found.pk}/adopt/", {"name": "Eval 1"})
    assert answer.status_code == 201, answer.content
    desk.wait()
    found = BrokerAccount.objects.select_related("account", "connection").get()
    assert found.account is not None
    let_out(found.account)
    return found


def released(actor: Actor, account: BrokerAccount) -> Any:
    return send(actor, "delete", f"accounts/{account.pk}/adopt/")


def eval_1() -> Account:
    return Account.objects.get(name="Eval 1")


@pytest.mark.parametrize("door", ["api", "page"])
def test_it_closes_here_and_its_login_can_go(
    alice: Actor, desk: Desk, used: BrokerAccount, door: str
) -> None:
    login = f"accounts/connections/{used.connection_id}/"
    refused = send(alice, "delete", login)
    assert refused.status_code == 409
    assert "as Eval 1: choose Stop using it here beside it first" in refused.json()["detail"]
    an_order(eval_1(), status="filled", filled=1)
    if door == "api":
        assert released(alice, used).status_code == 204
    else:
        path = f"/connections/accounts/{used.pk}/release/"
        asked = alice.client.get(path).content.decode()
        assert (
            "Stop using DEMO1001 here?" in asked
            and "Its orders, fills, days and figures stay" in asked
        )
        said = alice.client.post(path, follow=True).content.decode()
        assert "DEMO1001 is used here no more" in said and "Use it here" in said
    made = eval_1()
    assert not made.is_open and Order.objects.filter(account=made).count() == 1
    assert not LiveSwitch.objects.get(account=made).is_on
    (told,) = [row.payload for row in FactRow.objects.filter(name="live.switched")]
    assert (told["is_on"], told["reason"]) == (False, "RELEASED")
    assert "Eval 1" not in alice.client.get("/live/").content.decode()
    desk.wait()
    entry = {"account": made.pk, "symbol": "NQ", "side": "buy", "type": "market", "quantity": 1}
    answer = send(alice, "post", "paper-trading/place-order/", entry)
    assert answer.json()["errors"][0]["code"] == "closed", answer.content
    assert send(alice, "delete", login).status_code == 204


def test_it_is_used_anew_under_another_name(alice: Actor, desk: Desk, used: BrokerAccount) -> None:
    released(alice, used)
    again = send(alice, "post", f"accounts/{used.pk}/adopt/", {"name": "Eval 1"})
    assert again.status_code == 400 and "have an account called Eval 1" in str(again.json())
    assert send(alice, "post", f"accounts/{used.pk}/adopt/", {"name": "Eval 2"}).status_code == 201
    assert BrokerAccount.objects.get().account == Account.objects.get(name="Eval 2")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("position", "Eval 1 holds NQZ5"), ("order", "works or waits"), ("dispatch", "on its way to the broker"),
        ("there", "the broker holds NQZ5 in DEMO1001"), ("works there", "an order works at the broker"),
    ],
)  # fmt: skip
def test_it_stays_in_use_while_something_is_open(
    alice: Actor, used: BrokerAccount, what: str, words: str
) -> None:
    mine, made = {"user": alice.user, "account": used}, eval_1()
    if what == "position":
        a_position(made)
    elif what == "order":
        an_order(made)
    elif what == "dispatch":
        Dispatch.objects.create(
            user=alice.user, account=made, key="d1", errand="place", status="queued", at_ns=1,
            contract="NQZ5",
        )  # fmt: skip
    elif what == "there":
        BrokerPosition.objects.create(**mine, contract="NQZ5", net=2, at_ns=1)
    else:
        BrokerOrder.objects.create(
            **mine, remote="7", contract="NQZ5", side="buy", type="limit", tif="day",
            status="working", at_ns=1,
        )  # fmt: skip
    answer = released(alice, used)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert (
        words.lower() in answer.json()["detail"].lower() and "first" in answer.json()["detail"]
    ) or what == "dispatch"
    assert eval_1().is_open and LiveSwitch.objects.get(account=made).is_on
    if (
        what == "there"
    ):  # nobody can close it through a login that is refused, and nobody knows whether it is there
        Connection.objects.update(state="refused")
        assert released(alice, used).status_code == 204


def test_what_reached_it_ends_and_the_rest_stays(alice: Actor, used: BrokerAccount) -> None:
    made, other, strategy = eval_1(), an_account(alice.user, "Alpha"), a_strategy(alice.user)
    for account in (made, other):
        Route.objects.create(user=alice.user, strategy=strategy, account=account, mode="automatic")
    groups = [AccountGroup.objects.create(user=alice.user, name=name) for name in ("both", "one")]
    for group, account in ((groups[0], made), (groups[0], other), (groups[1], made)):
        GroupMember.objects.create(user=alice.user, group=group, account=account, multiplier="2")
    Difference.objects.create(
        user=alice.user,
        account=made,
        kind="missing",
        subject="1",
        words="w",
        seen_at=NOW,
        told_at=NOW,
    )
    assert released(alice, used).status_code == 204
    assert [one.account for one in Route.objects.all()] == [other]
    (left,) = GroupMember.objects.all()
    assert (left.group, left.account, left.times) == (groups[0], other, "2")
    assert Difference.objects.get().gone_at is not None
    assert FactRow.objects.filter(name="reconcile.agrees").count() == 1


def test_an_order_that_comes_in_between_is_seen_and_it_stays_in_use(
    alice: Actor, desk: Desk, used: BrokerAccount
) -> None:
    """Between the first look and the engine's word: its orders are off by then, and are not let out again."""

    def comes(**_said: Any) -> None:
        an_order(eval_1())

    post_save.connect(comes, sender=LiveSwitch)
    try:
        answer = released(alice, used)
    finally:
        post_save.disconnect(comes, sender=LiveSwitch)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    made = eval_1()
    assert made.is_open and made.remote == used
    assert not LiveSwitch.objects.get(account=made).is_on
    desk.wait()
    told = Inbox.objects.filter(kind="account.list").order_by("id")
    *_, shut, opened = [json.loads(row.payload)["config"]["is_open"] for row in told]
    assert (shut, opened) == (False, True)


def test_without_an_answer_of_the_engine_it_stays_in_use(
    alice: Actor, used: BrokerAccount, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.engine.stop()
    monkeypatch.setattr(services, "PATIENCE_S", 0.0)
    assert released(alice, used).status_code == 503
    assert eval_1().is_open and eval_1().remote == used
    said = alice.client.post(f"/connections/accounts/{used.pk}/release/", follow=True)
    assert "the account stays in use" in said.content.decode()


def test_what_is_not_used_is_said(alice: Actor, desk: Desk) -> None:
    found = a_broker_account(alice.user, balance="50000")
    answer = released(alice, found)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_used")


def test_nobody_else_closes_it(alice: Actor, bob: Actor, used: BrokerAccount) -> None:
    page = f"/connections/accounts/{used.pk}/release/"
    assert released(bob, used).status_code == 404
    assert bob.client.get(page).status_code == 404 == bob.client.post(page).status_code
    path = f"/api/accounts/{used.pk}/adopt/"
    assert Client().delete(path).status_code == 401
    assert Client().post(page).status_code == 302
    assert program(alice.user).delete(path).status_code == 403
    assert eval_1().is_open and not Position.objects.exists()
    assert program(alice.user, may_change=True).delete(path).status_code == 204
