"""What is posted to the real server: kept once, not parsed twice, and a large file costs a slice of memory at a time."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.live_desk import sign_in
from tests.services.desk import Desk

pytestmark = pytest.mark.timeout(600)
MB = 2**20
HEAD = "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    one = Desk(tmp_path_factory.mktemp("desk"), LOG_LEVEL="WARNING")
    try:
        yield one.ready()
    finally:
        one.kill()


@pytest.fixture(scope="module")
def browser(desk: Desk) -> httpx.Client:
    signed_in = sign_in(desk)
    signed_in.timeout = httpx.Timeout(120)
    signed_in.headers.update({"X-CSRFToken": signed_in.cookies["csrftoken"], "Referer": desk.url})
    return signed_in


def memory(desk: Desk, which: str = "VmHWM") -> float:
    """Return how many MB the desk takes, by default at most so far."""
    status = Path(f"/proc/{desk.process.pid}/status").read_text()
    found = re.search(rf"{which}:\s+(\d+)", status)
    assert found
    return int(found[1]) / 1024


def settled(desk: Desk) -> float:
    """Return the most that the desk has taken, once it has taken its first hours of market in and grows no more."""
    seen = [memory(desk)]
    for _ in range(100):
        threading.Event().wait(1)
        seen.append(memory(desk))
        if len(seen) > 25 and seen[-1] - seen[-13] < 2:
            break
    return seen[-1]


def test_a_form_is_parsed_once(desk: Desk, browser: httpx.Client) -> None:
    before = settled(desk)
    sent = browser.post(
        "/recorders/import/", files={"file": ("a.csv", b"x" * 30 * MB)}, data={"zone": "UTC"}
    )
    assert sent.status_code == 200 and "import" in str(sent.url)
    assert memory(desk) - before < 150, "Twisted's own parse took 250 MB and more"


def test_a_body_that_is_too_large_is_not_kept(desk: Desk, browser: httpx.Client) -> None:
    before = memory(desk)
    page = browser.post("/recorders/import/", files={"file": ("a.csv", b"x" * 60 * MB)})
    assert page.status_code == 413 and "CSV file, 60 MB" in page.text
    untold = browser.post("/api/recorder/import/", content=(b"x" * MB for _ in range(60)))
    assert untold.status_code == 413 and untold.json()["code"] == "too_large"
    assert memory(desk) - before < 20


def test_a_large_file_in_slices_is_read_apart(desk: Desk, browser: httpx.Client) -> None:
    line = "MNQ MAR25,Buy,1,21539.50,1/28/2025 10:{:02d}:{:02d} AM,{:032x},Entry,-,{:032x},n,$0.35,1,S,C,\n"
    text = HEAD + "".join(line.format(n // 60 % 60, n % 60, n, n) for n in range(100_000))
    data = text.encode()[: 12 * MB]
    data = data[: data.rindex(b"\n") + 1]
    before = memory(desk)
    told = {"name": "large.csv", "size": len(data), "zone": "America/Chicago"}
    upload = browser.post("/api/recorder/import/upload/", json=told).json()
    at = 0
    while at < len(data):
        piece = data[at : at + upload["slice"]]
        sent = browser.put(
            f"/api/recorder/import/{upload['id']}/content/", content=piece,
            headers={"Content-Type": "application/octet-stream", "Upload-Offset": str(at)},
        )  # fmt: skip
        assert sent.status_code == 200, sent.text
        at = sent.json()["offset"]
    state = "looking"
    while state == "looking":  # the timeout of the test ends it
        answer = browser.get(f"/api/recorder/import/{upload['id']}/").json()
        state = answer["state"]
    assert state == "ready", answer
    assert answer["rows"] == data.count(b"\n") - 1
    assert memory(desk) - before < 40, "the reading is not the desk's own"
