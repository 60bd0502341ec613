"""Files as people really send them: what is understood, and what is refused by name."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from apps.brokers.domain.order import Side
from apps.recorder.imports.layouts import LAYOUTS
from apps.recorder.imports.reading import BadFile, Read, manner_of, read, shape_of
from apps.recorder.imports.values import (
    BadCell,
    DayOrder,
    Decimals,
    Manner,
    contract,
    moment,
    money,
    number,
    whole,
)

GRID = "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,\r\n"
ROW = "MNQ MAR25,Buy,2,21539.50,1/28/2025 10:59:52 AM,a1,Entry,2 L,o1,n,$1.50,1,Sim101,C,\r\n"
CHICAGO = Manner(ZoneInfo("America/Chicago"))


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def rows_of(
    tmp_path: Path, text: str | bytes, zone: str = "America/Chicago", **how: str
) -> list[Read]:
    path = tmp_path / "fills.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    shape = shape_of(path)
    return list(read(path, shape, manner_of(shape, zone, **how)))


def problems(rows: list[Read]) -> list[str]:
    return [str(row.problem) for row in rows if row.problem]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21539.50", "21539.50"), ("$1,234.50", "1234.50"), ("($12.00)", "-12.00"), ("(12.00)", "-12.00"),
        ("-$5", "-5"), ("$-5.25", "-5.25"), (" 7 ", "7"), ("1 234.5", "1234.5"), ("\u22123", "-3"), (".5", "0.5"),
    ],
)  # fmt: skip
def test_numbers_with_a_point(text: str, value: str) -> None:
    assert number("Price", text, Decimals.POINT) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "value"), [("21.539,50", "21539.50"), ("21539,5", "21539.5"), ("(1,5)", "-1.5")]
)
def test_numbers_with_a_comma(text: str, value: str) -> None:
    assert number("Price", text, Decimals.COMMA) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "1e5", "Infinity", "1,23,4", "--5", "$", "9" * 80, "1.2.3"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(BadCell) as refused:
        number("Price", text, Decimals.POINT)
    assert refused.value.field == "Price"


def test_the_other_decimal_mark_is_named() -> None:
    with pytest.raises(BadCell, match="has a decimal comma; choose it"):
        number("Price", "21539,50", Decimals.POINT)
    with pytest.raises(BadCell, match="whole contracts"):
        whole("Qty", "1.5", Decimals.POINT)
    assert money("Commission", "", Decimals.POINT) == 0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1/28/2025 10:59:52 AM", "2025-01-28T16:59:52"), ("01/28/2025 10:59:52", "2025-01-28T16:59:52"),
        ("2025-01-28 10:59:52", "2025-01-28T16:59:52"), ("7/28/2026 9:45:17 PM", "2026-07-29T02:45:17"),
        ("1/28/25 12:00:00 AM", "2025-01-28T06:00:00"), ("01/01/2025 09:30:00 +00:00", "2025-01-01T09:30:00"),
        ("01/01/2025 09:30:00 -05:00", "2025-01-01T14:30:00"), ("2025-01-28T10:59:52Z", "2025-01-28T10:59:52"),
    ],
)  # fmt: skip
def test_moments_are_on_the_chosen_clock_unless_they_say_their_own(text: str, at: str) -> None:
    assert moment("Time", text, CHICAGO).at == ns(at)


def test_fractions_and_day_first() -> None:
    told = moment(
        "Time",
        "28.01.2025 10:59:52,125",
        Manner(ZoneInfo("Europe/Berlin"), days=DayOrder.DAY_FIRST),
    )
    assert told.at == ns("2025-01-28T09:59:52") + 125_000_000 and told.grain == 1_000_000


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("11/02/2025 01:30:00", "told twice in America/Chicago"), ("03/09/2025 02:30:00", "skipped in America/Chicago"),
        ("28/01/2025 10:00:00", "whether the day or the month comes first"), ("02/30/2025 10:00:00", "no such date"),
        ("yesterday", "write a date and time"), ("1/28/2025 13:00:00 PM", "12-hour clock"),
    ],
)  # fmt: skip
def test_moments_that_cannot_be_are_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(BadCell, match=why):
        moment("Time", text, CHICAGO)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MNQ MAR25", "MNQH5"), ("MES 09-26", "MESU6"), ("ESM24", "ESM4"), ("MNQM6", "MNQM6"), ("NQZ2026", "NQZ6"),
        ("CON.F.US.ENQ.Z26", "NQZ6"), ("M6EU5", "M6EU5"),
    ],
)  # fmt: skip
def test_contracts_in_every_spelling(text: str, name: str) -> None:
    assert contract("Instrument", text) == name


@pytest.mark.parametrize("text", ["NQ", "NQ1!", "AAPL", "", "MNQ FEB25", "ES MAR25 C5000"])
def test_what_names_no_dated_contract_is_refused(text: str) -> None:
    with pytest.raises(BadCell):
        contract("Instrument", text)


def test_a_grid_with_its_trailing_commas_line_ends_and_mark(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, b"\xef\xbb\xbf" + (GRID + ROW + "\r\n").encode())
    (fill,) = row.fills
    assert (fill.account, fill.contract, fill.side, fill.quantity) == (
        "Sim101",
        "MNQH5",
        Side.BUY,
        2,
    )
    assert (fill.price, fill.fees, fill.key, fill.order) == (
        Decimal("21539.50"),
        Decimal("1.50"),
        "a1",
        "o1",
    )
    assert fill.at == ns("2025-01-28T16:59:52")


def test_a_german_grid(tmp_path: Path) -> None:
    head = GRID.replace(",", ";")
    text = (
        head + "MNQ MAR25;Buy;2;21539,50;28.01.2025 17:59:52;a1;Entry;2 L;o1;n;1,50;1;Sim101;C;\r\n"
    )
    (row,) = rows_of(tmp_path, text.encode("utf-16"), zone="Europe/Berlin")
    assert row.fills[0].price == Decimal("21539.50") and row.fills[0].at == ns(
        "2025-01-28T16:59:52"
    )


def test_bad_rows_are_named_and_the_others_are_read(tmp_path: Path) -> None:
    text = (
        GRID
        + ROW
        + ROW.replace("21539.50", "21539.30")
        + ROW.replace("Buy", "Hold")
        + "MNQ MAR25,Buy,2\r\n"
        + ROW
    )
    rows = rows_of(tmp_path, text)
    assert sum(len(row.fills) for row in rows) == 2
    assert problems(rows)[:2] == [
        "row 3, Price '21539.30': not on the grid of MNQ, 0.25; mend the price or the contract",
        "row 4, Action 'Hold': write Buy or Sell",
    ]
    assert problems(rows)[2].startswith("row 5")


def test_a_decimal_comma_in_the_middle_of_a_file_is_one_bad_row(tmp_path: Path) -> None:
    text = GRID + ROW * 2_100 + ROW.replace("21539.50", '"21539,50"')
    assert "decimal comma" in problems(rows_of(tmp_path, text))[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "the file is empty"), (b"PK\x03\x04rest", "no CSV text but a binary file"),
        (b"date,what,howmuch\n1,2,3\n", "of no known export"), (GRID.encode(), "a header and no rows"),
        ((GRID + ROW + ROW.replace("21539.50", '"21.539,50"')).encode(), "decimal points and decimal commas"),
        (GRID.replace("Quantity", "Price").encode() + ROW.encode(), "of no known export"),
        ((GRID + '"' + ROW * 400).encode(), "quote|characters"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_say_why(tmp_path: Path, text: bytes, why: str) -> None:
    with pytest.raises(BadFile, match=why):
        rows_of(tmp_path, text)


def test_orders_that_never_filled_tell_nothing_and_fills_that_were_taken_back_neither(
    tmp_path: Path,
) -> None:
    head = "orderId,Account,B/S,Contract,avgPrice,filledQty,Fill Time,Status\n"
    text = (
        head
        + "1,A, Buy,MNQM6,28531.75,5,06/10/2026 16:00:05, Filled\n2,A, Buy,MNQM6,,,, Canceled\n"
    )
    first, second = rows_of(tmp_path, text)
    assert (first.fills[0].order, first.fills[0].average, second.fills) == ("1", True, [])
    head = "_timestamp,_active,Fill ID,Order ID,Timestamp,Account,B/S,Quantity,Price,Contract,commission\n"
    text = head + "".join(
        f"2026-06-10 21:00:05.125Z,{active},{id_},9,06/10/2026 16:00:05,A, Buy,5,28531.750000000001,MNQM6,2.50\n"
        for id_, active in ((7, "true"), (8, "false"))
    )
    first, second = rows_of(tmp_path, text)
    assert first.fills[0].price == Decimal("28531.75") and first.fills[0].at % 10**9 == 125_000_000
    assert second.fills == []


def test_trades_are_two_fills_and_their_fees_are_whole(tmp_path: Path) -> None:
    text = (
        "Id,ContractName,EnteredAt,ExitedAt,EntryPrice,ExitPrice,Fees,PnL,Size,Type,TradeDay,TradeDuration,Commissions\n"
        "1,ESH5,01/02/2025 09:30:00 +00:00,01/02/2025 10:00:00 +00:00,5000.00,5010.00,1.01,500.00,1,Short,01/02/2025,00:30:00,2.00\n"
    )
    (row,) = rows_of(tmp_path, text)
    entry, exit_ = row.fills
    assert (entry.side, exit_.side) == (Side.SELL, Side.BUY)
    assert entry.fees is not None and exit_.fees is not None
    assert entry.fees + exit_.fees == Decimal("3.01")
    backwards = text.replace("09:30:00 +00:00", "11:30:00 +00:00")
    assert "before its entry" in problems(rows_of(tmp_path, backwards))[0]


def test_every_layouts_name_fits_where_it_is_kept() -> None:
    assert all(len(f"csv:{name}") <= 24 for name in LAYOUTS)


EXPORTS = Path("/work/shared/data/exports")


@pytest.mark.parametrize("name", ["ninjatrader_executions_grid_2025-01-28", "tradovate_position_pairs_2026-04-09",
    "fixture_tradovate_orders", "fixture_tradovate_performance", "fixture_projectx_topstepx_trades",
    "fixture_ninjatrader_trade_performance_grid"])  # fmt: skip
def test_real_exports_are_read_whole(name: str) -> None:
    path = EXPORTS / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"the export {name} is not on this machine")
    shape = shape_of(path)
    rows = list(read(path, shape, manner_of(shape, "America/New_York")))
    assert rows and not problems(rows)
    assert shape.layout.name in LAYOUTS and all(row.fills for row in rows)
