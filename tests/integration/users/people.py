"""What the tests of the door share: people with passwords, the links in letters, the codes of an app."""

import re

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.core.cache import cache
from django.test import Client

from apps.users.models import User

PASSWORD = "correct horse battery"
OTHER = "staple for the battery"


def somebody(name: str = "dora", **more: object) -> User:
    """Make somebody with a password, as staff would."""
    return User.objects.create_user(name, password=PASSWORD, **more)


def enter(name: str = "dora", password: str = PASSWORD, client: Client | None = None) -> Client:
    """Come in by the door, with what a browser would send."""
    client = client or Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/145.0"})
    client.post("/accounts/login/", {"username": name, "password": password})
    return client


def proven(name: str = "dora", password: str = PASSWORD) -> Client:
    """Come in and show once more who one is, as what guards an account asks for."""
    client = enter(name, password)
    answer = client.post("/accounts/reauthenticate/", {"password": password})
    assert answer.status_code == 302, answer.content
    return client


def is_in(client: Client) -> bool:
    """Return whether a browser is signed in."""
    return bool(client.get("/api/auth/check-auth/").json()["authenticated"])


def link() -> str:
    """Return the path of the link in the last letter."""
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


def code_of(secret: str) -> str:
    """Return the code that an app shows now; one that was used may be used again."""
    cache.clear()
    _, counter, _ = totp.yield_hotp_counters_from_time()
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def give_second_factor(user: User) -> tuple[str, list[str]]:
    """Give somebody an authenticator app; return its secret and the recovery codes."""
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    codes = RecoveryCodes.activate(user).get_unused_codes()
    assert Authenticator.objects.filter(user=user).count() == 2
    return secret, codes
