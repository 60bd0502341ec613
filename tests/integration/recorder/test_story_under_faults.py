"""Whatever the broker does wrong, a trade becomes one recorded position, opened and closed once, worth what it made.

Over real HTTP and sockets, by polls alone and by the stream alone. Where only a person can help, he is told, and his
click completes it.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from apps.brokers.logins import register_market
from apps.brokers.models import BrokerFill, LoginToken
from apps.brokers.reading import Readers, poll
from apps.brokers.tradovate.hosts import Hosts
from apps.bus import bus, transport
from apps.bus.models import FactRow
from apps.recorder.models import RecordedPosition
from apps.recorder.services import settle_facts
from apps.recorder.subscribers import NAME
from apps.recorder.tasks import hear, sweep
from apps.system.ownloop import OwnLoop
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market

from .told_story import Story, Wall

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def market(wall: Wall) -> Iterator[ScriptedSimulator]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(START, True)
    with desk_market(wall=wall) as sim:
        sim.streams.board(CONTRACT)
        sim.run(sim.move(5))
        yield sim
    transport.use(None)


@pytest.fixture
def story(market: ScriptedSimulator, wall: Wall, alice: Actor) -> Story:
    row = a_connection(alice.user)
    poll(row.pk)
    bus.catch_up(NAME)
    return Story(market, wall, row)


@contextmanager
def streaming() -> Iterator[None]:
    """Let the desk's readers follow, in a thread of their own as the one process has them."""
    readers = OwnLoop("brokers", Readers())
    readers.start()
    try:
        yield
    finally:
        readers.stop()


class Wrong(NamedTuple):
    """What goes wrong. `state`: how the login stands until its owner clicks, "" where nobody has to."""

    faults: tuple[dict[str, Any], ...]
    state: str = ""


EXPIRED = {"do": "expire_token"}
BY_POLLS = {
    "nothing": Wrong(()),
    "the token expires": Wrong((EXPIRED,)),
    "a penalty ticket": Wrong(({"do": "penalty", "p_time": 0.2, "times": 2},)),
    "a ticket for the fills": Wrong(({"do": "penalty", "path": "fill/list", "p_time": 0.2},)),
    "a ticket for the login": Wrong(
        (EXPIRED, {"do": "penalty", "path": "auth/accesstokenrequest", "p_time": 0.2})
    ),
    "over quota": Wrong(({"do": "rate_limit", "for_s": 600.0},)),
    "sent elsewhere without end": Wrong(({"do": "redirect_host", "for_s": 600.0},)),
    "fills in parts": Wrong(({"do": "partial_fills"},)),
    "a foreign session takes the token": Wrong(({"do": "displace"},), "displaced"),
    "a captcha before the login": Wrong(
        (EXPIRED, {"do": "penalty", "path": "auth/accesstokenrequest", "captcha": True}), "paused"
    ),
}


@pytest.mark.parametrize("what", BY_POLLS)
def test_polls_alone_record_the_trade_once(story: Story, alice: Actor, what: str) -> None:
    wrong = BY_POLLS[what]
    story.goes_wrong(*wrong.faults)
    story.trades("Buy")
    story.reads()
    story.trades("Sell")
    story.reads(2)
    if wrong.state:
        assert story.stands() == wrong.state and story.told() == []
        assert story.is_told(wrong.state)
        if wrong.state == "paused":
            story.wall.ahead += 3700  # the captcha is solved by a person, elsewhere
        story.clicks_reconnect(alice.client)
    story.wall.ahead += 700  # what lasts is over
    story.reads(3)
    story.holds()
    assert story.stands() == "ok"


def test_an_hour_without_polls_and_a_renewal_overdue_lose_nothing(story: Story) -> None:
    story.trades("Buy")
    story.market.run(story.market.move(3600))
    story.trades("Sell")
    story.market.sessions.expire()  # nobody was there to renew it
    for _again in range(3):
        story.reads()
        sweep()
    story.holds()


def test_events_told_again_at_the_session_s_end_change_nothing(story: Story) -> None:
    with streaming():
        story.until(lambda: story.market.connections and story.stands() == "ok", "stream")
        story.trades("Buy")
        story.trades("Sell")
        story.until(story.is_closed, "closed position")
        story.tells_everything_again(3)
        story.market.run(_rolled_over(story.market))
        story.until(lambda: story.market.connections, "stream")
        story.reads(2)
    facts = list(FactRow.objects.filter(name__startswith="broker.").order_by("-seq"))
    for fact in [*facts, *reversed(facts)]:
        settle_facts([fact])
    sweep()
    story.holds()


