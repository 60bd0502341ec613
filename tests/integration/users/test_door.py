"""The door: who may come in, and what strangers are told."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from apps.bus.models import FactRow
from tests.cast import Actor

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def dora() -> str:
    get_user_model().objects.create_user("dora", password=PASSWORD)
    return "dora"


def test_the_right_password_opens_the_door(dora: str) -> None:
    client = Client()
    assert client.get("/accounts/login/").status_code == 200
    answer = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get("/api/auth/check-auth/").json()["user"]["username"] == dora


def test_five_wrong_passwords_lock_the_door_even_for_the_right_one(dora: str) -> None:
    client = Client()
    for _ in range(5):
        last = client.post("/accounts/login/", {"username": dora, "password": "wrong"})
    assert last.status_code == 429
    right = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert right.status_code == 429


def test_a_locked_trader_does_not_lock_out_others(dora: str, alice: Actor) -> None:
    alice.user.set_password(PASSWORD)
    alice.user.save()
    client = Client()
    for _ in range(6):
        client.post("/accounts/login/", {"username": dora, "password": "wrong"})
    answer = client.post("/accounts/login/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 302


def test_a_form_from_another_page_is_refused(dora: str) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 403


def test_signing_out_ends_the_session(alice: Actor) -> None:
    assert alice.client.post("/accounts/logout/").status_code == 302
    assert alice.client.get("/api/auth/check-auth/").json() == {
        "authenticated": False,
        "user": None,
    }


def test_a_stranger_may_ask_who_he_is(client: Client) -> None:
    answer = client.get("/api/auth/check-auth/")
    assert answer.status_code == 200
    assert answer.json() == {"authenticated": False, "user": None}


def test_the_csrf_token_opens_a_form(dora: str) -> None:
    client = Client(enforce_csrf_checks=True)
    token = client.get("/api/system/csrf-token/").json()["csrf_token"]
    answer = client.post(
        "/accounts/login/",
        {"username": dora, "password": PASSWORD},
        headers={"x-csrftoken": token},
    )
    assert answer.status_code == 302


def test_another_spelling_of_a_name_is_counted_as_the_same_trader(dora: str) -> None:
    """The door knows `Dora` for dora, so each spelling must not have five tries of its own."""
    client = Client()
    for spelling in ("dora", "Dora", "DORA", "doRa", "dOra"):
        last = client.post("/accounts/login/", {"username": spelling, "password": "wrong"})
    assert last.status_code == 429
    right = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert right.status_code == 429
    assert FactRow.objects.filter(name="user.sign_in_failed").count() == 5


def test_behind_a_proxy_each_visitor_is_counted_by_himself(dora: str, settings: Any) -> None:
    """Else a stranger who knows a name keeps its trader out for as long as he likes."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    stranger = Client(headers={"x-forwarded-for": "203.0.113.9"})
    for _ in range(6):
        last = stranger.post("/accounts/login/", {"username": dora, "password": "wrong"})
    assert last.status_code == 429
    trader = Client(headers={"x-forwarded-for": "198.51.100.7"})
    answer = trader.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 302


def test_who_writes_a_forwarded_address_himself_is_counted_by_his_own(dora: str) -> None:
    for number in range(6):
        client = Client(headers={"x-forwarded-for": f"203.0.113.{number}"})
        last = client.post("/accounts/login/", {"username": dora, "password": "wrong"})
    assert last.status_code == 429


@pytest.mark.parametrize("forwarded", ["203.0.113.{}", "unknown, 10.0.0.{}", ",,", "not an address, ::{}"])  # fmt: skip
def test_who_comes_through_fewer_proxies_than_are_set_counts_by_the_nearest_address(
    dora: str, settings: Any, forwarded: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    for number in range(6):
        client = Client(headers={"x-forwarded-for": forwarded.format(number)})
        for page in ("login", "signup", "password/reset"):
            assert client.get(f"/accounts/{page}/").status_code == 200
        reset = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})
        assert reset.status_code in (302, 429)
        last = client.post("/accounts/login/", {"username": dora, "password": "wrong"})
        assert last.status_code == (200 if number < 4 else 429)
    elsewhere = Client(headers={"x-forwarded-for": forwarded.format(9)}, REMOTE_ADDR="192.0.2.7")
    right = elsewhere.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert right.status_code == 302


def test_who_comes_through_all_proxies_counts_by_the_address_that_the_outermost_saw(
    dora: str, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    for number in range(6):
        said = f"192.0.2.{number}, 203.0.113.9, 10.0.0.1"  # the first is his own invention
        client = Client(headers={"x-forwarded-for": said})
        last = client.post("/accounts/login/", {"username": dora, "password": "wrong"})
    assert last.status_code == 429
    other = Client(headers={"x-forwarded-for": "198.51.100.7, 10.0.0.1"})
    right = other.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert right.status_code == 302
