"""Imports: whole or not at all, twice is once, and a broken one goes on."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.bus.domain.message import DAY, MINUTE
from apps.marketdata import store
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.tick import made_id
from apps.marketdata.management.importing import mapping
from apps.marketdata.models import CandleRow, ImportJob, TickMark, TickRow
from apps.marketdata.services import ImportBroken, Source, import_candles, import_ticks

AT = 1_718_575_200_000_000_000  # 2024-06-16T22:00:00Z, a Sunday evening: 18:00 New York
FIRST = AT - AT % MINUTE
pytestmark = pytest.mark.django_db


def run(name: str, *arguments: object) -> str:
    out = StringIO()
    call_command(name, *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str, name: str = "NQM4_ticks.csv.gz") -> Path:
        path = tmp_path / name
        path.write_bytes(
            gzip.compress(content.encode()) if name.endswith("gz") else content.encode()
        )
        return path

    return write


def day(count: int, every_ms: int = 500) -> str:
    rows = (
        f"{AT + n * every_ms * 1_000_000},{19_695 + n % 7 * 0.25},{1 + n % 3}\n"
        for n in range(count)
    )
    return "ts_ns,price,size\n" + "".join(rows)


def test_ticks_are_stored_with_the_candles_that_they_make(file: Callable[..., Path]) -> None:
    said = run("import_ticks", file(day(1000)))
    assert said == (
        "NQM4: 1,000 ticks from 2024-06-16T22:00:00Z to 2024-06-16T22:08:19.500Z, 1,000 of them new, 9 candles\n"
    )
    assert TickRow.objects.filter(contract="NQM4").count() == 1000
    minutes = store.load_candles("NQM4", 60)
    assert [candle.at for candle in minutes] == [FIRST + n * MINUTE for n in range(9)]
    assert (minutes[0].trades, minutes[0].open, minutes[-1].trades) == (120, 78_780, 40)
    for seconds in (300, 86_400):
        folded = store.load_candles("NQM4", seconds)
        assert sum(candle.volume for candle in folded) == sum(candle.volume for candle in minutes)
    assert store.load_candles("NQM4", 86_400)[0].at == FIRST


def test_the_same_file_again_changes_nothing(file: Callable[..., Path]) -> None:
    path = file(day(450))
    run("import_ticks", path)
    before = list(TickRow.objects.values_list()), list(CandleRow.objects.values_list())
    assert "0 of them new" in run("import_ticks", path)
    path.rename(path.with_name("NQM4_renamed.csv.gz"))
    assert "0 of them new" in run("import_ticks", path.with_name("NQM4_renamed.csv.gz"))
    assert (list(TickRow.objects.values_list()), list(CandleRow.objects.values_list())) == before
    assert ImportJob.objects.get().state == ImportJob.State.DONE


def test_a_longer_file_of_the_same_day_adds_what_is_new(file: Callable[..., Path]) -> None:
    run("import_ticks", file(day(450)))
    assert "50 of them new" in run("import_ticks", file(day(500)))
    assert store.load_candles("NQM4", 60)[3].trades == 120


def test_bad_data_leaves_no_trace(file: Callable[..., Path]) -> None:
    path = file(day(900) + f"{AT + DAY},19695.10,1\n")
    with pytest.raises(CommandError) as caught:
        run("import_ticks", path)
    assert caught.value.returncode == 2
    assert str(caught.value).startswith(f"{path}, row 902, price: '19695.10' is between two ticks")
    assert not TickRow.objects.exists()
    assert not CandleRow.objects.exists()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.csv"], "it cannot be read"),
        (["nowhere.csv", "--symbol", "QQQ"], "unknown symbol 'QQQ'"),
    ],
)
def test_what_cannot_be_imported_ends_with_status_2(arguments: list[str], problem: str) -> None:
    for command in ("import_ticks", "import_candles"):
        with pytest.raises(CommandError, match=problem) as caught:
            run(command, *arguments)
        assert caught.value.returncode == 2
        assert len(str(caught.value).splitlines()) == 1


def test_late_rows_are_stored_and_marked_and_change_no_candle(file: Callable[..., Path]) -> None:
    late = FIRST + 1_000_000
    path = file(day(300) + f"{late},19999.75,5\n")
    run("import_ticks", path)
    (row,) = TickRow.objects.filter(mark=TickMark.LATE)
    assert (row.ts_ns, row.tick_id) == (late, made_id(late, (1 << 19) + 1))
    assert max(candle.high for candle in store.load_candles("NQM4", 60)) == 78_786


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_is_told_and_the_same_import_goes_on_afterwards(
    file: Callable[..., Path],
) -> None:
    path = file(day(12_000, every_ms=100))
    with full_disk(), pytest.raises(ImportBroken, match="it goes on from there"):
        import_ticks(source=Source(path))
    stored = TickRow.objects.count()
    assert 0 < stored < 12_000
    assert ImportJob.objects.get().rows == stored
    done = import_ticks(source=Source(path))
    assert (done.skipped, done.new, done.rows) == (stored, 12_000 - stored, 12_000)
    assert TickRow.objects.count() == 12_000
    assert sum(candle.trades for candle in store.load_candles("NQM4", 60)) == 12_000


@contextmanager
def full_disk() -> Iterator[None]:
    """Let the database run out of room after some thousand rows."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 60}")
            try:
                yield
            finally:
                cursor.execute("PRAGMA max_page_count = 1073741823")
            return
        cursor.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF (SELECT count(*) FROM marketdata_tick) > 6000 THEN "
            "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; "
            "END IF; RETURN NULL; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER no_room AFTER INSERT ON marketdata_tick FOR EACH STATEMENT EXECUTE FUNCTION no_room()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER no_room ON marketdata_tick")
            cursor.execute("DROP FUNCTION no_room")


