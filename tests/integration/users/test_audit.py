"""The audit of the door: what happens is a fact of its owner, without a secret in it."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from apps.bus.models import FactRow
from apps.trades.queries import events
from apps.users import services
from apps.users.domain.messages import UserFact
from apps.users.models import Scope
from apps.users.queries import WORDS
from tests.integration.users.people import (
    OTHER,
    PASSWORD,
    code_of,
    enter,
    give_second_factor,
    is_in,
    link,
    proven,
    somebody,
)

pytestmark = pytest.mark.django_db


def told(user_id: int) -> list[tuple[str, dict[str, object]]]:
    rows = FactRow.objects.filter(user_id=user_id, name__startswith="user.").order_by("seq")
    return [(row.name.removeprefix("user."), row.payload) for row in rows]


def test_a_sign_in_and_a_wrong_password_are_told_with_their_address() -> None:
    dora = somebody()
    enter(password="wrong-secret")
    enter()
    (failed, why), (came, how) = told(dora.pk)
    assert (failed, why["what"], why["address"]) == ("sign_in_failed", "password", "127.0.0.1")
    assert (came, how["agent"][:11]) == ("signed_in", "Mozilla/5.0")
    assert "wrong-secret" not in json.dumps(why)


def test_a_name_that_nobody_has_is_not_written_down() -> None:
    enter(name="my-password-by-mistake")
    assert not FactRow.objects.exists()


def test_who_is_locked_out_fills_no_table() -> None:
    dora = somebody()
    for _ in range(12):
        enter(password="wrong")
    whats = [fact["what"] for _, fact in told(dora.pk)]
    assert whats[:4] == ["password"] * 4
    assert set(whats[4:]) == {"locked out"}
    assert len(whats) <= 6, "once in a quarter of an hour, which may just have begun"


def test_a_wrong_code_and_a_right_one() -> None:
    dora = somebody()
    secret, _ = give_second_factor(dora)
    client = enter()
    assert told(dora.pk) == [], "half a sign-in is none"
    client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_in(client)
    assert [(name, fact.get("what")) for name, fact in told(dora.pk)] == [
        ("sign_in_failed", "second factor"), ("signed_in", None),
    ]  # fmt: skip


def test_passwords_factors_and_sessions_are_told_without_secrets() -> None:
    dora = somebody(email="dora@example.com")
    client = proven()
    form = {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER}
    client.post("/accounts/password/change/", form)
    give_second_factor(dora)
    services.forget_second_factor(user=dora)
    names = [(name, fact.get("how")) for name, fact in told(dora.pk)]
    assert ("password_changed", "changed") in names
    assert names.count(("second_factor_changed", "taken away")) == 2
    assert PASSWORD not in json.dumps(told(dora.pk))
    assert OTHER not in json.dumps(told(dora.pk))


def test_a_reset_by_letter_is_told() -> None:
    dora = somebody(email="dora@example.com")
    cache.clear()
    client = Client()
    client.post("/accounts/password/reset/", {"email": "dora@example.com"})
    form = client.get(link(), follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": OTHER, "password2": OTHER})
    assert ("password_changed", "reset") in [(n, fact.get("how")) for n, fact in told(dora.pk)]


def test_a_token_is_told_when_made_and_when_revoked_without_its_secret() -> None:
    dora = somebody()
    row, secret = services.make_token(
        user=dora, name="sheet", scope=Scope.READ, good_for=timedelta(days=1)
    )
    services.revoke_token(user=dora, pk=row.pk)
    services.revoke_token(user=dora, pk=row.pk)
    assert [name for name, _ in told(dora.pk)] == ["token_made", "token_revoked"]
    text = json.dumps(told(dora.pk))
    assert secret not in text
    assert row.digest not in text


def test_the_desks_rail_leaves_the_door_out() -> None:
    dora = somebody()
    enter()
    assert FactRow.objects.filter(user_id=dora.pk).exists()
    assert events(dora) == []


def test_each_person_reads_his_own_latest_on_the_security_page() -> None:
    dora, erik = somebody(), somebody("erik")
    enter(password="wrong")
    services.make_token(user=dora, name="sheet <b>", scope=Scope.READ)
    services.make_token(user=erik, name="eriks own", scope=Scope.READ)
    page = enter().get("/settings/security/").content.decode()
    for words in ("Refused: wrong password", "Signed in", "Firefox on Linux", "127.0.0.1"):
        assert words in page
    assert "Token “sheet &lt;b&gt;” made" in page
    assert "eriks own" not in page


def test_every_fact_of_the_door_has_words() -> None:
    kinds = {kind.name for kind in UserFact.__subclasses__()}
    assert kinds == set(WORDS)
