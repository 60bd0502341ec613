"""What traders do with logins: tried before they are kept, their own only, their secrets seen by nobody."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from apps.brokers import connecting
from apps.brokers.domain.seen import BrokerStatus, Snapshot
from apps.brokers.logins import register_market
from apps.brokers.mirror import take_in
from apps.brokers.models import Account, BrokerAccount, BrokerFill, Connection, LoginToken
from apps.brokers.reading import poll
from apps.brokers.tallies import usage_of
from apps.brokers.tradovate.hosts import Hosts
from apps.bus.models import Inbox
from apps.risk.models import RuleSet
from apps.risk.services import seed_presets
from apps.trades.services import Refused
from tests.cast import Actor, actor
from tests.integration.brokers.playground import ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market
from tests.integration.brokers.test_mirror import ACCOUNT, FILL, ORDER
from tests.services.secrets import Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

LOGIN = {"environment": "simulator", "login": "demo", "password": "demo"}
ADD = LOGIN | {"name": "Mine", "cid": "4242", "sec": "a-secret-key-5b1f"}
JSON = {"content_type": "application/json"}


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    with desk_market() as sim:
        yield sim


@pytest.fixture
def mine(alice: Actor, market: ScriptedSimulator) -> Connection:
    return connecting.add(user=alice.user, **ADD)


def logins(market: ScriptedSimulator) -> int:
    return len(market.asked("auth/accesstokenrequest"))


def test_a_login_is_kept_with_its_accounts_after_it_was_taken(
    alice: Actor, market: ScriptedSimulator
) -> None:
    answer = alice.client.post("/api/accounts/add-tradovate/", ADD, **JSON)
    assert answer.status_code == 201, answer.content
    assert answer.json()["state"] == "ok"
    (account,) = alice.client.get("/api/accounts/get-all-at-accounts/").json()["results"]
    assert (account["name"], account["kind"], account["account"]) == ("DEMO1001", "demo", None)
    assert poll(answer.json()["id"]) is not None
    assert logins(market) == 1  # the trial's token is everybody's
    assert usage_of(Connection.objects.get())[1] >= 9  # what the poll called is seen by all


def test_nothing_is_kept_of_a_login_that_is_not_taken(
    alice: Actor, market: ScriptedSimulator
) -> None:
    wrong = ADD | {"password": "not-this-one"}
    answer = alice.client.post("/api/accounts/add-tradovate/", wrong, **JSON)
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["errors"][0]["field"] == "password", problem
    assert "Incorrect username or password" in str(problem)
    assert not Connection.objects.exists() and not BrokerAccount.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"environment": "moon"}, "environment"),
        ({"environment": "live"}, "environment"),  # this desk does not offer it
        ({"name": " "}, "name"),
        ({"login": ""}, "login"),
        ({"sec": ""}, "sec"),
        ({"name": "n" * 41}, "name"),
    ],
)
def test_a_field_that_can_t_be_used_is_named(
    alice: Actor, market: ScriptedSimulator, changed: dict[str, str], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        connecting.add(user=alice.user, **(ADD | changed))
    assert refused.value.field == field and refused.value.detail
    assert logins(market) == 0


def test_trying_a_login_keeps_nothing(alice: Actor, market: ScriptedSimulator) -> None:
    answer = alice.client.post("/api/accounts/test-tradovate-connection/", LOGIN, **JSON)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [one["name"] for one in body.pop("results")] == ["DEMO1001"]
    assert body == {"count": 1, "next": None, "previous": None}
    assert not Connection.objects.exists()


def test_the_same_login_is_not_kept_twice(alice: Actor, mine: Connection) -> None:
    with pytest.raises(Refused, match="connected already"):
        connecting.add(user=alice.user, **(ADD | {"name": "Another"}))


def test_a_new_password_is_tried_and_the_old_one_stays_if_it_fails(
    mine: Connection, market: ScriptedSimulator
) -> None:
    with pytest.raises(Refused):
        connecting.change(connection=mine, password="not-this-one")
    kept = Connection.objects.get()
    assert (kept.password, kept.state) == ("demo", "ok")


def test_a_new_name_asks_nobody(mine: Connection, market: ScriptedSimulator) -> None:
    connecting.change(connection=mine, name="Prop", password="")
    assert Connection.objects.get().name == "Prop" and logins(market) == 1


def test_a_lost_place_is_taken_back_by_its_owner_only(
    alice: Actor, mine: Connection, market: ScriptedSimulator
) -> None:
    market.sessions.displace()
    assert poll(mine.pk) is None
    assert Connection.objects.get().state == "displaced"
    assert poll(mine.pk) is None and logins(market) == 1
    answer = alice.client.post(f"/api/accounts/connections/{mine.pk}/reconnect/")
    assert answer.status_code == 200 and answer.json()["state"] == "ok", answer.content
    assert logins(market) == 2


def test_a_login_is_switched_off_and_on(alice: Actor, mine: Connection) -> None:
    path = f"/api/accounts/connections/{mine.pk}/"
    assert alice.client.patch(path, {"is_on": False}, **JSON).json()["state"] == "off"
    assert poll(mine.pk) is None
    alice.client.patch(path, {"is_on": True}, **JSON)
    assert poll(mine.pk) is not None


def test_a_removed_login_loses_its_secrets_and_its_fills_stay(
    alice: Actor, mine: Connection
) -> None:
    take_in(mine, Snapshot(ORDER.at, (ACCOUNT,), (ORDER,), (FILL,)), "poll")
    path = f"/api/accounts/connections/{mine.pk}/"
    assert alice.client.delete(path).status_code == 409  # an order works
    over = Snapshot(
        ORDER.at, (ACCOUNT,), (type(ORDER)(**_fields(ORDER, status=BrokerStatus.CANCELLED)),)
    )
    take_in(mine, over, "poll")
    assert alice.client.delete(path).status_code == 204
    assert alice.client.get(path).status_code == 404
    row = Connection.objects.get()
    assert (row.password, row.sec) == ("", "") and not LoginToken.objects.exists()
    assert BrokerFill.objects.exists()


def _fields(row: Any, **changed: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__} | changed


def test_an_account_is_used_on_the_desk_under_a_name_of_its_own(
    alice: Actor, mine: Connection
) -> None:
    found = BrokerAccount.objects.get()
    path, body = f"/api/accounts/{found.pk}/adopt/", {"name": "Eval 1", "firm": "Topstep"}
    early = alice.client.post(path, body, **JSON)  # what it holds, and what was traded before
    assert (early.status_code, early.json()["code"]) == (409, "not_read")
    poll(mine.pk)
    answer = alice.client.post(path, body, **JSON)
    assert answer.status_code == 201, answer.content
    made = Account.objects.get()
    assert (made.name, made.kind, made.remote) == ("Eval 1", "demo", found)
    assert alice.client.post(path, {"name": "Again"}, **JSON).status_code == 409
    assert alice.client.delete(f"/api/accounts/connections/{mine.pk}/").status_code == 409


def test_an_account_that_the_firm_closed_is_not_adopted(alice: Actor, mine: Connection) -> None:
    BrokerAccount.objects.update(is_open=False)
    with pytest.raises(Refused, match="closed at the firm"):
        connecting.adopt(account=BrokerAccount.objects.get(), name="Eval 1")


def test_an_account_that_two_logins_see_is_used_once(
    alice: Actor, bob: Actor, mine: Connection
) -> None:
    poll(mine.pk)
    found = BrokerAccount.objects.get()
    used = {"connection": a_connection(alice.user, name="Other", login="other"), "user": alice.user}
    seen = {"remote": found.remote, "name": found.name, "balance": found.balance}
    twin = BrokerAccount.objects.create(**seen, **used)
    made = connecting.adopt(account=found, name="Eval 1")
    with pytest.raises(Refused, match="used already through Mine, as Eval 1"):
        connecting.adopt(account=twin, name="Eval 2")
    made.is_open = False
    made.save()
    assert connecting.adopt(account=twin, name="Eval 2").remote == twin


def test_the_fields_of_a_dialog_are_told_from_those_of_the_page_behind(
    alice: Actor, mine: Connection
) -> None:
    """Both have a password: its label in the dialog would lead into the form behind, which can't be reached."""
    found = BrokerAccount.objects.get()
    behind = alice.client.get("/connections/").content.decode()
    for path in (f"/connections/{mine.pk}/change/", f"/connections/accounts/{found.pk}/adopt/"):
        alone = alice.client.get(path).content.decode()
        dialog = alice.client.get(path, headers={"X-Requested-With": "dialog"}).content.decode()
        assert 'for="id_name"' in alone and 'for="ask_name"' in dialog
        both = set(re.findall(r'\bid="([^"]+)"', dialog)) & set(
            re.findall(r'\bid="([^"]+)"', behind)
        )
        assert not both, path


