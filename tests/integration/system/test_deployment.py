"""The whole story on the whole deployment: each process of compose.yaml by itself, on PostgreSQL and Redis.

The broker and Discord are our own servers beside the test. What processes do to each other shows here alone: every
other story lives in one process, and on SQLite in which all writers queue up anyway.
"""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.services.deployment import PARTS, Deployment
from tests.services.discord import Discord
from tests.services.simulator import Broker
from tests.services.trader import (
    Browser,
    buys,
    closes,
    connected,
    linked,
    made,
    recorded,
    recording,
    trades_once,
    until,
)

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(900)]
PASSWORD = "correct horse battery"
TIMES = 8
SWITCHED = "live.switched"
WAITING = ("queued", "sending", "unknown")


@pytest.fixture
def discord() -> Iterator[Discord]:
    one = Discord()
    yield one
    one.stop()


@pytest.fixture
def broker() -> Iterator[Broker]:
    one = Broker()
    one.start_beside()
    yield one
    one.stop_beside()


@pytest.fixture
def deployment(tmp_path: Path, discord: Discord, broker: Broker) -> Iterator[Deployment]:
    one = Deployment(tmp_path, MARKET=broker.url, BROKER_POLL_SECONDS="15", **discord.settings())
    try:
        yield one
    finally:
        one.stop()


def test_every_process_by_itself_trades_records_and_tells_once(
    deployment: Deployment, broker: Broker, discord: Discord
) -> None:
    browser = come_up(deployment)
    account = connected(browser)
    linked(browser, discord)
    strategy, webhook = a_strategy(browser, deployment.url)
    recording(browser, account)
    trades_once(browser, discord, webhook, strategy)
    gateway_dies_with_an_order_on_its_way(deployment, broker, browser, webhook, strategy)
    by_hand_while_others_record(deployment, browser, account["account"])
    kill_switch(deployment, broker, browser, account["account"])

    nothing_is_left_over(deployment, broker)
    assert deployment.end() == dict.fromkeys(PARTS, 0), deployment.errors()
    assert deployment.postgres.deadlocks() == []


def come_up(deployment: Deployment) -> Browser:
    """Start everything as `docker compose up` does; return the browser of somebody who has signed up."""
    deployment.run("migrate", "--noinput")
    deployment.start()

    def answers() -> bool:
        deployment.must_live()
        try:
            return httpx.get(f"{deployment.url}/api/health/system/", timeout=60).is_success
        except httpx.TransportError:
            return False

    until(answers, "answer of the web process")
    browser = Browser(deployment.url).signs_up("nora", PASSWORD, deployment.home / "mail")
    until(lambda: not ailing(browser), "desk that is well")
    return browser


def ailing(browser: Browser) -> dict[str, Any]:
    """Return what the health of the desk says is not well."""
    parts = browser.http.get("/api/health/system/").json()["components"]
    return {name: part.get("reason") for name, part in parts.items() if part["status"] != "ok"}


def a_strategy(browser: Browser, url: str) -> tuple[int, str]:
    """Make a strategy; return its number and the address of its webhook."""
    told = made(browser.post("/api/strategies/", json={"name": "Demo", "symbol": "NQ1!"}))
    return int(told["id"]), f"{url}/webhook/{told['webhook_token']}/"


def asked(browser: Browser, path: str, wish: dict[str, Any]) -> None:
    """Ask the engine for something, the same wish again while it is too busy to answer in time."""
    key = {"Idempotency-Key": secrets.token_hex(8)}
    answer = until(
        lambda: (said := browser.post(path, json=wish, more=key)).status_code != 503 and said,
        "answer of the engine",
    )
    made(answer)


def trades_by_hand(deployment: Deployment, browser: Browser, account: int, side: str) -> None:
    """Place an order with a stop by hand, and wait until it is filled and booked."""
    order = {"account": account, "symbol": "NQ1!", "side": side, "type": "market", "quantity": 1}
    order |= {"confirmed": True, "bracket": {"stop_points": "60"}}
    asked(browser, "/api/paper-trading/place-order/", order)
    until(lambda: deployment.sql(OPEN, account), "position by hand")


