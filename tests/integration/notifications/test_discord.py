"""Direct messages: as Discord asks, once, and never again to somebody who can't be written to."""

import threading
from typing import Any

import httpx
import pytest

from apps.bus.models import LeaseRow
from apps.notifications.discord import Discord as Line
from apps.notifications.domain.kinds import Kind
from apps.notifications.models import Delivery, DiscordLink, Notice, Sender
from tests.cast import Actor
from tests.integration.notifications.told import Desk
from tests.services.discord import TOKEN, Fault

pytestmark = pytest.mark.django_db


def test_a_message_goes_out_once_with_its_words_and_a_link_back(desk: Desk) -> None:
    row = desk.tell("MNQ long closed, +1.5 R")
    assert desk.send() == 1
    assert desk.send() == 0
    (message,) = desk.discord.messages
    assert message["content"] == "• **MNQ long closed, +1.5 R**"
    assert "https://desk.example.com/manager/" in message["embeds"][0]["description"]
    sent = desk.discord.asked("/messages")[0]
    assert sent.headers["User-Agent"].startswith("DiscordBot (https://")
    assert sent.body["enforce_nonce"] and sent.body["allowed_mentions"] == {"parse": []}
    one = desk.delivery(row)
    assert (one.status, one.message) == ("sent", message["id"])


def test_the_conversation_is_opened_once_for_all_messages(desk: Desk) -> None:
    desk.tell(), desk.tell()
    assert desk.send() == 2
    assert len(desk.discord.asked("/channels")) == 1


def test_a_name_with_a_mention_or_markdown_is_shown_as_it_stands(desk: Desk) -> None:
    desk.tell("@everyone *Alpha* [x](http://evil)")
    desk.send()
    assert r"\@everyone \*Alpha\* \[x\]\(http\://evil\)" in desk.discord.texts()[0]


@pytest.mark.parametrize("is_global", [False, True])
def test_silence_is_kept_as_long_as_discord_asks(desk: Desk, is_global: bool) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 7.5, "global": is_global}
    desk.discord.faults.append(Fault(status=429, body=body))
    desk.tell("first"), desk.tell("second")
    assert desk.send() == 0
    asked = len(desk.discord.got)
    desk.wait(7.4)
    assert desk.send() == 0 and len(desk.discord.got) == asked, "nothing is asked meanwhile"
    desk.wait(0.2)
    assert desk.send() == 2
    assert ["first" in text for text in desk.discord.texts()] == [True, False]


def test_a_global_pause_holds_everybody_and_a_routes_own_only_its_person(
    desk: Desk, bob: Actor
) -> None:
    other = Desk(desk.discord, bob, desk.now)
    other.link("200")
    desk.discord.faults.append(Fault(status=429, body={"retry_after": 30, "global": False}))
    desk.tell()
    other.tell("to bob")
    assert desk.send() == 1 and "to bob" in desk.discord.texts()[0]
    desk.wait(31)
    desk.discord.faults.append(Fault(status=429, body={"retry_after": 30, "global": True}))
    other.now = desk.now
    other.tell("again")
    assert desk.send() == 0
    desk.wait(31)
    assert desk.send() == 2


def test_a_429_of_a_door_before_discord_silences_everybody_for_a_minute(desk: Desk) -> None:
    desk.discord.faults.append(Fault(status=429, body="<html>blocked</html>"))
    desk.tell()
    assert desk.send() == 0
    desk.wait(59)
    assert desk.send() == 0
    desk.wait(2)
    assert desk.send() == 1


@pytest.mark.parametrize(
    "body", ["<html>Access denied</html>", {"code": 40333, "message": "internal network error"},
             {"code": 20026, "message": "This bot has been flagged"}],
)  # fmt: skip
def test_a_desk_that_is_barred_breaks_nobodys_link(desk: Desk, body: Any) -> None:
    desk.discord.faults.append(Fault(status=403, body=body))
    row = desk.tell()
    assert desk.send() == 0
    assert "bars this desk" in desk.delivery(row).reason
    asked = len(desk.discord.got)
    desk.wait(599)
    assert desk.send() == 0 and len(desk.discord.got) == asked
    desk.wait(2)
    assert desk.send() == 1 and not DiscordLink.objects.get().broken


