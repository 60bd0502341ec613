"""Commands from Discord: signed, for the linked trader alone, and dangerous ones once, with his yes."""

import json
import time
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.brokers.models import Order
from apps.bus import bus
from apps.bus.models import FactRow, Inbox
from apps.notifications import deeds, sending, services
from apps.notifications.models import Confirmation, FollowUp, Sender
from apps.risk.domain.messages import AccountLocked
from apps.risk.domain.standing import LockKind
from apps.trades.domain.messages import CommandRefused
from tests.cast import Actor
from tests.factories import a_price, a_signal
from tests.integration.papertrading.rows import a_position, an_account, trading
from tests.services.discord import Discord, Fault

pytestmark = pytest.mark.django_db(transaction=True)
_ids = count(1)


def send(discord: Discord, said: dict[str, Any] | bytes, *, stamp: int | None = None, headers: dict[str, str] | None = None) -> Any:  # fmt: skip
    """Post an interaction as Discord does."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    signed = discord.signed(body, int(time.time()) if stamp is None else stamp)
    return Client().post(
        "/discord/interactions/", body, content_type="application/json",
        headers=signed if headers is None else headers,
    )  # fmt: skip


def command(name: str, whose: str = "100", **options: Any) -> dict[str, Any]:
    """Return a command as it comes from a server."""
    given = [{"name": key, "value": value} for key, value in options.items()]
    return {
        "id": str(next(_ids)), "type": 2, "member": {"user": {"id": whose}},
        "data": {"name": name, "options": given},
    }  # fmt: skip


def press(custom_id: str, whose: str = "100") -> dict[str, Any]:
    """Return a press of a button in a direct message."""
    return {
        "id": str(next(_ids)), "type": 3, "user": {"id": whose}, "data": {"custom_id": custom_id},
        "token": f"itoken{next(_ids)}",
    }  # fmt: skip


def text(answer: Any) -> str:
    """Return what Discord shows; only the asker sees it."""
    said = answer.json()
    assert answer.status_code == 200 and said["data"]["flags"] == 64
    return str(said["data"]["content"])


@pytest.fixture
def linked(discord: Discord, alice: Actor) -> Discord:
    """Alice, linked."""
    services.link_discord(user=alice.user, snowflake="100", username="alice_d")
    a_price("20020.00")
    return discord


def test_a_ping_is_answered_so_that_discord_takes_the_address(discord: Discord, db: None) -> None:
    assert send(discord, {"id": "1", "type": 1}).json() == {"type": 1}


def test_what_discord_has_not_signed_now_is_refused(linked: Discord, alice: Actor) -> None:
    said = command("flatten")
    body = json.dumps(said).encode()
    now = int(time.time())
    good = linked.signed(body, now)
    for headers in (
        {},
        good | {"X-Signature-Ed25519": "00" * 64},
        good | {"X-Signature-Ed25519": "zz"},
        good | {"X-Signature-Timestamp": str(now + 1)},
        good | {"X-Signature-Timestamp": "１２３"},
        Discord.signed(_Other(), body, now),  # type: ignore[arg-type]
    ):
        assert send(linked, body, headers=headers).status_code == 401
    assert send(linked, body + b" ", headers=good).status_code == 401
    assert send(linked, body, stamp=now - 3600).status_code == 401, "it is of an hour ago"
    assert send(linked, body, stamp=now + 3600).status_code == 401
    assert not Confirmation.objects.exists()


class _Other:
    """Somebody else's key."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.key = Ed25519PrivateKey.generate()


def test_an_interaction_sent_again_does_nothing_again(linked: Discord, alice: Actor) -> None:
    said = command("status")
    assert send(linked, said).status_code == 200
    assert send(linked, said).status_code == 401


@pytest.mark.parametrize("body", [b"[]", b"{", b"{}", b'{"type": 2}', b'{"type": 99, "id": "7"}', b'{"type": 2, "id": "8", "data": 3, "user": {"id": "100"}}'])  # fmt: skip
def test_nonsense_is_refused_and_breaks_nothing(linked: Discord, body: bytes) -> None:
    assert send(linked, body).status_code == 400


def test_without_a_public_key_the_door_is_closed(linked: Discord, settings: Any) -> None:
    settings.DISCORD_PUBLIC_KEY = ""
    assert send(linked, command("status")).status_code == 401


def test_status_tells_the_asker_his_own_accounts(linked: Discord, alice: Actor, bob: Actor) -> None:  # fmt: skip
    a_position(an_account(alice.user))
    an_account(bob.user, "Bobs own")
    said = text(send(linked, command("status")))
    assert "Alpha" in said and "Bobs" not in said
    assert "no stop" in said and "equity $" in said


