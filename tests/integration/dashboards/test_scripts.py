"""What the browser's modules do, run in Node with the other side's part played for them."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "apps" / "dashboards" / "static" / "js"


def play(script: str, module: str) -> None:
    node = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node")
    if not Path(node).exists():
        pytest.fail("no node: `make setup` brings one")
    run = subprocess.run(
        [node, str(Path(__file__).with_name(script)), (MODULES / module).as_uri()],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "ok\n"


def test_the_page_asks_again_for_whatever_it_may_have_missed() -> None:
    play("socket_script.mjs", "socket.js")


def test_an_answer_that_is_given_up_or_overtaken_breaks_nothing() -> None:
    play("answer_script.mjs", "answer.js")


def test_words_that_want_the_same_height_are_moved_apart() -> None:
    play("apart_script.mjs", "apart.js")


def test_the_labels_of_the_axis_are_the_same_ones_until_they_say_something_else() -> None:
    """The chart's library moves labels apart, and forgets it where it is given others each time it asks."""
    play("marks_script.mjs", "marks.js")


def test_a_page_that_is_being_left_is_not_loaded_again() -> None:
    play("again_script.mjs", "again.js")
