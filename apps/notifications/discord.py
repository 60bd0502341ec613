"""Discord's REST API: what we ask, and what each answer means for us. Nothing here is kept or logged but codes.

Every call gives one of these answers; none raises for what Discord or the network does.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
from django.conf import settings

TIMEOUT_S: Final = 10.0
AGENT: Final = "DiscordBot (https://github.com/tradehub/tradehub, {version})"
EPOCH_MS: Final = 1_420_070_400_000  # Discord's snowflakes count from 2015
PAGE: Final = 100
USUAL_WAIT_S: Final = 60.0  # where it asks for silence and does not say how long
LONGEST_WAIT_S: Final = 3600.0
BARRED_WAIT_S: Final = 600.0
# Refusals that are about the one who is written to: closed messages, no server in common, no access to the conversation.
PERSONAL: Final = frozenset({50007, 50278, 50001, 50013, 10003, 10013, 50033})


@dataclass(frozen=True, slots=True)
class Done:
    """It was done. `pause_s`: the next call of this kind has to wait so long."""

    data: Any
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Wait:
    """It was not done, for nothing that the person did. `everywhere`: all of us wait, not this route alone."""

    seconds: float
    everywhere: bool
    reason: str = "Discord asks us to wait"


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and asking again would change nothing. `code` is Discord's own, 0 if it gave none."""

    status: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class BadToken:
    """Our own key is not accepted: nothing may be sent until it is another."""


@dataclass(frozen=True, slots=True)
class NotReached:
    """Nobody answered at all, so it was not done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done or not: no answer, or one that says nothing."""

    reason: str


Answer = Done | Wait | Refused | BadToken | NotReached | Unknown


def is_configured() -> bool:
    """Return whether the operator has given what direct messages need."""
    return bool(
        settings.DISCORD_CLIENT_ID and settings.DISCORD_CLIENT_SECRET and settings.DISCORD_BOT_TOKEN
    )


def missing() -> list[str]:
    """Return the names of the variables that the operator has not set."""
    names = ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "PUBLIC_KEY")
    return [f"DISCORD_{name}" for name in names if not getattr(settings, f"DISCORD_{name}")]


