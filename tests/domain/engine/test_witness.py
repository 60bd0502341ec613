"""The engine and its slow witness, `naive.py`, agree about every field of every record."""

import csv
import gzip
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest

from apps.bus.domain.message import MINUTE, SECOND
from tests.domain.engine import naive
from tests.domain.engine.markets import Market, made

DATA = Path(__file__).parents[4] / "shared" / "data" / "ticks"


def by_ticks(market: Market) -> None:
    """Compare both over the ticks of a market."""
    replay = market.replay()
    for _ in replay.facts(ticks=market.ticks):
        pass
    assert replay.records() == naive.run_ticks(market.prints, market.calls, market.rules)


def by_candles(market: Market) -> None:
    """Compare both over its one-minute candles."""
    replay = market.replay()
    for _ in replay.facts(candles=market.candles):
        pass
    assert replay.records() == naive.run_candles(market.minutes, market.calls, market.rules)


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_ticks_with_alerts_recorded_without_receipt(first: int) -> None:
    for seed in range(first, first + 100):
        by_ticks(made(seed))


@pytest.mark.parametrize("first", range(1000, 1400, 100))
def test_ticks_with_alerts_as_they_were_received(first: int) -> None:
    for seed in range(first, first + 100):
        by_ticks(made(seed, received=True))


@pytest.mark.parametrize("first", range(2000, 2400, 100))
def test_candles_with_alerts_recorded_without_receipt(first: int) -> None:
    for seed in range(first, first + 100):
        by_candles(made(seed))


@pytest.mark.parametrize("first", range(3000, 3400, 100))
def test_candles_with_alerts_as_they_were_received(first: int) -> None:
    for seed in range(first, first + 100):
        by_candles(made(seed, received=True))


def test_long_quiet_and_busy_markets() -> None:
    for seed in range(30):
        by_ticks(made(seed, received=seed % 2 == 0, minutes=240, busy=2))
        by_candles(made(seed, received=seed % 2 == 0, minutes=240, busy=20))


@pytest.mark.parametrize("received", [False, True], ids=["unreceived", "received"])
def test_a_real_day(received: bool) -> None:
    path = DATA / "NQH0_2019-12-16_trades.csv.gz"
    if not path.exists():
        pytest.skip(f"THE REAL DAY IS NOT CHECKED: {path} is not there")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        prints = [
            naive.Print(int(row["ts_ns"]), int(Decimal(row["price"]) * 4))
            for row in csv.DictReader(file)
        ]
    chance = Random(7)
    bars = naive.aggregate(prints, MINUTE)
    calls = []
    for number in range(36):
        bar = chance.choice(bars[5:]).t
        late = chance.choice((-20, 0, 3, 5, 6, 70, 675)) * SECOND
        call = naive.Call(f"#{number}", chance.choice((1, -1)), bar, strategy=number % 3)
        call.received = bar + MINUTE + late if received else None
        calls.append(call)
    calls.sort(key=lambda call: call.received or 0)
    rules = naive.Rules(buffer=8, trigger=Fraction(1))
    market = Market(prints, calls, rules)
    by_ticks(market)
    by_candles(market)
