"""Brokers read for ever: streams and polls into our own rows, whatever breaks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from apps.brokers.domain.order import OrderType, Side
from apps.brokers.domain.ports import NewOrder
from apps.brokers.logins import stand
from apps.brokers.models import (
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Connection,
)
from apps.brokers.reading import Readers, poll, to_read
from apps.bus.models import FactRow, Heartbeat
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market, with_broker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

BUY = NewOrder("1001", CONTRACT, Side.BUY, OrderType.MARKET, 1, tag="th-1", text="opening drive")


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    with desk_market() as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim


@pytest.fixture
def row(alice: Actor) -> Connection:
    return a_connection(alice.user)


@asynccontextmanager
async def reading() -> AsyncIterator[Readers]:
    readers = Readers()
    await readers.start()
    try:
        yield readers
    finally:
        await readers.stop()


async def until(condition: Callable[[], Any], seconds: float = 50.0) -> None:
    """Give readers time until the database says so."""

    def closing() -> Any:
        try:
            return condition()
        finally:
            connections.close_all()

    ask = sync_to_async(closing, thread_sensitive=False)
    async with asyncio.timeout(seconds):
        while not await ask():
            await asyncio.sleep(0.02)


def states() -> list[str]:
    rows = FactRow.objects.filter(name="connection.changed").order_by("seq")
    return [fact.payload["state"] for fact in rows]


def test_a_poll_reads_everything_and_a_second_one_changes_nothing(
    market: ScriptedSimulator, row: Connection
) -> None:
    asyncio.run(with_broker(row, lambda broker: broker.place(BUY)))
    taken = poll(row.pk)
    assert taken and len(taken.fills) == len(taken.orders) == len(taken.positions) == 1
    assert BrokerFill.objects.get().source == "poll"
    row.refresh_from_db()
    assert row.polled_at is not None and row.state == "ok"
    again = poll(row.pk)
    assert again is not None and not again
    assert len(market.asked("auth/accesstokenrequest")) == 1


def test_a_poll_leaves_alone_what_waits_for_its_owner(
    market: ScriptedSimulator, row: Connection
) -> None:
    stand(row.pk, Connection.State.DISPLACED, "signed in elsewhere")
    assert poll(row.pk) is None
    assert market.asked("auth/accesstokenrequest") == []


def test_a_login_of_a_user_who_is_switched_off_is_read_while_something_is_open_there(
    market: ScriptedSimulator, row: Connection
) -> None:
    poll(row.pk)
    account = BrokerAccount.objects.get(remote="1001")
    type(row.user).objects.filter(pk=row.user_id).update(is_active=False)
    assert row.pk not in to_read() and poll(row.pk) is None
    held = BrokerPosition.objects.create(
        user_id=row.user_id, account=account, contract=CONTRACT, net=-1, at_ns=1
    )
    assert row.pk in to_read() and poll(row.pk) is not None
    BrokerPosition.objects.filter(pk=held.pk).update(net=0)
    assert row.pk not in to_read()
    working = {"side": "sell", "type": "stop", "quantity": 1, "status": "working", "at_ns": 1}
    order = BrokerOrder.objects.create(
        user_id=row.user_id, account=account, contract=CONTRACT, remote="5", tif="gtc", **working
    )
    assert row.pk in to_read()
    order.status = "filled"
    order.save()
    assert row.pk not in to_read()


def test_a_poll_without_an_answer_says_that_the_login_is_lost(
    market: ScriptedSimulator, row: Connection
) -> None:
    market.put_up("account/list", 429)
    assert poll(row.pk) is None
    row.refresh_from_db()
    assert row.state == "lost" and "quiet" in row.reason


async def test_a_stream_writes_down_what_happens(
    market: ScriptedSimulator, row: Connection
) -> None:
    async with reading():
        await until(BrokerAccount.objects.exists)
        await with_broker(row, lambda broker: broker.place(BUY))
        await until(lambda: BrokerPosition.objects.filter(net=1).exists())
        await until(Heartbeat.objects.filter(name="brokers").exists)
        await until(lambda: Connection.objects.get().heard_at)
        await until(lambda: BrokerFill.objects.filter(source="stream", quantity=1).exists())
        await until(lambda: states() == ["ok"])
    assert len(market.asked("auth/accesstokenrequest")) == 1  # the reader's token is everybody's


async def test_a_login_that_is_switched_off_is_let_go(
    market: ScriptedSimulator, row: Connection
) -> None:
    async with reading():
        await until(lambda: Connection.objects.get().state == "ok")
        await until(lambda: Connection.objects.update(is_on=False))
        await until(lambda: not market.connections)


async def test_after_a_broken_socket_what_was_missed_is_read(
    market: ScriptedSimulator, row: Connection
) -> None:
    async with reading():
        await until(lambda: Connection.objects.get().heard_at)  # not by a poll, by the socket
        for connection in list(market.connections):
            market.run(connection.close())
        await until(lambda: "lost" in states())
        await with_broker(row, lambda broker: broker.place(BUY))
        await until(lambda: BrokerFill.objects.exists())
        await until(lambda: states() == ["ok", "lost", "ok"])


async def test_a_displaced_stream_ends_and_is_not_begun_again(
    market: ScriptedSimulator, row: Connection
) -> None:
    async with reading() as readers:
        await until(lambda: Connection.objects.get().state == "ok")
        await until(lambda: Connection.objects.get().heard_at)
        for session in market.sessions._sessions:  # without the notice that bids us wait a minute
            session.displaced = True
        for connection in list(market.connections):
            market.run(connection.close())
        await until(lambda: Connection.objects.get().state == "displaced")
        await readers.step()
        assert not market.connections
    assert len(market.asked("auth/accesstokenrequest")) == 1


async def test_two_logins_are_read_beside_each_other_and_one_s_trouble_is_its_own(
    market: ScriptedSimulator, row: Connection, bob: Actor
) -> None:
    await until(lambda: a_connection(bob.user, password="wrong"))
    async with reading():
        await until(lambda: Connection.objects.filter(state="ok").count() == 1)
        await until(lambda: Connection.objects.filter(state="refused").count() == 1)
        await until(lambda: BrokerAccount.objects.count() == 1)
