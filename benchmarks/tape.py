"""The market that is measured on: a real NQ day if its file is there, else one of the simulator's."""

import os
from datetime import datetime
from itertools import islice
from pathlib import Path

from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.bus.domain.message import DAY, to_instant
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tick import Tick
from apps.marketdata.reading import read_tick_file

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT.parent / "shared" / "data" / "ticks" / "NQH0_2019-12-16_trades.csv.gz"
COUNT = 213_295  # ticks of that day; as many are generated without it
CONTRACT = "NQH0"
START = "2019-12-16T14:30:00+00:00"


def real_day() -> Path | None:
    """Return the file of the real day, None if it is not there. `BENCH_TICKS` names another place."""
    path = Path(os.environ.get("BENCH_TICKS") or FILE)
    return path if path.is_file() else None


def ticks() -> tuple[list[Tick], str]:
    """Return the ticks and what they are."""
    path = real_day()
    if path is not None:
        tape = [tick for _, tick in read_tick_file(path, instrument("NQ"))]
        return tape, f"{path.name.split('.')[0]}, {len(tape):,} ticks"
    return generated(), f"GENERATED ticks ({COUNT:,}), because {FILE.name} is not there"


def generated() -> list[Tick]:
    """Return ticks of the simulator's market."""
    start = to_instant(datetime.fromisoformat(START))
    market = GeneratedMarket(1, start, ("NQ",))
    return list(islice(market.ticks(CONTRACT, start, start + 30 * DAY), COUNT))
