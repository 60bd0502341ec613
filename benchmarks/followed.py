"""The real engine over a tape with a fixed number of trades that are replaced as they end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import NamedTuple

from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.messages import ContractListed
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import Alert, EntryDue
from apps.signals.domain.signal import Signal, Status
from benchmarks.tape import CONTRACT

CHUNK = 512  # ticks of one call, as the live engine works off what it missed
JUMP = 200  # 50 points
TIGHT = (8, 80)  # risk in ticks: 2 to 20 points, so that trades end all the time
WIDE = (100, 240)  # 25 to 60 points: what the methodology's stops come to on NQ


class Entry(NamedTuple):
    """A trade as it was entered: behind which tick of the tape, and with what."""

    index: int
    key: str
    sign: int
    price: int
    risk: int


class Wish(NamedTuple):
    """A confirmed signal that waits for its turn to be entered."""

    signal: Signal
    sign: int
    risk: int


class Outcome(NamedTuple):
    """How the two tracks of a trade ended. `...at` is 0 while it is open."""

    no_be: str
    no_be_at: int
    be: str
    be_at: int


@dataclass
class Run:
    """One pass over the tape."""

    seconds: float = 0.0
    said: int = 0
    entries: list[Entry] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def follow(ticks: Sequence[Tick], count: int, risks: tuple[int, int]) -> Run:
    """Run the engine with all its stages over the ticks while `count` trades are open; time what it takes.

    A trade that ends is replaced before the next 512 ticks. Its size depends on its number alone.
    """
    engine, run = build_engine(), Run()
    wishes = iter([_wish(number, risks) for number in range(4 * count + 200)])
    list(engine.handle(ContractListed(CONTRACT, "NQ", JUMP)))
    list(engine.run(CONTRACT, ticks[:1]))
    for _ in range(count):
        _enter(engine, run, 0, ticks[0], next(wishes))
    begun = process_time()
    for start in range(1, len(ticks), CHUNK):
        chunk = ticks[start : start + CHUNK]
        for _ in engine.run(CONTRACT, chunk):
            run.said += 1
        while len(engine.book.open) < count:
            _enter(engine, run, start + len(chunk) - 1, chunk[-1], next(wishes))
    run.seconds = process_time() - begun
    for key, trade in engine.book.changed.items():
        fixed, even = trade.no_be, trade.be
        run.outcomes[key] = Outcome(
            str(fixed.status),
            fixed.exit.at if fixed.exit else 0,
            str(even.status),
            even.exit.at if even.exit else 0,
        )
    return run


def _wish(number: int, risks: tuple[int, int]) -> Wish:
    key = str(number)
    chance = Random(f"bench:{key}")
    sign, risk = chance.choice((1, -1)), chance.randint(*risks)
    direction = Direction.BULLISH if sign > 0 else Direction.BEARISH
    alert = Alert(id=key, symbol="NQ", direction=direction)
    return Wish(Signal(key, alert, Status.CONFIRMED, direction=direction), sign, risk)


def _enter(engine: Engine, run: Run, index: int, tick: Tick, wish: Wish) -> None:
    """Have the desk hold a confirmed signal and let the book enter it at the last price."""
    signal, sign, risk = wish
    engine.desk.confirmed[signal.key] = signal
    due = EntryDue(
        signal=signal.key,
        user=1,
        strategy=1,
        contract=CONTRACT,
        trade_id=signal.key,
        direction=str(signal.direction),
        session="NY AM",
        stop=tick.price - sign * risk,
        confirmation_bar=0,
        settings={},
        prices=((tick.price, tick.at),),
    )
    run.entries.append(Entry(index, signal.key, sign, tick.price, risk))
    for _ in engine.handle(due):
        run.said += 1
