"""Never two of what must be alone, the engine and the gateway: a lock for life, advisory on PostgreSQL, on a file beside SQLite."""

import fcntl
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.db import connection

from apps.bus.locks import Lock

_LOCKS: Final = {"engine": Lock.ENGINE, "gateway": Lock.GATEWAY}


class AnotherRuns(RuntimeError):
    """Somebody else has this role in this installation."""


class OnlyOne:
    """The right to a role: "engine" or "gateway". The database, or the kernel, takes it back when we die.

    On PostgreSQL it belongs to the connection of the thread that took it: that thread checks it, and keeps the connection.
    """

    def __init__(self, role: str) -> None:
        self.role, self._lock = role, int(_LOCKS[role])
        self._file: IO[str] | None = None
        self._backend = 0

    def take(self) -> None:
        """Take the lock.

        Raises:  AnotherRuns  it is taken
        """
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [self._lock])
                row = cursor.fetchone()
            if not row or not row[0]:
                detail = f"another {self.role} holds this database's lock; stop it first"
                raise AnotherRuns(detail)
            self._backend = _backend()
            return
        name = str(settings.DATABASES["default"]["NAME"])
        path = Path(name).with_suffix(f".{self.role}-lock")
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise AnotherRuns(f"another {self.role} holds {path}; stop it first") from None
        self._file = file

    def check(self) -> None:
        """Make sure that the lock is still ours: a connection that was made anew has lost it.

        Raises:  AnotherRuns
        """
        if connection.vendor == "postgresql" and _backend() != self._backend:
            detail = f"the database connection was lost, and the {self.role}'s lock with it"
            raise AnotherRuns(detail)

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
    return int(row[0]) if row else 0
