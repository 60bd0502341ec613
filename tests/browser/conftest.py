"""A real Chromium in front of the whole desk, fed by the simulator."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from tests.services.chromium import chromium
from tests.services.desk import Desk

SPEED = "60"  # a market minute each second: signals and trades come while the tests look
PATIENCE_MS = 45_000
PATIENT = {"ENGINE_PATIENCE_SECONDS": "20"}  # a busy machine's engine gets its time
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs Chromium and the whole stack, and begins with its start."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The one process with a quick market."""
    running = Desk(tmp_path_factory.mktemp("desk"), SPEED=SPEED, **PATIENT)
    try:
        yield running.ready()
    finally:
        running.kill()


@pytest.fixture(scope="session")
def slow_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Another one in its morning: notices don't rain, and entries are allowed for long."""
    running = Desk(tmp_path_factory.mktemp("desk"), SPEED="10", **PATIENT)
    try:
        yield running.ready()
    finally:
        running.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        with_room = ["--no-sandbox", "--disable-dev-shm-usage"]
        found = playwright.chromium.launch(executable_path=chromium(), args=with_room)
        yield found
        found.close()


@pytest.fixture(scope="session")
def cookies(desk: Desk, browser: Browser) -> list[Any]:
    """What the browser keeps of a sign-in."""
    return signed_in(desk, browser)


def signed_in(desk: Desk, browser: Browser) -> list[Any]:
    """Sign in as the desk's trader and wait until the market's first hours are heard; return the cookies."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{desk.url}/accounts/login/")
    page.get_by_label("User").fill("demo")
    page.get_by_label("Password").fill(desk.password)
    pressed(page.get_by_role("button", name="Sign in"))
    expect(page).to_have_url(f"{desk.url}/")
    live = re.compile("live|ended")
    expect(page.locator("feed-light")).to_have_attribute("data-state", live)
    kept = context.cookies()
    context.close()
    return kept


def pressed(control: Locator) -> None:
    """Press what leads to another page, and wait until that one is whole.

    Until its scripts run a link asks on a page of its own, and no key means anything; and who goes on to
    a third page before the answer is there takes back what he has sent.
    """
    with control.page.expect_navigation():
        control.click()


Opened = Callable[..., Page]
scanned: set[Page] = set()  # a scan tries styles of its own, which the page rightly refuses


@pytest.fixture
def opened(desk: Desk, browser: Browser, cookies: list[Any]) -> Iterator[Opened]:
    """Open pages of the signed-in trader; at the end no page may have complained."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, *, phone: bool = False, **options: Any) -> Page:
        size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
        context = browser.new_context(viewport=size, base_url=desk.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies(cookies)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and page not in scanned
                and complaints.append(f"{path}: {said.text}")
            ),
        )
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def screenshots() -> Path:
    """Where pictures of the pages are left for people to look at."""
    folder = Path(__file__).resolve().parents[2] / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
