"""A forgotten password, a changed one, and what wrong ones cost."""

import pytest
from django.core import mail
from django.test import Client

from tests.integration.users.people import (
    OTHER,
    PASSWORD,
    enter,
    give_second_factor,
    is_in,
    link,
    somebody,
)

pytestmark = pytest.mark.django_db
ASKED = "/accounts/password/reset/"


def asked(address: str) -> tuple[int, str, bytes]:
    client = Client()
    answer = client.post(ASKED, {"email": address})
    return answer.status_code, answer["Location"], client.get(answer["Location"]).content


def chosen(client: Client, password: str = OTHER) -> Client:
    path = client.get(link(), follow=True).redirect_chain[-1][0]
    client.post(path, {"password1": password, "password2": password})
    return client


def test_the_link_of_the_letter_gives_a_new_password() -> None:
    somebody(email="dora@example.com")
    asked("dora@example.com")
    assert mail.outbox[-1].to == ["dora@example.com"]
    assert "for the user dora" in str(mail.outbox[-1].body)
    client = chosen(Client())
    assert not is_in(client), "the letter alone opens nothing"
    assert is_in(enter(password=OTHER))
    assert not is_in(enter(password=PASSWORD))


def test_a_link_is_good_once() -> None:
    somebody(email="dora@example.com")
    asked("dora@example.com")
    path = link()
    chosen(Client())
    assert b"no longer good" in Client().get(path, follow=True).content
    assert b"no longer good" in Client().get("/accounts/password/reset/key/1-abc-def/").content


def test_the_answer_does_not_tell_whether_there_is_an_account() -> None:
    somebody(email="dora@example.com")
    assert asked("dora@example.com") == asked("nobody@example.com")
    assert mail.outbox[-1].to == ["nobody@example.com"]
    assert "No account here" in str(mail.outbox[-1].body)


def test_a_reset_asked_by_others_locks_nobody_out() -> None:
    somebody(email="dora@example.com")
    asked("dora@example.com")
    assert is_in(enter())


def test_a_reset_passes_no_second_factor() -> None:
    give_second_factor(somebody(email="dora@example.com"))
    asked("dora@example.com")
    chosen(Client())
    client = enter(password=OTHER)
    assert not is_in(client)
    assert client.get("/accounts/2fa/authenticate/").status_code == 200


@pytest.mark.parametrize(("password", "said"), [("12345678", "too common"), ("short", "too short")])
def test_a_weak_new_password_is_refused(password: str, said: str) -> None:
    somebody(email="dora@example.com")
    asked("dora@example.com")
    client = Client()
    path = client.get(link(), follow=True).redirect_chain[-1][0]
    answer = client.post(path, {"password1": password, "password2": password})
    assert said in answer.content.decode()
    assert is_in(enter())


def test_letters_to_one_address_are_few() -> None:
    somebody(email="dora@example.com")
    answers = [Client().post(ASKED, {"email": "dora@example.com"}).status_code for _ in range(8)]
    assert 429 in answers
    assert len(mail.outbox) <= 5


def test_a_new_password_signs_out_everywhere_else() -> None:
    somebody()
    here, there = enter(), enter()
    form = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert is_in(enter(password=OTHER))


def test_a_change_needs_the_password_now() -> None:
    somebody()
    client = enter()
    form = {"oldpassword": "wrong", "password1": OTHER, "password2": OTHER}
    answer = client.post("/accounts/password/change/", form)
    assert answer.status_code == 200
    assert is_in(enter())


def test_the_lock_counts_names_as_the_form_sends_them_and_says_how_long() -> None:
    somebody()
    client = Client()
    answers = [
        client.post("/accounts/login/", {"username": "dora", "password": "wrong"}) for _ in range(5)
    ]
    assert [one.status_code for one in answers] == [200, 200, 200, 200, 429]
    assert b"Wrong user or password." in answers[0].content
    assert b"quarter of an hour" in answers[-1].content
    assert not is_in(enter(client=client))


def test_an_unknown_name_is_refused_in_the_same_words() -> None:
    somebody()
    texts = {
        Client()
        .post("/accounts/login/", {"username": name, "password": "wrong"})
        .content.decode()
        .partition('role="alert"')[2][:200]
        for name in ("dora", "nobody")
    }
    assert len(texts) == 1


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", "javascript:x"])
def test_the_door_leads_to_no_other_house(next_page: str) -> None:
    somebody()
    form = {"username": "dora", "password": PASSWORD, "next": next_page}
    answer = Client().post("/accounts/login/", form)
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_the_door_leads_to_the_page_that_was_asked_for() -> None:
    somebody()
    form = {"username": "dora", "password": PASSWORD, "next": "/signals/?status=VOID"}
    answer = Client().post("/accounts/login/", form)
    assert answer["Location"] == "/signals/?status=VOID"
