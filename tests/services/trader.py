"""A trader in front of a desk that runs: his browser, and what he does to have an alert traded, recorded and told."""

import re
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from tests.services.discord import Discord, Fault

TRADER = "trader"  # name and password of the simulated broker's second user
SNOWFLAKE = "4711"
KEY = "broker-key-sec-2f60aa"
PATIENCE_S = 200.0  # for what takes a second, on a machine that has ten other things to do


class Browser:
    """A trader's browser, with the token that forms need."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.http.get("/accounts/login/")

    def signs_in(self, name: str, password: str) -> "Browser":
        """Come in by the door."""
        form = {"username": name, "password": password}
        answer = self.post("/accounts/login/", data=form)
        assert answer.status_code == 302, (answer.status_code, answer.text[:300])
        return self

    def signs_up(self, name: str, password: str, mail: Path) -> "Browser":
        """Make an account, confirm its address by the letter that lies in `mail`, and come in."""
        self.http.get("/accounts/signup/")
        form = {
            "username": name,
            "email": f"{name}@example.com",
            "password1": password,
            "password2": password,
        }
        assert self.post("/accounts/signup/", data=form).status_code == 302
        (letter,) = mail.iterdir()
        link = re.search(r"http://[^/]+(/accounts/confirm-email/\S+)", letter.read_text())
        assert link, letter.read_text()
        self.http.get(link[1])
        assert self.post(link[1]).status_code == 302
        return self.signs_in(name, password)

    def post(
        self, path: str, *, more: Mapping[str, str] | None = None, **sent: Any
    ) -> httpx.Response:
        """Send a form, or JSON; `more` are headers beside the usual ones."""
        return self.http.post(path, headers=self._headers() | dict(more or {}), **sent)

    def put(self, path: str, **sent: Any) -> httpx.Response:
        """Put JSON."""
        return self.http.put(path, headers=self._headers(), **sent)

    def _headers(self) -> dict[str, str]:
        return {
            "X-CSRFToken": self.http.cookies["csrftoken"],
            "Referer": str(self.http.base_url),
        }

    def get(self, path: str) -> Any:
        """Return what an address of the API says."""
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        return answer.json()

    def page(self, path: str) -> str:
        """Return a page."""
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text


def made(answer: httpx.Response) -> Any:
    """Return what was made."""
    assert answer.status_code in (200, 201), (answer.status_code, answer.text[:500])
    return answer.json()


def until(found: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
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
    """Record the first strategy in the broker's account, send its alerts there, and return its number."""
    strategy = int(browser.get("/api/strategies/")["results"][0]["id"])
    set_up = {"name": "Demo", "symbol": "NQ1!", "account": at_broker["id"], "size": 1}
    made(browser.put(f"/api/strategies/{strategy}/", json=set_up))
    made(browser.post(f"/api/recorder/start/{strategy}/"))
    route = {"account": at_broker["account"], "mode": "automatic", "quantity": 1}
    made(browser.put(f"/api/strategies/{strategy}/routes/", json=route))
    return strategy


def recorded(browser: Browser, strategy: int) -> list[dict[str, Any]]:
    """Return what was recorded of a strategy, the newest first."""
    rows: list[dict[str, Any]] = browser.get(f"/api/recorder/positions/{strategy}/")["results"]
    return rows


def buys(browser: Browser, webhook: str, number: str) -> httpx.Response:
    """Send the alert that buys one."""
    alert = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "id": number}
    return httpx.post(webhook, json=alert | {"stop_loss": stop_below(browser)}, timeout=60)


def closes(webhook: str, number: str) -> httpx.Response:
    """Send the alert that closes."""
    alert = {"symbol": "NQ1!", "action": "close", "id": number}
    return httpx.post(webhook, json=alert, timeout=60)


def trades_once(browser: Browser, discord: Discord, webhook: str, strategy: int) -> None:
    """Send a buy three times and a close; what came of it stands once on every side, and in each the same figure.

    Discord limits, then does what it is asked and says that it broke down.
    """
    discord.faults += [
        Fault("/messages", 429, {"retry_after": 0.4, "global": False}, {"Retry-After": "0.4"}),
        Fault("/messages", 504, {}, does=True, slow_s=2.0),
    ]
    alert = {"symbol": "NQ1!", "action": "buy", "quantity": 1, "id": "a1"}
    alert["stop_loss"] = stop_below(browser)
    said = [httpx.post(webhook, json=alert, timeout=60).json() for _ in range(3)]
    assert [one["status"] for one in said] == ["accepted", "duplicate", "duplicate"]

    opened = until(lambda: recorded(browser, strategy), "recorded position")
    assert len(opened) == 1, "sent three times, bought once"
    assert (opened[0]["side"], opened[0]["size"]) == ("long", 1)
    assert closes(webhook, "a2").json()["status"] == "accepted"
    (closed,) = until(
        lambda: [
            one
            for one in recorded(browser, strategy)
            if one["size"] == 0 and one["net"] is not None
        ],
        "close",
    )
    assert len(recorded(browser, strategy)) == 1

    told = lambda: [one for one in discord.texts(SNOWFLAKE) if re.search(r"\bNQ long", one)]  # noqa: E731
    texts = until(lambda: len(told()) >= 2 and told(), "message of the opening and of the close")
    assert [re.search("opened|closed", one)[0] for one in texts] == ["opened", "closed"], texts  # type: ignore[index]
    figures = browser.get(f"/api/strategies/{strategy}/analytics/")["recorded"]
    assert figures["trades"] == 1
    assert figures["net"] == closed["net"]
    net = Decimal(closed["net"])
    assert f"${abs(net):,.2f}" in browser.page(f"/recorders/{strategy}/")


def stop_below(browser: Browser) -> str:
    """Return a stop far below the market, once there is one."""
    path = "/api/realtime/current-price/?symbol=NQ"
    price = until(lambda: browser.http.get(path).json().get("last"), "price")
    return f"{Decimal(price) - 60:.2f}"
