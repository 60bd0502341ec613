"""Files of exports: what they are found to be, what their rows tell, and why one is refused, word for word."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from apps.brokers.domain.order import Side
from apps.recorder.imports import reading
from apps.recorder.imports.reading import BadFile, Problem, Shape, manner_of, read, shape_of
from apps.recorder.imports.row import FileFill
from apps.recorder.imports.values import DayOrder, Decimals
from tests.factories import at

HEAD = ["Fill ID", "Order ID", "Timestamp", "Account", "B/S", "Quantity", "Price", "Contract", "commission"]  # fmt: skip
TOPSTEP = ["Id", "ContractName", "EnteredAt", "ExitedAt", "EntryPrice", "ExitPrice", "Fees", "Size", "Type"]  # fmt: skip
Write = Callable[..., Path]


def row(id_: int = 1, when: str = "01/28/2025 09:30:00", side: str = "Buy", price: str = "21500.25", *,
        fee: str = "1.04") -> list[str]:  # fmt: skip
    """Return a fill as Tradovate's file has it."""
    return [str(id_), f"o{id_}", when, "DEMO1", side, "1", price, "NQH5", fee]


def text(*rows: list[str], mark: str = ",", head: list[str] = HEAD, title: str = "") -> str:
    return title + "".join(mark.join(one) + "\n" for one in (head, *rows))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what puts a file down: text in an encoding, or bytes as they are."""

    def written(content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / "export.csv"
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return written


def rows_of(path: Path, zone: str = "America/Chicago") -> tuple[Shape, list[FileFill], list[Problem]]:  # fmt: skip
    """Return what a file is, the fills that it tells, and the rows that cannot be read."""
    shape = shape_of(path)
    found = list(read(path, shape, manner_of(shape, zone)))
    return shape, [fill for one in found for fill in one.fills], [one.problem for one in found if one.problem]  # fmt: skip


def why_not(path: Path) -> str:
    with pytest.raises(BadFile) as problem:
        rows_of(path)
    return str(problem.value)


# ---- how it writes fractions ----


@pytest.mark.parametrize(
    ("prices", "mark", "decimals"),
    [
        (("21500.25", "21501"), ",", Decimals.POINT),
        (("21500", "21501"), ",", Decimals.POINT),
        (("21,500.25", "21501.50"), ";", Decimals.POINT),
        (("21500,25", "21501"), ";", Decimals.COMMA),
        (("21.500,25", "21501,50"), ";", Decimals.COMMA),
        (("21500", "21501,5"), "\t", Decimals.COMMA),
    ],
)
def test_points_or_commas_are_found(
    write: Write, prices: tuple[str, str], mark: str, decimals: Decimals
) -> None:
    fees = "1,04" if decimals is Decimals.COMMA else "1.04"
    made = [row(n, price=one, fee=fees) for n, one in enumerate(prices, 1)]
    shape, fills, bad = rows_of(write(text(*made, mark=mark)))
    assert (shape.decimals, bad) == (decimals, [])
    assert [one.price for one in fills] == [
        Decimal("21500.25") if "25" in prices[0] else Decimal(21500),
        Decimal("21501.5") if "5" in prices[1][5:] else Decimal(21501),
    ]
    assert {one.fees for one in fills} == {Decimal("1.04")}


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        (("21500.25", "21501,50"), "decimal points and decimal commas stand in one file (21500.25, 21501,50); export it again in one language"),
        (("21501,5", "21500.25"), "decimal points and decimal commas stand in one file (21501,5, 21500.25); export it again in one language"),
        (("21,500", "21,501"), "21,500 may be a whole number with a group or one with a decimal comma; choose which"),
    ],
)  # fmt: skip
def test_both_in_one_file_is_refused(write: Write, prices: tuple[str, str], why: str) -> None:
    made = [row(n, price=one, fee="") for n, one in enumerate(prices, 1)]
    assert why_not(write(text(*made, mark=";"))) == why


def test_a_person_may_choose_how_fractions_are_written(write: Write) -> None:
    path = write(text(row(price="21.500,25", fee="1,04"), mark=";"))
    shape = shape_of(path)
    (one,) = read(path, shape, manner_of(shape, "UTC", decimals="point"))
    assert one.problem == Problem(
        2, "Price", "21.500,25",
        "the file was read with a decimal point, this one has a decimal comma; choose it, or mend the row",
    )  # fmt: skip
    assert str(one.problem).startswith("row 2, Price '21.500,25': the file was read")


# ---- which comes first, day or month ----


@pytest.mark.parametrize(
    ("dates", "days", "is_sure", "means"),
    [
        (["28/01/2025", "05/02/2025"], DayOrder.DAY_FIRST, True, "2025-02-05"),
        (["05/02/2025", "28/01/2025"], DayOrder.DAY_FIRST, True, "2025-02-05"),
        (["01/28/2025", "02/05/2025"], DayOrder.MONTH_FIRST, True, "2025-02-05"),
        (["05.02.2025"], DayOrder.DAY_FIRST, True, "2025-02-05"),
        (["02/05/2025"], DayOrder.MONTH_FIRST, False, "2025-02-05"),
        (["2025-02-05"], DayOrder.MONTH_FIRST, True, "2025-02-05"),
    ],
    ids=str,
)
def test_the_order_of_day_and_month_is_proved_or_said_to_be_unsure(
    write: Write, dates: list[str], days: DayOrder, is_sure: bool, means: str
) -> None:
    made = [row(n, f"{day} 10:00:00") for n, day in enumerate(dates, 1)]
    shape, fills, bad = rows_of(write(text(*made)), "UTC")
    assert (shape.days, shape.days_are_sure, bad) == (days, is_sure, [])
    assert at(f"{means}T10:00:00Z") in [one.at for one in fills]


def test_a_date_that_fits_no_order_of_its_file_says_so(write: Write) -> None:
    path = write(text(row(1, "28/01/2025 10:00:00"), row(2, "01/28/2025 10:00:00")))
    _, fills, bad = rows_of(path)
    assert len(fills) == 1 and bad == [
        Problem(
            3, "Timestamp", "01/28/2025 10:00:00",
            "no such date or time (month must be in 1..12); choose whether the day or the month comes first",
        )
    ]  # fmt: skip


# ---- encoding ----


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_the_encoding_in_which_it_was_saved(write: Write, encoding: str) -> None:
    made = row()
    made[3] = "Müller 1"
    _, (fill,), bad = rows_of(write(text(made), encoding))
    assert (fill.account, fill.price, bad) == ("Müller 1", Decimal("21500.25"), [])


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_is_known_by_its_mark_in_either_order(write: Write, order: str) -> None:
    mark = b"\xff\xfe" if order == "le" else b"\xfe\xff"
    path = write(mark + text(row(), mark="\t").encode(f"utf-16-{order}"))
    shape, fills, bad = rows_of(path)
    assert (shape.encoding, shape.mark, len(fills), bad) == ("utf-16", "\t", 1, [])


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 the beginning of a workbook",
        b"%PDF-1.7 a statement",
        b"\x1f\x8b\x08\x00 something packed",
        b"Fill ID,\0\0\0Account",
        text(row()).encode("utf-16-le"),  # without its mark nobody can tell it from a binary file
    ],
    ids=["xlsx", "pdf", "gzip", "zeros", "utf-16 without a mark"],
)
def test_a_binary_file_is_refused(write: Write, content: bytes) -> None:
    assert why_not(write(content)) == "this is no CSV text but a binary file; export it as CSV"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        (text(), "the file has a header and no rows; export a time in which there were trades"),
        (text([*row()[:2], "x" * 70000]), "a line has more than 65,536 characters; this is no export of trades"),
        (text(['"1', *row()[1:]], row(2)) + "x" * 20_000, "row 4: field larger than field limit (16384); is a quote missing?"),
    ],
    ids=["empty", "blank", "no rows", "a long line", "a quote"],
)  # fmt: skip
def test_a_file_without_rows_that_can_be_told_is_refused(
    write: Write, content: str, why: str
) -> None:
    assert why_not(write(content)) == why


def test_a_character_that_cannot_be_read_spoils_its_row_alone(write: Write) -> None:
    good = text(
        *(row(n) for n in range(1, 2_000))
    ).encode()  # the odd one is beyond what is looked at
    path = write(good + text(row(2_000), head=[]).strip("\n").encode().replace(b"DEMO1", b"D\xfcMO") + b"\n")  # fmt: skip
    _, fills, bad = rows_of(path)
    assert len(fills) == 1_999
    assert bad == [Problem(2_001, "", "", "a character that cannot be read; export the file as UTF-8")]  # fmt: skip


# ---- header and separators ----


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_the_separator_is_found(write: Write, mark: str) -> None:
    shape, fills, bad = rows_of(write(text(row(), row(2, side="Sell"), mark=mark)))
    assert (shape.mark, shape.header, bad) == (mark, tuple(HEAD), [])
    assert [(one.row, one.key, one.side) for one in fills] == [(2, "1", Side.BUY), (3, "2", Side.SELL)]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "header_row"),
    [
        ("", 1),
        ("Fills of January\n", 2),
        ("Fills of January\nAccount,DEMO1\n\n", 4),
        ("sep=,\n", 2),
        ("\n" * 9, 10),
    ],
    ids=["none", "one line", "three lines", "of a spreadsheet", "nine lines"],
)
def test_titles_above_the_header_are_passed_over(write: Write, title: str, header_row: int) -> None:
    shape, (fill,), bad = rows_of(write(text(row(), title=title)))
    assert (shape.header_row, fill.row, bad) == (header_row, header_row + 1, [])


def test_a_header_below_the_tenth_line_is_not_looked_for(write: Write) -> None:
    assert why_not(write(text(row(), title="A line\n" * 10))).startswith(
        "the columns are of no known export. Closest is "
    )


def test_a_header_that_names_a_column_twice_is_refused(write: Write) -> None:
    doubled = text([*row(), "21500.50"], head=[*HEAD, "Price"])
    assert why_not(write(doubled)) == "the header names Price twice; which one holds cannot be told"
    both = text([*row(), "1", "2"], head=[*HEAD, "Price", "Account"])
    assert why_not(write(both)) == (
        "the header names Account, Price twice; which one holds cannot be told"
    )
    nameless = text([*row(), "", "note"], head=[*HEAD, "", ""])  # as trailing commas make them
    assert len(rows_of(write(nameless))[1]) == 1


def test_columns_of_others_are_passed_over(write: Write) -> None:
    head = ["Mood", *HEAD[::-1], "Notes"]
    _, (fill,), bad = rows_of(write(text(["fine", *row()[::-1], "late, but good"], mark=";", head=head)))  # fmt: skip
    assert (fill.key, fill.price, fill.fees, bad) == ("1", Decimal("21500.25"), Decimal("1.04"), [])


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (["Date", "Open", "High", "Low"], "Found: Date, Open, High, Low"),
        ([one for one in HEAD if one != "B/S"], "Closest is Tradovate, fills; missing: B/S."),
        ([one.lower() for one in TOPSTEP], "the columns are of no known export."),
        ([one for one in TOPSTEP if one not in ("Size", "Type")], "Closest is TopstepX, trades; missing: Size, Type."),
    ],
    ids=["candles", "one missing", "small letters", "two missing"],
)  # fmt: skip
def test_an_unknown_header_says_what_it_comes_closest_to(
    write: Write, head: list[str], why: str
) -> None:
    assert why in why_not(write(text(["1"] * len(head), head=head)))


def test_a_row_that_is_too_long_or_too_short_is_named(write: Write) -> None:
    _, fills, bad = rows_of(write(text([*row(), "", "more"], row(2)[:5], row(3), [*row(4), ""])))
    assert [one.key for one in fills] == ["3", "4"]
    assert bad[0] == Problem(2, "", "", "1 more cells than the header has columns")
    assert (bad[1].row, bad[1].cure) == (3, "the row ends before this column")
    assert str(bad[0]) == "row 2: 1 more cells than the header has columns"


# ---- rows ----


def test_more_rows_than_are_taken_are_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert len(rows_of(write(text(*(row(n) for n in range(3)))))[1]) == 3
    blank = text(*(row(n) for n in range(3))) + "\n,,,\n"  # an empty row is none
    assert len(rows_of(write(blank))[1]) == 3
    assert why_not(write(text(*(row(n) for n in range(4))))) == (
        "the file has more than 3 rows; export a shorter time"
    )


def test_more_bytes_than_are_taken_are_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 2 * 2**20)
    assert why_not(write(b"x" * (3 * 2**20))) == (
        "the file has 3 MB; 2 MB are taken. Export a shorter time"
    )


def test_equal_rows_of_one_file_bear_one_name(write: Write) -> None:
    """The same fill told twice is known by its key; what only looks alike has another."""
    _, (first, again, other), bad = rows_of(write(text(row(), row(), row(2))))
    assert bad == [] and (first.key, first.at, first.price) == (again.key, again.at, again.price)
    assert (first.row, again.row) == (2, 3) and other.key != first.key


def trade(id_: int, entered: str, exited: str) -> list[str]:
    return [str(id_), "ESM6", entered, exited, "6800.25", "6801.25", "2.80", "1", "Long"]


def test_each_time_counts_in_the_zone_that_it_names_itself(write: Write) -> None:
    """A platform's clock moves with its trader: one file, two offsets."""
    path = write(text(
        trade(1, "03/06/2026 09:30:00 -06:00", "03/06/2026 09:45:00 -06:00"),
        trade(2, "03/09/2026 15:30:00 +01:00", "03/09/2026 09:45:00 -05:00"),
        head=TOPSTEP,
    ))  # fmt: skip
    shape, fills, bad = rows_of(path, "Asia/Tokyo")
    assert (shape.needs_zone, bad) == (False, [])
    assert [one.at for one in fills] == [
        at(one)
        for one in (
            "2026-03-06T15:30:00Z", "2026-03-06T15:45:00Z", "2026-03-09T14:30:00Z", "2026-03-09T14:45:00Z",
        )
    ]  # fmt: skip


