"""The login: one owner of the token, renewed ahead of its end, never asked for more often than is allowed.

Tradovate allows two sessions per user and closes the oldest at the third login, so nobody but this object logs
in, and a process that was displaced stops instead of taking the place back.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import msgspec
from msgspec import Raw, Struct

from apps.brokers.domain.backoff import Backoff
from apps.brokers.tradovate.frames import instant_of
from apps.brokers.tradovate.hosts import TradovateSettings
from apps.brokers.tradovate.rest import (
    CaptchaDemanded,
    Displaced,
    Locked,
    RateLimited,
    Refused,
    Rest,
    TradovateError,
    Unauthorised,
    Unreachable,
)
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import HOUR, MINUTE, SECOND

log = logging.getLogger(__name__)

RENEW_AHEAD = 15 * MINUTE
RENEWALS_APART = 5 * MINUTE  # the quota is 15 an hour
AFTER_FAILURE = 15 * MINUTE  # 5 failed logins an hour lock the address


class CredentialsRefused(TradovateError):
    """Name, password or key are wrong: only a person can mend that."""


class LoginPaused(TradovateError):
    """Logging in again is unwise before this instant of the wall clock."""

    def __init__(self, until: int, reason: str) -> None:
        super().__init__(reason)
        self.until = until


@dataclass(frozen=True, slots=True)
class Token:
    """What opens REST and the sockets. Printed without its secrets."""

    access: str = field(repr=False)
    market_data: str = field(repr=False)
    user_id: int
    issued_at: int
    expires_at: int

    @property
    def due_at(self) -> int:
        """Return when to renew it: a quarter of an hour ahead, for short-lived ones at half-time."""
        return max(self.expires_at - RENEW_AHEAD, (self.issued_at + self.expires_at) // 2)


class _Answer(Struct, rename="camel"):
    access_token: str = ""
    md_access_token: str = ""
    expiration_time: str = ""
    user_id: int = 0
    error_text: str = ""
    api_hosts: dict[str, str] = {}


class Session:
    """Owns the token of this process: everybody asks here, nobody else logs in."""

    def __init__(
        self, settings: TradovateSettings, rest: Rest, wall: WallClock, chance: Random
    ) -> None:
        self._settings = settings
        self._rest = rest
        self._wall = wall
        self._lock = asyncio.Lock()
        self.held: Token | None = None
        self._renewed_at = 0
        self._quiet = Backoff(chance, first=15, most=3600)
        self._rejections = Backoff(chance, first=1, most=900)
        self._pause: LoginPaused | CredentialsRefused | Displaced | None = None

    async def token(self) -> Token:
        """Return a token that is valid now, having logged in or renewed where it was time.

        Raises:  CredentialsRefused  for good; nothing more is sent
                 LoginPaused  not before its `until`
                 Displaced, Unreachable  as the server has it
        """
        async with self._lock:
            now = self._wall.now()
            if self.held is None or now >= self.held.expires_at:
                self.held = await self._log_in()
            elif now >= self.held.due_at:
                self.held = await self._renewed(self.held)
            return self.held

    async def renew(self) -> Token:
        """Return a renewed token, to learn new hosts; the same one if the last renewal was just now."""
        async with self._lock:
            if self.held is not None:
                self.held = await self._renewed(self.held)
                return self.held
        return await self.token()

    def reject(self, token: Token) -> None:
        """Hear that the server did not take this token; the next caller logs in anew.

        A server that takes none of them is not asked for a new one at every turn.
        """
        if self.held is not token:
            return
        self.held = None
        now = self._wall.now()
        if now - token.issued_at > RENEWALS_APART:
            self._rejections.reset()
        elif self._rejections.attempts:
            wait = int(self._rejections.next() * SECOND)
            self._pause = LoginPaused(now + wait, "new tokens are rejected")
        else:
            self._rejections.next()

    async def verify(self, token: Token) -> None:
        """Learn why a socket did not take this token; afterwards a new one may be asked for.

        Raises:  Displaced  somebody logged in elsewhere: we do not take the place back
        """
        with suppress(Refused, RateLimited, Unreachable, CaptchaDemanded):
            await self._rest.get("auth/me", token=token.access)
        self.reject(token)

    async def is_taken(self, token: Token) -> bool:
        """Return whether the server takes this token: a call may be refused for its own sake. A bad one is given up.

        Raises:  Displaced and what else the server has to say
        """
        try:
            await self._rest.get("auth/me", token=token.access)
        except Unauthorised:
            self.reject(token)
            return False
        return True

    async def hear(self, problem: TradovateError, token: Token | None = None) -> bool:
        """Hear of trouble that somebody had with a token, ours if none is named. Once displaced, nothing here logs in again.

        Returns whether that holds.
        """
        if isinstance(problem, Displaced):
            self.held, self._pause = None, problem
        return True

    async def freed(self) -> bool:
        """Return whether a login that was displaced may be used again; nobody can say so to a session of its own."""
        return False

    async def move(self) -> None:
        """Learn the hosts anew after a call was sent elsewhere; trouble with that is left to the next caller."""
        with suppress(TradovateError):
            await self.renew()

    async def keep_fresh(self) -> None:
        """Renew ahead of time for as long as this runs; trouble is left to the next caller."""
        while True:
            due = self.held.due_at if self.held else self._wall.now() + MINUTE
            # never less than a minute: a renewal that failed is not tried at every turn of the loop
            await self._wall.wait(max(due - self._wall.now(), MINUTE) / SECOND)
            if self.held is not None:
                try:
                    await self.token()
                except TradovateError as problem:
                    log.warning("tradovate.renewal failed=%s", type(problem).__name__)

    async def _log_in(self) -> Token:
        if isinstance(self._pause, CredentialsRefused | Displaced):
            raise self._pause
        if self._pause is not None and self._wall.now() < self._pause.until:
            raise self._pause
        try:
            token = await self._ask_for_token()
        except (CredentialsRefused, LoginPaused) as pause:
            self._pause = pause
            raise
        self._pause = None
        return token

    async def _ask_for_token(self) -> Token:
        """Log in, once.

        Raises:  CredentialsRefused, LoginPaused  what the refusal means for the next attempt
                 Unreachable, Displaced
        """
        settings = self._settings
        body: dict[str, object] = {
            "name": settings.name,
            "password": settings.password,
            "appId": settings.app_id,
            "appVersion": settings.app_version,
            "deviceId": settings.device_id,
        }
        if settings.cid:
            body |= {"cid": int(settings.cid) if settings.cid.isdigit() else settings.cid}
            body |= {"sec": settings.sec}
        try:
            token = self._read(await self._rest.post("auth/accesstokenrequest", body))
        except (Refused, RateLimited, Locked, CaptchaDemanded) as problem:
            pause = self._judge(problem)
            log.warning("tradovate.login failed=%s", type(pause).__name__)
            raise pause from None
        self._quiet.reset()
        log.info("tradovate.login user_id=%s", token.user_id)
        return token

    def _judge(self, problem: TradovateError) -> LoginPaused | CredentialsRefused:
        """Return what a failed login means for the next one."""
        now = self._wall.now()
        match problem:
            case Unauthorised():
                return CredentialsRefused(str(problem))
            case CaptchaDemanded() | Locked():
                return LoginPaused(now + HOUR, "locked or a captcha demanded: resting for an hour")
            case RateLimited():
                return LoginPaused(now + int(self._quiet.next() * SECOND), "over quota: resting")
            case _ if "incorrect username or password" in str(problem).lower():
                return CredentialsRefused(str(problem))
            case _:
                return LoginPaused(now + AFTER_FAILURE, str(problem))

    async def _renewed(self, token: Token) -> Token:
        """Return a renewed token, or the old one while it is good and renewing can wait."""
        now = self._wall.now()
        if now - self._renewed_at < RENEWALS_APART and now < token.expires_at:
            return token
        self._renewed_at = now
        try:
            fresh = self._read(await self._rest.get("auth/renewaccesstoken", token=token.access))
        except Unauthorised:
            return await self._log_in()
        except (RateLimited, Unreachable, CaptchaDemanded, Refused):
            if self._wall.now() < token.expires_at:
                return token
            raise
        log.info("tradovate.renewed")
        return fresh if fresh.market_data else with_market_data(fresh, token)

    def _read(self, data: Raw) -> Token:
        """Return the token in an answer and take the hosts it names.

        Raises:  Refused  there is none, whatever the status said
        """
        try:
            answer = msgspec.json.decode(data, type=_Answer)
            expires_at = instant_of(answer.expiration_time)
        except (msgspec.DecodeError, ValueError):
            raise Unreachable("unreadable token answer") from None
        if not answer.access_token:
            raise Refused(answer.error_text or "no token in the answer")
        self._rest.hosts = self._rest.hosts.steered(answer.api_hosts, self._settings.environment)
        return Token(
            answer.access_token,
            answer.md_access_token,
            answer.user_id,
            self._wall.now(),
            expires_at,
        )


def with_market_data(fresh: Token, old: Token) -> Token:
    """Return a renewed token that came without one for market data, with the old one."""
    return Token(
        fresh.access,
        old.market_data,
        fresh.user_id or old.user_id,
        fresh.issued_at,
        fresh.expires_at,
    )
