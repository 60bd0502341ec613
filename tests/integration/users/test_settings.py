"""Settings: preferences, and where somebody is signed in."""

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.users.models import User
from apps.users.services import sessions_of
from tests.cast import Actor
from tests.integration.users.people import PASSWORD, enter, is_in, proven, somebody

pytestmark = pytest.mark.django_db
WISH = {"time_zone": "Europe/Berlin", "theme": "light", "units": "money", "sounds": "on"}
PAGES = (
    "/settings/", "/settings/security/", "/settings/sessions/", "/settings/tokens/",
    "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
)  # fmt: skip
DOORS = (
    "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/",
    "/accounts/password/reset/done/", "/accounts/password/reset/key/done/",
    "/accounts/confirm-email/", "/accounts/inactive/",
)  # fmt: skip


def test_preferences_are_kept_and_seen_at_once() -> None:
    somebody()
    client = enter()
    assert client.post("/settings/", WISH).status_code == 302
    user = User.objects.get(username="dora")
    assert (user.time_zone, user.theme, user.units, user.sounds) == (
        "Europe/Berlin", "light", "money", True,
    )  # fmt: skip
    page = client.get("/settings/").content.decode()
    assert 'data-theme="light"' in page
    assert '<body data-units="money" data-sounds="on">' in page
    again = client.get("/accounts/reauthenticate/").content.decode()
    assert 'data-theme="light"' in again, "the door that is asked again is his as well"
    assert "data-theme" not in Client().get("/accounts/login/").content.decode()
    assert client.get("/api/auth/check-auth/").json()["user"]["units"] == "money"
    client.post("/settings/", {name: value for name, value in WISH.items() if name != "sounds"})
    assert b'data-sounds="off">' in client.get("/settings/").content


@pytest.mark.parametrize(
    "wrong", [{"time_zone": "Mars/Base"}, {"theme": "pink"}, {"units": "pips"}, {"time_zone": ""}]
)
def test_what_cannot_be_used_is_not_kept(wrong: dict[str, str]) -> None:
    somebody()
    client = enter()
    answer = client.post("/settings/", WISH | wrong)
    assert answer.status_code == 200
    assert b'class="error"' in answer.content
    user = User.objects.get(username="dora")
    assert (user.time_zone, user.theme, user.units, user.sounds) == (
        "America/New_York", "system", "r", False,
    )  # fmt: skip


def test_nobody_gives_himself_more_than_preferences() -> None:
    somebody()
    enter().post("/settings/", WISH | {"is_staff": "1", "username": "root", "must_confirm": "1"})
    user = User.objects.get(username="dora")
    assert (user.is_staff, user.must_confirm) == (False, False)


@pytest.mark.parametrize("path", PAGES)
def test_each_page_stands_inside_the_desk_without_inline_code(path: str) -> None:
    somebody(email="dora@example.com")
    answer = proven().get(path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'class="topbar"' in page
    assert 'aria-label="Settings"' in page
    _no_inline(page)


@pytest.mark.parametrize("path", DOORS)
def test_each_page_at_the_door_is_ours_without_inline_code(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert 'class="door"' in answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    _no_inline(answer.content.decode())


def _no_inline(page: str) -> None:
    for tag in page.split("<script")[1:]:
        assert (
            " src=" in tag.partition(">")[0] or 'type="application/json"' in tag.partition(">")[0]
        )
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_the_menu_leads_to_the_settings(alice: Actor) -> None:
    assert b'href="/settings/"' in alice.client.get("/").content


def test_sessions_are_listed_and_one_is_ended() -> None:
    somebody()
    here, there = (
        enter(),
        enter(client=Client(headers={"user-agent": "Mozilla/5.0 (iPhone) Safari/605"})),
    )
    page = here.get("/settings/sessions/").content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert page.count("this one") == 1
    pk = UserSession.objects.get(session_key=there.session.session_key).pk
    assert here.post(f"/settings/sessions/{pk}/end/").status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert "iPhone" not in here.get("/settings/sessions/").content.decode()


def test_all_others_are_ended_at_once() -> None:
    somebody()
    here, *others = (enter() for _ in range(3))
    here.post("/settings/sessions/end/")
    assert is_in(here)
    assert not any(is_in(one) for one in others)


def test_a_session_that_was_there_before_is_listed_once_it_is_used(alice: Actor) -> None:
    client = Client()
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    UserSession.objects.all().delete()
    client.get("/settings/")
    assert UserSession.objects.get().user == alice.user


def test_the_own_session_is_not_ended_by_its_number() -> None:
    somebody()
    client = enter()
    pk = UserSession.objects.get().pk
    assert client.post(f"/settings/sessions/{pk}/end/").status_code == 404
    assert is_in(client)


def test_sessions_of_others_are_neither_seen_nor_ended() -> None:
    somebody("alice")
    somebody()
    alices, client = enter("alice"), enter()
    UserSession.objects.filter(user__username="alice").update(ip="203.0.113.9")
    assert b"203.0.113.9" not in client.get("/settings/sessions/").content
    pk = UserSession.objects.get(user__username="alice").pk
    assert client.post(f"/settings/sessions/{pk}/end/").status_code == 404
    client.post("/settings/sessions/end/")
    assert is_in(alices)


def test_an_ended_session_of_somebody_signed_out_is_gone() -> None:
    somebody()
    here, there = enter(), enter()
    there.post("/accounts/logout/")
    here.get("/settings/sessions/")
    assert UserSession.objects.count() == 1


def test_a_session_of_an_old_password_or_of_yesterday_is_not_listed() -> None:
    user = somebody()
    here, old, late = enter(), enter(), enter()
    Session.objects.filter(pk=late.session.session_key).update(expire_date=timezone.now())
    session = old.session
    session[HASH_SESSION_KEY] = "of another password"
    session.save()
    listed = [one.session_key for one in sessions_of(user)]
    assert listed == [here.session.session_key]
    assert UserSession.objects.filter(user=user).count() == 1


def test_many_sessions_cost_no_more_questions_than_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    user = somebody()
    enter()
    with django_assert_num_queries(2):
        assert len(sessions_of(user)) == 1
    for _ in range(4):
        enter()
    with django_assert_num_queries(2):
        assert len(sessions_of(user)) == 5


def test_an_address_is_added_and_removed() -> None:
    somebody()
    client = enter()
    client.post("/accounts/email/", {"action_add": "1", "email": "dora@example.com"})
    assert b"dora@example.com" in client.get("/accounts/email/").content
    client.post(
        "/accounts/email/", {"action_remove": "1", "email": "dora@example.com", "sure": "1"}
    )
    client.get("/settings/")  # says that it is gone
    assert b"dora@example.com" not in client.get("/settings/security/").content
    bad = client.post("/accounts/email/", {"action_add": "1", "email": "dora"})
    assert bad.status_code == 200
    assert PASSWORD.encode() not in bad.content
