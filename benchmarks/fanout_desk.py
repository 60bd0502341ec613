"""A desk whose feed is ours: web server, hub and live engine in one process, 100 ticks a second.

Says on standard output where it listens and with which sessions browsers come in; when it has been told to go
on by a line of standard input it runs its seconds, then says when which fact was committed.
"""

import json
import sys
import threading
import time
from datetime import datetime
from random import Random
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client

from apps.brokers.domain.ports import (
    ClockTicked,
    FeedChanged,
    FeedState,
    QuoteArrived,
    TicksArrived,
)
from apps.bus import bus, transport
from apps.engine.journal import Journal
from apps.engine.live import LiveEngine
from apps.marketdata.domain.messages import ContractListed
from apps.marketdata.domain.tick import Quote, Tick
from apps.system.onebox import OneBox, reactor
from apps.trades.domain.messages import EnterTrade

CONTRACT = "NQZ6"
APART_S = 0.010  # on the average: 100 ticks a second
ENTRIES_APART_S = 0.25
BEGINS = 1_795_014_000_000_000_000  # market time at the start: Wednesday 2026-11-18, 15:00 UTC


class StampedJournal(Journal):
    """Notes when each fact was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: dict[int, int] = {}

    def write(self, *args: Any) -> list[Any]:
        """Write as ever, and note the time."""
        rows = super().write(*args)
        now = time.time_ns()
        for row in rows:
            self.committed[row.seq] = now
        return rows


class Driven:
    """Engine and feed; ticks come at random moments, and every now and then somebody enters a trade."""

    name = "driven engine"

    def __init__(self, users: list[int], seconds: float) -> None:
        self._users, self._seconds = users, seconds
        self.engine = LiveEngine([ContractListed(CONTRACT, "NQ", 200)])
        self.journal = StampedJournal()
        self.engine._journal = self.journal
        self.go = threading.Event()
        self.published: list[float] = []  # how old the tick of each reading was then, ms

    def start(self) -> None:
        """Begin."""
        transport.listen(self._overhear)
        self.engine.start()
        threading.Thread(target=self._drive, daemon=True).start()
        threading.Thread(target=self._trade, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self.engine.stop()

    def is_alive(self) -> bool:
        """Return whether the engine runs."""
        return self.engine.is_alive()

    def _overhear(self, said: transport.Said) -> None:
        if said.topic == "price.NQ" and self.go.is_set():
            traded = round(datetime.fromisoformat(said.payload["at"]).timestamp() * 1000)
            self.published.append(market_now() / 1e6 - traded)

    def _drive(self) -> None:
        chance, price, number = Random("drive"), 80_000, 0
        self.engine.put(FeedChanged(FeedState.LIVE, CONTRACT, market_now(), time.time_ns()))
        due = time.perf_counter()
        while True:
            due += chance.uniform(0, 2 * APART_S)
            time.sleep(max(0.0, due - time.perf_counter()))
            number += 1
            price += chance.choice((-1, 0, 1))
            at = market_now()
            quote = Quote(price - 1, 3, price, 4)
            self.engine.put(TicksArrived(CONTRACT, (Tick(at, price, 1, number, quote),), live=True))
            if number % 10 == 0:
                self.engine.put(QuoteArrived(CONTRACT, at, quote))
                self.engine.put(ClockTicked(at))

    def _trade(self) -> None:
        self.go.wait()
        chance, number, until = Random("trade"), 0, time.monotonic() + self._seconds
        while time.monotonic() < until:
            time.sleep(ENTRIES_APART_S)
            user = self._users[number % len(self._users)]
            number += 1
            last = self.engine.engine.market.tapes[CONTRACT].last or 0
            side, away = chance.choice((("bullish", -1), ("bearish", 1))), chance.randint(8, 40)
            stop = (last + side[1] * away) * 0.25
            wish = EnterTrade(
                id=f"bench-{number}", user=user, symbol="NQ", direction=side[0], stop=f"{stop:.2f}"
            )
            bus.submit(wish, user=user, source="bench")
        connection.close()
        time.sleep(0.5)  # the last ones are on their way
        told = {"committed": list(self.journal.committed.items()), "published": self.published}
        print(json.dumps(told), flush=True)
        sys.stdin.readline()
        reactor.callFromThread(reactor.stop)


def market_now() -> int:
    """Return market time: the wall clock's, moved to a day on which the exchange is open."""
    return time.time_ns() + OFFSET


OFFSET = BEGINS - time.time_ns()


def main() -> None:
    """Make the database and the users, then serve."""
    seconds, users = float(sys.argv[1]), int(sys.argv[2])
    call_command("migrate", interactive=False, verbosity=0)
    people = [
        get_user_model().objects.create_user(username=f"bench{number}", password=None)
        for number in range(users)
    ]
    sessions = []
    for person in people:
        client = Client()
        client.force_login(person, "django.contrib.auth.backends.ModelBackend")
        sessions.append((person.pk, client.cookies[settings.SESSION_COOKIE_NAME].value))
    connection.close()
    driven = Driven([person.pk for person in people], seconds)

    def ready() -> None:
        said = {"port": settings.PORT, "cookie": settings.SESSION_COOKIE_NAME, "offset": OFFSET}
        print(json.dumps({**said, "sessions": sessions}), flush=True)
        threading.Thread(target=_wait, args=(driven.go,), daemon=True).start()

    box = OneBox(
        application=get_default_application(),
        host="127.0.0.1",
        port=settings.PORT,
        parts=[driven],
        ready=ready,
    )
    failed = box.run()
    if failed:
        sys.exit(failed)


def _wait(go: threading.Event) -> None:
    sys.stdin.readline()
    go.set()


if __name__ == "__main__":
    main()
