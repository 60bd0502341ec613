"""What has to be pressed lies on top: the menu's sign-out and Flatten, on small screens, under a rain of messages."""

import pytest

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
