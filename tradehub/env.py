"""Typed readers of environment variables.

Each variable NAME may also be given as NAME_FILE, the path of a file that holds the value (secrets in
containers). A wrong value stops the start with one line on standard error and status 2.
"""

import os
import secrets
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

import environ

YES: Final = frozenset({"1", "true", "yes", "on"})
NO: Final = frozenset({"0", "false", "no", "off"})


class WrongSetting(SystemExit):
    """A variable that the start cannot go on with. Ends the process with status 2 if nobody catches it."""

    def __init__(self, line: str) -> None:
        super().__init__(2)
        self.line = line


def refuse(name: str, value: str | None, problem: str, cure: str) -> NoReturn:
    """Stop the start: say on standard error which variable is wrong, with what value, and the cure."""
    told = "is not set" if value is None else f"is {value[:80]!r}"
    line = f"tradehub cannot start: {name} {told}: {problem}. {cure}"
    sys.stderr.write(" ".join(line.split()) + "\n")
    raise WrongSetting(line)


def given(name: str) -> str | None:
    """Return a variable's value, from NAME or from the file that NAME_FILE names; None if it is absent.

    An empty value counts as absent, as compose files write it.
    """
    value, path = os.environ.get(name) or None, os.environ.get(f"{name}_FILE") or None
    if path is None:
        return value
    if value is not None:
        refuse(f"{name}_FILE", path, f"{name} is set too", "Keep one of the two.")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "not a text file"
        refuse(f"{name}_FILE", path, f"it cannot be read ({reason})", "Name a readable text file.")


def file_text(path: Path) -> str:
    """Return what a file of ours says, nothing if it is not there."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def text(name: str, default: str = "") -> str:
    """Return a text as it stands."""
    value = given(name)
    return default if value is None else value


def needed(name: str, why: str) -> str:
    """Return a text that must be there."""
    value = given(name)
    if value is None:
        refuse(name, None, why, f"Set {name} or {name}_FILE.")
    return value


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """Return one of a closed set of words."""
    value = given(name)
    if value is None:
        return default
    if value not in allowed:
        refuse(name, value, "no such choice", f"Use one of: {', '.join(allowed)}.")
    return value


def flag(name: str, default: bool) -> bool:
    """Return whether something is switched on."""
    value = given(name)
    if value is None:
        return default
    if value.lower() not in YES | NO:
        refuse(name, value, "neither yes nor no", "Use 1 or 0.")
    return value.lower() in YES


def whole(name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number between two bounds."""
    value = given(name)
    if value is None:
        return default
    cure = f"Use a whole number from {least} to {most}."
    if not value.lstrip("-").isascii() or not value.lstrip("-").isdigit() or len(value) > 20:
        refuse(name, value, "not a whole number", cure)
    if not least <= int(value) <= most:
        refuse(name, value, "out of range", cure)
    return int(value)


def number(name: str, default: float, *, least: float, most: float) -> float:
    """Return a number between two bounds."""
    value = given(name)
    if value is None:
        return default
    cure = f"Use a number from {least:g} to {most:g}."
    try:
        parsed = float(value)
    except ValueError:
        refuse(name, value, "not a number", cure)
    if not least <= parsed <= most:  # NaN fails both
        refuse(name, value, "out of range", cure)
    return parsed


