"""Data files as rows: CSV, CSV.gz and Parquet, and one way to say what is wrong with them."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

_SLICE: Final = 1 << 16  # rows of a Parquet file that are held at once
_WATCH: Final = 1 << 12  # rows between two looks at how far a file is read
_COPY_AGAIN: Final = "Copy or download it again."


class BadData(Exception):
    """A data file that cannot be used as it is. Its text is one line: file, row, field, problem, cure.

    `row` is the line of a text file (the header is line 1), the row of a Parquet file; 0 is the file as a whole.
    """

    def __init__(self, file: str | Path, row: int, field: str, problem: str, cure: str) -> None:
        place = [str(file)] + ([f"row {row}"] if row else []) + ([field] if field else [])
        line = " ".join(f"{', '.join(place)}: {problem}. {cure}".split())
        super().__init__("".join(sign if sign.isprintable() else "?" for sign in line))
        self.file, self.row, self.field, self.problem, self.cure = file, row, field, problem, cure


@dataclass(frozen=True, slots=True)
class Table:
    """A file's columns by name, lower case, and its rows with their numbers."""

    columns: dict[str, int]
    width: int
    rows: Iterator[tuple[int, Sequence[Any]]]


Watch = Callable[[float], None]


@contextmanager
def opened(
    path: Path, *, header: Sequence[str] = (), separator: str = "", watch: Watch | None = None
) -> Iterator[Table]:
    """Open a data file as a table; `watch` is told now and then which part of it has been read, 0 to 1.

    `header` is for files without one. Text is UTF-8; its separator is found in the header if it is not given.

    Raises:  BadData  at once or while the rows are read
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic == b"PAR1" or path.suffix == ".parquet":
                yield _parquet(path, watch)
                return
            plain = _unzipped(raw, magic)
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                table = _text_table(path, text, header, separator)
                yield table if watch is None else _watched(table, raw, path.stat().st_size, watch)
    except EOFError:
        raise BadData(path, 0, "", "the gzip file ends too early", _COPY_AGAIN) from None
    except (gzip.BadGzipFile, zlib.error) as problem:
        raise BadData(path, 0, "", f"the gzip file is damaged ({problem})", _COPY_AGAIN) from None
    except UnicodeDecodeError:
        row = _row_that_is_no_text(path)
        raise BadData(path, row, "", "this is not UTF-8 text", "Save the file as UTF-8.") from None
    except csv.Error as problem:
        cure = "Use CSV, CSV.gz or Parquet."
        raise BadData(path, 0, "", f"this is not a CSV file ({problem})", cure) from None
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise BadData(
            path, 0, "", f"it cannot be read ({reason})", "Name a readable file."
        ) from None


def _unzipped(raw: io.BufferedReader, magic: bytes) -> io.BufferedReader:
    if not magic.startswith(b"\x1f\x8b"):
        return raw
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), 1 << 18)


def _text_table(path: Path, text: io.TextIOWrapper, header: Sequence[str], separator: str) -> Table:
    begin = 1
    if not header:
        begin, first = 2, text.readline()
        if not first:
            raise BadData(path, 0, "", "the file is empty", _COPY_AGAIN)
        separator = separator or max(",;\t|", key=first.count)
        header = next(csv.reader([first], delimiter=separator), [])
    columns: dict[str, int] = {}
    for place, name in enumerate(header):
        columns.setdefault(name.strip().lower(), place)
    rows = enumerate(csv.reader(text, delimiter=separator), begin)
    return Table(columns, len(header), rows)


def _watched(table: Table, raw: io.BufferedReader, size: int, watch: Watch) -> Table:
    def rows() -> Iterator[tuple[int, Sequence[Any]]]:
        for numbered in table.rows:
            if not numbered[0] % _WATCH:
                watch(raw.tell() / size)
            yield numbered

    return Table(table.columns, table.width, rows())


def _row_that_is_no_text(path: Path) -> int:
    """Return the first line that is not UTF-8; the decoder reads ahead and cannot tell."""
    with path.open("rb") as raw:
        magic = raw.read(4)
        raw.seek(0)
        for number, line in enumerate(_unzipped(raw, magic), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def _parquet(path: Path, watch: Watch | None) -> Table:
    import polars as pl  # 0.2 s and 45 MB: only when there is such a file

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, RuntimeError) as problem:
        reason = str(problem).splitlines()[0][:120]
        raise BadData(path, 0, "", f"the Parquet file is damaged ({reason})", _COPY_AGAIN) from None
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Datetime):
            frame = frame.with_columns(pl.col(name).dt.epoch("ns"))

    def rows() -> Iterator[tuple[int, Sequence[Any]]]:
        number = 0
        for part in frame.iter_slices(_SLICE):
            if watch:
                watch(number / frame.height)
            for row in part.iter_rows():
                number += 1
                yield number, row

    columns = {name.strip().lower(): place for place, name in enumerate(frame.columns)}
    return Table(columns, len(frame.columns), rows())
