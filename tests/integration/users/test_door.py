"""The door: who may come in, and what strangers are told."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

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


PUBLIC = "93.184.215.{}"


@pytest.fixture
def few(settings: Any) -> int:
    """Bear three wrong passwords from one address: each costs a slow hash."""
    assert settings.ADDRESS_FAILURES == 30
    settings.ADDRESS_FAILURES = 3
    return 3


def wrong_names(client: Client, count: int, first: int = 0) -> int:
    """Try a wrong password for one name after the other; return the last answer."""
    for number in range(first, first + count):
        last = client.post(
            "/accounts/login/", {"username": f"name{number}", "password": "wrong"}
        ).status_code
    return last


def test_who_tries_one_name_after_the_other_is_slowed(dora: str, few: int) -> None:
    stranger = Client(REMOTE_ADDR=PUBLIC.format(7))
    assert wrong_names(stranger, few) == 200
    assert wrong_names(stranger, 10, first=few) == 429
    right = stranger.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert right.status_code == 429 and b"Wait" in right.content
    assert stranger.get("/accounts/login/").status_code == 200
    elsewhere = Client(REMOTE_ADDR=PUBLIC.format(8))
    answer = elsewhere.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 302
    # what was refused was not counted: a quarter of an hour after the third it goes on
    assert AccessAttempt.objects.aggregate(n=Sum("failures_since_start"))["n"] == few
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    again = stranger.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert again.status_code == 302


def test_it_can_be_switched_off(few: int, settings: Any) -> None:
    settings.ADDRESS_FAILURES = 0
    assert wrong_names(Client(REMOTE_ADDR=PUBLIC.format(7)), few + 1) == 200


def test_right_passwords_are_not_counted(dora: str, few: int) -> None:
    for _ in range(few + 1):
        client = Client(REMOTE_ADDR=PUBLIC.format(7))
        answer = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
        assert answer.status_code == 302


def test_behind_a_proxy_who_tries_many_names_slows_himself_alone(
    dora: str, few: int, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    stranger = Client(headers={"x-forwarded-for": PUBLIC.format(7)})
    assert wrong_names(stranger, few + 1) == 429
    trader = Client(headers={"x-forwarded-for": PUBLIC.format(8)})
    answer = trader.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("proxies", "nearest", "forwarded"),
    [
        (0, "127.0.0.1", ""),  # a tunnel that writes nothing
        (0, "172.17.0.1", ""),  # a container's gateway
        (0, PUBLIC.format(7), PUBLIC.format(1)),  # a proxy that PROXIES does not know of
        (2, PUBLIC.format(7), PUBLIC.format(1)),  # fewer proxies than it says
        (1, PUBLIC.format(7), "not an address"),
        (1, "10.0.0.1", "10.0.0.9"),
    ],
)
def test_an_address_that_people_may_share_slows_nobody(
    dora: str, few: int, settings: Any, proxies: int, nearest: str, forwarded: str
) -> None:
    """Else one stranger shuts the door for everybody behind the same proxy."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    stranger = Client(headers=headers, REMOTE_ADDR=nearest)
    assert wrong_names(stranger, few + 1) == 200
    trader = Client(headers=headers, REMOTE_ADDR=nearest)
    answer = trader.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    assert answer.status_code == 302


def late(client: Client, path: str, referer: str = "", **typed: str) -> Any:
    """Send a form of a page that was opened before somebody signed in: its token is that of another cookie."""
    client.get("/accounts/login/")
    headers = {"referer": f"http://testserver{referer}"} if referer else {}
    return client.post(path, typed | {"csrfmiddlewaretoken": "x" * 64}, headers=headers)


def test_a_form_that_is_too_old_says_so_and_leads_back_with_what_was_typed(alice: Actor) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/settings/")
    answer = late(client, "/connections/", "/connections/?a=1", name="My demo", login="trader",
                  password="hunter2", sec="broker-sec", cid="4242")  # fmt: skip
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Nothing was done" in page
    assert "you signed in or out" in page
    assert 'href="http://testserver/connections/?a=1"' in page
    assert "My demo" in page
    assert "trader</dd>" in page
    for secret in ("hunter2", "broker-sec", "4242", "xxxxxxxx"):
        assert secret not in page


@pytest.mark.parametrize("referer", ["", "https://evil.example/"])
def test_a_form_from_elsewhere_does_not_speak_from_our_page(alice: Actor, referer: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    headers = {"referer": referer, "origin": "https://evil.example"} if referer else {}
    client.get("/settings/security/")
    typed = {"name": "Call 555-0100 to unlock", "next": "https://evil.example/"}
    answer = client.post("/connections/", typed, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Nothing was done" in page
    assert "555-0100" not in page
    assert "evil.example" not in page
    assert 'href="/"' in page


def test_a_browser_that_keeps_no_cookies_is_told(dora: str) -> None:
    client = Client(
        enforce_csrf_checks=True, headers={"referer": "http://testserver/accounts/login/"}
    )
    answer = client.post("/accounts/login/", {"username": dora, "password": PASSWORD})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "no cookie" in page
    assert 'href="http://testserver/accounts/login/"' in page
    assert PASSWORD not in page
