"""How far a recorded position went for and against it, from the stored ticks and candles of its contract."""

from decimal import Decimal
from typing import Final

from django.db.models import F, Q
from django.utils import timezone

from apps.bus.domain.message import DAY, MINUTE
from apps.marketdata.domain.calendar import Calendar
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument
from apps.marketdata.queries import calendar as kept_calendar
from apps.marketdata.queries import candles_between, read_ticks
from apps.recorder.clock import now
from apps.recorder.domain.excursion import Priced, Step, Stretch, range_of, stretches
from apps.recorder.domain.ledger import MONEY
from apps.recorder.models import RecordedFill, RecordedPosition

AT_ONCE: Final = 100
LONGEST: Final = 35 * DAY  # a minute's candle each: some 48,000
WAITS: Final = (
    7 * DAY
)  # of market time after the close; whatever ticks come later are not waited for


def learn(*, limit: int = AT_ONCE) -> int:
    """Look at closed positions whose excursions are not known, those first that were never looked at; return how many were learned."""
    unknown = RecordedPosition.objects.filter(mfe__isnull=True, closed_ns__isnull=False)
    wanted = unknown.exclude(root="").filter(
        Q(looked_at__isnull=True) | Q(closed_ns__gte=now() - WAITS)
    )
    calendar, learned = kept_calendar(), 0
    for row in wanted.order_by(F("looked_at").asc(nulls_first=True), "-closed_ns")[:limit]:
        found = excursions(row, calendar)
        worst, best = found or (None, None)
        mine = RecordedPosition.objects.filter(pk=row.pk, version=row.version)
        changed = mine.update(mfe=best, mae=worst, looked_at=timezone.now())
        learned += changed if found is not None else 0
    return learned


def excursions(row: RecordedPosition, calendar: Calendar) -> tuple[Decimal, Decimal] | None:
    """Return the dollars that a closed position was behind at worst and ahead at best, before fees; None: not known."""
    if row.closed_ns is None or row.closed_ns - row.opened_ns > LONGEST:
        return None
    product = INSTRUMENTS[row.root]
    steps = _steps(row)
    if len(steps) < 2:
        return None
    parts = stretches(steps)
    prices = [_prices(row.contract, product, part, is_last=part is parts[-1]) for part in parts]
    found = range_of(steps, prices, calendar, product.group)
    if found is None:
        return None
    worst, best = (points * product.point_value for points in found)
    return worst.quantize(MONEY), best.quantize(MONEY)


def _steps(row: RecordedPosition) -> list[Step]:
    shares = RecordedFill.objects.filter(position=row).select_related("fill")
    ordered = sorted(
        shares, key=lambda one: (one.fill.at_ns, len(one.fill.remote), one.fill.remote, one.part)
    )
    return [
        Step(
            one.fill.at_ns, one.quantity * row.sign * (1 if one.opens else -1), one.fill.price
        )
        for one in ordered
    ]  # fmt: skip


def _prices(contract: str, product: Instrument, part: Stretch, *, is_last: bool) -> list[Priced]:
    """Return what is known of a stretch: whole minutes as candles, the two ends tick by tick; nothing of before it."""
    since, until = part.since, part.until + is_last
    first, last = -(-since // MINUTE) * MINUTE, until // MINUTE * MINUTE
    ends, candles = [(since, until)], []
    if first < last:
        ends = [(since, first), (last, until)]
        candles = candles_between(contract, 60, first, last)
    known = [
        Priced(one.at, one.at + MINUTE, product.price(one.low), product.price(one.high))
        for one in candles
    ]
    there = {one.since for one in known}
    bare = [at for at in range(first, last, MINUTE) if at not in there]
    if bare:  # minutes without a candle may have ticks all the same
        ends.append((bare[0], bare[-1] + MINUTE))
    for begin, end in ends:
        for tick in read_ticks(contract, begin, end) if begin < end else ():
            price = product.price(tick.price)
            known.append(Priced(tick.at, tick.at, price, price))
    return known
