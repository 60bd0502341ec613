"""A file of 200 MB uploaded in slices to the desk as `make run` starts it: its time, its memory, and how far the engine falls behind."""

import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import httpx

from benchmarks.live_desk import running, sign_in
from benchmarks.measure import Result
from tests.services.desk import Desk

SIZE = 200 * 2**20
WARM_S = 60.0  # a new desk catches up with its market first
A_DAY = 600
HEAD = "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,\n"
MONTHS = {3: "MAR", 6: "JUN", 9: "SEP", 12: "DEC"}


def measure(_rounds: int) -> list[Result]:
    """Upload once; the reading goes on apart and is watched for a minute."""
    with tempfile.TemporaryDirectory(prefix="tradehub-import-") as folder, running() as desk:
        path = Path(folder) / "executions.csv"
        generate(path, SIZE)
        browser = sign_in(desk)
        browser.timeout = httpx.Timeout(120)
        time.sleep(WARM_S)
        with _watched(desk, browser) as sending:
            begun = time.perf_counter()
            _send(desk, browser, path)
            taken = time.perf_counter() - begun
        with _watched(desk, browser) as reading:
            time.sleep(60)
    return [
        Result("import: 200 MB uploaded", taken, "s"),
        Result("import: memory more while uploading", sending["more"], "MB", target=50, at_most=True),
        Result("import: engine behind while uploading", sending["lag"], "ms", target=250, at_most=True),
        Result("import: memory more while reading", reading["more"], "MB", target=50, at_most=True),
        Result("import: engine behind while reading", reading["lag"], "ms", target=250, at_most=True),
    ]  # fmt: skip


def generate(path: Path, size: int) -> None:
    """Write a grid of executions, some hundred for each business day, as long as it takes."""
    day, number, written = date(2015, 1, 5), 0, len(HEAD)
    with path.open("w") as file:
        file.write(HEAD)
        while written < size:
            if day.weekday() < 5:
                for at in range(0, A_DAY * 40, 40):
                    number += 1
                    written += file.write(_line(day, 8 * 3600 + at // 2, number))
            day += timedelta(days=1)


def _line(day: date, second: int, number: int) -> str:
    hour, minute = second // 3600, second // 60 % 60
    half, side = ("AM", "PM")[hour >= 12], ("Buy", "Sell")[number % 2]
    month = MONTHS[(day.month + 2) // 3 * 3]
    return (
        f"MNQ {month}{day:%y},{side},1,{20000 + number % 400 / 4:.2f},{day.month}/{day.day}/{day.year} "
        f"{(hour - 1) % 12 + 1}:{minute:02}:{second % 60:02} {half},{number:032x},Entry,-,{number:032x},n,$0.35,1,S,C,\n"
    )


def _send(desk: Desk, browser: httpx.Client, path: Path) -> None:
    """Upload a file as the page's script does."""
    browser.headers.update({"X-CSRFToken": browser.cookies["csrftoken"], "Referer": desk.url})
    size, at = path.stat().st_size, 0
    told = {"name": path.name, "size": size, "zone": "America/Chicago"}
    made = browser.post("/api/recorder/import/upload/", json=told).raise_for_status().json()
    with path.open("rb") as file:
        while at < size:
            headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(at)}
            to = f"/api/recorder/import/{made['id']}/content/"
            answer = browser.put(to, content=file.read(made["slice"]), headers=headers)
            at = answer.raise_for_status().json()["offset"]


@contextmanager
def _watched(desk: Desk, browser: httpx.Client) -> Iterator[dict[str, float]]:
    """Keep the most that memory grew, MB, and that the engine was behind, ms."""
    before, over = _memory(desk), threading.Event()
    most = {"more": 0.0, "lag": 0.0}

    def watch() -> None:
        with httpx.Client(base_url=desk.url, cookies=browser.cookies, timeout=60) as other:
            while not over.wait(0.5):
                most["more"] = max(most["more"], _memory(desk) - before)
                told = other.get("/api/health/system/").json()
                detail = told["components"]["engine"].get("detail", {})
                most["lag"] = max(most["lag"], float(detail.get("lag_ms") or 0))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def _memory(desk: Desk) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{desk.process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
