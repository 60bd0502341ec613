"""From who speaks to who listens, right now: readings, told facts, market clock, inbox bell.

Nothing here is kept for ever: what was lost is read from the database again. There are two ways to
travel: inside one process (`MemoryTransport`, any thread may speak) and over Redis.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import redis as redis_client
from django.conf import settings

Kind = Literal["reading", "fact"]

_CHANNEL = "tradehub:say"
_LATEST = "tradehub:latest"
_COUNTS = "tradehub:counts"
_CLOCK = "tradehub:clock"
_BELL = "tradehub:inbox"


class Said(NamedTuple):
    """One message on its way. `payload` has `topic` and, for a fact, `n`: the topic's own count."""

    topic: str
    kind: Kind
    payload: Mapping[str, Any]


class MarketTime(NamedTuple):
    """The market's clock as the engine last told it.

    Units:   at in ns UTC, None before the first frame
    """

    at: int | None
    live: bool


Listener = Callable[[Said], None]


class Transport(Protocol):
    """How messages travel.

    Listeners are called on the speaker's or a reader's thread: they hand over, they do not work.
    """

    def publish(self, topic: str, payload: Mapping[str, Any], *, kind: Kind) -> None:
        """Send to everybody who listens; keep the latest reading of each topic; count the facts."""

    def latest(self, topic: str) -> Mapping[str, Any] | None:
        """Return the newest reading of a topic, None if there was none."""

    def counts(self) -> Mapping[str, int]:
        """Return how many facts each topic has told: the `n` of its last one."""

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear everything from now on; call what is returned to stop."""

    def set_market_time(self, now: MarketTime) -> None:
        """Tell the market's clock; only the engine does."""

    def market_time(self) -> MarketTime:
        """Return the market's clock as last told."""

    def ring(self) -> None:
        """Wake who waits for the inbox."""

    @property
    def inbox_waiting(self) -> threading.Event:
        """Set when something may wait in the inbox; the engine clears it before it looks."""


class MemoryTransport:
    """Everything in one process. Threads may speak and listen at will."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._latest: dict[str, Mapping[str, Any]] = {}
        self._counts: dict[str, int] = {}
        self._clock = MarketTime(None, False)
        self.inbox_waiting = threading.Event()

    def publish(self, topic: str, payload: Mapping[str, Any], *, kind: Kind) -> None:
        """Send to everybody who listens."""
        if kind == "reading":
            told = {"topic": topic, **payload}
            self._latest[topic] = told
        else:
            with self._lock:
                count = self._counts[topic] = self._counts.get(topic, 0) + 1
            told = {"topic": topic, "n": count, **payload}
        self._deliver(Said(topic, kind, told))

    def latest(self, topic: str) -> Mapping[str, Any] | None:
        """Return the newest reading of a topic."""
        return self._latest.get(topic)

    def counts(self) -> Mapping[str, int]:
        """Return how many facts each topic has told."""
        with self._lock:
            return dict(self._counts)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear everything from now on; call what is returned to stop."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return stop

    def set_market_time(self, now: MarketTime) -> None:
        """Tell the market's clock."""
        self._clock = now

    def market_time(self) -> MarketTime:
        """Return the market's clock as last told."""
        return self._clock

    def ring(self) -> None:
        """Wake who waits for the inbox."""
        self.inbox_waiting.set()

    def _deliver(self, said: Said) -> None:
        for listener in self._listeners:
            listener(said)


