"""Journal: what a turn said and changed, in one transaction; and everything again after a start.

The rows are the snapshot, so a start and a recovery are the same code: load them, ask the feed for what came after
the cursor, go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.brokers import abroad_store
from apps.brokers import store as broker_store
from apps.bus import bus
from apps.bus.domain.message import DAY, MINUTE, Fact
from apps.bus.models import Heartbeat, Inbox
from apps.engine.domain.engine import Engine, EngineState
from apps.marketdata import partitions
from apps.marketdata import store as market_store
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.folding import folded
from apps.marketdata.domain.session import frame_end
from apps.marketdata.domain.tape import TapeState
from apps.marketdata.domain.tick import Tick
from apps.marketdata.models import TickMark
from apps.marketdata.queries import calendar
from apps.papertrading import store as paper_store
from apps.risk import store as risk_store
from apps.signals import store as signal_store
from apps.signals.domain.posted import Posted
from apps.signals.domain.settings import FRAME_SECONDS, MOST_LEFT
from apps.trades import store as trade_store

RECENT = 2 * DAY  # minutes that the desk needs at a start; pending signals may need older ones


@dataclass
class Turn:
    """What has to become true together."""

    facts: list[Fact] = field(default_factory=list)
    causes: dict[str, int] = field(default_factory=dict)
    candles: list[tuple[str, int, Candle]] = field(default_factory=list)
    ticks: list[tuple[str, Sequence[Tick]]] = field(default_factory=list)
    refused: dict[tuple[str, int], str] = field(default_factory=dict)
    marks: list[tuple[str, Tick, TickMark]] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    handled: list[int] = field(default_factory=list)

    @property
    def has_news(self) -> bool:
        """Return whether somebody has to hear of it at once."""
        return bool(self.facts or self.handled or self.candles)


class Journal:
    """Writes turns and loads the engine's state. Used by the engine's thread alone."""

    def __init__(self) -> None:
        self._ticks = market_store.TickWriter()
        self._days: set[date] = set()

    def load(self) -> EngineState:
        """Return everything that the rows know."""
        market = [_tape(state) for state in market_store.load_tapes()]
        now = max((tape.last_at for tape in market if tape.last is not None), default=None)
        signals = signal_store.load(now)
        signals.calendar = calendar()
        trades = trade_store.load()
        for tape in market:
            bars = [signal.bar for signal in signals.signals if signal.contract == tape.contract]
            oldest = min([bar for bar in bars if bar is not None] + [tape.last_at - RECENT])
            _load_candles(signals.candles, tape, oldest - (MOST_LEFT + 3) * MINUTE)
        ledger = broker_store.load()
        return EngineState(
            market,
            signals,
            trades,
            broker_store.load_routes(now),
            ledger,
            risk_store.load(),
            paper_store.load(ledger),
            abroad_store.load(now),
            str(settings.SEED),
        )

    def cursors(self) -> dict[str, tuple[int, int]]:
        """Return, by contract, id and time of the newest tick that was applied."""
        return {
            state.contract: (state.last_id, state.last_at)
            for state in market_store.load_tapes()
            if state.last is not None
        }

    def write(self, turn: Turn, engine: Engine, at: int) -> list[Any]:
        """Make a turn true: ticks first (they can be written twice), then all the rest in one transaction.

        Returns the fact rows that are new, to be told now that they are committed.
        """
        self._write_ticks(turn)
        desk, book, market = engine.desk, engine.book, engine.market
        with transaction.atomic():
            facts = turn.facts + signal_store.keep(turn.posted, at)
            rows = bus.record_facts(facts, causes=turn.causes)
            if desk.changed:
                signal_store.save(desk.changed.values())
            if book.changed:
                trade_store.save(book.changed.values())
            broker_store.save(engine.ledger.books)
            risk_store.save(engine.guard)
            paper_store.save(engine.venue)
            abroad_store.save(engine.abroad)
            for (contract, seconds), candles in _last_words(turn.candles).items():
                market_store.save_candles(contract, seconds, list(candles.values()))
            market_store.save_tapes(
                # which ids the open candle has seen is in the tick table
                replace(market.tapes[contract].state(), ids=[])
                for contract in sorted(market.changed)
            )
            if turn.handled:
                Inbox.objects.filter(pk__in=turn.handled).update(handled=True)
        desk.changed.clear()
        book.changed.clear()
        market.changed.clear()
        engine.ledger.books.written()
        engine.guard.changed.clear()
        engine.venue.changed.clear()
        engine.venue.ended.clear()
        engine.abroad.written()
        return rows

    def _write_ticks(self, turn: Turn) -> None:
        """Store what the feed brought, each tick marked with how it counted; a duplicate changes nothing."""
        self._make_room(turn)
        marked = {"late": TickMark.LATE, "suspicious": TickMark.HELD}
        for contract, ticks in turn.ticks:
            if not turn.refused:
                self._ticks.write(contract, ticks)
                continue
            refused = [(tick, turn.refused.get((contract, tick.id))) for tick in ticks]
            self._ticks.write(contract, [tick for tick, why in refused if why not in marked])
            for why, mark in marked.items():
                self._ticks.write(contract, [tick for tick, is_so in refused if is_so == why], mark)
        for contract, tick, mark in turn.marks:
            self._ticks.mark(contract, [tick], mark)

    def _make_room(self, turn: Turn) -> None:
        """Have a partition ready for each day of market time, for a recording of years ago too."""
        for _, ticks in turn.ticks:
            for tick in (ticks[0], ticks[-1]) if ticks else ():
                day = partitions.day_of_tick(tick.at)
                if day not in self._days:
                    partitions.make(partitions.ahead(day, 1))
                    self._days.add(day)


def _last_words(
    closed: Iterable[tuple[str, int, Candle]],
) -> dict[tuple[str, int], dict[int, Candle]]:
    """Return closed candles by contract and length, each once, as it was closed last."""
    found: dict[tuple[str, int], dict[int, Candle]] = {}
    for contract, seconds, candle in closed:
        found.setdefault((contract, seconds), {})[candle.at] = candle
    return found


def beat(name: str, state: str, detail: Mapping[str, Any]) -> None:
    """Leave a sign of life for whoever watches."""
    values = {"at": timezone.now(), "state": state, "detail": dict(detail)}
    Heartbeat.objects.update_or_create(name=name, defaults=values)


def _tape(state: TapeState) -> TapeState:
    for tick in market_store.read_ticks(state.contract, state.last_at, state.last_at + 1):
        if tick.id == state.last_id:  # orders that are on their way fill at the quote beside it
            state.quote, state.size = tick.quote, tick.size
    if state.candle is not None:
        start = state.candle.at
        ticks = market_store.read_ticks(state.contract, start, start + MINUTE)
        state.ids = [tick.id for tick in ticks if tick.id <= state.last_id]
    return state


def _load_candles(into: dict[tuple[str, int], list[Candle]], tape: TapeState, since: int) -> None:
    """Load the candles of a contract: recent minutes, and of the longer frames all, because bias needs them."""
    minutes = market_store.load_candles(tape.contract, 60, since=since)
    into[tape.contract, 60] = minutes
    for seconds in FRAME_SECONDS:
        into[tape.contract, seconds] = market_store.load_candles(tape.contract, seconds)
    for seconds in (120, 180, 240, 360, 600, 720, 1200, 1800):
        longer = list(folded(minutes, seconds))
        if longer and frame_end(longer[-1].at, seconds) > tape.closed_until:
            longer.pop()  # still open; the tape has it
        into[tape.contract, seconds] = longer
