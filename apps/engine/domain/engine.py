"""The one engine: live, replay and backtest run it; only what feeds it and who listens differ."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from apps.bus.domain.message import Message
from apps.bus.domain.stage import Hears, ears
from apps.marketdata.domain.market import Market
from apps.marketdata.domain.messages import TickReceived
from apps.marketdata.domain.tape import FRAMES, TapeState
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.desk import DeskState, SignalDesk
from apps.trades.domain.book import TradeBook
from apps.trades.domain.trade import Trade


@dataclass
class EngineState:
    """All that outlives the process, as loaded from the rows."""

    market: list[TapeState] = field(default_factory=list)
    signals: DeskState = field(default_factory=DeskState)
    trades: list[Trade] = field(default_factory=list)


class Engine:
    """A road of stages. The order of the stages is the order in which they hear each message."""

    def __init__(self, market: Market, desk: SignalDesk, book: TradeBook) -> None:
        self.market, self.desk, self.book = market, desk, book
        self._routes: dict[type[Message], list[Hears]] = defaultdict(list)
        for stage in (market, desk, book):
            for kind, hear in ears(stage):
                self._routes[kind].append(hear)

    def run(self, contract: str, ticks: Iterable[Tick]) -> Iterator[Message]:
        """Take ticks of one contract in. Nearly all are quiet; only the others are handled."""
        for received in self.market.sift(contract, ticks):
            yield from self.handle(received)

    def handle(self, said: Message) -> Iterator[Message]:
        """Yield everything that follows from one message, each answer settled before the next is said.

        Lazy on purpose: whoever listens first has his answers settled before the second hears the message, and
        a stage writes its state before each `yield`. A turn has to be read to its end.
        """
        for hear in self._routes[type(said)]:
            for answer in hear(said):
                yield answer
                yield from self.handle(answer)


def build_engine(state: EngineState | None = None, *, frames: Iterable[int] = ()) -> Engine:
    """Return the road of a tick: tick -> price and candles -> signals -> trades.

    `frames` are time frames in seconds that settings ask for beside the usual ones.
    """
    state = state or EngineState()
    return Engine(
        Market(state.market, tuple(sorted({*FRAMES, *frames} - {60}))),
        SignalDesk(state.signals),  # alert, candle -> validated, confirmed, cancelled
        TradeBook(state.trades),  # price -> MFE, MAE, break-even, stop, target, close
    )


__all__ = ["Engine", "EngineState", "TickReceived", "build_engine"]
