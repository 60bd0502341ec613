"""One WebSocket connection: frames, log-in, heartbeats, answers. Source: protocol 6 and 16."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from aiohttp import WSMsgType, web

from apps.brokers.tradovate.simulator.answer import Answer, Json
from apps.brokers.tradovate.simulator.sessions import Session

FRAME_BYTES: Final = 200_000  # common clients take no frame above a megabyte


class Request(NamedTuple):
    """One request frame, taken apart."""

    path: str
    number: int
    query: str
    body: str


def read_request(frame: str) -> Request | None:
    """Return the request in a frame; None for a heartbeat or for what is none.

    The body is all that follows the third line end and may hold more of them. A whole frame wrapped as one
    JSON string is taken too: the official samples slip that way.
    """
    if frame.startswith('"'):
        with suppress(msgspec.DecodeError):
            frame = str(msgspec.json.decode(frame))
    parts = frame.split("\n", 3)
    if len(parts) < 2 or not parts[1].strip().isdigit():
        return None
    parts += [""] * (4 - len(parts))
    return Request(parts[0].strip().strip("/").lower(), int(parts[1]), parts[2], parts[3])


@dataclass(slots=True)
class Timing:
    """How long a connection stays silent. Units: wall seconds."""

    heartbeat: float = 2.5
    silence: float = 12.0


class House(Protocol):
    """What a connection asks of the server it belongs to."""

    timing: Timing
    batch: bool

    def authorize(self, token: str) -> Session | Answer:
        """Return whose token this is, or the refusal."""

    async def answer(self, connection: "Connection", request: Request) -> Answer:
        """Return the answer to a request of a logged-in connection."""


class Connection:
    """A client's socket. What is sent waits in one row, so an answer never overtakes the events before it.

    Quotes and books that a slow reader has not taken yet are replaced by newer ones; ticks, bars and answers
    never are.
    """

    def __init__(self, house: House, request: web.Request) -> None:
        self.session: Session | None = None
        self.sync: Json | None = None
        self.stalled = asyncio.Event()
        self.stalled.set()  # set: it flows
        self.query = dict(request.query)
        self._house = house
        self._request = request
        self._socket = web.WebSocketResponse(max_msg_size=1 << 20)
        self._row: list[tuple[str, bytes]] = []
        self._places: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._asked = 0
        self._held: list[bytes] | None = None

    @property
    def waiting(self) -> int:
        """Return how many messages the client has not taken yet."""
        return len(self._row)

    @property
    def kept(self) -> int:
        """Return how many answers are kept back."""
        return len(self._held or ())

    async def serve(self) -> web.WebSocketResponse:
        """Talk until one side closes."""
        await self._socket.prepare(self._request)
        await self.stalled.wait()
        await self._socket.send_str("o")
        writer = asyncio.ensure_future(self._write())
        try:
            await self._read()
        finally:
            writer.cancel()
            self._empty.set()
        return self._socket

    def event(self, name: str, told: object, key: str | None = None) -> None:
        """Send an event; one with a key replaces an unsent one with the same key."""
        message = msgspec.json.encode({"e": name, "d": told})
        if key is not None:
            if key in self._places:
                self._row[self._places[key]] = ("event", message)
                return
            self._places[key] = len(self._row)
        self._put("event", message)

    def frame(self, text: str) -> None:
        """Send a frame as it stands, right or wrong."""
        self._put("frame", text.encode())

    def reply(self, number: int, answer: Answer) -> None:
        """Send the answer to a request; a refusal's `d` is a string, over quota it has none."""
        message: Json = {"s": answer.status, "i": number}
        if answer.body is not None:
            told: Any = answer.body
            if answer.status >= 300 and isinstance(told, dict):
                told = told.get("errorText", "")
            message["d"] = told
        encoded = msgspec.json.encode(message)
        if self._held is None:
            self._put("answer", encoded)
        else:
            self._held.append(encoded)

    def hold(self) -> None:
        """Keep answers back until `release`."""
        self._held = self._held or []

    def release(self) -> None:
        """Send the answers that were kept back, the last one first."""
        held, self._held = self._held or [], None
        for encoded in reversed(held):
            self._put("answer", encoded)

    async def flushed(self) -> None:
        """Wait until all that was sent so far has left."""
        await self._empty.wait()

    async def close(self, notice: str = '[3000,"Go away!"]') -> None:
        """Say goodbye and close."""
        self.frame(f"c{notice}")
        with suppress(TimeoutError):
            await asyncio.wait_for(self.flushed(), 1.0)
        await self._socket.close(code=1000)

    def cut(self) -> None:
        """Break the connection without a word, as a network does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def _put(self, kind: str, message: bytes) -> None:
        self._row.append((kind, message))
        self._empty.clear()
        self._wake.set()

    async def _read(self) -> None:
        while not self._socket.closed:
            try:
                message = await self._socket.receive(timeout=self._house.timing.silence)
            except TimeoutError:
                await self.close()
                return
            if message.type is WSMsgType.TEXT:
                await self._take(message.data)
            elif message.type is not WSMsgType.BINARY:
                return

    async def _take(self, frame: str) -> None:
        request = read_request(frame)
        if request is None:
            return
        self._asked += (
            1  # no "h" between a request and its answer: some clients read just one frame
        )
        try:
            if request.path == "authorize":
                answer = self._authorize(request.body)
            elif self.session is None:
                answer = Answer(401, {"errorText": "Access is denied"})
            else:
                answer = await self._house.answer(self, request)
            self.reply(request.number, answer)
        finally:
            self._asked -= 1

    def _authorize(self, body: str) -> Answer:
        token = body.strip()
        with suppress(msgspec.DecodeError):
            told = msgspec.json.decode(token)
            token = str(told.get("token", "")) if isinstance(told, dict) else str(told)
        session = self._house.authorize(token)
        if isinstance(session, Answer):
            return Answer(401, {"errorText": "Invalid access token"})
        self.session = session
        return Answer(200, None)

    async def _write(self) -> None:
        with suppress(ConnectionError, RuntimeError):
            while True:
                try:
                    await asyncio.wait_for(self._wake.wait(), self._house.timing.heartbeat)
                except TimeoutError:
                    await self.stalled.wait()
                    if not self._asked:
                        await self._socket.send_str("h")
                    continue
                await self.stalled.wait()
                self._wake.clear()
                row, self._row = self._row, []
                self._places.clear()
                for frame in frames_of(row, together=self._house.batch):
                    await self._socket.send_str(frame)
                if not self._row:
                    self._empty.set()


def frames_of(row: list[tuple[str, bytes]], *, together: bool) -> list[str]:
    """Return the frames for a row of messages: each answer alone, events in a row as one.

    `together` puts answers and events into the same frames, which clients have to bear as well.
    """
    frames: list[str] = []
    waiting: list[bytes] = []
    size = 0

    def flush() -> None:
        nonlocal size
        if waiting:
            frames.append("a[" + b",".join(waiting).decode() + "]")
            waiting.clear()
        size = 0

    for kind, message in row:
        if kind == "frame":
            flush()
            frames.append(message.decode())
        elif kind == "event" or together:
            if size + len(message) > FRAME_BYTES:
                flush()
            waiting.append(message)
            size += len(message)
        else:
            flush()
            frames.append("a[" + message.decode() + "]")
    flush()
    return frames
