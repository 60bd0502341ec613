"""What the values of a data file mean, or what is wrong with them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from apps.bus.domain.message import SECOND, to_instant
from apps.marketdata.domain.instrument import ENERGY, Instrument, OffTick
from apps.marketdata.domain.tick import Quote
from apps.marketdata.tables import BadData

EARLIEST: Final = 631_152_000 * SECOND  # 1990
LATEST: Final = 4_102_444_800 * SECOND  # 2100
MOST_TICKS: Final = 1 << 31  # no price is farther from zero
MOST_SIZE: Final = 10_000_000  # contracts in one trade or quote
MOST_VOLUME: Final = 1_000_000_000  # contracts or trades in one candle
_KEPT: Final = 1 << 16
_MILLI: Final = 1_000_000


class Wrong(Exception):
    """What is wrong with one value."""

    def __init__(self, field: str, problem: str, cure: str) -> None:
        super().__init__(problem)
        self.field, self.problem, self.cure = field, problem, cure

    def at(self, path: Path, row: int) -> BadData:
        """Return it as the fault of a row."""
        return BadData(path, row, self.field, self.problem, self.cure)


class Known(dict[Any, Any]):
    """What a value means, worked out when it is first seen."""

    def __init__(self, understand: Callable[[Any], Any]) -> None:
        super().__init__()
        self._understand = understand

    def __missing__(self, value: Any) -> Any:
        if len(self) > _KEPT:
            self.clear()
        meaning = self[value] = self._understand(value)
        return meaning


def price_of(field: str, instrument: Instrument, value: Any) -> int:
    """Return a price in whole ticks. Raises `Wrong`, as all readers of values here."""
    text = str(value).strip()
    try:
        ticks = instrument.to_ticks(text)
    except OffTick:
        step = f"{instrument.tick_size:f}"
        if not _is_number(text):
            cure = "Write prices as plain decimals, e.g. 20005.25."
            raise Wrong(field, f"{_short(value)} is no number", cure) from None
        cure = f"Prices of {instrument.root} are multiples of {step}: is it another instrument?"
        raise Wrong(field, f"{_short(value)} is between two ticks", cure) from None
    if not -MOST_TICKS < ticks < MOST_TICKS:
        raise Wrong(
            field, f"{_short(value)} is too far from zero", "Correct the row or take it out."
        )
    if ticks <= 0 and instrument.group != ENERGY:  # crude oil has traded below zero
        raise Wrong(field, f"{_short(value)} is not above zero", "Correct the row or take it out.")
    return ticks


def count_of(field: str, value: Any, least: int, most: int) -> int:
    """Return a whole number of contracts or trades; 3.0 is one too, as some sources write it."""
    text = str(value).strip()
    number = Decimal(text) if _is_number(text) else None
    if number is None or number != number.to_integral_value():
        raise Wrong(field, f"{_short(value)} is no whole number", "Write it with digits only.")
    if not least <= number <= most:
        problem = f"{_short(value)} is not between {least} and {most:,}"
        raise Wrong(field, problem, "Correct the row or take it out.")
    return int(number)


def quote_of(values: tuple[Any, ...], instrument: Instrument) -> Quote | None:
    """Return bid, bid size, ask, ask size as a quote; None if there is neither price."""
    bid, bid_size, ask, ask_size = (None if value in (None, "") else value for value in values)
    if bid is None and ask is None:
        return None
    return Quote(
        None if bid is None else price_of("bid", instrument, bid),
        None if bid_size is None else count_of("bid_size", bid_size, 0, MOST_SIZE),
        None if ask is None else price_of("ask", instrument, ask),
        None if ask_size is None else count_of("ask_size", ask_size, 0, MOST_SIZE),
    )


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _short(value: Any) -> str:
    return repr(value)[:60]


_ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))? ?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH: Final = re.compile(r"\d{1,19}(\.\d{1,9})?", re.ASCII)
_UNITS: Final = ((10**11, SECOND), (10**14, _MILLI), (10**17, 1000), (10**20, 1))


def _within(at: int, value: Any, cure: str) -> int:
    if not EARLIEST <= at < LATEST:
        raise Wrong("time", f"{_short(value)} is not between 1990 and 2100", cure)
    return at


def nanoseconds(value: Any) -> int:
    """Return an instant from whole nanoseconds since 1970 UTC."""
    cure = "Give whole nanoseconds since 1970 UTC."
    try:
        return _within(int(value), value, cure)
    except (TypeError, ValueError, OverflowError):
        raise Wrong("ts_ns", f"{_short(value)} is no whole number", cure) from None


def any_time(value: Any, seconds: Mapping[tuple[str, str, str], int]) -> int:
    """Return an instant from ISO-8601 (UTC without an offset) or from an epoch of any unit."""
    cure = "Give ISO-8601 times such as 2026-11-20T14:30:00Z."
    text = str(value).strip()
    if match := _ISO.fullmatch(text):
        day, clock, fraction, zone = match.groups("")
        return _within(seconds[day, clock, zone] + int(fraction.ljust(9, "0")), value, cure)
    if _EPOCH.fullmatch(text):
        number = Decimal(text)
        unit = next(unit for bound, unit in _UNITS if number < bound)
        return _within(int(number * unit), value, cure)
    raise Wrong("time", f"{_short(value)} is no time", cure)


def iso_seconds(parts: tuple[str, str, str]) -> int:
    """Return the whole seconds of a day, a clock and a zone as an instant."""
    day, clock, zone = parts
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone or 'Z'}")
        return to_instant(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        cure = "Give ISO-8601 times such as 2026-11-20T14:30:00Z."
        raise Wrong("time", f"{day} {clock}{zone} is no time", cure) from None


def ninjatrader_time(value: Any) -> int:
    """Return an instant from `yyyyMMdd HHmmss`, with 100 ns units behind for ticks; UTC."""
    text = str(value).strip()
    match = re.fullmatch(r"(\d{8}) (\d{6})(?: (\d{7}))?", text, re.ASCII)
    cure = "Export it from NinjaTrader as text, in UTC."
    if match is None:
        raise Wrong("time", f"{_short(value)} is no time", cure)
    try:
        moment = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Wrong("time", f"{_short(value)} is no time", cure) from None
    return _within(to_instant(moment) + int(match[3] or 0) * 100, value, cure)