def test_a_stranger_is_told_how_to_link_and_nothing_else(linked: Discord, alice: Actor) -> None:
    an_account(alice.user)
    said = text(send(linked, command("status", whose="999")))
    assert "linked to nobody" in said and "Alpha" not in said


def test_why_tells_every_check_of_ones_own_signal_only(
    linked: Discord, alice: Actor, bob: Actor
) -> None:
    mine, his = a_signal(alice.user), a_signal(bob.user)
    said = text(send(linked, command("why", signal=mine.key)))
    assert "✓ Session: NY AM" in said and f"/signals/{mine.key}/" in said
    assert "Session" in text(send(linked, command("why", signal=str(mine.pk))))
    assert "Session" in text(send(linked, command("why")))
    for asked in (his.key, str(his.pk), "9" * 30, "no such"):
        assert "no such signal" in text(send(linked, command("why", signal=asked)))


def buttons_of(answer: Any) -> list[str]:
    """Return what the buttons under a question send: yes, no."""
    return [one["custom_id"] for one in answer.json()["data"]["components"][0]["components"]]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have less patience with an engine that is not there."""
    monkeypatch.setattr(deeds, "ANSWERS_S", 0.05)


def test_lock_asks_first_and_then_the_engine_for_all_accounts_and_refuses_odd_minutes(
    linked: Discord, alice: Actor, bob: Actor, short: None
) -> None:
    services.link_discord(user=bob.user, snowflake="200", username="bob_d")
    assert "no open account" in text(send(linked, command("lock")))
    an_account(alice.user), an_account(alice.user, "Beta")
    for odd in (0, -5, 10_000, "ten", True, 1.5):
        assert "use a whole number from 1" in text(send(linked, command("lock", minutes=odd)))
    asked = send(linked, command("lock", minutes=30))
    assert "**Alpha**, **Beta**, each for 30 minutes? Nobody can undo it" in text(asked)
    assert not Inbox.objects.exists()
    yes, no = buttons_of(asked)
    assert "is over" in text(send(linked, press(yes, whose="200"))), "not Bob's question"
    said = text(send(linked, press(yes)))
    assert "Alpha" in said and "Beta" in said
    wishes = Inbox.objects.filter(kind="risk.lockout", user_id=alice.user.pk)
    assert wishes.count() == 2 and {one.expires_market_at for one in wishes} == {None}
    assert "is over" in text(send(linked, press(yes))) and wishes.count() == 2
    _, no = buttons_of(send(linked, command("lock")))
    assert "Left as it is" in text(send(linked, press(no))) and wishes.count() == 2


def test_many_accounts_and_an_engine_that_is_away_are_answered_within_discords_three_seconds(
    linked: Discord, alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        an_account(alice.user, f"Account {number}")
    yes, _ = buttons_of(send(linked, command("lock", minutes=5)))
    waits: list[float] = []
    real = bus.answer_to

    def waited(inbox_id: int, *, timeout: float) -> FactRow | None:
        waits.append(timeout)
        return real(inbox_id, timeout=timeout)

    monkeypatch.setattr(bus, "answer_to", waited)
    answer = send(linked, press(yes))
    assert len(waits) == 8 and sum(waits) < 2.5, "they wait together, not one after the other"
    assert answer.json()["type"] == 7 and text(answer).endswith("changes when it has answered.")
    assert text(answer).count("has not answered yet") == 8
    assert Inbox.objects.filter(kind="risk.lockout").count() == 8
    assert "itoken" not in str(connection_rows(FollowUp)), "Discord's token is sealed"


def test_an_engine_that_is_there_has_locked_every_account_when_the_press_is_answered(
    linked: Discord, alice: Actor
) -> None:
    rows = [an_account(alice.user), an_account(alice.user, "Beta")]
    with trading():
        yes, _ = buttons_of(send(linked, command("lock", minutes=30)))
        said = text(send(linked, press(yes)))
    assert [line.partition(" UTC")[0] for line in said.splitlines()] == [
        f"{one.name} takes no new entries until 15:40" for one in rows
    ]
    assert FactRow.objects.filter(name="risk.locked", user_id=alice.user.pk).count() == 2
    assert not FollowUp.objects.exists()


def connection_rows(model: Any) -> list[Any]:
    """Return the rows of a table as they lie in the database."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table}")
        return list(cursor.fetchall())


def locked(user: Any, wish: Inbox) -> None:
    """Have the engine grant a lock."""
    asked = json.loads(wish.payload)
    fact = AccountLocked(
        at=1, user=user.pk, account=asked["account"], number=wish.pk, wish=asked["id"],
        kind=LockKind.LOCKOUT, until_at=asked["until"], reason="You locked yourself out", blocks=True,
    )  # fmt: skip
    bus.publish(fact, cause=wish.pk)


