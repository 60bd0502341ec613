"""Server and browser write each value alike: one table of examples for both."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from apps.dashboards.templatetags.desk import FORMATS

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES: list[dict[str, Any]] = json.loads((ROOT / "tests" / "formats.json").read_text())
IN_NODE = """
import { formats } from "./apps/dashboards/static/js/format.js";
import { readFileSync } from "node:fs";
const examples = JSON.parse(readFileSync("tests/formats.json", "utf8"));
console.log(JSON.stringify(examples.map((one) => formats[one.format](one.value, one))));
"""


def _name(example: dict[str, Any]) -> str:
    return f"{example['format']} {example['value']} {example.get('units', '')}"


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_the_server_writes_a_value_as_the_table_says(example: dict[str, Any]) -> None:
    more = [example[name] for name in ("zone", "units") if name in example]
    assert FORMATS[example["format"]](example["value"], *more) == example["text"]


def test_the_browser_writes_the_same() -> None:
    node = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node")
    if not Path(node).exists():
        pytest.fail("no node: `make setup` brings one")
    run = subprocess.run(
        [node, "--input-type=module", "-e", IN_NODE],
        cwd=ROOT, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [example["text"] for example in EXAMPLES]


def test_every_format_of_the_server_has_examples() -> None:
    assert {example["format"] for example in EXAMPLES} == set(FORMATS)