# ---- candles ----

CANDLES = "ts_utc,open,high,low,close,volume\n" + "".join(
    f"2024-01-02T{hour:02d}:{minute:02d}:00Z,17000,17010,16990,17005.25,{minute + 1}\n"
    for hour in range(9)
    for minute in range(60)
)


def test_candles_are_stored_with_the_longer_ones_that_they_make(file: Callable[..., Path]) -> None:
    said = run("import_candles", file(CANDLES, "MNQH4_1m.csv.gz"))
    assert said.startswith(
        "MNQH4: 540 candles from 2024-01-02T00:00:00Z to 2024-01-02T08:59:00Z, 540 of them new"
    )
    assert len(store.load_candles("MNQH4", 60)) == 540
    assert [candle.volume for candle in store.load_candles("MNQH4", 3600)] == [1830] * 9
    assert [candle.volume for candle in store.load_candles("MNQH4", 14_400)] == [
        1830 * 3,
        1830 * 4,
        1830 * 2,
    ]
    assert "0 of them new" in run("import_candles", file(CANDLES, "MNQH4_1m.csv.gz"))


def test_a_day_in_two_files_folds_into_one(file: Callable[..., Path]) -> None:
    lines = CANDLES.splitlines(keepends=True)
    run("import_candles", file(lines[0] + "".join(lines[301:]), "MNQH4_b.csv"))
    run("import_candles", file("".join(lines[:301]), "MNQH4_a.csv"))
    assert [candle.volume for candle in store.load_candles("MNQH4", 86_400)] == [1830 * 9]


def test_longer_candles_can_be_imported_as_they_are(file: Callable[..., Path]) -> None:
    text = "ts_utc,open,high,low,close,volume\n2024-01-02T00:05:00Z,17000,17010,16990,17005.25,7\n"
    done = import_candles(source=Source(file(text, "NQH4_5m.csv")), seconds=300)
    assert done.rows == 1
    assert store.load_candles("NQH4", 300) == [
        Candle(1_704_153_900_000_000_000, 68_000, 68_040, 67_960, 68_021, 7)
    ]
    assert store.load_candles("NQH4", 60) == []


def test_foreign_columns_and_ninjatrader_s_text_are_understood(file: Callable[..., Path]) -> None:
    path = file("When;Last;Qty\n2024-06-16T22:00:00Z;19695;2\n", "trades.csv")
    run(
        "import_ticks",
        path,
        "--symbol",
        "CME_MINI:NQM2024",
        "--map",
        "time=when,price=last,size=qty",
    )
    path = file("20240616 220100 0360000;19695.25;19695;19695.25;16\n", "NQ 06-24.Last.txt")
    run("import_ticks", path, "--symbol", "NQ 06-24", "--format", "ninjatrader")
    assert [tick.price for tick in store.read_ticks("NQM4", 0, 1 << 62)] == [78_780, 78_781]


def test_a_mapping_is_pairs_of_names() -> None:
    assert mapping("time=ts, price=last") == {"time": "ts", "price": "last"}
    for bad in ("time", "=ts", "time="):
        with pytest.raises(Exception, match="not of the form"):
            mapping(bad)
