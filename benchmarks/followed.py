"""The real engine over a tape with a fixed number of trades that are replaced as they end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import NamedTuple

from apps.brokers.domain.messages import (
    ListAccount,
    PlaceOrder,
)
from apps.engine.domain.engine import Engine, build_engine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Tick
from apps.risk.domain.messages import SetOwnLimits, SetRules
from apps.risk.domain.presets import PRESETS
from apps.signals.domain.indicator import Direction
from apps.signals.domain.messages import Alert, EntryDue
from apps.signals.domain.signal import Signal, Status
from benchmarks.tape import CONTRACT

CHUNK = 512  # ticks of one call, as the live engine works off what it missed
JUMP = 200  # 50 points
TIGHT = (8, 80)  # risk in ticks: 2 to 20 points, so that trades end all the time
WARM = 200  # ticks in which the accounts' orders fill
RULES = (
    # of a firm: floors that stand, trail the close, trail every tick; with a daily limit and size
    "apex-legacy-100k-static", "topstep-combine-150k-daily-loss", "apex-intraday-150k",
)  # fmt: skip
OWN = {"max_daily_loss": "900", "max_trades": 20}
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
    orders: int = 0
    entries: list[Entry] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def follow(ticks: Sequence[Tick], count: int, risks: tuple[int, int], accounts: int = 0) -> Run:
    """Run the engine with all its stages over the ticks while `count` trades are open; time what it takes.

    A trade that ends is replaced before the next 512 ticks. Its size depends on its number alone. With `accounts`, each
    of them holds a position under a firm's rules and has orders resting, before the clock starts.
    """
    engine, run = build_engine(), Run()
    wishes = iter([_wish(number, risks) for number in range(4 * count + 200)])
    list(engine.handle(ContractListed(CONTRACT, "NQ", JUMP)))
    list(engine.run(CONTRACT, ticks[:1]))
    for _ in range(count):
        _enter(engine, run, 0, ticks[0], next(wishes))
    if accounts:
        _open_accounts(engine, ticks[0], accounts)
    first = 1 + WARM if accounts else 1
    list(engine.run(CONTRACT, ticks[1:first]))
    assert len(engine.ledger.books.positions) == accounts
    run.orders = sum(one.status == "working" for one in engine.ledger.books.orders.values())
    begun = process_time()
    for start in range(first, len(ticks), CHUNK):
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
    engine.desk.places.confirmed[signal.key] = signal
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


def _open_accounts(engine: Engine, tick: Tick, accounts: int) -> None:
    """Open accounts under rules: a position with its stop and target each, and entries with brackets, far away."""
    text = instrument("NQ").text
    list(engine.handle(ClockTicked(tick.at)))
    for number in range(1, accounts + 1):
        rules = PRESETS[RULES[number % len(RULES)]]
        config = {"kind": "paper", "start_balance": rules["start_balance"]}
        named = {"user": number, "account": number}
        for wish in (
            ListAccount(id=f"a{number}", config=config, **named),
            SetRules(id=f"r{number}", rules=rules, **named),
            SetOwnLimits(id=f"l{number}", limits=OWN, **named),
            PlaceOrder(
                id=f"m{number}", symbol="NQ", side="buy" if number % 2 else "sell", type="market",
                quantity=1, confirmed=True, bracket={"stop_points": "22", "targets": [{"r": "20"}]}, **named,
            ),
            *(
                PlaceOrder(
                    id=f"o{number}.{step}", symbol="NQ", side="buy", type="limit", quantity=1, tif="gtc",
                    limit=text(tick.price - 4 * (150 + 10 * step)), confirmed=True,
                    bracket={"stop_points": "1"}, **named,
                )
                for step in range(5)
            ),
        ):  # fmt: skip
            list(engine.handle(wish))