def test_a_fault_of_ours_in_one_message_holds_up_no_other(desk: Desk) -> None:
    bad, good = desk.tell(), desk.tell()
    Notice.objects.filter(pk=bad.pk).update(severity="unheard")
    assert desk.send() == 1
    assert desk.delivery(good).status == "sent"
    assert "fault of ours" in desk.delivery(bad).reason
    desk.wait(7 * 3600)
    desk.send()
    assert desk.delivery(bad).status == "given_up"


def test_a_used_up_route_waits_before_it_is_refused(desk: Desk) -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "2.5"}
    desk.discord.faults.append(Fault(status=200, body={"id": "1"}, headers=headers))
    desk.tell(), desk.tell()
    assert desk.send() == 1
    assert desk.send() == 0
    desk.wait(2.6)
    assert desk.send() == 1


def test_somebody_who_takes_no_messages_is_told_in_the_app_and_never_asked_again(
    desk: Desk,
) -> None:
    desk.discord.closed.add("100")
    row, later = desk.tell(), desk.tell()
    assert desk.send() == 0
    assert len(desk.discord.asked("/messages")) == 1, "one bad answer, not one for each message"
    assert {desk.delivery(one).status for one in (row, later)} == {"given_up"}
    link = DiscordLink.objects.get()
    assert "take no messages" in link.broken or "takes no messages" in link.broken or link.broken
    told = Notice.objects.get(kind=Kind.CHANNEL)
    assert "link it again" in told.body
    after = desk.tell()
    desk.wait(3600)
    desk.send()
    assert len(desk.discord.asked("/messages")) == 1
    assert desk.delivery(after).status == "suppressed"
    page = desk.who.client.get("/settings/notifications/").content.decode()
    assert "bot" in page and "Link again" in page


def test_a_bad_token_stops_everything_until_another_is_set(
    desk: Desk, carol: Actor, settings: Any
) -> None:
    desk.discord.token = "another"
    desk.tell(), desk.tell()
    assert desk.send() == 0
    asked = len(desk.discord.got)
    desk.wait(60)
    assert desk.send() == 0 and len(desk.discord.got) == asked
    assert "operator" in Sender.objects.get(name="discord").stopped
    assert Notice.objects.get(user=carol.user).title == "Discord sends nothing"
    page = desk.who.client.get("/settings/notifications/").content.decode()
    assert "bot token" in page and TOKEN not in page
    settings.DISCORD_BOT_TOKEN = "another"
    assert desk.send() == 2


def test_a_message_that_discord_cannot_read_is_given_up_and_the_link_stays(desk: Desk) -> None:
    body = {"code": 50035, "message": "Invalid Form Body", "errors": {}}
    desk.discord.faults.append(Fault(status=400, body=body))
    row, later = desk.tell(), desk.tell()
    assert desk.send() == 1
    assert (desk.delivery(row).status, desk.delivery(later).status) == ("given_up", "sent")
    assert not DiscordLink.objects.get().broken


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, {"code": 0, "message": "404: Not Found"}), (405, None), (404, None), (413, None)],
)
def test_a_refusal_that_is_about_nobody_breaks_nobodys_link(
    desk: Desk, status: int, body: Any
) -> None:
    desk.discord.faults.append(Fault(status=status, body=body))
    row, later = desk.tell(), desk.tell()
    assert desk.send() == 1
    assert (desk.delivery(row).status, desk.delivery(later).status) == ("given_up", "sent")
    assert not DiscordLink.objects.get().broken and not Notice.objects.filter(kind=Kind.CHANNEL)


def test_a_conversation_that_cannot_be_opened_is_tried_ever_less_and_keeps_the_order(
    desk: Desk,
) -> None:
    desk.discord.faults.append(Fault(path="/channels"))
    desk.tell("opened"), desk.tell("closed")
    assert desk.send() == 0, "closed does not overtake opened"
    assert len(desk.discord.asked("/channels")) == 1
    desk.discord.faults.extend(Fault(path="/channels") for _ in range(40))
    for _ in range(40):
        desk.wait(2.1)
        assert desk.send() == 0
    assert len(desk.discord.asked("/channels")) < 12, "not every two seconds"
    desk.discord.faults.clear()
    desk.wait(600)
    assert desk.send() == 2
    assert ["opened" in desk.discord.texts()[0], "closed" in desk.discord.texts()[1]] == [True] * 2


