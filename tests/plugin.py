"""Start PostgreSQL and Redis before Django's settings are read, and stop them at the end.

pytest-django reads the settings before any conftest.py, so this is loaded with `-p tests.plugin`.
`DATABASE=sqlite` runs the tests as the desk runs at home: on SQLite, with everything in one process.
"""

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.services.postgres import Postgres
from tests.services.process import NotThere, workplace
from tests.services.redis import Redis

ON_SQLITE = os.environ.get("DATABASE", "postgres") == "sqlite"
_FIRST = "PYTEST_XDIST_WORKER" not in os.environ
_CLEAR = (
    "MARKET",
    "SPEED",
    "SEED",
    "ENGINE_PATIENCE_SECONDS",
    "PORT",
    "HOST",
    "SYMBOL",
    "DEBUG",
    "PUBLIC_URL",
    "PROXIES",
    "SIGNUP_OPEN",
    "EMAIL_URL",
    "EMAIL_FROM",
)
_CLEAR += tuple(name for name in os.environ if name.startswith("DISCORD_"))
_undo: list[Callable[[], None]] = []


def _start() -> None:
    for name in _CLEAR:
        os.environ.pop(name, None)
    home = workplace("home")  # one for each worker: two engines may not share one
    _undo.append(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["TRADEHUB_HOME"] = str(home)
    os.environ["HASHED_STATIC"] = "0"
    os.environ["LOG_LEVEL"] = "ERROR"
    os.environ["BROKER_ENVIRONMENTS"] = "simulator"  # no test may reach a real broker
    if ON_SQLITE:
        os.environ["DATABASE_URL"] = "sqlite"
        os.environ.pop("REDIS_URL", None)
        return
    if _FIRST:
        postgres = Postgres()
        _undo.append(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.url
    redis = Redis()  # one for each worker: channels of Redis know no databases
    _undo.append(redis.stop)
    os.environ["REDIS_URL"] = redis.url


try:
    _start()
except NotThere as missing:
    for stop in reversed(_undo):
        stop()
    raise pytest.UsageError(str(missing)) from None


def pytest_unconfigure() -> None:
    """Stop what was started."""
    while _undo:
        _undo.pop()()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what also runs on SQLite: each integration test that touches the database."""
    # Playwright keeps an event loop turning in this thread, in which no other test can have its own.
    items.sort(key=lambda item: "browser" in item.path.parts)
    for item in items:
        in_rows = item.get_closest_marker("django_db") or _DB & set(
            getattr(item, "fixturenames", ())
        )
        if in_rows and "integration" in item.path.parts and not item.get_closest_marker("postgres"):
            item.add_marker("both_databases")


_DB = {"db", "transactional_db", "django_db_serialized_rollback"}


def pytest_report_header() -> Any:
    """Say on what the tests run."""
    return f"database: {'SQLite' if ON_SQLITE else 'PostgreSQL'}"
