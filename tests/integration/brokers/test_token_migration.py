"""An upgrade costs no login: what connections held of a login name becomes the one that all share, and goes back."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from apps.brokers import connecting
from apps.brokers.models import Connection, LoginToken
from apps.brokers.reading import poll
from tests.cast import Actor
from tests.integration.brokers.shared import a_connection, desk_market

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]
BEFORE, AFTER = (
    [("brokers", "0009_cash_read_at")],
    [("brokers", "0010_one_token_per_login")],
)


def migrated(to: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(database)
    executor.migrate(to)
    return MigrationExecutor(database).loader.project_state(to).apps


@pytest.fixture
def back() -> Iterator[None]:
    yield
    executor = MigrationExecutor(database)
    executor.migrate(executor.loader.graph.leaf_nodes("brokers"))


def test_tokens_move_to_the_login_name_and_back(alice: Actor, bob: Actor, back: None) -> None:
    with desk_market() as market:
        mine = connecting.add(
            user=alice.user, environment="simulator", login="demo", password="demo", name="Mine"
        )
        a_connection(bob.user, login="other", state="displaced")
        kept = LoginToken.objects.get()
        then = migrated(BEFORE).get_model("brokers", "Connection").objects
        row = then.get(pk=mine.pk)
        assert (row.token, row.token_issued_at) == (kept.token, kept.token_issued_at)
        assert then.get(user_id=bob.user.pk).token == ""
        migrated(AFTER)
        moved, waiting = LoginToken.objects.order_by("login")
        assert (waiting.login, waiting.is_displaced, waiting.token) == ("other", True, "")
        assert not moved.is_displaced
        assert (moved.token, moved.token_expires_at) == (kept.token, kept.token_expires_at)
        assert msgspec.json.decode(moved.proof) == msgspec.json.decode(kept.proof)
        assert poll(mine.pk) is not None and Connection.objects.get(pk=mine.pk).state == "ok"
        assert len(market.asked("auth/accesstokenrequest")) == 1
