"""The markets a simulator can stream: one made up, one read from a file. Both answer for any instant at once."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime
from math import floor
from random import Random
from typing import Final, NamedTuple, Protocol

from apps.brokers.tradovate.simulator.skeleton import (
    FAMILIES,
    Minute,
    Skeleton,
    day_start,
    trade_day,
)
from apps.bus.domain.message import HOUR, MINUTE, SECOND, to_instant
from apps.marketdata.domain.contract import MONTH_CODES, front
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.marketdata.domain.tick import Quote, Tick

NODES: Final = (
    30  # a minute's path is a bridge over so many points; mini and micro walk over the same one
)
CARRY: Final = 0.0001  # a contract costs so much of the index more for each day it has left
MILLISECOND: Final = 1_000_000


class Market(Protocol):
    """What the simulator asks of a market. Units: instants ns UTC; prices in whole ticks."""

    identity: str
    start: int
    end: int | None

    def roots(self) -> tuple[str, ...]:
        """Return the instruments it trades, the one it is mostly about first."""

    def front(self, root: str, at: int) -> str:
        """Return the name of the contract of this instrument that is traded most."""

    def trades(self, contract: str) -> bool:
        """Return whether it has ticks of this contract."""

    def ticks(self, contract: str, since: int, until: int) -> Iterator[Tick]:
        """Yield the ticks with `since <= at < until` in the order of the tape."""

    def minutes_back(self, contract: str, before: int) -> Iterator[tuple[Tick, ...]]:
        """Yield the ticks of each minute that starts before this instant, the newest minute first."""

    def opens_at(self, at: int) -> int:
        """Return this instant where the market is open, else the next one at which it is."""

    def settlement(self, contract: str, at: int) -> int | None:
        """Return the last price of the trade date before this instant's."""


class Dress(NamedTuple):
    """How an instrument trades over its family's path. Units: ticks a minute and contracts, as factors."""

    family: str
    pace: float
    size: float
    wide: float


DRESSES: Final = {
    "NQ": Dress("NQ", pace=1.0, size=0.9, wide=0.35),
    "ES": Dress("ES", pace=1.1, size=3.5, wide=0.03),
    "YM": Dress("YM", pace=0.55, size=0.8, wide=0.40),
    "RTY": Dress("RTY", pace=0.50, size=0.9, wide=0.30),
    "MNQ": Dress("NQ", pace=1.3, size=2.2, wide=0.45),
    "MES": Dress("ES", pace=0.9, size=3.0, wide=0.08),
    "MYM": Dress("YM", pace=0.35, size=1.2, wide=0.50),
    "M2K": Dress("RTY", pace=0.30, size=1.5, wide=0.45),
}


