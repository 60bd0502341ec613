"""What has to be pressed lies on top: the menu's sign-out and Flatten, on small screens, under a rain of messages."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opened

ON_TOP = """(name) => {
  const wanted = document.querySelector(name), box = wanted.getBoundingClientRect();
  const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return wanted.contains(found) ? "" : `${name} is under ${found?.outerHTML.slice(0, 120)}`;
}"""
RAIN = """async () => {
  await customElements.whenDefined("live-toasts");
  for (const tone of ["bad", "good", "quiet"]) {
    document.querySelector("live-toasts").show({ text: "NQ long stopped out, −1 R", detail: "x ".repeat(150), tone });
  }
}"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 540), (844, 390)])
@pytest.mark.parametrize("path", ["/", "/settings/security/"])
def test_no_message_covers_what_has_to_be_pressed(
    opened: Opened, path: str, width: int, height: int
) -> None:
    page = opened(path, phone=True)
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(RAIN)
    assert page.evaluate(ON_TOP, ".flatten-cell a") == ""
    page.locator("#user-menu summary").click()
    out = page.get_by_role("button", name="Sign out")
    out.scroll_into_view_if_needed()
    page.evaluate(RAIN)
    assert page.evaluate(ON_TOP, "#user-menu form[action*=logout] button") == ""


def test_the_focus_stops_under_no_bar(opened: Opened) -> None:
    page = opened("/settings/tokens/", phone=True)
    covered = page.evaluate(
        """() => [...document.querySelectorAll("main :is(a, button, input:not([type=hidden]))")].map((one) => {
          one.scrollIntoView({ block: "nearest", behavior: "instant" });
          const box = one.getBoundingClientRect();
          const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          return found?.closest(".topbar, .flatten-cell, .tab-bar") ? one.outerHTML.slice(0, 120) : "";
        }).filter(Boolean)"""
    )
    assert covered == []


SMALL = """() => [...document.querySelectorAll("main :is(.panel-head > a, .segments > *, a.badge, a.level)")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24)
  .map((one) => one.outerHTML.slice(0, 120))"""
TWICE = """() => [...document.querySelectorAll("[id]")].map((one) => one.id)
  .filter((id, place, all) => all.indexOf(id) !== place)"""


@pytest.mark.parametrize("path", ["/", "/prop/", "/recorders/import/", "/performance/"])
def test_a_link_that_stands_alone_is_large_enough_for_a_finger(opened: Opened, path: str) -> None:
    assert opened(path, phone=True).evaluate(SMALL) == []


def test_a_question_in_a_dialog_over_the_same_question_has_ids_of_its_own(opened: Opened) -> None:
    page = opened("/live/kill/")
    page.locator(".topbar").get_by_role("link", name="Flatten").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_be_visible()
    assert page.evaluate(TWICE) == []
