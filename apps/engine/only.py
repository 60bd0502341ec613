"""Never two engines: a lock for life, advisory on PostgreSQL, on a file beside SQLite."""

import fcntl
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection

_LOCK = 0x7261646568756200


class AnotherEngine(RuntimeError):
    """Somebody else runs the engine of this installation."""


class OnlyOne:
    """The right to be the engine. The database, or the kernel, takes it back when we die."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None
        self._backend = 0

    def take(self) -> None:
        """Take the lock.

        Raises:  AnotherEngine  it is taken
        """
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                row = cursor.fetchone()
            if not row or not row[0]:
                raise AnotherEngine("another engine holds this database's lock; stop it first")
            self._backend = _backend()
            return
        path = Path(str(settings.DATABASES["default"]["NAME"])).with_suffix(".engine-lock")
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise AnotherEngine(f"another engine holds {path}; stop it first") from None
        self._file = file

    def check(self) -> None:
        """Make sure that the lock is still ours: a connection that was made anew has lost it.

        Raises:  AnotherEngine
        """
        if connection.vendor == "postgresql" and _backend() != self._backend:
            raise AnotherEngine("the database connection was lost, and the engine's lock with it")

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
