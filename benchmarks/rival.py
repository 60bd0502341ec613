"""nautilus_trader in an environment of its own, so that nothing it needs touches ours."""

import json
import subprocess
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from apps.marketdata.domain.tick import Tick
from benchmarks.followed import Entry
from benchmarks.tape import ROOT

HOME = ROOT / "var" / "bench-venv"
PYTHON = HOME / "bin" / "python"
WANTED = ROOT / "requirements" / "bench.in"


class NoRival(RuntimeError):
    """It cannot be had; the text says why."""


def ensure() -> None:
    """Install it once, under var/.

    Raises:  NoRival
    """
    probe = [str(PYTHON), "-c", "import nautilus_trader"]
    if PYTHON.exists() and subprocess.run(probe, capture_output=True).returncode == 0:
        return
    ours = ROOT / ".venv" / "bin"
    made = subprocess.run([ours / "python", "-m", "venv", HOME], capture_output=True, text=True)
    if made.returncode:
        raise NoRival(made.stderr.strip()[-200:])
    tries = [
        [ours / "uv", "pip", "install", "-q", "--system-certs", "--python", PYTHON, "-r", WANTED],
        [PYTHON, "-m", "pip", "install", "-q", "-r", WANTED],
    ]
    said = ""
    for command in tries:
        if not Path(command[0]).exists():
            continue
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode == 0:
            return
        said = done.stderr.strip()[-200:]
    raise NoRival(f"nautilus_trader cannot be installed: {said}")


class Rival:
    """The other process, loaded with the same ticks; it runs the day whenever it is asked to."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        ensure()
        self._folder = tempfile.TemporaryDirectory(prefix="tradehub-rival-")
        work = Path(self._folder.name)
        self._entries = work / "entries.json"
        numbers = array("q", [n for tick in ticks for n in (tick.at, tick.price, tick.size)])
        (work / "tape.bin").write_bytes(numbers.tobytes())
        self._process = subprocess.Popen(
            [PYTHON, Path(__file__).with_name("nautilus_worker.py"), work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        self._folder.cleanup()

    def run(self, mode: str, entries: Sequence[Entry]) -> dict[str, Any]:
        """Run the day once and return its seconds, how many bars it made and how the trades ended."""
        self._entries.write_text(json.dumps(entries))
        assert self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise NoRival("nautilus_trader ended before it answered")
