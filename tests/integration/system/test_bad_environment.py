"""A desk that cannot start says in one line what is wrong and what to do, with status 2; nothing is lost."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.services.desk import Desk

pytestmark = pytest.mark.timeout(600)
TRADOVATE = {"NAME": "name", "PASSWORD": "hunter2", "APP_ID": "desk", "CID": "1", "SEC": "hunter2"}


def refused(home: Path, *, command: str = "check", **environment: str) -> str:
    """Return the one line with which a start is refused."""
    desk = Desk(home, command=command, **environment)
    try:
        assert desk.process.wait(100) == 2, desk.errors()
    finally:
        desk.kill()
    said = desk.errors().strip()
    assert said and "\n" not in said, said
    assert "hunter2" not in said
    return said


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path).ready()
    yield one
    one.kill()


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("PUBLIC_URL", "desk.example.com", "https://"),
        ("PROXIES", "many", "0 to 5"),
        ("ADDRESS_FAILURES", "-1", "0 to 10000"),
        ("PORT", "0", "1 to 65535"),
        ("PORT", "8000.5", "whole number"),
        ("SPEED", "0", "0.1 to 1000"),
        ("SPEED", "inf", "0.1 to 1000"),
        ("SEED", "-1", "0 to"),
        ("HASHED_STATIC", "2", "1 or 0"),
        ("TICK_DAYS", "1", "2 to 3650"),
        ("SIGNUP_OPEN", "perhaps", "1 or 0"),
        ("EMAIL_URL", "pigeon://coop", "smtp+tls://"),
        ("WEBHOOK_RATE_PER_STRATEGY", "many", "/min"),
        ("WEBHOOK_RATE_PER_ADDRESS", "5/fortnight", "/min"),
        ("DISCORD_API", "discord.com", "https://discord.com/api/v10"),
        ("DISCORD_PUBLIC_KEY", "abc", "General Information"),
        ("DATABASE_URL", "postgres://localhost", "/tradehub"),
        ("REDIS_URL", "http://localhost", "redis://"),
        ("MARKET", "/no/such/ticks.csv.gz", "generated, tradovate"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value_and_the_cure(
    tmp_path: Path, name: str, value: str, cure: str
) -> None:
    said = refused(tmp_path, **{name: value})
    assert name in said
    assert value in said
    assert cure in said


def test_a_wrong_variable_with_a_password_is_named_without_it(tmp_path: Path) -> None:
    said = refused(tmp_path, EMAIL_URL="smtps://desk:hunter2@:465")
    assert "EMAIL_URL is 'smtps://***@:465'" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("missing", TRADOVATE)
def test_the_real_broker_is_not_tried_without_each_of_its_variables(
    tmp_path: Path, missing: str
) -> None:
    given = {f"TRADOVATE_{name}": value for name, value in TRADOVATE.items() if name != missing}
    said = refused(tmp_path, MARKET="tradovate", **given)
    assert f"TRADOVATE_{missing}" in said
    assert f"TRADOVATE_{missing}_FILE" in said


@pytest.mark.parametrize(
    ("symbol", "market"),
    [("XX", "generated"), ("NQ!!", "generated"), ("6E", "generated"), ("XX", "http://127.0.0.1:9")],
)
def test_a_symbol_without_a_market_is_refused(tmp_path: Path, symbol: str, market: str) -> None:
    said = refused(tmp_path, command="desk", SYMBOL=symbol, MARKET=market)
    assert f"SYMBOL is {symbol!r}" in said
    assert "use " in said.lower()


@pytest.mark.parametrize(
    ("environment", "cure"),
    [
        ({"MARKET": "generated"}, "manage.py desk runs other markets"),
        ({"MARKET": "http://127.0.0.1:9/v1", "SYMBOL": "XX"}, "use a root (NQ)"),
    ],
)
def test_a_feed_of_its_own_without_a_market_is_refused(
    tmp_path: Path, environment: dict[str, str], cure: str
) -> None:
    assert cure in refused(tmp_path, command="feed", **environment)


def test_a_file_that_is_no_market_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "NQZ5.csv"
    file.write_text("ts_ns,price,size\n1764687600000000000,nan,1\n")
    said = refused(tmp_path, command="desk", MARKET=str(file))
    assert str(file) in said
    assert "row 2" in said
    assert "price" in said


def test_a_second_desk_on_the_same_data_is_refused_and_the_first_goes_on(desk: Desk) -> None:
    before = desk.errors()
    second = Desk(desk.home)
    try:
        assert second.process.wait(100) == 2
    finally:
        second.kill()
    lines = desk.errors().removeprefix(before).splitlines()
    (said,) = [line for line in lines if not line.startswith("{")]  # the first one's log
    assert "runs on this data already" in said
    assert "stop it first" in said
    assert httpx.get(f"{desk.url}/api/health/system/", timeout=50).status_code == 200
    assert desk.end(signal.SIGTERM) == 0


def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    one = Desk(tmp_path).ready()
    assert one.end() == 0
    path = tmp_path / "tradehub.sqlite3"
    whole = tmp_path / "whole"
    shutil.copy(path, whole)
    damaged = b"this is no database" * 500
    path.write_bytes(damaged)
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)
    (tmp_path / "stderr").unlink()
    said = refused(tmp_path, command="desk")
    assert "not a database" in said
    assert "TRADEHUB_HOME" in said
    assert path.read_bytes() == damaged
    shutil.copy(whole, path)
    again = Desk(tmp_path).ready()
    assert again.end() == 0


def test_a_database_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tradehub.sqlite3"
    with sqlite3.connect(path) as rows:
        rows.execute("create table users_user (id int)")
    rows.close()
    said = refused(tmp_path, command="desk")
    assert "users_user" in said
    assert "DATABASE_URL" in said


def test_a_database_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tradehub.sqlite3").mkdir()
    said = refused(tmp_path, command="desk")
    assert "unable to open database file" in said
    assert str(tmp_path) in said


def test_a_database_server_that_does_not_answer_is_refused_without_its_password(
    tmp_path: Path,
) -> None:
    url = "postgres://trader:hunter2@127.0.0.1:1/tradehub"
    said = refused(tmp_path, command="desk", DATABASE_URL=url)
    assert "127.0.0.1" in said
    assert "DATABASE_URL" in said


def test_a_redis_that_does_not_answer_is_refused_without_its_password(tmp_path: Path) -> None:
    said = refused(tmp_path, command="desk", REDIS_URL="redis://:hunter2@127.0.0.1:1/0")
    assert "127.0.0.1:1" in said
    assert "REDIS_URL" in said


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_refused_with_its_cure(tmp_path: Path, host: str) -> None:
    said = refused(tmp_path, command="desk", HOST=host)
    assert f"of {host} cannot be had" in said
    assert "HOST=127.0.0.1" in said
    assert "stop who listens" not in said
