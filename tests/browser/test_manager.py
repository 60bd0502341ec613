"""A trader at the Trade Manager: he sends a bracketed order, sees it filled, moves its stop, and gets out."""

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Opened, pressed, signed_in
from tests.services.desk import Desk


@pytest.fixture(scope="module")
def desk(slow_desk: Desk) -> Desk:
    """A market that is still in its morning: at the session's end no entry is allowed any more."""
    return slow_desk


@pytest.fixture(scope="module")
def cookies(desk: Desk, browser: Browser) -> list[Any]:
    """What the browser keeps of a sign-in there."""
    return signed_in(desk, browser)


def panel(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def flat(page: Page) -> None:
    """Begin with nothing open: what signals have bought in between is closed as well."""
    page.goto("/manager/")
    page.get_by_role("link", name=re.compile("^Flatten account")).click()
    pressed(page.get_by_role("dialog").get_by_role("button", name="Flatten now"))
    expect(page.locator(".notice").first).to_contain_text("closing positions")
    expect(page.locator(".position", has_text="by hand")).to_have_count(0)


def buy(page: Page, contracts: str = "2", *, points: str = "120") -> Locator:
    """Buy at the market with a stop far away; return the position's row."""
    page.goto("/manager/?symbol=MNQ")
    page.get_by_label("Contracts", exact=True).fill(contracts)
    page.get_by_label("Bracket", exact=True).select_option("target")
    page.locator("#ticket_protect").fill(points)
    expect(page.locator("[data-part=verdict]")).to_contain_text("This order can lose")
    page.get_by_role("button", name=re.compile("^Buy")).click()
    mine = page.locator(".position", has_text="by hand")
    expect(mine).to_be_visible()
    return mine


def test_an_order_is_sent_filled_moved_and_flattened(opened: Opened) -> None:
    page = opened("/manager/")
    flat(page)
    mine = buy(page)
    expect(mine).to_contain_text("LONG 2")
    expect(panel(page, "Last fills")).to_contain_text("BUY 2")
    money = mine.locator("[data-show=money]")
    expect(money).not_to_have_text(money.inner_text())

    stop = mine.locator(".move-form", has_text="Stop").locator("[name=price]")
    nearer = Decimal(stop.input_value()) + 20
    stop.fill(str(nearer))
    pressed(mine.get_by_role("button", name=re.compile("^Move .*protects")))
    expect(page.locator(".notice").first).to_contain_text(f"moved to {nearer}")
    expect(mine.locator(".stop-text")).to_contain_text(f"{nearer:,}")

    flat(page)
    page.get_by_role("link", name=re.compile("^History")).click()
    expect(panel(page, "Orders")).to_contain_text("flattened by hand")


def test_escape_keeps_the_position(opened: Opened) -> None:
    page = opened("/manager/")
    flat(page)
    mine = buy(page, "1")
    mine.get_by_role("link", name="Close", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Close 1 MNQ")
    expect(dialog.get_by_role("link", name=re.compile("Keep"))).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(mine).to_be_visible()
    flat(page)


def test_the_way_out_is_on_every_page(opened: Opened) -> None:
    page = opened("/")
    for path in ("/", "/signals/", "/strategies/", "/health/"):
        page.goto(path)
        page.locator(".topbar").get_by_role("link", name="Flatten").click()
        expect(page.get_by_role("dialog")).to_contain_text("Flatten")
        page.keyboard.press("Escape")
        expect(page).to_have_url(re.compile(f"{path}$"))


def test_without_javascript_the_ticket_and_the_way_out_work(opened: Opened) -> None:
    page = opened("/manager/?symbol=MNQ", java_script_enabled=False)
    page.get_by_label("Contracts", exact=True).fill("3")  # the same order twice would ask
    page.locator("#ticket_protect").fill("60")
    page.get_by_role("button", name=re.compile("^Buy")).click()
    sent = re.compile(r"Buy 3 MNQ[HMUZ]\d market sent\.")
    expect(page.locator(".notice").first).to_contain_text(sent)
    page.locator(".topbar").get_by_role("link", name="Flatten").click()
    page.get_by_role("button", name="Flatten now").click()
    expect(page.locator(".notice").first).to_contain_text("closing positions")


def test_the_keys_fill_the_ticket_once_they_are_on(opened: Opened) -> None:
    page = opened("/manager/")
    page.keyboard.press("5")
    expect(page.get_by_label("Contracts", exact=True)).not_to_have_value("5")
    pressed(page.get_by_role("button", name="Keys off"))
    expect(page.get_by_role("button", name="Keys on")).to_be_visible()
    page.keyboard.press("5")
    expect(page.get_by_label("Contracts", exact=True)).to_have_value("5")
    page.keyboard.press("s")
    expect(page.locator("button[value=sell]")).to_have_attribute("data-armed", "")
    page.keyboard.press("Shift+F")
    expect(page.get_by_role("dialog")).to_contain_text("Flatten")
    page.keyboard.press("Escape")
    pressed(page.get_by_role("button", name="Keys on"))
    expect(page.get_by_role("button", name="Keys off")).to_be_visible()


@pytest.mark.parametrize(("type", "field"), [("Limit", "Limit price"), ("Trail", "Trail by")])
def test_a_type_shows_the_fields_that_it_needs(opened: Opened, type: str, field: str) -> None:
    page = opened("/manager/")
    expect(page.get_by_label(field, exact=True)).not_to_be_visible()
    page.locator(".segments label", has_text=re.compile(f"^{type}$")).click()
    expect(page.get_by_label(field, exact=True)).to_be_visible()


def test_a_phone_at_a_broker_s_account_reaches_everything_and_scrolls_nowhere(
    opened: Opened,
) -> None:
    """Adopted, chosen and flat: the kill switch is at hand, the menu leads to what has no tab."""
    page = opened("/connections/")
    page.get_by_label("Where").select_option("simulator")
    page.get_by_label("Name", exact=True).fill("My demo")
    page.get_by_label("User name").fill("trader")
    page.get_by_label("Password").fill("trader")
    pressed(page.get_by_role("button", name="Connect"))
    page.get_by_role("link", name=re.compile("^Use")).click()
    page.get_by_role("dialog").get_by_role("button", name="Use it").click()
    expect(page.locator(".notice").first).to_contain_text("Its orders stay here")

    phone = opened("/", phone=True, has_touch=True, is_mobile=True)
    phone.get_by_label(re.compile("^Account ")).click()
    pressed(phone.get_by_role("button", name=re.compile("DEMO1001")))
    expect(phone.get_by_label(re.compile("^Account DEMO1001"))).to_be_visible()
    for path in ("/", "/live/", "/connections/", "/recorders/", "/performance/", "/strategies/"):
        phone.goto(path)
        expect(phone.locator(".topbar").get_by_role("link", name="Kill")).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    for name in ("Brokers", "Live orders", "My Recorders", "Import fills"):
        phone.get_by_label(re.compile("menu$")).click()
        pressed(phone.get_by_label("More pages").get_by_role("link", name=name))
        expect(phone.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/manager/")
    for width in (1600, 1440, 1366, 1280, 1100, 1024, 900, 768, 700):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
    phone.locator(".topbar").get_by_role("link", name="Kill").click()
    expect(phone.get_by_role("dialog")).to_contain_text("Kill switch: out of everything?")
