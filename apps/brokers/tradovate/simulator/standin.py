"""TradingView's stand-in: the indicator on the simulated market's candles, and its alerts on a webhook.

At each candle close it asks the gap indicator (methodology, 15) with no filter at all: on the made-up market
that turns about every five to seven minutes. The indicator begins anew with each session, so what it says depends
on the market alone and not on when somebody was connected or restarted, and a market that has just begun, at 08:30,
soon has something to say.

It posts at least once: an alert is tried until it is answered with 2xx or 4xx, and the cursor of answered candle
closes is kept with the market's position. The alert's `id` names candle and direction, so that a desk knows a
repeat for what it is. Form: alert-payloads, A; beside it a header says the market time, which a desk on a simulated
market cannot know better.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final, NamedTuple

import aiohttp
import msgspec

from apps.brokers.tradovate.simulator.market import Market
from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.session import session_of
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.indicator import Bias, Direction

PATIENCE: Final = aiohttp.ClientTimeout(total=3.0)  # as TradingView waits
RETRY_SECONDS: Final = (0.1, 0.25, 0.5, 1.0)  # and then once a second


class Alert(NamedTuple):
    """One alert that is to be answered. Units: close: ns UTC, of the candle it belongs to"""

    close: int
    body: bytes


class Chart:
    """One contract's indicator in one session, fed candle by candle."""

    def __init__(self, contract: str, begin: int) -> None:
        self.contract = contract
        self.begin = begin
        self.fed_until = begin
        self._bias = Bias()

    def feed(self, at: int, ticks: list[Tick]) -> Direction | None:
        """Close the candle that began at this instant; return the direction the bias has turned to."""
        self.fed_until = at + MINUTE
        if not ticks:
            return None
        prices = [tick.price for tick in ticks]
        volume = sum(tick.size for tick in ticks)
        return self._bias.close(
            Candle(at, prices[0], max(prices), min(prices), prices[-1], volume, len(ticks))
        )


class StandIn:
    """The sender of alerts. `told` is the last candle close whose alerts were all answered."""

    def __init__(self, market: Market, url: str, told: int) -> None:
        self.told = told // MINUTE * MINUTE
        self.sent = 0
        self._market = market
        self._url = url
        self._asked = self.told
        self._charts: dict[str, Chart] = {}
        self._row: deque[Alert] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()
        self._posting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Return how many alerts are not answered yet."""
        return len(self._row)

    async def start(self) -> None:
        """Begin to post."""
        self._posting = asyncio.ensure_future(self._post_all())

    async def stop(self) -> None:
        """Stop; what is not answered yet is posted after the next start."""
        if self._posting is not None:
            self._posting.cancel()
            with suppress(asyncio.CancelledError):
                await self._posting

    async def on_close(self, close: int) -> None:
        """Ask the indicator about every candle up to this close, and wait until its alerts are answered."""
        for at in range(self._asked, close, MINUTE):
            roots = self._market.roots()
            for root in roots:
                if (
                    instrument(root).mini not in roots
                ):  # a micro walks its mini's path: one alert for both
                    await self._ask(root, at)
            self._asked = at + MINUTE
        if not self._row:
            self.told = max(self.told, self._asked)
        await self._none.wait()

    async def _ask(self, root: str, at: int) -> None:
        contract, begin = self._market.front(root, at), _session_begin(at)
        chart = self._charts.get(root)
        if chart is None or (chart.contract, chart.begin) != (contract, begin):
            chart = self._charts[root] = Chart(contract, begin)
        while chart.fed_until < at:
            chart.feed(chart.fed_until, self._ticks(contract, chart.fed_until))
            if chart.fed_until % (20 * MINUTE) == 0:
                await asyncio.sleep(0)  # a long warm-up must not hold up the sockets
        ticks = self._ticks(contract, at)
        turned = chart.feed(at, ticks)
        if turned is not None:
            self._row.append(Alert(at + MINUTE, _alert(root, contract, at, turned, ticks[-1])))
            self._none.clear()
            self._some.set()

    def _ticks(self, contract: str, at: int) -> list[Tick]:
        return list(self._market.ticks(contract, at, at + MINUTE))

    async def _post_all(self) -> None:
        async with aiohttp.ClientSession(timeout=PATIENCE) as http:
            while True:
                await self._some.wait()
                while self._row:
                    await self._post(http, self._row[0])
                    done = self._row.popleft()
                    self.sent += 1
                    self.told = (
                        self._row[0].close - MINUTE if self._row else max(done.close, self._asked)
                    )
                self._some.clear()
                self._none.set()

    async def _post(self, http: aiohttp.ClientSession, alert: Alert) -> None:
        """Post one alert until somebody answers it."""
        waits = iter(RETRY_SECONDS)
        headers = {"Content-Type": "application/json", "X-Market-Time": str(alert.close)}
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with http.post(self._url, data=alert.body, headers=headers) as response:
                    if response.status < 500 and response.status != 429:
                        return
            await asyncio.sleep(next(waits, RETRY_SECONDS[-1]))


def _session_begin(at: int) -> int:
    """Return when the session around an instant began."""
    half_hour = at - at % (30 * MINUTE)
    while session_of(half_hour - 1) is session_of(at):
        half_hour -= 30 * MINUTE
    return half_hour


def _alert(root: str, contract: str, at: int, turned: Direction, last: Tick) -> bytes:
    milliseconds = at // 1_000_000
    return msgspec.json.encode(
        {
            "id": f"{contract}-{milliseconds}-{turned.value}",
            "signal_type": turned.value.capitalize(),
            "price": float(instrument(root).price(last.price)),
            "timestamp": milliseconds,
            "session": session_of(at).value,
            "symbol": f"{root}1!",
        }
    )
