"""What a broker never forgets: rows, holdings and working orders, kept beside the market's own position.

A simulator that is killed has everything that it ever answered or told, because it writes before it answers.
"""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from apps.brokers.tradovate.simulator.answer import Json

_TABLES = """
    CREATE TABLE IF NOT EXISTS row (entity TEXT, id INTEGER, body TEXT, PRIMARY KEY (entity, id));
    CREATE TABLE IF NOT EXISTS desk (name TEXT PRIMARY KEY, body TEXT);
"""


class Changes(NamedTuple):
    """What has happened to the rows since they were last written: entities that were emptied, then rows as they are."""

    emptied: frozenset[str]
    rows: tuple[tuple[str, Json], ...]

    def __bool__(self) -> bool:
        """Return whether there is anything to write."""
        return bool(self.emptied or self.rows)


class Memory:
    """One file. Used by the simulator's own loop alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, check_same_thread=False)
        # a killed process leaves what was committed; only a fallen machine could lose the last second
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.executescript(_TABLES)

    def forget(self) -> None:
        """Begin with nothing: the market is another one, or begins anew."""
        with self._file:
            self._file.execute("DELETE FROM row")
            self._file.execute("DELETE FROM desk")

    def rows(self) -> Iterable[tuple[str, Json]]:
        """Return every row with its entity."""
        for entity, body in self._file.execute("SELECT entity, body FROM row ORDER BY entity, id"):
            yield entity, json.loads(body)

    def desk(self) -> dict[str, Json]:
        """Return what is no row: `ids`, `account`, `book`; empty when nothing was kept yet."""
        return {
            name: json.loads(body)
            for name, body in self._file.execute("SELECT name, body FROM desk")
        }

    def keep(self, changes: Changes, desk: dict[str, Json]) -> None:
        """Write rows and desk in one transaction."""
        with self._file:
            self._file.executemany(
                "DELETE FROM row WHERE entity = ?", [(name,) for name in changes.emptied]
            )
            self._file.executemany(
                "REPLACE INTO row VALUES (?, ?, ?)",
                [(entity, row["id"], json.dumps(row)) for entity, row in changes.rows],
            )
            self._file.executemany(
                "REPLACE INTO desk VALUES (?, ?)",
                [(name, json.dumps(body)) for name, body in desk.items()],
            )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
