"""System health on its page: the trader's words, none of the names that programs give to parts and figures."""

import re

import pytest

from apps.dashboards.wellness import PARTS, parts
from apps.system.domain.health import Sign, Signs, examine
from apps.system.services import leave_sign
from tests.cast import Actor

TOLD = {
    "feed": "live", "market_open": True, "frame_age_s": 0.2, "ticks": 71782, "lag_ms": 145,
    "market_at": "2026-11-27T14:13:08.879Z", "signals_pending": 0, "trades_active": 5,
}  # fmt: skip
WELL = Signs(engine=Sign(0.1, "running", TOLD), worker=Sign(1, "running", {}), inbox_age=0.3)
RAW = re.compile(r"[a-z]_[a-z]|[a-z]-[a-z]|celery|tradovate|mfe", re.IGNORECASE)


@pytest.mark.parametrize("signs", [WELL, Signs(), Signs(database="it does not answer")])
def test_each_part_has_a_name_and_words_of_the_field(signs: Signs) -> None:
    found = examine(signs)
    assert found.keys() <= PARTS.keys()
    for part in parts(found):
        assert not RAW.search(f"{part.name} {part.state} {part.words}"), part


def test_figures_are_told_in_words() -> None:
    words = {part.name: part.words for part in parts(examine(WELL))}
    assert words["Trading engine"] == (
        "running, last sign of life 0.1 s ago, 145 ms behind the feed"
    )
    assert words["Market feed"] == "live, at 08:13:08 CT"
    assert words["Prices"] == "71,782 ticks, last heard 0.2 s ago"
    assert words["Records"] == ""


@pytest.mark.django_db
def test_the_page_says_so(alice: Actor) -> None:
    leave_sign(name="engine", state="running", **TOLD)
    page = alice.client.get("/health/").content.decode()
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    assert "Open trades" in table
    assert "5 open" in table
    assert not RAW.search(re.sub("<[^>]+>", " ", table)), table