class Discord:
    """A line to Discord; close it after use."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        agent = AGENT.format(version=settings.VERSION)
        self._http = client or httpx.Client(timeout=TIMEOUT_S)
        self._http.headers["User-Agent"] = agent

    def __enter__(self) -> "Discord":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    # ---- somebody links his account ----

    def exchange(self, *, code: str, verifier: str, redirect_uri: str) -> Answer:
        """Give a code of the authorization for an access token."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }  # fmt: skip
        who = (settings.DISCORD_CLIENT_ID, settings.DISCORD_CLIENT_SECRET)
        return self._ask("POST", "/oauth2/token", data=form, auth=httpx.BasicAuth(*who))

    def me(self, access: str) -> Answer:
        """Ask whose access token it is."""
        return self._ask("GET", "/users/@me", headers={"Authorization": f"Bearer {access}"})

    def revoke(self, access: str) -> Answer:
        """Make an access token worthless."""
        who = (settings.DISCORD_CLIENT_ID, settings.DISCORD_CLIENT_SECRET)
        return self._ask(
            "POST", "/oauth2/token/revoke", data={"token": access}, auth=httpx.BasicAuth(*who)
        )

    # ---- the bot ----

    def open(self, snowflake: str) -> Answer:
        """Open the direct messages with somebody, or find those that are open."""
        return self._bot("POST", "/users/@me/channels", {"recipient_id": snowflake})

    def send(self, channel: str, message: Mapping[str, Any], *, nonce: str) -> Answer:
        """Send a message; the same nonce again, within minutes, is the same message."""
        body = {
            **message, "nonce": nonce, "enforce_nonce": True, "allowed_mentions": {"parse": []},
        }  # fmt: skip
        return self._bot("POST", f"/channels/{channel}/messages", body)

    def find(self, channel: str, mark: str, since: datetime) -> Answer:
        """Look whether a message that bears a mark has arrived since then; `Done.data` is its id, or None.

        More than a page since then can't be looked through: that is no answer.
        """
        after = (int(since.timestamp() * 1000) - EPOCH_MS) << 22
        got = self._bot("GET", f"/channels/{channel}/messages?limit={PAGE}&after={max(after, 0)}")
        if not isinstance(got, Done):
            return got
        rows = got.data if isinstance(got.data, list) else []
        for row in rows:
            if isinstance(row, dict) and mark in json.dumps(row.get("embeds") or []):
                return Done(str(row.get("id") or ""), got.pause_s)
        if len(rows) >= PAGE:
            return Refused(200, 0, "too many messages came since to look whether it arrived")
        return Done(None, got.pause_s)

    def register(self, commands: list[dict[str, Any]]) -> Answer:
        """Tell Discord which commands there are; they replace those that were."""
        return self._bot("PUT", f"/applications/{settings.DISCORD_CLIENT_ID}/commands", commands)

    def edit(self, token: str, message: Mapping[str, Any]) -> Answer:
        """Put another text into the answer that an interaction got; its token alone opens it, for 15 minutes."""
        path = f"/webhooks/{settings.DISCORD_CLIENT_ID}/{token}/messages/@original"
        answer = self._ask("PATCH", path, json=dict(message))
        # a token that is not taken is this interaction's, not ours
        return Refused(401, 0, "its token is not taken") if isinstance(answer, BadToken) else answer

    # ---- how an answer is read ----

    def _bot(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bot {settings.DISCORD_BOT_TOKEN}"}
        return self._ask(method, path, headers=headers, **({} if body is None else {"json": body}))

    def _ask(self, method: str, path: str, **more: Any) -> Answer:
        try:
            got = self._http.request(method, settings.DISCORD_API.rstrip("/") + path, **more)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NotReached("Discord can't be reached")
        except httpx.TimeoutException:
            return Unknown("Discord did not answer in time")
        except httpx.HTTPError:
            return Unknown("the line to Discord broke")
        data: Any = None
        with suppress(ValueError):
            data = got.json()
        if got.is_success:
            return Done(data, _pause(got))
        told = data if isinstance(data, dict) else {}
        if got.status_code == 429 or _code(told) == 40003:
            return _wait(got, told)
        if got.status_code == 401:
            return BadToken()
        if got.status_code == 403 and _code(told) not in PERSONAL:
            # A door before Discord, a wrong name of ours, a bot under suspicion: it is nobody's link that is broken.
            return Wait(BARRED_WAIT_S, True, f"Discord bars this desk ({_code(told) or 403})")
        if got.status_code >= 500 or got.status_code in (408, 425):
            return Unknown(f"Discord is in trouble ({got.status_code})")
        return Refused(got.status_code, _code(told), str(told.get("message") or "")[:120])


def _code(told: Mapping[str, Any]) -> int:
    code = told.get("code")
    return code if isinstance(code, int) else 0


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if 0 <= number < LONGEST_WAIT_S * 24 else None


def _wait(got: httpx.Response, told: Mapping[str, Any]) -> Wait:
    """Return how long we are asked to be silent. An answer that is not Discord's own JSON is of a door before it."""
    seconds = _number(told.get("retry_after"))
    if seconds is None:
        seconds = _number(got.headers.get("Retry-After"))
    is_global = bool(told.get("global")) or "X-RateLimit-Global" in got.headers
    scope = got.headers.get("X-RateLimit-Scope") == "global"
    return Wait(USUAL_WAIT_S if seconds is None else seconds, is_global or scope or not told)


def _pause(got: httpx.Response) -> float:
    """Return how long the route is used up after this call."""
    if got.headers.get("X-RateLimit-Remaining") != "0":
        return 0.0
    return _number(got.headers.get("X-RateLimit-Reset-After")) or 0.0