class RedisTransport:
    """Between processes. One reader thread per process, started with the first need of it.

    While Redis is away readings are lost without harm, pages ask again when the counts differ, and
    the engine finds the inbox by its own regular look.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis_client.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
        self._reading_redis = redis_client.Redis.from_url(
            url, socket_connect_timeout=2, health_check_interval=15
        )
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()
        self._reader: threading.Thread | None = None
        self._closed = threading.Event()
        self._subscribed = threading.Event()
        self._bell = threading.Event()

    @property
    def inbox_waiting(self) -> threading.Event:
        """Set when something may wait in the inbox."""
        self._read()
        return self._bell

    def publish(self, topic: str, payload: Mapping[str, Any], *, kind: Kind) -> None:
        """Send to everybody who listens, in any process."""
        with contextlib.suppress(redis_client.RedisError):
            if kind == "fact":
                count = self._redis.hincrby(_COUNTS, topic, 1)
                told = {"topic": topic, "n": count, **payload}
                self._redis.publish(_CHANNEL, msgspec.json.encode((topic, kind, told)))
                return
            told = {"topic": topic, **payload}
            pipe = self._redis.pipeline(transaction=False)
            pipe.hset(_LATEST, topic, msgspec.json.encode(told))
            pipe.publish(_CHANNEL, msgspec.json.encode((topic, kind, told)))
            pipe.execute()

    def latest(self, topic: str) -> Mapping[str, Any] | None:
        """Return the newest reading of a topic."""
        with contextlib.suppress(redis_client.RedisError):
            if kept := self._redis.hget(_LATEST, topic):
                return msgspec.json.decode(kept, type=dict[str, Any])
        return None

    def counts(self) -> Mapping[str, int]:
        """Return how many facts each topic has told."""
        with contextlib.suppress(redis_client.RedisError):
            return {_text(key): int(n) for key, n in self._redis.hgetall(_COUNTS).items()}
        return {}

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear everything from now on; call what is returned to stop."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        self._read()

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return stop

    def set_market_time(self, now: MarketTime) -> None:
        """Tell the market's clock."""
        with contextlib.suppress(redis_client.RedisError):
            self._redis.set(_CLOCK, msgspec.json.encode(now))

    def market_time(self) -> MarketTime:
        """Return the market's clock as last told."""
        with contextlib.suppress(redis_client.RedisError):
            if kept := self._redis.get(_CLOCK):
                return msgspec.json.decode(kept, type=MarketTime)
        return MarketTime(None, False)

    def ring(self) -> None:
        """Wake who waits for the inbox, in any process."""
        with contextlib.suppress(redis_client.RedisError):
            self._redis.publish(_BELL, b"1")

    def close(self) -> None:
        """Let the reader thread end."""
        self._closed.set()

    def _read(self) -> None:
        with self._lock:
            if self._reader is None:
                self._reader = threading.Thread(target=self._run, name="bus-reader", daemon=True)
                self._reader.start()
        self._subscribed.wait(2)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                with self._reading_redis.pubsub() as heard:  # type: ignore[no-untyped-call]
                    heard.subscribe(_CHANNEL, _BELL)
                    self._bell.set()  # what rang while we were away was not heard
                    while not self._closed.is_set():
                        self._hear(heard.get_message(timeout=0.5))
            except redis_client.RedisError:
                self._subscribed.clear()
                self._closed.wait(1)

    def _hear(self, heard: Mapping[str, Any] | None) -> None:
        if heard is None:
            return
        if heard["type"] == "subscribe":
            if heard["channel"] == _BELL.encode():
                self._subscribed.set()
        elif heard["channel"] == _BELL.encode():
            self._bell.set()
        else:
            said = msgspec.json.decode(heard["data"], type=Said)
            for listener in self._listeners:
                listener(said)


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode()


def _configured() -> Transport:
    url = getattr(settings, "REDIS_URL", "")
    return RedisTransport(url) if url else MemoryTransport()


_lock = threading.Lock()
_current: Transport | None = None


def current() -> Transport:
    """Return this process's transport: Redis if `settings.REDIS_URL` names one, else memory."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                _current = _configured()
    return _current


def use(transport: Transport | None) -> None:
    """Put another transport in its place; None goes back to what the settings say."""
    global _current
    _current = transport


def publish(topic: str, payload: Mapping[str, Any], *, kind: Kind = "reading") -> None:
    """Say something on a topic to everybody who listens now."""
    current().publish(topic, payload, kind=kind)


def latest(topic: str) -> Mapping[str, Any] | None:
    """Return the newest reading of a topic, None if there was none."""
    return current().latest(topic)


def counts() -> Mapping[str, int]:
    """Return how many facts each topic has told, for the hub's heartbeat."""
    return current().counts()


def listen(listener: Listener) -> Callable[[], None]:
    """Hear everything from now on; call what is returned to stop."""
    return current().listen(listener)


def set_market_time(at: int | None, live: bool) -> None:
    """Tell the market's clock; only the engine does."""
    current().set_market_time(MarketTime(at, live))


def market_time() -> MarketTime:
    """Return the market's clock as the engine last told it."""
    return current().market_time()


def inbox_waiting() -> threading.Event:
    """Return the event that is set when something may wait in the inbox."""
    return current().inbox_waiting
