"""The whole desk as a real process on a free port, for tests that look at it from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

from tests.services.process import free_port

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")  # of our own environment; all else is said
READY = re.compile(r"tradehub ready: (http://127\.0\.0\.1:\d+)  user: (\S+)  password: (\S+)\n")


class Desk:
    """`manage.py desk`, started and waited for; everything it keeps is in `home`."""

    def __init__(self, home: Path, *, command: str = "desk", **environment: str) -> None:
        self.home = home
        self.port = environment.pop("PORT", "") or str(free_port())
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", command],
            cwd=ROOT,
            env={
                **{name: os.environ[name] for name in KEPT if name in os.environ},
                "TRADEHUB_HOME": str(home),
                "PORT": self.port,
                "HASHED_STATIC": "0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=(home / "stderr").open("ab"),
            text=True,
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.port}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self, seconds: float = 300) -> str:
        """Return its next line of output, empty if it has ended."""
        try:
            return self._lines.get(timeout=seconds)
        except Empty:
            raise AssertionError(f"nothing said in {seconds} s; errors: {self.errors()}") from None

    def ready(self) -> "Desk":
        """Wait for the ready line; then `password` and `webhook` are known. One that is not ready in time is ended."""
        try:
            said = self.line()
            found = READY.fullmatch(said)
            assert found, f"no ready line but {said!r}; errors: {self.errors()}"
            self.password = found[3]
            self.webhook = self.line().strip().removeprefix("demo webhook: ")
        except BaseException:
            self.kill()
            raise
        return self

    def remembered(self) -> dict[str, str]:
        """Return what demo.json keeps."""
        kept: dict[str, str] = json.loads((self.home / "demo.json").read_text())
        return kept

    def errors(self) -> str:
        """Return what it wrote to standard error."""
        return (self.home / "stderr").read_text()

    def end(self, sign: signal.Signals = signal.SIGTERM, seconds: float = 50) -> int:
        """Send a signal and return its status; how soon it comes is the machine's affair."""
        self.process.send_signal(sign)
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