async def _rolled_over(market: ScriptedSimulator) -> None:
    market.fault({"do": "rollover"})


BY_STREAM = {
    "the line drops": Wrong(({"do": "drop", "for_s": 600.0},)),
    "closed by the broker": Wrong(({"do": "close"},)),
    "garbage between": Wrong(({"do": "garbage"},)),
    "events and answers in one frame": Wrong(({"do": "batch"},)),
    "the snapshot in parts": Wrong(({"do": "split_snapshot"}, {"do": "close"})),
    "the token expires": Wrong((EXPIRED, {"do": "close"})),
    "a ticket for the snapshot": Wrong(
        ({"do": "penalty", "path": "user/syncrequest", "p_time": 0.2}, {"do": "close"})
    ),
    "the wrong host, 421": Wrong(({"do": "redirect_host", "for_s": 600.0}, {"do": "close"})),
    "fills in parts": Wrong(({"do": "partial_fills"},)),
    "a foreign session takes the token": Wrong(({"do": "displace"},), "displaced"),
}


@pytest.mark.parametrize("what", BY_STREAM)
def test_the_stream_alone_records_the_trade_once(story: Story, alice: Actor, what: str) -> None:
    wrong = BY_STREAM[what]
    with streaming():
        story.until(lambda: story.market.connections and story.stands() == "ok", "stream")
        story.goes_wrong(*wrong.faults)
        story.trades("Buy")
        story.trades("Sell")
        if wrong.state:
            poll(story.row.pk)  # the notice bids the stream wait a minute; the poll learns it now
            story.until(lambda: story.stands() == wrong.state, "a login that waits for its owner")
            story.until(lambda: story.is_told(wrong.state), "notice")
            assert story.told() == []
            story.clicks_reconnect(alice.client)
            story.reads()  # which is sooner than the stream, that was bidden to wait
        story.wall.ahead += 700  # what lasts is over
        story.until(story.is_closed, "closed position")
        story.tells_everything_again()
    story.holds()
    sources = set(BrokerFill.objects.values_list("source", flat=True))
    assert sources == ({"poll"} if wrong.state else {"stream"})


# ---- the broker has moved ----


@contextmanager
def old_address(new: str) -> Iterator[str]:
    """Serve the address that the broker has left: REST is sent on with 307, sockets are refused with 421."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asked: list[str] = []

    async def door(request: web.Request) -> web.Response:
        asked.append(request.path)
        if "websocket" in request.path:
            return web.Response(status=421)
        path = request.path_qs.removeprefix("/v1")
        return web.Response(status=307, headers={"Location": f"{new}{path}"})

    async def begin() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", door)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(50)

    runner = run(begin())
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        assert asked, "the old address was asked"
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(50)
        loop.close()


@pytest.mark.parametrize("way", ["polls", "stream"])
def test_a_broker_that_has_moved_is_followed(story: Story, way: str) -> None:
    new = story.market.url
    with old_address(new) as old:
        known = (urlsplit(old).netloc, urlsplit(new).netloc)
        register_market(replace(Hosts.at(old), allowed=known))
        LoginToken.objects.update(hosts={})  # where it was steered to before is forgotten
        told = story.market.sessions.renew(story.market.sessions._sessions[0]).body
        moved = told | {"apiHosts": {"simulator": new.removesuffix("/v1")}}
        story.market.put_up("auth/renewaccesstoken", 200, moved)
        if way == "stream":
            with streaming():
                story.until(lambda: story.market.connections, "stream at the new address")
                story.trades("Buy")
                story.trades("Sell")
                story.until(story.is_closed, "closed position")
        else:
            story.trades("Buy")
            story.reads()
            story.trades("Sell")
            story.reads(2)
    story.holds()


def test_two_of_a_kind_stay_two(story: Story) -> None:
    """The law is not kept by recording one thing only: another trade is another position."""
    for _ in range(2):
        story.trades("Buy")
        story.trades("Sell")
    story.reads(2)
    assert RecordedPosition.objects.filter(status="closed").count() == 2
    assert story.told() == ["opened", "closed"] * 2
    nets = [row.realized - row.fees for row in RecordedPosition.objects.all()]
    assert sum(nets) == story.made()
    assert hear() == 0
