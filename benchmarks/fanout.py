"""One process with engine, hub and web server, 100 ticks a second, 50 browsers in another process."""

import json
import os
import subprocess
import sys
from typing import IO, Any

from benchmarks.measure import Result, percentile
from benchmarks.tape import ROOT
from tests.services.process import free_port

BROWSERS, USERS = 50, 10  # a user may have 20 connections
SECONDS, SETTLE_S = 20.0, 3.0


def measure(rounds: int) -> list[Result]:
    """Return how old the newest tick of a reading is on arrival, and how long a committed fact takes."""
    desk = _start("benchmarks.fanout_desk", SECONDS, USERS, PORT=str(free_port()))
    browsers = _start("benchmarks.fanout_browsers", BROWSERS, SECONDS + 1, SETTLE_S)
    try:
        ready = _line(desk)
        _tell(browsers, ready)
        said = _line(browsers)
        assert said == "listening", said
        _tell(desk, "go")
        told = json.loads(_line(desk))
        heard = json.loads(_line(browsers))
    finally:
        for process in (desk, browsers):
            _end(process)
            process.wait(10)
    return results(heard, dict(told["committed"]), told["published"])


def results(
    heard: dict[str, Any], committed: dict[int, int], published: list[float]
) -> list[Result]:
    """Return the lines for what the browsers heard."""
    ages: list[float] = heard["ages"]
    facts = [(at - committed[seq]) / 1e6 for seq, at in heard["facts"] if seq in committed]
    story = (
        f"{len(ages):,} readings to {BROWSERS} browsers, {min(heard['readings'])} at least to each"
    )
    told = f"{len(facts):,} arrivals of {len({seq for seq, _ in heard['facts']})} facts"
    return [
        Result("reading: age of its tick on arrival, p50", percentile(ages, 0.5), "ms", note=story),
        Result(
            "reading: age of its tick on arrival, p99", percentile(ages, 0.99), "ms",
            target=20, at_most=True, note=f"the oldest {max(ages):.1f} ms",
        ),
        Result(
            "reading: tick to published, p99", percentile(published, 0.99), "ms",
            note="the engine's part of it, for information; "
            f"p50 {percentile(published, 0.5):.1f} ms",
        ),
        Result("fact: committed to browser, p50", percentile(facts, 0.5), "ms", note=told),
        Result(
            "fact: committed to browser, p99", percentile(facts, 0.99), "ms",
            target=50, at_most=True, note=f"the slowest {max(facts):.1f} ms",
        ),
        Result(
            "a 5 ms sleep of the browsers' process: too late by, p99",
            percentile(heard["late"], 0.99), "ms",
            note=f"for information: what this machine, load {os.getloadavg()[0]:.1f}, adds by itself",
        ),
    ]  # fmt: skip


def _start(module: str, *arguments: float, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.with_django", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _tell(process: subprocess.Popen[str], line: str) -> None:
    pipe: IO[str] | None = process.stdin
    assert pipe is not None
    pipe.write(f"{line}\n")
    pipe.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"{process.args} ended"
    return line


def _end(process: subprocess.Popen[str]) -> None:
    """Let a process end by itself, or make it."""
    process.terminate()
    try:
        process.wait(6)
    except subprocess.TimeoutExpired:
        process.kill()
