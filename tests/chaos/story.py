"""One stretch of the simulated market, lived through by a desk and a simulator in processes of their own."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from apps.brokers.tradovate.simulator.market import GeneratedMarket, default_start
from apps.brokers.tradovate.simulator.standin import Chart
from apps.bus.domain.message import MINUTE, iso, to_datetime, told
from apps.engine.replay import Replay
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for
from apps.trades.domain.messages import TrackStopped
from tests.services.desk import ROOT, Desk
from tests.services.process import free_port

SIGNALS = ("signal.", "trade.")
EQUAL = (*SIGNALS, "order.", "position.", "route.")
LEFT_OUT = (
    "user",
    "signal",
    "trade",
    "strategy",
    "cancelled_by_id",
)  # ours alone; the trade_id names it
QUIET = 4 * MINUTE


@cache
def eventful_seed(start: int, minutes: int) -> int:
    """Return the first seed whose market, which is another one every day, stops a trade out in its second half.

    Nothing is signalled in its first minutes: the desk opens its accounts once its feed is live, which takes a busy
    machine some seconds, and a minute is less than one at these speeds.
    """
    product = instrument("NQ")
    end = start + minutes * MINUTE
    for seed in range(1, 5000):
        market = GeneratedMarket(seed, start, ("NQ",))
        contract = market.front("NQ", start)
        chart = Chart(contract, start)
        alerts = []
        for at in range(start, end, MINUTE):
            turned = chart.feed(at, list(market.ticks(contract, at, at + MINUTE)))
            if turned is not None:
                alerts.append(
                    Alert(
                        id=str(at),
                        symbol="NQ1!",
                        direction=turned,
                        time=at,
                        received_at=at + MINUTE,
                    )
                )
        if alerts and alerts[0].time < start + QUIET:
            continue
        replay = Replay(contract, product, settings_for(product), alerts)
        ticks = market.ticks(contract, start - 30 * MINUTE, end)
        ends = [fact.at for fact in replay.facts(ticks=ticks) if isinstance(fact, TrackStopped)]
        if any(start + 9 * minutes * MINUTE // 20 < at < end - 2 * MINUTE for at in ends):
            return seed
    raise AssertionError("no market in which anything happens")


class Sim:
    """`manage.py tradovate_sim` on a fixed port, posting its alerts to a desk."""

    def __init__(
        self, home: Path, port: int, webhook: str, *, speed: float, seed: int, faults: Any = None
    ) -> None:
        arguments = [
            "tradovate_sim",
            "--port",
            str(port),
            "--speed",
            str(speed),
            "--seed",
            str(seed),
            "--alerts-to",
            webhook,
        ]
        if faults is not None:
            path = home / "faults.json"
            path.write_text(json.dumps(faults))
            arguments += ["--faults", str(path)]
        self._log = (home / "sim-stderr").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "TRADEHUB_HOME": str(home),
                "DATABASE_URL": "sqlite",
                "LOG_LEVEL": "ERROR",
            },
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("tradovate simulator ready:"), line

    def end(self) -> None:
        """Stop it."""
        self.process.kill()
        self.process.wait(10)
        self._log.close()


class Story:
    """A desk lives through so many minutes of market; afterwards its facts can be compared with another's."""

    def __init__(
        self,
        home: Path,
        *,
        minutes: int,
        speed: float,
        one_process: bool = False,
        faults: Any = None,
    ) -> None:
        self.home, self.minutes, self.speed = home, minutes, speed
        self.one_process, self.faults = one_process, faults
        home.mkdir(parents=True, exist_ok=True)
        self.kills = 0
        self._began = default_start(time.time_ns())  # kept: midnight may pass while it lives
        self.seed = eventful_seed(self._began, minutes)
        self._sim_port, self._desk_port = free_port(), free_port()
        self._desk: Desk | None = None
        self._sim: Sim | None = None

    def live(
        self, *, kills: int = 0, seed: int = 1, limit: float = 300, restart_when: str = ""
    ) -> "Story":
        """Live through it, killed so often at random moments, and end.

        restart_when: the state of the feed in which somebody starts the desk again
        """
        chance = random.Random(seed)
        stretch = self.minutes * 60 / self.speed
        until = time.monotonic() + limit + 6 * kills
        try:
            self._start_desk()
            while (passed := self._passed()) < self.minutes:
                assert time.monotonic() < until, (
                    f"after {limit} s only {passed} of {self.minutes} minutes"
                )
                if self.kills < kills:
                    self._wait(chance.uniform(0.05, 2 * stretch / max(1, kills)))
                    self._kill()
                    self._start_desk()
                elif restart_when and self.states()[-1:] == [restart_when]:
                    assert self._desk is not None
                    self._desk.end(signal.SIGTERM, seconds=10)
                    self._start_desk()
                else:
                    self._wait(0.3)
            if self._desk is not None:
                self._desk.end(signal.SIGTERM, seconds=10)
        finally:
            if self._desk is not None:
                self._desk.kill()
            if self._sim is not None:
                self._sim.end()
        return self

    def _wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def _start_desk(self) -> None:
        market = "generated" if self.one_process else f"http://127.0.0.1:{self._sim_port}/v1"
        self._desk = Desk(
            self.home, PORT=str(self._desk_port), MARKET=market, SPEED=str(self.speed), SEED=str(self.seed), LOG_LEVEL="WARNING",
            WEBHOOK_RATE_PER_STRATEGY="100000/min", WEBHOOK_RATE_PER_ADDRESS="100000/min",
        ).ready()  # fmt: skip
        if self._sim is None and not self.one_process:
            self._sim = Sim(
                self.home, self._sim_port, self._desk.webhook,
                speed=self.speed, seed=self.seed, faults=self.faults,
            )  # fmt: skip

    def _kill(self) -> None:
        assert self._desk is not None
        os.kill(self._desk.process.pid, signal.SIGKILL)
        self._desk.process.wait(10)
        self.kills += 1

    # ---- what is true ----

    def _read(self, sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(
            f"file:{self.home / 'tradehub.sqlite3'}", uri=True, timeout=20
        ) as rows:
            return rows.execute(sql).fetchall()

    def begin(self) -> int:
        """Return when the market began, ns UTC."""
        return self._began

    def _passed(self) -> float:
        newest = self._read("select max(at) from marketdata_contractstate")[0][0]
        return 0 if newest is None else (newest - self.begin()) / MINUTE

    def facts(self, areas: tuple[str, ...] = EQUAL) -> list[str]:
        """Return signals, trades, orders and fills by identity, level, traded price, R and market time, in a fixed order."""
        rows = self._read("select payload from bus_factrow")
        return self._plain((json.loads(payload) for (payload,) in rows), areas)

    def _plain(self, told: Iterable[dict[str, Any]], areas: tuple[str, ...] = EQUAL) -> list[str]:
        end = iso(self.begin() + (self.minutes - 1) * MINUTE)
        said = []
        for values in told:
            if values["fact"].startswith(areas) and values["at"] < end:
                kept = {key: value for key, value in values.items() if key not in LEFT_OUT}
                said.append(json.dumps(kept, sort_keys=True))
        return sorted(said)

    def replayed(self) -> list[str]:
        """Return the facts of a replay of the ticks in the order in which they arrived, with the same alerts."""
        rows = self._read("select alert from signals_signal")
        alerts = [msgspec.json.decode(text, type=Alert) for (text,) in rows]
        ((contract,),) = self._read("select contract from marketdata_contractstate")
        product = instrument(root_of(contract))
        alerts.sort(key=lambda alert: alert.received_at or 0)
        replay = Replay(contract, product, settings_for(product), alerts)
        return self._plain(told(fact) for fact in replay.facts(ticks=self._arrived()))

    def _arrived(self) -> list[Tick]:
        """Return the ticks as they were stored, which is as they came: SQLite numbers its rows."""
        return [
            Tick(*row)
            for row in self._read(
                "select ts_ns, price, size, tick_id, null from marketdata_tick order by rowid"
            )
        ]

    def late_ticks(self) -> int:
        """Return how many ticks came after one that was younger."""
        ids = [tick.id for tick in self._arrived()]
        return sum(later < earlier for earlier, later in pairwise(ids))

    def outcomes(self) -> list[str]:
        """Return what became of the suspicious ticks."""
        rows = self._read("select payload from bus_factrow where name = 'tick.quarantine_ended'")
        return [json.loads(payload)["outcome"] for (payload,) in rows]

    def states(self) -> list[str]:
        """Return how the feed stood, one after the other."""
        return [change["state"] for change in self._changes()]

    def reasons(self, state: str) -> list[str]:
        """Return why the feed came to stand so, each time."""
        return [change["reason"] for change in self._changes() if change["state"] == state]

    def outages(self) -> list[tuple[str, str]]:
        """Return from when until when, in market time, there was no connection."""
        found, since = [], ""
        for change in self._changes():
            if change["state"] == "lost":
                since = since or change["at"]
            elif change["state"] == "live" and since:
                found.append((since, change["at"]))
                since = ""
        return found

    def _changes(self) -> list[dict[str, Any]]:
        rows = self._read(
            "select payload from bus_factrow where name = 'feed.changed' order by seq"
        )
        return [json.loads(payload) for (payload,) in rows]

    def trades(self) -> list[tuple[Any, ...]]:
        """Return the rows of the trades that had entered in time, as far as they are derived from ticks."""
        end = self.begin() + (self.minutes - 1) * MINUTE
        return self._read(
            "select trade_id, entry_ns, entry_price, initial_stop, direction from trades_trade "
            f"where entry_ns < {end} order by trade_id, entry_ns"
        )

    def candles(self) -> list[tuple[Any, ...]]:
        """Return the one-minute candles that closed in time."""
        end = to_datetime(self.begin() + (self.minutes - 1) * MINUTE)
        return self._read(
            "select contract, open_at, open, high, low, close, volume, trades, complete from marketdata_candle "
            f"where seconds = 60 and open_at < '{end:%Y-%m-%d %H:%M:%S}' order by contract, open_at"
        )
