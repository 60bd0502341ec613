"""How far a recorded position went for and against it, from the stored ticks and candles of its contract."""

from decimal import Decimal
from typing import Final

from django.utils import timezone

from apps.bus.domain.message import DAY, MINUTE, to_instant
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.marketdata.queries import candles_between, read_ticks
from apps.recorder.models import RecordedPosition

AT_ONCE: Final = 100
LONGEST: Final = 35 * DAY  # a minute's candle each: some 48,000


def learn(*, limit: int = AT_ONCE) -> int:
    """Look at positions that were closed of late and whose extremes are not known; return how many were learned.

    Whatever ticks come later than a week after the close are not waited for.
    """
    since = to_instant(timezone.now()) - 7 * DAY
    rows = RecordedPosition.objects.filter(high__isnull=True, closed_ns__gte=since).exclude(root="")
    learned = 0
    for row in rows.order_by("-closed_ns")[:limit]:
        found = extremes(row)
        if found is not None:
            mine = RecordedPosition.objects.filter(pk=row.pk, version=row.version)
            learned += mine.update(high=found[0], low=found[1])
    return learned


def extremes(row: RecordedPosition) -> tuple[Decimal, Decimal] | None:
    """Return the highest and lowest trade from its first fill to its last, None if no trade of that time is stored.

    Whole minutes are read as candles, the two ends tick by tick; so nothing of before the entry is counted.
    """
    since, until = row.opened_ns, row.closed_ns
    if until is None or until - since > LONGEST:
        return None
    product = INSTRUMENTS[row.root]
    first, last = -(-since // MINUTE) * MINUTE, until // MINUTE * MINUTE
    if first < last:
        ends = [(since, first), (last, until + 1)]
        candles = candles_between(row.contract, 60, first, last)
    else:
        ends, candles = [(since, until + 1)], []
    prices = [price for one in candles for price in (one.high, one.low)]
    prices += [tick.price for begin, end in ends for tick in read_ticks(row.contract, begin, end)]
    if not prices:
        return None
    return product.price(max(prices)), product.price(min(prices))
