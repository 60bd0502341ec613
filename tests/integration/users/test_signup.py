"""Making an account: who may, what is refused, and that an address has to be one's own."""

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from apps.users.models import User
from tests.integration.users.people import PASSWORD, enter, is_in, link, somebody

pytestmark = pytest.mark.django_db
ERNA = {
    "username": "erna",
    "email": "erna@example.com",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


def signed_up(**other: str) -> Client:
    client = Client()
    answer = client.post("/accounts/signup/", ERNA | other)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/confirm-email/")
    assert client.get("/accounts/confirm-email/").status_code == 200
    return client


def test_whoever_signs_up_confirms_his_address_and_comes_in() -> None:
    client = signed_up()
    assert [letter.to for letter in mail.outbox] == [["erna@example.com"]]
    assert mail.outbox[0].subject == "tradehub: Confirm your address"
    path = link()
    assert not is_in(enter("erna")), "not yet confirmed"
    page = client.get(path)
    assert b"erna@example.com" in page.content
    assert not is_in(enter("erna")), "to look is not to confirm: mail scanners open links"
    assert client.post(path).status_code == 302
    assert is_in(enter("erna"))


def test_the_letter_is_no_key_for_others() -> None:
    signed_up()
    stranger = Client()
    stranger.post(link())
    assert not is_in(stranger)
    assert b"no longer good" in stranger.get(link()).content


def test_a_forged_link_confirms_nothing() -> None:
    signed_up()
    answer = Client().get("/accounts/confirm-email/MQ:abc:forged/")
    assert answer.status_code == 200
    assert b"no longer good" in answer.content
    assert Client().post("/accounts/confirm-email/MQ:abc:forged/").status_code in (302, 404)
    assert User.objects.get(username="erna").must_confirm


def test_a_second_try_to_come_in_sends_no_second_letter_at_once() -> None:
    signed_up()
    enter("erna")
    enter("erna")
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password2": "another one entirely"}, "same password"),
        ({"password1": "12345678", "password2": "12345678"}, "too common"),
        ({"password1": "erna@example", "password2": "erna@example"}, "similar"),
        ({"email": "erna"}, "valid email"),
        ({"email": ""}, "required"),
        ({"username": ""}, "required"),
        ({"username": "er na"}, "valid username"),
        ({"username": "admin"}, "can not be used"),
        ({"username": "DORA"}, "already exists"),
        ({"username": "x" * 151}, "150"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(wrong: dict[str, str], said: str) -> None:
    somebody("dora")
    answer = Client().post("/accounts/signup/", ERNA | wrong)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not User.objects.filter(username="erna").exists()
    assert mail.outbox == []


def test_a_taken_address_is_told_to_its_owner_alone() -> None:
    signed_up()
    Client().post(link())
    cache.clear()  # a letter to one address goes out every three minutes
    client = signed_up(username="mallory")
    assert not User.objects.filter(username="mallory").exists()
    assert mail.outbox[-1].to == ["erna@example.com"]
    assert mail.outbox[-1].subject == "tradehub: You have an account already"
    assert not is_in(client)


def test_a_closed_desk_takes_nobody_new(settings) -> None:
    settings.SIGNUP_OPEN = False
    answer = Client().get("/accounts/signup/")
    assert b"takes nobody new" in answer.content
    Client().post("/accounts/signup/", ERNA)
    assert not User.objects.filter(username="erna").exists()
    assert b"/accounts/signup/" not in Client().get("/accounts/login/").content


def test_nobody_makes_himself_staff() -> None:
    signed_up(is_staff="1", is_superuser="1", must_confirm="")
    user = User.objects.get(username="erna")
    assert (user.is_staff, user.is_superuser, user.must_confirm) == (False, False, True)


def test_the_demo_and_whom_staff_made_need_no_letter() -> None:
    somebody("demo")
    somebody("boss", email="boss@example.com", is_staff=True)
    assert is_in(enter("demo"))
    assert is_in(enter("boss"))
    assert mail.outbox == []


def test_an_unconfirmed_address_added_later_locks_nobody_out() -> None:
    somebody("demo")
    client = enter("demo")
    client.post("/accounts/email/", {"action_add": "1", "email": "demo@example.com"})
    assert mail.outbox[-1].to == ["demo@example.com"]
    assert is_in(enter("demo"))
    client.post(link())
    assert b"confirmed" in client.get("/settings/security/").content


def test_a_closed_account_stays_out() -> None:
    user = somebody("dora")
    user.is_active = False
    user.save()
    assert not is_in(enter("dora"))


def test_a_dead_mail_server_is_said_and_breaks_nothing(settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client = Client()
    assert client.post("/accounts/signup/", ERNA).status_code == 302
    assert b"No letter could be sent" in client.get("/accounts/confirm-email/").content


def test_too_many_sign_ups_from_one_address_wait() -> None:
    client = Client()
    codes = {client.post("/accounts/signup/", {}).status_code for _ in range(25)}
    assert codes == {200, 429}
