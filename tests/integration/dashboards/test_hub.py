"""The hub and the line by themselves: how often, for whom, and what a slow browser is spared."""

import asyncio
import functools
from collections.abc import Iterator
from typing import Any

import pytest

from apps.bus import transport
from apps.dashboards.hub import APART_S, FACTS_KEPT, Client, Hub, frame
from apps.dashboards.line import Line, WithLine


@pytest.fixture
def way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


class Reader:
    """A browser's end of the line, which may stop reading."""

    def __init__(self) -> None:
        self.line, self.got = Line(), []  # type: ignore[var-annotated]
        self.client = Client(None, self._take, self.line)

    async def _take(self, told: Any) -> None:
        self.got.append(told["text"])


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def hub_with(reader: Reader, topic: str) -> tuple[Hub, "asyncio.Task[None]"]:
    hub = Hub()
    await hub.join(reader.client)
    await hub.subscribe(reader.client, [topic])
    pump = asyncio.create_task(reader.client.pump())
    await settled()
    reader.got.clear()
    return hub, pump


async def test_the_first_reading_goes_at_once_and_the_rest_are_conflated(way: Any) -> None:
    reader = Reader()
    hub, pump = await hub_with(reader, "price.NQ")
    began = hub.loop.time()
    for last in range(50):
        transport.publish("price.NQ", {"last": last})
    async with asyncio.timeout(50):
        while len(reader.got) < 2:
            await asyncio.sleep(0)
    first, rest = reader.got
    assert '"last":0' in first and '"last":49' in rest
    assert hub.loop.time() - began >= APART_S
    pump.cancel()
    hub.leave(reader.client)


async def test_readings_about_different_trades_do_not_replace_each_other(way: Any) -> None:
    reader = Reader()
    hub, pump = await hub_with(reader, "user.7.trades")
    for of in ("a", "b", "c"):
        transport.publish("user.7.trades", {"of": of, "mae_r": "0.0000"})
    await settled()
    assert len(reader.got) == 3
    pump.cancel()
    hub.leave(reader.client)


async def test_a_slow_browser_skips_readings_but_no_facts(way: Any) -> None:
    reader = Reader()
    hub, pump = await hub_with(reader, "user.7.trades")
    reader.line.pauseProducing()
    for n in range(20):
        reader.client.hear_reading(("price.NQ", ""), frame({"last": n}))
        reader.client.hear_fact(frame({"n": n}))
    await settled()
    assert reader.got == []
    reader.line.resumeProducing()
    await settled()
    assert reader.got == [*(f'{{"n":{n}}}' for n in range(20)), '{"last":19}']
    pump.cancel()
    hub.leave(reader.client)


async def test_a_browser_that_does_not_read_is_dropped(way: Any) -> None:
    reader = Reader()
    hub, pump = await hub_with(reader, "user.7.trades")
    reader.line.pauseProducing()
    for n in range(FACTS_KEPT + 1):
        transport.publish("user.7.trades", {"fact": "x", "of": str(n)}, kind="fact")
    await asyncio.wait_for(pump, 50)
    assert reader.client.is_too_slow
    hub.leave(reader.client)


async def test_a_slow_browser_does_not_slow_the_others(way: Any) -> None:
    slow, fast = Reader(), Reader()
    hub, pump = await hub_with(slow, "feeds")
    await hub.join(fast.client)
    await hub.subscribe(fast.client, ["feeds"])
    second = asyncio.create_task(fast.client.pump())
    slow.line.pauseProducing()
    transport.publish("feeds", {"fact": "feed.changed", "told": {"state": "live"}}, kind="fact")
    await settled()
    assert "Market data live" in fast.got[-1]
    assert slow.got == []
    for task, reader in ((pump, slow), (second, fast)):
        task.cancel()
        hub.leave(reader.client)


async def test_the_line_hears_of_a_full_buffer() -> None:
    class Transport:
        """What Twisted's transport promises of producers."""

        producer: Any = "the HTTP connection"

        def unregisterProducer(self) -> None:
            self.producer = None

        def registerProducer(self, producer: Any, streaming: bool) -> None:
            assert self.producer is None and streaming
            self.producer = producer

    class Protocol:
        transport = Transport()

    async def reply(_protocol: Any, _message: Any) -> None: ...

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        Protocol.transport.producer.pauseProducing()
        assert not scope["line"].free.is_set()
        Protocol.transport.producer.resumeProducing()
        assert scope["line"].free.is_set()

    await WithLine(app)({}, None, functools.partial(reply, Protocol()))  # type: ignore[arg-type]
