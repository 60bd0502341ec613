"""A simulator on a thread of its own, and logins at it that are rows of the database."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apps.brokers.logins import DatabaseThread, open_broker, register_market
from apps.brokers.models import Account, Connection, LiveSwitch
from apps.brokers.tradovate.broker import TradovateBroker
from apps.brokers.tradovate.hosts import Hosts
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.server import Plan
from tests.integration.brokers.playground import START, ScriptedSimulator

PASSWORD, KEY = "demo", "a-secret-key-5b1f"


@contextmanager
def desk_market(start: int = START, **plan: Any) -> Iterator[ScriptedSimulator]:
    """Run a simulator as the desk's own market, for code that runs in other threads and loops.

    start: where the market begins, ns UTC; plan: what else a `Plan` takes
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(50)

    async def make() -> ScriptedSimulator:
        sim = ScriptedSimulator(GeneratedMarket(7, start, ("NQ",)), Plan(speed=0, **plan))
        await sim.start()
        return sim

    sim = run(make())
    sim.run = run
    register_market(Hosts.at(sim.url))
    try:
        yield sim
    finally:
        register_market(None)
        run(sim.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(50)
        loop.close()


def a_connection(user: Any, **fields: Any) -> Connection:
    """Return a login at the desk's own market."""
    usual = {
        "name": "Mine", "environment": "simulator", "login": "demo", "password": PASSWORD,
        "cid": "4242", "sec": KEY, "device_id": "a-device",
    }  # fmt: skip
    return Connection.objects.create(user=user, **(usual | fields))


def let_out(account: Account) -> None:
    """Switch an account's orders on, as its owner would, with wide limits."""
    limits = {"automatic": True, "per_order": 10, "per_position": 20, "per_day": 200}
    LiveSwitch.objects.create(user=account.user, account=account, is_on=True, **limits)


@contextmanager
def database_thread() -> Iterator[DatabaseThread]:
    """Return a thread for the database, closed afterwards."""
    thread = DatabaseThread()
    try:
        yield thread
    finally:
        thread.close()


async def with_broker(row: Connection, work: Any) -> Any:
    """Return what the work does with a broker of its own, as another process would have one."""
    with database_thread() as thread:
        broker: TradovateBroker = open_broker(row, thread)
        try:
            return await work(broker)
        finally:
            await broker.close()
