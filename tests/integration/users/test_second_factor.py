"""The second factor: set up, asked for, lost; also before the admin."""

import json
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from apps.users.models import User
from tests.integration.users.people import (
    PASSWORD,
    code_of,
    enter,
    give_second_factor,
    is_in,
    proven,
    somebody,
)

pytestmark = pytest.mark.django_db
ASKED = "/accounts/2fa/authenticate/"
SET_UP = "/accounts/2fa/totp/activate/"


def shown_secret(client: Client) -> str:
    found = re.search(r'id="totp-key"[^>]*value="(\w+)"', client.get(SET_UP).content.decode())
    assert found
    return found[1]


def test_an_app_is_set_up_with_its_code_and_asked_for_from_then_on() -> None:
    somebody()
    client = proven()
    secret = shown_secret(client)
    answer = client.post(SET_UP, {"code": code_of(secret)})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    assert client.get("/accounts/2fa/recovery-codes/").content.count(b"<li>") >= 10
    other = enter()
    assert not is_in(other)
    assert other.post(ASKED, {"code": code_of(secret)}).status_code == 302
    assert is_in(other)


@pytest.mark.django_db(transaction=True)
def test_setting_it_up_signs_out_who_came_in_without() -> None:
    somebody()
    here, there = proven(), enter()
    here.post(SET_UP, {"code": code_of(shown_secret(here))})
    assert is_in(here)
    assert not is_in(there)


def test_an_address_that_a_second_factor_keeps_out_says_the_way() -> None:
    give_second_factor(somebody())
    client = Client()
    client.force_login(User.objects.get())
    page = client.post("/accounts/email/", {"email": "dora@example.com", "action_add": "1"})
    if page.status_code == 302:
        page = client.post(page["Location"], {"password": PASSWORD}, follow=True)
    assert "then set the second factor up again" in page.content.decode()
    assert not EmailAddress.objects.exists()


def test_a_wrong_code_sets_nothing_up() -> None:
    somebody()
    client = proven()
    shown_secret(client)
    assert client.post(SET_UP, {"code": "000000"}).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_second_factor_is_told_by_letter() -> None:
    user = somebody(email="dora@example.com")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client = proven()
    client.post(SET_UP, {"code": code_of(shown_secret(client))})
    told = [letter.subject for letter in mail.outbox if letter.to == [user.email]]
    assert len(told) >= 1
    assert "reset your password now" in str(mail.outbox[-1].body)


@pytest.mark.parametrize("code", ["", "000000", "abc", "9" * 500])
def test_a_wrong_code_opens_nothing(code: str) -> None:
    give_second_factor(somebody())
    client = enter()
    assert client.post(ASKED, {"code": code}).status_code == 200
    assert not is_in(client)


def test_a_code_opens_once() -> None:
    secret, _ = give_second_factor(somebody())
    code = code_of(secret)
    assert is_in(_with_code(code))
    assert not is_in(_with_code(code))


def test_codes_cannot_be_guessed_one_after_the_other() -> None:
    give_second_factor(somebody())
    client = enter()
    for _ in range(6):
        said = client.post(ASKED, {"code": "000000"}).content
    assert b"Too many wrong codes" in said


def test_a_recovery_code_opens_the_door_once() -> None:
    _, codes = give_second_factor(somebody())
    assert is_in(_with_code(codes[0]))
    assert not is_in(_with_code(codes[0]))
    assert is_in(_with_code(codes[1]))


def test_without_the_password_nobody_is_asked_for_a_code() -> None:
    give_second_factor(somebody())
    assert Client().get(ASKED)["Location"] == "/accounts/login/"
    assert not is_in(_with_code("000000"))


def test_turning_it_off_asks_who_one_is() -> None:
    give_second_factor(user := somebody())
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/accounts/2fa/totp/deactivate/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert Authenticator.objects.filter(user=user).count() == 2
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=user).exists()


@pytest.mark.parametrize("path", ["/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/add/"])
def test_a_left_browser_sets_no_factor_up(path: str) -> None:
    client = Client()
    client.force_login(somebody(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(path)["Location"].startswith("/accounts/reauthenticate/")


CREDENTIALS = ["", "null", "[]", "{}", '{"id": 1}', '"x"', json.dumps({"rawId": "a", "id": "a"})]


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_forged_passkey_is_refused_and_breaks_nothing(credential: str) -> None:
    user = somebody()
    known = proven()
    known.get("/accounts/2fa/webauthn/add/")
    form = {"name": "key", "credential": credential}
    assert known.post("/accounts/2fa/webauthn/add/", form).status_code == 200
    assert not Authenticator.objects.filter(user=user).exists()
    stranger = Client()
    asked = stranger.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})
    assert "challenge" in asked.json()["request_options"]["publicKey"]
    answer = stranger.post("/accounts/2fa/webauthn/login/", {"credential": credential})
    assert answer["Location"] == "/accounts/login/"
    assert not is_in(stranger)


def test_another_ones_passkey_is_not_there() -> None:
    alices = Authenticator.objects.create(
        user=somebody("alice"), type=Authenticator.Type.WEBAUTHN, data={}
    )
    somebody()
    client = proven()
    for deed in ("edit", "remove"):
        path = f"/accounts/2fa/webauthn/keys/{alices.pk}/{deed}/"
        assert client.get(path).status_code == 404
        assert client.post(path, {"name": "mine"}).status_code == 404
    assert Authenticator.objects.filter(pk=alices.pk).exists()


def test_the_admin_stands_behind_the_second_factor() -> None:
    secret, _ = give_second_factor(somebody("carol", is_staff=True, is_superuser=True))
    client = Client()
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    form = {"username": "carol", "password": PASSWORD, "next": "/admin/"}
    assert client.post("/accounts/login/", form)["Location"].startswith(ASKED)
    assert client.get("/admin/").status_code == 302, "the password alone does not open it"
    client.post("/admin/login/", {"username": "carol", "password": PASSWORD})
    assert client.get("/admin/").status_code == 302, "nor does the admin's own door"
    assert client.post(ASKED, {"code": code_of(secret)})["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_staff_without_a_second_factor_comes_in_with_the_password() -> None:
    somebody("carol", is_staff=True, is_superuser=True)
    assert enter("carol").get("/admin/").status_code == 200


def test_the_admin_is_closed_to_traders() -> None:
    somebody()
    assert enter().get("/admin/", follow=True).status_code == 403


def test_the_admin_shows_no_secrets_and_can_help_who_lost_his_phone() -> None:
    secret, _ = give_second_factor(dora := somebody())
    somebody("carol", is_staff=True, is_superuser=True)
    client = enter("carol")
    for model in ("mfa/authenticator", "usersessions/usersession", "users/apitoken"):
        assert client.get(f"/admin/{model}/").status_code == 404
    assert secret.encode() not in client.get(f"/admin/users/user/{dora.pk}/change/").content
    form = {"action": "forget", "_selected_action": [dora.pk]}
    assert client.post("/admin/users/user/", form, follow=True).status_code == 200
    assert is_in(enter())


def _with_code(code: str) -> Client:
    client = enter()
    client.post(ASKED, {"code": code})
    return client
