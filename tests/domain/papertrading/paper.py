"""A market and a paper venue, and orders written in few words. Times are milliseconds, prices ticks."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from apps.brokers.domain.messages import (
    BrokerReported,
    CancelRequested,
    ChangeRequested,
    ListAccount,
    OrderAllowed,
    Report,
)
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Role, Side
from apps.bus.domain.message import Message
from apps.bus.domain.stage import ears
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.market import Market
from apps.marketdata.domain.messages import (
    CandleRecorded,
    ClockTicked,
    ContractExpired,
    ContractListed,
    Resumed,
    TickReceived,
)
from apps.marketdata.domain.tick import Quote, Tick
from apps.papertrading.domain.resting import resting_of
from apps.papertrading.domain.settings import paper_settings
from apps.papertrading.domain.venue import PaperVenue, VenueState

MS = 1_000_000
NQ = "NQZ5"
START = 1_762_180_200_000 * MS  # 3 November 2025, 09:30 in New York
EXACT = {"slippage_ticks": [0, 0], "latency_ms": [100, 100], "queue_ahead": 10}


class Paper:
    """Market and PaperVenue on one road, without the stages in between: what is placed here is allowed."""

    def __init__(
        self, settings: dict[str, Any] | None = None, *, accounts: tuple[int, ...] = (1,)
    ) -> None:
        self.market, self.venue = Market(), PaperVenue()
        self.reports: list[BrokerReported] = []
        self.orders: dict[str, Order] = {}
        self.now, self.id, self.made = 0, 0, 0
        self._route()
        self.say(ContractListed(NQ, "NQ"))
        for account in accounts:
            config = {"kind": "paper", "paper": {**EXACT, **(settings or {})}}
            self.say(ListAccount(id=f"a{account}", user=1, account=account, config=config))

    def _route(self) -> None:
        self.routes: dict[type[Message], list[Any]] = defaultdict(list)
        for stage in (self.market, self.venue):
            for kind, hear in ears(stage):
                self.routes[kind].append(hear)

    def _follow(self, said: Message) -> Iterator[Message]:
        for hear in self.routes[type(said)]:
            for answer in hear(said):
                yield answer
                yield from self._follow(answer)

    def say(self, said: Message) -> list[str]:
        """Let everything follow from one message; return the reports in short."""
        new = [one for one in self._follow(said) if isinstance(one, BrokerReported)]
        self.reports += new
        return [short(one) for one in new]

    # ---- the market ----

    def tick(
        self,
        at: int,
        price: int,
        size: int = 1,
        bid: int | None = None,
        ask: int | None = None,
        sizes: tuple[int | None, int | None] = (50, 50),
        *,
        late: bool = False,
    ) -> list[str]:
        """Trade; without bid and ask there is no quote."""
        quoted = bid is not None or ask is not None
        quote = Quote(bid, sizes[0], ask, sizes[1]) if quoted else None
        if not late:
            self.id, self.now = self.id + 10, at
        id = self.id - 5 if late else self.id
        return self.say(TickReceived(NQ, Tick(START + at * MS, price, size, id, quote)))

    def clock(self, at: int, *, hidden: bool = False) -> list[str]:
        """Time passes without a tick; hidden: the venue is not told."""
        self.now = at
        said = ClockTicked(START + at * MS)
        if hidden:
            list(self.market.tick_clock(said))
            return []
        return self.say(said)

    def candle(
        self, minute: int, open: int, high: int, low: int, close: int, volume: int = 100
    ) -> list[str]:
        """A whole minute, without its ticks."""
        self.now = minute * 60_000
        at = START + self.now * MS
        return self.say(CandleRecorded(NQ, 60, Candle(at, open, high, low, close, volume)))

    # ---- orders ----

    def order(self, side: str, quantity: int, **more: Any) -> Order:
        """Return an order that has not been placed: its type follows from its prices."""
        self.made += 1
        given = {name: value for name, value in more.items() if name != "legs"}
        kind = (
            OrderType.TRAILING_STOP
            if "trail" in more
            else OrderType.STOP_LIMIT
            if "limit" in more and "stop" in more
            else OrderType.LIMIT
            if "limit" in more
            else OrderType.STOP
            if "stop" in more
            else OrderType.MARKET
        )
        made: dict[str, Any] = {
            "id": f"o{self.made}",
            "user": 1,
            "account": 1,
            "contract": NQ,
            "type": kind,
            "at": START + self.now * MS,
            **given,
        }
        return Order(side=Side(side), quantity=quantity, **made)

    def place(self, side: str, quantity: int, *, legs: Any = (), **more: Any) -> Order:
        """Place an order. `legs`: ("stop", price, more) and ("target", price, quantity)."""
        order = self.order(side, quantity, **more)
        made = tuple(self._leg(order, *leg) for leg in legs)
        for one in (order, *made):
            self.orders[one.id] = one
        self.say(OrderAllowed(order, made, order.at))
        return order

    def _leg(self, entry: Order, what: str, price: int, more: Any = None) -> Order:
        if what == "target":
            given = {"limit": price, "role": Role.TARGET, "id": f"{entry.id}-t{price}"}
            size = more or entry.quantity
        else:
            given = {"stop": price, "role": Role.STOP, "id": f"{entry.id}-s", **(more or {})}
            size = entry.quantity
        return self.order(
            entry.side.opposite,
            size,
            account=entry.account,
            strategy=entry.strategy,
            parent=entry.id,
            status=OrderStatus.WAITING,
            **given,
        )

    def close(self, side: str, quantity: int, **more: Any) -> Order:
        """Place an order that closes."""
        return self.place(side, quantity, role=Role.EXIT, **more)

    def cancel(self, id: str, *, at_once: bool = False) -> list[str]:
        """Take an order back."""
        at = START + self.now * MS
        return self.say(CancelRequested(self.orders[id], at, "CANCELLED", at_once))

    def change(self, id: str, **values: int) -> list[str]:
        """Change an order."""
        return self.say(ChangeRequested(self.orders[id], START + self.now * MS, **values))

    def expire(self, at: int) -> list[str]:
        """The contract's last trade is over."""
        return self.say(ContractExpired(NQ, START + at * MS, 0))

    # ---- what is there ----

    def held(self, account: int = 1, strategy: int = 0) -> int:
        """Return the open contracts of a place."""
        return self.venue.open.get((account, NQ, strategy), 0)

    def fills(self, id: str) -> list[tuple[int, int, int]]:
        """Return time, contracts and price of an order's fills."""
        return [
            ((one.at - START) // MS, one.quantity, one.price)
            for one in self.reports
            if one.order == id and one.what is Report.FILLED
        ]

    def again(self) -> "Paper":
        """Return the same desk as it is after a restart: all that is kept goes through JSON."""
        other = object.__new__(Paper)
        other.__dict__.update(self.__dict__)
        other.reports, other.orders = list(self.reports), dict(self.orders)
        tapes = [replace(tape.state(), ids=list(tape.ids)) for tape in self.market.tapes.values()]
        other.market = Market(tapes)
        other.venue = PaperVenue(
            VenueState(
                [resting_of(json.loads(json.dumps(one.plain()))) for one in self.venue.resting],
                dict(self.venue.open),
                {
                    account: paper_settings(json.loads(json.dumps(one.plain())))
                    for account, one in self.venue.settings.items()
                },
            )
        )
        other._route()
        other.say(Resumed())
        return other


def short(said: BrokerReported) -> str:
    """Return a report in short: "o1 filled 2 @ 101", "o1-s working 2", "o2 cancelled FLAT"."""
    if said.what is Report.FILLED:
        return f"{said.order} filled {said.quantity} @ {said.price}"
    if said.what in (Report.WORKING, Report.CHANGED):
        price = said.limit if said.stop is None else said.stop
        at = "" if price is None else f" at {price}"
        return f"{said.order} {said.what} {said.quantity}{at}"
    return f"{said.order} {said.what} {said.reason}"
