"""The one engine: live, replay and backtest run it; only what feeds it and who listens differ."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from apps.brokers.domain.abroad import AbroadState
from apps.brokers.domain.books import Books, LedgerState
from apps.brokers.domain.brokervenue import BrokerVenue
from apps.brokers.domain.copying import Copier
from apps.brokers.domain.exitdesk import ExitDesk
from apps.brokers.domain.ledger import Ledger
from apps.brokers.domain.orderdesk import OrderDesk
from apps.brokers.domain.placing import Placing
from apps.brokers.domain.prices import Prices
from apps.brokers.domain.routing import Router, RouterState
from apps.bus.domain.message import Message
from apps.bus.domain.stage import Hears, ears
from apps.marketdata.domain.market import Market
from apps.marketdata.domain.messages import TickReceived
from apps.marketdata.domain.tape import FRAMES, TapeState
from apps.marketdata.domain.tick import Tick
from apps.papertrading.domain.venue import PaperVenue, VenueState
from apps.risk.domain.guard import RiskGuard
from apps.risk.domain.standing import Standing
from apps.signals.domain.desk import DeskState, SignalDesk
from apps.trades.domain.book import TradeBook
from apps.trades.domain.trade import Trade


@dataclass
class EngineState:
    """All that outlives the process, as loaded from the rows."""

    market: list[TapeState] = field(default_factory=list)
    signals: DeskState = field(default_factory=DeskState)
    trades: list[Trade] = field(default_factory=list)
    routes: RouterState = field(default_factory=RouterState)
    ledger: LedgerState = field(default_factory=LedgerState)
    standings: list[Standing] = field(default_factory=list)
    paper: VenueState = field(default_factory=VenueState)
    abroad: AbroadState = field(default_factory=AbroadState)
    seed: str = "1"


class Engine:
    """A road of stages. The order of the stages is the order in which they hear each message."""

    def __init__(
        self,
        market: Market,
        desk: SignalDesk,
        book: TradeBook,
        router: Router,
        copier: Copier,
        ledger: Ledger,
        orders: OrderDesk,
        exits: ExitDesk,
        guard: RiskGuard,
        venue: PaperVenue,
        abroad: BrokerVenue,
    ) -> None:
        self.market, self.desk, self.book = market, desk, book
        self.router, self.copier, self.ledger = router, copier, ledger
        self.orders, self.exits = orders, exits
        self.guard, self.venue, self.abroad = guard, venue, abroad
        self._routes: dict[type[Message], list[Hears]] = defaultdict(list)
        for stage in (
            market, desk, book, router, copier, ledger, orders, exits, guard, venue, abroad,
        ):  # fmt: skip
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

    def contracts(self) -> set[str]:
        """Return the contracts on which somebody waits: a signal, a trade, an order or a position."""
        return self.book.contracts() | self.desk.contracts() | self.ledger.books.contracts()


def build_engine(state: EngineState | None = None, *, frames: Iterable[int] = ()) -> Engine:
    """Return the road of a tick: tick -> price and candles -> signals -> trades -> orders -> fills.

    `frames` are time frames in seconds that settings ask for beside the usual ones.
    """
    state = state or EngineState()
    books = Books(state.ledger, state.abroad.unwanted())
    prices = Prices(books)
    placing = Placing(books, prices, state.signals.calendar)
    router = Router(state.routes)
    return Engine(
        Market(state.market, tuple(sorted({*FRAMES, *frames} - {60}))),
        SignalDesk(state.signals),  # alert, candle -> validated, confirmed, cancelled
        TradeBook(state.trades),  # price -> MFE, MAE, break-even, stop, target, close
        router,  # confirmed signal -> an order for each account
        Copier(state.routes, router, books),  # order alert -> the same
        Ledger(books),  # fill -> position, money, days
        OrderDesk(books, prices, placing),  # wish -> order
        ExitDesk(books, prices, placing),  # flatten, close, a void signal -> exits
        RiskGuard(state.standings, state.signals.calendar),  # order -> allowed, held or blocked
        PaperVenue(state.paper, state.seed),  # allowed order, price -> fill
        BrokerVenue(
            books, state.abroad
        ),  # the same order abroad -> what is to be sent; report -> fill
    )


__all__ = ["Engine", "EngineState", "TickReceived", "build_engine"]
