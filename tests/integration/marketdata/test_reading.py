"""Ticks and candles out of files, and what is said about files that are no good."""

import contextlib
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.marketdata.reading import (
    NINJATRADER,
    BadData,
    contract_in_file,
    read_candle_file,
    read_tick_file,
)

NQ, CL = instrument("NQ"), instrument("CL")
NS = 1_576_450_800_053_000_000
HEADER = "ts_ns,price,size\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "NQH0_ticks.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def ticks(path: Path, **more: object) -> list[Tick]:
    return [tick for _, tick in read_tick_file(path, NQ, **more)]  # type: ignore[arg-type]


ROWS = (
    f"{NS},8534.00,3\n{NS},8534.25,1\n{NS + 1_000_000},8533.75,2\n"
    f"{NS - 5_000_000},8533.50,1\n{NS + 2_000_000},8533.75,4\n"
)
TICKS = [
    Tick(NS, 34136, 3, made_id(NS, 0)),
    Tick(NS, 34137, 1, made_id(NS, 1)),
    Tick(NS + 1_000_000, 34135, 2, made_id(NS + 1_000_000, 0)),
    Tick(NS - 5_000_000, 34134, 1, made_id(NS - 5_000_000, (1 << 19) + 1)),
    Tick(NS + 2_000_000, 34135, 4, made_id(NS + 2_000_000, 0)),
]


def test_rows_become_ticks_in_file_order_and_a_late_row_has_a_lower_id(
    file: Callable[..., Path],
) -> None:
    path = file(HEADER + ROWS)
    assert list(read_tick_file(path, NQ)) == list(enumerate(TICKS, 2))
    assert TICKS[3].id < TICKS[2].id


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_way_to_write_a_text_file_says_the_same(
    file: Callable[..., Path], ending: str, zipped: bool, separator: str
) -> None:
    text = "\ufeff" + (HEADER + ROWS + "\n").replace("\n", ending).replace(",", separator)
    assert ticks(file(gzip.compress(text.encode()) if zipped else text)) == TICKS


@pytest.mark.parametrize(
    "time",
    [
        pl.Series("ts_ns", [tick.at for tick in TICKS]),
        pl.Series("ts_utc", [tick.at for tick in TICKS], dtype=pl.Datetime("ns", "UTC")),
        pl.Series("time", [tick.at // 1000 for tick in TICKS], dtype=pl.Datetime("us")),
    ],
)
@pytest.mark.parametrize("kind", [pl.Float64, pl.Decimal(12, 2), pl.String])
def test_parquet_says_the_same(
    file: Callable[..., Path], time: pl.Series, kind: pl.DataType
) -> None:
    path = file("", "NQH0.parquet")
    prices = [NQ.price(tick.price) for tick in TICKS]
    price = pl.Series("price", [str(one) for one in prices])
    size = pl.Series("size", [tick.size for tick in TICKS])
    pl.DataFrame([time, price.cast(kind), size]).write_parquet(path)
    assert ticks(path) == TICKS


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2019-12-15T23:00:00.053Z", NS),
        ("2019-12-15 23:00:00.053", NS),
        ("2019-12-15T18:00:00.053-05:00", NS),
        ("2019-12-16T00:00:00.053000000+0100", NS),
        ("1576450800053", NS),
        ("1576450800.053", NS),
        ("1576450800053000", NS),
        ("1576450800053000000", NS),
    ],
)
def test_a_time_may_be_written_in_many_ways(file: Callable[..., Path], text: str, at: int) -> None:
    assert ticks(file(f"ts_utc,price,size\n{text},8534,3\n"))[0].at == at


def test_quotes_come_along_and_may_have_holes(file: Callable[..., Path]) -> None:
    text = "ts_ns,price,size,bid,ask,bid_size,ask_size\n"
    path = file(text + f"{NS},8534,3,8533.75,8534,5,7\n{NS},8534,3,,8534,,\n{NS},8534,3,,,,\n")
    assert [tick.quote for tick in ticks(path)] == [
        Quote(34135, 5, 34136, 7), Quote(None, None, 34136, None), None
    ]  # fmt: skip


def test_columns_can_be_renamed(file: Callable[..., Path]) -> None:
    path = file(f"When,Last,Qty\n{NS},8534,3\n")
    mapped = {"time": "when", "price": "last", "size": "Qty"}
    assert ticks(path, columns=mapped)[0] == TICKS[0]


