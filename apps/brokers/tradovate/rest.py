"""REST calls to Tradovate: tickets waited out, redirects followed to known hosts only, refusals named."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import httpx
import msgspec
from msgspec import Raw, Struct

from apps.brokers.domain.backoff import Backoff
from apps.brokers.tradovate.frames import penalty_in
from apps.brokers.tradovate.hosts import Hosts
from apps.brokers.tradovate.quota import Lane, Quota
from apps.brokers.tradovate.wall import WallClock

log = logging.getLogger(__name__)

MAX_TICKETS = 3
MAX_REDIRECTS = 3
MAX_READS = 3
TIMEOUT_SECONDS = 15.0


class TradovateError(Exception):
    """Tradovate did not do what we asked."""


class Refused(TradovateError):
    """It was understood and refused; asking again is useless."""


class Unauthorised(Refused):
    """The token is missing, wrong or expired (401)."""


class NotFound(Refused):
    """No such path, contract or entity (404)."""


class Displaced(TradovateError):
    """A newer login has taken this session's place (408)."""


class RateLimited(TradovateError):
    """Over quota (429): no ticket helps, only quiet."""


class Locked(TradovateError):
    """Too many failed logins (423): an hour's rest."""


class CaptchaDemanded(TradovateError):
    """Only a person could clear this: an hour's rest."""


class Unreachable(TradovateError):
    """No answer, or one that only says that the server is unwell; may be tried again."""


class Unsent(Unreachable):
    """No connection came about: the call certainly did not go out."""


class WrongHost(TradovateError):
    """The server sends us elsewhere (307, 421)."""


_BY_STATUS: dict[int, type[TradovateError]] = {
    401: Unauthorised,
    404: NotFound,
    408: Displaced,
    421: WrongHost,
    423: Locked,
    429: RateLimited,
}


def error_of(status: int, text: str) -> TradovateError:
    """Return the error that a status of REST or of a socket's answer means."""
    kind = _BY_STATUS.get(status) or (Unreachable if status >= 500 else Refused)
    return kind(f"{status} {text}".strip())


class _Business(Struct, rename="camel"):
    error_text: str = ""


def refusal_in(data: bytes | Raw) -> str:
    """Return the error text that Tradovate puts into answers with status 200, else nothing."""
    if b"errorText" not in bytes(data):
        return ""
    try:
        return msgspec.json.decode(data, type=_Business).error_text
    except msgspec.DecodeError:
        return ""


class Rest:
    """One HTTP client for one environment. Belongs to one event loop.

    quota: who may call now; shared by all who call for the same login
    """

    def __init__(
        self, hosts: Hosts, wall: WallClock, chance: Random, quota: Quota | None = None
    ) -> None:
        self.hosts = hosts
        self.quota = quota or Quota(wall)
        self._wall = wall
        self._chance = chance
        self._client: httpx.AsyncClient | None = None

    async def get(
        self,
        path: str,
        *,
        token: str = "",
        query: Mapping[str, str] | None = None,
        lane: Lane = Lane.LOGIN,
    ) -> Raw:
        """Return what a query answers; read again with back-off while the server is unwell."""
        backoff = Backoff(self._chance)
        while True:
            try:
                return await self._ask("GET", path, token, dict(query or {}), None, lane)
            except Unreachable:
                if backoff.attempts + 1 >= MAX_READS:
                    raise
                await self._wall.wait(backoff.next())

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        token: str = "",
        lane: Lane = Lane.LOGIN,
        still: Callable[[], Awaitable[None]] | None = None,
    ) -> Raw:
        """Return what a call answers. It is never repeated unless the server says it was not executed.

        still: asked each time before it goes out, after every wait; what it raises is raised
        """
        return await self._ask("POST", path, token, {}, dict(body), lane, still)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(
        self,
        verb: str,
        path: str,
        token: str,
        query: dict[str, str],
        body: dict[str, Any] | None,
        lane: Lane,
        still: Callable[[], Awaitable[None]] | None = None,
    ) -> Raw:
        """Return the answer, having waited out up to three penalty tickets.

        How a ticket goes with a GET is not documented; the query is where it can go.
        """
        for _ in range(MAX_TICKETS + 1):
            await self.quota.take(lane)
            if still is not None:
                await still()
            data = await self._send(verb, path, token, query, body)
            penalty = penalty_in(data)
            if penalty is None:
                return data
            log.warning("tradovate.penalty path=%s seconds=%s", path, penalty.seconds)
            if penalty.captcha:
                raise CaptchaDemanded(path)
            await self._wall.wait(penalty.seconds)
            (query if body is None else body)["p-ticket"] = penalty.ticket
        raise RateLimited(f"{path}: one penalty ticket after the other")

    async def _send(
        self, verb: str, path: str, token: str, query: dict[str, str], body: dict[str, Any] | None
    ) -> Raw:
        url = f"{self.hosts.rest}/{path}"
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._exchange(verb, url, headers, query, body)
            log.info("tradovate.rest %s %s %s", verb, path, response.status_code)
            if response.status_code != 307:
                return _answer(response)
            # the library would drop Authorization across hosts; we send it again, to hosts we know
            url = str(response.request.url.copy_with(query=None).join(response.headers["Location"]))
            if not self.hosts.admits(url):
                raise WrongHost("307 to a host that is not ours")
        raise WrongHost("307 without end")

    async def _exchange(
        self,
        verb: str,
        url: str,
        headers: dict[str, str],
        query: dict[str, str],
        body: dict[str, Any] | None,
    ) -> httpx.Response:
        if self._client is None:
            # no proxy from the environment and no redirects: the token goes where we send it
            self._client = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_SECONDS)
        try:
            return await self._client.request(verb, url, headers=headers, params=query, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as problem:
            raise Unsent(type(problem).__name__) from None
        except httpx.HTTPError as problem:
            raise Unreachable(type(problem).__name__) from None  # its text may hold the address


def _answer(response: httpx.Response) -> Raw:
    if response.status_code >= 300:
        raise error_of(response.status_code, response.text[:200])
    if text := refusal_in(response.content):
        raise Refused(text)
    return Raw(response.content)
