"""One token for a login name: the feed, each environment's connection, a trial and what is kept after it share it.

Tradovate allows two sessions per user: the desk may need one of them, the other is the trader's own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apps.brokers import connecting
from apps.brokers.domain.ports import FeedState
from apps.brokers.models import Connection
from apps.brokers.reading import poll
from apps.brokers.tradovate.simulator.sessions import Session
from apps.engine.running import Trading, source_elsewhere
from tests.cast import Actor
from tests.integration.brokers.playground import ScriptedSimulator
from tests.integration.brokers.shared import desk_market

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

LOGIN = {"environment": "simulator", "login": "demo", "password": "demo"}
ADD = LOGIN | {"name": "Mine", "cid": "4242", "sec": "a-secret-key-5b1f"}
JSON = {"content_type": "application/json"}


@pytest.fixture
def market(settings: Any) -> Iterator[ScriptedSimulator]:
    """A simulator that the desk's feed and its connections log in at."""
    with desk_market() as sim:
        settings.MARKET, settings.SYMBOL = sim.url, "NQZ6"
        yield sim


def logins(market: ScriptedSimulator) -> int:
    return len(market.asked("auth/accesstokenrequest"))


def comes_to(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Give the feed's thread its time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)


@contextmanager
def feeding() -> Iterator[Trading]:
    """Run the engine with its feed, as `manage.py feed` does."""
    trading = Trading(source_elsewhere)
    trading.start()
    try:
        comes_to(lambda: trading.feed.state in (FeedState.LIVE, FeedState.STOPPED))
        yield trading
    finally:
        trading.stop()


def signed_in_elsewhere(market: ScriptedSimulator) -> Session:
    """Let the trader sign in with Tradovate's own program."""
    market.run(_log_in(market))
    return market.sessions._sessions[-1]


async def _log_in(market: ScriptedSimulator) -> None:
    assert market.sessions.log_in({"name": "demo", "password": "demo"}).status == 200


def test_restarts_of_the_feed_push_nobody_out(alice: Actor, market: ScriptedSimulator) -> None:
    mine = connecting.add(user=alice.user, **ADD)
    trader = signed_in_elsewhere(market)
    for _ in range(2):
        with feeding() as trading:
            assert trading.feed.state is FeedState.LIVE, trading.feed.reason
            assert poll(mine.pk) is not None
    assert logins(market) == 1 and not trader.displaced
    assert Connection.objects.get().state == "ok"


def test_the_feed_keeps_its_token_across_restarts_without_any_connection(
    market: ScriptedSimulator, db: None
) -> None:
    for _ in range(3):
        with feeding() as trading:
            assert trading.feed.state is FeedState.LIVE, trading.feed.reason
    assert logins(market) == 1


def test_trying_and_connecting_a_login_leave_the_feed_and_the_trader_alone(
    alice: Actor, market: ScriptedSimulator
) -> None:
    with feeding() as trading:
        trader = signed_in_elsewhere(market)
        tried = alice.client.post("/api/accounts/test-tradovate-connection/", LOGIN, **JSON)
        assert tried.status_code == 200, tried.content
        assert connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"})).state == "ok"
        assert logins(market) == 1 and not trader.displaced
        market.run(_cut(market))
        comes_to(lambda: len(market.connections) == 1 and trading.feed.state is FeedState.LIVE)
    assert logins(market) == 1


async def _cut(market: ScriptedSimulator) -> None:
    for connection in list(market.connections):
        connection.cut()


def test_a_trial_hands_its_token_to_the_login_that_is_kept(
    alice: Actor, market: ScriptedSimulator
) -> None:
    tried = {name: value for name, value in ADD.items() if name != "name"}
    assert connecting.test(user=alice.user, **tried)
    assert connecting.test(user=alice.user, **tried)
    mine = connecting.add(user=alice.user, **ADD)
    assert poll(mine.pk) is not None and logins(market) == 1


def test_one_login_in_two_environments_holds_one_token(
    alice: Actor, market: ScriptedSimulator, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from apps.brokers.tradovate.hosts import Hosts

    settings.BROKER_ENVIRONMENTS = ("demo", "live")
    monkeypatch.setattr(Hosts, "of", classmethod(lambda cls, _: cls.at(market.url)))
    for environment in ("demo", "live"):
        made = connecting.add(
            user=alice.user, **(ADD | {"name": environment, "environment": environment})
        )
        assert poll(made.pk) is not None
    assert logins(market) == 1
