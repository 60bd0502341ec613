"""A market read from a tick file: its own times, its own prices, and an end."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.contract import UnknownSymbol, front, parse, parts_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tick import Quote, Tick
from apps.marketdata.reading import BadData, contract_in_file, read_tick_file

NOTHING: Final = -(1 << 62)
PAUSE: Final = (
    30 * MINUTE
)  # longer without a trade: the market was closed, and the clock need not wait


class FileMarket:
    """One contract's ticks as a file tells them, held as plain columns so that a long file fits.

    Ticks come in the file's order. One whose time went back comes where it stands in the file, as it did on
    the day, with the lower id that says so.

    Raises:  BadData  the file cannot be used; its text is one line with the cure
    """

    def __init__(self, path: str | Path, symbol: str = "NQ") -> None:
        path = Path(path)
        try:
            named = contract_in_file(path, symbol)
            product = instrument(parts_of(named)[0])
        except UnknownSymbol as unknown:
            raise BadData(path, 0, "", str(unknown), "Name a contract with --symbols.") from None
        self._columns = tuple(array("q") for _ in range(8))
        self._due = array("q")  # when each leaves: the latest time so far
        latest = 0
        for _, tick in read_tick_file(path, product, symbol=named):
            latest = max(latest, tick.at)
            self._due.append(latest)
            quote = tick.quote or (None, None, None, None)
            for column, value in zip(self._columns, (*tick[:4], *quote), strict=True):
                column.append(NOTHING if value is None else value)
        if not self._due:
            raise BadData(path, 0, "", "it holds no tick", "Give a file with ticks.")
        self.start = self._due[0] // MINUTE * MINUTE
        self.end: int | None = self._due[-1] // MINUTE * MINUTE + MINUTE
        self._contract = parse(named, self.start).name
        self._root = product.root
        self.identity = f"file:{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}"

    def roots(self) -> tuple[str, ...]:
        """Return the one instrument it holds."""
        return (self._root,)

    def front(self, root: str, at: int) -> str:
        """Return the file's contract; of other instruments the one the calendar says."""
        return self._contract if root == self._root else front(root, at).name

    def trades(self, contract: str) -> bool:
        """Return whether it has ticks of this contract."""
        return contract == self._contract

    def ticks(self, contract: str, since: int, until: int) -> Iterator[Tick]:
        """Yield the ticks that left in `since <= at < until`, in the order of the file."""
        if contract == self._contract:
            for place in range(bisect_left(self._due, since), bisect_left(self._due, until)):
                yield self._tick(place)

    def minutes_back(self, contract: str, before: int) -> Iterator[tuple[Tick, ...]]:
        """Yield the ticks of each minute that starts before this instant, the newest minute first."""
        end = bisect_left(self._due, before) if contract == self._contract else 0
        if end < len(self._due) and self._due[end] // MINUTE * MINUTE < before:
            end = bisect_left(self._due, self._due[end] // MINUTE * MINUTE + MINUTE)
        while end:
            first = bisect_left(self._due, self._due[end - 1] // MINUTE * MINUTE)
            yield tuple(self._tick(place) for place in range(first, end))
            end = first

    def opens_at(self, at: int) -> int:
        """Return this instant, or the minute of the next trade where that is far away."""
        place = bisect_left(self._due, at)
        if place == len(self._due) or self._due[place] - at < PAUSE:
            return at
        return self._due[place] // MINUTE * MINUTE

    def settlement(self, contract: str, at: int) -> int | None:
        """Return nothing: a file of trades does not say."""
        return None

    def _tick(self, place: int) -> Tick:
        at, price, size, tick_id, *quote = (column[place] for column in self._columns)
        known = [None if value == NOTHING else value for value in quote]
        return Tick(at, price, size, tick_id, Quote(*known) if any(known) else None)
