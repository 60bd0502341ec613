"""The stand-in for TradingView, the waiting at a candle's close, and going on after a stop. Interfaces 1."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiohttp import web

from apps.brokers.tradovate.simulator import clock
from apps.brokers.tradovate.simulator.clock import Position, load_position, save_position
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.bus.domain.message import HOUR, MINUTE, SECOND
from tests.integration.brokers.talker import START, connect, simulator, soon


class Webhook:
    """A desk that hears alerts. `status` is how it answers; while `deaf` it does not answer at all."""

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        self.types: set[str] = set()
        self.status = 200
        self.hears = asyncio.Event()
        self.hears.set()
        self.sim: Simulator | None = None
        self.at: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        """Take one alert."""
        await self.hears.wait()
        self.heard.append(json.loads(await request.text()))
        self.types.add(request.content_type)
        if self.sim is not None:
            self.at.append(self.sim.clock.at)
        return web.Response(status=self.status)

    @property
    def ids(self) -> list[str]:
        """Return the ids of the alerts in the order they came."""
        return [alert["id"] for alert in self.heard]


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    hook, app = Webhook(), web.Application()
    app.router.add_post("/webhook/token/", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook/token/"
    try:
        yield hook
    finally:
        await runner.cleanup()


async def test_alerts_are_form_a_and_come_every_few_minutes() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url) as sim:
        await sim.move(4 * 3600)
        first = hook.heard[0]
        assert set(first) == {"id", "signal_type", "price", "timestamp", "session", "symbol"}
        assert first["signal_type"] in {"Bullish", "Bearish"}
        assert first["symbol"] in {"NQ1!", "ES1!"}
        assert first["timestamp"] % 60_000 == 0
        assert first["session"] == "NY AM"
        assert hook.types == {"application/json"}
        assert len(set(hook.ids)) == len(hook.ids)
        assert 240 / 10 < len([a for a in hook.heard if a["symbol"] == "NQ1!"]) < 240 / 3


async def test_directions_of_one_symbol_alternate() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url) as sim:
        await sim.move(2 * 3600)
        told = [alert["signal_type"] for alert in hook.heard if alert["symbol"] == "NQ1!"]
        assert all(one != other for one, other in pairwise(told))


async def test_the_market_waits_at_the_close_until_the_alert_is_answered() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url) as sim:
        hook.sim = sim
        await sim.move(2 * 3600)
        closes = [alert["timestamp"] * 1_000_000 + MINUTE for alert in hook.heard]
        assert hook.at == closes


async def test_the_candle_has_left_before_its_alert_comes() -> None:
    async with (
        webhook() as hook,
        simulator(alerts_to=hook.url) as sim,
        await connect(sim) as talker,
    ):
        hook.sim = sim
        await talker.chart()
        moving = asyncio.ensure_future(sim.move(3600))
        await talker.clock("14:30:00")
        await moving
        assert hook.at


async def test_a_deaf_webhook_holds_the_market_for_two_seconds_of_a_connected_desk() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url, speed=10_000.0) as sim:
        hook.hears.clear()
        async with await connect(sim) as talker:
            await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
            await soon(lambda: sim.stand_in is not None and sim.stand_in.waiting)
        await soon(lambda: not sim.streams.watched)
        stood = sim.clock.at
        for _ in range(50):
            await asyncio.sleep(0.005)
        assert sim.clock.at == stood
        hook.hears.set()
        await soon(lambda: hook.heard)


async def test_an_alert_is_posted_until_somebody_answers() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url) as sim:
        hook.status = 503
        moving = asyncio.ensure_future(sim.move(600))
        await soon(lambda: len(hook.heard) >= 3)
        assert len(set(hook.ids)) == 1
        hook.status = 200
        await moving
        assert len(set(hook.ids)) > 1


async def test_a_refused_alert_is_not_repeated() -> None:
    async with webhook() as hook, simulator(alerts_to=hook.url) as sim:
        hook.status = 422
        await sim.move(1800)
        assert len(set(hook.ids)) == len(hook.ids) > 1


async def test_stopped_and_started_again_the_alerts_are_the_same(tmp_path: Path) -> None:
    async with webhook() as whole, simulator(alerts_to=whole.url) as sim:
        await sim.move(3600)
    async with webhook() as hook:
        for seconds in (1234.5, 600.0, 1765.5):
            path = tmp_path / "market.json"
            async with simulator(alerts_to=hook.url, state_path=path) as sim:
                await sim.move(seconds)
        assert hook.ids == whole.ids


async def test_the_position_is_kept_and_never_later_than_the_desk(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "market.json"
    async with simulator(state_path=path) as sim:
        await sim.move(100)
    market = GeneratedMarket(7, START + HOUR, ("NQ", "ES"))
    assert Simulator(market, Plan(state_path=path)).clock.at == START + HOUR
    market = GeneratedMarket(7, START, ("NQ", "ES"))
    assert Simulator(market, Plan(state_path=path)).clock.at == START + 100 * SECOND
    for cursor, at in ((START + 40 * SECOND, 40), (START + 400 * SECOND, 100)):
        plan = Plan(state_path=path, resume_not_after=cursor)
        assert Simulator(market, plan).clock.at == START + at * SECOND
    other = GeneratedMarket(8, START)
    assert Simulator(other, Plan(state_path=path)).clock.at == START


def test_a_torn_position_is_none(tmp_path: Path) -> None:
    path, market = tmp_path / "market.json", GeneratedMarket(7, START)
    assert load_position(path, market) is None
    for text in ("", "{", "[]", '{"at": 7}', '{"market": "x", "start": 1, "at": 2, "told": 3}'):
        path.write_text(text)
        assert load_position(path, market) is None
    kept = Position(market.identity, START, START + 1, START)
    save_position(path, kept)
    assert load_position(path, market) == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["market.json"]


async def test_every_gate_is_asked_at_every_close() -> None:
    asked: list[int] = []

    async def gate(close: int) -> None:
        asked.append(close)

    async with simulator() as sim:
        sim.gates.append(gate)
        await sim.move(200)
        assert asked == [START + minute * MINUTE for minute in (1, 2, 3)]
        assert clock.GATE_SECONDS == 2.0
