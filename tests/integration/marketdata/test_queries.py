"""Reads: candles of any length, ticks out of table and archive, and what staff changed."""

from collections.abc import Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import override_settings

from apps.bus.domain.message import DAY, MINUTE, SECOND, to_datetime
from apps.marketdata import archive, partitions, queries, store
from apps.marketdata.domain.calendar import CALENDAR, HOLIDAYS, chicago
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import RollDay
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.marketdata.models import HolidayRow, InstrumentSetting, TickMark, TickRow
from apps.marketdata.retention import retire
from apps.marketdata.tasks import make_partitions, retire_old_ticks
from tests.services.disk import no_room

AT = 1_763_735_400 * SECOND  # 2025-11-21T14:30:00Z
TODAY = date(2025, 11, 23)
pytestmark = pytest.mark.django_db


def tick(hours: float, quote: Quote | None = None) -> Tick:
    at = AT + int(hours * 3600) * SECOND
    return Tick(at, 80_000, 1, made_id(at, 0), quote)


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    with override_settings(HOME=tmp_path):
        yield tmp_path


# ---- candles ----


def minutes(count: int) -> list[Candle]:
    return [
        Candle(AT + n * MINUTE, 80_000 + n, 80_002 + n, 79_999 + n, 80_001 + n, 1, 1)
        for n in range(count)
    ]


def test_candles_of_any_length_are_folded_from_stored_ones() -> None:
    store.save_candles("NQZ5", 60, minutes(20))
    two = queries.candles("NQZ5", 120)
    assert [candle.volume for candle in two] == [2] * 10
    assert two[0] == Candle(AT, 80_000, 80_003, 79_999, 80_002, 2, 2)
    assert queries.candles("NQZ5", 120, limit=3) == two[-3:]
    assert queries.candles("NQZ5", 120, limit=0) == []
    assert queries.candles("NQZ5", 120, since=AT + MINUTE) == two[1:]
    assert queries.candles("NQZ5", 120, until=AT + MINUTE) == two[:1]
    assert queries.candles("NQZ5", limit=2) == minutes(20)[-2:]
    assert queries.candles_between("NQZ5", 60, AT + MINUTE, AT + 3 * MINUTE) == minutes(3)[1:]


# ---- ticks ----


def test_reads_span_archive_and_table() -> None:
    ticks = [tick(-50), tick(-49, Quote(1, 2, 3, None)), tick(-26), tick(-1), tick(0)]
    writer = store.TickWriter()
    writer.write("NQZ5", ticks)
    writer.write("ESZ5", ticks[:1])
    writer.write("NQZ5", [tick(-48)], TickMark.DROPPED)
    assert retire(TODAY, days=2) == [date(2025, 11, 19), date(2025, 11, 20)]
    assert TickRow.objects.count() == 2
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62)) == ticks
    assert list(queries.read_ticks("NQZ5", ticks[1].at, ticks[3].at)) == ticks[1:3]
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62, [TickMark.DROPPED])) == [tick(-48)]
    assert list(queries.read_ticks("ESZ5", 0, 1 << 62)) == ticks[:1]
    assert retire(TODAY, days=2) == []


def test_a_day_that_comes_again_is_added_to_its_archive(home: Path) -> None:
    writer = store.TickWriter()
    writer.write("NQZ5", [tick(-50)])
    retire(TODAY, days=2)
    writer.write("NQZ5", [tick(-50), tick(-49)])
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62)) == [tick(-50), tick(-49)]
    retire(TODAY, days=2)
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62)) == [tick(-50), tick(-49)]
    assert len(list(home.rglob("*.parquet"))) == 1


def test_many_ticks_are_deleted_a_little_at_a_time() -> None:
    store.TickWriter().write("NQZ5", [tick(-50 + n / 3600) for n in range(501)])
    retire(TODAY, days=2)
    assert not TickRow.objects.exists()
    assert len(list(queries.read_ticks("NQZ5", 0, 1 << 62))) == 501


