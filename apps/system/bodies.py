"""How the web server takes in what is posted: no second parse of forms, and no more than the desk takes.

Twisted parses a posted form itself, whole and in memory with several copies, and daphne never looks at what comes of it;
200 MB cost 1.8 GB and held the interpreter for half a minute. Then daphne hands a body to the application at once, so one
that is too large is not kept: its bytes are read and dropped, and `apps.system.limits` answers by the length it had.
"""

from typing import Any

from daphne import http_protocol

from apps.system.limits import MOST_BODY


class Request(http_protocol.WebRequest):  # type: ignore[misc]
    """A request whose body is kept up to a limit, and parsed by Django alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "parsePOSTFormSubmission": False})
        self._length = 0
        self._dropped = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802 Twisted's name
        """Make room for a body; none for one that says it is too large."""
        self._dropped = length is not None and length > MOST_BODY
        super().gotLength(0 if self._dropped else length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 Twisted's name
        """Keep a piece, unless the whole is too large; it may never have said how long it is."""
        self._length += len(data)
        if not self._dropped and self._length > MOST_BODY:
            self._dropped = True
            self.content.seek(0)
            self.content.truncate()
        if not self._dropped:
            super().handleContentChunk(data)

    def process(self) -> Any:
        """Hand it to the application, with the length it really had."""
        if self._dropped:
            self.requestHeaders.setRawHeaders(b"Content-Length", [str(self._length).encode()])
        return super().process()


def install() -> None:
    """Have daphne use it, in every process that serves `tradehub.asgi`."""
    http_protocol.WebRequest = Request