def test_nobody_else_sees_or_touches_a_login(
    alice: Actor, bob: Actor, client: Any, mine: Connection
) -> None:
    found = BrokerAccount.objects.get()
    one = f"/api/accounts/connections/{mine.pk}/"
    assert bob.client.get("/api/accounts/connections/").json()["results"] == []
    assert bob.client.get("/api/accounts/get-all-at-accounts/").json()["results"] == []
    for ask in (
        bob.client.get(one), bob.client.patch(one, {"name": "His"}, **JSON), bob.client.delete(one),
        bob.client.post(f"{one}reconnect/"), bob.client.get(f"/connections/{mine.pk}/change/"),
        bob.client.post(f"/connections/{mine.pk}/off/"), bob.client.get(f"/connections/{mine.pk}/remove/"),
        bob.client.post(f"/api/accounts/{found.pk}/adopt/", {"name": "His"}, **JSON),
        bob.client.get(f"/connections/accounts/{found.pk}/adopt/"),
    ):  # fmt: skip
        assert ask.status_code == 404, ask.request
    for path in (one, "/api/accounts/connections/", "/api/accounts/get-all-at-accounts/"):
        assert client.get(path).status_code in (401, 403)
    assert client.post("/api/accounts/add-tradovate/", ADD, **JSON).status_code in (401, 403)
    assert client.get("/connections/").status_code == 302


