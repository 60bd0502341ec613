"""A key is taken out of use: secrets are written anew with the newest one, and nothing is lost meanwhile."""

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from apps.brokers.models import Connection
from apps.brokers.secret import Unreadable
from tests.cast import Actor
from tests.integration.brokers.shared import a_connection

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_after_rotating_the_old_key_is_not_needed(alice: Actor, settings: Any) -> None:
    settings.SECRETS_KEYS = [OLD]
    a_connection(alice.user, token="a-token")
    settings.SECRETS_KEYS = [NEW, OLD]
    call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    row = Connection.objects.get()
    assert (row.password, row.sec, row.token) == ("demo", "a-secret-key-5b1f", "a-token")


def test_before_rotating_it_is(alice: Actor, settings: Any) -> None:
    settings.SECRETS_KEYS = [OLD]
    a_connection(alice.user)
    settings.SECRETS_KEYS = [NEW]
    with pytest.raises(Unreadable):
        Connection.objects.get()


def test_what_no_key_opens_is_named_and_the_rest_is_done(
    alice: Actor, bob: Actor, settings: Any
) -> None:
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    a_connection(alice.user, name="Lost")
    settings.SECRETS_KEYS = [OLD]
    a_connection(bob.user)
    settings.SECRETS_KEYS = [NEW, OLD]
    with pytest.raises(CommandError, match="Lost"):
        call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    assert Connection.objects.get(user=bob.user).password == "demo"
