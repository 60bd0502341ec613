"""One Tradovate socket from its opening to its end: authorised, beating, answers matched to requests.

What happens after the end (back-off, a new socket, the same subscriptions) is the business of `line.py`.
"""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw, Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from apps.brokers.tradovate.frames import (
    HEARTBEAT,
    Beat,
    ChartPacket,
    Closing,
    Event,
    Heard,
    Opened,
    Response,
    decode_frame,
    encode_request,
    penalty_in,
)
from apps.brokers.tradovate.rest import (
    MAX_TICKETS,
    CaptchaDemanded,
    RateLimited,
    Refused,
    Unreachable,
    error_of,
    refusal_in,
)
from apps.brokers.tradovate.wall import WallClock

log = logging.getLogger(__name__)

# The library logs whole frames, the token's among them, at DEBUG: its own logger never gets that low.
_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.WARNING)

BEAT_SECONDS = 2.5
SILENCE_SECONDS = 10.0
OPEN_SECONDS = 10.0
ANSWER_SECONDS = 10.0
SILENT, DEAD_STREAM = 4000, 4001
MAX_FRAME = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a socket is over. `shutdown` is the reason code that the server gave beforehand, if it did."""

    reason: str
    shutdown: str = ""


class _Shutdown(Struct, rename="camel"):
    reason_code: str = "Unknown"
    reason: str = ""


class _NoRedirect(connect):
    """The library follows redirects to any host; the token may not go everywhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Connection:
    """One socket. `hear` gets events and chart packets in order; `frame_heard` is called after each frame."""

    def __init__(
        self,
        socket: ClientConnection,
        wall: WallClock,
        hear: Callable[[Event | ChartPacket], None],
        frame_heard: Callable[[], None],
        dropped: Counter[str],
    ) -> None:
        self._socket = socket
        self._wall = wall
        self._hear = hear
        self._frame_heard = frame_heard
        self._dropped = dropped
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._streams: dict[int, Callable[[Response], None]] = {}
        self._opened = asyncio.Event()
        self._heard_at = wall.elapsed()
        self._said = ""  # the server's own reason for closing
        self._shutdown = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls,
        url: str,
        token: str,
        wall: WallClock,
        *,
        hear: Callable[[Event | ChartPacket], None],
        frame_heard: Callable[[], None],
        dropped: Counter[str],
    ) -> "Connection":
        """Return an authorised connection.

        Raises:  Unauthorised, Displaced, RateLimited, WrongHost, Unreachable  no connection came about
        """
        opening = _NoRedirect(
            url,
            ping_interval=None,  # Tradovate's own heartbeats tell whether it lives
            open_timeout=None,
            close_timeout=1,
            max_size=MAX_FRAME,
            proxy=None,
            logger=_wire_log,
        )
        try:
            socket = await wall.within(OPEN_SECONDS, _opened(opening))
        except InvalidStatus as problem:
            status = problem.response.status_code
            raise error_of(421 if 300 <= status < 400 else status, "socket refused") from None
        except (OSError, TimeoutError, WebSocketException) as problem:
            raise Unreachable(type(problem).__name__) from None
        connection = cls(socket, wall, hear, frame_heard, dropped)
        connection._begin()
        try:
            await connection._authorize(token)
        except BaseException:
            await connection.close("not authorised")
            raise
        return connection

    async def request(
        self, endpoint: str, query: str = "", body: Mapping[str, Any] | None = None
    ) -> Raw:
        """Return what the server answers, having waited out penalty tickets.

        Raises:  CaptchaDemanded  this operation has to rest for an hour
                 Refused, Unauthorised, NotFound, RateLimited ...  by status, or by an error text inside 200
                 Unreachable  no answer in time, or the socket ended
        """
        content = dict(body) if body is not None else None
        for _ in range(MAX_TICKETS + 1):
            response = await self._ask(endpoint, next(self._ids), query, content)
            if not 200 <= response.status < 300:
                raise error_of(response.status, _text(response.data))
            penalty = penalty_in(response.data)
            if penalty is None:
                break
            log.warning("tradovate.penalty endpoint=%s seconds=%s", endpoint, penalty.seconds)
            if penalty.captcha:
                raise CaptchaDemanded(endpoint)
            await self._wall.wait(penalty.seconds)
            content = (content or {}) | {"p-ticket": penalty.ticket}
        else:
            raise RateLimited(f"{endpoint}: one penalty ticket after the other")
        if text := refusal_in(response.data):
            raise Refused(text)
        return response.data

    async def stream(
        self, endpoint: str, body: Mapping[str, Any], hear: Callable[[Response], None]
    ) -> None:
        """Send a request that may be answered in several parts; each goes to `hear`."""
        request_id = next(self._ids)
        self._streams[request_id] = hear
        await self._send(encode_request(endpoint, request_id, "", body))

    async def ended(self) -> Ended:
        """Wait for the end and return its reason."""
        return await asyncio.shield(self._ended)

    async def close(self, reason: str, code: int = 1000) -> None:
        """End it now: nothing is sent afterwards."""
        self._finish(Ended(reason, self._shutdown))
        # closing waits for the other side's close frame, which a dead one never sends
        await self._socket.close(code)

    @property
    def is_open(self) -> bool:
        """Return whether requests make sense."""
        return not self._ended.done()

    def _begin(self) -> None:
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._beat())]
        for task in self._tasks:
            task.add_done_callback(self._note_failure)

    async def _authorize(self, token: str) -> None:
        try:
            await self._wall.within(OPEN_SECONDS, self._until_open())
        except TimeoutError:
            raise Unreachable("no open frame") from None
        response = await self._ask("authorize", 0, "", token)
        if response.status != 200:
            raise error_of(response.status, _text(response.data))

    async def _until_open(self) -> None:
        opened = asyncio.ensure_future(self._opened.wait())
        ended = asyncio.ensure_future(self.ended())
        await asyncio.wait([opened, ended], return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        ended.cancel()
        if self._ended.done():
            raise Unreachable(self._ended.result().reason)

    async def _ask(self, endpoint: str, request_id: int, query: str, body: object) -> Response:
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            await self._send(encode_request(endpoint, request_id, query, body))
            return await self._wall.within(ANSWER_SECONDS, _value(answer))
        except TimeoutError:
            raise Unreachable(f"no answer to {endpoint}") from None
        finally:
            self._waiting.pop(request_id, None)

    async def _send(self, text: str) -> None:
        if self._ended.done():
            raise Unreachable("socket ended")
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            raise Unreachable("socket ended") from None

    async def _beat(self) -> None:
        """Send heartbeats by our own timer, and end a socket that has fallen silent.

        On a busy socket Tradovate sends no `h` to answer, so it is time that drives this and not frames.
        """
        while True:
            await self._wall.wait(BEAT_SECONDS)
            if self._wall.elapsed() - self._heard_at > SILENCE_SECONDS:
                self._finish(Ended("silent for 10 s", self._shutdown))
                await self._socket.close(SILENT)
                return
            try:
                await self._wall.within(SILENCE_SECONDS, self._send(HEARTBEAT))
            except (Unreachable, TimeoutError):
                continue  # the reader, or the silence, will end it

    async def _read(self) -> None:
        try:
            while True:
                data = await self._socket.recv(decode=False)
                self._heard_at = self._wall.elapsed()
                for heard in decode_frame(data, self._drop):
                    self._take(heard)
                self._frame_heard()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            self._finish(Ended(self._said or f"closed by the server ({code})", self._shutdown))

    def _take(self, heard: Heard) -> None:
        match heard:
            case ChartPacket():
                self._hear(heard)
            case Response():
                self._answer(heard)
            case Event("shutdown"):
                self._note_shutdown(heard.data)
            case Event():
                self._hear(heard)
            case Opened():
                self._opened.set()
            case Closing():
                self._said = f"closed by the server ({heard.code} {heard.reason})"
                self._finish(Ended(self._said, self._shutdown))
            case Beat():
                pass

    def _answer(self, response: Response) -> None:
        answer = self._waiting.pop(response.id, None)
        if answer is not None:
            if not answer.done():
                answer.set_result(response)
        elif response.id in self._streams:
            self._streams[response.id](response)
        else:
            self._drop("answer to no request")

    def _note_shutdown(self, data: Raw) -> None:
        try:
            notice = msgspec.json.decode(data, type=_Shutdown)
        except msgspec.DecodeError:
            notice = _Shutdown()
        self._shutdown = notice.reason_code
        self._said = f"shutdown: {notice.reason_code} {notice.reason}".strip()

    def _drop(self, reason: str) -> None:
        self._dropped[reason] += 1
        log.warning("tradovate.dropped reason=%s count=%s", reason, self._dropped[reason])

    def _note_failure(self, task: "asyncio.Task[None]") -> None:
        """Let a fault of our own end the socket loudly; whoever waits for the end gets it."""
        if not task.cancelled() and (fault := task.exception()) and not self._ended.done():
            self._ended.set_exception(fault)

    def _finish(self, ended: Ended) -> None:
        if self._ended.done():
            return
        self._ended.set_result(ended)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unreachable(ended.reason))
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()


async def _opened(opening: connect) -> ClientConnection:
    return await opening


async def _value(future: "asyncio.Future[Response]") -> Response:
    return await future


def _text(data: Raw) -> str:
    """Return the words of an error answer, whose data is a string on sockets and an object on REST."""
    try:
        return str(msgspec.json.decode(data, type=str))
    except msgspec.DecodeError:
        return refusal_in(data)
