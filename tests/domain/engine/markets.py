"""Random markets and alerts for the tests of the engine, the same for the same seed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from apps.bus.domain.message import MINUTE, SECOND, to_instant
from apps.engine.replay import Replay
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.session import NEW_YORK
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import SignalSettings, settings_for
from tests.domain.engine import naive

NQ = instrument("NQ")
STARTS = (
    "2025-11-03 09:30",
    "2025-11-03 15:40",
    "2025-11-03 16:40",
    "2025-11-07 16:40",
    "2025-11-04 23:50",
)


@dataclass
class Market:
    """A tape, the calls that came with it, and the rules for both."""

    prints: list[naive.Print]
    calls: list[naive.Call]
    rules: naive.Rules

    @property
    def ticks(self) -> list[Tick]:
        """Return the tape as the engine hears it."""
        return [Tick(at, p, 1 + i % 3, i + 1) for i, (at, p) in enumerate(self.prints)]

    @property
    def minutes(self) -> list[naive.Bar]:
        """Return its one-minute candles."""
        return naive.aggregate(self.prints, MINUTE)

    @property
    def candles(self) -> list[Candle]:
        """Return its one-minute candles as the engine hears them."""
        return [Candle(*bar, 1) for bar in self.minutes]

    def settings(self) -> SignalSettings:
        """Return the rules as settings."""
        rules = self.rules
        given: dict[str, Any] = {
            "timeframe_s": rules.length // SECOND,
            "buffer": str(Decimal(rules.buffer) / 4),
            "left": rules.left,
            "double_pivot": rules.double,
            "require_body": rules.body,
            "be_trigger_r": str(float(rules.trigger)),
            "targets": [str(float(n)) for n in rules.targets],
            "stale_tolerance": str(Decimal(rules.stale) / 4),
            "time_basis": "fired_at" if rules.fired else "bar_open",
            "alert_grace_s": rules.grace // SECOND,
            "session_filter": rules.sessions,
            "market_calendar": rules.calendar,
        }
        return settings_for(NQ, given)

    def alerts(self) -> list[Alert]:
        """Return the calls as alerts."""
        return [
            Alert(
                id=call.id,
                strategy=call.strategy,
                symbol="NQ1!",
                direction="long" if call.way > 0 else "short",
                time=call.time,
                received_at=call.received,
                price="20000" if call.away is not None else None,
                market_price=None if call.away is None else str(20000 + Decimal(call.away) / 4),
                htf_ok=False if call.frames_disagree else None,
            )
            for call in self.calls
        ]

    def replay(self, *, trust: bool = True) -> Replay:
        """Return a replay of this market that has not begun."""
        return Replay("NQZ5", NQ, self.settings(), self.alerts(), trust=trust)


def made(seed: int, *, received: bool = False, minutes: int = 40, busy: int = 8) -> Market:
    """Return the market of a seed."""
    chance = Random(seed)
    rules = _rules(chance)
    start = to_instant(datetime.fromisoformat(chance.choice(STARTS)).replace(tzinfo=NEW_YORK))
    prints = _prints(chance, start, minutes, busy)
    bars = naive.aggregate(prints, rules.length)
    calls = _calls(chance, bars, rules, received=received)
    return Market(prints, calls, rules)


def _rules(chance: Random) -> naive.Rules:
    return naive.Rules(
        length=chance.choice((60, 60, 60, 300)) * SECOND,
        buffer=chance.choice((0, 1, 2, 4, 8, 40)),
        left=chance.choice((5, 5, 0, 1, 3)),
        double=chance.random() < 0.7,
        body=chance.random() < 0.2,
        trigger=Fraction(chance.choice(("1", "1", "0.5", "0", "1.5"))),
        targets=tuple(map(Fraction, chance.choice((("1", "2", "3"), ("0.5", "1.5", "4"), ("2",))))),
        fired=chance.random() < 0.2,
        grace=chance.choice((5, 5, 2, 0)) * SECOND,
        sessions=chance.random() < 0.7,
        calendar=chance.random() < 0.7,
    )


def _prints(chance: Random, start: int, minutes: int, busy: int) -> list[naive.Print]:
    price, prints = 80_000, []
    reach = chance.choice((1, 2, 4, 12))
    trend = chance.choice((-1, 0, 0, 1))
    for minute in range(minutes):
        if chance.random() < 0.1:
            continue
        times = sorted(chance.randrange(0, 60_000, 100) for _ in range(chance.randint(1, busy)))
        for millis in times:
            jump = 4 if chance.random() < 0.03 else 1
            price += trend * chance.randint(0, 1) + jump * chance.randint(-reach, reach)
            prints.append(naive.Print(start + minute * MINUTE + millis * 1_000_000, price))
    return prints or [naive.Print(start, price)]


def _calls(
    chance: Random, bars: list[naive.Bar], rules: naive.Rules, *, received: bool
) -> list[naive.Call]:
    calls = []
    for number in range(chance.randint(1, 12)):
        bar = chance.choice(bars).t
        if chance.random() < 0.05 and not rules.fired:
            bar += rules.length * chance.choice((1, -1, 3))
        close = bar + rules.length
        time = close + chance.randint(0, 3) * SECOND if rules.fired else bar
        call = naive.Call(
            id=f"#{number}",
            way=chance.choice((1, -1)),
            time=time,
            away=chance.choice((None, None, None, 19, 20)),
            frames_disagree=chance.random() < 0.05,
            strategy=chance.choice((0, 0, 0, 1)),
        )
        if received:
            # late ones never within the grace of a later close: nobody can know then what that close will bring
            early = max(-20, (time - close) // SECOND) if rules.fired else -20
            offset = chance.choice((early, max(early, 0), 3, 5, 6, 70, 190, 675, 3_600 + 9))
            if not rules.fired and chance.random() < 0.05:
                offset = -rules.length // SECOND - chance.choice((10, 50, 70))
            call.received = close + offset * SECOND
            if offset > 0 and 0 < offset % 60 <= 5 and offset * SECOND > rules.grace:
                call.received = close + 8 * SECOND
            if rules.fired and chance.random() < 0.2:
                call.time = None
        calls.append(call)
    if received:
        calls.sort(key=lambda call: call.received or 0)
    return calls
