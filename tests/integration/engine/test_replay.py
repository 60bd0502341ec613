"""`manage.py replay`: files in, promised shapes out, and one plain line when something is wrong."""

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.services.disk import no_room

DATA = Path(__file__).parents[4] / "shared" / "data"
CANDLES = """ts_utc,open,high,low,close,volume
2025-11-03T14:30:00Z,20000,20010,19996,20004,5
2025-11-03T14:31:00Z,20004,20012,20000,20010,5
2025-11-03T14:32:00Z,20010,20011,19994,20002,5
2025-11-03T14:33:00Z,20002,20016,19998,20015,5
2025-11-03T14:34:00Z,20014,20040,20008,20036,5
2025-11-03T14:35:00Z,20036,20059,20030,20050,5
"""
MINUTE = 1762180200_000_000_000  # 14:30, an instant in ns
TICKS = "ts_ns,price,size\n" + "".join(
    f"{MINUTE + seconds * 1_000_000_000},{price},{size}\n"
    for seconds, price, size in (
        (0, "20000", 2), (20, "20010", 1), (20, "20009.75", 3), (61, "20004", 1), (185, "20002.50", 4),
    )
)  # fmt: skip
SIGNAL = {"id": "#0", "symbol": "NQ1!", "direction": "long", "time": "2025-11-03T14:31:00Z"}
RECORD = [
    *("id", "trade_id", "direction", "session", "status", "reason", "cancelled_by", "signal_bar"),
    *("signal_high", "signal_low", "cancel_bar", "confirmation_bar", "bars_to_confirmation"),
    *("stop_rule", "stop_anchor_bar", "stop_anchor_price", "stop_price", "entry_bar", "entry_time"),
    *("entry_price", "risk", "targets", "mae", "no_be", "be", "path"),
]
TRACK = [
    *("status", "mfe", "mfe_points", "result_r", "exit_bar", "exit_time", "exit_level", "exit_hit"),
    "targets_hit",
]


@dataclass
class Bench:
    """A folder with files, and the command run over them."""

    home: Path

    def file(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text)
        return path

    def signals(self, *given: dict[str, Any] | str) -> Path:
        lines = [line if isinstance(line, str) else json.dumps(line) for line in given]
        return self.file("signals.jsonl", "\n".join(lines) + "\n")

    def run(self, *arguments: Any) -> dict[str, Any]:
        """Run it and return what was written."""
        out = {"records": "records.json", "facts": "facts.jsonl", "candles-out": "out.csv"}
        paths = {name: self.home / file for name, file in out.items()}
        options = [text for name, path in paths.items() for text in (f"--{name}", str(path))]
        call_command("replay", *map(str, arguments), *options)
        return {
            "records": json.loads(paths["records"].read_text())["signals"],
            "facts": [json.loads(line) for line in paths["facts"].read_text().splitlines()],
            "candles": list(csv.DictReader(paths["candles-out"].open())),
            "bytes": b"".join(path.read_bytes() for path in paths.values()),
        }

    def refusal(self, *arguments: Any) -> str:
        """Return the one line with which it refuses; no output may be left."""
        before = set(self.home.iterdir())
        with pytest.raises(CommandError) as problem:
            self.run(*arguments)
        assert problem.value.returncode == 2
        assert "\n" not in str(problem.value)
        assert set(self.home.iterdir()) == before
        return str(problem.value)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_records_have_the_promised_shape(bench: Bench) -> None:
    said = bench.run(
        "--candles", bench.file("NQZ5_day.csv", CANDLES), "--signals", bench.signals(SIGNAL)
    )
    (record,) = said["records"]
    assert list(record) == RECORD
    assert list(record["no_be"]) == TRACK
    assert list(record["be"]) == [*TRACK, "triggered", "trigger_bar", "trigger_time"]
    assert record["status"] == "ACTIVE"
    assert record["session"] == "NY AM"
    assert record["trade_id"] == "20251103_093100000_BULLISH"
    assert record["stop_price"] == "19969.00"
    assert record["targets"]["1"] == "20059.00"
    assert record["be"]["trigger_time"] == "2025-11-03T14:35:00Z"
    assert record["path"][0] == {
        "bar": "2025-11-03T14:34:00Z",
        "no_be_mfe": "0.5778",
        "be_mfe": "0.5778",
        "mae": "-0.1333",
    }
    assert [fact["fact"] for fact in said["facts"]] == [
        *("signal.created", "signal.confirmed", "trade.entered"),
        *("trade.break_even_armed", "trade.target_hit"),
    ]
    assert all(list(fact) == sorted(fact) and fact["at"] for fact in said["facts"])


