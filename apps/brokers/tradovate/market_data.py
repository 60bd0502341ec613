"""Who wants which market data, and the one subscription that serves all of them.

The book outlives the socket: after a reconnect everything in it is asked for again. Tradovate allows one
subscription of each type and contract per socket, and its data name contracts by number only.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import msgspec
from msgspec import Raw, Struct

from apps.brokers.tradovate.frames import ChartPacket, Event
from apps.brokers.tradovate.rest import Refused
from apps.brokers.tradovate.socket import Connection

log = logging.getLogger(__name__)

Symbol = str | int
UNCLAIMED_PACKETS = 256


class Kind(Enum):
    """What can be subscribed: the request's name, and the key of its rows in `md` events."""

    QUOTE = ("Quote", "quotes")
    DOM = ("DOM", "doms")
    HISTOGRAM = ("Histogram", "histograms")


class SubscriptionRefused(Refused):
    """An unknown symbol or no permission; it arrives with status 200."""


class ChartUser(Protocol):
    """Who draws, or follows, a chart."""

    def time_range(self) -> Mapping[str, Any]:
        """Return how much history to ask for, each time the chart is opened."""

    def heard(self, packet: ChartPacket, *, historical: bool) -> None:
        """Take a packet. The one that `ends_history` is historical and comes once per opening."""


TICKS: Mapping[str, Any] = {
    "underlyingType": "Tick",
    "elementSize": 1,
    "elementSizeUnit": "UnderlyingUnits",
    "withHistogram": False,
}


def bars(minutes: int) -> Mapping[str, Any]:
    """Return the description of a chart of so many minutes a bar."""
    return {**TICKS, "underlyingType": "MinuteBar", "elementSize": minutes}


Row = Mapping[str, Any]
Consumer = Callable[[Raw], None]


class _Subscribed(Struct, rename="camel"):
    mode: str = ""
    historical_id: int = 0
    realtime_id: int = 0
    subscription_id: int = 0


class _RowHead(Struct, rename="camel"):
    contract_id: int


@dataclass(slots=True, eq=False)
class _Chart:
    symbol: Symbol
    description: Mapping[str, Any]
    users: list[ChartUser] = field(default_factory=list)
    historical: int = 0
    realtime: int = 0


