"""What a trader sees when something breaks, and that it mends by itself."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, SPEED, pressed
from tests.services.desk import Desk

NQ = "ts_ns,price,size\n" + "".join(
    f"{1_576_510_200_000_000_000 + second * 1_000_000_000},{8500 + second % 7 * 0.25},1\n"
    for second in range(300)
)  # five minutes of Monday 16 December 2019, from 09:30 in New York


def signed_in(browser: Browser, desk: Desk) -> Page:
    page = browser.new_page(base_url=desk.url)
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/accounts/login/")
    page.get_by_label("User").fill("demo")
    page.get_by_label("Password").fill(desk.password)
    pressed(page.get_by_role("button", name="Sign in"))
    expect(page).to_have_url(f"{desk.url}/")
    return page


def test_a_dead_desk_is_told_and_the_page_goes_on_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, SPEED=SPEED).ready()
    page = signed_in(browser, desk)
    live = page.locator('.feed-light[data-feed="live"]')
    expect(live).to_be_visible()
    desk.kill()
    expect(page.locator(".feed-light")).to_contain_text("desk not reached")
    assert page.locator(".ticker-last").inner_text() != "–", "figures stay"
    expect(page.locator("#feed-note")).to_contain_text("Numbers are as of")
    expect(page.locator("#feed-note")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    note = page.locator("#feed-note").bounding_box()
    assert note is not None
    assert note["height"] < 60, "a line over the page, not a column of it"
    page.get_by_role("link", name=re.compile("^Flatten")).first.click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("The desk does not answer")
    page.keyboard.press("Escape")
    expect(asked).not_to_be_visible()
    assert page.locator(".ticker-last").inner_text() != "–", "the page stands"
    again = Desk(tmp_path, SPEED=SPEED, PORT=desk.port)
    try:
        again.ready()
        expect(page.locator(".feed-light")).to_have_attribute("data-feed", "live")
        stood = page.locator(".ticker-last").inner_text()
        expect(page.locator(".ticker-last")).not_to_have_text(stood)
        expect(page.locator("#feed-note")).to_be_hidden()
    finally:
        page.close()
        again.kill()


def test_the_end_of_a_recording_is_no_alarm(browser: Browser, tmp_path: Path) -> None:
    recording = tmp_path / "NQH0_short.csv"
    recording.write_text(NQ)
    home = tmp_path / "home"
    home.mkdir()
    desk = Desk(home, MARKET=str(recording), SPEED="200").ready()
    try:
        page = signed_in(browser, desk)
        light = page.locator(".feed-light")
        expect(light).to_contain_text("end of recording")
        expect(light).to_have_attribute("data-feed", "quiet")
        expect(page.locator(".ticker-symbol")).to_have_text("NQH0")
        page.close()
    finally:
        desk.kill()


@pytest.mark.parametrize("path", ["/nothing/", "/signals/nobodys/", "/trades/999999/close/"])
def test_a_wrong_address_leads_back_to_the_desk(browser: Browser, desk: Desk, path: str) -> None:
    page = signed_in(browser, desk)
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 404
    page.get_by_role("link", name="Back to the desk").click()
    expect(page).to_have_url(f"{desk.url}/")
    page.close()


def test_a_form_sent_while_the_desk_is_away_stays_as_it_was_typed_and_is_sent_once(
    browser: Browser, desk: Desk
) -> None:
    page = signed_in(browser, desk)
    page.goto("/settings/groups/")
    expect(page.locator("html")).to_have_attribute("data-line", "open")
    posted: list[str] = []
    page.on("request", lambda asked: asked.method == "POST" and posted.append(asked.url))
    page.route("**/*", lambda route: route.abort())  # nobody answers any more
    page.evaluate("document.documentElement.dataset.line = 'lost'")
    name = page.get_by_label("Name, as alerts say it")
    name.fill("away")
    make = page.get_by_role("button", name="Make it")
    make.click()
    said = page.get_by_role("dialog")
    expect(said).to_contain_text("The desk does not answer")
    expect(said).to_contain_text("nothing was sent")
    assert posted == []
    page.keyboard.press("Escape")
    expect(said).not_to_be_visible()
    expect(name).to_have_value("away")
    page.unroute("**/*")
    make.click()
    expect(page.locator(".notice").first).to_contain_text("away: made.")
    assert len(posted) == 1
    page.close()
