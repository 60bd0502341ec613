"""Messages travel the same way inside one process and over Redis."""

import os
import queue
import threading
from collections.abc import Iterator

import pytest

from apps.bus.transport import MarketTime, MemoryTransport, RedisTransport, Said, Transport

REDIS = os.environ.get("REDIS_URL", "")


@pytest.fixture(params=["memory", "redis"] if REDIS else ["memory"])  # at home there is no Redis
def way(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Give both ways to travel."""
    if request.param == "memory":
        yield MemoryTransport()
        return
    transport = RedisTransport(REDIS)
    transport._redis.flushdb()
    yield transport
    transport.close()


def test_listeners_hear_readings_and_facts_in_order(way):
    heard: queue.Queue[Said] = queue.Queue()
    stop = way.listen(heard.put)
    way.publish("price.NQ", {"last": "20005.25"}, kind="reading")
    way.publish("user.7.trades", {"fact": "trade.stopped", "of": "42"}, kind="fact")
    way.publish("user.7.trades", {"fact": "trade.closed", "of": "42"}, kind="fact")
    price, one, two = (heard.get(timeout=50) for _ in range(3))
    stop()
    assert price == ("price.NQ", "reading", {"topic": "price.NQ", "last": "20005.25"})
    assert one.payload == {
        "topic": "user.7.trades",
        "n": 1,
        "fact": "trade.stopped",
        "of": "42",
    }
    assert (two.payload["n"], two.kind) == (2, "fact")
    assert way.counts() == {"user.7.trades": 2}


def test_the_latest_reading_is_kept_for_who_comes_later(way):
    assert way.latest("price.NQ") is None
    for last in ("1", "2"):
        way.publish("price.NQ", {"last": last}, kind="reading")
    assert way.latest("price.NQ") == {"topic": "price.NQ", "last": "2"}


def test_market_time_is_what_the_engine_last_told(way):
    assert way.market_time() == MarketTime(None, False)
    way.set_market_time(MarketTime(1_762_180_200_000_000_000, True))
    assert way.market_time() == MarketTime(1_762_180_200_000_000_000, True)


def test_the_bell_wakes_who_waits(way):
    bell = way.inbox_waiting
    bell.clear()
    threading.Thread(target=way.ring).start()
    assert bell.wait(50)


def test_many_threads_may_speak_at_once_and_facts_are_counted_without_gaps(way):
    heard: queue.Queue[Said] = queue.Queue()
    way.listen(heard.put)
    threads = [
        threading.Thread(target=lambda: [way.publish("t", {}, kind="fact") for _ in range(25)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    counts = sorted(heard.get(timeout=50).payload["n"] for _ in range(100))
    assert counts == list(range(1, 101))


def test_without_redis_nothing_raises():
    away = RedisTransport("redis://127.0.0.1:1/0")
    away.publish("price.NQ", {"last": "1"}, kind="reading")
    away.publish("user.7.trades", {}, kind="fact")
    away.ring()
    assert away.latest("price.NQ") is None
    assert away.market_time() == MarketTime(None, False)
    assert away.counts() == {}
