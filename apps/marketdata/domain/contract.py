"""Dated contracts: their names in every spelling, when they end, and which one is the front."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePath
from typing import Final

from apps.bus.domain.message import SECOND
from apps.marketdata.domain.calendar import (
    business_day,
    chicago,
    is_business_day,
    last_of_month,
    trade_date,
    weekday_of_month,
)
from apps.marketdata.domain.instrument import (
    BONDS,
    ENERGY,
    EQUITY,
    FX,
    GRAINS,
    INSTRUMENTS,
    METALS,
    Instrument,
)

MONTH_CODES: Final = "FGHJKMNQUVXZ"
_ONE_DAY: Final = timedelta(days=1)
_FRIDAY, _WEDNESDAY = 4, 2


class UnknownSymbol(LookupError):
    """A spelling that names no contract or instrument known here."""

    def __init__(self, symbol: str, cure: str = "") -> None:
        cure = cure or "use a root (NQ), a contract (NQZ6) or a continuous symbol (NQ1!)"
        super().__init__(f"unknown symbol {symbol[:40]!r}: {cure}")
        self.symbol = symbol


class RollDay(StrEnum):
    """When index traders change over: the exchange says Monday, many feeds still say Thursday."""

    MONDAY = "monday before the third friday"
    THURSDAY = "thursday eight days before"


@dataclass(frozen=True, slots=True, order=True)
class Contract:
    """One delivery month of an instrument."""

    root: str
    year: int
    month: int

    @property
    def name(self) -> str:
        """Return the exchange's name, with a one-digit year: NQZ6."""
        return f"{self.root}{self.month_code}{self.year % 10}"

    @property
    def month_code(self) -> str:
        """Return the letter of the month."""
        return MONTH_CODES[self.month - 1]

    @property
    def instrument(self) -> Instrument:
        """Return what it is a contract of."""
        return INSTRUMENTS[self.root]

    @property
    def symbols(self) -> dict[str, str]:
        """Return how others spell it. Where a broker's API says another name, that one holds."""
        product, two_digits = self.instrument, f"{self.month_code}{self.year % 100:02d}"
        return {
            "tradovate": self.name,
            "tradingview": f"{product.tradingview}:{self.root}{self.month_code}{self.year}",
            "continuous": f"{product.tradingview}:{self.root}1!",
            "tastytrade": f"/{self.name}",
            "projectx": f"CON.F.US.{product.projectx}.{two_digits}",
            "ninjatrader": f"{self.root} {self.month:02d}-{self.year % 100:02d}",
        }

    @property
    def last_trade_date(self) -> date:
        """Return the last day on which it trades."""
        return _last_trade(self)[0]

    @property
    def expires_at(self) -> int:
        """Return the instant at which its trading ends, ns UTC."""
        return chicago(*_last_trade(self))

    def roll_date(self, roll: RollDay = RollDay.MONDAY) -> date:
        """Return the trade date from which the next liquid contract is the front one."""
        return _roll_date(self, roll)


# ---- names ----

_ROOTS: Final = "|".join(sorted(INSTRUMENTS, key=len, reverse=True))
_PROJECTX: Final = {product.projectx: root for root, product in INSTRUMENTS.items()}
_SPELLINGS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?P<root>{_ROOTS})(?P<month>[{MONTH_CODES}])(?P<year>\d{{4}}|\d{{1,2}})",
        rf"(?P<root>{_ROOTS})(?:1!)?",
        rf"(?P<root>{_ROOTS}) (?P<number>\d\d)-(?P<year>\d\d)",
        rf"CON\.F\.US\.(?P<vendor>[A-Z0-9]+)\.(?P<month>[{MONTH_CODES}])(?P<year>\d\d)",
        r"F\.US\.(?P<vendor>[A-Z0-9]+)",
    )
)


def root_of(symbol: str) -> str:
    """Return the root of the instrument that any spelling names.

    Raises:  UnknownSymbol
    """
    return parts_of(symbol)[0]


def parse(symbol: str, at: int) -> Contract:
    """Return the dated contract that a spelling names at an instant: NQZ6, NQZ26, CME_MINI:NQ1!, /NQZ6, NQ ...

    A root or a continuous symbol is the front contract. A one-digit year is the first whose expiry is not
    before `at`: give the first instant of the data, or now.

    Raises:  UnknownSymbol
    """
    root, month, year = parts_of(symbol)
    if month is None:
        return front(root, at)
    if len(year) != 1:
        return Contract(root, int(year) if len(year) == 4 else 2000 + int(year), month)
    this_year = _year(at)
    for candidate in range(this_year - 1, this_year + 11):
        contract = Contract(root, candidate, month)
        if candidate % 10 == int(year) and contract.expires_at >= at:
            return contract
    raise UnknownSymbol(symbol)


def is_continuous(symbol: str) -> bool:
    """Return whether a spelling means whatever contract is the front one.

    Raises:  UnknownSymbol
    """
    return parts_of(symbol)[1] is None


