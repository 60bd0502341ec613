"""How much memory the one process takes, and whether it goes on growing."""

import statistics
import time
from pathlib import Path

from benchmarks.live_desk import SPEED, running, sign_in
from benchmarks.measure import Result

SHORT_S, FULL_S = 60, 600
FLAT_MB = 1.0  # a minute, over the second half


def measure(full: bool) -> list[Result]:
    """Sample /proc each second while a browser looks in; `full` takes ten minutes, else one."""
    seconds = FULL_S if full else SHORT_S
    samples: list[float] = []
    with running() as desk:
        browser = sign_in(desk)
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            samples.append(resident_mb(desk.process.pid))
            if len(samples) % 10 == 0:
                browser.get("/").raise_for_status()
            time.sleep(max(0.0, begun + len(samples) - time.monotonic()))
            assert desk.process.poll() is None, f"the desk ended: {desk.errors()[-300:]}"
    half = samples[len(samples) // 2 :]
    slope = statistics.linear_regression(range(len(half)), half).slope * 60
    note = f"SPEED={SPEED}, after {passed:.0f} s; at first {samples[0]:.0f}, at most {max(samples):.0f} MB"
    if not full:
        note += "; `python -m benchmarks memory --full` takes ten minutes"
    return [
        Result(
            "resident memory of the one process", statistics.median(samples[-10:]), "MB",
            target=300, at_most=True, note=note,
        ),
        Result(
            "its growth over the second half", slope, "MB/min",
            target=FLAT_MB if full else None, at_most=True,
            note="" if full else "for information: a minute is too short to judge it",
        ),
    ]  # fmt: skip


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its children."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own / 1024 + sum(resident_mb(int(child)) for child in children)
