"""Short transactions one after the other, that leave the database to others in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Final

from django.db import connection, transaction

ROWS: Final = 50  # written in one of them; 200 held up the engine for seconds on a busy machine
_LONGEST: Final = 0.5  # seconds of a pause


@contextmanager
def brief() -> Iterator[None]:
    """Run one transaction. Beside SQLite, where one at a time writes, wait afterwards for as long as it took.

    Else the engine, that tries again and again, would not come in between two of them, and would give up.
    """
    begun = monotonic()
    with transaction.atomic():
        yield
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        sleep(min(_LONGEST, monotonic() - begun))