class MarketData:
    """The subscription book of one market data line."""

    def __init__(self, contract_id: Callable[[str], Awaitable[int]], dropped: Counter[str]) -> None:
        self._contract_id = contract_id
        self._dropped = dropped
        self._connection: Connection | None = None
        self._consumers: dict[tuple[Kind, Symbol], list[Consumer]] = {}
        self._by_number: dict[tuple[Kind, int], tuple[Kind, Symbol]] = {}
        self._charts: dict[tuple[str, Symbol], _Chart] = {}
        self._by_chart: dict[int, _Chart] = {}
        self._opening = 0
        self._unclaimed: list[ChartPacket] = []

    async def attach(self, connection: Connection) -> dict[Symbol, str]:
        """Take a new socket and ask it for everything in the book; return what it refuses, and why.

        What is refused stays in the book: an expired contract must not take the others with it, and a
        permission may be given until the next socket.
        """
        self._connection = connection
        self._by_chart.clear()
        self._unclaimed.clear()
        refused: dict[Symbol, str] = {}
        for kind, symbol in list(self._consumers):
            try:
                await self._subscribe(connection, kind, symbol)
            except Refused as refusal:
                refused[symbol] = str(refusal)
        for chart in list(self._charts.values()):
            try:
                await self._open(connection, chart)
            except Refused as refusal:
                refused[chart.symbol] = str(refusal)
        return refused

    async def release(self) -> None:
        """Give everything back to the server; the book itself stays."""
        if self._connection is None:
            return
        for kind, symbol in self._consumers:
            await self._unsubscribe(self._connection, kind, symbol)
        for chart in self._charts.values():
            await self._cancel(self._connection, chart)

    async def subscribe(self, kind: Kind, symbol: Symbol, consumer: Consumer) -> None:
        """Let a consumer have a contract's data; only the first one costs a request.

        Raises:  SubscriptionRefused  an unknown symbol, or no permission; the book stays as it was
        """
        key = kind, symbol
        first = key not in self._consumers
        self._consumers.setdefault(key, []).append(consumer)
        if first and self._connection is not None and self._connection.is_open:
            try:
                await self._subscribe(self._connection, kind, symbol)
            except Refused:
                del self._consumers[key]
                raise

    async def unsubscribe(self, kind: Kind, symbol: Symbol, consumer: Consumer) -> None:
        """Take a consumer out; with the last one the data stop."""
        consumers = self._consumers.get((kind, symbol), [])
        if consumer in consumers:
            consumers.remove(consumer)
        if consumers or self._consumers.pop((kind, symbol), None) is None:
            return
        if self._connection is not None and self._connection.is_open:
            await self._unsubscribe(self._connection, kind, symbol)

    async def open_chart(
        self, symbol: Symbol, description: Mapping[str, Any], user: ChartUser
    ) -> None:
        """Let a user follow a chart; who joins an open one hears from now on.

        Raises:  SubscriptionRefused  an unknown symbol, or no permission; the book stays as it was
        """
        key = repr(sorted(description.items())), symbol
        chart = self._charts.get(key)
        if chart is not None:
            chart.users.append(user)
            return
        chart = self._charts[key] = _Chart(symbol, description, [user])
        if self._connection is not None and self._connection.is_open:
            try:
                await self._open(self._connection, chart)
            except Refused:
                del self._charts[key]
                raise

    async def close_chart(
        self, symbol: Symbol, description: Mapping[str, Any], user: ChartUser
    ) -> None:
        """Take a user out; with the last one the chart is cancelled."""
        key = repr(sorted(description.items())), symbol
        chart = self._charts.get(key)
        if chart is None:
            return
        if user in chart.users:
            chart.users.remove(user)
        if not chart.users:
            del self._charts[key]
            if self._connection is not None and self._connection.is_open:
                await self._cancel(self._connection, chart)

    async def page(
        self, symbol: Symbol, description: Mapping[str, Any], user: ChartUser
    ) -> Callable[[], Awaitable[None]]:
        """Ask once for a stretch of history, beside the chart that is open; return what ends the asking."""
        assert self._connection is not None
        connection, chart = self._connection, _Chart(symbol, description, [user])
        await self._open(connection, chart)

        async def done() -> None:
            if connection.is_open:
                await self._cancel(connection, chart)

        return done

    def heard(self, message: Event | ChartPacket) -> None:
        """Hand a chart packet or the rows of an `md` event to whom they are for."""
        if isinstance(message, ChartPacket):
            chart = self._by_chart.get(message.chart)
            if chart is not None:
                self._deliver(chart, message)
            elif self._opening and len(self._unclaimed) < UNCLAIMED_PACKETS:
                self._unclaimed.append(message)  # it has overtaken the answer that names its chart
        elif message.name == "md":
            self._take_rows(message.data)

    def _take_rows(self, data: Raw) -> None:
        try:
            families = msgspec.json.decode(data, type=dict[str, list[Raw]])
        except msgspec.DecodeError:
            self._dropped["md event of wrong shape"] += 1
            return
        for kind in Kind:
            for row in families.get(kind.value[1], ()):
                try:
                    number = msgspec.json.decode(row, type=_RowHead).contract_id
                except msgspec.DecodeError:
                    self._dropped[f"{kind.value[0]} without contract"] += 1
                    continue
                key = self._by_number.get((kind, number))
                # after an unsubscribe a row may still be under way
                for consumer in list(self._consumers.get(key, ())) if key else ():
                    consumer(row)

    async def _subscribe(self, connection: Connection, kind: Kind, symbol: Symbol) -> None:
        if isinstance(symbol, str):
            self._by_number[kind, await self._contract_id(symbol)] = kind, symbol
        else:
            self._by_number[kind, symbol] = kind, symbol
        await _asked(connection, f"md/subscribe{kind.value[0]}", {"symbol": symbol})

    async def _unsubscribe(self, connection: Connection, kind: Kind, symbol: Symbol) -> None:
        await connection.request(f"md/unsubscribe{kind.value[0]}", body={"symbol": symbol})

    async def _open(self, connection: Connection, chart: _Chart) -> None:
        body = {
            "symbol": chart.symbol,
            "chartDescription": chart.description,
            "timeRange": chart.users[0].time_range(),
        }
        self._opening += 1
        try:
            answer = await _asked(connection, "md/getChart", body)
        finally:
            self._opening -= 1
        chart.historical = answer.historical_id
        chart.realtime = answer.realtime_id or answer.subscription_id
        self._by_chart[chart.historical] = self._by_chart[chart.realtime] = chart
        early, self._unclaimed = self._unclaimed, []
        for packet in early:
            self.heard(packet)

    async def _cancel(self, connection: Connection, chart: _Chart) -> None:
        self._by_chart.pop(chart.historical, None)
        self._by_chart.pop(chart.realtime, None)
        if chart.realtime:
            await connection.request("md/cancelChart", body={"subscriptionId": chart.realtime})

    def _deliver(self, chart: _Chart, packet: ChartPacket) -> None:
        for user in list(chart.users):
            user.heard(packet, historical=packet.chart == chart.historical)


async def _asked(connection: Connection, endpoint: str, body: Mapping[str, Any]) -> _Subscribed:
    try:
        data = await connection.request(endpoint, body=body)
    except Refused as refused:
        raise SubscriptionRefused(f"{body['symbol']}: {refused}") from None
    try:
        answer = msgspec.json.decode(data, type=_Subscribed)
    except msgspec.DecodeError:
        raise SubscriptionRefused(f"{body['symbol']}: unreadable answer") from None
    if answer.mode == "None":
        raise SubscriptionRefused(f"{body['symbol']}: no data")
    return answer
