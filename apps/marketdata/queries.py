"""Reads for the API, the pages and other apps. Market data belongs to nobody, so nobody is asked for."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from apps.marketdata import archive, store
from apps.marketdata.domain.calendar import CALENDAR, Calendar, Holiday, HolidayKind, HolidayStatus
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import Contract, RollDay, front
from apps.marketdata.domain.folding import folded
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument, SignalDefaults, instrument
from apps.marketdata.domain.session import frame_end, frame_start
from apps.marketdata.domain.tape import FRAMES
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import HolidayRow, InstrumentSetting, TickMark, TickRow
from apps.marketdata.partitions import day_of_tick
from apps.marketdata.retention import archive_home

MINUTE: Final = 60  # seconds of the candles from which all others are folded


# ---- candles ----


def candles(
    contract: str,
    seconds: int = MINUTE,
    since: int | None = None,
    until: int | None = None,
    limit: int | None = None,
) -> list[Candle]:
    """Return closed candles of any length from a minute up, oldest first; with a limit the newest ones.

    Units:   since, until: ns UTC, `since <= open time < until`; prices: whole ticks
    """
    if seconds == MINUTE or seconds in FRAMES:
        return store.load_candles(contract, seconds, since=since, until=until, last=limit)
    step = max(size for size in (MINUTE, *FRAMES) if seconds % size == 0)
    if since is not None and frame_start(since, seconds) != since:
        since = frame_end(frame_start(since, seconds), seconds)
    if until is not None and frame_start(until, seconds) != until:
        until = frame_end(frame_start(until, seconds), seconds)
    # One more than asked for: the oldest may have lost its beginning.
    last = None if limit is None else (limit + 1) * (seconds // step)
    parts = store.load_candles(contract, step, since=since, until=until, last=last)
    whole = list(folded(parts, seconds))
    if limit is None:
        return whole
    return whole[-limit:] if limit else []


def candles_between(
    contract: str, seconds: int, since: int, until: int | None = None
) -> list[Candle]:
    """Return the closed candles that open in `since <= at < until`, oldest first."""
    return candles(contract, seconds, since, until)


# ---- ticks ----


def read_ticks(
    contract: str,
    since: int,
    until: int,
    marks: Iterable[TickMark] = (TickMark.ORDINARY, TickMark.LATE),
) -> Iterator[Tick]:
    """Yield the ticks of `since <= at < until` in the order of their times, old ones out of the archive."""
    wanted = tuple(marks)
    home, first, last = archive_home(), day_of_tick(since), day_of_tick(max(since, until - 1))
    days = [day for day in archive.days(home, contract) if first <= day <= last]
    stored = store.read_ticks(contract, since, until, wanted)
    if not days:
        yield from stored
        return
    archived = (
        tick
        for day in days
        for tick, mark in archive.read(home, contract, day)
        if since <= tick.at < until and mark in wanted
    )
    seen: tuple[int, int] | None = None
    for tick in heapq.merge(archived, stored, key=lambda one: (one.at, one.id)):
        if (tick.at, tick.id) != seen:
            seen = tick.at, tick.id
            yield tick


def recent_ticks(contract: str, limit: int = 100) -> list[Tick]:
    """Return the newest stored ticks of a contract, newest first."""
    newest = (
        TickRow.objects.filter(contract=contract).order_by("-ts_ns").values_list("ts_ns", flat=True)
    )
    times = list(newest[:limit])
    if not times:
        return []
    found = list(store.read_ticks(contract, times[-1], times[0] + 1))
    return found[::-1][:limit]


# ---- what staff may edit ----


def calendar() -> Calendar:
    """Return the trading calendar with the holidays as staff keeps them; an empty table is as shipped."""
    holidays = [
        Holiday(
            row.day,
            row.event,
            HolidayKind(row.kind),
            None if row.closes is None else row.closes.hour * 60 + row.closes.minute,
            HolidayStatus(row.status),
            row.group,
        )
        for row in HolidayRow.objects.order_by("day")
    ]
    return Calendar(holidays) if holidays else CALENDAR


def instruments() -> Mapping[str, Instrument]:
    """Return all instruments as staff has set them."""
    rows = {row.root: row for row in InstrumentSetting.objects.all()}
    return {
        root: _as_set(product, rows[root]) if root in rows else product
        for root, product in INSTRUMENTS.items()
    }


def instrument_as_set(root: str) -> Instrument:
    """Return an instrument with the house's own settings.

    Raises:  UnknownInstrument
    """
    product = instrument(root)
    row = InstrumentSetting.objects.filter(root=root).first()
    return product if row is None else _as_set(product, row)


def front_contract(root: str, at: int) -> Contract:
    """Return the front contract of an instrument at an instant, by the roll day that staff chose.

    Raises:  UnknownSymbol
    """
    roll = InstrumentSetting.objects.filter(root=root).values_list("roll", flat=True).first()
    return front(root, at, RollDay(roll) if roll else RollDay.MONDAY)


def _as_set(product: Instrument, row: InstrumentSetting) -> Instrument:
    names = ("buffer", "stale_tolerance", "jump", "near_stop")
    values = {
        name: getattr(row, name)
        if getattr(row, name) is not None
        else getattr(product.defaults, name, None)
        for name in names
    }
    defaults: SignalDefaults | None = None
    if all(value is not None for value in values.values()):
        defaults = SignalDefaults(**{name: Decimal(str(value)) for name, value in values.items()})
    return replace(
        product,
        defaults=defaults,
        commission=product.commission if row.commission is None else row.commission,
        exchange_fee=product.exchange_fee if row.exchange_fee is None else row.exchange_fee,
    )