BAD = [
    ("", "", "the file is empty"),
    (HEADER, "", "there is no row of data"),
    ("ts_ns,size\n1,2\n", "price", "this column is missing (the file has: ts_ns, size)"),
    ("price,size\n1,2\n", "ts_utc or time", "this column is missing"),
    (HEADER + f"{NS},8534.00\n", "row 2", "2 values for 3 columns"),
    (HEADER + f"{NS},8534,25,1\n", "row 2", "4 values for 3 columns"),
    (HEADER + ROWS + f"{NS},8534.10,1\n", "row 7, price", "'8534.10' is between two ticks"),
    (HEADER + f"{NS},nan,1\n", "row 2, price", "'nan' is no number"),
    (HEADER + f"{NS},inf,1\n", "row 2, price", "'inf' is no number"),
    (HEADER + f"{NS},,1\n", "row 2, price", "'' is no number"),
    (HEADER + f"{NS},abc,1\n", "row 2, price", "'abc' is no number"),
    (HEADER + f"{NS},1e300,1\n", "row 2, price", "'1e300'"),
    (HEADER + f"{NS},1e12,1\n", "row 2, price", "'1e12' is too far from zero"),
    (HEADER + f"{NS},-8534,1\n", "row 2, price", "'-8534' is not above zero"),
    (HEADER + f"{NS},0,1\n", "row 2, price", "'0' is not above zero"),
    (HEADER + f"{NS},8534,0\n", "row 2, size", "'0' is not between 1 and 10,000,000"),
    (HEADER + f"{NS},8534,-1\n", "row 2, size", "'-1' is not between"),
    (HEADER + f"{NS},8534,1.5\n", "row 2, size", "'1.5' is no whole number"),
    (HEADER + f"{NS},8534,9e99\n", "row 2, size", "'9e99' is not between"),
    (HEADER + f"{NS},8534,nan\n", "row 2, size", "'nan' is no whole number"),
    (HEADER + "soon,8534,1\n", "row 2, ts_ns", "'soon' is no whole number"),
    (HEADER + "1576450800,8534,1\n", "row 2, time", "'1576450800' is not between 1990 and 2100"),
    (HEADER + "-5,8534,1\n", "row 2, time", "'-5' is not between 1990 and 2100"),
    (HEADER + f"{'9' * 5000},8534,1\n", "row 2, ts_ns", "is no whole number"),
    ("ts_utc,price,size\n2019-13-45T00:00:00Z,1,1\n", "row 2, time", "is no time"),
    ("ts_utc,price,size\nyesterday,1,1\n", "row 2, time", "'yesterday' is no time"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "problem"), BAD)
