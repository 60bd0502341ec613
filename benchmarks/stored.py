"""The two ways to store ticks. Imported once Django is set up."""

from collections.abc import Sequence

from django.db import connections

from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import TickRow
from apps.marketdata.partitions import day_of_tick, make
from apps.marketdata.store import TickWriter

NO_QUOTE = (None, None, None, None)


def empty(using: str, ticks: Sequence[Tick]) -> None:
    """Take all ticks out, and see to their days."""
    make({day_of_tick(tick.at) for tick in ticks}, using)
    with connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            cursor.execute("TRUNCATE marketdata_tick")
        else:
            cursor.execute("DELETE FROM marketdata_tick")


def written(using: str, contract: str, ticks: Sequence[Tick], batch: int) -> int:
    """Store ticks as the desk does."""
    writer = TickWriter(using)
    return sum(
        writer.write(contract, ticks[start : start + batch])
        for start in range(0, len(ticks), batch)
    )


def bulk_create(using: str, contract: str, ticks: Sequence[Tick], batch: int) -> int:
    """Store ticks as Django's manual does."""
    for start in range(0, len(ticks), batch):
        TickRow.objects.using(using).bulk_create(
            [_row(contract, tick) for tick in ticks[start : start + batch]],
            batch_size=1000,
            ignore_conflicts=True,
        )
    return len(ticks)


def _row(contract: str, tick: Tick) -> TickRow:
    bid, bid_size, ask, ask_size = tick.quote or NO_QUOTE
    return TickRow(
        contract=contract,
        ts_ns=tick.at,
        tick_id=tick.id,
        price=tick.price,
        size=tick.size,
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
    )
