"""Old ticks leave the database for Parquet files, a UTC day at a time; reads find them there."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from apps.marketdata import archive, partitions
from apps.marketdata.domain.tick import Quote, Tick
from apps.marketdata.models import TickRow

_SHORT: Final = 200


def archive_home() -> Path:
    """Return the folder of the old ticks."""
    return Path(settings.HOME) / "archive" / "ticks"


def retire(today: date, days: int | None = None) -> list[date]:
    """Move every UTC day before the last `days` ones into the archive and return the days moved.

    A day is deleted only after all its contracts are written; broken off, it is written again.

    Raises:  ArchiveError
    """
    kept = settings.TICK_DAYS if days is None else days
    before, _ = partitions.bounds(today - timedelta(days=kept))
    moved = list(_days(before))
    for day in moved:
        start, end = partitions.bounds(day)
        rows = TickRow.objects.filter(ts_ns__gte=start, ts_ns__lt=end)
        for contract in rows.order_by("contract").values_list("contract", flat=True).distinct():
            archive.write(archive_home(), contract, day, _stored(contract, start, end))
        _delete(day, start, end)
    return moved


def _days(before: int) -> Iterator[date]:
    """Yield the UTC days that hold ticks from before an instant, oldest first."""
    at = -1
    while True:
        rows = TickRow.objects.filter(ts_ns__gt=at, ts_ns__lt=before).order_by("ts_ns")
        first = rows.values_list("ts_ns", flat=True).first()
        if first is None:
            return
        day = partitions.day_of_tick(first)
        yield day
        at = partitions.bounds(day)[1] - 1


def _stored(contract: str, start: int, end: int) -> list[archive.Stored]:
    rows = TickRow.objects.filter(contract=contract, ts_ns__gte=start, ts_ns__lt=end)
    return [
        (Tick(at, price, size, id, None if quote == [None] * 4 else Quote(*quote)), mark)
        for at, id, price, size, *quote, mark in rows.order_by("ts_ns", "tick_id").values_list(
            "ts_ns", "tick_id", "price", "size", "bid", "bid_size", "ask", "ask_size", "mark"
        )
    ]


def _delete(day: date, start: int, end: int) -> None:
    if day in partitions.existing():
        partitions.drop(day)
        return
    if connection.vendor == "postgresql":
        TickRow.objects.filter(ts_ns__gte=start, ts_ns__lt=end).delete()
        return
    deleted = 1
    while deleted:  # a little at a time: beside SQLite everybody else waits
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM marketdata_tick WHERE rowid IN (SELECT rowid FROM marketdata_tick "
                "WHERE ts_ns >= %s AND ts_ns < %s LIMIT %s)",
                [start, end, _SHORT],
            )
            deleted = cursor.rowcount
