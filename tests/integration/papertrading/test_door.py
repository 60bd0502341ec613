"""What paper trading refuses before the engine hears of it: bad fields, bad bodies, no market, no login."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import Account, Order
from apps.bus import transport
from apps.bus.models import Inbox
from tests.cast import Actor
from tests.factories import NOW, at
from tests.integration.papertrading.rows import an_account, send

pytestmark = pytest.mark.django_db
PLACE = "paper-trading/place-order/"


@pytest.fixture
def way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


def market_order(account: int, **more: Any) -> dict[str, Any]:
    usual = {"account": account, "symbol": "NQ", "side": "buy", "type": "market", "quantity": 2}
    return usual | more


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        ({"quantity": 0}, "quantity", "greater than or equal to 1"),
        ({"quantity": -1}, "quantity", "greater than or equal to 1"),
        ({"quantity": 1.5}, "quantity", "valid integer"),
        ({"quantity": "1.5"}, "quantity", "valid integer"),
        ({"quantity": "two"}, "quantity", "valid integer"),
        ({"quantity": True}, "quantity", "valid integer"),
        ({"quantity": 501}, "quantity", "less than or equal to 500"),
        ({"quantity": 10**30}, "quantity", "less than or equal to 500"),
        ({"quantity": "9" * 2000}, "quantity", "too large"),
        ({"quantity": [1]}, "quantity", "valid integer"),
        ({"quantity": None}, "quantity", "null"),
        ({"risk_percent": "1"}, "quantity", "either"),
        ({"type": "limit", "limit": "NaN"}, "limit", "number"),
        ({"type": "limit", "limit": "1e400"}, "limit", "digits"),
        ({"type": "limit", "limit": "-5"}, "limit", "above 0"),
        ({"type": "limit", "limit": 0}, "limit", "above 0"),
        ({"type": "limit", "limit": {"a": 1}}, "limit", "number"),
        ({"type": "limit", "limit": "20,000"}, "limit", "number"),
        ({"bracket": {"stop_loss": "19990.00"}}, "bracket.stop_loss", "no such field"),
        ({"bracket": "tight"}, "bracket", "dictionary"),
        ({"stop_loss": "19990.00"}, "stop_loss", "no such field"),
        ({"symbol": "BTCUSD"}, "symbol", "NQZ6"),
        ({"symbol": ""}, "symbol", "blank"),
        ({"side": "long"}, "side", "not a valid choice"),
        ({"type": "iceberg"}, "type", "not a valid choice"),
        ({"tif": "ioc"}, "tif", "not a valid choice"),
        ({"snap": "perhaps"}, "snap", "boolean"),
        ({"account": "x"}, "account", "valid integer"),
        ({"account": 0}, "account", "greater"),
    ],
)
def test_what_can_not_be_placed_is_refused_by_field(
    change: dict[str, Any], field: str, hint: str, alice: Actor, way: None
) -> None:
    account = an_account(alice.user)
    answer = send(alice, "post", PLACE, market_order(account.pk) | change)
    assert answer.status_code == 400, answer.content
    assert answer["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert hint in error["detail"]
    assert (Order.objects.count(), Inbox.objects.count()) == (0, 0)


@pytest.mark.parametrize("missing", ["account", "symbol", "side", "type", "quantity"])
def test_what_is_missing_is_named(missing: str, alice: Actor, way: None) -> None:
    body = market_order(an_account(alice.user).pk)
    del body[missing]
    answer = send(alice, "post", PLACE, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == missing


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"name": None}, "name"),
        ({"start_balance": "-1"}, "start_balance"),
        ({"start_balance": "a lot"}, "start_balance"),
        ({"start_balance": "1e12"}, "start_balance"),
        ({"tz": "Chicago"}, "tz"),
        ({"reset": "25:00"}, "reset"),
        ({"fees": {"DOGE": "1"}}, "fees.DOGE"),
        ({"fees": {"NQ": "-1"}}, "fees.NQ"),
        ({"fees": "cheap"}, "fees"),
        ({"paper": {"slippage_ticks": [2, 0]}}, "paper"),
        ({"paper": {"luck": 1}}, "paper"),
        ({"kind": "live"}, "kind"),
    ],
)
def test_an_account_that_can_not_be_is_not_opened(
    change: dict[str, Any], field: str, alice: Actor, way: None
) -> None:
    answer = send(alice, "post", "paper-trading/open-account/", {"name": "Alpha"} | change)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert Account.objects.count() == 0


def test_nothing_is_placed_while_the_market_is_not_live(alice: Actor, way: None) -> None:
    transport.set_market_time(at(NOW), live=False)
    row = an_account(alice.user)
    answer = send(alice, "post", PLACE, market_order(row.pk))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_live")
    assert Inbox.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_silent_engine_is_said_and_the_order_expires(
    alice: Actor, way: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.trades.services.PATIENCE_S", 0.01)
    row = an_account(alice.user)
    answer = send(alice, "post", PLACE, market_order(row.pk))
    assert (answer.status_code, answer.json()["code"]) == (503, "no_answer")
    (wish,) = Inbox.objects.all()
    assert wish.expires_market_at == at(NOW) + 5 * 10**9
    send(alice, "post", "paper-trading/flatten/", {})
    assert Inbox.objects.get(kind="account.flatten").expires_market_at is None  # the way out holds


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"null", b"[1]"])
@pytest.mark.parametrize("path", ["place-order", "answer-order", "payout"])
def test_what_is_no_wish_at_all_is_refused(path: str, body: bytes, alice: Actor, way: None) -> None:
    answer = alice.client.post(f"/api/paper-trading/{path}/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["content-type"] == "application/problem+json"


def test_a_key_that_is_too_long_is_refused(alice: Actor, way: None) -> None:
    row = an_account(alice.user)
    answer = send(alice, "post", PLACE, market_order(row.pk), **{"Idempotency-Key": "x" * 81})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(
            ("post", f"paper-trading/{name}/")
            for name in (
                "place-order", "answer-order", "cancel-all", "flatten", "open-account",
                "reset-account", "payout",
            )
        ),
        ("delete", "paper-trading/cancel-order/1/"),
        ("delete", "paper-trading/close-position/1/"),
        ("put", "paper-trading/change-order/1/"),
        ("put", "paper-trading/update-stops/1/"),
        ("post", "realtime/execute-signal/1/"),
        ("put", "strategies/1/routes/"),
        ("get", "strategies/1/routes/"),
        ("delete", "strategies/1/routes/1/"),
    ],
)  # fmt: skip
def test_nobody_changes_nothing(method: str, path: str) -> None:
    answer = getattr(Client(), method)(f"/api/{path}")
    assert answer.status_code in (401, 403)
