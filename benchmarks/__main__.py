"""`python -m benchmarks`: every benchmark in a process of its own, a table, and var/bench.json."""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Result
from benchmarks.tape import ROOT

NAMES = (
    "engine",
    "orders",
    "frames",
    "storage",
    "replay",
    "pages",
    "performance",
    "fanout",
    "imports",
    "memory",
)
OUT = ROOT / "var" / "bench.json"
LIMIT_S = 1500  # of one benchmark


def main() -> int:
    """Run what is asked for; the status tells whether everything ran, not whether every target was met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement, default 5")
    parser.add_argument("--full", action="store_true", help="ten minutes of memory, not one")
    parser.add_argument("--strict", action="store_true", help="status 1 if a target is missed")
    parser.add_argument("--inner", type=Path, help=argparse.SUPPRESS)
    wished = parser.parse_args()
    if unknown := set(wished.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if wished.inner:
        _inner(wished.names[0], wished.rounds, wished.full, wished.inner)
        return 0
    results: list[dict[str, Any]] = []
    failed = False
    for name in wished.names or NAMES:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found, problem = _outer(name, wished.rounds, wished.full)
        failed |= bool(problem)
        results += [{"benchmark": name, **line} for line in found]
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "results": results,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report, indent=1) + "\n")
    print(table(results))
    print(f"\n{_machine_line(report['machine'])}\nwritten: {OUT.relative_to(ROOT)}")
    missed = any(line["ok"] is False for line in results)
    return 1 if failed or (wished.strict and missed) else 0


def _inner(name: str, rounds: int, full: bool, out: Path) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    results = module.measure(full) if name == "memory" else module.measure(rounds)
    out.write_text(json.dumps([result.plain() for result in results]))


def _outer(name: str, rounds: int, full: bool) -> tuple[list[dict[str, Any]], str]:
    """Run one benchmark in a fresh process; one that fails becomes a line that says so."""
    with tempfile.TemporaryDirectory(prefix="tradehub-bench-") as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "benchmarks", name, "--rounds", str(rounds)]
        command += ["--inner", str(out), *(["--full"] if full else [])]
        environment = {
            **{key: value for key, value in os.environ.items() if key not in _OURS},
            "TRADEHUB_HOME": folder,
            "LOG_LEVEL": "ERROR",
            "HASHED_STATIC": "0",
        }
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=LIMIT_S, capture_output=True, text=True
            )
            problem = "" if done.returncode == 0 else (done.stderr.strip() or "no reason given")
        except subprocess.TimeoutExpired:
            problem = f"not done in {LIMIT_S} s"
        if not problem:
            lines: list[dict[str, Any]] = json.loads(out.read_text())
            return lines, ""
        print(problem, file=sys.stderr)
        last = problem.splitlines()[-1][:160]
        return [Result.missing(name, "", last).plain()], last


_OURS = ("DATABASE_URL", "REDIS_URL", "MARKET", "SPEED", "SEED", "PORT", "HOST", "SYMBOL", "DEBUG")


def table(results: list[dict[str, Any]]) -> str:
    """Return the lines as a table, notes below their line."""
    width = max(len(line["name"]) for line in results)
    head = (
        f"{'':{width}}  {'value':>12} {'unit':9} {'baseline':>12} {'ratio':>7} {'noise':>6}  target"
    )
    lines = [head, "-" * len(head)]
    for line in results:
        lines.append(
            f"{line['name']:{width}}  {_number(line['value']):>12} {line['unit']:9} "
            f"{_number(line['baseline']):>12} {_ratio(line['ratio']):>7} "
            f"{_percent(line['noise']):>6}  {_verdict(line)}"
        )
        if line["baseline_name"]:
            lines.append(f"{'':{width}}  against {line['baseline_name']}")
        if line["note"]:
            lines.append(f"{'':{width}}  {line['note']}")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x"


def _percent(value: float | None) -> str:
    return "" if value is None else f"±{value:.0%}"


def _verdict(line: dict[str, Any]) -> str:
    if line["target"] is None:
        return ""
    bound = "at most" if line["at_most"] else "at least"
    unit = "x" if line["of_ratio"] else f" {line['unit']}"
    verdict = {True: "ok", False: "MISSED", None: "?"}[line["ok"]]
    return f"{verdict} ({bound} {line['target']:,g}{unit})"


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _machine_line(machine: dict[str, Any]) -> str:
    load = ", ".join(str(load) for load in machine["load"])
    return f"Python {machine['python']}, {machine['cores']} cores, load {load} at the end"


if __name__ == "__main__":
    sys.exit(main())