def test_a_full_disk_deletes_nothing_and_leaves_no_half_file(home: Path) -> None:
    ticks = [tick(-50 + n / 3600) for n in range(5000)]
    store.TickWriter().write("NQZ5", ticks[:10])
    retire(TODAY, days=2)
    with no_room(), pytest.raises(archive.ArchiveError, match="Make room"):
        archive.write(
            home / "archive" / "ticks", "NQZ5", date(2025, 11, 19), [(one, 0) for one in ticks]
        )
    assert [path.name for path in home.rglob("*.*")] == ["2025-11-19.parquet"]
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62)) == ticks[:10]


def test_a_damaged_archive_is_named(home: Path) -> None:
    path = archive.path_of(home / "archive" / "ticks", "NQZ5", date(2025, 11, 19))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(archive.ArchiveError, match=r"2025-11-19\.parquet cannot be read"):
        list(queries.read_ticks("NQZ5", 0, 1 << 62))


def test_the_worker_s_tasks_run_twice_without_harm() -> None:
    store.TickWriter().write("NQZ5", [tick(0)])
    for _ in range(2):
        make_partitions()
        retire_old_ticks()
    assert list(queries.read_ticks("NQZ5", 0, 1 << 62)) == [tick(0)]


def test_recent_ticks_come_newest_first() -> None:
    ticks = [tick(n) for n in range(5)]
    store.TickWriter().write("NQZ5", ticks)
    assert queries.recent_ticks("NQZ5", 2) == [ticks[4], ticks[3]]
    assert queries.recent_ticks("ESZ5") == []


# ---- what staff may edit ----


def test_the_shipped_holidays_are_there_to_be_edited() -> None:
    HolidayRow.objects.all().delete()
    assert queries.calendar() is CALENDAR
    day = date(2026, 11, 24)
    HolidayRow.objects.create(day=day, event="Flood", kind="halt", closes=time(10))
    assert not queries.calendar().is_open(chicago(day, 10 * 60))
    assert CALENDAR.is_open(chicago(day, 10 * 60))


def test_the_table_s_own_words_are_the_calendar_s() -> None:
    HolidayRow.objects.all().delete()
    HolidayRow.objects.bulk_create(
        HolidayRow(
            day=one.day, event=one.event, kind=one.kind.value, status=one.status.value, group=one.group,
            closes=None if one.closes is None else time(*divmod(one.closes, 60)),
        )
        for one in HOLIDAYS
    )  # fmt: skip
    assert sorted(queries.calendar().holidays, key=lambda one: one.day) == sorted(
        HOLIDAYS, key=lambda one: one.day
    )


def test_settings_of_an_instrument_replace_only_what_is_filled_in() -> None:
    assert queries.instrument_as_set("NQ").defaults == queries.instruments()["NQ"].defaults
    InstrumentSetting.objects.create(root="NQ", buffer=Decimal("0.25"), commission=Decimal("1.99"))
    nq = queries.instrument_as_set("NQ")
    assert nq.defaults is not None
    assert (nq.defaults.buffer, nq.defaults.jump, nq.commission) == (
        Decimal("0.25"),
        50,
        Decimal("1.99"),
    )
    assert queries.instruments()["NQ"] == nq
    InstrumentSetting.objects.create(root="ZN", buffer=1)
    assert queries.instrument_as_set("ZN").defaults is None


def test_staff_chooses_the_day_of_the_roll() -> None:
    thursday = chicago(date(2026, 12, 10), 9 * 60)
    assert queries.front_contract("NQ", thursday).name == "NQZ6"
    InstrumentSetting.objects.create(root="NQ", roll=RollDay.THURSDAY.value)
    assert queries.front_contract("NQ", thursday).name == "NQH7"


def test_partitions_follow_utc_days() -> None:
    start, _ = partitions.bounds(to_datetime(AT).date())
    assert start == AT - AT % DAY
    assert partitions.day_of_tick(AT + DAY) == to_datetime(AT).date() + timedelta(days=1)
