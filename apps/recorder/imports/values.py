"""Cells of an export: numbers, amounts, moments and contracts, or a refusal that names the field, the value and the cure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from apps.bus.domain.message import SECOND
from apps.marketdata.domain.contract import MONTH_CODES, UnknownSymbol, parts_of
from apps.marketdata.domain.instrument import INSTRUMENTS

MOST_CONTRACTS: Final = 100_000
_LONGEST: Final = 60  # characters of a cell that is a number, a moment or a contract
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS: Final = [
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
]


class BadCell(ValueError):
    """A cell that cannot be read: which field, what stood there, and what to do."""

    def __init__(self, field: str, value: str, cure: str) -> None:
        super().__init__(f"{field} {value[:60]!r}: {cure}")
        self.field, self.value, self.cure = field, value[:60], cure


class Decimals(StrEnum):
    """How a file parts the whole from the fraction."""

    POINT = "point"
    COMMA = "comma"


class DayOrder(StrEnum):
    """Which comes first in 3/4/2026."""

    MONTH_FIRST = "month"
    DAY_FIRST = "day"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file writes: in which zone its clock runs where it does not say, its decimals, its dates."""

    zone: ZoneInfo
    decimals: Decimals = Decimals.POINT
    days: DayOrder = DayOrder.MONTH_FIRST


# ---- numbers ----

_GROUPED: Final = {
    Decimals.POINT: re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)?(\.\d*)?"),
    Decimals.COMMA: re.compile(r"(\d{1,3}(?:\.\d{3})+|\d+)?(,\d*)?"),
}
_SPACES: Final = re.compile(r"[\s\u00a0\u202f']")


def number(field: str, text: str, decimals: Decimals) -> Decimal:
    """Return 21539.50, $1,234.50, -$5, ($12.00) or 1.234,50 as an exact number.

    Raises:  BadCell  also where the comma and the point stand the other way round than in the rest of the file
    """
    plain = _SPACES.sub("", text.strip())[: _LONGEST + 1]
    negative = False
    if plain.startswith("(") and plain.endswith(")"):
        negative, plain = True, plain[1:-1]
    plain = plain.replace("$", "").replace("USD", "").replace("\u2212", "-")
    if plain[:1] in "+-" and plain:
        negative, plain = negative != (plain[0] == "-"), plain[1:]
    found = _GROUPED[decimals].fullmatch(plain) if len(plain) <= _LONGEST else None
    if found is None or not any(one.isdigit() for one in plain):
        raise BadCell(field, text, _cure_of_number(plain, decimals))
    mark, group = (".", ",") if decimals is Decimals.POINT else (",", ".")
    value = Decimal(plain.replace(group, "").replace(mark, "."))
    return -value if negative else value


def _cure_of_number(plain: str, decimals: Decimals) -> str:
    other = Decimals.COMMA if decimals is Decimals.POINT else Decimals.POINT
    is_marked = any(one.isdigit() for one in plain) and not plain.isdigit()
    if is_marked and _GROUPED[other].fullmatch(plain):
        return f"the file was read with a decimal {decimals}, this one has a decimal {other}; choose it, or mend the row"
    return "write a number such as 21539.50" if plain else "it is empty; write a number"


def price(
    field: str, text: str, decimals: Decimals, contract: str, *, average: bool = False
) -> Decimal:
    """Return a price on its contract's grid; an average may lie between.

    Binary noise of an exporter (28531.750000000001) is taken off.

    Raises:  BadCell
    """
    value = number(field, text, decimals)
    product = INSTRUMENTS.get(contract[:-2])
    if product is not None:
        near = product.snap(value)
        if abs(near - value) <= Decimal("1e-9"):
            return near
        if not average:
            raise BadCell(
                field,
                text,
                f"not on the grid of {product.root}, {product.tick_size}; mend the price or the contract",
            )
    if abs(value) >= Decimal(10) ** 11:
        raise BadCell(field, text, "too large for a price")
    return round(value, 7)


def whole(field: str, text: str, decimals: Decimals) -> int:
    """Return a number of contracts, 1 or more.

    Raises:  BadCell
    """
    value = number(field, text, decimals)
    if value != value.to_integral_value() or not 1 <= value <= MOST_CONTRACTS:
        raise BadCell(field, text, f"write whole contracts, 1 to {MOST_CONTRACTS:,}")
    return int(value)


def money(field: str, text: str, decimals: Decimals) -> Decimal:
    """Return an amount of dollars; an empty cell is 0.

    Raises:  BadCell
    """
    value = number(field, text, decimals) if text.strip() else Decimal(0)
    if abs(value) >= Decimal(10) ** 12:
        raise BadCell(field, text, "too large for an amount")
    return round(value, 4)


# ---- moments ----

_MOMENT: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<dash>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{1,4})[ T,]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<offset>Z|UTC|[+-]\d\d:?\d\d)?"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, ns UTC, and how finely it was written: seconds, or better."""

    at: int
    grain: int