class Later:
    """A question pressed while the engine is away, and the worker that edits its answer."""

    def __init__(self, discord: Discord, who: Actor) -> None:
        self.discord, self.who, self.now = discord, who, timezone.now()
        an_account(who.user), an_account(who.user, "Beta")
        self.said = press(buttons_of(send(discord, command("lock", minutes=30)))[0])
        self.token = self.said["token"]
        send(discord, self.said)
        self.wishes = list(Inbox.objects.order_by("id"))

    def work(self, seconds: float) -> dict[str, Any] | None:
        """Let the worker run so much later; return the answer as it was edited."""
        self.now += timedelta(seconds=seconds)
        sending.send_discord(clock=lambda: self.now)
        return self.discord.edits.get(self.token)


def test_an_answer_is_edited_once_the_engine_has_answered_for_every_account(
    linked: Discord, alice: Actor, short: None
) -> None:
    later = Later(linked, alice)
    assert later.work(1) is None
    locked(alice.user, later.wishes[0])
    assert later.work(6) is None, "Beta is not answered yet"
    bus.publish(
        CommandRefused(at=1, user=alice.user.pk, command="w", reason="ONLY_LONGER",
                       detail="until: you are locked out until six"),
        cause=later.wishes[1].pk,
    )  # fmt: skip
    edited = later.work(6)
    assert edited is not None and edited["components"] == []
    assert edited["content"].splitlines()[0].startswith("Alpha takes no new entries until")
    assert edited["content"].splitlines()[1] == "Beta: you are locked out until six"
    assert not FollowUp.objects.exists()
    later.work(60)
    assert len(linked.asked("/@original")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/@original", 429, {"retry_after": 30, "global": True}),
        Fault("/@original", 429, {"retry_after": 30, "global": False}),
        Fault("/@original", 503, "down"),
        Fault("/@original", drops=True),
    ],
)
def test_an_edit_waits_as_discord_asks_and_is_made_all_the_same(
    linked: Discord, alice: Actor, short: None, fault: Fault
) -> None:
    later = Later(linked, alice)
    for wish in later.wishes:
        locked(alice.user, wish)
    linked.faults.append(fault)
    assert later.work(1) is None
    assert later.work(1) is None, "not at once again"
    assert later.work(40) is not None and not FollowUp.objects.exists()


def test_a_worn_out_token_stops_neither_the_sender_nor_the_others(
    linked: Discord, alice: Actor, short: None
) -> None:
    later = Later(linked, alice)
    for wish in later.wishes:
        locked(alice.user, wish)
    linked.worn_out.add(later.token)
    assert later.work(1) is None and not FollowUp.objects.exists()
    assert Sender.objects.get(name="discord").stopped == ""


def test_what_is_never_answered_is_given_up_when_discord_takes_no_edit_any_more(
    linked: Discord, alice: Actor, short: None
) -> None:
    later = Later(linked, alice)
    later.work(13 * 60)
    assert FollowUp.objects.exists()
    assert later.work(2 * 60) is None and not FollowUp.objects.exists()


def test_flatten_asks_once_and_only_the_askers_own_press_within_a_minute_counts(
    linked: Discord, alice: Actor, bob: Actor
) -> None:
    services.link_discord(user=bob.user, snowflake="200", username="bob_d")
    assert "Nothing is open" in text(send(linked, command("flatten")))
    a_position(an_account(alice.user))
    answer = send(linked, command("flatten"))
    assert "Close all of this" in text(answer) and not Inbox.objects.exists()
    yes = answer.json()["data"]["components"][0]["components"][0]["custom_id"]
    assert "is over" in text(send(linked, press(yes, whose="200"))), "not Bob's question"
    assert not Inbox.objects.exists()
    text(send(linked, press(yes)))
    assert Inbox.objects.filter(kind="account.flatten", user_id=alice.user.pk).count() == 1
    assert "is over" in text(send(linked, press(yes)))
    assert Inbox.objects.count() == 1
    assert not Order.objects.exists()


def test_a_question_that_is_old_or_answered_no_closes_nothing(
    linked: Discord, alice: Actor
) -> None:
    a_position(an_account(alice.user))
    for old in (True, False):
        buttons = send(linked, command("flatten")).json()["data"]["components"][0]["components"]
        if old:
            for one in Confirmation.objects.filter(used_at=None):
                one.expires_at -= timedelta(seconds=61)
                one.save()
        pressed = buttons[0 if old else 1]["custom_id"]
        assert ("is over" if old else "Left as it is") in text(send(linked, press(pressed)))
        assert "is over" in text(send(linked, press(buttons[0]["custom_id"])))
    assert not Inbox.objects.exists()


def test_the_commands_are_registered(linked: Discord, capsys: Any) -> None:
    call_command("discord_commands")
    (got,) = linked.asked("/commands")
    assert [one["name"] for one in got.body] == ["status", "why", "lock", "flatten"]
    assert "/flatten" in capsys.readouterr().out
