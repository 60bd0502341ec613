"""The rows of an upload, read once and laid down sorted in a small file of their own, so that no size fills the memory."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from apps.brokers.domain.order import Side
from apps.marketdata.domain.calendar import trade_date
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.imports.reading import Problem, Shape, read
from apps.recorder.imports.row import FileFill
from apps.recorder.imports.values import Manner
from apps.recorder.imports.zones import PIECE, Piece, Stretch

KEPT_PROBLEMS: Final = 50
_BATCH: Final = 2_000
_COLUMNS: Final = "row, account, contract, side, quantity, price, at, grain, key, is_named, name, part, ord, fees, average, twin, day, told"


class Group(NamedTuple):
    """One account, contract and trade date of a file."""

    account: str
    contract: str
    day: date


@dataclass(slots=True)
class Laid:
    """What laying down a file came to."""

    rows: int = 0
    bad_rows: int = 0
    repeated: int = 0
    problems: list[str] = field(default_factory=list)

    def bad(self, problem: Problem | str) -> None:
        """Count a bad row, and keep the first ones."""
        self.bad_rows += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(str(problem))


def lay(
    source: Path, target: Path, shape: Shape, manner: Manner, progress: Callable[[float], None]
) -> Laid:
    """Read a file into its staging file; `progress` hears the share that is read.

    Raises:  BadFile
    """
    target.unlink(missing_ok=True)
    done = Laid()
    with closing(sqlite3.connect(target)) as base:
        base.execute("PRAGMA journal_mode = OFF")
        base.execute("PRAGMA synchronous = OFF")
        base.execute(f"CREATE TABLE fills ({_COLUMNS})")
        waiting: list[tuple[object, ...]] = []
        for one in read(source, shape, manner):
            done.rows += 1
            if one.problem is not None:
                done.bad(one.problem)
            waiting.extend(_plain(fill) for fill in one.fills)
            if len(waiting) >= _BATCH:
                _insert(base, waiting)
            if one.share:
                progress(one.share)
        _insert(base, waiting)
        base.execute("CREATE INDEX by_key ON fills (account, key, part, row)")
        _drop_repeated(base, done)
        base.execute("CREATE INDEX by_group ON fills (account, contract, day, at, row)")
        base.commit()
    return done


def _plain(fill: FileFill) -> tuple[object, ...]:
    return (
        fill.row, fill.account, fill.contract, str(fill.side), fill.quantity, str(fill.price), fill.at, fill.grain,
        fill.key, fill.is_named, fill.name, fill.part, fill.order,
        None if fill.fees is None else str(fill.fees), fill.average, fill.twin, trade_date(fill.at).isoformat(), fill.told_day,
    )  # fmt: skip


def _group_of(contract: str) -> str:
    """Return whose hours a contract has, empty where the desk does not know it."""
    try:
        return INSTRUMENTS[root_of(contract)].group
    except (UnknownSymbol, KeyError):
        return ""


def _insert(base: sqlite3.Connection, waiting: list[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(_COLUMNS.split(", ")))
    base.executemany(f"INSERT INTO fills VALUES ({marks})", waiting)  # noqa: S608 our own columns
    waiting.clear()


def _drop_repeated(base: sqlite3.Connection, done: Laid) -> None:
    """Take out rows that stand twice; one that says something else under the same number is bad; count what looks alike."""
    same = "account, key, part, twin, side, quantity, price, at"
    once = f"SELECT min(rowid) FROM fills GROUP BY {same}"  # noqa: S608 our own columns
    repeated = base.execute(
        f"DELETE FROM fills WHERE (is_named OR twin <> '') AND rowid NOT IN ({once})"  # noqa: S608
    ).rowcount
    done.repeated = repeated
    against = base.execute(
        "SELECT b.rowid, b.row, b.key, a.row FROM fills a JOIN fills b USING (account, key, part) "
        "WHERE a.is_named AND b.is_named AND a.rowid < b.rowid GROUP BY b.rowid"
    ).fetchall()
    for rowid, row, key, first in against:
        done.bad(
            f"row {row}: {key[:60]!r} stands in row {first} already and says something else; which one holds?"
        )
        base.execute("DELETE FROM fills WHERE rowid = ?", [rowid])
    # parts of one fill have to agree in everything but the contracts
    torn = base.execute(
        "SELECT b.rowid, b.row, b.key, min(a.row) FROM fills a JOIN fills b USING (account, key) "
        "WHERE b.part <> '' AND a.rowid < b.rowid "
        "AND (a.side, a.price, a.contract, a.at) <> (b.side, b.price, b.contract, b.at) GROUP BY b.rowid"
    ).fetchall()
    for rowid, row, key, first in torn:
        done.bad(
            f"row {row}: fill {key[:60]!r} has another price or time in row {first}; which one holds?"
        )
        base.execute("DELETE FROM fills WHERE rowid = ?", [rowid])
    base.execute(
        "UPDATE fills SET key = key || '#' || n FROM (SELECT rowid AS id, row_number() OVER "
        "(PARTITION BY account, key ORDER BY row, rowid) AS n FROM fills WHERE NOT is_named) AS counted "
        "WHERE fills.rowid = counted.id"
    )


@dataclass(frozen=True, slots=True)
class Contents:
    """What a staging file holds: fills by account, and from when to when."""

    accounts: dict[str, int]
    first: int | None
    last: int | None


class Staged:
    """A staging file that was laid down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _asked(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as base:
            return base.execute(query, values).fetchall()

    def contents(self) -> Contents:
        """Return what it holds."""
        counts = self._asked(
            "SELECT account, count(*) FROM fills GROUP BY account ORDER BY account"
        )
        ((first, last),) = self._asked("SELECT min(at), max(at) FROM fills")
        return Contents({str(name): int(str(count)) for name, count in counts},
                        None if first is None else int(str(first)), None if last is None else int(str(last)))  # fmt: skip

    def apart(self) -> tuple[int, int, str, str]:
        """Return how many fills the file tells another trade date of than their times come to, and the first: row, told, day."""
        query = "SELECT count(*), min(row), told, day FROM fills WHERE told <> '' AND told <> day"
        ((count, row, told, day),) = self._asked(query)
        return int(str(count)), int(str(row or 0)), str(told), str(day)

    def told_days(self) -> list[Stretch]:
        """Return the first and the last fill of each trade date that the file tells."""
        query = "SELECT told, min(at), max(at) FROM fills WHERE told <> '' GROUP BY told"
        return [
            Stretch(date.fromisoformat(str(day)), int(str(first)), int(str(last)))
            for day, first, last in self._asked(query)
        ]

    def pieces(self) -> list[Piece]:
        """Return the stretches of five minutes in which it has fills of what the desk knows the hours of, oldest first."""
        query = (
            "SELECT contract, min(at), max(at), count(*) FROM fills GROUP BY contract, at / ? "
            "ORDER BY min(at)"
        )
        found = [
            (str(name), int(str(first)), int(str(last)), int(str(fills)))
            for name, first, last, fills in self._asked(query, (PIECE,))
        ]
        groups = {name: _group_of(name) for name in {one[0] for one in found}}
        return [
            Piece(group, first, last, fills)
            for name, first, last, fills in found
            if (group := groups[name])
        ]

    def row_at(self, at: int) -> int:
        """Return the first line that tells a fill of this instant."""
        ((row,),) = self._asked("SELECT min(row) FROM fills WHERE at = ?", (at,))
        return int(str(row))

    def groups(self) -> list[Group]:
        """Return its accounts, contracts and days, oldest first."""
        found = self._asked(
            "SELECT DISTINCT account, contract, day FROM fills ORDER BY day, account, contract"
        )
        return [Group(str(a), str(c), date.fromisoformat(str(d))) for a, c, d in found]

    def fills(self, group: Group) -> Iterator[FileFill]:
        """Yield the fills of a group in the order of their times."""
        query = f"SELECT {_COLUMNS} FROM fills WHERE account = ? AND contract = ? AND day = ? ORDER BY at, row, rowid"  # noqa: S608
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as base:
            for one in base.execute(query, (group.account, group.contract, group.day.isoformat())):
                yield FileFill(
                    row=one[0], account=one[1], contract=one[2], side=Side(one[3]), quantity=one[4],
                    price=Decimal(one[5]), at=one[6], grain=one[7], key=one[8], is_named=bool(one[9]), name=one[10],
                    part=one[11], order=one[12], fees=None if one[13] is None else Decimal(one[13]),
                    average=bool(one[14]),
                )  # fmt: skip
