"""Old ticks in Parquet files, one per contract and UTC day. Reads span these and the table."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from apps.marketdata.domain.tick import Quote, Tick

Stored = tuple[Tick, int]  # a tick and its mark
_COLUMNS: Final = (
    "ts_ns", "tick_id", "price", "size", "bid", "bid_size", "ask", "ask_size", "mark",
)  # fmt: skip


class ArchiveError(Exception):
    """The archive cannot be written or read: full disk, no rights, a damaged file."""


def path_of(home: Path, contract: str, day: date) -> Path:
    """Return where the ticks of a contract's UTC day are kept."""
    return home / contract / f"{day:%Y-%m-%d}.parquet"


def days(home: Path, contract: str) -> list[date]:
    """Return the archived days of a contract, oldest first."""
    return sorted(
        date.fromisoformat(path.stem) for path in (home / contract).glob("????-??-??.parquet")
    )


def write(home: Path, contract: str, day: date, ticks: Sequence[Stored]) -> Path:
    """Write a day beside and rename it, so that a full disk leaves what was there. Adds to a day kept before.

    Raises:  ArchiveError
    """
    import polars as pl  # lazily: 0.2 s and 45 MB that only this task needs

    path = path_of(home, contract, day)
    known = dict.fromkeys(((tick.at, tick.id) for tick, _ in ticks))
    kept = [one for one in read(home, contract, day) if (one[0].at, one[0].id) not in known]
    rows = sorted([*kept, *ticks], key=lambda one: (one[0].at, one[0].id))
    frame = pl.DataFrame(
        [
            (tick.at, tick.id, tick.price, tick.size, *(tick.quote or (None,) * 4), mark)
            for tick, mark in rows
        ],
        schema=dict.fromkeys(_COLUMNS, pl.Int64),
        orient="row",
    )
    beside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            beside = Path(file.name)
            frame.write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, pl.exceptions.PolarsError) as problem:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise ArchiveError(
            f"{path} cannot be written: {problem}. Make room or choose another folder."
        ) from problem
    return path


def read(home: Path, contract: str, day: date) -> Iterator[Stored]:
    """Yield the archived ticks of a day with their marks, in the order of their times; none is no error.

    Raises:  ArchiveError
    """
    path = path_of(home, contract, day)
    if not path.exists():
        return
    import polars as pl

    try:
        frame = pl.read_parquet(path, columns=list(_COLUMNS))
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise ArchiveError(
            f"{path} cannot be read: {problem}. Restore it from a backup."
        ) from problem
    for at, id, price, size, *quote, mark in frame.iter_rows():
        known = any(value is not None for value in quote)
        yield Tick(at, price, size, id, Quote(*quote) if known else None), mark
