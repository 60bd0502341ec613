"""The whole deployment as it is written down: every process of compose.yaml, on a PostgreSQL and a Redis of its own."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import psycopg2
import yaml

from tests.services.desk import KEPT, ROOT
from tests.services.postgres import Postgres
from tests.services.process import free_port
from tests.services.redis import Redis

COMPOSE: Final = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
NEIGHBOURS: Final = ("postgres", "redis")
ONCE: Final = "migrate"
PARTS: Final = tuple(name for name in COMPOSE if name not in (*NEIGHBOURS, ONCE))


class Deployment:
    """Started part by part. `home` is the volume that all of them share; each one's output goes to a file there."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.postgres, self.redis = Postgres(), Redis()
        self._environment = {"HASHED_STATIC": "0", "LOG_LEVEL": "WARNING", **environment}
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start parts by the commands of compose.yaml, each in a session of its own."""
        for name in names or PARTS:
            log = (self.home / f"{name}.log").open("ab")
            with log:
                self.parts[name] = subprocess.Popen(
                    self.command(name), cwd=ROOT, env=self.environment(), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip

    def command(self, name: str) -> list[str]:
        """Return what compose.yaml has a part run, at our own port and place."""
        ours = {
            "0.0.0.0": "127.0.0.1",
            "8000": str(self.port),
            "/tmp/schedule": f"{self.home}/schedule",
        }
        words = [ours.get(word, word) for word in shlex.split(COMPOSE[name]["command"])]
        return [str(Path(sys.executable).with_name(Path(words[0]).name)), *words[1:]]

    def environment(self) -> Mapping[str, str]:
        """Return the environment of every part, with our own neighbours."""
        ours = {
            "TRADEHUB_HOME": str(self.home),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
        }
        assert set(COMPOSE["web"]["environment"]) == set(ours), "compose.yaml sets what we do not"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, **ours, **self._environment}

    def run(self, *words: str, **more: str) -> str:
        """Run a command of manage.py to its end, as `docker compose exec` would, and return what it says."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env={**self.environment(), **more},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.returncode, done.stderr[-2000:])
        return done.stdout

    def kill(self, name: str) -> None:
        """End a part and its children at once, as the machine's memory guard would."""
        part = self.parts.pop(name)
        with suppress(ProcessLookupError):  # it has ended, and its children with it
            os.killpg(part.pid, signal.SIGKILL)
        part.wait(10)

    def must_live(self) -> None:
        """Fail if a part has ended by itself."""
        ended = {name: part.poll() for name, part in self.parts.items() if part.poll() is not None}
        assert not ended, f"ended by itself: {ended}; {self.errors()}"

    def end(self, seconds: float = 120) -> dict[str, int]:
        """Ask every part to end, as `docker compose stop` does, and return their statuses."""
        for part in self.parts.values():
            part.send_signal(signal.SIGTERM)
        return {name: part.wait(seconds) for name, part in self.parts.items()}

    def sql(self, asked: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        with closing(psycopg2.connect(self.postgres.url)) as line, line, line.cursor() as cursor:
            cursor.execute(asked, values)
            return list(cursor.fetchall())

    def errors(self) -> str:
        """Return the last that each part said, for a test that fails."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text()[-1500:]}" for log in logs)

    def stop(self) -> None:
        """Make sure that all of it is gone."""
        for name in list(self.parts):
            self.kill(name)
        self.redis.stop()
        self.postgres.stop()
