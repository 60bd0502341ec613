"""Storing ticks with TickWriter against bulk_create, on a private PostgreSQL and on SQLite."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice

from benchmarks import tape
from benchmarks.measure import Result, in_turn, wall_seconds
from benchmarks.tape import CONTRACT
from tests.services.postgres import Postgres
from tests.services.process import NotThere

COUNT = 40_000
BATCH = 512  # ticks of one write, as the live engine commits them while it catches up
LITE = "lite"


def measure(rounds: int) -> list[Result]:
    """Return stored ticks a second on both databases: in small batches as live, and in bulk as an import."""
    with _databases() as (names, problem):
        from benchmarks.stored import bulk_create, empty, written

        ticks = list(islice(tape.ticks()[0], COUNT))
        results = []
        for using, name in names.items():
            for batch, kind in ((len(ticks), "in bulk"), (BATCH, f"{BATCH} at once")):
                label = f"ticks stored, {name}, {kind}"
                work = {
                    "ours": _clean(
                        partial(empty, using, ticks),
                        partial(written, using, CONTRACT, ticks, batch),
                    ),
                    "theirs": _clean(
                        partial(empty, using, ticks),
                        partial(bulk_create, using, CONTRACT, ticks, batch),
                    ),
                }
                times = in_turn(work, rounds)
                results.append(
                    Result(
                        label,
                        times["ours"].rate(len(ticks)),
                        "ticks/s",
                        times["theirs"].rate(len(ticks)),
                        "bulk_create(ignore_conflicts=True, batch_size=1000)",
                        paired=times["ours"].quicker_than(times["theirs"]),
                        target=5 if batch == len(ticks) and using != LITE else None,
                        of_ratio=True,
                        noise=max(times["ours"].noise, times["theirs"].noise),
                    )
                )
        if problem:
            results.append(Result.missing("ticks stored, PostgreSQL", "ticks/s", problem))
        return results


def _clean(empty: Callable[[], None], work: Callable[[], int]) -> Callable[[], float]:
    def timed() -> float:
        empty()
        return wall_seconds(work)

    return timed


@contextmanager
def _databases() -> Iterator[tuple[dict[str, str], str]]:
    """Set Django up with PostgreSQL as `default`, if it can be had, and SQLite beside it; tables made."""
    postgres, problem = None, ""
    try:
        postgres = Postgres()
        os.environ["DATABASE_URL"] = postgres.url
    except NotThere as missing:
        problem = str(missing)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tradehub.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    names = {"default": "SQLite"}
    if postgres is not None:
        from tradehub import env

        del os.environ["DATABASE_URL"]
        settings.DATABASES[LITE] = env.database("DATABASE_URL", settings.HOME)
        names = {"default": "PostgreSQL", LITE: "SQLite"}
    django.setup()
    try:
        for using in names:
            call_command("migrate", database=using, interactive=False, verbosity=0)
        yield names, problem
    finally:
        connections.close_all()
        if postgres is not None:
            with suppress(OSError):
                postgres.stop()
