"""Rules over the API while the engine runs: orders held, blocked and let go, own limits, lockouts."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.brokers.models import Account, Order
from apps.risk import services
from apps.risk.domain.reading import rules_for
from apps.risk.models import RuleSet
from tests.cast import Actor
from tests.integration.papertrading.rows import Desk, send, trading
from tests.integration.risk_api.test_readings import RULES

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = "paper-trading/place-order/"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with trading() as made:
        yield made


@pytest.fixture
def account(alice: Actor, desk: Desk) -> int:
    """Alice's account under the rules of a Combine."""
    answer = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"})
    desk.wait()
    row = Account.objects.get(pk=answer.json()["id"])
    rule_set = RuleSet.objects.create(name="Combine", firm="Topstep", slug="combine")
    version = services.add_version(rule_set=rule_set, rules=rules_for(RULES), made_by=alice.user)
    services.give_rules(account=row, version=version)
    desk.wait()
    return row.pk


def order(account: int, quantity: int = 1, **more: Any) -> dict[str, Any]:
    usual = {"account": account, "symbol": "NQ", "side": "buy", "type": "market"}
    return usual | {"quantity": quantity, "bracket": {"stop_points": "10"}} | more


def status_of(actor: Actor) -> dict[str, Any]:
    return dict(actor.client.get("/api/realtime/risk-status/").json()["results"][0])


def test_an_order_that_needs_a_yes_waits_for_it(alice: Actor, desk: Desk, account: int) -> None:
    held = send(alice, "post", PLACE, order(account, 3))
    assert held.status_code == 202, held.content
    body = held.json()
    assert (body["status"], body["reason"]) == ("held", "DAILY_LOSS")
    assert body["verdict"]["decision"] == "confirm"
    desk.trades("20005.25", "20005.50")
    assert Order.objects.get(pk=body["id"]).status == "held"
    answer = {"order": body["id"], "yes": True}
    key = {"Idempotency-Key": "yes"}
    for _ in range(2):
        yes = send(alice, "post", "paper-trading/answer-order/", answer, **key)
        assert (yes.status_code, yes.json()["status"]) == (200, "sent"), yes.content
    desk.trades("20005.25", "20005.50")
    assert Order.objects.get(pk=body["id"]).status == "filled"


def test_a_no_ends_it(alice: Actor, desk: Desk, account: int) -> None:
    held = send(alice, "post", PLACE, order(account, 3)).json()
    no = send(alice, "post", "paper-trading/answer-order/", {"order": held["id"], "yes": False})
    assert (no.status_code, no.json()["status"]) == (200, "cancelled")
    gone = send(alice, "delete", f"paper-trading/cancel-order/{held['id']}/")
    assert gone.status_code == 409


def test_who_has_seen_the_worst_case_is_not_asked_again(
    alice: Actor, desk: Desk, account: int
) -> None:
    answer = send(alice, "post", PLACE, order(account, 3, confirmed=True))
    assert (answer.status_code, answer.json()["status"]) == (201, "sent")


def test_a_blocked_order_is_a_problem_with_its_reasons(
    alice: Actor, desk: Desk, account: int
) -> None:
    answer = send(alice, "post", PLACE, order(account, 6, confirmed=True))
    assert answer.status_code == 409, answer.content
    assert answer["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "blocked"
    assert {"MAX_CONTRACTS", "DAILY_LOSS"} <= set(body["reasons"])
    assert "5 are allowed" in body["detail"]
    assert body["verdict"]["decision"] == "blocked"
    assert Order.objects.get(pk=body["order"]).status == "blocked"
    said = send(alice, "post", "risk/check/", order(account, 6, confirmed=True)).json()
    assert said["decision"] == "blocked"
    assert {one["code"] for one in said["reasons"]} == set(body["reasons"])


def test_a_locked_account_takes_no_entry_but_every_exit(
    alice: Actor, desk: Desk, account: int
) -> None:
    send(alice, "post", PLACE, order(account))
    desk.trades("20005.25", "20005.50")
    answer = send(alice, "post", "risk/lockout/", {"account": account, "minutes": 30})
    assert answer.status_code == 200, answer.content
    assert answer.json()["kind"] == "lockout"
    assert "Exits" in answer.json()["blocks"]
    desk.wait()
    shown = status_of(alice)
    assert (shown["level"], shown["lockout_until"]) == ("locked", answer.json()["until"])
    entry = send(alice, "post", PLACE, order(account, confirmed=True))
    assert (entry.status_code, entry.json()["reasons"]) == (409, ["LOCKED_OUT"])
    shorter = send(alice, "post", "risk/lockout/", {"account": account, "minutes": 5})
    assert (shorter.status_code, shorter.json()["errors"][0]["code"]) == (400, "only_longer")
    past = {"account": account, "until": "2025-12-01T00:00:00Z"}
    assert send(alice, "post", "risk/lockout/", past).json()["errors"][0]["field"] == "until"
    (held,) = alice.client.get("/api/paper-trading/positions/").json()["results"]
    out = send(alice, "delete", f"paper-trading/close-position/{held['id']}/")
    assert out.status_code == 200, out.content
    desk.trades("20005.25", "20005.50")
    assert alice.client.get("/api/paper-trading/positions/").json()["count"] == 0
    lift = send(alice, "post", "risk/lift-lock/", {"account": account})
    assert (lift.status_code, lift.json()["code"]) == (409, "not_locked")


def test_own_limits_tighten_now_and_loosen_tomorrow(alice: Actor, desk: Desk, account: int) -> None:
    tight = {"account": account, "max_daily_loss": "300", "max_minis": 2}
    answer = send(alice, "post", "risk/own-limits/", tight)
    assert answer.json() == {
        "account": account, "now": {"max_daily_loss": "300.00", "max_minis": 2}, "next_day": None,
    }  # fmt: skip
    loose = send(alice, "post", "risk/own-limits/", tight | {"max_daily_loss": "900"}).json()
    assert loose["now"]["max_daily_loss"] == "300.00"
    assert loose["next_day"]["max_daily_loss"] == "900.00"
    desk.wait()
    shown = status_of(alice)
    assert (shown["own_limits"]["max_daily_loss"], shown["allowed_minis"]) == ("300.00", 2)
    assert shown["own_limits_next_day"]["max_daily_loss"] == "900.00"
    blocked = send(alice, "post", PLACE, order(account, 3, confirmed=True))
    assert "MAX_CONTRACTS" in blocked.json()["reasons"]


def test_a_limit_that_is_used_up_locks_and_flattens(alice: Actor, desk: Desk, account: int) -> None:
    send(alice, "post", PLACE, order(account, bracket=None, confirmed=True))
    desk.trades("20005.25", "20005.50")
    for _ in range(3):
        desk.trades(*(f"{20005 - down}.00" for down in range(2, 51, 6)))
    shown = status_of(alice)
    assert shown["level"] == "locked"
    assert [one["kind"] for one in shown["locks"]] == ["daily"]
    desk.trades("19957.00", "19957.25")
    assert alice.client.get("/api/paper-trading/positions/").json()["count"] == 0
    (item,) = alice.client.get("/api/risk/rule-compliance/").json()["results"]
    told = [one["fact"] for one in item["incidents"]]
    assert {"risk.locked", "risk.flattened"} <= set(told)
    entry = send(alice, "post", PLACE, order(account, confirmed=True))
    assert entry.status_code == 409
    assert "LOCKED" in entry.json()["reasons"]
