"""Using a broker's account on this desk under a rule set, by API as on the page."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, BrokerAccount
from apps.risk.domain.reading import rules_for
from apps.risk.models import AccountRules, RuleSet
from apps.risk.queries import standing_in
from apps.risk.services import add_version
from tests.cast import Actor, program
from tests.integration.papertrading.rows import Desk, send, trading
from tests.integration.recorder.rows import a_broker_account
from tests.integration.risk_api.test_readings import RULES

pytestmark = pytest.mark.django_db(transaction=True)
SETS = "/api/risk/rule-sets/"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


def a_rule_set(by: Any, name: str = "Combine", **changed: Any) -> RuleSet:
    made = RuleSet.objects.create(name=name, firm="Topstep", slug=name.lower())
    add_version(rule_set=made, rules=rules_for(RULES | changed), made_by=by)
    return made


def adopted(actor: Actor, account: BrokerAccount, **body: Any) -> Any:
    return send(actor, "post", f"accounts/{account.pk}/adopt/", {"name": "Eval 1"} | body)


def test_an_account_lives_under_its_rules_from_the_first_moment(alice: Actor, desk: Desk) -> None:
    account, chosen = a_broker_account(alice.user, balance="50000"), a_rule_set(alice.user)
    newest = add_version(
        rule_set=chosen, rules=rules_for(RULES | {"target": "3500"}), made_by=alice.user
    )
    answer = adopted(alice, account, rule_set=chosen.pk, floor="48250.50")
    assert answer.status_code == 201, answer.content
    made = Account.objects.get()
    assert answer.json() == {
        "id": made.pk, "name": "Eval 1", "kind": "demo", "firm": "Topstep", "is_open": True,
        "rule_set": chosen.pk, "rule_set_version": newest.number, "not_ruled": "",
    }  # fmt: skip
    assert AccountRules.objects.get(account=made).version == newest
    desk.wait()
    assert standing_in(made).floor == Decimal("48250.50")
    again = adopted(alice, account, rule_set=chosen.pk)
    assert (again.status_code, again.json()["code"]) == (409, "adopted")


def test_without_a_rule_set_it_is_used_as_before(alice: Actor, desk: Desk) -> None:
    answer = adopted(
        alice, a_broker_account(alice.user, balance="50000"), firm="Apex", rule_set=None
    )
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["firm"], told["rule_set"], told["rule_set_version"], told["not_ruled"]) == ("Apex", None, None, "")  # fmt: skip
    assert not AccountRules.objects.exists()


@pytest.mark.parametrize("door", ["api", "page"])
def test_it_is_used_all_the_same_where_the_rules_cannot_hold(
    alice: Actor, desk: Desk, door: str
) -> None:
    """A floor of rules that have no drawdown: only the engine can say so."""
    account = a_broker_account(alice.user, balance="50000")
    bare = a_rule_set(alice.user, "Bare", drawdown=None)
    if door == "api":
        answer = adopted(alice, account, rule_set=bare.pk, floor="48250")
        assert answer.status_code == 201, answer.content
        assert answer.json()["rule_set"] is None
        said = answer.json()["not_ruled"]
    else:
        form = {"name": "Eval 1", "rule_set": str(bare.pk), "floor": "48250"}
        path = f"/connections/accounts/{account.pk}/adopt/"
        said = alice.client.post(path, form, follow=True).content.decode()
        assert "Choose its rules in Prop Portfolio before it trades" in said
    assert "needs a rule set with a drawdown" in said
    assert Account.objects.get().name == "Eval 1"
    assert not AccountRules.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rule_set": 0}, "rule_set"), ({"rule_set": 999_999}, "rule_set"), ({"rule_set": "Topstep"}, "rule_set"),
        ({"rule_set": "off"}, "rule_set"), ({"rule_set": "empty"}, "rule_set"), ({"rule_set": 2**80}, "rule_set"),
        ({"rule_set": "on", "floor": "about 48k"}, "floor"), ({"rule_set": "on", "floor": "NaN"}, "floor"),
        ({"rule_set": "on", "floor": "1e30"}, "floor"), ({"floor": "48000"}, "floor"), ({"rule_sat": 1}, "rule_sat"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_its_field_and_nothing_is_adopted(
    alice: Actor, desk: Desk, body: dict[str, Any], field: str
) -> None:
    off = a_rule_set(alice.user, "Off")
    RuleSet.objects.filter(pk=off.pk).update(is_active=False)
    named = {
        "on": a_rule_set(alice.user).pk, "off": off.pk,
        "empty": RuleSet.objects.create(name="Empty", firm="X", slug="empty").pk,
    }  # fmt: skip
    body = {name: named.get(value, value) for name, value in body.items()}
    answer = adopted(alice, a_broker_account(alice.user, balance="50000"), **body)
    assert answer.status_code == 400, answer.content
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert not Account.objects.exists()


def test_nobody_else_adopts_it(alice: Actor, bob: Actor, desk: Desk) -> None:
    account, chosen = a_broker_account(alice.user, balance="50000"), a_rule_set(alice.user)
    path, body = f"/api/accounts/{account.pk}/adopt/", {"name": "His", "rule_set": chosen.pk}
    assert adopted(bob, account, rule_set=chosen.pk).status_code == 404
    assert Client().post(path, body, content_type="application/json").status_code == 401
    reader = program(alice.user).post(path, body, content_type="application/json")
    assert (reader.status_code, reader.json()["code"]) == (403, "READ_ONLY_TOKEN")
    assert not Account.objects.exists()


def test_the_rule_sets_that_are_offered_are_listed(alice: Actor, bob: Actor) -> None:
    assert Client().get(SETS).status_code == 401
    RuleSet.objects.create(name="Empty", firm="X", slug="empty")
    off, chosen = a_rule_set(alice.user, "Off"), a_rule_set(alice.user)
    RuleSet.objects.filter(pk=off.pk).update(is_active=False)
    add_version(rule_set=chosen, rules=rules_for(RULES | {"target": "3500"}), made_by=alice.user)
    for client in (alice.client, bob.client, program(bob.user)):
        told = client.get(f"{SETS}?page_size=500").json()["results"]
        assert not {"Off", "Empty"} & {one["name"] for one in told}
        (one,) = (one for one in told if one["id"] == chosen.pk)
        assert (one["id"], one["name"], one["firm"], one["version"]) == (chosen.pk, "Combine", "Topstep", 2)  # fmt: skip
        assert "$2,000" in one["in_short"]
