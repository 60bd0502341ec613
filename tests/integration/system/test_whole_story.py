"""The whole story from outside: an alert becomes an order, a fill, a recorded position, a message and a figure.

The desk is the real process with its simulated market; Discord is our own server, which refuses, limits and fails.
"""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.services.desk import Desk
from tests.services.discord import Discord, Fault

pytestmark = pytest.mark.timeout(600)
TRADER = "trader"  # name and password of the simulated broker's second user
SNOWFLAKE = "4711"
KEY = "broker-key-sec-2f60aa"


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


class Browser:
    """A trader's browser: signed in, with the token that forms need."""

    def __init__(self, desk: Desk) -> None:
        self.http = httpx.Client(base_url=desk.url, timeout=50)
        self.http.get("/accounts/login/")
        form = {"username": "demo", "password": desk.password}
        assert self.post("/accounts/login/", data=form).status_code == 302

    def post(self, path: str, **sent: Any) -> httpx.Response:
        headers = {
            "X-CSRFToken": self.http.cookies["csrftoken"],
            "Referer": str(self.http.base_url),
        }
        return self.http.post(path, headers=headers, **sent)

    def put(self, path: str, **sent: Any) -> httpx.Response:
        headers = {
            "X-CSRFToken": self.http.cookies["csrftoken"],
            "Referer": str(self.http.base_url),
        }
        return self.http.put(path, headers=headers, **sent)

    def get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer.json()

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text


def made(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), (answer.status_code, answer.text[:500])
    return answer.json()


def until(found: Callable[[], Any], what: str, seconds: float = 200) -> Any:
    """Wait for something that another process brings about."""
    end, pause = monotonic() + seconds, threading.Event()
    while monotonic() < end:
        if said := found():
            return said
        pause.wait(0.1)
    raise AssertionError(f"no {what} in {seconds:g} s")


def connected(browser: Browser) -> dict[str, Any]:
    """Connect the simulated broker and use its account on the desk; return the broker's account."""
    login = {"environment": "simulator", "login": TRADER, "password": TRADER, "name": "My demo"}
    login |= {"cid": "4242", "sec": KEY}
    made(browser.post("/api/accounts/add-tradovate/", json=login))
    (account,) = until(
        lambda: [
            one
            for one in browser.get("/api/accounts/get-all-at-accounts/")["results"]
            if one["balance"] is not None
        ],
        "account at the broker that was read",
    )
    adopted = made(browser.post(f"/api/accounts/{account['id']}/adopt/", json={"name": "Demo one"}))
    assert "off: nothing but exits leaves" in browser.page("/live/"), (
        "nobody has let its orders out"
    )
    limits = {"per_order": "2", "per_position": "4", "per_day": "40", "automatic": "on"}
    browser.post(f"/live/{adopted['id']}/switch/", data=limits)
    assert "orders leave" in browser.page("/live/")
    return {**account, "account": adopted["id"]}


def linked(browser: Browser, discord: Discord) -> None:
    """Link the trader's Discord account as his browser would."""
    discord.people[SNOWFLAKE] = "demo_d"
    start = browser.post("/oauth/discord/start/")
    assert start.status_code == 302, start.text[:300]
    back = discord.consent(start.headers["location"], SNOWFLAKE)
    answer = browser.http.get("/oauth/discord/callback/", params=back)
    assert answer.status_code == 302, answer.text[:300]


def recording(browser: Browser, at_broker: dict[str, Any]) -> int:
    """Record the demo strategy in the broker's account, send its alerts there, and return its number."""
    strategy = int(browser.get("/api/strategies/")["results"][0]["id"])
    set_up = {"name": "Demo", "symbol": "NQ1!", "account": at_broker["id"], "size": 1}
    made(browser.put(f"/api/strategies/{strategy}/", json=set_up))
    made(browser.post(f"/api/recorder/start/{strategy}/"))
    route = {"account": at_broker["account"], "mode": "automatic", "quantity": 1}
    made(browser.put(f"/api/strategies/{strategy}/routes/", json=route))
    return strategy


def stop_below(browser: Browser) -> str:
    """Return a stop far below the market, once there is one."""
    path = "/api/realtime/current-price/?symbol=NQ"
    price = until(lambda: browser.http.get(path).json().get("last"), "price")
    return f"{Decimal(price) - 60:.2f}"


def test_an_alert_becomes_an_order_a_fill_a_record_a_message_and_a_figure(
    desk: Desk, discord: Discord
) -> None:
    browser = Browser(desk)
    at_broker = connected(browser)
    linked(browser, discord)
    strategy = recording(browser, at_broker)
    discord.faults += [
        Fault("/messages", 429, {"retry_after": 0.4, "global": False}, {"Retry-After": "0.4"}),
        Fault("/messages", 504, {}, does=True, slow_s=2.0),
    ]

    stop = stop_below(browser)
    alert = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "stop_loss": stop, "id": "a1"}
    said = [httpx.post(desk.webhook, json=alert, timeout=50).json() for _ in range(3)]
    assert [one["status"] for one in said] == ["accepted", "duplicate", "duplicate"]

    def recorded() -> list[dict[str, Any]]:
        return browser.get(f"/api/recorder/positions/{strategy}/")["results"]

    opened = until(recorded, "recorded position")
    assert len(opened) == 1, "sent three times, bought once"
    assert (opened[0]["side"], opened[0]["size"]) == ("long", 1)
    closing = {"symbol": "NQ1!", "action": "close", "id": "a2"}
    assert httpx.post(desk.webhook, json=closing, timeout=50).json()["status"] == "accepted"
    closed = until(
        lambda: [one for one in recorded() if one["size"] == 0 and one["net"] is not None], "close"
    )
    assert len(recorded()) == 1

    told = lambda: [one for one in discord.texts(SNOWFLAKE) if re.search(r"\bNQ long", one)]  # noqa: E731
    texts = until(lambda: len(told()) >= 2 and told(), "message of the opening and of the close")
    assert [re.search("opened|closed", one)[0] for one in texts] == ["opened", "closed"], texts  # type: ignore[index]
    figures = browser.get(f"/api/strategies/{strategy}/analytics/")["recorded"]
    assert figures["trades"] == 1
    assert figures["net"] == closed[0]["net"]
    net = Decimal(closed[0]["net"])
    assert f"${abs(net):,.2f}" in browser.page(f"/recorders/{strategy}/")

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
    browser = Browser(desk)
    strategy = recording(browser, connected(browser))
    alert = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "id": "k1"}
    assert httpx.post(
        desk.webhook, json=alert | {"stop_loss": stop_below(browser)}, timeout=50
    ).is_success
    desk.kill()
    again = Desk(desk.home, PORT=desk.port, BROKER_POLL_SECONDS="15")
    try:
        again.ready()

        def recorded() -> list[dict[str, Any]]:
            return browser.get(f"/api/recorder/positions/{strategy}/")["results"]

        until(lambda: [one["size"] for one in recorded()] == [1], "open position")
        again.kill()
        again = Desk(desk.home, PORT=desk.port, BROKER_POLL_SECONDS="15")
        again.ready()
        closing = {"symbol": "NQ1!", "action": "close", "id": "k2"}
        assert httpx.post(again.webhook, json=closing, timeout=50).is_success
        until(lambda: [one["size"] for one in recorded()] == [0], "closed position")
        assert [(one["entered"], one["exited"]) for one in recorded()] == [(1, 1)]
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
