"""`manage.py tradovate_sim` as outside programs know it. Interfaces 3."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "manage.py", "tradovate_sim"]
READY = re.compile(r"tradovate simulator ready: http://127\.0\.0\.1:(\d+)/v1\n")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *options], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_listens_and_ends_with_status_0(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "--speed", "10", "--symbols", "NQ,ES", "--seed", "3"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        match = READY.fullmatch(process.stdout.readline())
        assert match is not None
        url = f"http://127.0.0.1:{match[1]}/v1/auth/accesstokenrequest"
        asked = {"name": "demo", "password": "demo", "appId": "any", "cid": 1, "sec": "any"}
        assert "accessToken" in httpx.post(url, json=asked, trust_env=False, timeout=50).json()
        process.send_signal(number)
        assert process.wait(50) == 0
        assert process.stdout.read() == ""


def test_a_port_that_is_taken_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert f"port {port} cannot be used" in ended.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--symbols", "XX"), "no market for XX"),
        (("--symbols", ","), "no market for nothing"),
        (("--market", "nowhere.csv"), "nowhere.csv"),
        (("--faults", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(options: tuple[str, ...], says: str) -> None:
    ended = run(*options)
    assert ended.returncode == 2
    assert says in ended.stderr and ended.stderr.count("\n") == 1


def test_a_fault_of_a_wrong_type_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"at_s": "soon", "do": "drop"}]')
    ended = run("--faults", str(path))
    assert ended.returncode == 2
    assert "at_s must be a number" in ended.stderr and ended.stderr.count("\n") == 1
