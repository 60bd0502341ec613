"""Pages with thousands of closed positions: the server's processor time for each, and what of it is reading rows."""

import os
import tempfile
from typing import Any

from benchmarks.books import trader
from benchmarks.measure import Result, cpu_seconds, in_turn

SIZES = {2_000: 80.0, 10_000: None}  # positions, and how many ms are allowed
PAGES = {
    "Performance, desk": ("/performance/?books=desk", "desk"),
    "Performance, recorded": ("/performance/?books=recorded", "recorded"),
    "My Recorders, a strategy": ("/recorders/{strategy}/", "recorded"),
    "My Recorders": ("/recorders/", "recorded"),
}


def measure(rounds: int) -> list[Result]:
    """Return the median processor time of each page for each number of positions, against loading the same rows as objects."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "TRADEHUB_HOME": home,
            "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
            "DJANGO_SETTINGS_MODULE": "tradehub.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        traders = {count: trader(count) for count in SIZES}
        return [
            _page(name, *traders[count], count, target, rounds)
            for count, target in SIZES.items()
            for name in PAGES
        ]


def _page(
    name: str, user: Any, browser: Any, count: int, target: float | None, rounds: int
) -> Result:
    from django.db import connection

    from apps.brokers.models import Position
    from apps.recorder.models import RecordedPosition
    from apps.signals.models import Strategy

    path, books = PAGES[name]
    address = path.format(strategy=Strategy.objects.of(user).get().pk)
    model = Position if books == "desk" else RecordedPosition

    def ask() -> None:
        answer = browser.get(address, headers={"host": "localhost"})
        assert answer.status_code == 200, answer.content[:500]

    def read() -> None:
        assert len(list(model.objects.of(user))) == count

    ask()  # compiles the templates
    sent: list[str] = []

    def noted(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(noted):
        ask()
    rivals = {"ours": lambda: cpu_seconds(ask), "theirs": lambda: cpu_seconds(read)}
    times = in_turn(rivals, 4 * rounds)
    return Result(
        f"page: {name}, {count:,} positions", times["ours"].median * 1000, "ms",
        times["theirs"].median * 1000, "the rows alone, as model objects", target=target,
        at_most=True, noise=times["ours"].noise,
        note=f"{len(sent)} queries, SQLite, processor time",
    )  # fmt: skip