def test_candles_are_built_from_ticks_and_the_last_minute_closes(bench: Bench) -> None:
    said = bench.run("--ticks", bench.file("NQZ5.csv", TICKS), "--trust")
    assert said["candles"] == [
        row(0, "20000.00", "20010.00", "20000.00", "20009.75", 6, 3),
        row(1, "20004.00", "20004.00", "20004.00", "20004.00", 1, 1),
        row(3, "20002.50", "20002.50", "20002.50", "20002.50", 4, 1),
    ]


def row(minute: int, opened: str, high: str, low: str, close: str, volume: int, trades: int) -> Any:
    return {
        "ts_utc": f"2025-11-03T14:3{minute}:00Z",
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": str(volume),
        "trades": str(trades),
    }


def test_a_suspicious_tick_at_the_end_is_dropped_and_its_minute_closes(bench: Bench) -> None:
    lone = f"{MINUTE + 186_000_000_000},20100,9\n"
    candles = bench.run("--ticks", bench.file("NQZ5.csv", TICKS + lone))["candles"]
    assert candles[-1] == row(3, "20002.50", "20002.50", "20002.50", "20002.50", 4, 1)


def test_compressed_ticks_and_history_before_them(bench: Bench) -> None:
    ticks = "ts_utc,price,size\n2025-11-03T14:36:00.250Z,20050,1\n2025-11-03T14:36:05Z,20014,1\n"
    path = bench.home / "NQZ5.csv.gz"
    path.write_bytes(gzip.compress(ticks.encode()))
    history = bench.file("before.csv", CANDLES)
    said = bench.run(
        "--ticks", path, "--history", history, "--signals", bench.signals(SIGNAL), "--trust"
    )
    (record,) = said["records"]
    assert record["be"]["status"] == "BREAK_EVEN"
    assert record["be"]["exit_time"] == "2025-11-03T14:36:05Z"
    assert record["be"]["exit_hit"] == "20014.00"


def test_same_input_gives_the_same_bytes(bench: Bench) -> None:
    arguments = (
        *("--ticks", bench.file("NQZ5.csv", TICKS)),
        *("--signals", bench.signals(SIGNAL | {"received_at": "2025-11-03T14:32:01.5Z"})),
    )
    assert bench.run(*arguments)["bytes"] == bench.run(*arguments)["bytes"]


def test_settings_are_those_of_the_file(bench: Bench) -> None:
    said = bench.run(
        *("--candles", bench.file("NQZ5.csv", CANDLES)),
        *("--signals", bench.signals(SIGNAL)),
        *("--settings-file", bench.file("settings.json", '{"buffer": 0.25, "targets": [0.5, 2]}')),
    )
    (record,) = said["records"]
    assert record["stop_price"] == "19993.75"
    assert list(record["targets"]) == ["0.5", "2"]


