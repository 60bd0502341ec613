"""Every page in dark, light and phone size: nothing sideways, nothing that shuts somebody out."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Opened, pressed, scanned
from tests.services.desk import Desk

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PAGES = {
    "main": "/",
    "manager": "/manager/",
    "signals": "/signals/",
    "enter": "/trades/enter/",
    "performance": "/performance/",
    "strategies": "/strategies/",
    "settings": "/strategies/1/",
    "routes": "/strategies/1/routes/",
    "route": "/strategies/1/routes/1/",
    "manual": "/manual/webhooks/",
    "health": "/health/",
    "connections": "/connections/",
    "live-orders": "/live/",
    "recorders": "/recorders/",
    "recorder-new": "/recorders/new/",
    "imports": "/recorders/import/",
    "groups": "/settings/groups/",
    "notices": "/notices/",
    "notifications": "/settings/notifications/",
    "prop": "/prop/",
    "simulate": "/prop/simulate/",
    "preferences": "/settings/",
    "security": "/settings/security/",
    "sessions": "/settings/sessions/",
    "tokens": "/settings/tokens/",
}
SIZES: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "light": {"color_scheme": "light"},
    "phone": {"color_scheme": "dark", "phone": True, "has_touch": True, "is_mobile": True},
}


def faults(page: Page) -> list[str]:
    """Return what an accessibility scan finds serious."""
    scanned.add(page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})"
    )
    return [
        f"{one['id']}: {node['html'][:140]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_shuts_nobody_out(opened: Opened, screenshots: Path, name: str, size: str) -> None:
    page = opened(PAGES[name], **SIZES[size])
    expect(page.locator('[data-show="bar"]')).to_contain_text("bar ends in")
    page.screenshot(path=screenshots / f"{name}-{size}.png", full_page=size == "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_story_shuts_nobody_out(opened: Opened, screenshots: Path, size: str) -> None:
    page = opened("/", **SIZES[size])
    expect(page.locator(".event", has_text="entered at").first).to_be_attached()
    page.goto("/signals/?status=ENTERED")
    page.locator("tbody tr td a").last.click()
    expect(page.locator("path-chart canvas")).to_be_visible()
    page.screenshot(path=screenshots / f"story-{size}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []


@pytest.mark.parametrize("size", SIZES)
def test_what_a_sender_wrote_stays_inside_its_panel(opened: Opened, desk: Desk, size: str) -> None:
    refused = httpx.post(desk.webhook, content=b"x" * 400, timeout=PATIENCE_MS / 1000)
    assert refused.status_code == 400, refused.text
    page = opened("/strategies/", **SIZES[size])
    page.get_by_text("Try a payload").click()
    page.get_by_label("The alert's message").fill(
        f'{{"signal_type": "Bullish", "id": "{"y" * 70}"}}'
    )
    pressed(page.get_by_role("button", name="Try it"))
    expect(page.get_by_text("Understood as")).to_be_visible()
    page.locator("details[id^=refused]:not([open]) summary").click()
    expect(page.locator(".refusals .code").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_answer_to_a_form_takes_a_new_session_in(opened: Opened) -> None:
    """Its address cannot be asked for: the clock asks for its own words."""
    page = opened("/strategies/")
    page.get_by_text("Try a payload").click()
    page.get_by_label("The alert's message").fill("Bullish")
    pressed(page.get_by_role("button", name="Try it"))
    page.evaluate(
        "document.querySelector('market-clock').dataset.sessionEnds = '2000-01-01T00:00:00Z'"
    )
    expect(page.locator("market-clock:not([data-session-ends^='2000'])")).to_be_attached()


def test_a_phone_shows_the_r_of_each_signal_without_scrolling(opened: Opened) -> None:
    page = opened("/signals/?status=ENTERED", **SIZES["phone"])
    expect(page.locator("tbody .outcome").first).to_be_in_viewport(ratio=1)
    assert page.evaluate(
        "[...document.querySelectorAll('.table-scroll')].every(one => one.scrollWidth <= one.clientWidth)"
    )


def test_a_short_page_on_a_phone_leaves_its_room_below(opened: Opened) -> None:
    heights = {
        path: opened(path, **SIZES["phone"]).locator(".topbar").bounding_box()["height"]  # type: ignore[index]
        for path in ("/", "/signals/?status=VOID", "/health/")
    }
    assert len(set(heights.values())) == 1, heights


def test_main_scrolls_no_further_than_its_content(opened: Opened) -> None:
    page = opened("/")
    expect(page.locator(".trade-row .only-read").first).to_be_attached()
    below = page.evaluate(
        """Math.round(document.documentElement.scrollHeight
            - Math.max(innerHeight, document.querySelector(".desk").getBoundingClientRect().bottom + scrollY))"""
    )
    assert below <= 1, f"{below} pixels of nothing under the desk"


def test_the_keyboard_reaches_the_content_first(opened: Opened) -> None:
    page = opened("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
