"""The whole story from outside: an alert becomes an order, a fill, a recorded position, a message and a figure.

The desk is the real process with its simulated market; Discord is our own server, which refuses, limits and fails.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.services.desk import Desk
from tests.services.discord import Discord
from tests.services.trader import (
    KEY,
    Browser,
    buys,
    closes,
    connected,
    linked,
    recorded,
    recording,
    trades_once,
    until,
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def discord() -> Iterator[Discord]:
    one = Discord()
    yield one
    one.stop()


@pytest.fixture
def desk(tmp_path: Path, discord: Discord) -> Iterator[Desk]:
    one = Desk(tmp_path, BROKER_POLL_SECONDS="15", **discord.settings())
    yield one.ready()
    one.kill()


def test_an_alert_becomes_an_order_a_fill_a_record_a_message_and_a_figure(
    desk: Desk, discord: Discord
) -> None:
    browser = Browser(desk.url).signs_in("demo", desk.password)
    at_broker = connected(browser)
    linked(browser, discord)
    trades_once(browser, discord, desk.webhook, recording(browser, at_broker))

    assert desk.end(seconds=30) == 0
    nowhere = (*secrets_of(discord), broker_token(desk), KEY)
    kept_in = {  # what the desk keeps in a file of its own, for its owner, and nowhere else
        desk.password: "demo.json",
        desk.remembered()["webhook_token"]: "demo.json",
        (desk.home / "secrets_key").read_text().strip(): "secrets_key",
    }
    for path in (one for one in desk.home.rglob("*") if one.is_file()):
        written = path.read_bytes().decode(errors="replace")
        assert not [secret for secret in nowhere if secret in written], path.name
        found = [home for secret, home in kept_in.items() if secret in written]
        assert set(found) <= {path.name}, path.name


def test_a_desk_killed_beside_a_position_at_the_broker_closes_it_once(desk: Desk) -> None:
    browser = Browser(desk.url).signs_in("demo", desk.password)
    strategy = recording(browser, connected(browser))

    def sizes() -> list[int]:
        return [one["size"] for one in recorded(browser, strategy)]

    assert buys(browser, desk.webhook, "k1").is_success
    desk.kill()
    again = Desk(desk.home, PORT=desk.port, BROKER_POLL_SECONDS="15")
    try:
        again.ready()
        until(lambda: sizes() == [1], "open position")
        again.kill()
        again = Desk(desk.home, PORT=desk.port, BROKER_POLL_SECONDS="15")
        again.ready()
        assert closes(again.webhook, "k2").is_success
        until(lambda: sizes() == [0], "closed position")
        (one,) = recorded(browser, strategy)
        assert (one["entered"], one["exited"]) == (1, 1)
    finally:
        again.kill()


def secrets_of(discord: Discord) -> tuple[str, ...]:
    """Return what Discord gave the operator to keep."""
    given = discord.settings()
    return given["DISCORD_BOT_TOKEN"], given["DISCORD_CLIENT_SECRET"]


def broker_token(desk: Desk) -> str:
    """Return the token with which the desk was logged in, opened with its own key."""
    key = (desk.home / "secrets_key").read_text().strip()
    with sqlite3.connect(desk.home / "tradehub.sqlite3") as rows:
        (sealed,) = rows.execute("SELECT token FROM brokers_logintoken").fetchone()
    return Fernet(key).decrypt(sealed.encode()).decode()