def test_bad_data_names_file_row_field_and_cure_in_one_line(
    file: Callable[..., Path], content: str, place: str, problem: str
) -> None:
    path = file(content)
    with pytest.raises(BadData) as caught:
        ticks(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert place in said
    assert problem in said
    assert caught.value.cure in said
    assert len(said.splitlines()) == 1


def test_a_truncated_gzip_file_is_named(file: Callable[..., Path]) -> None:
    whole = gzip.compress((HEADER + "".join(f"{NS + n},8534,1\n" for n in range(5000))).encode())
    for cut in (3, 12, len(whole) // 2, len(whole) - 3):
        with pytest.raises(BadData, match="gzip"):
            ticks(file(whole[:cut], "NQH0.csv.gz"))


def test_a_damaged_gzip_file_is_named(file: Callable[..., Path]) -> None:
    whole = bytearray(gzip.compress((HEADER + ROWS).encode()))
    whole[20:30] = b"\xff" * 10
    with pytest.raises(BadData, match="gzip"):
        ticks(file(bytes(whole), "NQH0.csv.gz"))


def test_a_damaged_parquet_file_is_named(file: Callable[..., Path]) -> None:
    for content in (b"PAR1 and then nothing", b"no parquet at all", b""):
        with pytest.raises(BadData, match="Parquet file is damaged"):
            ticks(file(content, "NQH0.parquet"))


def test_text_in_another_encoding_is_named_with_its_row(file: Callable[..., Path]) -> None:
    content = (HEADER + ROWS).encode() + f"{NS},Köln,1\n".encode("latin-1")
    for zipped in (content, gzip.compress(content)):
        with pytest.raises(BadData, match=r"row 7: this is not UTF-8 text"):
            ticks(file(zipped))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(BadData, match="it cannot be read"):
            ticks(path)


def test_crude_oil_may_trade_below_zero(file: Callable[..., Path]) -> None:
    path = file(HEADER + f"{NS},-37.63,1\n")
    assert [tick.price for _, tick in read_tick_file(path, CL)] == [-3763]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
@given(st.binary(max_size=200))
def test_no_bytes_bring_it_down(file: Callable[..., Path], content: bytes) -> None:
    for start in (b"", HEADER.encode(), b"\x1f\x8b", b"PAR1"):
        with contextlib.suppress(BadData):
            ticks(file(start + content))


# ---- contracts in the file ----

EXPIRIES = (
    "ts_utc,expiry,open,high,low,close,volume\n"
    "2013-12-18T22:00:00Z,201312,1676.75,1677.25,1673.50,1675.25,1884\n"
    "2013-12-18T22:00:00Z,201403,1669.00,1669.00,1667.50,1668.00,5\n"
    "2013-12-18T22:01:00Z,201312,1675.25,1675.50,1675.25,1675.50,10\n"
)


def test_only_rows_of_the_symbol_are_read(file: Callable[..., Path]) -> None:
    path = file(EXPIRIES, "ES_by_expiry.csv")
    es = instrument("ES")
    assert [row for row, _ in read_candle_file(path, es, symbol="ESZ3")] == [2, 4]
    assert [row for row, _ in read_candle_file(path, es, symbol="ESH14")] == [3]
    assert contract_in_file(path, "ESZ3") == "ESZ3"
    with pytest.raises(BadData, match="more than one contract: ESH14, ESZ13"):
        list(read_candle_file(path, es))
    with pytest.raises(BadData, match="no row is of ESM4; the file has: 201312, 201403"):
        list(read_candle_file(path, es, symbol="ESM4"))


def test_rows_of_other_roots_are_left_out(file: Callable[..., Path]) -> None:
    path = file(
        f"ts_ns,symbol,price,size\n{NS},NQZ6,8534,1\n{NS},EURUSD,1.1,1\n{NS},ESZ6,0.1,x\n", "t.csv"
    )
    assert len(ticks(path)) == 1
    assert contract_in_file(path, "NQ") == "NQZ6"


@pytest.mark.parametrize(
    ("name", "symbol", "contract"),
    [
        ("NQH0_x.csv", "NQ", "NQH0"),
        ("NQH0_x.csv", "ES", "NQH0"),
        ("NQ_x.csv", "NQZ6", "NQZ6"),
        ("MNQ_x.csv", "NQZ6", "MNQ"),
        ("ticks.csv", "NQ", "NQ"),
        ("ticks.csv", "CME_MINI:NQZ2026", "NQZ2026"),
    ],
)
def test_the_contract_is_the_file_s_or_the_symbol_s(
    file: Callable[..., Path], name: str, symbol: str, contract: str
) -> None:
    assert contract_in_file(file(HEADER + ROWS, name), symbol) == contract


# ---- candles ----

CANDLES = (
    "ts_utc,open,high,low,close,volume\n"
    "2024-01-01T23:00:00Z,17018.75,17024.00,17015.00,17016.25,801\n"
    "2024-01-01T23:01:00Z,17016.25,17018.00,17013.75,17017.00,310\n"
)


def candles(path: Path, **more: object) -> list[Candle]:
    return [candle for _, candle in read_candle_file(path, NQ, **more)]  # type: ignore[arg-type]


def test_candles_are_read_with_their_open_times(file: Callable[..., Path]) -> None:
    read = candles(file(CANDLES))
    assert read[0] == Candle(1_704_150_000_000_000_000, 68075, 68096, 68060, 68065, 801)
    assert read[1].at - read[0].at == 60_000_000_000


def test_volume_may_be_unknown_and_trades_known(file: Callable[..., Path]) -> None:
    path = file("ts_utc,open,high,low,close,trades\n2024-01-01T23:00:00Z,1,2,1,2,7\n")
    assert candles(path)[0][5:7] == (0, 7)


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ("2024-01-01T23:00:30Z,1,2,1,2,7", "begins no candle of 60 s"),
        ("2024-01-01T23:00:00Z,1,2,1.5,2,7", "open or close is outside high and low"),
        ("2024-01-01T23:00:00Z,1,1.75,1,2,7", "open or close is outside high and low"),
        ("2024-01-01T23:00:00Z,1,2,1,2,-7", "volume: '-7' is not between 0"),
        ("2024-01-01T23:00:00Z,1,x,1,2,7", "high: 'x' is no number"),
        ("2024-01-01T23:00:00Z,1,2,1,2,7\n2024-01-01T23:00:00Z,1,2,1,2,7", "row 3, time: .* is not after"),
        ("2024-01-01T23:00:00Z,1,2,1,2,7\n2024-01-01T22:00:00Z,1,2,1,2,7", "row 3, time: .* is not after"),
    ],
)  # fmt: skip
def test_a_candle_that_cannot_be_is_refused(
    file: Callable[..., Path], rows: str, place: str
) -> None:
    with pytest.raises(BadData, match=place):
        candles(file("ts_utc,open,high,low,close,volume\n" + rows))


# ---- NinjaTrader's text exports ----


def test_ninjatrader_ticks_are_read(file: Callable[..., Path]) -> None:
    path = file("20240616 220000 0360000;19695;19695;19695.25;16\r\n", "NQ 06-24.Last.txt")
    (tick,) = ticks(path, layout=NINJATRADER)
    assert tick == Tick(
        1_718_575_200_036_000_000, 78780, 16, made_id(1_718_575_200_036_000_000, 0), tick.quote
    )
    assert tick.quote == Quote(78780, None, 78781, None)


def test_ninjatrader_candles_are_named_by_their_end(file: Callable[..., Path]) -> None:
    path = file("20240101 230100;17018.75;17024;17015;17016.25;801\n", "NQ 03-24.Last.txt")
    assert candles(path, layout=NINJATRADER) == [
        Candle(1_704_150_000_000_000_000, 68075, 68096, 68060, 68065, 801)
    ]


def test_no_price_is_changed_on_the_way(file: Callable[..., Path]) -> None:
    yen = instrument("6J")
    path = file(HEADER + f"{NS},0.0066665,1\n{NS},6.6665E-3,1\n")
    assert [yen.price(tick.price) for _, tick in read_tick_file(path, yen)] == [
        Decimal("0.0066665")
    ] * 2