def rate(name: str, default: str) -> str:
    """Return how many in how long, as in `300/min`."""
    value = text(name, default)
    count, _, unit = value.partition("/")
    if not count.isdecimal() or int(count) == 0 or unit not in ("s", "min", "h", "d"):
        refuse(name, value, "is no rate", "Write it like 300/min: so many a s, min, h or d.")
    return value


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return a comma separated list."""
    value = given(name)
    return list(default) if value is None else [w.strip() for w in value.split(",") if w.strip()]


def folder(name: str, default: Path) -> Path:
    """Return a folder that exists and can be written to, made if need be."""
    value = given(name)
    path = default if value is None else Path(value).expanduser().absolute()
    shown = value if value is not None else str(default)
    cure = "Name a folder that this user may write to."
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        refuse(name, shown, f"it cannot be made ({problem.strerror})", cure)
    if not os.access(path, os.W_OK | os.X_OK):
        refuse(name, shown, "it cannot be written to", cure)
    return path


def url(name: str, schemes: Collection[str], example: str) -> str | None:
    """Return an address with one of these schemes and a host, None if it is absent."""
    value = given(name)
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        right = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        refuse(name, _hidden(value), "not such an address", f"Write it like {example}.")
    return value


def _hidden(value: str) -> str:
    """Return an address without what may be a password."""
    head, at, tail = value.rpartition("@")
    return f"{head.partition('://')[0]}://***@{tail}" if at else value


def database(name: str, home: Path) -> dict[str, Any]:
    """Return Django's description of the database: PostgreSQL by address, else SQLite in `home`.

    `sqlite` alone means the SQLite file in `home`; an address `sqlite:///path` another file.
    """
    value = given(name) or "sqlite"
    if value == "sqlite":
        return _sqlite(home / "tradehub.sqlite3")
    if value.startswith("sqlite:///"):
        return _sqlite(Path(value.removeprefix("sqlite:///")))
    address = url(name, ("postgres", "postgresql"), "postgres://user:password@host:5432/tradehub")
    assert address is not None
    parsed: dict[str, Any] = dict(environ.Env.db_url_config(address))
    if not parsed.get("NAME"):
        refuse(name, _hidden(address), "no database is named", "End it in /tradehub.")
    return parsed | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _sqlite(path: Path) -> dict[str, Any]:
    """Return SQLite as a desk needs it: writers queue up, readers never wait for them."""
    pragmas = (
        "journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-20000",
        "mmap_size=134217728", "journal_size_limit=67108864",
    )  # fmt: skip
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            # Years of fills that a new recorder settles are one transaction of seconds; who waits for it must not die of it.
            "timeout": 30,
            # Deferred transactions that read first fail at once when another writer came between.
            "transaction_mode": "IMMEDIATE",
            "init_command": ";".join(f"PRAGMA {pragma}" for pragma in pragmas),
        },
        # Tests share it between threads and processes, which an in-memory one cannot be.
        "TEST": {"NAME": str(path.with_name("test-tradehub.sqlite3"))},
    }


@dataclass(frozen=True, slots=True)
class Mail:
    """How letters leave the desk."""

    backend: str
    folder: str | None = None
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    starts_tls: bool = False
    is_tls: bool = False


_SMTP_PORTS: Final = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def mail(name: str, home: Path) -> Mail:
    """Return how letters are sent: by a mail server, else laid down as files in `home`/mail (mode 0700).

    `console:` writes them to standard output.
    """
    value, backends = given(name), "django.core.mail.backends"
    if value is None:
        letters = home / "mail"
        letters.mkdir(mode=0o700, exist_ok=True)
        return Mail(f"{backends}.filebased.EmailBackend", folder=str(letters))
    if value.rstrip("/") == "console:":
        return Mail(f"{backends}.console.EmailBackend")
    address = url(name, tuple(_SMTP_PORTS), "smtp+tls://user:password@mail.example.com:587")
    assert address is not None
    parts = urlsplit(address)
    return Mail(
        f"{backends}.smtp.EmailBackend",
        host=parts.hostname or "",
        port=parts.port or _SMTP_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp+tls",
        is_tls=parts.scheme == "smtps",
    )


def secret_key(name: str, home: Path) -> str:
    """Return the secret that signs sessions: given, or made once and kept in `home` (mode 0600)."""
    value = given(name)
    if value is not None:
        if len(value) < 32:
            refuse(name, "*" * len(value), "too short", "Use at least 32 random characters.")
        return value
    return _kept(home / "secret_key", lambda: secrets.token_urlsafe(48))


def sealing_keys(name: str, home: Path) -> tuple[str, ...]:
    """Return the keys that seal credentials, newest first: given with commas between, or one made and kept in `home`."""
    value = given(name)
    if value is None:
        value = _kept(
            home / "secrets_key", lambda: urlsafe_b64encode(secrets.token_bytes(32)).decode()
        )
    keys = tuple(part.strip() for part in value.split(",") if part.strip())
    for key in keys:
        try:
            whole_key = len(urlsafe_b64decode(key)) == 32
        except ValueError:
            whole_key = False
        if not whole_key:
            refuse(
                name, "***", "not a list of Fernet keys", "A key is 32 bytes as URL-safe Base64."
            )
    if not keys:
        refuse(name, "", "empty", "Give at least one Fernet key, or leave the variable out.")
    return keys


def _kept(kept: Path, make: Callable[[], str]) -> str:
    """Return a secret that is made once and kept in a file of mode 0600."""
    if not kept.exists():
        draft = kept.with_name(f".{kept.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(make())
        try:
            os.link(draft, kept)  # who comes second takes the first one's
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return kept.read_text().strip()