def test_where_some_times_name_no_zone_it_is_asked_for_and_holds_for_those_alone(
    write: Write,
) -> None:
    path = write(text(row(1, "01/28/2025 09:30:00"), row(2, "01/28/2025 15:30:00 +00:00")))
    shape, (plain, offset), bad = rows_of(path, "America/Chicago")
    assert (shape.needs_zone, bad) == (True, [])
    assert plain.at == offset.at == at("2025-01-28T15:30:00Z")


def test_a_trade_that_ends_before_it_began_is_no_trade(write: Write) -> None:
    entered, exited = "03/06/2026 09:30:00 -06:00", "03/06/2026 09:45:00 +01:00"
    _, fills, bad = rows_of(write(text(trade(1, entered, exited), head=TOPSTEP)))
    assert (fills, bad) == (
        [], [Problem(2, "ExitedAt", exited, "before its entry; are the columns or the zone mixed up?")]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at_", "value", "cure"),
    [
        (0, "", "a number or name of at most 60 plain characters is needed"),
        (4, "Hold", "write Buy or Sell"),
        (5, "0", "write whole contracts, 1 to 100,000"),
        (6, "21500.30", "not on the grid of NQ, 0.25; mend the price or the contract"),
        (7, "NQ", "names no month; a fill is of a dated contract such as MNQH5"),
        (8, "some", "write a number such as 21539.50"),
        (2, "03/08/2026 02:30:00", "this hour was skipped in America/Chicago when its clock went forward; is it another zone's time?"),
        (2, "11/01/2026 01:30:00", "this hour was told twice in America/Chicago when its clock went back; export it in UTC, or add the offset"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_names_field_value_and_cure(
    write: Write, at_: int, value: str, cure: str
) -> None:
    spoilt = row(2)
    spoilt[at_] = value
    _, fills, bad = rows_of(write(text(row(), spoilt, row(3))))
    assert [one.key for one in fills] == ["1", "3"]
    assert bad == [Problem(3, HEAD[at_], value, cure)]
