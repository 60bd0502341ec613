"""Letters: plain, once, and given up rather than doubled."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from apps.notifications import mailing
from apps.notifications.domain.kinds import Kind
from apps.notifications.models import Delivery
from tests.cast import Actor
from tests.integration.notifications.test_centre import tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def addressed(alice: Actor) -> Actor:
    """Alice, with an address that she has confirmed."""
    EmailAddress.objects.create(user=alice.user, email="alice@example.com", verified=True)
    return alice


class Server:
    """A mail server that answers each command as it is told to, and drops the line where it is told so."""

    def __init__(self, **answers: str) -> None:
        self.answers, self.letters = answers, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Close the door."""
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes who waits for a caller
        self.socket.close()
        self.thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:
                return
            with line, line.makefile("rwb") as talk:
                self._talk(talk)

    def _talk(self, talk: Any) -> None:
        def say(words: str) -> None:
            talk.write(words.encode() + b"\r\n")
            talk.flush()

        say("220 here")
        for raw in talk:
            word = raw.split()[0].upper().decode() if raw.split() else ""
            word = word.partition(":")[0]
            if word == "DATA" and "DATA" not in self.answers:
                say("354 go on")
                while (got := talk.readline()) not in (b".\r\n", b""):
                    del got
                self.letters += 1
                word = "END"
            answer = self.answers.get(word, "250 yes")
            if answer == "drop":
                return
            say(answer)
            if word == "QUIT":
                return


@pytest.fixture
def server(settings: Any) -> Iterator[Any]:
    made: list[Server] = []

    def begin(**answers: str) -> Server:
        one = Server(**answers)
        made.append(one)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", one.port
        settings.EMAIL_TIMEOUT = 5
        return one

    yield begin
    for one in made:
        with suppress(OSError):
            one.stop()


def test_a_letter_says_what_happened_and_leads_back(addressed: Actor, settings: Any) -> None:
    settings.PUBLIC_URL = "https://desk.example.com"
    tell(addressed.user, 1, Kind.RISK_LOCK, "/prop/")
    assert mailing.send_mail() == 1
    assert mailing.send_mail() == 0
    (letter,) = mail.outbox
    assert (letter.subject, letter.to) == ("tradehub: Notice 1", ["alice@example.com"])
    assert "https://desk.example.com/prop/" in letter.body
    assert "https://desk.example.com/settings/notifications/" in letter.body
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_server_that_is_away_is_tried_again(addressed: Actor, server: Any, settings: Any) -> None:
    server().stop()
    tell(addressed.user, 1, Kind.RISK_LOCK)
    assert mailing.send_mail() == 0
    one = Delivery.objects.get()
    assert one.status == "queued" and one.next_at > timezone.now() and one.attempts == 1


@pytest.mark.parametrize(
    ("answers", "status", "letters"),
    [
        ({}, "sent", 1),
        ({"MAIL": "451 later"}, "queued", 0),
        ({"MAIL": "554 never"}, "given_up", 0),
        ({"RCPT": "550 no such person"}, "given_up", 0),
        ({"END": "drop"}, "given_up", 1),
    ],
)
def test_what_the_mail_server_says_decides(
    addressed: Actor, server: Any, answers: dict[str, str], status: str, letters: int
) -> None:
    one = server(**answers)
    tell(addressed.user, 1, Kind.RISK_LOCK)
    mailing.send_mail()
    mailing.send_mail()
    row = Delivery.objects.get()
    assert (row.status, one.letters) == (status, letters), row.reason
    if answers.get("END") == "drop":
        assert "may have been sent" in row.reason


def test_what_a_dead_worker_was_sending_is_not_sent_twice(addressed: Actor) -> None:
    tell(addressed.user, 1, Kind.RISK_LOCK)
    Delivery.objects.update(status="sending")
    mailing.send_mail()
    assert Delivery.objects.get().status == "given_up" and not mail.outbox


def test_without_an_address_nothing_waits(alice: Actor) -> None:
    tell(alice.user, 1, Kind.RISK_LOCK)
    assert not Delivery.objects.exists()
