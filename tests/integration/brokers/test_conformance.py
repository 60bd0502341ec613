"""The page that says which test holds which check must not promise what is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "conformance.md"
FOLDERS = (ROOT / "tests" / "integration" / "brokers", ROOT / "tests" / "domain" / "brokers")


def known() -> set[str]:
    return {
        name
        for folder in FOLDERS
        for path in folder.glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert len(named) > 90
    assert named <= known()


def test_every_conformance_test_stands_on_the_page() -> None:
    numbered = {name for name in known() if re.match(r"test_[125]_\d", name)}
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text().partition("## Beyond the stages")[0]))
    assert numbered == named


def test_every_check_of_the_three_stages_has_a_test() -> None:
    rows = re.findall(r"^\| (\d\.\d[a-z]?\+?) \| .* \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 16 + 25 + 21
    assert all("`test_" in tests for check, tests in rows)
