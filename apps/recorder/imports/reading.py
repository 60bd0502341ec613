"""A file of an export, read row by row: its encoding, its separators, its layout, and how it writes.

It is never held in memory: two hundred megabytes cost no more than two hundred lines.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO
from zoneinfo import ZoneInfo

from apps.recorder.imports.layouts import Cells, Layout, layout_of, nearest
from apps.recorder.imports.row import FileFill
from apps.recorder.imports.values import BadCell, DayOrder, Decimals, Manner

MOST_BYTES: Final = 512 * 1024 * 1024
MOST_ROWS: Final = 4_000_000
SAMPLE_ROWS: Final = 2_000
_LONGEST_CELL: Final = 16_384
_LONGEST_LINE: Final = 65_536
_MARKS: Final = ",;\t|"


class BadFile(ValueError):
    """The file as a whole cannot be read. The text says why and what helps."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be read."""

    row: int
    field: str
    value: str
    cure: str

    def __str__(self) -> str:
        what = f", {self.field} {self.value!r}" if self.field else ""
        return f"row {self.row}{what}: {self.cure}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file is, found from its first rows."""

    encoding: str
    mark: str
    header: tuple[str, ...]
    header_row: int
    layout: Layout
    decimals: Decimals
    days: DayOrder
    days_are_sure: bool
    needs_zone: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A row: the fills that it tells (none: a cancelled order), or its problem. `share` of the file is read, 0 to 1."""

    fills: list[FileFill]
    problem: Problem | None
    share: float


# ---- what it is ----


def shape_of(path: Path) -> Shape:
    """Return what a file is.

    Raises:  BadFile
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise BadFile(
            f"the file has {size / 2**20:,.0f} MB; {MOST_BYTES // 2**20} MB are taken. Export a shorter time"
        )
    encoding = _encoding(path)
    mark, header, header_row = _header(path, encoding)
    layout = layout_of(header)
    if layout is None:
        near, missing = nearest(header)
        raise BadFile(
            f"the columns are of no known export. Closest is {near.title}; missing: {', '.join(missing)}. "
            f"Found: {', '.join(header)[:300]}"
        )
    sample = []
    with _opened(path, encoding) as file:
        for _, cells in _rows(file, mark, header, header_row):
            sample.append(cells)
            if len(sample) == SAMPLE_ROWS:
                break
    if not sample:
        raise BadFile("the file has a header and no rows; export a time in which there were trades")
    return Shape(
        encoding, mark, header, header_row, layout, _decimals(layout, sample, mark),
        *_days(layout, sample), needs_zone=_needs_zone(layout, sample),
    )  # fmt: skip


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(65_536)
    if not start.strip():
        raise BadFile("the file is empty")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\0" in start or start[:4] in (b"PK\x03\x04", b"%PDF", b"\x1f\x8b\x08\x00"):
        raise BadFile("this is no CSV text but a binary file; export it as CSV")
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as problem:
        if problem.start < len(start) - 4:
            return "cp1252"
    return "utf-8-sig"


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        yield file


def _header(path: Path, encoding: str) -> tuple[str, tuple[str, ...], int]:
    """Return separator, names and line of the header: the first line that names columns, titles above are passed over."""
    best: tuple[int, str, tuple[str, ...], int] | None = None
    with _opened(path, encoding) as file:
        for line_number in range(1, 11):
            line = file.readline(_LONGEST_LINE)
            if line_number == 1 and line.lower().startswith("sep="):
                continue
            for mark in _MARKS:
                names = next(csv.reader(io.StringIO(line), delimiter=mark), [])
                header = tuple(name.strip().lstrip("\ufeff") for name in names)
                _, missing = nearest(header)
                if best is None or -len(missing) > best[0]:
                    best = (-len(missing), mark, header, line_number)
            if best is not None and best[0] == 0:
                break
    assert best is not None
    names = [name for name in best[2] if name]
    twice = {name for name in names if names.count(name) > 1}
    if best[0] == 0 and twice:
        raise BadFile(
            f"the header names {', '.join(sorted(twice))} twice; which one holds cannot be told"
        )
    return best[1], best[2], best[3]


_NUMBER: Final = re.compile(r"[\d.,]*\d")