def test_the_page_adds_tests_and_uses_a_login(alice: Actor, market: ScriptedSimulator) -> None:
    browser = alice.client
    assert (
        "No broker yet"
        in browser.get("/connections/", headers={"accept": "text/html"}).content.decode()
    )
    tried = browser.post("/connections/", ADD | {"do": "test"}).content.decode()
    assert "The login works" in tried and not Connection.objects.exists()
    assert browser.post("/connections/", ADD | {"do": "add"}).status_code == 302
    shown = browser.get("/connections/").content.decode()
    assert "DEMO1001" in shown and "Connected" in shown and "being read" in shown
    poll(Connection.objects.get().pk)
    assert "Use it here" in browser.get("/connections/region/").content.decode()
    found = BrokerAccount.objects.get()
    assert (
        browser.post(f"/connections/accounts/{found.pk}/adopt/", {"name": "Eval 1"}).status_code
        == 302
    )
    assert "Eval 1" in browser.get("/connections/region/").content.decode()


def test_an_account_is_used_under_its_firms_rules_from_the_first_moment(
    alice: Actor, mine: Connection
) -> None:
    seed_presets()
    poll(mine.pk)
    chosen = RuleSet.objects.filter(firm="Topstep").order_by("id")[0]
    path = f"/connections/accounts/{BrokerAccount.objects.get().pk}/adopt/"
    assert "Topstep" in alice.client.get(path).content.decode()
    form = {"name": "Eval 1", "rule_set": str(chosen.pk), "floor": "about 48k"}
    bad = alice.client.post(path, form)
    assert bad.status_code == 422 and list(bad.context["form"].errors) == ["floor"]
    assert not Account.objects.exists()
    assert alice.client.post(path, form | {"floor": "48,250"}).status_code == 302
    made = Account.objects.select_related("rules__version__rule_set").get()
    assert (made.rules.version.rule_set, made.firm) == (chosen, "Topstep")
    wish = json.loads(Inbox.objects.get(kind="risk.rules").payload)
    assert (wish["account"], wish["floor"]) == (made.pk, "48250")
    said = alice.client.get("/connections/").content.decode()
    assert "Eval 1 is used on this desk now, under" in said


