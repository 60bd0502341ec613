"""A key is taken out of use: secrets are written anew with the newest one, and nothing is lost meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.db import models

from apps.brokers.models import Connection, LoginToken
from apps.notifications.models import FollowUp
from apps.users.secret import SealedField, Unreadable, unseal
from tests.cast import Actor
from tests.integration.brokers.shared import a_connection
from tests.integration.users.people import code_of, enter, give_second_factor, is_in, somebody

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_after_rotating_the_old_key_is_not_needed(alice: Actor, settings: Any) -> None:
    settings.SECRETS_KEYS = [OLD]
    a_connection(alice.user)
    a_login_token(alice.user)
    settings.SECRETS_KEYS = [NEW, OLD]
    call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    row = Connection.objects.get()
    assert (row.password, row.sec) == ("demo", "a-secret-key-5b1f")
    assert LoginToken.objects.get().token == "a-token"


def test_before_rotating_it_is(alice: Actor, settings: Any) -> None:
    settings.SECRETS_KEYS = [OLD]
    a_connection(alice.user)
    settings.SECRETS_KEYS = [NEW]
    with pytest.raises(Unreadable):
        Connection.objects.get()


def test_second_factors_are_sealed_and_written_anew_as_well(settings: Any) -> None:
    settings.SECRETS_KEYS = [OLD]
    secret, codes = give_second_factor(somebody())
    kept = {one.type: one.data for one in Authenticator.objects.all()}
    assert secret not in str(kept) and not any(code in str(kept) for code in codes)
    settings.SECRETS_KEYS = [NEW, OLD]
    call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    browser = enter()
    browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert is_in(browser)
    (recovery,) = Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES)
    assert recovery.wrap().get_unused_codes() == codes


def test_factors_from_before_are_sealed_by_the_migration_and_opened_by_its_way_back() -> None:
    give_second_factor(somebody())
    sealing = import_module("apps.users.migrations.0003_seal_second_factors")
    sealing.open_all(apps, None)
    plain = {one.pk: one.data for one in Authenticator.objects.all()}
    sealing.seal_all(apps, None)
    for one in Authenticator.objects.all():
        (name,) = {"secret", "seed"} & set(one.data)
        assert plain[one.pk][name] != one.data[name]
        assert unseal(one.data[name]) == plain[one.pk][name]


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


def a_login_token(user: Any) -> LoginToken:
    made: LoginToken = LoginToken.objects.create(login="demo", token="a-token", proof="a-proof")
    return made


def a_follow_up(user: Any) -> FollowUp:
    when = datetime(2026, 1, 5, 15, tzinfo=UTC)
    made: FollowUp = FollowUp.objects.create(
        user=user, token="an-interaction", wishes=[], next_at=when, worth_until=when
    )
    return made


# a model with a new sealed field takes its place here: a row with all of its sealed fields filled
SEALED: Final[dict[str, Callable[[Any], models.Model]]] = {
    "brokers.Connection": lambda user: a_connection(user),
    "brokers.LoginToken": lambda user: a_login_token(user),
    "notifications.FollowUp": a_follow_up,
}


def test_an_answer_that_discord_still_waits_for_can_be_edited_after_rotating(
    alice: Actor, settings: Any
) -> None:
    settings.SECRETS_KEYS = [OLD]
    a_follow_up(alice.user)
    settings.SECRETS_KEYS = [NEW, OLD]
    call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    assert FollowUp.objects.get().token == "an-interaction"


def test_no_sealed_field_of_any_model_is_left_out(alice: Actor, settings: Any) -> None:
    sealed = {
        model: [one for one in model._meta.local_fields if isinstance(one, SealedField)]
        for model in apps.get_models()
    }
    sealed = {model: fields for model, fields in sealed.items() if fields}
    assert {model._meta.label for model in sealed} == set(SEALED)
    settings.SECRETS_KEYS = [OLD]
    rows = {model: SEALED[model._meta.label](alice.user) for model in sealed}
    settings.SECRETS_KEYS = [NEW, OLD]
    call_command("rotate_secrets")
    settings.SECRETS_KEYS = [NEW]
    for model, fields in sealed.items():
        with database.cursor() as cursor:
            columns = ", ".join(f'"{one.column}"' for one in fields)
            cursor.execute(f'SELECT {columns} FROM "{model._meta.db_table}"')
            (kept,) = cursor.fetchall()
        assert [unseal(one) for one in kept] == [getattr(rows[model], one.name) for one in fields]