def test_signals_of_other_roots_are_left_out_and_counted(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [SIGNAL | {"id": name, "symbol": name} for name in ("ES1!", "COMEX:GC1!", "MNQZ5")]
    said = bench.run(
        *("--candles", bench.file("NQZ5.csv", CANDLES)),
        *("--signals", bench.signals(SIGNAL, *others)),
    )
    assert [record["id"] for record in said["records"]] == ["#0"]
    assert "3 signals" in capsys.readouterr().err


def test_unreadable_directions_and_times_are_records_and_a_repeated_id_is_a_record_of_its_own(
    bench: Bench,
) -> None:
    said = bench.run(
        *("--candles", bench.file("NQZ5.csv", CANDLES)),
        "--signals",
        bench.signals(
            SIGNAL | {"direction": "up"},
            SIGNAL | {"time": "soon"},
            SIGNAL | {"direction": 7},
            SIGNAL,
            SIGNAL,
        ),
    )
    assert [record["id"] for record in said["records"]] == ["#0"] * 5
    assert [record["reason"] for record in said["records"]] == [
        *("MALFORMED", "MALFORMED", "MALFORMED", None, "DUPLICATE")
    ]


def test_order_of_arrival_is_the_receipt_else_the_file(bench: Bench) -> None:
    bearish = SIGNAL | {"id": "#1", "direction": "sell"}
    candles = bench.file("NQZ5.csv", CANDLES)
    by_file = bench.run("--candles", candles, "--signals", bench.signals(bearish, SIGNAL))
    assert [record["id"] for record in by_file["records"]] == ["#1", "#0"]
    by_receipt = bench.run(
        *("--candles", candles, "--signals"),
        bench.signals(
            bearish | {"received_at": "2025-11-03T14:32:03Z"},
            SIGNAL | {"received_at": "2025-11-03T14:32:02Z"},
        ),
    )
    assert [record["id"] for record in by_receipt["records"]] == ["#0", "#1"]
    assert by_receipt["records"][0]["cancelled_by"] == "20251103_093100000_BEARISH"


UNORDERED = TICKS + f"{MINUTE + 30_000_000_000},20001,1\n"


def test_unordered_ticks_are_refused_where_the_file_is_trusted_else_late(bench: Bench) -> None:
    path = bench.file("NQZ5.csv", UNORDERED)
    line = bench.refusal("--ticks", path, "--trust")
    assert str(path) in line
    assert "row 7" in line
    assert bench.run("--ticks", path)["candles"][0]["volume"] == "6"


def test_a_day_that_holds_two_contracts_is_refused_by_name(bench: Bench) -> None:
    text = "ts_ns,price,size,symbol\n" + "".join(
        f"{MINUTE + i},20000,1,{name}\n" for i, name in enumerate(("NQZ5", "NQH6", "NQZ5"))
    )
    line = bench.refusal("--ticks", bench.file("day.csv", text), "--symbol", "NQ")
    assert "NQZ" in line
    assert "NQH" in line
    said = bench.run("--ticks", bench.file("day.csv", text), "--symbol", "NQZ5", "--trust")
    assert said["candles"][0]["trades"] == "2"


Ruined = Callable[[Bench], tuple[Any, ...]]


@pytest.mark.parametrize(
    ("ruined", "names"),
    [
        (lambda b: ("--ticks", b.home / "none.csv"), ("none.csv",)),
        (lambda b: ("--ticks", b.file("NQZ5.csv", "")), ("NQZ5.csv",)),
        (lambda b: ("--ticks", b.file("NQZ5.csv", "ts_ns,price,size\n")), ("NQZ5.csv",)),
        (lambda b: ("--ticks", b.file("NQZ5.csv", "ts_ns,size\n1,1\n")), ("NQZ5.csv", "price")),
        (
            lambda b: ("--ticks", b.file("NQZ5.csv", TICKS.replace("20010", "20010.10"))),
            ("NQZ5.csv", "row 3", "price", "20010.10"),
        ),
        (
            lambda b: ("--ticks", b.file("NQZ5.csv", TICKS.replace("20010,1", "20010,"))),
            ("NQZ5.csv", "row 3", "size"),
        ),
        (
            lambda b: ("--ticks", b.file("NQZ5.csv", TICKS.replace("20010", "nan"))),
            ("NQZ5.csv", "row 3", "price"),
        ),
        (
            lambda b: ("--candles", b.file("NQZ5.csv", CANDLES.replace("19994", "20020"))),
            ("NQZ5.csv", "row 4"),
        ),
        (
            lambda b: ("--candles", b.file("NQZ5.csv", CANDLES.replace("14:32", "14:30"))),
            ("NQZ5.csv", "row 4"),
        ),
        (lambda b: ("--ticks", b.file("QQQ.csv", TICKS), "--symbol", "QQQ"), ("QQQ",)),
        (
            lambda b: (*_good(b), "--signals", b.signals(SIGNAL, "{broken")),
            ("signals.jsonl", "row 2"),
        ),
        (lambda b: (*_good(b), "--signals", b.signals("[1]")), ("signals.jsonl", "row 1")),
        (
            lambda b: (*_good(b), "--signals", b.signals(SIGNAL | {"id": None})),
            ("signals.jsonl", "row 1", "id"),
        ),
        (
            lambda b: (*_good(b), "--settings-file", b.file("s.json", '{"bufer": 1}')),
            ("bufer", "buffer"),
        ),
        (
            lambda b: (*_good(b), "--settings-file", b.file("s.json", '{"buffer": "0.10"}')),
            ("buffer", "0.10"),
        ),
        (lambda b: (*_good(b), "--settings-file", b.file("s.json", "[]")), ("s.json",)),
        (
            lambda b: (
                *("--ticks", b.file("NQZ5.csv", TICKS)),
                *("--history", b.file("h.csv", CANDLES)),
            ),
            ("h.csv",),
        ),
    ],
)
def test_bad_input_is_one_line_that_names_file_row_and_field(
    bench: Bench, ruined: Ruined, names: tuple[str, ...]
) -> None:
    arguments = ruined(bench)
    line = bench.refusal(*arguments)
    assert all(name in line for name in names), line


def _good(bench: Bench) -> tuple[Any, ...]:
    return "--candles", bench.file("NQZ5.csv", CANDLES)


def test_from_the_shell_it_ends_with_status_2_and_one_line(bench: Bench) -> None:
    command = [sys.executable, "manage.py", "replay", *_good(bench), "--settings"]
    wrong = subprocess.run(
        [*command, bench.file("s.json", '{"bufer": 1}')],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "bufer" in wrong.stderr
    right = [*command, bench.file("s.json", '{"buffer": 1}'), "--facts", bench.home / "facts"]
    assert subprocess.run(right, capture_output=True, check=False).returncode == 0


def test_a_failed_run_leaves_an_older_output_as_it_was(bench: Bench) -> None:
    bench.run("--candles", bench.file("NQZ5.csv", CANDLES), "--signals", bench.signals(SIGNAL))
    before = (bench.home / "records.json").read_bytes()
    bench.refusal("--ticks", bench.file("NQZ5.csv", UNORDERED), "--trust")
    assert (bench.home / "records.json").read_bytes() == before


def test_a_full_disk_is_told_by_name_and_leaves_no_half_file(bench: Bench) -> None:
    ticks = bench.file("NQZ5.csv", TICKS)
    bench.run("--ticks", ticks)
    before = {path: path.read_bytes() for path in bench.home.iterdir()}
    many = TICKS + "".join(
        f"{MINUTE + minute * 60 * 1_000_000_000},20000,1\n" for minute in range(4, 900)
    )
    day = bench.file("NQZ5_day.csv", many)
    with no_room():
        said = bench.refusal("--ticks", day)
    assert str(bench.home / "out.csv") in said
    assert "Make room" in said
    assert {path: path.read_bytes() for path in bench.home.iterdir() if path != day} == before


@pytest.mark.parametrize("out", ["no/such/folder/c.csv", "."])
def test_an_output_that_cannot_be_written_is_named_before_the_work(bench: Bench, out: str) -> None:
    ticks, wished = bench.file("NQZ5.csv", TICKS), bench.home / out
    with pytest.raises(CommandError, match=r"cannot be written .*Name a file") as problem:
        call_command("replay", "--ticks", str(ticks), "--candles-out", str(wished))
    assert problem.value.returncode == 2
    assert str(wished) in str(problem.value)
    assert list(bench.home.iterdir()) == [ticks]


def test_a_device_is_written_and_stays_one(bench: Bench) -> None:
    pipe = bench.home / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    call_command(
        "replay", "--ticks", str(bench.file("NQZ5.csv", TICKS)), "--candles-out", str(pipe)
    )
    assert os.read(reader, 10_000).startswith(b"ts_utc,open")
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("trust", [["--trust"], []], ids=["trusted", "checked"])
@pytest.mark.parametrize(
    ("ticks", "reference"),
    [
        ("NQH0_2019-12-16_trades", "NQH0_2019-12-16_1m_from_ticks"),
        ("GCG0_2019-12-16_trades", "GCG0_2019-12-16_1m_from_ticks"),
        ("NQM4_2024-06-16_overnight_trades_bidask", "NQM4_2024-06-16_overnight_1m_from_ticks"),
    ],
    ids=["NQH0", "GCG0", "NQM4"],
)
def test_candles_of_a_real_day_equal_the_reference_row_for_row(
    bench: Bench, ticks: str, reference: str, trust: list[str]
) -> None:
    source, wanted = DATA / "ticks" / f"{ticks}.csv.gz", DATA / "reference" / f"{reference}.csv.gz"
    if not source.exists() or not wanted.exists():
        pytest.skip(f"REAL CANDLES ARE NOT CHECKED: {source} is not there")
    said = bench.run("--ticks", source, *trust)
    with gzip.open(wanted, "rt", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    prices = ("open", "high", "low", "close", "volume", "trades")
    assert [
        (one["ts_utc"], *(Decimal(one[name]) for name in prices)) for one in said["candles"]
    ] == [(one["ts_utc"], *(Decimal(one[name]) for name in prices)) for one in expected]
