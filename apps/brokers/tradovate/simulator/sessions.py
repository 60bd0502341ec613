"""Who is logged in, with which tokens, and how often he may ask. Source: tradovate-protocol.md 4 and 5.

Wall time here, in whole seconds as a float from the simulator's own wall clock: tokens and quotas have nothing
to do with the market.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apps.brokers.tradovate.simulator.answer import Answer, stamp
from apps.bus.domain.message import SECOND

TOKEN_SECONDS: Final = 90 * 60
SESSIONS: Final = 2
USER_ID: Final = 7001
NAME: Final = "demo"  # the password is the same word, of any other user too unless the plan has one
BAD_LOGIN: Final = (
    "Incorrect username or password. Please try again, noting that passwords are case-sensitive."
)


@dataclass(frozen=True, slots=True)
class Quota:
    """How many calls of one operation fit into a rolling hour, and how long the ticket then waits."""

    calls: int
    wait: int
    failures_only: bool = False


QUOTAS: Final = {
    "auth/accesstokenrequest": Quota(5, 15, failures_only=True),
    "auth/renewaccesstoken": Quota(15, 15),
    "auth/me": Quota(10, 30, failures_only=True),
    "user/syncrequest": Quota(300, 3),
}
HOURLY: Final = 5000
ANONYMOUS_HOURLY: Final = 1000


@dataclass(eq=False, slots=True)
class Session:
    """One log-in. A renewal gives it new tokens; the old ones live until their own time."""

    number: int
    user: str = NAME
    expires: dict[str, float] = field(default_factory=dict)
    displaced: bool = False


class Sessions:
    """All log-ins of the demo user, the penalty tickets, and the quotas.

    `on_displaced` hears of a session that a newer log-in pushed out. `users` see the same account, but their log-ins
    push only their own out: the desk's feed is one of them, its trader another.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        on_displaced: Callable[[Session], None],
        users: tuple[str, ...] = (NAME,),
        passwords: Mapping[str, str] | None = None,
    ) -> None:
        self._users = users
        self._passwords = passwords or {}
        self.auth_error_mode = "body200"
        self.token_seconds = float(TOKEN_SECONDS)
        self._wall = wall
        self._on_displaced = on_displaced
        self._sessions: list[Session] = []
        self._tokens: dict[str, Session] = {}
        self._made = 0
        self._calls: dict[str, deque[float]] = {}

    def log_in(self, asked: dict[str, Any]) -> Answer:
        """Answer a token request: new tokens, or why not."""
        if (over := self._over("auth/accesstokenrequest")) is not None:
            return over
        name = asked.get("name")
        if name not in self._users or asked.get("password") != self._passwords.get(name, name):
            self._count("auth/accesstokenrequest")
            status = 401 if self.auth_error_mode == "http401" else 200
            return Answer(status, {"errorText": BAD_LOGIN})
        session = Session(number=self._made + 1, user=str(name))
        self._sessions.append(session)
        while sum(one.user == name for one in self._sessions) > SESSIONS:
            self.displace(str(name))
        return self._tokens_for(session)

    def renew(self, session: Session) -> Answer:
        """Answer a renewal: new tokens of the same session."""
        if (over := self._over("auth/renewaccesstoken")) is not None:
            return over
        self._count("auth/renewaccesstoken")
        return self._tokens_for(session)

    def displace(self, user: str | None = None) -> None:
        """Push the oldest session out, as a log-in too many does; of one user, or of all."""
        oldest = next((one for one in self._sessions if user in (None, one.user)), None)
        if oldest is not None:
            self._sessions.remove(oldest)
            oldest.displaced = True
            self._on_displaced(oldest)

    def expire(self) -> None:
        """Let every token that is out be expired from now on."""
        for session in self._tokens.values():
            session.expires = dict.fromkeys(session.expires, self._wall())

    def session_of(self, token: str) -> Session | Answer:
        """Return whose token this is, or the refusal it gets."""
        session = self._tokens.get(token)
        if session is None:
            return Answer(401, {"errorText": "Access is denied"})
        if session.displaced:
            return Answer(408, {"errorText": "Session is displaced by a newer one"})
        if session.expires[token] <= self._wall():
            return Answer(401, {"errorText": "Expired Access Token"})
        return session

    def over_quota(self, path: str, session: Session | None) -> Answer | None:
        """Count one call; return the refusal if it is one too many."""
        name, most = ("anonymous", ANONYMOUS_HOURLY) if session is None else ("user", HOURLY)
        if self._recent(name) >= most:
            return Answer(429, None)
        self._count(name)
        if path == "user/syncrequest":
            if (over := self._over(path)) is not None:
                return over
            self._count(path)
        return None

    def _over(self, path: str) -> Answer | None:
        quota = QUOTAS[path]
        if self._recent(path) < quota.calls:
            return None
        # a log-in over its quota goes straight to the state that no program can clear
        captcha = path == "auth/accesstokenrequest"
        return Answer(200, {"p-ticket": f"pt-{path}", "p-time": quota.wait, "p-captcha": captcha})

    def _recent(self, name: str) -> int:
        calls = self._calls.setdefault(name, deque())
        while calls and calls[0] <= self._wall() - 3600:
            calls.popleft()
        return len(calls)

    def _count(self, name: str) -> None:
        self._calls.setdefault(name, deque()).append(self._wall())

    def _tokens_for(self, session: Session) -> Answer:
        self._made += 1
        expires = self._wall() + self.token_seconds
        access, md = f"AT.sim.{self._made:04d}", f"MD.sim.{self._made:04d}"
        for token in (access, md):
            session.expires[token] = expires
            self._tokens[token] = session
        return Answer(
            200,
            {
                "accessToken": access,
                "mdAccessToken": md,
                "expirationTime": stamp(int(expires * SECOND)),
                "passwordExpirationTime": stamp(int((expires + 180 * 86_400) * SECOND)),
                "userStatus": "Active",
                "userId": USER_ID,
                "name": session.user,
                "hasLive": False,
            },
        )