class GeneratedMarket:
    """A market that never ends, made from a seed: any minute of any contract, alone and always the same.

    Ids:   a tick's id is its minute since 1970 and its place in it, so ids grow along a contract's tape,
           stay below 2**53 (JavaScript clients keep them whole) and are even: odd ones are free for faults
    """

    end: int | None = None

    def __init__(self, seed: int, start: int, roots: tuple[str, ...] = ("NQ",)) -> None:
        self.identity = f"generated:{seed}"
        self.start = start
        self._seed = seed
        self._roots = roots
        self._skeleton = Skeleton(seed)
        self._minutes: dict[tuple[str, int], tuple[Tick, ...]] = {}

    def roots(self) -> tuple[str, ...]:
        """Return the instruments it trades, the one it is mostly about first."""
        return self._roots

    def front(self, root: str, at: int) -> str:
        """Return the name of the contract of this instrument that is traded most."""
        return front(root, at).name

    def trades(self, contract: str) -> bool:
        """Return whether it has ticks of this contract."""
        root, month, year = contract[:-2], contract[-2:-1], contract[-1:]
        return root in DRESSES and month in "HMUZ" and year.isdigit()

    def ticks(self, contract: str, since: int, until: int) -> Iterator[Tick]:
        """Yield the ticks with `since <= at < until` in the order of the tape."""
        ordinal, last = trade_day(since), trade_day(max(since, until - 1))
        while ordinal <= last:
            starts = self._skeleton.starts(ordinal)
            first, end = bisect_left(starts, since - MINUTE + 1), bisect_left(starts, until)
            for at in starts[first:end]:
                whole = since <= at and at + MINUTE <= until
                for tick in self.minute(contract, at):
                    if whole or since <= tick.at < until:
                        yield tick
            ordinal += 1

    def minutes_back(self, contract: str, before: int) -> Iterator[tuple[Tick, ...]]:
        """Yield the ticks of each minute that starts before this instant, the newest minute first."""
        ordinal = trade_day(before)
        while True:
            for at in reversed(self._skeleton.starts(ordinal)):
                if at < before:
                    yield self.minute(contract, at)
            ordinal = self._skeleton.before(ordinal)

    def opens_at(self, at: int) -> int:
        """Return this instant where the market is open, else the next one at which it is."""
        ordinal = trade_day(at)
        while True:
            starts = self._skeleton.starts(ordinal)
            place = bisect_left(starts, at - MINUTE + 1)
            if place < len(starts):
                return max(at, starts[place])
            ordinal += 1

    def settlement(self, contract: str, at: int) -> int | None:
        """Return the last price of the trade date before this instant's."""
        product, dress, carry = self._cut(contract, at)
        day = self._skeleton.before(trade_day(at))
        return round((self._skeleton.close(dress.family, day) + carry) / float(product.tick_size))

    def minute(self, contract: str, at: int) -> tuple[Tick, ...]:
        """Return the ticks of the minute that starts at this instant; none where the exchange is closed."""
        key = (contract, at)
        if key not in self._minutes:
            if len(self._minutes) > 200:
                self._minutes.clear()
            self._minutes[key] = tuple(self._make(contract, at))
        return self._minutes[key]

    def _cut(self, contract: str, at: int) -> tuple[Instrument, Dress, float]:
        """Return the product of a contract, how it trades, and what it costs more than its index."""
        product = instrument(contract[:-2])
        dress = DRESSES[product.root]
        this_year = datetime.fromtimestamp(at // SECOND, UTC).year
        year = this_year - 1 + (int(contract[-1]) - this_year + 1) % 10
        months = (year - 2026) * 12 + MONTH_CODES.index(contract[-2]) - 11
        return product, dress, FAMILIES[dress.family].anchor * CARRY * 30 * months

    def _make(self, contract: str, at: int) -> Iterator[Tick]:
        product, dress, carry = self._cut(contract, at)
        minute = self._skeleton.day(dress.family, trade_day(at)).minute(at)
        if minute is None:
            return
        step = float(product.tick_size)
        path = self._path(dress.family, minute)
        chance = Random(f"{self._seed}:{contract}:{at // MINUTE}")
        count = max(4, min(600, int(minute.pace * dress.pace)))
        times = sorted(int(chance.random() * 60_000) for _ in range(count))
        for place, ms in enumerate(times):
            node, rest = divmod(ms * NODES, 60_000)
            middle = path[node] + (path[node + 1] - path[node]) * rest / 60_000 + carry
            gap = 2 if chance.random() < dress.wide else 1
            bid = floor(middle / step - gap / 2 + 0.5)
            price = bid + gap if chance.random() < 0.5 else bid
            size = 1 + int(chance.expovariate(1 / dress.size))
            deep = 4 * dress.size
            yield Tick(
                at + ms * MILLISECOND,
                price,
                size,
                (at // MINUTE) << 14 | place << 1,
                Quote(
                    bid,
                    1 + int(chance.expovariate(1 / deep)),
                    bid + gap,
                    1 + int(chance.expovariate(1 / deep)),
                ),
            )

    def _path(self, family: str, minute: Minute) -> list[float]:
        """Return the price at each node of a minute: a random bridge from its open to the next one's."""
        chance = Random(f"{self._seed}:{family}:path:{minute.at // MINUTE}")
        wild = 0.9 * minute.noise / NODES**0.5
        walk = [0.0]
        for _ in range(NODES):
            walk.append(walk[-1] + wild * max(-3.0, min(3.0, chance.gauss(0.0, 1.0))))
        bend = (minute.closes - minute.opens - walk[-1]) / NODES
        return [minute.opens + value + bend * node for node, value in enumerate(walk)]


def default_start(wall: int) -> int:
    """Return 08:30 New York of the latest trading day that was over before this wall clock's day."""
    skeleton = Skeleton(0)
    today = datetime.fromtimestamp(wall // SECOND, UTC)
    ordinal = trade_day(to_instant(today) - 6 * HOUR)
    while True:
        ordinal -= 1
        start = day_start(ordinal) + 14 * HOUR + 30 * MINUTE
        if start in skeleton.starts(ordinal):
            return start
