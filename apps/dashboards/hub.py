"""The hub: one per server process. Hears everything once, encodes it once, and lets each browser have it
as fast as it reads.

Facts are queued for each browser; readings are replaced by newer ones. Of each reading the first goes out
at once, then at most one in 100 ms, sent on the arrival of the next, the rest after 100 ms of silence.
"""

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from asgiref.sync import sync_to_async

from apps.bus import transport
from apps.bus.transport import Said
from apps.dashboards import topics
from apps.dashboards.line import Line
from apps.trades.domain.telling import tell

APART_S: Final = 0.1  # between two readings of one thing
HEARTBEAT_S: Final = 3.0
FACTS_KEPT: Final = 1_000  # for a browser that does not read; then it is dropped
ENGINE: Final = "engine"  # told when an engine has started: what it said while dying may be lost

Place = tuple[str, str]  # a topic, and what of it a reading is about
Frame = dict[str, str]
Send = Callable[[Any], Awaitable[None]]


def frame(message: Mapping[str, Any]) -> Frame:
    """Return a message as it goes over the wire."""
    return {"type": "websocket.send", "text": msgspec.json.encode(message).decode()}


class Client:
    """One browser: the facts and the newest readings that it has not taken yet."""

    def __init__(self, user: Any, send: Send, line: Line) -> None:
        self.user = user
        self.topics: set[str] = set()
        self.is_too_slow = False
        self._send, self._line = send, line
        self._facts: deque[Frame] = deque()
        self._readings: dict[Place, Frame] = {}
        self._news = asyncio.Event()
        self._newer: set[Place] | None = None

    def hear_fact(self, fact: Frame) -> None:
        """Queue something that must not be missed."""
        self._facts.append(fact)
        self._news.set()
        if len(self._facts) > FACTS_KEPT:
            self.is_too_slow = True
            self._line.free.set()

    def hear_reading(self, place: Place, reading: Frame) -> None:
        """Have the newest of a reading sent; one that is still waiting is replaced."""
        self._readings[place] = reading
        self._news.set()
        if self._newer is not None:
            self._newer.add(place)

    def begin(self) -> None:
        """Have it remembered which readings come from now on."""
        self._newer = set()

    def hear_older(self, place: Place, reading: Frame) -> None:
        """Have a kept reading sent, unless a newer one has come since `begin`."""
        if self._newer is None or place not in self._newer:
            self.hear_reading(place, reading)

    def forget(self, gone: Iterable[str]) -> None:
        """Drop the readings of topics that are not wanted any more."""
        dropped = set(gone)
        for place in [place for place in self._readings if place[0] in dropped]:
            del self._readings[place]

    async def pump(self) -> None:
        """Send what there is whenever the line is free; return when the browser is hopelessly behind."""
        while not self.is_too_slow:
            await self._news.wait()
            self._news.clear()
            while self._facts or self._readings:
                await self._line.free.wait()
                if len(self._facts) > FACTS_KEPT:
                    break
                await self._send(self._next())

    def _next(self) -> Frame:
        if self._facts:
            return self._facts.popleft()
        return self._readings.pop(next(iter(self._readings)))