def _decimals(layout: Layout, sample: Sequence[Cells], mark: str) -> Decimals:
    """Return how the sample writes fractions.

    Raises:  BadFile  it does both, or its commas may be either
    """
    seen: dict[Decimals, str] = {}
    unsure = ""
    for cells in sample:
        for name in layout.numbers:
            found = _NUMBER.search(cells.get(name, ""))
            text = found.group() if found else ""
            last = max(text.rfind(","), text.rfind("."))
            if last < 0:
                continue
            both = "," in text and "." in text
            if text.count(text[last]) > 1 or (
                not both and len(text) - last == 4 and text[last] == ","
            ):
                unsure = unsure or text
                continue
            seen.setdefault(Decimals.COMMA if text[last] == "," else Decimals.POINT, text)
    if len(seen) == 2:
        one, other = seen.values()
        raise BadFile(
            f"decimal points and decimal commas stand in one file ({one}, {other}); export it again in one language"
        )
    if seen:
        return next(iter(seen))
    if unsure and "," in unsure and mark != ",":
        raise BadFile(
            f"{unsure} may be a whole number with a group or one with a decimal comma; choose which"
        )
    return Decimals.POINT


_DATE: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2\d{2,4}")


def _days(layout: Layout, sample: Sequence[Cells]) -> tuple[DayOrder, bool]:
    """Return whether the day or the month comes first, and whether the sample proves it; dots mean the day."""
    dotted = False
    for cells in sample:
        for name in layout.moments:
            found = _DATE.match(cells.get(name, "").strip())
            if found:
                first, second = int(found[1]), int(found[3])
                dotted = dotted or found[2] == "."
                if first > 12:
                    return DayOrder.DAY_FIRST, True
                if second > 12:
                    return DayOrder.MONTH_FIRST, True
            elif cells.get(name, "").strip()[:4].isdigit():
                return DayOrder.MONTH_FIRST, True
    return (DayOrder.DAY_FIRST, True) if dotted else (DayOrder.MONTH_FIRST, False)


_OFFSET: Final = re.compile(r"\d\s*(Z|UTC|[+-]\d\d:?\d\d)\s*$")


def _needs_zone(layout: Layout, sample: Sequence[Cells]) -> bool:
    if layout.has_zone:
        names = layout.moments
    else:
        names = tuple(one for one in layout.moments if one in sample[0])
    if "_timestamp" in names and all(_OFFSET.search(cells["_timestamp"]) for cells in sample):
        return False
    return not all(
        _OFFSET.search(cells.get(name, "")) for cells in sample for name in names if cells.get(name)
    )


# ---- its rows ----


def read(path: Path, shape: Shape, manner: Manner) -> Iterator[Read]:
    """Yield each row of a file.

    Raises:  BadFile  it has more rows than are taken
    """
    size = max(1, path.stat().st_size)
    count = 0
    with _opened(path, shape.encoding) as file:
        for row, cells in _rows(file, shape.mark, shape.header, shape.header_row):
            count += 1
            if count > MOST_ROWS:
                raise BadFile(f"the file has more than {MOST_ROWS:,} rows; export a shorter time")
            share = min(1.0, file.buffer.tell() / size) if count % 500 == 0 else 0.0
            yield _one(row, cells, shape, manner, share)


def _one(row: int, cells: dict[str, str], shape: Shape, manner: Manner, share: float) -> Read:
    extra = cells.pop("", "")
    if extra:
        return Read(
            [], Problem(row, "", "", f"{extra} more cells than the header has columns"), share
        )
    if "\ufffd" in "".join(cells.values()):
        return Read(
            [],
            Problem(row, "", "", "a character that cannot be read; export the file as UTF-8"),
            share,
        )
    missing = [name for name in shape.layout.columns if name not in cells]
    if missing:
        return Read([], Problem(row, missing[0], "", "the row ends before this column"), share)
    try:
        return Read(shape.layout.read(row, cells, manner), None, share)
    except BadCell as problem:
        return Read([], Problem(row, problem.field, problem.value, problem.cure), share)


def _rows(
    file: TextIO, mark: str, header: tuple[str, ...], header_row: int
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line and cells of each row that holds anything; an empty last cell, from a trailing comma, is none."""
    csv.field_size_limit(_LONGEST_CELL)
    for _ in range(header_row):
        file.readline(_LONGEST_LINE)
    reader = csv.reader(_lines(file), delimiter=mark)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise BadFile(
                f"row {header_row + reader.line_num}: {problem}; is a quote missing?"
            ) from None
        if not any(cell.strip() for cell in row):
            continue
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name}
        more = sum(1 for cell in row[len(header) :] if cell.strip())
        if more:
            cells[""] = str(more)
        yield header_row + reader.line_num, cells


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) >= _LONGEST_LINE:
            raise BadFile("a line has more than 65,536 characters; this is no export of trades")
        yield line.replace("\0", "")


def manner_of(shape: Shape, zone: str, decimals: str = "", days: str = "") -> Manner:
    """Return how to read a file: what the person chose, else what was found."""
    return Manner(
        ZoneInfo(zone),
        Decimals(decimals) if decimals else shape.decimals,
        DayOrder(days) if days else shape.days,
    )
