"""A trader at work: prices move, signals become trades, he enters, closes, and looks behind them."""

import re
from decimal import Decimal

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PATIENCE_MS, Opened, pressed
from tests.services.desk import Desk


def last_price(page: Page) -> Decimal:
    return Decimal(page.locator(".ticker-last").inner_text().replace(",", ""))


def enter_long(page: Page, points: int = 400) -> Locator:
    """Enter by hand with a stop so many points below the price; return the row of this very trade on Main.

    The stop lies where an hour of this market does not get: a busy machine takes its time, and none of the trade's.
    """
    page.goto("/trades/enter/")
    stop = (last_price(page) - points).quantize(Decimal(1))
    page.get_by_label("▲ Long").check()
    page.get_by_label("Stop", exact=True).fill(str(stop))
    pressed(page.get_by_role("button", name="Enter now"))
    expect(page.locator(".notice")).to_contain_text("entered at")
    newest = page.locator(".trade-row", has_text="by hand").first
    return page.locator(f'.trade-row[data-of="{newest.get_attribute("data-of")}"]')


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
    pressed(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("radio", name=units, exact=True)).to_be_checked()


def test_a_result_keeps_the_trader_s_unit_while_it_moves(opened: Opened) -> None:
    page = opened("/")
    try:
        prefer(page, "Ticks")
        result = enter_long(page).locator(".what [data-show=result]")
        first = result.inner_text()
        expect(result).not_to_have_text(first)
        for text in (first, result.inner_text(), page.title()):
            assert re.search(r"[+−]?[\d,]+ ticks", text), text
    finally:
        prefer(page, "R")


def test_a_trade_by_hand_is_entered_followed_and_closed(opened: Opened) -> None:
    page = opened("/")
    row = enter_long(page)
    r = row.locator(".what [data-show=result]")
    expect(r).not_to_have_text(r.inner_text())
    row.get_by_role("link", name=re.compile("^Close")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Close NQ")
    expect(dialog.get_by_role("link", name=re.compile("Keep"))).to_be_focused()
    pressed(dialog.get_by_role("button", name="Close now"))
    expect(page.locator(".notice")).to_contain_text("closed at")
    expect(row).to_have_count(0)


def test_escape_keeps_the_trade(opened: Opened) -> None:
    page = opened("/")
    row = enter_long(page)
    row.get_by_role("link", name=re.compile("^Close")).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(row).to_be_visible()


def test_a_press_counts_though_its_region_is_drawn_anew_meanwhile(opened: Opened) -> None:
    page = opened("/signals/")
    page.route(re.compile("/desk/region/way-out/"), lambda route: None)  # nothing else draws it
    page.goto("/manager/")
    page.get_by_label("Contracts", exact=True).focus()  # the press takes it from there
    link = page.get_by_role("link", name=re.compile("^Flatten account"))
    link.hover()
    page.mouse.down()
    link.evaluate(
        """(one) => {
          const region = one.closest("live-region");
          region.draw(`${region.innerHTML}<i data-anew></i>`);
        }"""
    )
    page.mouse.up()
    expect(page.get_by_role("dialog")).to_contain_text("Flatten")
    expect(page.locator("[data-anew]")).to_be_attached()


def test_a_late_answer_does_not_bring_back_the_candles_that_were_left(opened: Opened) -> None:
    page = opened("/")
    chart = page.locator("candle-chart")
    expect(chart).to_have_attribute("data-drawn", "60")
    held: list[Route] = []
    page.route(re.compile("seconds=60$"), lambda route: held.append(route))
    with page.expect_request(re.compile("seconds=60$")):
        chart.evaluate("(one) => void one.load()")
    page.get_by_role("radio", name="5m", exact=True).click()
    expect(chart).to_have_attribute("data-drawn", "300")
    with page.expect_response(re.compile("seconds=60$")) as late:
        for route in held:
            route.continue_()
    late.value.finished()
    chart.evaluate("(one) => one.load()")  # one more after it
    expect(chart).to_have_attribute("data-drawn", "300")


def test_an_alert_by_webhook_is_seen_at_once(opened: Opened, desk: Desk) -> None:
    page = opened("/")
    alert = {"signal_type": "Bullish", "price": 1, "symbol": "NQ1!"}
    posted = httpx.post(desk.webhook, json=alert, timeout=PATIENCE_MS / 1000)
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
    enter_long(page).get_by_role("link", name=re.compile("^Close")).click()
    page.get_by_role("button", name="Close now").click()
    expect(page.locator(".notice")).to_contain_text("closed at")


@pytest.mark.parametrize("theme", ["Dark", "Light", "System"])
def test_the_theme_is_chosen_in_the_menu(opened: Opened, theme: str) -> None:
    page = opened("/signals/")
    page.locator("#user-menu summary").click()
    pressed(page.get_by_role("button", name=theme))
    expect(page).to_have_url(re.compile("/signals/$"))
    chosen = page.locator("html").get_attribute("data-theme")
    assert chosen == (None if theme == "System" else theme.lower())