def moment(field: str, text: str, manner: Manner) -> Moment:
    """Return when something happened. Without an offset of its own it is on the clock of the chosen zone.

    Raises:  BadCell  an hour that the zone's clock skipped, or told twice, among others
    """
    found = _MOMENT.fullmatch(text.strip()[:_LONGEST])
    if found is None:
        raise BadCell(
            field, text, "write a date and time such as 04/09/2026 15:30:37 or 2026-04-09 15:30:37"
        )
    part = found.groupdict()
    try:
        clock = datetime(*_date(part, manner.days), *_time(part))  # noqa: DTZ001 the zone comes next
    except ValueError as problem:
        cure = f"no such date or time ({problem})"
        if int(part["a"]) > 12 or int(part["b"]) > 12:
            cure += "; choose whether the day or the month comes first"
        raise BadCell(field, text, cure) from None
    fraction = part["fraction"] or ""
    below = int(fraction.ljust(9, "0")) if fraction else 0
    grain = SECOND // 10 ** min(9, len(fraction)) if part["second"] else 60 * SECOND
    return Moment(_instant(field, text, clock, part["offset"], manner.zone) + below, grain)


_DAY: Final = re.compile(r"(?P<a>\d{1,4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,4})(?![\d:])")


def told_day(text: str, days: DayOrder) -> str:
    """Return a date that an export tells beside its times, as 2026-04-09; "" where it tells none that can be read."""
    found = _DAY.match(text.strip()[:_LONGEST])
    if found is None:
        return ""
    try:
        return date(*_date(found.groupdict(), days)).isoformat()
    except ValueError:
        return ""


def _date(part: dict[str, str], days: DayOrder) -> tuple[int, int, int]:
    a, b, c = int(part["a"]), int(part["b"]), int(part["c"])
    if len(part["a"]) == 4:
        return a, b, c
    year = c if len(part["c"]) == 4 else 2000 + c
    return (year, b, a) if days is DayOrder.DAY_FIRST else (year, a, b)


def _time(part: dict[str, str]) -> tuple[int, int, int]:
    hour = int(part["hour"])
    if part["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("a 12-hour clock shows 1 to 12")
        hour = hour % 12 + (12 if part["half"][0] in "Pp" else 0)
    return hour, int(part["minute"]), int(part["second"] or 0)


def _instant(field: str, text: str, clock: datetime, offset: str | None, zone: ZoneInfo) -> int:
    if offset in {"Z", "UTC"}:
        return _ns(clock.replace(tzinfo=UTC))
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        away = timedelta(minutes=-minutes if offset[0] == "-" else minutes)
        return _ns(clock.replace(tzinfo=UTC) - away)
    early, late = _both(clock, zone)
    if early != late:
        there = datetime.fromtimestamp(early // SECOND, zone).replace(tzinfo=None)
        if there != clock:
            cure = f"this hour was skipped in {zone.key} when its clock went forward; is it another zone's time?"
        else:
            cure = f"this hour was told twice in {zone.key} when its clock went back; export it in UTC, or add the offset"
        raise BadCell(field, text, cure)
    return early


@lru_cache(maxsize=65_536)
def _both(clock: datetime, zone: ZoneInfo) -> tuple[int, int]:
    first = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = clock.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _ns(first), _ns(second)


def _ns(moment: datetime) -> int:
    return int((moment - _EPOCH) / timedelta(seconds=1)) * SECOND


# ---- contracts and sides ----

_DATED: Final = re.compile(
    rf"(?P<root>[A-Z0-9]{{1,6}})(?P<month>[{MONTH_CODES}])(?P<year>\d{{4}}|\d{{1,2}})"
)
_NAMED_MONTH: Final = re.compile(
    rf"(?P<root>[A-Z0-9]{{1,6}}) (?P<month>{'|'.join(_MONTHS)})(?P<year>\d\d)"
)


def contract(field: str, text: str) -> str:
    """Return the exchange's name of a dated contract: MNQ MAR25, MES 09-26, ESM24, CON.F.US.EP.M24 are MNQH5, MESU6 ...

    A product that the desk does not list keeps its name.

    Raises:  BadCell
    """
    try:
        return _contract(text.strip().upper()[:_LONGEST])
    except LookupError as problem:
        raise BadCell(field, text, str(problem)) from None


@lru_cache(maxsize=512)
def _contract(plain: str) -> str:
    by_name = _NAMED_MONTH.fullmatch(plain)
    if by_name:
        plain = f"{by_name['root']}{MONTH_CODES[_MONTHS.index(by_name['month'])]}{by_name['year']}"
    try:
        root, month, year = parts_of(plain)
    except UnknownSymbol as problem:
        dated = _DATED.fullmatch(plain)
        if dated is None or dated["root"] in INSTRUMENTS:
            raise LookupError(f"names no dated contract such as MNQH5 ({problem})") from None
        return f"{dated['root']}{dated['month']}{dated['year'][-1]}"
    if month is None:
        raise LookupError("names no month; a fill is of a dated contract such as MNQH5")
    return f"{root}{MONTH_CODES[month - 1]}{year[-1]}"
