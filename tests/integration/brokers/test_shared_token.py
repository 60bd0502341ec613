"""One token for every process: one login however many want one, and a place that was lost stays lost."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.brokers import connecting
from apps.brokers.domain.ports import FeedState, LoginRefused, SignedInElsewhere, Unavailable
from apps.brokers.models import Connection, LoginToken
from apps.bus.models import FactRow
from tests.cast import Actor
from tests.integration.brokers.playground import ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market, with_broker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    with desk_market() as sim:
        yield sim


@pytest.fixture
def row(alice: Actor) -> Connection:
    return a_connection(alice.user)


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Do the same in so many threads, each with its own event loop, client and database connection."""
    results: list[Any] = []
    together = threading.Barrier(count)

    def one() -> None:
        together.wait()
        try:
            results.append(asyncio.run(work()))
        except Exception as problem:
            results.append(problem)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    return results


def accounts(row: Connection) -> Any:
    return with_broker(row, lambda broker: broker.accounts())


def told(row: Connection) -> list[tuple[str, str]]:
    rows = FactRow.objects.filter(name="connection.changed").order_by("seq")
    return [(fact.payload["state"], fact.payload["reason"]) for fact in rows]


def logins(market: ScriptedSimulator) -> int:
    return len(market.asked("auth/accesstokenrequest"))


def test_a_kept_token_that_ran_out_is_replaced_before_anybody_is_told(
    market: ScriptedSimulator, row: Connection
) -> None:
    """The desk comes back with a token that the server has forgotten: it logs in again, and nothing was lost."""
    asyncio.run(accounts(row))
    market.sessions.expire()
    states: list[FeedState] = []

    async def follow(broker: Any) -> None:
        up = asyncio.Event()

        def stands(now: FeedState, why: str) -> None:
            states.append(now)
            if now is FeedState.LIVE:
                up.set()

        following = asyncio.create_task(broker.follow(lambda rows: None, stands))
        try:
            await asyncio.wait_for(up.wait(), 50)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    asyncio.run(with_broker(row, follow))
    assert FeedState.LOST not in states
    assert logins(market) == 2
    assert "lost" not in [state for state, _ in told(row)]


def test_many_processes_that_need_a_token_log_in_once(
    market: ScriptedSimulator, row: Connection
) -> None:
    results = at_once(6, lambda: accounts(row))
    assert all(result[0].name == "DEMO1001" for result in results), results
    assert logins(market) == 1
    row.refresh_from_db()
    shared = LoginToken.objects.get()
    assert row.state == "ok" and shared.token and shared.lease_until == 0
    assert told(row) == [("ok", "")]


def test_a_token_that_ran_out_is_replaced_once_for_all(
    market: ScriptedSimulator, row: Connection
) -> None:
    asyncio.run(accounts(row))
    market.sessions.expire()
    results = at_once(4, lambda: accounts(row))
    assert all(result[0].name == "DEMO1001" for result in results), results
    assert logins(market) == 2


def test_a_renewal_is_made_by_one_and_not_again_within_five_minutes(
    market: ScriptedSimulator, row: Connection
) -> None:
    market.sessions.token_seconds = 2
    asyncio.run(accounts(row))
    issued_at = LoginToken.objects.get().token_issued_at
    LoginToken.objects.update(token_issued_at=issued_at - 4 * 10**9)  # half its time
    market.sessions.token_seconds = 5400
    results = at_once(5, lambda: accounts(row))
    assert all(result[0].name == "DEMO1001" for result in results), results
    assert logins(market) + len(market.asked("auth/renewaccesstoken")) == 2


def test_a_wrong_password_is_tried_once_by_all_of_them_together(
    market: ScriptedSimulator, row: Connection
) -> None:
    Connection.objects.update(password="wrong")
    row.refresh_from_db()
    results = at_once(5, lambda: accounts(row))
    assert all(isinstance(result, LoginRefused) for result in results), results
    assert logins(market) == 1
    assert told(row)[0][0] == "refused"


def test_a_displaced_login_is_not_taken_back_by_anybody_until_the_owner_says_so(
    market: ScriptedSimulator, row: Connection
) -> None:
    asyncio.run(accounts(row))
    market.sessions.displace()
    results = at_once(4, lambda: accounts(row))
    assert all(isinstance(result, SignedInElsewhere) for result in results), results
    with pytest.raises(SignedInElsewhere):
        asyncio.run(accounts(row))
    assert logins(market) == 1
    assert [state for state, _ in told(row)] == ["ok", "displaced"]
    connecting.reconnect(connection=row)
    assert asyncio.run(accounts(row))[0].name == "DEMO1001"
    assert logins(market) == 2


def test_a_pause_holds_for_every_process(market: ScriptedSimulator, row: Connection) -> None:
    market.put_up("auth/accesstokenrequest", 429)
    with pytest.raises(Unavailable):
        asyncio.run(accounts(row))
    results = at_once(3, lambda: accounts(row))
    assert all(isinstance(result, Unavailable) for result in results), results
    assert logins(market) == 1
    row.refresh_from_db()
    assert row.state == "paused" and LoginToken.objects.get().paused_until > 0


def test_what_is_switched_off_is_not_logged_in(market: ScriptedSimulator, row: Connection) -> None:
    Connection.objects.update(is_on=False)
    with pytest.raises(LoginRefused, match="switched off"):
        asyncio.run(accounts(row))
    assert logins(market) == 0


def test_a_lease_of_a_process_that_died_runs_out(
    market: ScriptedSimulator, row: Connection
) -> None:
    shared = {"place": "simulator", "login": row.login}
    LoginToken.objects.create(lease_by="somebody", lease_until=1, **shared)
    assert asyncio.run(accounts(row))


def test_the_database_holds_neither_password_nor_token_in_plain_text(
    market: ScriptedSimulator, row: Connection
) -> None:
    from django.db import connection as database

    asyncio.run(accounts(row))
    with database.cursor() as cursor:
        cursor.execute("SELECT password, sec FROM brokers_connection")
        password, sec = cursor.fetchone()
        cursor.execute("SELECT token, proof FROM brokers_logintoken")
        token, proof = cursor.fetchone()
    assert "demo" not in password and "a-secret" not in sec and "AT.sim" not in token
    shared = LoginToken.objects.get()
    assert "AT.sim" in shared.token and "keys" in shared.proof and "keys" not in proof
    assert (
        "demo" not in shared.proof and "a-secret" not in shared.proof
    )  # not even when it is opened
