"""Each fault of the simulator while the market streams: what is true at the end must not depend on it.

A fault's `at_s` counts wall seconds from the first market data client; at 90 times real time a second of it is a
minute and a half of market.
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from apps.bus.domain.message import SECOND, to_instant
from tests.chaos.story import SIGNALS, Story
from tests.chaos.test_kills import agree
from tests.services.process import workplace

pytestmark = pytest.mark.timeout(300)

MINUTES, SPEED = 22, 90.0

# Frames that are none; ticks twice, in a wrong order, from nowhere; late answers; a silence. Each has its moment.
MUDDLE = [
    {"at_s": 1.0, "do": "garbage"},
    {"at_s": 1.5, "do": "duplicate"},
    {"at_s": 2.0, "do": "shuffle"},
    {"at_s": 2.2, "do": "deltas"},
    {"at_s": 2.4, "do": "batch"},
    {"at_s": 2.6, "do": "delay_responses"},
    {"at_s": 2.8, "do": "spike"},
    {"at_s": 3.2, "do": "stall", "for_s": 1.0},
]
SPIKES = [{"at_s": at, "do": "spike", "points": 80} for at in (2, 4, 6, 8)]
LATE = [{"at_s": at, "do": "late", "count": 5, "after": 4} for at in range(2, 14)]
EACH: dict[str, list[dict[str, Any]]] = {
    "drop": [{"at_s": 4, "do": "drop", "for_s": 6}],
    "stall, shorter than our patience": [{"at_s": 4, "do": "stall", "for_s": 5}],
    "stall, longer than our patience": [{"at_s": 4, "do": "stall", "for_s": 13}],
    "close": [{"at_s": 4, "do": "close"}, {"at_s": 7, "do": "close"}],
    "shutdown": [{"at_s": 4, "do": "shutdown"}],
    "garbage": [{"at_s": at, "do": "garbage", "count": 50} for at in (2, 4, 6)],
    "duplicate": [{"at_s": at, "do": "duplicate", "count": 300} for at in (2, 4, 6)],
    "shuffle": [{"at_s": at, "do": "shuffle", "count": 50} for at in (2, 4, 6)],
    "rate_limit": [
        {"at_s": 4, "do": "expire_token"},
        {"at_s": 4, "do": "rate_limit", "for_s": 4},
        {"at_s": 4.1, "do": "close"},
    ],
    "penalty": [
        {"at_s": 4, "do": "expire_token"},
        {"at_s": 4, "do": "penalty"},
        {"at_s": 4.1, "do": "close"},
    ],
    "expire_token": [{"at_s": 4, "do": "expire_token"}, {"at_s": 4.1, "do": "close"}],
    "redirect_host": [{"at_s": 4, "do": "redirect_host", "for_s": 3}, {"at_s": 4.1, "do": "close"}],
    "delay_responses": [
        {"at_s": 4, "do": "close"},
        {"at_s": 5, "do": "delay_responses", "for_s": 3},
    ],
    "split_snapshot": [{"at_s": 4, "do": "split_snapshot"}, {"at_s": 4.1, "do": "close"}],
    "md_denied": [{"at_s": 4, "do": "md_denied", "for_s": 3}, {"at_s": 4.1, "do": "close"}],
    "deltas": [{"at_s": 4, "do": "deltas"}],
    "batch": [{"at_s": 4, "do": "batch"}],
}


def lived_through(home: Path, faults: list[dict[str, Any]] | None = None) -> Story:
    """Return a stretch of market that was lived through with these faults."""
    return Story(home, minutes=MINUTES, speed=SPEED, faults=faults).live(limit=120)


@cache
def witness() -> Story:
    """Return the same stretch without any."""
    undisturbed = lived_through(workplace("witness"))
    assert any("trade.entered" in fact for fact in undisturbed.facts()), "nothing to compare"
    return undisturbed


def first_stop() -> str:
    """Return when the undisturbed desk's first trade was stopped out."""
    told = [json.loads(fact) for fact in witness().facts()]
    return min(values["at"] for values in told if values["fact"] == "trade.stopped_out")


def test_muddled_data_and_a_stop_crossed_during_an_outage_change_nothing(tmp_path: Path) -> None:
    stopped = first_stop()
    moment = (to_instant(datetime.fromisoformat(stopped)) - witness().begin()) / SECOND / SPEED
    outage = [
        {"at_s": moment - 1.5, "do": "drop", "for_s": 4},
        {"at_s": moment, "do": "expire_token"},
    ]
    story = lived_through(tmp_path / "faulty", MUDDLE + outage)
    assert story.outcomes() == ["dropped"]
    assert any(lost < stopped < back for lost, back in story.outages())
    agree(story, witness())


@pytest.mark.chaos
@pytest.mark.parametrize("name", EACH)
def test_a_fault_changes_nothing(tmp_path: Path, name: str) -> None:
    agree(lived_through(tmp_path / "faulty", EACH[name]), witness())


@pytest.mark.chaos
def test_spikes_are_put_aside_and_change_nothing(tmp_path: Path) -> None:
    spiked = lived_through(tmp_path / "spiked", SPIKES)
    assert spiked.outcomes() == ["dropped"] * len(SPIKES)
    agree(spiked, witness())


@pytest.mark.chaos
def test_with_late_ticks_the_facts_are_those_of_a_replay_in_the_order_of_arrival(
    tmp_path: Path,
) -> None:
    late = lived_through(tmp_path / "late", LATE)
    assert late.late_ticks() > 5
    assert late.facts(SIGNALS) == late.replayed()  # a replay has no accounts


@pytest.mark.chaos
def test_a_displaced_desk_does_not_take_its_place_back_and_goes_on_when_it_is_started_again(
    tmp_path: Path,
) -> None:
    faults = [{"at_s": 4, "do": "displace"}]
    displaced = Story(tmp_path / "displaced", minutes=MINUTES, speed=SPEED, faults=faults)
    displaced.live(limit=200, restart_when="stopped")
    assert any(reason.startswith("Displaced") for reason in displaced.reasons("stopped"))
    agree(displaced, witness())
