"""A Discord of our own on loopback: it records what it got, knows nonces as Discord does, and misbehaves on demand."""

import base64
import hashlib
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN, CLIENT, SECRET = "bot-token-hunter2", "4242", "client-secret-hunter2"
NONCE_HOLDS_S = 180.0
EPOCH_MS = 1_420_070_400_000


@dataclass
class Got:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """What the next request to a path gets instead of an answer.

    status, body, headers: the answer; `does`: the deed is done all the same before it; `drops`: the line is cut
    """

    path: str = "/messages"
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    does: bool = False
    drops: bool = False
    slow_s: float = 0.0


class Discord:
    """The server. `now` is its clock; tests move it. `messages` are those that people can read."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.got: list[Got] = []
        self.messages: list[dict[str, Any]] = []
        self.faults: deque[Fault] = deque()
        self.closed: set[str] = set()  # who takes no messages
        self.codes: dict[str, dict[str, str]] = {}
        self.grants: dict[str, str] = {}  # access token -> whose
        self.edits: dict[
            str, dict[str, Any]
        ] = {}  # interaction token -> its answer as it was edited
        self.worn_out: set[str] = set()  # tokens of interactions that are over
        self.people = {"100": "alice_d", "200": "bob_d"}
        self.token = TOKEN
        self.clock = time.time
        self._nonces: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._count = 0
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v10"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    def stop(self) -> None:
        """Close the door."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def settings(self) -> dict[str, str]:
        """Return what the desk has to know of this server."""
        return {
            "DISCORD_API": self.url,
            "DISCORD_AUTHORIZE": self.url.replace("/api/v10", "/oauth2/authorize"),
            "DISCORD_CLIENT_ID": CLIENT,
            "DISCORD_CLIENT_SECRET": SECRET,
            "DISCORD_BOT_TOKEN": TOKEN,
            "DISCORD_PUBLIC_KEY": self.key.public_key().public_bytes_raw().hex(),
        }

    def signed(self, body: bytes, stamp: int) -> dict[str, str]:
        """Return the headers with which Discord signs an interaction."""
        signature = self.key.sign(str(stamp).encode() + body).hex()
        return {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": str(stamp)}

    def consent(self, authorize_url: str, snowflake: str) -> dict[str, str]:
        """Say yes as somebody, and return what the browser is sent back with."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["client_id"] == CLIENT and asked["scope"] == "identify", asked
        code = f"code-{len(self.codes)}-{snowflake}"
        self.codes[code] = asked | {"snowflake": snowflake}
        return {"code": code, "state": asked["state"]}

    def texts(self, snowflake: str | None = None) -> list[str]:
        """Return what was written to people, or to one."""
        return [
            one["content"]
            for one in self.messages
            if snowflake is None or one["channel_id"] == f"9{snowflake}"
        ]

    def asked(self, path: str) -> list[Got]:
        """Return the requests to a path."""
        return [one for one in self.got if one.path.partition("?")[0].endswith(path)]

    # ---- what it answers ----

    def answer(self, got: Got) -> tuple[int, Any, dict[str, str]] | None:
        """Return the answer to a request, None to cut the line."""
        with self._lock:
            self.got.append(got)
            path = got.path.partition("?")[0]
            fault = next((one for one in self.faults if path.endswith(one.path)), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.does:
                    self._usual(got, path)
            else:
                return self._usual(got, path)
        if fault.slow_s:
            time.sleep(fault.slow_s)
        return None if fault.drops else (fault.status, fault.body, fault.headers)

    def _usual(self, got: Got, path: str) -> tuple[int, Any, dict[str, str]]:
        parts = path.removeprefix("/api/v10").strip("/").split("/")
        if not got.headers.get("User-Agent", "").startswith("DiscordBot ("):
            return 403, {"code": 40333, "message": "internal network error"}, {}
        match parts:
            case ["oauth2", "token"]:
                return self._exchange(got)
            case ["oauth2", "token", "revoke"]:
                self.grants.pop(got.body["token"], None)
                return 200, {}, {}
            case ["users", "@me"] if got.headers.get("Authorization", "").startswith("Bearer "):
                whose = self.grants.get(got.headers["Authorization"].removeprefix("Bearer "))
                if whose is None:
                    return 401, {"code": 0, "message": "401: Unauthorized"}, {}
                return 200, {"id": whose, "username": self.people[whose]}, {}
            case ["webhooks", client, token, "messages", "@original"]:
                return self._edit(client, token, got)
        if got.headers.get("Authorization") != f"Bot {self.token}":
            return 401, {"code": 0, "message": "401: Unauthorized"}, {}
        match parts:
            case ["users", "@me", "channels"]:
                return 200, {"id": f"9{got.body['recipient_id']}", "type": 1}, {}
            case ["channels", channel, "messages"] if got.method == "POST":
                return self._message(channel, got.body)
            case ["channels", channel, "messages"]:
                after = int(parse_qs(urlsplit(got.path).query).get("after", ["0"])[0])
                rows = [m for m in self.messages if m["channel_id"] == channel]
                return 200, [m for m in reversed(rows) if int(m["id"]) > after][:100], {}
            case ["applications", _, "commands"]:
                return 200, got.body, {}
        return 404, {"code": 0, "message": "404: Not Found"}, {}

    def _exchange(self, got: Got) -> tuple[int, Any, dict[str, str]]:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if got.headers.get("Authorization") != f"Basic {basic}":
            return 401, {"error": "invalid_client"}, {}
        known = self.codes.pop(got.body.get("code", ""), None)
        digest = hashlib.sha256(got.body.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            known is None
            or known["redirect_uri"] != got.body.get("redirect_uri")
            or known["code_challenge"] != challenge
        ):
            return 400, {"error": "invalid_grant"}, {}
        access = f"access-hunter2-{len(self.grants)}"
        self.grants[access] = known["snowflake"]
        return 200, {"access_token": access, "token_type": "Bearer", "scope": "identify"}, {}

    def _edit(self, client: str, token: str, got: Got) -> tuple[int, Any, dict[str, str]]:
        if client != CLIENT or token in self.worn_out or got.method != "PATCH":
            return 401, {"code": 50027, "message": "Invalid Webhook Token"}, {}
        self.edits[token] = got.body
        return 200, {"id": "1", "content": got.body["content"]}, {}

    def _message(self, channel: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if channel.removeprefix("9") in self.closed:
            return 403, {"code": 50007, "message": "Cannot send messages to this user"}, {}
        now = self.clock()
        assert len(body["nonce"]) <= 25 and len(body["content"]) <= 2000
        known = self._nonces.get((channel, body["nonce"]))
        if body.get("enforce_nonce") and known and now - known[0] < NONCE_HOLDS_S:
            return 200, known[1], {}
        self._count += 1
        row = {
            "id": str(((int(now * 1000) - EPOCH_MS) << 22) + self._count),
            "channel_id": channel,
            "content": body["content"],
            "embeds": body.get("embeds", []),
        }
        self.messages.append(row)
        self._nonces[channel, body["nonce"]] = (now, row)
        return 200, row, {"X-RateLimit-Remaining": "4", "X-RateLimit-Reset-After": "1.0"}


def _handler(discord: Discord) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type", "")
            body: Any = None
            if raw and kind.startswith("application/json"):
                body = json.loads(raw)
            elif raw:
                body = {k: v[0] for k, v in parse_qs(raw.decode()).items()}
            got = Got(self.command, self.path, dict(self.headers.items()), body)
            answer = discord.answer(got)
            if answer is None:
                self.close_connection = True
                self.connection.close()
                return
            status, said, headers = answer
            text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "text/html" if isinstance(said, str) else "application/json"
            )
            self.send_header("Content-Length", str(len(text)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = _any  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
