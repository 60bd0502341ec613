"""The whole desk in one process: web server, engine and feed, worker, and the simulated market.

daphne's event loop is the main thread's; every other part has threads of its own and is started, watched and
stopped from here. A part that dies takes the process down: whoever supervises it starts it again, into the one
recovery path.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from daphne.server import Server  # before anybody else imports Twisted's reactor
from twisted.internet import defer
from twisted.internet import reactor as twisted_reactor

STOP_S: Final = 4.0  # all parts together; a crash is safe, so nothing is worth waiting longer for
WATCH_S: Final = 1.0

reactor: Any = twisted_reactor
logger = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs beside the web server, on threads of its own."""

    @property
    def name(self) -> str:
        """Return what logs call it."""

    def start(self) -> None:
        """Begin; returns when others may rely on it. Raises if it cannot."""

    def stop(self) -> None:
        """End; returns when it has ended."""

    def is_alive(self) -> bool:
        """Return whether it still runs. Having come to its end is dying, too."""


class PortTaken(Exception):
    """The port cannot be had: somebody else listens there, or it is not ours to have."""

    def __init__(self, reason: str, *, somebody_listens: bool = True) -> None:
        super().__init__(reason)
        self.somebody_listens = somebody_listens


class OneBox:
    """Runs until a signal or a dead part ends it. Use once."""

    def __init__(
        self,
        *,
        application: Any,
        host: str,
        port: int,
        parts: Sequence[Part],
        ready: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._started: list[Part] = []
        self._ready = ready
        self._failed = ""
        self._watch: asyncio.Task[None] | None = None
        self._address = (host, port)
        host_name = host.replace(":", r"\:")
        self._server = Server(
            application,
            endpoints=[f"tcp:port={port}:interface={host_name}"],
            ready_callable=self._begin,
            server_name="tradehub",
            application_close_timeout=2,
            verbosity=0,
        )

    def run(self) -> str:
        """Serve until told to end. Return why a part failed, empty if nothing did.

        Raises:  PortTaken  before anything is started
        """
        check_free(*self._address)
        # Twisted takes SIGINT over only where Python's own handler stands.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._server.run()
        if not self._server.listening_addresses:  # taken between the check and now
            raise PortTaken("somebody took it")
        return self._failed

    def _begin(self) -> None:
        loop = asyncio.get_event_loop()
        self._watch = loop.create_task(self._live())
        reactor.addSystemEventTrigger("before", "shutdown", self._shutdown)

    async def _live(self) -> None:
        """Start the parts one after the other, say that we are ready, and watch them."""
        try:
            for part in self._parts:
                self._failed = f"{part.name} could not start"
                await asyncio.to_thread(part.start)
                self._started.append(part)
            self._failed = ""
            gc.collect()
            gc.freeze()  # what is loaded by now stays: no page and no tick waits while it is walked again
            self._ready()
            while not self._failed:
                await asyncio.sleep(WATCH_S)
                dead = [part.name for part in self._started if not part.is_alive()]
                self._failed = f"{dead[0]} ended unexpectedly" if dead else ""
        except asyncio.CancelledError:
            self._failed = ""
            raise
        except Exception as problem:
            logger.exception(self._failed)
            self._failed = f"{self._failed}: {problem}"
        reactor.callLater(0, self._server.stop)

    def _shutdown(self) -> Any:
        guard = threading.Timer(STOP_S, self._give_up)
        guard.daemon = True
        guard.start()
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        """Stop the parts, the last started first."""
        if self._watch is not None and not self._watch.done():
            self._watch.cancel()
        for part in reversed(self._started):
            try:
                await asyncio.to_thread(part.stop)
            except Exception:
                logger.exception("%s did not end well", part.name)

    def _give_up(self) -> None:
        """End at once: some part hangs, and what it leaves is what a crash leaves."""
        logger.error("a part did not end in time")
        os._exit(1 if self._failed else 0)


def check_free(host: str, port: int) -> None:
    """Find out early whether the port can be had.

    Raises:  PortTaken
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            in_use = problem.errno == errno.EADDRINUSE
            raise PortTaken(problem.strerror or str(problem), somebody_listens=in_use) from problem
