"""A word behind the `?` that an address does not know is told, with the nearest one: a misspelt filter showed everything."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.test import Client

from apps.bus import transport
from apps.risk.services import seed_presets
from apps.signals.services import create_strategy
from tests.architecture.test_words import addresses
from tests.cast import Actor, program
from tests.factories import NOW, at
from tests.integration.users.numbered import a_row_of_each_kind

pytestmark = pytest.mark.django_db
ALICES: Final = 4711


@pytest.fixture(autouse=True)
def _way(settings: Any, tmp_path: Any) -> Iterator[None]:
    settings.HOME = tmp_path
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


def refusals(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert {one["code"] for one in answer.json()["errors"]} == {"unknown"}
    return {one["field"]: one["detail"] for one in answer.json()["errors"]}


def test_each_address_tells_of_a_word_that_is_none(alice: Actor) -> None:
    seed_presets()
    a_row_of_each_kind(alice.user, ALICES)
    asked = 0
    for address, view in addresses():
        method, _, path = address.partition(" ")
        path = path.replace("{id}", str(ALICES)).replace("{account}", str(ALICES))
        if getattr(view, "asks", ()) is None:
            continue
        answer = getattr(alice.client, method.lower())(
            f"{path}?no_such_thing=1", {} if method != "GET" else None,
            **({} if method == "GET" else {"content_type": "application/json"}),
        )  # fmt: skip
        assert "There is no such parameter" in refusals(answer)["no_such_thing"], address
        asked += 1
    assert asked > 60


@pytest.mark.parametrize(
    ("path", "sent", "meant"),
    [
        ("signal-lab/trades/", "dirction", "direction"), ("paper-trading/orders/", "Status", "status"),
        ("paper-trading/daily-pnl/", "sinse", "since"), ("strategies/", "pagesize", "page_size"),
        ("realtime/risk-status/", "acount", "account"), ("realtime/current-price/", "symbl", "symbol"),
        ("signal-lab/stats/", "taget", "target"), ("dashboard/summary/", "util", "until"),
    ],
)  # fmt: skip
def test_one_that_is_near_is_named(alice: Actor, path: str, sent: str, meant: str) -> None:
    told = refusals(alice.client.get(f"/api/{path}?{sent}=1"))
    assert told == {sent: f"There is no such parameter; did you mean {meant}?"}


def test_what_is_near_none_is_told_what_there_is_and_shortly(alice: Actor) -> None:
    told = refusals(alice.client.get("/api/realtime/pending-signals/?xyz=1"))
    assert told == {"xyz": "There is no such parameter; known are page, page_size."}
    many = "&".join(f"f{number}{'x' * 200}=1" for number in range(50))
    told = refusals(alice.client.get(f"/api/realtime/pending-signals/?{many}"))
    assert len(told) == 10 and max(map(len, told)) == 80


def test_what_is_known_is_let_through(alice: Actor) -> None:
    for path in (
        "signal-lab/trades/?direction=BULLISH&page=1&page_size=5&format=json",
        "strategies/?archived=true", "paper-trading/daily-pnl/?since=2025-01-01", "realtime/risk-status/",
    ):  # fmt: skip
        assert alice.client.get(f"/api/{path}").status_code == 200, path


def test_strangers_are_told_nothing_and_others_the_same(alice: Actor, bob: Actor) -> None:
    a_row_of_each_kind(alice.user, ALICES)
    path = f"/api/strategies/{ALICES}/?x=1"
    assert Client().get(path).status_code == 401
    assert refusals(bob.client.get(path)) == refusals(program(alice.user).get(path))


def test_a_method_that_is_none_is_told_first(alice: Actor) -> None:
    assert alice.client.get("/api/risk/check/?x=1").status_code == 405


def test_a_way_out_never_fails_for_a_word(alice: Actor) -> None:
    assert alice.client.post("/api/risk/kill-switch/?now=1", {}).status_code == 200


def test_what_others_call_stays_lenient(alice: Actor) -> None:
    """Webhooks, monitors and callbacks of third parties."""
    _, token = create_strategy(user=alice.user, name="NQ FVG")
    alert = {"symbol": "NQ1!", "direction": "long"}
    sent = Client().post(f"/webhook/{token}/?utm=1", alert, content_type="application/json")
    assert sent.status_code == 200, sent.content
    assert Client().get("/api/health/system/?nocache=1").status_code in (200, 503)
    assert Client().get("/api/auth/check-auth/?_=1").status_code == 200
    assert Client().get("/api/schema/?format=json").status_code == 200
    assert alice.client.get("/oauth/discord/callback/?error=x&more=1").status_code == 302