def contract_of_file(name: str) -> str | None:
    """Return the contract or root that a file's name begins with, up to the first "_"; None if it names none.

    Source: interfaces, 2. NQH0_2019-12-16_trades.csv.gz is NQH0, MNQ_1m.csv is MNQ.
    """
    head = PurePath(name).name.split("_", 1)[0].split(".", 1)[0].upper()
    try:
        root, month, year = parts_of(head)
    except UnknownSymbol:
        return None
    return root if month is None else f"{root}{MONTH_CODES[month - 1]}{year}"


@lru_cache(maxsize=512)
def parts_of(symbol: str) -> tuple[str, int | None, str]:
    """Return root, month (None: whatever is in front) and the digits of the year as they are written.

    Raises:  UnknownSymbol
    """
    plain = symbol.strip().upper().removeprefix("/")
    exchange, colon, rest = plain.partition(":")
    if colon:  # CME_MINI:NQ1! or the streamer's NQZ26:XCME
        plain = exchange if rest.startswith("X") and rest.isalpha() else rest
    for spelling in _SPELLINGS:
        match = spelling.fullmatch(plain)
        if match is None:
            continue
        found = match.groupdict()
        root = found.get("root") or _PROJECTX.get(found.get("vendor") or "")
        if root is None:
            break
        code = found.get("month")
        number = MONTH_CODES.index(code) + 1 if code else int(found.get("number") or 0)
        if not number:
            return root, None, ""
        listed = INSTRUMENTS[root].months
        if number > 12 or MONTH_CODES[number - 1] not in listed:
            raise UnknownSymbol(symbol, f"{root} is listed for {', '.join(listed)}")
        return root, number, found["year"] or ""
    raise UnknownSymbol(symbol)


# ---- which contract is the front one ----


def front(root: str, at: int, roll: RollDay = RollDay.MONDAY) -> Contract:
    """Return the liquid contract of an instrument at an instant; it changes at 18:00 New York.

    Raises:  UnknownSymbol
    """
    if root not in INSTRUMENTS:
        raise UnknownSymbol(root)
    return _front(root, trade_date(at), roll)


@lru_cache(maxsize=4096)
def _front(root: str, day: date, roll: RollDay) -> Contract:
    return next(contract for contract in _liquid(root, day) if day < contract.roll_date(roll))


def _liquid(root: str, day: date) -> Iterator[Contract]:
    """Yield the liquid contracts of an instrument from this month on."""
    months = INSTRUMENTS[root].liquid_months
    for ordinal in range(day.year * 12 + day.month - 1, day.year * 12 + day.month + 15):
        year, month = divmod(ordinal, 12)
        if MONTH_CODES[month] in months:
            yield Contract(root, year, month + 1)


_ROLL_BUSINESS_DAYS: Final = {METALS: 4, BONDS: 4, GRAINS: 5}  # before first notice
_ROLL_BEFORE_LAST_TRADE: Final = 3  # business days, energy


@lru_cache(maxsize=1024)
def _roll_date(contract: Contract, roll: RollDay) -> date:
    group = contract.instrument.group
    if group == EQUITY:
        friday = weekday_of_month(contract.year, contract.month, _FRIDAY, 3)
        return friday - timedelta(days=4 if roll is RollDay.MONDAY else 8)
    if group == ENERGY:
        return business_day(contract.last_trade_date, -_ROLL_BEFORE_LAST_TRADE)
    if group == FX:  # Monday of the week before
        last = contract.last_trade_date
        return last - timedelta(days=7 + last.weekday())
    return business_day(_first_notice(contract), -_ROLL_BUSINESS_DAYS[group])


# ---- the last day ----


@lru_cache(maxsize=1024)
def _last_trade(contract: Contract) -> tuple[date, int]:
    """Return the last day of trading and the minute of the Chicago day at which it ends."""
    year, month = contract.year, contract.month
    match contract.instrument.group:
        case g if g == EQUITY:
            friday = weekday_of_month(year, month, _FRIDAY, 3)
            return friday if is_business_day(friday) else business_day(friday, -1), 8 * 60 + 30
        case g if g == METALS:
            return _last_business_day(year, month, 3), 12 * 60 + 30
        case g if g == ENERGY:
            return _energy_end(contract), 13 * 60 + 30
        case g if g == BONDS:
            return business_day(_last_business_day(year, month), -7), 12 * 60 + 1
        case g if g == GRAINS:
            return business_day(date(year, month, 15), -1), 12 * 60 + 1
        case _:
            return business_day(weekday_of_month(year, month, _WEDNESDAY, 3), -2), 9 * 60 + 16


def _energy_end(contract: Contract) -> date:
    before = date(contract.year, contract.month, 1) - _ONE_DAY
    if contract.root == "NG":
        return _last_business_day(before.year, before.month, 3)
    the_25th = date(before.year, before.month, 25)
    crude = business_day(the_25th, -3 if is_business_day(the_25th) else -4)
    return business_day(crude, -1) if contract.root == "MCL" else crude


def _first_notice(contract: Contract) -> date:
    before = date(contract.year, contract.month, 1) - _ONE_DAY
    return _last_business_day(before.year, before.month)


def _last_business_day(year: int, month: int, which: int = 1) -> date:
    """Return the last (1), second last (2) ... business day of a month."""
    return business_day(last_of_month(year, month) + _ONE_DAY, -which)


def _year(at: int) -> int:
    return datetime.fromtimestamp(at // SECOND, UTC).year