class _Pace:
    """When a reading was sent last, and the newest one since then."""

    __slots__ = ("arrived_at", "held", "sent_at", "timer")

    def __init__(self) -> None:
        self.sent_at = self.arrived_at = float("-inf")
        self.held: Mapping[str, Any] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Hub:
    """What all browsers of one server process hear through."""

    def __init__(self) -> None:
        self.boot = uuid.uuid4().hex
        self.loop = asyncio.get_running_loop()
        self._clients: dict[str, set[Client]] = {}
        self._everybody: set[Client] = set()
        self._paces: dict[Place, _Pace] = {}
        self._inbox: deque[Said] = deque()
        self._is_called = False
        self._stop: Callable[[], None] | None = None
        self._beats: asyncio.Task[None] | None = None

    # ---- who listens ----

    async def join(self, client: Client) -> None:
        """Let a browser in."""
        self._everybody.add(client)
        if self._stop is None:
            self._stop = _nothing  # before the wait, so that nobody else listens too
            self._stop = await _in_thread(lambda: transport.listen(self._overhear))
            self._beats = asyncio.create_task(self._beat())
            self._rest()

    def leave(self, client: Client) -> None:
        """Let a browser go; with the last one the hub falls asleep."""
        self.unsubscribe(client, list(client.topics))
        self._everybody.discard(client)
        self._rest()

    def _rest(self) -> None:
        if not self._everybody and self._stop is not None and self._stop is not _nothing:
            self._stop()
            self._stop = None
            if self._beats is not None:
                self._beats.cancel()

    def connections(self, user: Any) -> int:
        """Return how many connections somebody has."""
        return sum(client.user.pk == user.pk for client in self._everybody)

    async def subscribe(self, client: Client, wanted: Iterable[str]) -> None:
        """Let a browser hear topics, beginning with their counts and newest readings."""
        fresh = [topic for topic in wanted if topic not in client.topics]
        client.begin()
        for topic in fresh:
            client.topics.add(topic)
            self._clients.setdefault(topic, set()).add(client)
        latest, counts = await _in_thread(
            lambda: (
                {topic: transport.latest(topic) for topic in fresh},
                transport.counts(),
            )
        )
        client.hear_fact(frame(self._counted(counts, filter(topics.has_facts, fresh))))
        for topic, reading in latest.items():
            if reading is not None and topic in client.topics:
                client.hear_older(place_of(topic, reading), frame(reading))

    def unsubscribe(self, client: Client, unwanted: Iterable[str]) -> None:
        """Let a browser hear topics no more."""
        gone = [topic for topic in unwanted if topic in client.topics]
        for topic in gone:
            client.topics.discard(topic)
            self._clients[topic].discard(client)
            if not self._clients[topic]:
                del self._clients[topic]
        client.forget(gone)

    # ---- what is said ----

    def _overhear(self, said: Said) -> None:
        """Take a message on whatever thread it comes; the loop is woken once for many."""
        if said.topic not in self._clients and said.topic != ENGINE:
            return
        self._inbox.append(said)
        if not self._is_called:
            self._is_called = True
            with contextlib.suppress(RuntimeError):  # the loop is gone, and so are the browsers
                self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._is_called = False
        while self._inbox:
            said = self._inbox.popleft()
            if said.topic == ENGINE:
                self._refresh()
            elif said.kind == "fact":
                told = frame(in_words(said.payload))
                for client in self._clients.get(said.topic, ()):
                    client.hear_fact(told)
            else:
                self._hear_reading(said)

    def _hear_reading(self, said: Said) -> None:
        place = place_of(said.topic, said.payload)
        pace = self._paces.get(place)
        if pace is None:
            pace = self._paces[place] = _Pace()
        pace.arrived_at, pace.held = self.loop.time(), said.payload
        if pace.arrived_at - pace.sent_at >= APART_S:
            self._send_held(place, pace)
        if pace.timer is None:
            pace.timer = self.loop.call_later(APART_S, self._look_again, place, pace)

    def _send_held(self, place: Place, pace: _Pace) -> None:
        if pace.held is None:
            return
        told = frame(pace.held)
        pace.sent_at, pace.held = self.loop.time(), None
        for client in self._clients.get(place[0], ()):
            client.hear_reading(place, told)

    def _look_again(self, place: Place, pace: _Pace) -> None:
        """After 100 ms of silence send what was held; while it goes on, look later."""
        left = pace.arrived_at + APART_S - self.loop.time()
        if left > 0.001:
            pace.timer = self.loop.call_later(left, self._look_again, place, pace)
            return
        if pace.held is None:
            del self._paces[place]  # silent for so long that the next one may go at once
            return
        self._send_held(place, pace)
        pace.timer = self.loop.call_later(APART_S, self._look_again, place, pace)

    def _refresh(self) -> None:
        again = frame({"refresh": ENGINE})
        for client in self._everybody:
            client.hear_fact(again)

    # ---- the heartbeat ----

    async def _beat(self) -> None:
        """Repeat to each browser how many facts its topics have told, so that none stays lost."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.beat()

    async def beat(self) -> None:
        """Send one heartbeat to everybody."""
        counts = await _in_thread(transport.counts)
        for client in list(self._everybody):
            told = self._counted(counts, filter(topics.has_facts, client.topics))
            client.hear_reading(("", "heartbeat"), frame(told))

    def _counted(self, counts: Mapping[str, int], wanted: Iterable[str]) -> dict[str, Any]:
        return {"counts": {topic: counts.get(topic, 0) for topic in wanted}, "boot": self.boot}


def place_of(topic: str, reading: Mapping[str, Any]) -> Place:
    """Return what a reading replaces: the one on its topic about the same trade or length of candle."""
    return topic, str(reading.get("of") or reading.get("seconds") or "")


def in_words(poke: Mapping[str, Any]) -> dict[str, Any]:
    """Return a poke with its fact in plain words instead of the fact's own fields."""
    said = dict(poke)
    told = tell(str(said.get("fact", "")), said.pop("told", {}))
    return said | {"text": told.title, "detail": told.text, "tone": told.tone, "icon": told.icon}


_hub: Hub | None = None


def hub() -> Hub:
    """Return the hub of this process and its running loop."""
    global _hub
    if _hub is None or _hub.loop is not asyncio.get_running_loop():
        _hub = Hub()
    return _hub


def _nothing() -> None:
    """Stand in for the listener while it is being set up."""


def _in_thread(work: Callable[[], Any]) -> Awaitable[Any]:
    """Do what may wait for Redis on a thread of its own, away from the loop."""
    return sync_to_async(work, thread_sensitive=False)()
