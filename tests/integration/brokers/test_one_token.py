"""One token for a login name: the feed, each environment's connection, a trial and what is kept after it share it.

Tradovate allows two sessions per user: the desk may need one of them, the other is the trader's own.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connections

from apps.brokers import connecting
from apps.brokers.domain.ports import FeedState
from apps.brokers.models import Connection, LoginToken
from apps.brokers.reading import poll
from apps.brokers.tallies import usage_of
from apps.brokers.tokens import forget_unused
from apps.brokers.tradovate import line, shared
from apps.brokers.tradovate.hosts import Hosts
from apps.brokers.tradovate.simulator.sessions import Session
from apps.engine.running import Trading, source_elsewhere
from apps.trades.services import Refused
from tests.cast import Actor, actor
from tests.integration.brokers.playground import ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market, with_broker

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


def comes_to(condition: Callable[[], object], seconds: float = 50.0) -> None:
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


def test_a_feed_goes_on_where_a_session_of_its_own_desk_took_its_place(
    alice: Actor, market: ScriptedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "QUOTA_SECONDS", 0.1)
    with feeding() as trading:
        trader = signed_in_elsewhere(market)
        connecting.add(user=alice.user, **ADD)  # its key has to be tried: a third session
        assert logins(market) == 2 and not trader.displaced
        comes_to(lambda: market.upgrades > 1 and trading.feed.state is FeedState.LIVE)
    assert logins(market) == 2 and Connection.objects.get().state == "ok"


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
    settings.BROKER_ENVIRONMENTS = ("demo", "live")
    monkeypatch.setattr(Hosts, "of", classmethod(lambda cls, _: cls.at(market.url)))
    for environment in ("demo", "live"):
        made = connecting.add(
            user=alice.user, **(ADD | {"name": environment, "environment": environment})
        )
        assert poll(made.pk) is not None
    assert logins(market) == 1


def test_a_wrong_password_gets_no_token_and_harms_none(
    alice: Actor, bob: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **ADD)
    kept = LoginToken.objects.get().token
    for wrong in ({"password": "guessed"}, {"sec": ""}):
        with pytest.raises(Refused):
            connecting.add(user=bob.user, **(ADD | wrong))
    assert not Connection.objects.of(bob.user).exists()
    assert LoginToken.objects.get().token == kept
    assert poll(mine.pk) is not None and Connection.objects.get().state == "ok"
    assert logins(market) == 2  # the second could not be sent: an API key has both parts


def test_another_key_is_tried_before_it_is_taken_for_good(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **ADD)
    connecting.test(user=alice.user, **(LOGIN | {"cid": "1", "sec": "another"}))
    connecting.test(user=alice.user, **(LOGIN | {"cid": "1", "sec": "another"}))
    assert logins(market) == 2 and poll(mine.pk) is not None
    assert logins(market) == 2  # whoever is kept takes what the trial was given


def test_a_changed_password_is_noticed_by_all_with_one_attempt(
    alice: Actor, bob: Actor, market: ScriptedSimulator
) -> None:
    old = [
        connecting.add(user=one.user, **(ADD | {"name": name}))
        for one, name in ((alice, "Mine"), (bob, "His"))
    ]
    third = connecting.add(user=actor("dave").user, **ADD)
    assert logins(market) == 1
    market.sessions._passwords = {"demo": "the-new-one"}
    connecting.change(connection=third, password="the-new-one")
    assert logins(market) == 2 and poll(third.pk) is not None
    for row in old:
        assert poll(row.pk) is None
        row.refresh_from_db()
        assert row.state == "refused" and "Incorrect username or password" in row.reason
    assert logins(market) == 3 and poll(third.pk) is not None
    third.refresh_from_db()
    assert third.state == "ok" and logins(market) == 3


def test_who_opened_a_login_before_it_was_changed_goes_on_with_what_it_is_now(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **ADD)

    def change() -> None:
        market.sessions._passwords = {"demo": "the-new-one"}
        connecting.change(connection=Connection.objects.get(), password="the-new-one")
        LoginToken.objects.update(token="")

    async def changed_meanwhile(broker: Any) -> Any:
        await broker.accounts()
        with ThreadPoolExecutor(1) as elsewhere:
            await asyncio.get_running_loop().run_in_executor(elsewhere, change)
            await asyncio.get_running_loop().run_in_executor(elsewhere, connections.close_all)
        broker.session.held = None
        return await broker.accounts()

    assert asyncio.run(with_broker(mine, changed_meanwhile))
    assert logins(market) == 3 and Connection.objects.get().state == "ok"


def test_a_feed_that_was_pushed_out_comes_back_when_the_owner_says_so(
    alice: Actor, market: ScriptedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LOOK_SECONDS", 0.1)
    mine = connecting.add(user=alice.user, **ADD)
    with feeding() as trading:
        market.run(_push_out(market))
        comes_to(lambda: trading.feed.state is FeedState.STOPPED)
        comes_to(lambda: Connection.objects.get().state == "displaced")
        assert logins(market) == 1
    with feeding() as trading:  # a restart is not the owner's word where he has a button
        assert trading.feed.state is FeedState.STOPPED and "elsewhere" in trading.feed.reason
        assert logins(market) == 1
        connecting.reconnect(connection=mine)
        comes_to(lambda: trading.feed.state is FeedState.LIVE)
    assert logins(market) == 2 and Connection.objects.get().state == "ok"


async def _push_out(market: ScriptedSimulator) -> None:
    market.sessions.displace()
    for connection in list(market.connections):
        connection.cut()


def test_a_feed_alone_that_was_pushed_out_comes_back_by_a_restart(
    market: ScriptedSimulator, db: None
) -> None:
    with feeding() as trading:
        market.run(_push_out(market))
        comes_to(lambda: trading.feed.state is FeedState.STOPPED)
    with feeding() as trading:
        assert trading.feed.state is FeedState.LIVE
    assert logins(market) == 2


def test_a_token_that_came_later_outlives_the_news_that_the_last_one_was_pushed_out(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **ADD)
    issued_at = LoginToken.objects.get().token_issued_at
    market.sessions.displace()
    assert poll(mine.pk) is None
    connecting.reconnect(connection=mine)

    async def late(broker: Any) -> None:
        await broker.session._store.displace(issued_at)

    asyncio.run(with_broker(mine, late))
    assert poll(mine.pk) is not None and Connection.objects.get().state == "ok"


def test_a_place_is_taken_back_by_the_token_that_another_of_the_desk_had_first(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **ADD)
    market.sessions.displace()
    assert poll(mine.pk) is None
    connecting.test(user=alice.user, **{name: ADD[name] for name in ADD if name != "name"})
    mine.refresh_from_db()
    assert mine.state == "displaced" and poll(mine.pk) is None and logins(market) == 2
    assert connecting.reconnect(connection=mine).state == "ok" and logins(market) == 2


def test_the_meter_of_a_login_counts_what_its_feed_calls(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = a_connection(alice.user)
    assert usage_of(mine) == (0, 0)
    with feeding():
        pass
    asked = [path for path, _ in market.calls if path == "contract/find"]
    assert usage_of(mine)[1] >= len(asked) + logins(market) > 1


def test_a_login_that_is_removed_leaves_no_token_unless_another_has_it(
    alice: Actor, bob: Actor, market: ScriptedSimulator, settings: Any
) -> None:
    settings.MARKET = "generated"
    mine, his = (connecting.add(user=one.user, **ADD) for one in (alice, bob))
    connecting.remove(connection=mine)
    assert LoginToken.objects.get().token
    connecting.remove(connection=his)
    assert not LoginToken.objects.exists()


def test_what_a_trial_left_is_forgotten_when_it_has_run_out(
    alice: Actor, market: ScriptedSimulator, settings: Any
) -> None:
    settings.MARKET = "generated"
    connecting.test(user=alice.user, **LOGIN)
    forget_unused()
    assert LoginToken.objects.exists()
    LoginToken.objects.update(token_expires_at=1)
    forget_unused()
    assert not LoginToken.objects.exists()


def test_a_token_that_no_key_opens_is_had_anew(
    alice: Actor, market: ScriptedSimulator, settings: Any
) -> None:
    connecting.test(user=alice.user, **LOGIN)
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    assert connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"})).state == "ok"
    assert logins(market) == 2 and LoginToken.objects.get().token
