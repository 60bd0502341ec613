"""The one process: how it starts, what it says, how it ends."""

import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.services.desk import Desk

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.kill()


def sign_in(desk: Desk, password: str) -> int:
    """Return the status of the login form's answer."""
    with httpx.Client(base_url=desk.url, timeout=50) as browser:
        browser.get("/accounts/login/")
        form = {
            "username": "demo",
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        return browser.post("/accounts/login/", data=form).status_code


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_desk_is_ready_lets_its_trader_in_and_ends_with_status_0(
    desk: Desk, sign: signal.Signals
) -> None:
    desk.ready()
    assert desk.webhook.startswith(f"{desk.url}/webhook/")
    assert sign_in(desk, desk.password) == 302
    assert desk.end(sign) == 0
    assert desk.line() == "", "exactly two lines are said"


def test_what_the_demo_knows_is_kept_between_starts(desk: Desk, tmp_path: Path) -> None:
    desk.ready()
    kept = tmp_path / "demo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert desk.remembered()["password"] == desk.password
    assert desk.remembered()["webhook_token"] in desk.webhook
    assert desk.end() == 0
    again = Desk(tmp_path, PORT=desk.port)
    try:
        again.ready()
        assert (again.password, again.webhook) == (desk.password, desk.webhook)
        assert again.end() == 0
    finally:
        again.kill()


def test_a_signal_before_it_is_ready_ends_it_with_status_0(desk: Desk) -> None:
    while not (desk.home / "secret_key").exists():
        assert desk.process.poll() is None
    assert desk.end() in (0, -signal.SIGTERM)


def test_a_taken_port_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        desk = Desk(tmp_path, PORT=str(other.getsockname()[1]))
        try:
            assert desk.process.wait(100) == 2
        finally:
            desk.kill()
    said = desk.errors().strip()
    assert "\n" not in said
    assert f"Port {desk.port}" in said
    assert "PORT=" in said


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("PORT", "http", "whole number from 1 to 65535"),
        ("PORT", "70000", "1 to 65535"),
        ("SPEED", "nan", "0.1 to 1000"),
        ("SPEED", "fast", "not a number"),
        ("SEED", "1.5", "whole number"),
        ("DEBUG", "maybe", "1 or 0"),
        ("MARKET", "no/such/file.csv", "generated, tradovate"),
        ("MARKET", "tradovate", "TRADOVATE_NAME"),
        ("TRADOVATE_ENV", "paper", "demo, live"),
        ("DATABASE_URL", "mysql://x", "postgres://"),
        ("DATABASE_URL", "postgres://user:hunter2@/", "postgres://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("TRADEHUB_HOME", "/proc/nowhere", "may write"),
        ("SECRET_KEY", "short", "32"),
        ("SECRET_KEY_FILE", "/no/such/file", "readable"),
        ("LOG_LEVEL", "loud", "DEBUG, INFO"),
    ],
)
def test_a_wrong_variable_stops_the_start_and_says_which(
    tmp_path: Path, name: str, value: str, cure: str
) -> None:
    desk = Desk(tmp_path, command="check", **{name: value})
    try:
        assert desk.process.wait(100) == 2
    finally:
        desk.kill()
    said = desk.errors().strip()
    assert "\n" not in said
    assert name.removesuffix("_FILE") in said
    assert cure in said
    assert "hunter2" not in said
