"""The page that says which test holds which check must not promise what is not there, nor leave out what is asked."""

import re
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "conformance.md"
ABROAD = ROOT / "tests" / "integration" / "brokers"
FOLDERS = (ABROAD, ROOT / "tests" / "domain" / "brokers")
HEADING = "## Beyond the stages"
# The checklist of Tradovate's partner programme, by stage, as read on 2026-11; + is a check of our own beside it.
CHECKS: Final = {
    1: ("1.1a 1.1b 1.1c 1.1d 1.1e+ 1.2a 1.2b 1.2c 1.2d 1.2e 1.3a 1.3b+ 1.3c+ 1.4a 1.4b+ 1.4c+"),
    2: (
        "2.1a 2.1b 2.1c 2.1d 2.2a 2.2b 2.2c 2.2d 2.2e 2.3a 2.3b 2.3c 2.3d 2.3e 2.4a 2.4b 2.4c "
        "2.5a 2.5b 2.5c 2.6a 2.6b+ 2.7+ 2.8+ 2.9+"
    ),
    3: ("3.1a 3.1b 3.1c 3.1d 3.1e 3.2a 3.2b 3.2c 3.3a 3.3b 3.4 3.5"),
    4: ("4.1a 4.1b 4.1c 4.1d 4.1e 4.1f 4.2a 4.2b 4.2c 4.3 4.4 4.5"),
    5: (
        "5.1a 5.1b 5.1c 5.1d 5.1e 5.2a 5.2b 5.2c 5.2d 5.2e 5.2f 5.2g 5.3 5.3a+ 5.4 5.4a+ 5.5 "
        "5.5a+ 5.6 5.6a+ 5.7"
    ),
}
# What a client that trades has to hold besides; each is a row of the page's last table.
BEYOND: Final = (
    "one login for every process",
    "one login for the feed, every environment, a trial and what is kept after it",
    "typing errors keep a reserve of failed logins",
    "one renewal for every process, within 15 an hour",
    "a lost place is taken back by nobody but its owner",
    "a wrong password is tried once",
    "nothing is kept of a login that is not taken",
    "an order is automated, tagged, and whole again when read",
    "brackets and pairs",
    "an order is modified",
    "an order is cancelled",
    "a day order ends with its session",
    "a position is liquidated",
    "refusals inside 200",
    "without an answer nothing is sent again",
    "an unknown outcome is looked up by its tag",
    "a ticket on an order",
    "a poll never takes an order's place",
    "stream and poll tell the same",
    "rows in any order, and again",
    "no secret anywhere",
)


def known(*folders: Path) -> set[str]:
    return {
        name
        for folder in folders or FOLDERS
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert len(named) > 90
    assert named <= known()


def test_every_conformance_test_stands_on_the_page() -> None:
    numbered = {name for name in known() if re.match(r"test_[125]_\d", name)}
    named = set(re.findall(r"`(test_\w+)`", stages()))
    assert numbered == named


def test_the_page_has_every_check_of_the_list_once_in_its_order_and_no_other() -> None:
    for stage in (1, 2, 5):
        rows = re.findall(rf"^\| ({stage}\.\d[a-z]?\+?) \| .* \| (.*) \|$", stages(), re.MULTILINE)
        assert [check for check, _ in rows] == CHECKS[stage].split()
        for check, tests in rows:
            names = re.findall(r"`(test_\w+)`", tests)
            assert names, f"{check} names no test"
            number = check.rstrip("+").replace(".", "_")
            assert all(re.match(rf"test_{number}[a-z]?_", name) for name in names), check


def test_what_does_not_apply_is_the_rest_of_the_list() -> None:
    for stage in (3, 4):
        (row,) = re.findall(
            rf"^\| ({stage}\.\d.*) \| .* \| not applicable \|$", stages(), re.MULTILINE
        )
        assert row.replace(",", "").split() == CHECKS[stage].split()


def test_beyond_the_stages_each_row_stands_and_names_its_tests() -> None:
    rows = re.findall(
        r"^\| (.*) \| (`test_.*) \|$", PAGE.read_text().partition(HEADING)[2], re.MULTILINE
    )
    assert [what for what, _ in rows] == list(BEYOND)


def test_no_test_of_modify_cancel_or_liquidate_is_left_off_the_page() -> None:
    about = {
        name
        for name in known(ABROAD)
        if re.search(r"_(modify|cancel|liquidat)", name)
        and not re.match(r"test_[125]_\d|test_no_test|test_cancelling_by_the_realtime_id", name)
    }  # a chart is cancelled too
    assert len(about) >= 12
    assert about <= set(re.findall(r"`(test_\w+)`", PAGE.read_text()))


def stages() -> str:
    return PAGE.read_text().partition(HEADING)[0]
