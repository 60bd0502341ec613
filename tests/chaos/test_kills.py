"""Killed at any moment and started again, the desk says the same facts, each once."""

from pathlib import Path

import pytest

from tests.chaos.story import Story

pytestmark = pytest.mark.timeout(600)


def agree(story: Story, witness: Story) -> None:
    """Hold what a troubled desk says to what an undisturbed one says."""
    assert len(set(story.facts())) == len(story.facts()), "a fact was said twice"
    assert story.facts() == witness.facts()
    assert story.trades() == witness.trades()
    assert story.candles() == witness.candles()


@pytest.mark.parametrize("one_process", [False, True], ids=["two processes", "one process"])
def test_killed_now_and_then_the_facts_are_those_of_an_undisturbed_run(
    tmp_path: Path, one_process: bool
) -> None:
    witness = Story(tmp_path / "witness", minutes=22, speed=60, one_process=one_process).live()
    assert any("trade.entered" in fact for fact in witness.facts()), "nothing happened to compare"
    story = Story(tmp_path / "killed", minutes=22, speed=60, one_process=one_process).live(kills=6)
    assert story.kills == 6
    agree(story, witness)


@pytest.mark.chaos
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("one_process", [False, True], ids=["two processes", "one process"])
def test_a_hundred_kills_in_an_hour(tmp_path: Path, one_process: bool) -> None:
    witness = Story(tmp_path / "witness", minutes=60, speed=60, one_process=one_process)
    witness.live(limit=600)
    story = Story(tmp_path / "killed", minutes=60, speed=20, one_process=one_process)
    story.live(kills=100, limit=2400)
    assert story.kills == 100
    agree(story, witness)
