"""Whoever has no login at a broker imports his files all the same, and records from them."""

from typing import Any

import pytest
from django.test import Client

from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.queries import broker_accounts, connections
from apps.bus import transport
from apps.recorder import days, files, recorders
from apps.recorder.import_life import CannotImport
from apps.recorder.queries import broker_accounts as for_recorders
from tests.cast import Actor

from .imported import imported, ninja
from .rows import BEGAN, recorded

pytestmark = pytest.mark.django_db
PATH = "/recorders/import/account/"


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    yield
    transport.use(None)


def test_from_no_login_at_all_to_a_recorded_position(alice: Actor, bob: Actor) -> None:
    assert b"An account for files only" in alice.client.get("/recorders/import/").content
    alice.client.post(PATH, {"name": " DEMO1 "})
    account = BrokerAccount.objects.get()
    done = imported(
        alice.user,
        ninja(("Buy", 1, "21500.00", "10:00:00 AM", "x1"), ("Sell", 1, "21510.00", "10:05:00 AM", "x2")),
    )  # fmt: skip
    assert (done.state, done.reason) == ("done", "")
    recorder, _ = recorders.create(user=alice.user, name="NQ Fade", symbol="MNQ1!", account=account)
    recorders.start(recorder=recorder, by="alice", since=0)
    assert recorded(account) == [("NQ Fade", 1, 0, "closed", "20.00")]
    assert list(for_recorders(alice.user)) == [account]
    assert list(for_recorders(bob.user)) == []
    for path in ("/recorders/import/", "/recorders/", f"/recorders/{recorder.strategy_id}/", "/recorders/new/"):  # fmt: skip
        assert alice.client.get(path).status_code == 200, path


def test_it_is_no_login_and_nobody_reads_it(alice: Actor) -> None:
    account = files.open_account(user=alice.user, name="DEMO1")
    assert not connections(alice.user).exists()
    assert not broker_accounts(alice.user).exists()
    assert (account.connection.is_on, account.connection.password) == (False, "")
    assert days.look(BEGAN, lambda _: pytest.fail("there is nothing to read")) == 0
    page = alice.client.get("/connections/").content.decode()
    assert "DEMO1" not in page


def test_the_same_name_is_the_same_account(alice: Actor, bob: Actor) -> None:
    Connection.objects.create(user=alice.user, name="Files", environment="demo", login="me", device_id="d")  # fmt: skip
    one, again = (files.open_account(user=alice.user, name="DEMO1") for _ in range(2))
    assert one == again
    assert files.open_account(user=bob.user, name="DEMO1") != one
    assert BrokerAccount.objects.of(bob.user).count() == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\x00b"])
def test_a_name_that_is_none_is_refused(alice: Actor, name: str) -> None:
    with pytest.raises(CannotImport, match="at most 40 letters"):
        files.open_account(user=alice.user, name=name)
    page = alice.client.post(PATH, {"name": name}, follow=True).content.decode()
    assert "at most 40 letters" in page
    assert not BrokerAccount.objects.exists()


def test_strangers_make_none(client: Client) -> None:
    assert client.post(PATH, {"name": "DEMO1"}).status_code == 302
    assert not BrokerAccount.objects.exists()
