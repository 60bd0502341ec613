"""Every page in dark, light and phone size: nothing sideways, nothing that shuts somebody out."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, scanned

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PAGES = {
    "main": "/",
    "signals": "/signals/",
    "enter": "/trades/enter/",
    "strategies": "/strategies/",
    "settings": "/strategies/1/",
    "manual": "/manual/webhooks/",
    "health": "/health/",
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


def test_the_keyboard_reaches_the_content_first(opened: Opened) -> None:
    page = opened("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
