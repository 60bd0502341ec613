"""One's addresses: what becomes of letters that may not go yet, and who is told of a change."""

import pytest
from django.core import mail
from django.test import Client

from tests.integration.users.people import PASSWORD, enter, link, proven, somebody

pytestmark = pytest.mark.django_db
PAGE = "/accounts/email/"


def asked(client: Client, **fields: str) -> bytes:
    return client.post(PAGE, fields, follow=True).content


def with_address(client: Client, address: str = "dora@example.com") -> Client:
    asked(client, email=address, action_add="1")
    client.post(link())
    return client


def test_a_second_letter_within_three_minutes_is_refused_aloud() -> None:
    somebody()
    client = proven()
    said = asked(client, email="dora@example.com", action_add="1")
    assert b"A letter was sent to dora@example.com" in said
    assert b"No letter was sent" not in said
    said = asked(client, email="dora@example.com", action_send="1")
    assert b"No letter was sent to dora@example.com" in said
    asked(client, email="dora@example.com", action_remove="1")
    said = asked(client, email="Dora@example.com", action_add="1")
    assert b"No letter was sent to dora@example.com" in said
    assert [one.subject for one in mail.outbox].count("tradehub: Confirm your address") == 1


def test_an_address_of_others_is_not_spoken_of() -> None:
    somebody()
    with_address(proven())
    somebody("emil")
    said = asked(proven("emil"), email="dora@example.com", action_send="1")
    assert b"No letter was sent" not in said


def test_an_address_that_is_no_longer_used_hears_of_it() -> None:
    somebody()
    client = with_address(with_address(proven()), "new@example.com")
    mail.outbox.clear()
    said = asked(client, email="new@example.com", action_primary="1")
    assert b"Letters go there from now on." in said
    assert mail.outbox[-1].to == ["dora@example.com"]
    assert "From now on they go to new@example.com." in mail.outbox[-1].body
    assert "Firefox on Linux" in mail.outbox[-1].body
    asked(client, email="dora@example.com", action_remove="1")
    assert mail.outbox[-1].to == ["new@example.com"]
    mail.outbox.clear()
    said = asked(client, email="new@example.com", action_remove="1")
    assert b"new@example.com was not removed: it is your last address" in said and not mail.outbox
    assert b'name="sure" required' in said
    said = asked(client, email="new@example.com", action_remove="1", sure="on")
    assert mail.outbox[-1].to == ["new@example.com"], "the last one hears it itself"
    assert b"can't be reset by letter" in said


def test_a_changed_password_leads_back_to_what_guards_the_account() -> None:
    somebody()
    fields = {"oldpassword": PASSWORD, "password1": "staple by the door", "password2": "staple by the door"}  # fmt: skip
    answer = enter().post("/accounts/password/change/", fields, follow=True)
    assert answer.redirect_chain[-1][0] == "/settings/security/"
    assert b"The new password is kept." in answer.content


def test_a_form_that_waited_for_the_proof_goes_where_it_belongs() -> None:
    somebody()
    client = enter()
    first = client.post("/settings/tokens/", {"name": "", "scope": "read", "days": "90"})
    shown = client.post(first["Location"], {"password": PASSWORD, "next": "/settings/tokens/"})
    assert b"This field is required." in shown.content
    assert b'action="/settings/tokens/"' in shown.content, "not back to the question who one is"
