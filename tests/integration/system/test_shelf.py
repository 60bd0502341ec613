"""Each market has a database of its own, and finds it again."""

from pathlib import Path

from apps.system.shelf import slug, take_out


def write(home: Path, text: str) -> None:
    (home / "tradehub.sqlite3").write_text(text)
    (home / "tradehub.sqlite3-wal").write_text(text)


def test_a_market_finds_its_own_database_again(tmp_path: Path) -> None:
    take_out(tmp_path, "generated:1")
    write(tmp_path, "generated")
    take_out(tmp_path, "file:NQH0.csv:1:2")
    assert not (tmp_path / "tradehub.sqlite3").exists()
    write(tmp_path, "recording")
    take_out(tmp_path, "generated:1")
    assert (tmp_path / "tradehub.sqlite3").read_text() == "generated"
    assert (tmp_path / "tradehub.sqlite3-wal").read_text() == "generated"
    take_out(tmp_path, "file:NQH0.csv:1:2")
    assert (tmp_path / "tradehub.sqlite3").read_text() == "recording"


def test_an_empty_database_from_the_set_up_is_taken_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, "empty")
    take_out(tmp_path, "generated:1")
    assert (tmp_path / "tradehub.sqlite3").read_text() == "empty"


def test_a_crash_between_the_steps_is_made_good(tmp_path: Path) -> None:
    take_out(tmp_path, "generated:1")
    write(tmp_path, "generated")
    # as if the process had died after putting the old one aside, before noting the new one
    for part in ("", "-wal"):
        (tmp_path / f"tradehub.sqlite3{part}").rename(
            tmp_path / f"tradehub-generated-1.sqlite3{part}"
        )
    take_out(tmp_path, "generated:2")
    assert not (tmp_path / "tradehub.sqlite3").exists()
    take_out(tmp_path, "generated:1")
    assert (tmp_path / "tradehub.sqlite3").read_text() == "generated"


def test_names_of_markets_become_names_of_files() -> None:
    assert slug("generated:7") == "generated-7"
    long = "file:NQH0_2019-12-16_trades.csv.gz:123456:1577836800"
    assert slug(long) == slug(long) != slug(long.replace("NQH0", "NQM4"))
    assert slug(long).replace("-", "").isalnum()
