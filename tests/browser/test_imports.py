"""A file of fills as a person brings it: chosen, looked at, imported, brought again, undone."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, pressed

FILE = """buyFillId,sellFillId,symbol,qty,buyPrice,sellPrice,boughtTimestamp,soldTimestamp,pnl
1,2,ESM4,1,5000.00,5010.00,2024-05-14 09:30:00,2024-05-14 10:00:00,500.00
"""


def bring(page: Page, file: Path) -> None:
    """Send a file as the form stands: everything but the file left as it is."""
    page.goto("/recorders/import/")
    page.get_by_label("CSV file").set_input_files(file)
    pressed(page.get_by_role("button", name="Look at it"))
    expect(page).to_have_url(re.compile(r"/recorders/import/\d+/"))


def test_a_file_comes_in_once_and_goes_again(opened: Opened, tmp_path: Path) -> None:
    page = opened("/recorders/import/")
    more = page.get_by_text("An account for files only, without a login")
    if not page.get_by_label("Its name at the broker").is_visible():
        more.click()  # open where there is no account at all
    page.get_by_label("Its name at the broker").fill("FILES-1")
    pressed(page.get_by_role("button", name="Make it"))
    expect(page.locator(".notice").first).to_contain_text("FILES-1 is there")
    file = tmp_path / "performance.csv"
    file.write_text(FILE, encoding="utf-8")

    bring(page, file)
    choice = page.get_by_role("region", name="Accounts").get_by_role("combobox")
    choice.select_option(choice.locator("option", has_text="FILES-1").get_attribute("value"))
    pressed(page.get_by_role("region", name="Accounts").get_by_role("button"))
    page.get_by_role("button", name="Import 2 new fills").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()

    bring(page, file)
    expect(page.get_by_role("button", name="Import 0 new fills")).to_be_visible()
    expect(page.get_by_text("The desk knows all of them already")).to_be_visible()
    pressed(page.get_by_role("button", name="Throw the upload away"))

    pressed(page.get_by_role("link", name="performance.csv").first)
    page.get_by_role("button", name="Undo this import").click()
    expect(page.get_by_role("heading", name="Undone")).to_be_visible()
