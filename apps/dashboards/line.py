"""Whether a browser keeps up: the server's write buffer, as a WebSocket application may know it.

ASGI has no back-pressure that daphne passes on: `send` returns at once and the bytes pile up. So the
connection asks Twisted, by its ordinary producer contract, to be told when the buffer is full and when
it is empty again. Other servers let `send` wait; there the line always counts as free.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer  # type: ignore[import-untyped]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@implementer(IPushProducer)
class Line:
    """One connection's way out. Twisted calls these names."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()

    def pauseProducing(self) -> None:  # noqa: N802
        """Hear that the buffer is full (64 KB)."""
        self.free.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        """Hear that the buffer is empty."""
        self.free.set()

    def stopProducing(self) -> None:  # noqa: N802
        """Hear that the connection is gone."""
        self.free.set()


class WithLine:
    """Puts the connection's line into its scope, as `scope["line"]`. Outermost, next to the server."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        line = Line()
        protocol = next(iter(getattr(send, "args", ())), None)  # daphne hands over a partial
        transport: Any = getattr(protocol, "transport", None)
        if hasattr(transport, "registerProducer"):
            transport.unregisterProducer()  # the HTTP connection from which this one was upgraded
            transport.registerProducer(line, True)
        await self._app({**scope, "line": line}, receive, send)