def by_hand_while_others_record(deployment: Deployment, browser: Browser, account: int) -> None:
    """Buy and get out by hand, so that engine, readers and gateway record facts, while the web process records its own."""

    def switches() -> None:
        other = Browser(deployment.url).signs_in("nora", PASSWORD)
        for number in range(TIMES):
            limits = {"per_order": 2, "per_position": 4, "per_day": 40 + number, "automatic": "on"}
            assert other.post(f"/live/{account}/switch/", data=limits).status_code == 302

    def switched() -> int:
        ((count,),) = deployment.sql("SELECT count(*) FROM bus_factrow WHERE name = %s", SWITCHED)
        return int(count)

    before = switched()
    with ThreadPoolExecutor(1) as beside:
        switching = beside.submit(switches)
        trades_by_hand(deployment, browser, account, "buy")
        asked(browser, "/api/paper-trading/flatten/", {"account": account})
        until(lambda: not deployment.sql(OPEN, account), "way out")
        switching.result()
    assert switched() == before + TIMES


OPEN = "SELECT size FROM brokers_position WHERE account_id = %s AND closed_at IS NULL"


def gateway_dies_with_an_order_on_its_way(
    deployment: Deployment, broker: Broker, browser: Browser, webhook: str, strategy: int
) -> None:
    """Kill the gateway after the broker has taken an order and before it has said so: it is found, and not sent again."""
    before, filled = len(recorded(browser, strategy)), len(broker.rows("fill"))
    broker.keep_answer("order/placeoso")
    assert buys(browser, webhook, "g1").json()["status"] == "accepted"
    assert broker.has_done.wait(120), f"no order came; {deployment.errors()}"
    deployment.kill("gateway")
    broker.answer_now()
    waiting = "SELECT tag FROM brokers_dispatch WHERE status IN %s"
    assert len(deployment.sql(waiting, WAITING)) == 1, "nobody has heard what became of it"
    deployment.start("gateway")
    until(lambda: not deployment.sql(waiting, WAITING), "order that was found")

    def newest(size: int) -> bool:
        rows = recorded(browser, strategy)
        return len(rows) == before + 1 and rows[0]["size"] == size

    until(lambda: newest(1), "position of the order that was found")
    assert closes(webhook, "g2").json()["status"] == "accepted"
    until(lambda: newest(0), "close")
    assert len(broker.rows("fill")) == filled + 2, "bought once and sold once"


def kill_switch(deployment: Deployment, broker: Broker, browser: Browser, account: int) -> None:
    """Get out of everything with one press."""
    order = {"account": account, "symbol": "NQ1!", "side": "sell", "type": "market", "quantity": 1}
    order |= {"confirmed": True, "bracket": {"stop_points": "60"}}
    asked(browser, "/api/paper-trading/place-order/", order)
    until(lambda: deployment.sql(OPEN, account), "position by hand")
    told = made(browser.post("/api/risk/kill-switch/", json={}))
    assert told["unreachable"] == []
    until(lambda: not deployment.sql(OPEN, account), "way out")
    until(lambda: not any(row["netPos"] for row in broker.rows("position")), "flat broker")
    assert "off: nothing but exits leaves" in browser.page("/live/")


def nothing_is_left_over(deployment: Deployment, broker: Broker) -> None:
    """Nothing waits, nobody waits for anybody, and both sides' books are the same."""
    until(lambda: not deployment.sql("SELECT id FROM bus_inbox WHERE NOT handled"), "empty inbox")
    waiting = "SELECT tag FROM brokers_dispatch WHERE status IN %s"
    until(lambda: not deployment.sql(waiting, WAITING), "moment in which nothing is on its way")
    until(lambda: not deployment.sql(HELD_UP), "moment in which no session holds others up")
    booked = deployment.sql("SELECT split_part(key, '/', 1) FROM brokers_fill ORDER BY id")
    assert len(booked) == len(set(booked)) == len(broker.rows("fill")), booked
    differs = "SELECT words FROM brokers_difference WHERE gone_at IS NULL"
    until(lambda: not deployment.sql(differs), "agreement of both sides")


# sessions that wait for a lock, or have begun something that they do not go on with
HELD_UP = """
    SELECT pid, state, wait_event, query FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%%'
           OR pid IN (SELECT pid FROM pg_locks WHERE NOT granted))
"""
