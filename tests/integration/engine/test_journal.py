"""The journal on a full disk: all of a turn or nothing of it, one clear line, and nothing lost once there is space."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from apps.brokers.domain.ports import FeedChanged, FeedState, TicksArrived
from apps.bus.models import FactRow
from apps.engine.live import LiveEngine
from apps.marketdata.domain.tick import Tick
from tests.integration.engine.script import (
    CONTRACT,
    LISTED,
    START,
    Life,
    Truth,
    wipe,
    write_script,
)

pytestmark = pytest.mark.django_db(transaction=True)
PLENTY = 1 << 30


class Disk(NamedTuple):
    """A disk that can be filled up, and cleared again."""

    pack: Callable[[], None]
    fill: Callable[[], None]
    clear: Callable[[], None]


def sqlite_pages() -> int:
    """Return how many pages SQLite's file has."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        count: int = cursor.fetchone()[0]
    return count


def run(sql: str) -> None:
    """Send a statement."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """The database's disk: SQLite's file may not grow; PostgreSQL refuses to write as it does on a full one."""
    if connection.vendor == "sqlite":
        disk = Disk(
            pack=lambda: run("VACUUM"),  # else there is room in pages that were used before
            fill=lambda: run(f"PRAGMA max_page_count = {sqlite_pages()}"),
            clear=lambda: run(f"PRAGMA max_page_count = {PLENTY}"),
        )
    else:
        disk = Disk(
            pack=lambda: None,
            fill=_postgres_fill,
            clear=lambda: run("DROP FUNCTION IF EXISTS no_space CASCADE"),
        )
    yield disk
    disk.clear()


def _postgres_fill() -> None:
    run(
        "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
    )
    run("CREATE TRIGGER full_disk BEFORE INSERT ON bus_factrow EXECUTE FUNCTION no_space()")


@pytest.mark.parametrize("moment", [40, 120, 250])
def test_a_full_disk_loses_and_doubles_nothing_once_there_is_space_again(
    disk: Disk, moment: int
) -> None:
    script = write_script(minutes=12)
    Life(script).live()
    expected = Truth.told()
    wipe()
    disk.pack()
    left = moment

    def strike(sql: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            disk.fill()

    life = Life(script, strike, mend=disk.clear)
    life.live()
    assert life.failures
    assert Truth.told() == expected


def test_on_a_full_disk_the_engine_stops_and_says_why_in_one_line(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    wipe()
    disk.pack()

    def limit(connection: BaseDatabaseWrapper, **rest: object) -> None:
        """The engine's own connection: it loads, and then there is no room for ticks."""
        if connection.vendor == "sqlite":
            run(f"PRAGMA max_page_count = {sqlite_pages() + 8}")

    if connection.vendor == "postgresql":
        disk.fill()
    connection_created.connect(limit)
    try:
        engine = LiveEngine([LISTED])
        engine.start()
        many = tuple(Tick(START + n * 1_000_000, 80_000, 1, n + 1) for n in range(30_000))
        engine.put(TicksArrived(CONTRACT, many, live=True))
        engine.put(FeedChanged(FeedState.LIVE, "", START, 1))
        assert engine._thread is not None
        engine._thread.join(20)
    finally:
        connection_created.disconnect(limit)
    assert isinstance(engine.failure, DatabaseError)
    (line,) = [record for record in caplog.records if record.name == "apps.engine.live"]
    assert re.fullmatch(
        "the engine stops: (database or disk is full|.*No space left.*)", line.getMessage()
    )
    assert not FactRow.objects.exists()
