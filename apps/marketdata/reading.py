"""Ticks and candles out of data files. No database: replays and imports both read with these.

Fast because a day repeats itself: every text of a price, size or quote is understood once and then looked up.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from apps.bus.domain.message import SECOND
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.contract import (
    MONTH_CODES,
    UnknownSymbol,
    contract_of_file,
    parts_of,
)
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.session import frame_start
from apps.marketdata.domain.tick import Tick
from apps.marketdata.tables import BadData, Table, Watch, opened
from apps.marketdata.values import (
    MOST_SIZE,
    MOST_VOLUME,
    Known,
    Wrong,
    any_time,
    count_of,
    iso_seconds,
    nanoseconds,
    ninjatrader_time,
    price_of,
    quote_of,
)

__all__ = ["NINJATRADER", "BadData", "contract_in_file", "read_candle_file", "read_tick_file"]

ORDINALS: Final = (
    1 << 19
)  # ticks of one millisecond that are told apart; above them lie the late ones
NINJATRADER: Final = "ninjatrader"  # its text export: no header, ";", candles named by their end
TICK_FIELDS: Final = (
    "ts_ns", "ts_utc", "time", "price", "size", "bid", "ask", "bid_size", "ask_size",
)  # fmt: skip
CANDLE_FIELDS: Final = (
    "ts_ns",
    "ts_utc",
    "time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "trades",
)
CONTRACT_FIELDS: Final = ("symbol", "contract", "expiry")
_MILLI: Final = 1_000_000

Rows = Iterator[tuple[int, Sequence[Any]]]
Identity = tuple[str, int | None, str]


def read_tick_file(
    path: str | Path,
    instrument: Instrument,
    columns: Mapping[str, str] | None = None,
    *,
    symbol: str | None = None,
    layout: str | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[int, Tick]]:
    """Yield the ticks of a file in its order, each with its row.

    Columns: `ts_ns`, `ts_utc` or `time`, `price`, `size`; `bid`, `ask`, `bid_size`, `ask_size` may be there.
    `columns` renames: {"time": "ts", "price": "last"}. Where the file names contracts, only those of `symbol`
    (without one: of the instrument) are read. Ids grow with the rows; a row whose millisecond went back gets an
    id below the last one, as a late tick has.

    Raises:  BadData  while reading
    """
    path = Path(path)
    wanted = symbol or instrument.root
    kept = _kept_contracts(path, wanted, columns, layout)
    header = ("time", "price", "bid", "ask", "size") if layout == NINJATRADER else ()
    with opened(path, header=header, separator=";" if header else "", watch=watch) as table:
        source = _Source(path, table, columns or {}, TICK_FIELDS)
        clock, when = source.clock(layout)
        price_at, size_at = source.need("price"), source.need("size")
        quote_at = [source.find(name) for name in ("bid", "bid_size", "ask", "ask_size")]
        prices = Known(partial(price_of, "price", instrument))
        sizes = Known(lambda value: count_of("size", value, 1, MOST_SIZE))
        quotes = Known(lambda values: quote_of(values, instrument))
        quoted = quote_at[0] is not None or quote_at[2] is not None
        at, shown, quote = 0, None, None
        latest, ordinal, late = -1, 0, 0
        for number, row in source.rows(kept):
            try:
                if row[clock] != shown:
                    at, shown = when(row[clock]), row[clock]
                price, size = prices[row[price_at]], sizes[row[size_at]]
                if quoted:
                    quote = quotes[tuple([None if at is None else row[at] for at in quote_at])]
            except Wrong as wrong:
                raise wrong.at(path, number) from None
            milli = at // _MILLI
            if milli > latest:
                latest, ordinal, place = milli, 0, 0
            elif milli == latest:
                ordinal = place = ordinal + 1
            else:
                late += 1
                place = ORDINALS + late
            if ordinal >= ORDINALS or late >= ORDINALS:
                problem = f"more than {ORDINALS - 1:,} rows are out of order or share a millisecond"
                raise BadData(path, number, "time", problem, "Sort the file by time.")
            yield number, Tick(at, price, size, milli << 20 | place, quote)


def read_candle_file(
    path: str | Path,
    instrument: Instrument,
    columns: Mapping[str, str] | None = None,
    *,
    seconds: int = 60,
    symbol: str | None = None,
    layout: str | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[int, Candle]]:
    """Yield the candles of a file, each with its row; their times are open times and grow.

    Columns: `ts_utc`, `ts_ns` or `time`, `open`, `high`, `low`, `close`; `volume` and `trades` may be there.
    The rest as in `read_tick_file`.

    Raises:  BadData  while reading
    """
    path = Path(path)
    wanted = symbol or instrument.root
    kept = _kept_contracts(path, wanted, columns, layout)
    header = ("time", "open", "high", "low", "close", "volume") if layout == NINJATRADER else ()
    with opened(path, header=header, separator=";" if header else "", watch=watch) as table:
        source = _Source(path, table, columns or {}, CANDLE_FIELDS)
        clock, when = source.clock(layout)
        shift = seconds * SECOND if layout == NINJATRADER else 0
        prices = [
            (source.need(name), Known(partial(price_of, name, instrument)))
            for name in ("open", "high", "low", "close")
        ]
        counted = [(name, source.find(name)) for name in ("volume", "trades")]
        counts = Known(lambda pair: count_of(pair[0], pair[1], 0, MOST_VOLUME))
        last = 0
        for number, row in source.rows(kept):
            try:
                at = when(row[clock]) - shift
                if frame_start(at, seconds) != at:
                    cure = f"Give the open time of each {seconds} s candle."
                    raise Wrong("time", f"{row[clock]} begins no candle of {seconds} s", cure)
                if at <= last:
                    raise Wrong(
                        "time", f"{row[clock]} is not after the row before", "Sort the file."
                    )
                begin, high, low, close = [known[row[place]] for place, known in prices]
                if not low <= min(begin, close) <= max(begin, close) <= high:
                    cure = "Take the row out or correct it."
                    raise Wrong("high, low", "open or close is outside high and low", cure)
                volume, trades = (
                    0 if place is None else counts[name, row[place]] for name, place in counted
                )
            except Wrong as wrong:
                raise wrong.at(path, number) from None
            last = at
            yield number, Candle(at, begin, high, low, close, volume, trades)


def contract_in_file(
    path: str | Path,
    symbol: str,
    columns: Mapping[str, str] | None = None,
    layout: str | None = None,
) -> str:
    """Return the contract or root that a file holds: what its name begins with, else `symbol`.

    A root is made exact where the file has a column of contracts, or `symbol` is a contract of that root.

    Raises:  BadData  its columns name no contract, or more than one, of that symbol
             UnknownSymbol  neither the name nor `symbol` reads as one
    """
    path = Path(path)
    named = contract_of_file(path.name)
    root, month, _ = parts_of(symbol)
    if named is None or (parts_of(named)[:2] == (root, None) and month is not None):
        named = symbol
    root, month, year = parts_of(named)
    if month is None:
        kept = _kept_contracts(path, named, columns, layout)
        for root, month, year in (kept or {}).values():
            return _name((root, month, year))
        return root
    return f"{root}{MONTH_CODES[month - 1]}{year}"


# ---- columns and contracts ----


class _Source:
    """An open table whose columns are known by our names."""

    def __init__(
        self, path: Path, table: Table, renamed: Mapping[str, str], fields: Sequence[str]
    ) -> None:
        self._path, self._table, self._renamed = path, table, renamed
        for field in renamed:
            if field not in (*fields, *CONTRACT_FIELDS):
                cure = f"Map one of: {', '.join((*fields, *CONTRACT_FIELDS))}."
                raise BadData(path, 0, field, "there is no such field", cure)

    def find(self, field: str) -> int | None:
        """Return where a field is, None if the file does not have it."""
        name = self._renamed.get(field)
        if name is None:
            return self._table.columns.get(field)
        place = self._table.columns.get(name.strip().lower())
        return self._missing(name) if place is None else place

    def need(self, *fields: str) -> int:
        """Return where the first of some fields is that the file has."""
        for field in fields:
            if (place := self.find(field)) is not None:
                return place
        return self._missing(" or ".join(fields))

    def clock(self, layout: str | None) -> tuple[int, Callable[[Any], int]]:
        """Return where the time is and how it is read."""
        if layout == NINJATRADER:
            return self.need("time"), ninjatrader_time
        if (place := self.find("ts_ns")) is not None:
            return place, nanoseconds
        seconds = Known(iso_seconds)
        return self.need("ts_utc", "time"), lambda value: any_time(value, seconds)

    def contracts(self) -> list[int]:
        """Return where contracts are named."""
        return [place for field in CONTRACT_FIELDS if (place := self.find(field)) is not None]

    def rows(self, kept: Mapping[tuple[Any, ...], Identity] | None = None) -> Rows:
        """Yield the rows that are whole, blank ones left out; of `kept` contracts only if there are any named."""
        width, empty, named = self._table.width, True, self.contracts()
        for number, row in self._table.rows:
            if len(row) != width:
                if not row:
                    continue
                if len(row) < width or any(row[width:]):
                    problem = f"{len(row)} values for {width} columns"
                    raise BadData(
                        self._path, number, "", problem, "Complete the row or take it out."
                    )
            empty = False
            if kept is None or tuple([row[place] for place in named]) in kept:
                yield number, row
        if empty:
            raise BadData(
                self._path, 0, "", "there is no row of data", "Give a file with data in it."
            )

    def _missing(self, names: str) -> int:
        has = ", ".join(self._table.columns)[:200] or "none"
        cure = "Rename a column of the file to it (an import can also --map ours=theirs)."
        raise BadData(self._path, 0, names, f"this column is missing (the file has: {has})", cure)


def _kept_contracts(
    path: Path, symbol: str, columns: Mapping[str, str] | None, layout: str | None
) -> dict[tuple[Any, ...], Identity] | None:
    """Return which values of the contract columns to read, None where the file has no such column."""
    if layout == NINJATRADER:
        return None
    with opened(path) as table:
        renamed = {
            field: name for field, name in (columns or {}).items() if field in CONTRACT_FIELDS
        }
        source = _Source(path, table, renamed, ())
        places = source.contracts()
        if not places:
            return None
        wanted = parts_of(symbol)
        seen = {tuple([row[place] for place in places]) for _, row in source.rows()}
    identities = {values: _identity(values, wanted[0]) for values in seen}
    kept = {values: one for values, one in identities.items() if one and _same(one, wanted)}
    names = sorted({_name(one) for one in kept.values()})
    if len(names) > 1:
        cure = f"Name one of them with --symbol, e.g. {names[0]}."
        raise BadData(path, 0, "contract", f"more than one contract: {', '.join(names)}", cure)
    if not kept:
        has = ", ".join(sorted({" ".join(map(str, values)) for values in seen}))[:200]
        cure = "Name one of them with --symbol."
        raise BadData(path, 0, "contract", f"no row is of {symbol}; the file has: {has}", cure)
    return kept


def _identity(values: tuple[Any, ...], root: str) -> Identity | None:
    """Return the contract that some values name together, None if they name none that is known here."""
    month, year = None, ""
    for value in map(str, values):
        if re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(\d\d)?", value, re.ASCII):
            month, year = int(value[4:6]), value[:4]
            continue
        try:
            root, own_month, own_year = parts_of(value)
        except UnknownSymbol:
            return None
        if own_month is not None:
            month, year = own_month, own_year
    return root, month, year


def _same(one: Identity, wanted: Identity) -> bool:
    if one[0] != wanted[0] or wanted[1] is None:
        return one[0] == wanted[0]
    return one[1] is None or (
        one[1] == wanted[1] and (one[2].endswith(wanted[2]) or wanted[2].endswith(one[2]))
    )


def _name(one: Identity) -> str:
    root, month, year = one
    return root if month is None else f"{root}{MONTH_CODES[month - 1]}{year[-2:]}"
