"""The desk as `make run` starts it, with a market that runs ten times as fast, so that trades happen."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.services.desk import Desk

SPEED = "10"


@contextmanager
def running() -> Iterator[Desk]:
    """Start a desk in a folder of its own, and take both away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tradehub-desk-"))
    desk = Desk(home, SPEED=SPEED, LOG_LEVEL="WARNING")
    try:
        yield desk.ready()
    finally:
        desk.kill()
        shutil.rmtree(home, ignore_errors=True)


def sign_in(desk: Desk) -> httpx.Client:
    """Return the demo trader's browser."""
    browser = httpx.Client(base_url=desk.url, follow_redirects=True, timeout=20)
    browser.get("/accounts/login/")
    answer = browser.post(
        "/accounts/login/",
        data={
            "username": "demo",
            "password": desk.password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        },
        headers={"Referer": f"{desk.url}/accounts/login/"},
    )
    answer.raise_for_status()
    assert "/login/" not in str(answer.url), "the demo trader is not let in"
    return browser
