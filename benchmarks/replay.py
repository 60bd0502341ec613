"""A recorded day through the whole replay: signals, facts and records, in the process and as the command."""

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from random import Random

from apps.bus.domain.message import MINUTE, told
from apps.engine.replay import Replay
from apps.marketdata.domain.instrument import instrument
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for
from benchmarks import tape
from benchmarks.measure import Result, cpu_seconds, in_turn, wall_seconds
from benchmarks.tape import CONTRACT, ROOT

SIGNALS = 200


def measure(rounds: int) -> list[Result]:
    """Return ticks a second of a replay with signals, and of `manage.py replay` from file to records."""
    ticks, what = tape.ticks()
    minutes = sorted({tick.at - tick.at % MINUTE for tick in ticks})
    chance = Random("replay")
    alerts = [
        Alert(id=str(n), symbol="NQ", direction=chance.choice(("bullish", "bearish")), time=at)
        for n, at in enumerate(sorted(chance.sample(minutes[:-30], SIGNALS)))
    ]
    nq, said = instrument("NQ"), {"facts": 0}

    def run() -> None:
        replay = Replay(CONTRACT, nq, settings_for(nq), alerts)
        said["facts"] = sum(bool(told(fact)) for fact in replay.facts(ticks=ticks))
        replay.records()

    times = in_turn({"replay": partial(cpu_seconds, run)}, rounds)["replay"]
    note = f"{what}; {SIGNALS} signals, {said['facts']:,} facts"
    results = [
        Result(
            "replay of a day with signals", times.rate(len(ticks)), "ticks/s",
            noise=times.noise, note=note,
        )
    ]  # fmt: skip
    path = tape.real_day()
    if path is None:
        name = "manage.py replay, file to records"
        return [*results, Result.missing(name, "ticks/s", f"{tape.FILE.name} is not there")]
    return [*results, _command(path, alerts, len(ticks), min(rounds, 3))]


def _command(path: Path, alerts: list[Alert], count: int, rounds: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="tradehub-replay-") as folder:
        signals = Path(folder) / "signals.jsonl"
        signals.write_text(
            "".join(
                json.dumps({"id": a.id, "symbol": "NQ", "direction": a.direction, "time": a.time})
                + "\n"
                for a in alerts
            )
        )
        command = [
            sys.executable, "manage.py", "replay", "--ticks", str(path), "--signals", str(signals),
            "--records", f"{folder}/records.json", "--facts", f"{folder}/facts.jsonl",
        ]  # fmt: skip
        work = partial(subprocess.run, command, cwd=ROOT, check=True, capture_output=True)
        times = in_turn({"command": partial(wall_seconds, work)}, rounds)["command"]
    return Result(
        "manage.py replay, file to records", times.rate(count), "ticks/s", noise=times.noise,
        note=f"{times.median:.1f} s for the day, start-up and reading included",
    )  # fmt: skip
