"""A notice finds the trader on whatever page he is: the bell counts, a toast says it, the centre has it, without a reload."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Opened, pressed, signed_in
from tests.services.desk import Desk


@pytest.fixture(scope="module")
def desk(slow_desk: Desk) -> Desk:
    """A market in which a notice comes now and then, not each second."""
    return slow_desk


@pytest.fixture(scope="module")
def cookies(desk: Desk, browser: Browser) -> list[Any]:
    """What the browser keeps of a sign-in there."""
    return signed_in(desk, browser)


def watch_toasts(page: Page, text: str) -> None:
    """Note that a toast with this text was seen: it leaves by itself, maybe before anybody asks."""
    page.evaluate(
        """(text) => {
          window.toasted = new Promise((seen) => new MutationObserver(() => {
            const found = [...document.querySelectorAll(".toast")].find((one) => one.textContent.includes(text));
            if (found) seen(found.checkVisibility());
          }).observe(document.querySelector("live-toasts"), { childList: true }));
        }""",
        text,
    )


@pytest.mark.parametrize("touched", [False, True])
def test_a_notice_appears_by_itself_and_is_read_by_a_press(opened: Opened, touched: bool) -> None:
    health, centre, own = (
        opened(path) for path in ("/health/", "/notices/", "/settings/notifications/")
    )
    for page in (health, centre):
        expect(page.locator('[data-show="bar"]')).to_contain_text("bar ends in")
        page.evaluate("window.wasHere = true")
    if touched:  # sounds on: a tone is made and nothing complains
        health.evaluate("document.body.dataset.sounds = 'on'")
        health.mouse.click(5, 5)
    watch_toasts(health, "Test message")
    pressed(own.get_by_role("button", name="Send me a test message"))
    expect(own.locator(".notice")).to_contain_text("A test message is in your notices")
    assert health.evaluate("window.toasted"), "it was to be seen"
    expect(health.locator(".bell-count")).to_be_visible()
    unread = centre.locator(".notice-row[data-unread]", has_text="Test message")
    expect(unread.first).to_be_visible()
    assert health.evaluate("window.wasHere") and centre.evaluate("window.wasHere")
    pressed(centre.get_by_role("button", name="Mark all read"))
    expect(unread).to_have_count(0)


def test_choices_are_made_by_keyboard_and_stay(opened: Opened) -> None:
    page = opened("/settings/notifications/")
    box = page.get_by_label("Stop hit: E-mail")
    was = box.is_checked()
    box.focus()
    page.keyboard.press("Space")
    page.get_by_label("From").fill("22:00")
    page.get_by_label("Until").fill("07:00")
    pressed(page.get_by_role("button", name="Save"))
    expect(page.locator(".notice")).to_contain_text("Kept")
    assert page.get_by_label("Stop hit: E-mail").is_checked() != was
    expect(page.get_by_label("From")).to_have_value("22:00")
