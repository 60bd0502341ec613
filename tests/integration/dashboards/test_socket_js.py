"""The browser's side of the socket, run in Node with the server's part played for it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("socket_script.mjs")


def test_the_page_asks_again_for_whatever_it_may_have_missed() -> None:
    node = shutil.which("node") or str(ROOT / ".venv" / "bin" / "node")
    if not Path(node).exists():
        pytest.fail("no node: `make setup` brings one")
    module = ROOT / "apps" / "dashboards" / "static" / "js" / "socket.js"
    run = subprocess.run(
        [node, str(SCRIPT), module.as_uri()],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "ok\n"
