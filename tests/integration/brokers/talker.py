"""A bare client for the simulator: frames as they are, no help from ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from apps.brokers.tradovate.simulator.market import GeneratedMarket, Market
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.brokers.tradovate.simulator.socket import Timing
from apps.bus.domain.message import SECOND

START = 1_795_181_400 * SECOND  # Friday 2026-11-20, 08:30 New York
TICKS = {"underlyingType": "Tick", "elementSize": 1, "elementSizeUnit": "UnderlyingUnits"}
ACCOUNT = 1001


class HandWall:
    """A wall clock that moves when a test says so. Units: seconds"""

    def __init__(self) -> None:
        self.at = 1_795_255_200.0

    def __call__(self) -> float:
        return self.at


@asynccontextmanager
async def simulator(market: Market | None = None, **plan: Any) -> AsyncIterator[Simulator]:
    """Run a simulator whose market moves only by `move`, and whose heartbeats stay out of the way."""
    plan = {"speed": 0.0, "timing": Timing(heartbeat=30.0, silence=30.0)} | plan
    sim = Simulator(market or GeneratedMarket(7, START, ("NQ", "ES")), Plan(**plan))
    await sim.start()
    try:
        yield sim
    finally:
        await sim.stop()


async def soon(found: Callable[[], Any]) -> None:
    """Let everybody work until something is found."""
    async with asyncio.timeout(50):
        while not found():
            await asyncio.sleep(0.005)


class Talker:
    """One socket, frame by frame. Events that come between are kept in `heard`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self._number = 0

    async def frame(self) -> str:
        """Return the next frame as it came."""
        return str(await asyncio.wait_for(self.socket.recv(), 50))

    async def hear(self) -> None:
        """Take the next frame in."""
        frame = await self.frame()
        if frame.startswith("a"):
            for message in json.loads(frame[1:]):
                (self.answers if "i" in message else self.heard).append(message)

    async def send(self, path: str, body: Any = None, query: str = "") -> int:
        """Send a request and return its number."""
        self._number += 1
        text = "" if body is None else json.dumps(body)
        await self.socket.send(f"{path}\n{self._number}\n{query}\n{text}")
        return self._number

    async def answer(self, number: int) -> dict[str, Any]:
        """Return the answer with this number."""
        while not any(answer["i"] == number for answer in self.answers):
            await self.hear()
        return next(answer for answer in self.answers if answer["i"] == number)

    async def ask(self, path: str, body: Any = None, query: str = "") -> Any:
        """Return what a request is told, its `d`."""
        return (await self.answer(await self.send(path, body, query))).get("d")

    async def until(self, found: Callable[[], Any]) -> None:
        """Take frames in until something is found among them."""
        while not found():
            await self.hear()

    def events(self, name: str) -> list[Any]:
        """Return what the events of one name have told so far."""
        return [event["d"] for event in self.heard if event["e"] == name]

    def rows(self, entity: str) -> list[dict[str, Any]]:
        """Return the rows of one entity in the order they were pushed."""
        told = [event for event in self.events("props") if event["entityType"] == entity]
        return [event["entity"] for event in told]

    def charts(self, chart_id: int) -> list[dict[str, Any]]:
        """Return the packets of one chart so far."""
        packets = [packet for told in self.events("chart") for packet in told["charts"]]
        return [packet for packet in packets if packet["id"] == chart_id]

    def ids(self, chart_id: int) -> list[int]:
        """Return the tick ids of one chart so far, in the order they came."""
        return [tick["id"] for packet in self.charts(chart_id) for tick in packet.get("tks", ())]

    async def clock(self, time: str) -> None:
        """Take frames in until the market's time is this one, such as 13:40:00."""
        await self.until(lambda: any(f"T{time}.000Z" in told for told in self.events("clock")))

    async def chart(self, **asked: Any) -> tuple[int, int]:
        """Open a chart, wait for the end of its history, return its historical and realtime ids."""
        told = await self.ask(
            "md/getChart", {"symbol": "NQZ6", "chartDescription": TICKS, "timeRange": {}} | asked
        )
        historical = told["historicalId"]
        await self.until(lambda: any("eoh" in packet for packet in self.charts(historical)))
        return historical, told["realtimeId"]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.socket.close()


async def log_in(sim: Simulator, **given: Any) -> dict[str, Any]:
    """Return what a token request is told."""
    asked = {"name": "demo", "password": "demo"} | given
    return dict((await call(sim, "auth/accesstokenrequest", asked)).json())


async def call(
    sim: Simulator, path: str, body: Any = None, token: str = "", **more: Any
) -> httpx.Response:
    """Call over REST: POST with a body, GET without."""
    headers = more.pop("headers", {"Authorization": f"Bearer {token}"} if token else {})
    async with httpx.AsyncClient(trust_env=False, timeout=50) as http:
        method = more.pop("method", "GET" if body is None else "POST")
        return await http.request(method, f"{sim.url}/{path}", json=body, headers=headers, **more)


async def dial(sim: Simulator, **more: Any) -> Talker:
    """Open a socket and take its "o"."""
    talker = Talker(await websockets.connect(sim.socket_url, proxy=None, **more))
    assert await talker.frame() == "o"
    return talker


async def connect(sim: Simulator, token: str = "") -> Talker:
    """Open a socket and log in on it."""
    talker = await dial(sim)
    token = token or (await log_in(sim))["accessToken"]
    await talker.socket.send(f"authorize\n0\n\n{token}")
    assert await talker.frame() == 'a[{"s":200,"i":0}]'
    return talker
