"""Replay: the same engine over recorded data, as fast as it goes. No database, same input same bytes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from apps.bus.domain.message import MINUTE, SECOND, Fact, Message
from apps.engine.domain.engine import Engine, build_engine
from apps.engine.domain.order import InOrder
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.domain.market import HELD_FOR, LATENESS
from apps.marketdata.domain.messages import (
    CandleRecorded,
    CandlesClosed,
    ClockTicked,
    ContractListed,
    Look,
    TapeEnded,
)
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import SignalSettings
from apps.trades.domain.record import record

CHUNK = 8192


@dataclass
class Replay:
    """One recorded market and the alerts that came with it.

    `alerts` in order of arrival; their settings are `settings.plain()`. Give `ticks` or `candles`.
    """

    contract: str
    instrument: Instrument
    settings: SignalSettings
    alerts: Sequence[Alert] = ()
    trust: bool = False
    expires_at: int | None = None
    engine: Engine = field(init=False)
    minutes: list[Candle] = field(default_factory=list)
    frames: list[Candle] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build an engine that follows just this contract."""
        self.engine = build_engine(frames=(self.settings.timeframe_s,))
        plain = self.settings.plain()
        self.alerts = [replace(alert, settings=plain) for alert in self.alerts]
        unreceived = [alert for alert in self.alerts if alert.received_at is None]
        received = [alert for alert in self.alerts if alert.received_at is not None]
        self._up_front = unreceived
        self._order = InOrder(self.engine, received)

    def facts(
        self,
        *,
        history: Iterable[Candle] = (),
        ticks: Iterable[Tick] | None = None,
        candles: Iterable[Candle] = (),
        seconds: int = 60,
    ) -> Iterator[Fact]:
        """Run everything and yield the facts in the order in which they are said."""
        for said in self._said(history, ticks, candles, seconds):
            if isinstance(said, Fact):
                yield said
            elif isinstance(said, CandlesClosed):
                self._keep(said)

    def _keep(self, said: CandlesClosed) -> None:
        for seconds, candle in said.candles:
            if seconds == 60:
                self.minutes.append(candle)
            if seconds == self.settings.timeframe_s:
                self.frames.append(candle)

    def _said(
        self,
        history: Iterable[Candle],
        ticks: Iterable[Tick] | None,
        candles: Iterable[Candle],
        seconds: int,
    ) -> Iterator[Message]:
        handle = self.engine.handle
        jump = None
        if not self.trust:
            jump = int(self.settings.jump / self.instrument.tick_size)
        listed = ContractListed(self.contract, self.instrument.root, jump, self.expires_at)
        yield from handle(listed)
        for alert in self._up_front:
            yield from handle(alert)
        for candle in history:
            yield from self._candle(candle, seconds)
        for candle in candles:
            yield from self._candle(candle, seconds)
        if ticks is not None:
            stream = iter(ticks)
            while chunk := list(islice(stream, CHUNK)):
                yield from self._order.ticks(self.contract, chunk)
        yield from self._end()

    def _candle(self, candle: Candle, seconds: int) -> Iterator[Message]:
        """Take one candle in, after the alerts that were received before it was over."""
        end = candle.at + seconds * SECOND
        yield from self._order.until(candle.at + self.settings.grace)
        yield from self.engine.handle(ClockTicked(candle.at + self.settings.grace + LATENESS + 1))
        yield from self._order.until(end - 1)
        yield from self.engine.handle(CandleRecorded(self.contract, seconds, candle))

    def _end(self) -> Iterator[Message]:
        """The end of a recording closes its last minute and lets the rest of the alerts come."""
        handle, tape = self.engine.handle, self.engine.market.tapes[self.contract]
        at = max(tape.last_at, tape.closed_until - 1)
        end = at - at % MINUTE + MINUTE
        yield from self._order.until(end)
        yield from handle(ClockTicked(end + LATENESS))
        while self._order.alerts:
            received = self._order.alerts[0].received_at or 0
            yield from handle(ClockTicked(max(end + LATENESS, received - 1)))
            yield from self._order.until(received)
        # a suspicious tick at the very end holds the last candle until it is dropped
        yield from handle(ClockTicked(end + max(HELD_FOR, self.settings.grace) + LATENESS + 1))
        yield from handle(TapeEnded(end))
        yield from handle(Look())

    def records(self) -> list[dict[str, Any]]:
        """Return one record per alert in order of arrival, once `facts` has been read to its end."""
        signals, trades = self.engine.desk.changed, self.engine.book.changed
        return [
            record(signals[alert.id], trades.get(alert.id), self.frames) for alert in self.alerts
        ]
