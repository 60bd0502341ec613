"""One contract on its way to the queue: catching up over pages of history, then live, never a tick twice."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from apps.brokers.domain.ports import Cursor, QueuePut, TicksArrived
from apps.brokers.tradovate.charts import BarSeries, Run, TickTape
from apps.brokers.tradovate.frames import ChartPacket
from apps.brokers.tradovate.market_data import (
    TICKS,
    Kind,
    MarketData,
    SubscriptionRefused,
    bars,
)
from apps.brokers.tradovate.quotes import QuoteBook
from apps.brokers.tradovate.rest import Unreachable
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import MINUTE, SECOND, iso
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.messages import CandleRecorded, GapOpened

log = logging.getLogger(__name__)

BATCH = 2_000  # missed ticks on the queue at a time
PAGES = 500  # of history, at most
HISTORY_SECONDS = 60.0  # without a packet of it, history is not coming any more
QUIET_SECONDS = 30.0  # without a tick, in open hours: is the market quiet or the stream dead?
QUIET_MOST = 600.0
GAP = 5 * SECOND  # a shorter hole only makes its batch incomplete


class _Page:
    """One stretch of history that was asked for beside the open chart."""

    def __init__(self, time_range: Mapping[str, Any], take: Callable[[ChartPacket], None]) -> None:
        self._range = time_range
        self._take = take
        self.ended = asyncio.Event()

    def time_range(self) -> Mapping[str, Any]:
        """Return what to ask for."""
        return self._range

    def heard(self, packet: ChartPacket, *, historical: bool) -> None:
        """Take history; what happens now comes over the open chart."""
        if historical:
            self._take(packet)
            if packet.ends_history:
                self.ended.set()


class Follower:
    """Follows one contract over any number of sockets."""

    def __init__(
        self,
        contract: str,
        tick_size: Decimal,
        *,
        cursor: Cursor | None,
        oldest_at: int | None,
        put: QueuePut,
        is_open: Callable[[str, int], bool],
        wall: WallClock,
        dropped: Counter[str],
    ) -> None:
        self.contract = contract
        self._heard_at = wall.elapsed()
        self._patience = QUIET_SECONDS
        self._tape = TickTape(tick_size, cursor, oldest_at)
        self._quote = QuoteBook(contract, tick_size)
        self._put = put
        self._is_open = is_open
        self._wall = wall
        self._dropped = dropped
        self._history_ended = asyncio.Event()

    async def join(self, data: MarketData) -> None:
        """Enter the subscription book; where a socket is open, ask for the contract at once.

        Raises:  SubscriptionRefused  the server does not have it, or not for us
        """
        await data.subscribe(Kind.QUOTE, self.contract, self._quoted)
        await data.open_chart(self.contract, TICKS, self)

    async def leave(self, data: MarketData) -> None:
        """Leave the subscription book."""
        await data.close_chart(self.contract, TICKS, self)
        await data.unsubscribe(Kind.QUOTE, self.contract, self._quoted)

    def time_range(self) -> Mapping[str, Any]:
        """Return the history to ask for; from here on what comes is collected until `catch_up` is through."""
        self._tape.begin()
        self._history_ended.clear()
        return self._tape.time_range()

    def heard(self, packet: ChartPacket, *, historical: bool) -> None:
        """Take a packet of the open chart."""
        if packet.ticks:
            self._heard_at = self._wall.elapsed()
            self._patience = QUIET_SECONDS
        if self._tape.catching_up:
            self._tape.collect(packet, historical=historical)
        elif packet.ticks:
            self._tell(self._tape.live(packet), live=True)
        if historical and packet.ends_history:
            self._history_ended.set()

    async def catch_up(self, data: MarketData) -> None:
        """Put what was missed on the queue, oldest first, and go live.

        Raises:  Unreachable  the history does not come; the next socket tries again
        """
        await self._until(self._history_ended)
        for _ in range(PAGES):
            older = self._tape.older_range()
            if older is None:
                break
            before = self._tape.oldest_id
            await self._read(
                data, older, lambda packet: self._tape.collect(packet, historical=True)
            )
            if self._tape.oldest_id == before:
                break  # the server has no more
        hole = self._tape.hole()
        candles = await self._candles(data, *hole) if hole is not None else []
        self._tell(self._tape.finish(), live=False, instead=candles)

    @property
    def is_behind(self) -> bool:
        """Return whether ticks that were missed are still to come."""
        return self._tape.catching_up

    @property
    def is_quiet(self) -> bool:
        """Return whether no tick has come for so long that `is_dead` should be asked."""
        return self._wall.elapsed() - self._heard_at > self._patience

    async def is_dead(self, data: MarketData) -> bool:
        """Return whether the server has ticks that never came: the stream is dead, not the market quiet.

        The longer it stays quiet, the less often this is worth asking.
        """
        self._patience = min(self._patience * 2, QUIET_MOST)
        newest = self._tape.cursor.id if self._tape.cursor else -1
        ids: list[int] = []
        await self._read(
            data,
            {"asMuchAsElements": 1},
            lambda packet: ids.extend(tick.id for tick in packet.ticks),
        )
        cursor = self._tape.cursor.id if self._tape.cursor else -1
        return cursor == newest and max(ids, default=-1) > newest

    def forget_repeats(self) -> None:
        """Add the ticks that came twice, or off the grid, to the count of what was dropped."""
        self._dropped.update(self._tape.dropped)
        self._tape.dropped.clear()

    async def _read(
        self, data: MarketData, time_range: Mapping[str, Any], take: Callable[[ChartPacket], None]
    ) -> None:
        page = _Page(time_range, take)
        done = await data.page(self.contract, TICKS, page)
        try:
            await self._until(page.ended)
        finally:
            await done()

    async def _until(self, event: asyncio.Event) -> None:
        async def happened() -> None:
            await event.wait()

        try:
            await self._wall.within(HISTORY_SECONDS, happened())
        except TimeoutError:
            raise Unreachable(f"{self.contract}: no end of history") from None

    async def _candles(self, data: MarketData, since: int, until: int) -> list[Candle]:
        """Return the whole minutes of a stretch whose ticks can't be had, as far as the server has them.

        Source: methodology, 14, "Outage": the candles of that time are used. The minutes at its two ends are known in
        part by their ticks and stay flagged as incomplete.
        """
        first, end = since - since % MINUTE + MINUTE, until - until % MINUTE
        if end <= first:
            return []
        series = BarSeries({"asFarAsTimestamp": iso(first), "closestTimestamp": iso(until)})
        page = _Page(series.time_range(), lambda packet: series.heard(packet, historical=True))
        try:
            done = await data.page(self.contract, bars(1), page)
            try:
                await self._until(page.ended)
            finally:
                await done()
        except (Unreachable, SubscriptionRefused) as problem:
            log.warning("tradovate.candles contract=%s missing=%s", self.contract, problem)
            return []
        return [
            self._tape.candle(bar)
            for bar in series.bars
            if first <= bar.at and bar.at + MINUTE <= end
        ]

    def _tell(self, run: Run, *, live: bool, instead: Sequence[Candle] = ()) -> None:
        if run.gap is not None:
            since, until = run.gap
            traded = self._is_open(self.contract, since) or self._is_open(self.contract, until)
            if traded and until - since > GAP:
                self._put(GapOpened(self.contract, since, until))
                for candle in instead:
                    self._put(CandleRecorded(self.contract, 60, candle))
        for start in range(0, len(run.ticks), BATCH):
            batch = tuple(run.ticks[start : start + BATCH])
            complete = run.gap is None or start > 0
            self._put(TicksArrived(self.contract, batch, live, complete))

    def _quoted(self, row: Raw) -> None:
        try:
            arrived = self._quote.merge(row)
        except (msgspec.DecodeError, ValueError):
            self._dropped["quote of wrong shape"] += 1
            return
        self._put(arrived)
