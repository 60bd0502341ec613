"""One database for each market.

A desk that followed the generated market yesterday and streams a recording of 2019 today must not find yesterday's
time in its tables. So beside SQLite each market has a file of its own: the one in use is called `tradehub.sqlite3`,
the others lie beside it under their market's name, and come back when their market does.
"""

import json
import re
from pathlib import Path
from zlib import crc32

PARTS = ("", "-wal", "-shm")


def slug(market: str) -> str:
    """Return a market's identity as a part of a file name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", market).strip("-")
    return plain if len(plain) <= 24 else f"{plain[:24].strip('-')}-{crc32(market.encode()):08x}"


def take_out(home: Path, market: str) -> None:
    """Have `tradehub.sqlite3` be this market's, putting another market's aside.

    The caller makes sure that nobody has it open. A crash in between leaves a step that is done again.
    """
    note = home / "market.json"
    now = _noted(note)
    wanted = slug(market)
    if now == wanted:
        return
    if now is not None:
        _move(home, "tradehub", f"tradehub-{now}")
    _move(home, f"tradehub-{wanted}", "tradehub")
    draft = note.with_suffix(".new")
    draft.write_text(json.dumps({"market": wanted}) + "\n")
    draft.replace(note)


def _noted(note: Path) -> str | None:
    try:
        return str(json.loads(note.read_text())["market"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _move(home: Path, old: str, new: str) -> None:
    """Rename a database; its log first, since the file without its log would lack what was committed last."""
    if not (home / f"{old}.sqlite3").exists() or (home / f"{new}.sqlite3").exists():
        return
    for part in reversed(PARTS):
        path = home / f"{old}.sqlite3{part}"
        if path.exists():
            path.rename(home / f"{new}.sqlite3{part}")
