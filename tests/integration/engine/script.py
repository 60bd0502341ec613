"""Half an hour of market as a list of happenings, lived through by an engine that can be killed at any statement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.db import DatabaseError, connection

from apps.brokers.domain.messages import (
    CancelOrder,
    ClosePosition,
    Flatten,
    ModifyOrder,
    PlaceOrder,
)
from apps.brokers.domain.ports import FeedChanged, FeedItem, FeedState, TicksArrived
from apps.brokers.models import Account, AccountDay, Fill, Order, Position, Route
from apps.bus import bus, transport
from apps.bus.domain.message import HOUR, MINUTE, SECOND, Command
from apps.bus.models import FactRow, Heartbeat, Inbox
from apps.bus.transport import MarketTime
from apps.engine.journal import Journal
from apps.engine.live import LiveEngine
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import ClockTicked, ContractListed
from apps.marketdata.domain.tick import Quote, Tick
from apps.marketdata.models import CandleRow, ContractState, TickRow
from apps.papertrading.models import Resting
from apps.risk.domain.messages import SetRules
from apps.risk.models import Standing
from apps.signals.domain.messages import Alert
from apps.signals.domain.settings import settings_for
from apps.signals.models import Signal, Strategy
from apps.trades.domain.messages import CloseTrade, EnterTrade
from apps.trades.models import Trade
from apps.users.models import User

CONTRACT = "NQZ5"
NQ = instrument("NQ")
LISTED = ContractListed(CONTRACT, "NQ", jump=200)
START = 1_764_687_600 * SECOND  # Tuesday 2025-12-02, 10:00 New York
USER, STRATEGY, ACCOUNT = 1001, 2001, 3001
TABLES = (
    *(FactRow, Inbox, Trade, Signal, CandleRow, TickRow, ContractState, Heartbeat),
    *(Resting, Standing, Fill, Order, Position, AccountDay, Route, Account),
)
RULES = {
    "firm": "Script", "plan": "Intraday", "start_balance": "50000", "automation": "allowed",
    "drawdown": {"type": "intraday_trailing", "amount": "9000"}, "daily_loss": {"amount": "4000"},
}  # fmt: skip


MONEY: tuple[tuple[Any, str], ...] = (
    (Account, "id"), (Order, "key"), (Fill, "key"), (Position, "key"), (Resting, "key"), (Standing, "account"),
)  # fmt: skip
# A verdict tells what was open as the rules were asked. A candle that the clock closes is a second old by then, and a fill
# of that second may be in it or not: it decides nothing here, and is no part of what has to be equal.
OURS = ("id", "order_id", "created_at", "verdict")


@dataclass(frozen=True)
class Wish:
    """A command that comes in at this market time."""

    at: int
    command: Command


Happening = FeedItem | Wish


class Killed(BaseException):
    """The process is gone. No handler of ours may catch it."""


class Hand:
    """A monotonic clock that goes on a little at every look."""

    def __init__(self, step: float = 0.07) -> None:
        self.now, self._step = 100.0, step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def alert(key: str, direction: str, bar: int, received: int) -> Wish:
    """Return an alert about a candle."""
    settings = settings_for(NQ).plain()
    return Wish(
        received,
        Alert(
            id=key, user=USER, strategy=STRATEGY, symbol="NQ1!", direction=direction,
            time=bar, settings=settings,
        ),
    )  # fmt: skip


def write_script(seed: int = 20, minutes: int = 30) -> list[Happening]:
    """Return a wild market with alerts in time and late, wishes by hand, jumps true and false."""
    chance, price, id = Random(seed), NQ.to_ticks("20000.00"), 0
    happenings: list[tuple[int, Happening]] = []

    def tick(at: int, where: int) -> None:
        nonlocal id
        id += 10
        quote = Quote(where - 1, 1 + id % 4, where + 1, 1 + id % 3)
        ticks = (Tick(at, where, chance.randint(1, 9), id, quote),)
        happenings.append((at, TicksArrived(CONTRACT, ticks, live=True)))

    for minute in range(minutes):
        start = START + minute * MINUTE
        for at in sorted(chance.sample(range(100, 59_000), 14)):
            price += round(chance.gauss(0, 16))
            tick(start + at * 1_000_000, price)
        if minute in (9, 21):  # a trade that never was
            tick(start + 59_100_000_000, price + 300)
        if minute == 15:  # the market really jumps
            for later in range(3):
                tick(start + 59_100_000_000 + later * 200_000_000, price + 240)
            price += 240
        happenings.append((start + 60_500_000_000, ClockTicked(start + 60_500_000_000)))
        happenings.append((start + 61_200_000_000, ClockTicked(start + 61_200_000_000)))
        if minute % 4 == 3:  # of a candle that never will be
            received = start + 30 * SECOND
            happenings.append((received, alert(f"n{minute}", "bullish", start - HOUR, received)))
        if minute % 3 != 1:
            received = start + MINUTE + chance.choice((200_000_000, 3 * SECOND, 8 * SECOND))
            direction = chance.choice(("bullish", "bearish"))
            happenings.append((received, alert(f"a{minute}", direction, start, received)))
    for place, (minute, direction) in enumerate(((6, "long"), (12, "short"))):
        at, stop = (
            START + minute * MINUTE + 20 * SECOND,
            "15000" if direction == "long" else "25000",
        )
        wish = EnterTrade(
            id=f"m{place}", user=USER, symbol="NQ", direction=direction, stop=f"{stop}.00"
        )
        happenings.append((at, Wish(at, wish)))
    at = START + 18 * MINUTE + 30 * SECOND
    happenings.append((at, Wish(at, CloseTrade(id="c0", user=USER, trade="m0"))))
    happenings += [(wish.at, wish) for wish in orders()]
    end = START + minutes * MINUTE + 20 * SECOND
    happenings.append((end, ClockTicked(end)))
    return [happening for _, happening in sorted(happenings, key=lambda item: item[0])]


def orders() -> list[Wish]:
    """Return what the trader does with his account in this half hour."""

    def wish(minute: float, kind: Any, **asked: Any) -> Wish:
        at = START + round(minute * 60) * SECOND
        name = {"id": f"w{minute}"} | asked
        return Wish(at, kind(**({"user": USER} | name)))

    def order(minute: float, id: str, side: str, quantity: int, **asked: Any) -> Wish:
        asked = {"type": "market", "tif": "gtc", "confirmed": True, "snap": True} | asked
        return wish(
            minute, PlaceOrder, id=id, account=ACCOUNT, symbol="NQ", side=side,
            quantity=quantity, **asked,
        )  # fmt: skip

    bracket = {
        "stop_points": "12",
        "targets": [{"r": "1", "quantity": 1}, {"r": "2"}],
        "break_even_r": "1",
    }
    return [
        wish(0.3, SetRules, account=ACCOUNT, rules=RULES, version=1),
        order(2.4, "o1", "buy", 3, bracket=bracket),
        order(3.2, "o2", "sell", 2, type="trailing_stop", trail_points="9"),
        order(5.5, "o3", "sell", 4, type="stop", stop="19800", bracket={"stop_points": "20"}),
        order(7.3, "o4", "buy", 2, bracket={"trail_points": "10"}),
        order(7.4, "o5", "buy", 2, type="limit", limit="19700", bracket={"stop_points": "9"}),
        wish(8.1, ModifyOrder, order="o5", limit="19710"),
        wish(9.2, CancelOrder, order="o5"),
        wish(10.1, ClosePosition, account=ACCOUNT, contract=CONTRACT, quantity=1),
        wish(11.6, ClosePosition, account=ACCOUNT, contract=CONTRACT, reverse=True),
        order(13.3, "o6", "buy", 5, bracket=bracket),
        wish(16.7, Flatten, account=ACCOUNT),
        order(19.3, "o7", "sell", 3, bracket=bracket),
        order(23.4, "o8", "buy", 2, bracket=bracket),
        wish(27.2, Flatten),
    ]


def ticks_of(script: Sequence[Happening]) -> list[Tick]:
    """Return the ticks of a script in the order in which they came."""
    arrived = [item for item in script if isinstance(item, TicksArrived)]
    return [tick for item in arrived for tick in item.ticks]


def wipe() -> None:
    """Begin with nothing but a trader and his strategy."""
    for table in TABLES:
        table.objects.all().delete()
    user, _ = User.objects.get_or_create(pk=USER, defaults={"username": "script"})
    Strategy.objects.get_or_create(
        pk=STRATEGY, defaults={"user": user, "name": "script", "token_hash": "script"}
    )
    account = Account.objects.create(
        pk=ACCOUNT, user=user, name="script", kind="paper", start_balance=50_000, balance=50_000,
        day_start_balance=50_000,
    )  # fmt: skip
    Route.objects.create(
        user=user, strategy_id=STRATEGY, account=account, mode="automatic",
        config={"quantity": 1, "targets": [{"r": "1"}], "break_even_r": "0.5"},
    )  # fmt: skip


@dataclass
class Life:
    """An engine and the feed before it, dead and started again as often as is asked for.

    strike: asked before every statement that writes; it kills by raising `Killed`
    mend: called before each new start
    after: looks at the engine after each happening
    step: how far the monotonic clock goes on at each look
    """

    script: Sequence[Happening]
    strike: Callable[[str], None] = lambda sql: None
    mend: Callable[[], None] = lambda: None
    after: Callable[[LiveEngine], None] = lambda engine: None
    step: float = 0.07
    kills: int = 0
    failures: list[DatabaseError] = field(default_factory=list)
    engine: LiveEngine = field(init=False)
    _is_ours: bool = True  # what somebody else writes is not ours to die of

    def live(self) -> "Life":
        """Live through the whole script, and save."""
        transport.use(transport.MemoryTransport())  # whose bell has rung when the wish is stored
        try:
            return self._live()
        finally:
            transport.use(None)

    def _live(self) -> "Life":
        wipe()
        place = 0
        fresh = True
        while True:
            try:
                with connection.execute_wrapper(self._overhear):
                    if fresh:
                        self._begin(place)
                        fresh = False
                    while place < len(self.script):
                        item = self.script[place]
                        if isinstance(item, Wish):  # what is stored stays, whoever dies
                            place += 1
                            self._submit(item)
                        else:
                            self.engine.put(item)
                            place += 1
                        self._settle()
                        self.after(self.engine)
                    self.engine.save()
                    self.after(self.engine)
                return self.end()
            except Killed:
                self.kills += 1
            except DatabaseError as problem:
                self.failures.append(problem)
            self.end()
            self.mend()
            fresh = True

    def end(self) -> "Life":
        """Drop the engine as it is; the kernel gives its lock back."""
        self.engine._only.release()
        return self

    def _overhear(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self._is_ours and not sql.startswith("SELECT"):
            self.strike(sql)
        return execute(sql, params, many, context)

    def _begin(self, place: int) -> None:
        """Start as `Trading` does: load, ask for what came after the cursor, go live."""
        self.engine = LiveEngine([LISTED], monotonic=Hand(self.step))
        self.engine.load()
        self.engine.put(FeedChanged(FeedState.CONNECTING, "", 0, 1))
        cursor, _ = Journal().cursors().get(CONTRACT, (-1, 0))
        missed = tuple(tick for tick in ticks_of(self.script[:place]) if tick.id > cursor)
        if missed:
            self.engine.put(FeedChanged(FeedState.CATCHING_UP, "", 0, 2))
            self.engine.put(TicksArrived(CONTRACT, missed, live=False))
        clocks = [item.at for item in self.script[:place] if isinstance(item, ClockTicked)]
        now = max([*clocks, *(tick.at for tick in missed)], default=0)
        self.engine.put(FeedChanged(FeedState.LIVE, "", now, 3))
        if clocks:
            self.engine.put(ClockTicked(now))
        self._settle()

    def _submit(self, wish: Wish) -> None:
        self._is_ours = False
        bus.deliver(wish.command, user=USER, source="test", market=MarketTime(wish.at, True))
        self._is_ours = True

    def _settle(self) -> None:
        while not self.engine.queue.empty():
            self.engine.step(timeout=0)
        self.engine.step(timeout=0)  # and once more for the inbox


@dataclass(frozen=True)
class Truth:
    """What the rows say in the end, as far as it must not depend on kills."""

    facts: list[tuple[str, str]]
    signals: list[dict[str, Any]]
    trades: list[dict[str, Any]]
    candles: list[tuple[Any, ...]]
    ticks: list[tuple[Any, ...]]
    money: dict[str, list[dict[str, Any]]]
    unhandled: int

    @staticmethod
    def told() -> "Truth":
        """Return it."""
        own = ("id", "stored_at", "signal_id")
        facts = FactRow.objects.filter(
            name__regex="^(signal|trade|command|order|position|risk|route)"
        ).order_by("key")
        return Truth(
            [(row.key, str(sorted(row.payload.items()))) for row in facts],
            [_without(row, own) for row in Signal.objects.order_by("key").values()],
            [_without(row, own) for row in Trade.objects.order_by("key").values()],
            list(
                CandleRow.objects.order_by("seconds", "open_at").values_list(
                    "seconds", "open_at", "open", "high", "low", "close", "volume", "trades",
                    "turnover", "complete",
                )
            ),
            list(TickRow.objects.order_by("tick_id").values_list("tick_id", "price", "size", "mark")),
            {
                table.__name__: [_without(row, OURS) for row in table.objects.order_by(order).values()]
                for table, order in MONEY
            },
            Inbox.objects.filter(handled=False).count(),
        )  # fmt: skip


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
