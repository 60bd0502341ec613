"""Routes as a trader sets them: pages and API, what they keep, what they refuse, whose they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.brokers import services
from apps.brokers.answers import problem_of
from apps.brokers.models import Account, AccountGroup, Route
from apps.brokers.store import load_routes
from apps.bus import transport
from apps.bus.models import Inbox
from apps.trades.services import Refused
from tests.cast import Actor
from tests.factories import NOW, a_strategy, at
from tests.integration.papertrading.rows import Desk, an_account, send, trading

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = {
    "mode": "automatic", "root": "MNQ", "size_by": "contracts", "quantity": "3", "targets": "1 × 1, 2.5R x1, 4",
    "break_even_r": "1", "windows": "09:30-11:30, 14:00-15:30", "cooldown_s": "300", "most_trades": "4",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


def wishes() -> list[dict[str, Any]]:
    return [
        json.loads(row.payload) for row in Inbox.objects.filter(kind="route.list").order_by("id")
    ]


def test_a_route_is_made_read_again_changed_and_ended(alice: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    listed, one = (
        f"/strategies/{strategy.pk}/routes/",
        f"/strategies/{strategy.pk}/routes/{account.pk}/",
    )
    assert "do not reach this account" in alice.client.get(listed).content.decode()
    assert alice.client.post(one, WHOLE)["Location"] == listed
    (route,) = load_routes(None).routes
    assert (route.mode, route.root, route.quantity, route.risk_percent) == ("automatic", "MNQ", 3, None)  # fmt: skip
    assert route.targets == (("1", 1), ("2.5", 1), ("4", None))
    assert (route.windows, route.cooldown_s, route.most_trades) == (("09:30-11:30", "14:00-15:30"), 300, 4)  # fmt: skip
    shown = alice.client.get(listed).content.decode()
    assert "targets 1 × 1, 2.5 × 1, 4 R; stop to entry at 1 R" in shown
    assert "09:30-11:30, 14:00-15:30 New York, 300 s pause, at most 4 a day" in shown
    written = alice.client.get(one).content.decode()
    assert 'value="1 × 1, 2.5 × 1, 4"' in written
    assert 'value="09:30-11:30, 14:00-15:30"' in written

    by_risk = WHOLE | {"size_by": "risk", "risk_percent": "0.5", "targets": "", "windows": "", "mode": "approve"}  # fmt: skip
    alice.client.post(one, by_risk | {"cooldown_s": "", "most_trades": "", "break_even_r": ""})
    (route,) = load_routes(None).routes
    assert (route.mode, route.risk_percent, route.targets, route.break_even_r) == ("approve", "0.5", (), None)  # fmt: skip
    assert "0.5 % at risk in MNQ" in alice.client.get(listed).content.decode()

    assert "stay, with their stops" in alice.client.get(f"{one}end/").content.decode()
    assert Route.objects.exists(), "to ask is not to end"
    assert alice.client.post(f"{one}end/")["Location"] == listed
    assert not Route.objects.exists()
    assert [wish["config"] is None for wish in wishes()] == [False, False, True]
    assert alice.client.post(f"{one}end/")["Location"] == listed, "twice is once"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("quantity", "0", "Contracts"), ("quantity", "two", "Contracts"), ("targets", "one", "no number"),
        ("targets", "1 × 1 × 1", "can't be read"), ("targets", "1,2,3,4,5,6", "At most 5"), ("targets", "-1", "above 0"),
        ("windows", "9:30-11", "write e.g. 09:30-11:30"), ("cooldown_s", "-5", "whole number"),
        ("most_trades", "1.5", "whole number"), ("break_even_r", "0", "above 0"), ("root", "GC", "GC"),
        ("mode", "reckless", "reckless"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_at_its_field_and_nothing_is_kept(
    alice: Actor, field: str, value: str, said: str
) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    path = f"/strategies/{strategy.pk}/routes/{account.pk}/"
    answer = alice.client.post(path, WHOLE | {field: value})
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert said.lower() in (form[field].label + " ".join(form.errors[field])).lower()
    assert (Route.objects.count(), wishes()) == (0, [])


ALL_WRONG = {
    "quantity": "0", "targets": "1, 200, x", "windows": "9:30-11, 10:00-10:00, 09:30-11:30", "cooldown_s": "-5",
    "most_trades": "9" * 5000, "break_even_r": "101",
}  # fmt: skip


def test_everything_that_cannot_be_used_is_said_at_once_each_at_its_field(alice: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    path = f"/strategies/{strategy.pk}/routes/{account.pk}/"
    form = alice.client.post(path, WHOLE | ALL_WRONG | {"root": "GC"}).context["form"]
    assert set(form.errors) == {*ALL_WRONG, "root"}
    assert [len(form.errors[name]) for name in ("quantity", "targets", "windows")] == [1, 2, 1]
    assert "'9:30-11' and '10:00-10:00' are no windows" in form.errors["windows"][0]
    half = alice.client.post(path, WHOLE | {"size_by": "risk", "targets": "1 × 1 × 1", "cooldown_s": "x"})  # fmt: skip
    errors = half.context["form"].errors
    assert {name: len(told) for name, told in errors.items()} == {
        "risk_percent": 1, "targets": 1, "cooldown_s": 1,
    }  # fmt: skip
    assert (Route.objects.count(), wishes()) == (0, [])


def test_by_api_too_everything_is_said_at_once(alice: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    body = {
        "account": account.pk, "mode": "automatic", "root": "XX", "quantity": 0, "risk_percent": "101", "cooldown_s": -5,
        "targets": [{"r": "1"}, {"r": "200"}, {"r": "x"}], "windows": ["10:00-10:00"], "break_even_r": "101",
        "most_trads": 1,
    }  # fmt: skip
    answer = send(alice, "put", f"strategies/{strategy.pk}/routes/", body)
    assert answer.status_code == 400, answer.content
    assert sorted(one["field"] for one in answer.json()["errors"]) == [
        "break_even_r", "cooldown_s", "most_trads", "quantity", "risk_percent", "root", "targets.1.r", "targets.2.r",
        "windows",
    ]  # fmt: skip
    assert (Route.objects.count(), wishes()) == (0, [])


def test_the_service_refuses_all_of_it_and_names_each(alice: Actor) -> None:
    """Whoever calls it: what the first readers let through is told whole as well."""
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    with pytest.raises(Refused) as refused:
        services.set_route(
            user=alice.user, strategy=strategy, account=account, mode="reckless", quantity="two",
            targets=[{"r": None}, {"r": "2", "quantity": 0}], break_even_r="x",
        )  # fmt: skip
    assert [field for field, _ in refused.value.told] == [
        "mode", "quantity", "targets.r", "targets", "break_even_r",
    ]  # fmt: skip
    answer = problem_of(refused.value, ("mode", "targets"))
    assert isinstance(answer.detail, dict)
    assert list(answer.detail) == ["mode", "quantity", "targets.r", "targets", "break_even_r"]
    assert not Route.objects.exists()


def test_a_part_of_the_balance_has_to_be_said(alice: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    path = f"/strategies/{strategy.pk}/routes/{account.pk}/"
    answer = alice.client.post(path, WHOLE | {"size_by": "risk"})
    assert list(answer.context["form"].errors) == ["risk_percent"]


def test_another_trader_and_nobody_see_and_touch_none(alice: Actor, bob: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user, name="Only hers")
    own, his = a_strategy(bob.user), an_account(bob.user)
    one = f"/strategies/{strategy.pk}/routes/{account.pk}/"
    alice.client.post(one, WHOLE)
    for path in (
        f"/strategies/{strategy.pk}/routes/", one, f"{one}end/", f"/strategies/{own.pk}/routes/{account.pk}/",
        f"/strategies/{strategy.pk}/routes/{his.pk}/",
    ):  # fmt: skip
        assert bob.client.get(path).status_code == 404
        assert Client().get(path).status_code == 302
    assert bob.client.post(one, WHOLE).status_code == 404
    assert bob.client.post(f"{one}end/").status_code == 404
    assert send(bob, "delete", f"strategies/{strategy.pk}/routes/{account.pk}/", {}).status_code == 404  # fmt: skip
    assert send(bob, "delete", f"strategies/{own.pk}/routes/{account.pk}/", {}).status_code == 404
    assert Client().delete(f"/api/strategies/{strategy.pk}/routes/{account.pk}/").status_code in (401, 403)  # fmt: skip
    assert "Only hers" not in bob.client.get(f"/strategies/{own.pk}/routes/").content.decode()
    assert Route.objects.count() == 1


def test_a_route_is_ended_by_api_and_the_engine_forgets_it(alice: Actor) -> None:
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    send(alice, "put", f"strategies/{strategy.pk}/routes/", {"account": account.pk, "mode": "approve"})  # fmt: skip
    path = f"strategies/{strategy.pk}/routes/{account.pk}/"
    assert send(alice, "delete", path, {}).status_code == 204
    assert send(alice, "delete", path, {}).status_code == 404
    assert wishes()[-1]["config"] is None
    assert load_routes(None).routes == []


def test_an_ended_route_lets_no_signal_through(alice: Actor) -> None:
    """Through the real engine: what was automatic a moment ago makes no order once it is ended."""
    with trading() as desk:
        _ended(alice, desk)


def _ended(alice: Actor, desk: Desk) -> None:
    strategy = a_strategy(alice.user)
    account = Account.objects.get(
        pk=send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"}).json()["id"]
    )
    one = f"/strategies/{strategy.pk}/routes/{account.pk}/"
    alice.client.post(one, WHOLE)
    desk.wait()
    assert len(desk.engine.engine.router.routes) == 1
    alice.client.post(f"{one}end/")
    desk.wait()
    assert desk.engine.engine.router.routes == {}


def test_a_group_takes_accounts_at_a_broker_too(alice: Actor) -> None:
    paper, there = an_account(alice.user), an_account(alice.user, name="There", kind="demo")
    group = AccountGroup.objects.create(user=alice.user, name="both")
    path = f"/settings/groups/{group.pk}/"
    assert "There" in alice.client.get(path).content.decode()
    ticked = {"name": "both", "account": [str(paper.pk), str(there.pk)]}
    assert alice.client.post(path, ticked).status_code == 302
    assert sorted(group.members.values_list("account_id", flat=True)) == [paper.pk, there.pk]


def test_the_page_says_what_keeps_an_order_here(alice: Actor) -> None:
    strategy, there = a_strategy(alice.user), an_account(alice.user, name="There", kind="demo")
    alice.client.post(f"/strategies/{strategy.pk}/routes/{there.pk}/", WHOLE)
    shown = alice.client.get(f"/strategies/{strategy.pk}/routes/").content.decode()
    assert "Its orders stay here until" in shown


class Killed(BaseException):
    """The process is gone."""


def test_an_ending_that_is_cut_off_leaves_the_route_to_be_ended_again(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One truth: a route that still stands on the page is the engine's, too."""
    strategy, account = a_strategy(alice.user), an_account(alice.user)
    alice.client.post(f"/strategies/{strategy.pk}/routes/{account.pk}/", WHOLE)

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(Route, "delete", killed)
    with pytest.raises(Killed):
        services.end_route(route=Route.objects.get())
    assert wishes()[-1]["config"] is not None and Route.objects.exists()