def test_a_wrong_password_is_said_beside_its_field(alice: Actor, market: ScriptedSimulator) -> None:
    answer = alice.client.post("/connections/", ADD | {"password": "not-this-one", "do": "add"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert 'id="id_password_error"' in html and "not-this-one" not in html


def test_no_secret_is_seen_anywhere(alice: Actor, market: ScriptedSimulator) -> None:
    market.sessions._users = ("a-login-name",)  # whose password is his name
    secrets = ADD | {"login": "a-login-name", "password": "a-login-name"}
    carol = actor("carol", staff=True)
    with Watch("a-secret-key-5b1f", "AT.sim.", "MD.sim.", "not-this-one-7c") as watch:
        wrong = secrets | {"password": "not-this-one-7c"}
        for data in (wrong, secrets):
            for path in ("test-tradovate-connection", "add-tradovate"):
                answer = alice.client.post(f"/api/accounts/{path}/", data, **JSON)
                watch.see(path, answer.content)
        row = Connection.objects.get()
        market.put_up("order/list", 500, {"errorText": "unwell"})
        poll(row.pk)
        market.sessions.displace()
        poll(row.pk)
        connecting.reconnect(connection=row)
        for path in (
            "/connections/", "/connections/region/", f"/connections/{row.pk}/change/",
            f"/api/accounts/connections/{row.pk}/", "/api/accounts/connections/",
        ):  # fmt: skip
            watch.see(path, alice.client.get(path).content)
        watch.see("the form again", alice.client.post("/connections/", wrong).content)
        for path in ("/admin/brokers/connection/", f"/admin/brokers/connection/{row.pk}/change/"):
            answer = carol.client.get(path)
            assert answer.status_code == 200
            watch.see(path, answer.content)
        watch.see("its name", (str(row), repr(row)))
        from apps.bus.models import FactRow

        watch.see("facts", list(FactRow.objects.values_list("payload", flat=True)))


def test_a_simulated_market_offers_its_own_login_first(alice: Actor, settings: Any) -> None:
    offered, hint = 'value="simulator" selected', "password <b>trader</b>"
    settings.MARKET = "generated"
    shown = alice.client.get("/connections/").content.decode()
    assert offered in shown and hint in shown
    settings.MARKET = "tradovate"
    shown = alice.client.get("/connections/").content.decode()
    assert offered not in shown and hint not in shown


def test_live_orders_lead_to_the_brokers_where_no_account_is_used(alice: Actor) -> None:
    shown = alice.client.get("/live/").content.decode()
    assert "Nothing leaves this desk" in shown
    assert "Connect a broker</a>" in shown


def test_a_broker_out_of_reach_is_told_in_words(alice: Actor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        nobody = Hosts.at(f"http://127.0.0.1:{door.getsockname()[1]}")
    register_market(nobody)
    try:
        answer = alice.client.post("/connections/", ADD | {"do": "test"})
    finally:
        register_market(None)
    assert answer.status_code == 422
    assert "it cannot be reached from this machine" in answer.content.decode()
    assert not Connection.objects.exists()
