"""One token for every process: whoever holds the lease logs in or renews, the others take what he was given.

Tradovate allows two sessions per user and closes the oldest at the third login; renewals are 15 an hour. So the token,
the pauses and how the login stands are one row that all of them read, and only the holder of its lease asks.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from apps.brokers.tradovate.hosts import TradovateSettings
from apps.brokers.tradovate.rest import (
    CaptchaDemanded,
    Displaced,
    RateLimited,
    Refused,
    Rest,
    TradovateError,
    Unauthorised,
    Unreachable,
)
from apps.brokers.tradovate.session import (
    RENEWALS_APART,
    CredentialsRefused,
    LoginPaused,
    Session,
    Token,
    with_market_data,
)
from apps.brokers.tradovate.wall import WallClock
from apps.bus.domain.message import MINUTE

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0  # so soon does a process learn that the login stands otherwise
LEASE = 2 * MINUTE  # longer than a login with all its penalty tickets
WAIT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Kept:
    """What the shared row says.

    barred: why nobody logs in until the owner says so, "" = nothing in the way
    login:  with what to log in from now on, where that may have changed
    """

    token: Token | None = field(default=None, repr=False)
    barred: str = ""
    is_displaced: bool = False
    paused_until: int = 0
    reason: str = ""
    renewed_at: int = 0
    hosts: Mapping[str, str] = field(default_factory=dict)
    login: TradovateSettings | None = None


class TokenStore(Protocol):
    """The shared row. Each write is one statement; `claim` is a compare-and-set."""

    async def look(self) -> Kept:
        """Return what it says now."""

    async def claim(self, until: int) -> bool:
        """Take the lease if nobody holds it."""

    async def release(self) -> None:
        """Give the lease back, if it is still ours."""

    async def renewing(self, at: int) -> None:
        """Note that a renewal is attempted."""

    async def keep(self, token: Token, hosts: Mapping[str, str]) -> None:
        """Share a new token, if the lease is still ours: the login is good."""

    async def drop(self, issued_at: int) -> None:
        """Forget the token of this moment: the server does not take it."""

    async def refuse(self, reason: str) -> None:
        """Bar the login: name, password or key are wrong."""

    async def displace(self, issued_at: int) -> None:
        """Bar the login: the session with the token of this moment was pushed out."""

    async def pause(self, until: int, reason: str) -> None:
        """Let nobody log in before this instant."""


class SharedSession(Session):
    """A session whose token belongs to every process of the desk."""

    def __init__(
        self,
        settings: TradovateSettings,
        rest: Rest,
        wall: WallClock,
        chance: Random,
        store: TokenStore,
    ) -> None:
        super().__init__(settings, rest, wall, chance)
        self._store = store
        self._looked = -LOOK_SECONDS
        self._own_hosts = rest.hosts

    async def token(self) -> Token:
        """Return a token that is valid now.

        Raises:  CredentialsRefused, Displaced  until the owner says so
                 LoginPaused  not before its `until`
                 Unreachable  as the server has it
        """
        async with self._lock:
            held = self.held
            looked = self._wall.elapsed() - self._looked < LOOK_SECONDS
            if held is not None and looked and self._wall.now() < held.due_at:
                return held
            return await self._current(renew=False)

    async def renew(self) -> Token:
        """Return a renewed token, to learn new hosts; another process may have learned them already."""
        async with self._lock:
            return await self._current(renew=True)

    async def verify(self, token: Token) -> None:
        """Learn why a socket did not take this token, and let the others know."""
        try:
            await super().verify(token)
        except Displaced as problem:
            await self.hear(problem, token)
            raise
        await self._store.drop(token.issued_at)

    async def is_taken(self, token: Token) -> bool:
        """Return whether the server takes this token; a bad one is given up for everybody."""
        taken = await super().is_taken(token)
        if not taken:
            await self._store.drop(token.issued_at)
            if isinstance(self._pause, LoginPaused) and self._wall.now() < self._pause.until:
                await self._store.pause(self._pause.until, str(self._pause))
        return taken

    async def hear(self, problem: TradovateError, token: Token | None = None) -> bool:
        """Hear of trouble with a token, ours if none is named. Displaced: nobody logs in until the owner says so.

        Returns whether that holds: another session of ours may have taken the place of the one that was pushed out.
        """
        if not isinstance(problem, Displaced):
            return True
        lost = token or self.held
        if lost is not None:
            await self._store.displace(lost.issued_at)
            if self.held is not None and self.held.issued_at <= lost.issued_at:
                self.held = None
        return (await self._store.look()).is_displaced

    async def freed(self) -> bool:
        """Return as soon as the owner let the login be used again, here or in another process."""
        while True:
            try:
                if not (await self._store.look()).is_displaced:
                    return True
            except Exception:  # the shared row may be out of reach for a while
                log.exception("tradovate.shared look")
            await self._wall.wait(LOOK_SECONDS)

    async def _current(self, *, renew: bool) -> Token:
        began = self._wall.now()
        while True:
            kept = await self._take_over()
            if (good := self._good_enough(kept, renew=renew)) is not None:
                return good
            if await self._store.claim(self._wall.now() + LEASE):
                try:
                    return await self._ask_as_owner(renew=renew)
                finally:
                    await self._store.release()
            if self.held is not None:
                return self.held  # somebody else renews it, and it is good until then
            if self._wall.now() - began > LEASE:
                raise Unreachable("another process has been logging in for too long")
            await self._wall.wait(WAIT_SECONDS)

    async def _take_over(self) -> Kept:
        """Read the shared row: its token becomes ours.

        Raises:  CredentialsRefused, Displaced  nobody may log in
        """
        kept = await self._store.look()
        self._looked = self._wall.elapsed()
        self.held = None
        self._settings = kept.login or self._settings
        if kept.is_displaced:
            raise Displaced(kept.barred)
        if kept.barred:
            raise CredentialsRefused(kept.barred)
        moved = replace(
            self._own_hosts,
            rest=kept.hosts.get("rest", self._own_hosts.rest),
            trading=kept.hosts.get("trading", self._own_hosts.trading),
        )
        if self._own_hosts.admits(moved.rest) and self._own_hosts.admits(moved.trading):
            self._rest.hosts = moved
        if kept.token is not None and self._wall.now() < kept.token.expires_at:
            self.held = kept.token
        return kept

    def _good_enough(self, kept: Kept, *, renew: bool) -> Token | None:
        """Return the token if nothing has to be asked for, or nothing may be asked for yet.

        Raises:  LoginPaused  there is none, and none may be asked for
        """
        now = self._wall.now()
        if self.held is None:
            if now < kept.paused_until:
                raise LoginPaused(kept.paused_until, kept.reason)
            return None
        just_now = now - kept.renewed_at < RENEWALS_APART
        return self.held if just_now or (not renew and now < self.held.due_at) else None

    async def _ask_as_owner(self, *, renew: bool) -> Token:
        kept = await self._take_over()  # the last owner may have been done a moment before
        if (good := self._good_enough(kept, renew=renew)) is not None:
            return good
        if self.held is not None and (fresh := await self._renew_as_owner(self.held)) is not None:
            return fresh
        try:
            token = await self._ask_for_token()
        except CredentialsRefused as refused:
            await self._store.refuse(str(refused))
            raise
        except LoginPaused as pause:
            await self._store.pause(pause.until, str(pause))
            raise
        except Displaced:
            await self._store.displace(0)
            raise
        return await self._share(token)

    async def _renew_as_owner(self, token: Token) -> Token | None:
        """Return a renewed token, the old one while it is good, None if a login is needed."""
        await self._store.renewing(self._wall.now())
        try:
            fresh = self._read(await self._rest.get("auth/renewaccesstoken", token=token.access))
        except Unauthorised:
            await self._store.drop(token.issued_at)
            return None
        except Displaced:
            await self._store.displace(token.issued_at)
            raise
        except (RateLimited, Unreachable, CaptchaDemanded, Refused):
            if self._wall.now() < token.expires_at:
                return token
            raise
        return await self._share(fresh if fresh.market_data else with_market_data(fresh, token))

    async def _share(self, token: Token) -> Token:
        hosts = self._rest.hosts
        await self._store.keep(token, {"rest": hosts.rest, "trading": hosts.trading})
        self.held = token
        return token
