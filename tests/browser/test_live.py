"""A trader at work: prices move, signals become trades, he enters, closes, and looks behind them."""

import re
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE_MS, Opened
from tests.services.desk import Desk

expect.set_options(timeout=PATIENCE_MS)


def last_price(page: Page) -> Decimal:
    return Decimal(page.locator(".ticker-last").inner_text().replace(",", ""))


def enter_long(page: Page, points: int = 60) -> None:
    """Enter by hand with a stop so many points below the price."""
    page.goto("/trades/enter/")
    stop = (last_price(page) - points).quantize(Decimal(1))
    page.get_by_label("▲ Long").check()
    page.get_by_label("Stop", exact=True).fill(str(stop))
    page.get_by_role("button", name="Enter now").click()
    expect(page.locator(".notice")).to_contain_text("entered at")


def by_hand(page: Page) -> Locator:
    """Return the newest trade that was entered by hand, on Main."""
    page.goto("/")
    return page.locator(".trade-row", has_text="by hand").first


def test_the_price_moves_by_itself(opened: Opened) -> None:
    page = opened("/")
    first = page.locator(".ticker-last").inner_text()
    expect(page.locator(".ticker-last")).not_to_have_text(first)
    expect(page.locator(".feed-light")).to_have_attribute("data-feed", "live")
    expect(page.locator('[data-show="bar"]')).to_contain_text("bar ends in")


def test_signals_become_trades_without_a_reload(opened: Opened) -> None:
    page = opened("/")
    page.evaluate("window.wasHere = true")
    expect(page.locator(".event", has_text="pending").first).to_be_visible()
    expect(page.locator(".event", has_text="entered at").first).to_be_visible()
    assert page.evaluate("window.wasHere")


def test_the_chart_draws_candles(opened: Opened) -> None:
    page = opened("/")
    expect(page.locator("candle-chart canvas").first).to_be_visible()
    expect(page.locator('[data-part="legend"]')).to_contain_text("VWAP")
    page.get_by_role("radio", name="5m", exact=True).click()
    expect(page.get_by_role("radio", name="5m", exact=True)).to_have_attribute(
        "aria-checked", "true"
    )
    expect(page.locator("candle-chart")).to_have_attribute("data-drawn", "300")
    starts = page.evaluate(
        "document.querySelector('candle-chart').data.candles.map((one) => one[0])"
    )
    assert starts
    assert all(at % 300 == 0 for at in starts)


def prefer(page: Page, units: str) -> None:
    """Read results first in a unit from now on."""
    page.goto("/settings/")
    page.get_by_role("radio", name=units, exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("radio", name=units, exact=True)).to_be_checked()


def test_a_result_keeps_the_trader_s_unit_while_it_moves(opened: Opened) -> None:
    page = opened("/")
    try:
        prefer(page, "Ticks")
        enter_long(page)
        page.goto("/")
        result = page.locator(".trade-row", has_text="by hand").first.locator("[data-show=result]")
        first = result.inner_text()
        expect(result).not_to_have_text(first)
        for text in (first, result.inner_text(), page.title()):
            assert re.search(r"[+−]?[\d,]+ ticks", text), text
    finally:
        prefer(page, "R")


def test_a_trade_by_hand_is_entered_followed_and_closed(opened: Opened) -> None:
    page = opened("/")
    enter_long(page)
    row = page.locator(".trade-row", has_text="by hand").first
    expect(row).to_be_visible()
    r = row.locator(".what [data-show=result]")
    expect(r).not_to_have_text(r.inner_text())
    before = page.locator(".trade-row", has_text="by hand").count()
    row.get_by_role("link", name=re.compile("^Close")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Close NQ")
    expect(dialog.get_by_role("link", name=re.compile("Keep"))).to_be_focused()
    dialog.get_by_role("button", name="Close now").click()
    expect(page.locator(".notice")).to_contain_text("closed at")
    expect(page.locator(".trade-row", has_text="by hand")).to_have_count(before - 1)


def test_escape_keeps_the_trade(opened: Opened) -> None:
    page = opened("/")
    enter_long(page)
    by_hand(page).get_by_role("link", name=re.compile("^Close")).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(page.locator(".trade-row", has_text="by hand").first).to_be_visible()


def test_an_alert_by_webhook_is_seen_at_once(opened: Opened, desk: Desk) -> None:
    page = opened("/")
    posted = httpx.post(desk.webhook, json={"signal_type": "Bullish", "price": 1, "symbol": "NQ1!"})
    assert posted.status_code < 300, posted.text
    expect(
        page.locator(".event", has_text=re.compile("STALE|ALREADY|pending|OUT_OF")).first
    ).to_be_visible()


def test_a_signal_opens_its_story(opened: Opened) -> None:
    page = opened("/")
    expect(page.locator(".event", has_text="entered at").first).to_be_visible()
    page.goto("/signals/?status=ENTERED")
    page.locator("tbody tr td a").last.click()
    expect(page.locator(".timeline li").first).to_contain_text("Alert received")
    expect(page.get_by_role("region", name="Checks")).to_contain_text("Direction and time read")
    expect(page.get_by_role("region", name="Tracks")).to_contain_text("Fixed stop")
    expect(page.locator("candle-chart canvas").first).to_be_visible()
    expect(page.locator("path-chart canvas")).to_be_visible()


def test_everything_reads_right_without_javascript(opened: Opened) -> None:
    page = opened("/", java_script_enabled=False)
    assert last_price(page) > 1000
    expect(page.get_by_role("region", name="Active trades")).to_be_visible()
    assert "these numbers stand as of" in page.content()
    page.goto("/trades/enter/")
    page.get_by_label("▲ Long").check()
    page.get_by_label("Stop", exact=True).fill(str((last_price(page) - 60).quantize(Decimal(1))))
    page.get_by_role("button", name="Enter now").click()
    expect(page.locator(".notice")).to_contain_text("entered at")
    by_hand(page).get_by_role("link", name=re.compile("^Close")).click()
    page.get_by_role("button", name="Close now").click()
    expect(page.locator(".notice")).to_contain_text("closed at")


@pytest.mark.parametrize("theme", ["Dark", "Light", "System"])
def test_the_theme_is_chosen_in_the_menu(opened: Opened, theme: str) -> None:
    page = opened("/signals/")
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name=theme).click()
    expect(page).to_have_url(re.compile("/signals/$"))
    chosen = page.locator("html").get_attribute("data-theme")
    assert chosen == (None if theme == "System" else theme.lower())
