"""The notification centre, its bell and its settings: one's own, and nobody else's."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from apps.notifications import choices, services
from apps.notifications.domain.kinds import ABOUT, Channel, Kind, groups
from apps.notifications.domain.wording import WORDS
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import Delivery, Notice, Preferences
from tests.cast import Actor

pytestmark = pytest.mark.django_db


def tell(user: Any, number: int, kind: Kind = Kind.CLOSED, path: str = "/manager/") -> Notice:
    """Keep a notice."""
    told = Told(kind, f"Notice {number}", "Net +$1.00.", path=path)
    row = services.notify(user=user, key=f"n{number}", told=told, now=timezone.now())
    assert row is not None
    return row


def test_an_empty_centre_says_what_to_do(alice: Actor) -> None:
    page = alice.client.get("/notices/").content.decode()
    assert "Nothing has happened yet" in page and "/settings/notifications/" in page


def test_the_centre_filters_pages_and_marks(alice: Actor) -> None:
    for number in range(35):
        tell(alice.user, number, Kind.STOP_HIT if number % 5 == 0 else Kind.CLOSED)
    page = alice.client.get("/notices/").content.decode()
    assert "35 notices" in page and "35 unread" in page and "Page 1 of 2" in page
    second = alice.client.get("/notices/?page=2").content.decode()
    assert "Notice 4<" in second and "Notice 34<" not in second
    stops = alice.client.get("/notices/?kind=stop_hit").content.decode()
    assert "7 notices" in stops
    assert "35 notices" in alice.client.get("/notices/?kind=nonsense&page=x").content.decode()
    one = Notice.objects.latest("id")
    answer = alice.client.post("/notices/read/", {"id": one.pk, "next": "/notices/?new=1"})
    assert answer["Location"] == "/notices/?new=1"
    assert "34 notices" in alice.client.get("/notices/?new=1").content.decode()
    alice.client.post("/notices/read/")
    bell = alice.client.get("/notices/bell/").content.decode()
    assert "bell-count" not in bell
    assert "No such notice" in alice.client.get("/notices/?new=1").content.decode()


def test_following_a_notice_reads_it_and_leads_on(alice: Actor, bob: Actor) -> None:
    row = tell(alice.user, 1, path="/prop/")
    assert bob.client.get(f"/notices/{row.pk}/").status_code == 404
    row.refresh_from_db()
    assert row.read_at is None
    assert alice.client.get(f"/notices/{row.pk}/")["Location"] == "/prop/"
    row.refresh_from_db()
    assert row.read_at is not None


def test_bob_sees_and_marks_nothing_of_alices(alice: Actor, bob: Actor) -> None:
    row = tell(alice.user, 1)
    assert "Notice 1" not in bob.client.get("/notices/").content.decode()
    assert "Notice 1" not in bob.client.get("/notices/list/").content.decode()
    assert "bell-count" not in bob.client.get("/notices/bell/").content.decode()
    assert bob.client.get("/api/notifications/").json()["count"] == 0
    bob.client.post("/notices/read/", {"id": row.pk})
    bob.client.post("/notices/read/")
    answer = bob.client.post(
        "/api/notifications/read/", {"ids": [row.pk]}, content_type="application/json"
    )
    assert answer.json() == {"marked": 0, "unread": 0}
    row.refresh_from_db()
    assert row.read_at is None


@pytest.mark.parametrize(
    "path",
    [
        "/notices/read/",
        "/settings/notifications/",
        "/settings/notifications/test/",
        "/oauth/discord/start/",
        "/oauth/discord/unlink/",
        "/api/notifications/read/",
        "/api/user/toggle-discord-dms/",
    ],
)
def test_nobody_changes_anything(path: str) -> None:
    answer = Client().post(path)
    if path.startswith("/api/"):
        assert answer.status_code == 401
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")


def test_the_api_lists_filters_and_marks(alice: Actor) -> None:
    first, second = tell(alice.user, 1), tell(alice.user, 2, Kind.STOP_HIT)
    got = alice.client.get("/api/notifications/").json()
    assert [one["id"] for one in got["results"]] == [second.pk, first.pk]
    assert alice.client.get("/api/notifications/?kind=stop_hit").json()["count"] == 1
    wrong = alice.client.get("/api/notifications/?kind=nonsense")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "kind"

    def mark(body: Any) -> Any:
        return alice.client.post("/api/notifications/read/", body, content_type="application/json")

    assert mark({"ids": [first.pk]}).json() == {"marked": 1, "unread": 1}
    assert alice.client.get("/api/notifications/?unread=true").json()["count"] == 1
    assert mark({"ids": ["x"]}).status_code == 400
    assert mark({"ids": [10**30]}).status_code == 400
    assert mark({}).json() == {"marked": 1, "unread": 0}


def test_the_switch_turns_and_says_how_it_stands(alice: Actor, bob: Actor) -> None:
    def turn(who: Actor, body: Any) -> Any:
        return who.client.post(
            "/api/user/toggle-discord-dms/", body, content_type="application/json"
        )

    off = {"discord_dms_enabled": False, "linked": False, "username": "", "broken": ""}
    assert turn(alice, {}).json() == off
    assert turn(alice, {"enabled": False}).json() == off
    assert turn(alice, {}).json()["discord_dms_enabled"] is True
    assert turn(alice, {"enabled": "perhaps"}).status_code == 400
    services.link_discord(user=bob.user, snowflake="200", username="bob_d")
    assert turn(bob, {}).json() == off | {"linked": True, "username": "bob_d"}
    assert choices.preferences(alice.user).discord_on


def test_choices_are_kept_and_shown(alice: Actor) -> None:
    answer = alice.client.post(
        "/settings/notifications/",
        {"way:stop_hit": ["email"], "breaks": ["stop_hit", "nonsense"], "quiet_from": "22:00",
         "quiet_to": "07:00", "discord_on": "on", "way:nonsense": ["email"]},
    )  # fmt: skip
    assert answer.status_code == 302
    prefs = Preferences.objects.get()
    assert choices.channels_of(prefs, Kind.STOP_HIT) == {Channel.EMAIL}
    assert choices.channels_of(prefs, Kind.CLOSED) == frozenset(), "nothing ticked is nothing"
    assert prefs.breaks == ["stop_hit"] and "nonsense" not in prefs.channels
    page = alice.client.get("/settings/notifications/").content.decode()
    assert 'value="22:00"' in page


@pytest.mark.parametrize(
    "times", [("22:00", ""), ("", "07:00"), ("25:99", "07:00"), ("22:00", "22:00")]
)
def test_half_a_quiet_hour_is_refused_and_what_was_ticked_stays(
    alice: Actor, times: tuple[str, str]
) -> None:
    answer = alice.client.post(
        "/settings/notifications/",
        {"way:stop_hit": ["email"], "quiet_from": times[0], "quiet_to": times[1]},
    )
    page = answer.content.decode()
    assert answer.status_code == 422 and 'class="error"' in page
    assert page.count("checked") == 1
    assert not Preferences.objects.exists()


def test_a_test_message_goes_by_every_open_way(alice: Actor) -> None:
    EmailAddress.objects.create(user=alice.user, email="alice@example.com", verified=True)
    services.link_discord(user=alice.user, snowflake="100", username="a")
    services.switch_discord(user=alice.user, on=False)
    answer = alice.client.post("/settings/notifications/test/", follow=True)
    assert "goes out by e-mail and Discord" in answer.content.decode()
    assert {one.channel for one in Delivery.objects.all()} == {"email", "discord"}


def test_what_did_not_get_out_is_said_under_its_notice(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    tell(alice.user, 1)
    Delivery.objects.update(status="given_up", reason="too old to be of use")
    assert "Discord: given up, too old to be of use" in alice.client.get("/notices/").content.decode()  # fmt: skip


def test_the_page_may_send_a_form_to_discord_and_no_other_may(alice: Actor) -> None:
    policy = "Content-Security-Policy"
    assert "form-action 'self' https://discord.com" in alice.client.get("/settings/notifications/")[policy]  # fmt: skip
    assert "discord" not in alice.client.get("/notices/")[policy]


def test_every_kind_has_its_words_and_its_place() -> None:
    assert set(ABOUT) == set(Kind)
    assert {kind for kinds in groups().values() for kind in kinds} == set(Kind) - {Kind.TEST}
    assert len(WORDS) >= 25
