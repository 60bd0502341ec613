"""The one socket: who hears what, how often, and what happens to those who can't keep up."""

import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connections

from apps.bus import transport
from apps.dashboards.routing import websocket
from tests.cast import Actor

pytestmark = pytest.mark.django_db(transaction=True)


def headers_of(actor: Actor | None, origin: str | None = None) -> list[tuple[bytes, bytes]]:
    headers = [(b"host", b"testserver")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if actor is not None:
        cookie = actor.client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    return headers


class Browser:
    """One page's socket."""

    def __init__(self, actor: Actor | None, origin: str | None = None) -> None:
        self.line = WebsocketCommunicator(
            websocket, "/ws/dashboard/", headers=headers_of(actor, origin)
        )

    async def enter(self) -> bool:
        is_in, _ = await self.line.connect(timeout=50)
        return bool(is_in)

    async def hear(self, *topics: str) -> dict[str, Any]:
        await self.line.send_json_to({"subscribe": list(topics)})
        return await self.next()

    async def next(self) -> dict[str, Any]:
        told: dict[str, Any] = await self.line.receive_json_from(timeout=50)
        return told


@pytest.fixture
def way() -> Any:
    transport.use(transport.MemoryTransport())
    yield transport.current()
    transport.use(None)


@pytest.fixture(autouse=True)
async def _let_go() -> AsyncIterator[None]:
    """Close the connections that the socket's own thread has opened."""
    yield
    await sync_to_async(connections.close_all)()


Enter = Callable[..., Any]


@pytest.fixture
async def enter(way: Any) -> AsyncIterator[Enter]:
    inside: list[Browser] = []

    async def come(actor: Actor | None, origin: str | None = None) -> Browser:
        browser = Browser(actor, origin)
        assert await browser.enter()
        inside.append(browser)
        return browser

    yield come
    for browser in inside:
        await browser.line.disconnect()


# ---- who may come in, and hear what ----


async def test_a_stranger_is_not_let_in(way: Any) -> None:
    assert not await Browser(None).enter()


async def test_another_site_is_not_let_in(alice: Actor, way: Any) -> None:
    assert not await Browser(alice, origin="https://evil.example").enter()
    assert not await Browser(alice, origin="null").enter()


async def test_our_own_page_and_a_program_are_let_in(alice: Actor, enter: Enter) -> None:
    await enter(alice, origin="http://127.0.0.1:8000")
    await enter(alice)


async def test_nobody_hears_what_is_somebody_elses(alice: Actor, bob: Actor, enter: Enter) -> None:
    browser = await enter(bob)
    mine, hers = f"user.{bob.user.pk}.trades", f"user.{alice.user.pk}.trades"
    refused = await browser.hear(hers, mine)
    assert refused == {"refused": [{"topic": hers, "detail": "it is somebody else's"}]}
    assert (await browser.next())["counts"] == {mine: 0}
    transport.publish(hers, {"fact": "trade.ended"}, kind="fact")
    transport.publish(mine, {"fact": "x", "of": "m"}, kind="fact")
    assert (await browser.next())["of"] == "m"


async def test_an_unknown_topic_is_refused_by_name(alice: Actor, enter: Enter) -> None:
    browser = await enter(alice)
    for topic in ("price.XX", "price.nq", "audit", "user.x.trades", "engine", "", 7, None):
        await browser.line.send_json_to({"subscribe": [topic]})
        assert (await browser.next())["refused"][0]["topic"] == str(topic)


async def test_more_than_64_topics_are_refused(alice: Actor, enter: Enter) -> None:
    browser = await enter(alice)
    names = [f"price.NQ{month}{year}" for month in "HMUZ" for year in range(2020, 2040)]
    refused = await browser.hear(*names)
    assert len(refused["refused"]) == len(names) - 64


async def test_nonsense_is_answered_and_changes_nothing(alice: Actor, enter: Enter) -> None:
    browser = await enter(alice)
    for text in ("{", "[]", '{"subscribe": "price.NQ"}', '{"send": 1}', "NaN"):
        await browser.line.send_to(text_data=text)
        assert "not understood" in (await browser.next())["problem"]
    assert "counts" in await browser.hear("feed")


async def test_a_flood_or_a_giant_message_ends_the_connection(alice: Actor, way: Any) -> None:
    for said in ([" " * 9_000], ["{}"] * 120):
        browser = Browser(alice)
        assert await browser.enter()
        for text in said:
            await browser.line.send_to(text_data=text)
        assert await browser.line.receive_output(timeout=50) == {
            "type": "websocket.close",
            "code": 4429,
        }
        await browser.line.disconnect()


# ---- what is heard ----


async def test_who_comes_late_hears_the_latest_price(alice: Actor, enter: Enter) -> None:
    transport.publish("price.NQ", {"last": "20005.25", "at": "2025-12-02T15:00:00Z"})
    browser = await enter(alice)
    await browser.hear("price.NQ")
    told = await browser.next()
    assert told == {"topic": "price.NQ", "last": "20005.25", "at": "2025-12-02T15:00:00Z"}


async def test_a_fact_comes_from_another_thread_in_plain_words(alice: Actor, enter: Enter) -> None:
    browser, topic = await enter(alice), f"user.{alice.user.pk}.trades"
    await browser.hear(topic)
    payload = {
        "contract": "NQZ6", "trade_id": "20251202_100000000_BULLISH", "state": "stopped_out",
        "reason": "", "price": "19975.00", "r": "-1.0000",
    }  # fmt: skip
    poke = {"fact": "trade.ended", "of": "42", "seq": 7, "at": "…Z", "told": payload}
    speaker = threading.Thread(
        target=transport.publish, args=(topic, poke), kwargs={"kind": "fact"}
    )
    speaker.start()
    told = await browser.next()
    speaker.join()
    assert told["text"] == "NQ long ended at its stop, −1 R"
    assert (told["n"], told["fact"], told["of"]) == (1, "trade.ended", "42")
    assert "told" not in told


async def test_the_heartbeat_repeats_the_counts(alice: Actor, enter: Enter) -> None:
    browser, topic = await enter(alice), f"user.{alice.user.pk}.trades"
    assert (await browser.hear(topic, "price.NQ"))["counts"] == {topic: 0}
    transport.publish(topic, {"fact": "x"}, kind="fact")
    assert (await browser.next())["n"] == 1
    from apps.dashboards.hub import hub

    await hub().beat()
    told = await browser.next()
    assert (told["counts"], told["boot"]) == ({topic: 1}, hub().boot)


async def test_an_engine_start_has_everything_asked_again(alice: Actor, enter: Enter) -> None:
    browser = await enter(alice)
    await browser.hear("feed")
    transport.publish("engine", {"boot": "2"})
    assert await browser.next() == {"refresh": "engine"}


async def test_what_is_left_is_not_heard_any_more(alice: Actor, enter: Enter) -> None:
    browser = await enter(alice)
    await browser.hear("price.NQ", "feed")
    await browser.line.send_json_to({"unsubscribe": ["price.NQ"]})
    await browser.hear("feeds")
    transport.publish("price.NQ", {"last": "1"})
    transport.publish("feed", {"state": "live"})
    assert (await browser.next())["topic"] == "feed"


async def test_one_user_has_only_so_many_connections(
    alice: Actor, bob: Actor, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.dashboards.consumers.AT_ONCE", 2)
    for _ in range(2):
        await enter(alice)
    assert not await Browser(alice).enter()
    await enter(bob)


async def test_signing_out_ends_the_connection(
    alice: Actor, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.dashboards.consumers.CHECK_S", 0.01)
    browser = await enter(alice)
    await sync_to_async(alice.client.logout)()
    assert await browser.line.receive_output(timeout=50) == {
        "type": "websocket.close",
        "code": 4401,
    }


async def test_what_another_process_says_is_heard_too(alice: Actor) -> None:
    """On PostgreSQL this is Redis, with a second connection as the other process."""
    transport.use(None)
    topic = f"user.{alice.user.pk}.trades"
    browser = Browser(alice)
    assert await browser.enter()
    before = (await browser.hear(topic))["counts"][topic]
    other = transport.current()
    if settings.REDIS_URL:
        other = transport.RedisTransport(settings.REDIS_URL)
    await sync_to_async(other.publish)(topic, {"fact": "x", "of": "1"}, kind="fact")
    assert (await browser.next())["n"] == before + 1
    await browser.line.disconnect()
    transport.use(None)
