"""How long the server takes for a page, and to answer an alert, while the market runs, seen from outside."""

import statistics
import time

import httpx

from benchmarks.live_desk import SPEED, running, sign_in
from benchmarks.measure import Result, percentile
from tests.services.desk import Desk

WARM_S = 30.0  # so that there are signals and trades to show
PAGES = {
    "Main": ("/", 100.0),
    "signals": ("/signals/", 100.0),
    "API current price": ("/api/realtime/current-price/?symbol=NQ", None),
}


def measure(rounds: int) -> list[Result]:
    """Return the median and the slowest of some requests for each page, one after the other."""
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    size: dict[str, int] = {}
    with running() as desk:
        browser = sign_in(desk)
        time.sleep(WARM_S)
        for turn in range(8 * rounds):
            for name, (path, _) in PAGES.items():
                begun = time.perf_counter()
                answer = browser.get(path)
                taken = (time.perf_counter() - begun) * 1000
                assert answer.status_code == 200, f"{path}: {answer.status_code}"
                size[name] = len(answer.content)
                if turn >= 3:  # templates are compiled by then
                    times[name].append(taken)
        answers = _answers(desk, 30 * rounds)
    return [
        Result(
            f"page: {name}, median", statistics.median(times[name]), "ms", target=target,
            at_most=True,
            note=f"SPEED={SPEED}; p95 {percentile(times[name], 0.95):.0f} ms, {size[name] / 1024:.0f} KB",
        )
        for name, (_, target) in PAGES.items()
    ] + [
        Result(
            "webhook: stored and answered, p99", percentile(answers, 0.99), "ms", target=50, at_most=True,
            note=f"SPEED={SPEED}; p50 {statistics.median(answers):.1f} ms of {len(answers)} alerts",
        )
    ]  # fmt: skip


def _answers(desk: Desk, count: int) -> list[float]:
    """Post alerts; return how long the answers took, ms."""
    times = []
    with httpx.Client(timeout=20) as sender:
        for number in range(count):
            begun = time.perf_counter()
            answer = sender.post(
                desk.webhook, json={"signal_type": "Bullish", "id": f"bench-{number}"}
            )
            times.append((time.perf_counter() - begun) * 1000)
            assert answer.json()["status"] == "accepted", answer.text
    return times
