"""Account groups: the API and the page, whose they are, and one posted alert in every account of a group."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, AccountGroup, Order, Position
from apps.brokers.store import load_routes
from apps.bus import bus, transport
from apps.bus.domain.message import SECOND
from apps.bus.models import FactRow
from apps.signals import services
from apps.signals.domain.posted import TakeOrderAlert
from tests.cast import Actor
from tests.factories import NOW, a_strategy, at
from tests.integration.papertrading.rows import Desk, an_account, send, trading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


def made(actor: Actor, name: str = "topstep", *members: tuple[int, str]) -> Any:
    body = {"name": name, "members": [{"account": a, "multiplier": m} for a, m in members]}
    return send(actor, "post", "accounts/groups/", body)


def posted(desk: Desk, url: str, **body: Any) -> Any:
    usual = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "account_group": "topstep"}
    answer = Client().post(url, usual | body, content_type="application/json")
    desk.wait()
    return answer


def test_one_posted_alert_reaches_each_account_of_the_group_once(alice: Actor, desk: Desk) -> None:
    strategy, token = services.create_strategy(user=alice.user, name="JADNQ", symbol="NQ1!")
    url, ids = f"/webhook/{token}/", []
    for name in ("Alpha", "Beta", "Gamma"):
        opened = send(alice, "post", "paper-trading/open-account/", {"name": name})
        ids.append(opened.json()["id"])
    for account in ids[:2]:
        route = {"account": account, "mode": "automatic"}
        send(alice, "put", f"strategies/{strategy.pk}/routes/", route)
    assert made(alice, "topstep", (ids[0], "1"), (ids[1], "2.5")).status_code == 201
    desk.wait()
    body = {"market_position": "long", "market_position_size": 1, "comment": "breakout", "id": "x1"}
    first = posted(desk, url, **body)
    assert first.status_code == 200, first.content
    desk.trades("20005.25", "20005.50")
    assert posted(desk, url, **body).json()["id"] == first.json()["id"]
    desk.trades("20005.50")
    held = {one.account_id: one.size for one in Position.objects.all()}
    assert held == {ids[0]: 1, ids[1]: 2}
    orders = Order.objects.order_by("account_id")
    assert {one.signal for one in orders} == {first.json()["id"]}
    assert orders[0].verdict["text"] == "breakout"
    told = FactRow.objects.filter(of=first.json()["id"]).values_list("name", flat=True)
    assert list(told) == ["signal.order_alert"]
    posted(desk, url, action="sell", market_position="flat", prev_market_position="long")
    desk.trades("20005.50", "20005.50")
    assert not Position.objects.filter(closed_at__isnull=True).exists()
    assert Order.objects.filter(role="exit").count() == 2


def test_an_alert_of_five_minutes_ago_and_an_unknown_group_are_refused(
    alice: Actor, desk: Desk
) -> None:
    _, token = services.create_strategy(user=alice.user, name="JADNQ", symbol="NQ1!")
    old = (desk.at - 300 * SECOND) // 1_000_000
    late = posted(desk, f"/webhook/{token}/", timestamp=old)
    assert (late.status_code, late.json()["code"]) == (422, "EXPIRED")
    unknown = posted(desk, f"/webhook/{token}/", account_group="nobodys")
    fact = FactRow.objects.get(of=unknown.json()["id"])
    assert (fact.name, fact.payload["reason"]) == ("signal.order_alert_refused", "NO_GROUP")
    assert not Order.objects.exists()


def test_an_alert_that_waited_too_long_for_the_engine_is_refused(alice: Actor, desk: Desk) -> None:
    strategy = a_strategy(alice.user)
    said = TakeOrderAlert(
        id="late", user=alice.user.pk, strategy=strategy.pk, symbol="NQ1!", action="buy"
    )
    bus.submit(said, user=alice.user.pk, source="test", expires_market_at=desk.at - 1)
    desk.wait()
    fact = FactRow.objects.get(of="late")
    assert (fact.name, fact.payload["reason"]) == ("signal.order_alert_refused", "EXPIRED")


def test_groups_after_a_start_are_those_of_the_rows(alice: Actor, way: None) -> None:
    account = an_account(alice.user)
    made(alice, "main", (account.pk, "0.5"))
    (group,) = load_routes(None).groups
    assert (group.user, group.name) == (alice.user.pk, "main")
    assert [(one, str(size)) for one, size in group.members] == [(account.pk, "0.5")]


def test_a_group_is_made_changed_and_ended(alice: Actor, way: None) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "Beta")
    answer = made(alice, "TopStep", (first.pk, "2"))
    assert answer.status_code == 201, answer.content
    group = answer.json()
    assert (group["name"], group["members"][0]["multiplier"]) == ("topstep", "2.0000")
    change = {"name": "apex", "members": [{"account": second.pk}]}
    answer = send(alice, "put", f"accounts/groups/{group['id']}/", change)
    assert answer.status_code == 200, answer.content
    assert [one["account_name"] for one in answer.json()["members"]] == ["Beta"]
    (listed,) = alice.client.get("/api/accounts/groups/").json()["results"]
    assert listed["name"] == "apex"
    assert alice.client.get(f"/api/accounts/groups/{group['id']}/").json() == listed
    assert alice.client.delete(f"/api/accounts/groups/{group['id']}/").status_code == 204
    assert not AccountGroup.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Top Step"}, "name"),
        ({"name": "paper_x"}, "name"),
        ({"name": "main"}, "name"),
        ({"name": "x", "members": [{"account": 0}]}, "members.0.account"),
        ({"name": "x", "members": [{"account": 1, "multiplier": "two"}]}, "members.0.multiplier"),
    ],
)
def test_what_cannot_be_a_group_is_refused_by_its_field(
    alice: Actor, way: None, body: dict[str, Any], field: str
) -> None:
    made(alice, "main")
    answer = send(alice, "post", "accounts/groups/", body)
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert AccountGroup.objects.count() == 1


def test_another_trader_and_nobody_see_and_touch_none(alice: Actor, bob: Actor, way: None) -> None:
    account = an_account(alice.user)
    group = made(alice, "main", (account.pk, "1")).json()["id"]
    assert bob.client.get("/api/accounts/groups/").json()["results"] == []
    for method in ("get", "put", "delete"):
        body = {} if method == "get" else {"name": "x", "members": []}
        answer = send(bob, method, f"accounts/groups/{group}/", body)
        assert answer.status_code == 404
        nobody = getattr(Client(), method)(f"/api/accounts/groups/{group}/")
        assert nobody.status_code in (401, 403)
    assert made(bob, "main", (account.pk, "1")).status_code == 404
    assert made(bob, "main").status_code == 201  # the name is his own
    for path in (f"/settings/groups/{group}/", f"/settings/groups/{group}/delete/"):
        assert bob.client.get(path).status_code == 404
        assert bob.client.post(path, {"name": "x"}).status_code == 404
        assert Client().get(path).status_code == 302
    assert Client().post("/settings/groups/", {"name": "x"}).status_code == 302
    theirs = {"name": "main", "account": [str(account.pk)]}
    mine = AccountGroup.objects.get(user=bob.user).pk
    assert bob.client.post(f"/settings/groups/{mine}/", theirs).status_code == 422
    assert AccountGroup.objects.get(pk=group).members.count() == 1


def test_the_editor_keeps_what_is_ticked_and_asks_before_it_deletes(
    alice: Actor, way: None
) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "Beta")
    answer = alice.client.post("/settings/groups/", {"name": "topstep"})
    group = AccountGroup.objects.get()
    assert answer["Location"] == f"/settings/groups/{group.pk}/"
    form = {
        "name": "apex", "account": [str(second.pk)], f"multiplier_{second.pk}": "2.5",
        f"multiplier_{first.pk}": "9",
    }  # fmt: skip
    assert alice.client.post(f"/settings/groups/{group.pk}/", form).status_code == 302
    group.refresh_from_db()
    (member,) = group.members.all()
    assert (group.name, member.account_id, str(member.multiplier)) == ("apex", second.pk, "2.5000")
    bad = alice.client.post(
        f"/settings/groups/{group.pk}/", form | {f"multiplier_{second.pk}": "0"}
    )
    assert bad.status_code == 422
    assert "must be above 0" in bad.content.decode()
    assert "Beta ×" in alice.client.get("/settings/groups/").content.decode()
    strategy = a_strategy(alice.user)
    assert "no mode yet: exits only" in alice.client.get("/strategies/").content.decode()
    route = {"account": second.pk, "mode": "approve", "windows": ["09:30-11:30"], "cooldown_s": 60}
    kept = send(alice, "put", f"strategies/{strategy.pk}/routes/", route).json()
    assert (kept["windows"], kept["cooldown_s"], kept["most_trades"]) == (["09:30-11:30"], 60, 0)
    assert alice.client.get(f"/settings/groups/{group.pk}/delete/").status_code == 200
    assert AccountGroup.objects.exists()
    alice.client.post(f"/settings/groups/{group.pk}/delete/")
    assert not AccountGroup.objects.exists()
    assert Account.objects.count() == 2


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("door", ["api", "page"])
def test_an_ending_that_is_cut_off_is_none_on_the_page_and_in_the_engine(
    alice: Actor, desk: Desk, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    """One truth: what stands on the page is carried out, and what is gone from it never sends on."""
    strategy, token = services.create_strategy(user=alice.user, name="JADNQ", symbol="NQ1!")
    account = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"}).json()["id"]
    route = {"account": account, "mode": "automatic"}
    send(alice, "put", f"strategies/{strategy.pk}/routes/", route)
    group = made(alice, "topstep", (account, "1")).json()["id"]
    desk.wait()

    def end() -> Any:
        if door == "api":
            return alice.client.delete(f"/api/accounts/groups/{group}/")
        return alice.client.post(f"/settings/groups/{group}/delete/")

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as cut:
        cut.setattr(AccountGroup, "delete", killed)
        with pytest.raises(Killed):
            end()
    desk.wait()
    assert AccountGroup.objects.exists(), "it still stands there, to be ended again"
    posted(desk, f"/webhook/{token}/", id="between")
    assert Order.objects.count() == 1
    assert end().status_code in (204, 302)
    refused = posted(desk, f"/webhook/{token}/", id="after")
    desk.trades("20005.25", "20005.50")
    fact = FactRow.objects.get(of=refused.json()["id"])
    assert (fact.name, fact.payload["reason"]) == ("signal.order_alert_refused", "NO_GROUP")
    assert Order.objects.count() == 1
    assert not AccountGroup.objects.exists() and load_routes(None).groups == []
    assert not FactRow.objects.filter(name="command.refused").exists()
