"""Discord is linked by the one who began it, once, and to one trader."""

import io
import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apps.notifications import services
from apps.notifications.models import Delivery, DiscordLink
from tests.cast import Actor
from tests.integration.notifications.told import Desk
from tests.services.discord import SECRET, TOKEN, Discord, Fault

pytestmark = pytest.mark.django_db
BACK = "/oauth/discord/callback/"


def begin(client: Client) -> str:
    """Press Link, and return where the browser is sent."""
    answer = client.post("/oauth/discord/start/")
    assert answer.status_code == 302
    return str(answer["Location"])


def come_back(client: Client, **said: str) -> str:
    """Come back from Discord, and return the page that says what came of it."""
    answer = client.get(BACK, said, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[0][0] == "/settings/notifications/"
    return answer.content.decode().replace("&#x27;", "'")


def test_a_trader_links_his_own_account_and_nothing_of_his_token_is_kept(
    discord: Discord, alice: Actor
) -> None:
    url = begin(alice.client)
    asked = parse_qs(urlsplit(url).query)
    assert asked["scope"] == ["identify"] and asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["https://desk.example.com" + BACK]
    page = come_back(alice.client, **discord.consent(url, "100"))
    assert "Linked with alice_d" in page
    link = DiscordLink.objects.get()
    assert (link.user, link.snowflake, link.username) == (alice.user, "100", "alice_d")
    assert discord.grants == {}, "the token is revoked as soon as it has told who he is"
    kept = str(DiscordLink.objects.values().get()) + str(dict(alice.client.session))
    assert "access-hunter2" not in kept and "discord_link" not in dict(alice.client.session)


def test_a_code_works_once_and_the_second_time_says_so(discord: Discord, alice: Actor) -> None:
    url = begin(alice.client)
    said = discord.consent(url, "100")
    come_back(alice.client, **said)
    assert "Press Link Discord and try again" in come_back(alice.client, **said)
    again = parse_qs(urlsplit(begin(alice.client)).query)["state"][0]
    page = come_back(alice.client, code=said["code"], state=again)
    assert "each works once" in page


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000])
def test_a_forged_state_links_nothing(discord: Discord, alice: Actor, state: str) -> None:
    said = discord.consent(begin(alice.client), "200")
    page = come_back(alice.client, code=said["code"], state=state)
    assert "does not belong to a link which was begun here" in page
    assert not DiscordLink.objects.exists()
    assert not discord.asked("/oauth2/token"), "the code is not even tried"
    assert "does not belong" in come_back(alice.client, **said), "and the true state is used up"


def test_the_state_of_one_is_worth_nothing_to_another(
    discord: Discord, alice: Actor, bob: Actor
) -> None:
    said = discord.consent(begin(bob.client), "200")
    begin(alice.client)
    assert "does not belong" in come_back(alice.client, **said)
    assert not DiscordLink.objects.exists()


def test_a_stolen_code_without_its_verifier_is_refused(discord: Discord, alice: Actor, bob: Actor) -> None:  # fmt: skip
    stolen = discord.consent(begin(bob.client), "200")["code"]
    own = parse_qs(urlsplit(begin(alice.client)).query)["state"][0]
    assert "each works once" in come_back(alice.client, code=stolen, state=own)
    assert not DiscordLink.objects.exists()


def test_an_account_that_is_another_traders_is_refused(
    discord: Discord, alice: Actor, bob: Actor
) -> None:
    services.link_discord(user=bob.user, snowflake="100", username="bob")
    page = come_back(alice.client, **discord.consent(begin(alice.client), "100"))
    assert "linked to another trader" in page and "bob" not in page
    assert DiscordLink.objects.get().user == bob.user


def test_a_no_and_a_silence_and_a_wrong_secret_are_said(
    discord: Discord, alice: Actor, settings: Any
) -> None:
    state = parse_qs(urlsplit(begin(alice.client)).query)["state"][0]
    assert "you said no" in come_back(alice.client, error="access_denied", state=state)
    discord.faults.append(Fault(path="/oauth2/token", status=503))
    assert "did not answer" in come_back(
        alice.client, **discord.consent(begin(alice.client), "100")
    )
    discord.faults.append(Fault(path="/users/@me", drops=True))
    assert "did not answer" in come_back(
        alice.client, **discord.consent(begin(alice.client), "100")
    )
    url = begin(alice.client)
    settings.DISCORD_CLIENT_SECRET = "wrong"
    assert "operator has to correct" in come_back(alice.client, **discord.consent(url, "100"))
    assert not DiscordLink.objects.exists()


def test_linking_anew_mends_and_unlinking_gives_up_what_waits(desk: Desk, alice: Actor) -> None:
    services.break_link(link=DiscordLink.objects.get(), reason="Closed.", now=desk.now)
    come_back(alice.client, **desk.discord.consent(begin(alice.client), "100"))
    assert not DiscordLink.objects.get().broken
    row = desk.tell()
    answer = alice.client.post("/oauth/discord/unlink/", follow=True)
    assert "Discord is unlinked" in answer.content.decode()
    assert Delivery.objects.get(notice=row).status == "given_up"
    assert desk.send() == 0 and not desk.discord.messages


def test_no_secret_is_in_a_log_or_an_answer(
    discord: Discord, alice: Actor, settings: Any, bob: Actor
) -> None:
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        pages = [come_back(alice.client, **discord.consent(begin(alice.client), "100"))]
        desk = Desk(discord, alice, services.timezone.now())
        desk.tell()
        desk.send()
        discord.closed.add("100")
        desk.wait(1)
        desk.tell()
        desk.send()
        discord.token = "another"
        other = Desk(discord, bob, desk.now)
        other.link("200")
        other.tell()
        other.send()
        pages.append(alice.client.get("/settings/notifications/").content.decode())
        pages.append(alice.client.get("/api/notifications/").content.decode())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    said = heard.getvalue() + "".join(pages)
    assert "discord.stopped" in said
    for secret in (TOKEN, SECRET, "access-hunter2", "code-0-100"):
        assert secret not in said