def test_an_unknown_conversation_is_opened_anew_once(desk: Desk) -> None:
    gone = Fault(status=404, body={"code": 10003, "message": "Unknown Channel"})
    desk.discord.faults.append(gone)
    desk.tell()
    assert desk.send() == 1
    assert len(desk.discord.asked("/channels")) == 2
    desk.discord.faults.extend([gone, gone])
    row = desk.tell()
    assert desk.send() == 0
    assert desk.delivery(row).status == "given_up" and DiscordLink.objects.get().broken


@pytest.mark.parametrize("fault", [Fault(status=502, does=True), Fault(drops=True, does=True)])
def test_an_answer_that_got_lost_makes_no_second_message(desk: Desk, fault: Fault) -> None:
    desk.discord.faults.append(fault)
    row = desk.tell()
    assert desk.send() == 0
    desk.wait(10)
    assert desk.send() == 1
    assert len(desk.discord.messages) == 1
    first, second = (one.body["nonce"] for one in desk.discord.asked("/messages"))
    assert first == second == desk.delivery(row).nonce


def test_after_the_nonce_is_forgotten_it_is_looked_up_before_it_is_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "apps.notifications.sending.IN_ORDER", 0
    )  # both are tried before either is known
    desk.discord.faults.append(Fault(drops=True, does=True))
    desk.discord.faults.append(Fault(drops=True, does=False))
    arrived = desk.tell("arrived")
    lost = desk.tell("lost")
    assert desk.send() == 0
    desk.wait(1000)
    assert desk.send() == 2
    assert [("arrived" in text, "lost" in text) for text in desk.discord.texts()] == [
        (True, False),
        (False, True),
    ]
    assert {desk.delivery(one).status for one in (arrived, lost)} == {"sent"}


def test_a_discord_that_never_answers_holds_nobody_up_for_long(desk: Desk, settings: Any) -> None:
    desk.discord.faults.append(Fault(slow_s=1.0, does=True))

    def line() -> Line:
        return Line(httpx.Client(timeout=httpx.Timeout(50, read=0.2)))

    row = desk.tell()
    assert desk.send(line) == 0
    assert "did not answer" in desk.delivery(row).reason
    while not desk.discord.messages:  # it is done all the same, as soon as the server gets to it
        threading.Event().wait(0.005)
    desk.wait(5)
    assert desk.send() == 1 and len(desk.discord.messages) == 1


def test_one_worker_sends_at_a_time_and_a_dead_ones_lease_ends(desk: Desk) -> None:
    desk.tell()
    LeaseRow.objects.create(name="discord", holder="another", held_until=desk.now)
    desk.wait(-1)
    assert desk.send() == 0
    desk.wait(2)
    assert desk.send() == 1


def test_what_a_dead_worker_was_sending_is_sent_again_under_its_nonce(desk: Desk) -> None:
    row = desk.tell()
    one = desk.delivery(row)
    Delivery.objects.filter(pk=one.pk).update(status="sending", unknown_since=desk.now, attempts=1)
    assert desk.send() == 1
    assert desk.delivery(row).status == "sent"


def test_an_old_message_is_given_up_with_its_reason(desk: Desk) -> None:
    desk.discord.faults.append(Fault(status=503))
    row = desk.tell()
    desk.send()
    desk.wait(7 * 3600)
    assert desk.send() == 0
    one = desk.delivery(row)
    assert one.status == "given_up" and "too old" in one.reason and "503" in one.reason


def test_nothing_is_sent_and_nothing_fails_while_nothing_is_set_up(
    settings: Any, alice: Actor
) -> None:
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "PUBLIC_KEY"):
        setattr(settings, f"DISCORD_{name}", "")
    from apps.notifications.sending import send_discord

    assert send_discord() == 0
    page = alice.client.get("/settings/notifications/").content.decode()
    assert "DISCORD_BOT_TOKEN" in page
    answer = alice.client.post("/oauth/discord/start/")
    assert answer.status_code == 302 and answer["Location"] == "/settings/notifications/"
