"""A short road for the guard: a market, a clerk who books what a script tells him, and the guard itself."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from apps.brokers.domain.messages import (
    AccountBooked,
    FlattenRequested,
    Holding,
    OrderAllowed,
    OrderProposed,
    OrderStopped,
)
from apps.brokers.domain.order import Order, OrderType, Origin, Role, Side
from apps.bus.domain.message import Fact, Message
from apps.bus.domain.stage import Hears, ears, handles
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.market import Market
from apps.marketdata.domain.messages import (
    ContractListed,
    Leaves,
    Look,
    PriceReached,
    Recall,
    Recalled,
    Resumed,
    Waits,
)
from apps.marketdata.domain.tick import Tick
from apps.risk.domain.guard import RiskGuard
from apps.risk.domain.reading import rules_for
from apps.risk.domain.rules import Rules
from apps.risk.domain.standing import Standing, standing_of

USER, ACCOUNT = 7, 1
S = Decimal(50_000)
NQ, MNQ, ES = "NQZ6", "MNQZ6", "ESZ6"
DAY = date(2026, 9, 15)
AT = 1_789_480_800_000_000_000  # Tuesday 15 September 2026, 09:00 in Chicago
FEES = {"NQ": Decimal("3.90"), "MNQ": Decimal("0.99"), "ES": Decimal("3.90")}
SECOND = 1_000_000_000


def rules(**given: Any) -> Rules:
    """Return a rule set with these rules and no others."""
    return rules_for({"firm": "Firm", "plan": "Plan", **given})


def holding(contract: str, quantity: int, entry: int, strategy: int = 0) -> Holding:
    """Return a holding that was opened at one price in ticks."""
    root = root_of(contract)
    value = instrument(root).tick_value
    return Holding(contract, root, strategy, quantity, quantity * entry, value)


def view(
    balance: Decimal | str = S, holdings: Iterable[Holding] = (), **given: Any
) -> AccountBooked:
    """Return a booked account."""
    values: dict[str, Any] = {
        "account": ACCOUNT, "user": USER, "at": AT, "start_balance": S, "trade_date": DAY,
        "day_start_balance": S, "realized_today": Decimal(0), "fees_today": Decimal(0),
        "trades_today": 0, "fee_a_side": FEES,
    }  # fmt: skip
    return AccountBooked(balance=Decimal(balance), holdings=tuple(holdings), **{**values, **given})


def standing(
    set: Rules | None = None, booked: AccountBooked | None = None, **given: Any
) -> Standing:
    """Return where an account under these rules begins."""
    booked = booked or view()
    made = Standing(ACCOUNT, USER, rules=set)
    made.begin(booked.start_balance, booked.balance, booked.day_start_balance)
    for name, value in given.items():
        setattr(made, name, value)
    return made


def proposal(
    contract: str = NQ, side: str = "buy", quantity: int = 1, *, entry: int = 80_000,
    stop: int | None = None, confirmed: bool = False, at: int = AT, **given: Any,
) -> OrderProposed:  # fmt: skip
    """Return a market order with its stop."""
    order = Order(
        "o", USER, ACCOUNT, contract, Side(side), OrderType.MARKET, quantity, at=at, **given
    )
    legs = ()
    if stop is not None:
        legs = (
            Order(
                "o-s", USER, ACCOUNT, contract, Side(side).opposite, OrderType.STOP, quantity,
                role=Role.STOP, stop=stop, parent="o", origin=Origin.PERSON,
            ),
        )  # fmt: skip
    return OrderProposed(order, legs, entry, entry, confirmed)


class Clerk:
    """Stands for the ledger: books an account when a script, a price or a rule wants it."""

    def __init__(
        self, booked: AccountBooked, at_price: Mapping[str, tuple[int, int, Any]] = {}
    ) -> None:
        self.view = booked
        self.waits = dict(at_price)  # of -> below, above, what is done to the view
        self.lasts: dict[str, int] = {}
        self.heard: list[Message] = []
        self.is_slow = False  # he is asked to close everything, and nothing has been filled yet

    def book(self, booked: AccountBooked) -> Iterator[Message]:
        """Book an account."""
        self.view = booked
        yield booked

    @handles(Recalled)
    def hear_recalled(self, said: Recalled) -> Iterator[Message]:
        """Keep the price."""
        if said.of.startswith("c:") and said.last is not None:
            self.lasts[said.of[2:]] = said.last
        return iter(())

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """Do what was to be done at this price, once."""
        if said.of in self.waits:
            _, _, change = self.waits.pop(said.of)
            yield Leaves(said.of, said.of.split(":")[1])
            yield from self.book(replace(change(self.view, said.price), at=said.at))

    @handles(FlattenRequested)
    def flatten(self, said: FlattenRequested) -> Iterator[Message]:
        """Close everything at the last prices."""
        if self.is_slow:
            return
        for held in self.view.holdings:
            yield Recall(f"c:{held.contract}", held.contract)
        yield from self.book(closed(self.view, self.lasts, said.at))

    @handles(OrderAllowed, OrderStopped)
    def hear_verdict(self, said: OrderAllowed | OrderStopped) -> Iterator[Message]:
        """Keep the answer."""
        self.heard.append(said)
        return iter(())


def closed(booked: AccountBooked, lasts: Mapping[str, int], at: int) -> AccountBooked:
    """Return an account whose holdings were closed at the last prices."""
    gain = sum((one.unrealized(lasts[one.contract]) for one in booked.holdings), Decimal(0))
    return replace(
        booked, at=at, balance=booked.balance + gain, holdings=(), pending=(), protections=(),
        realized_today=booked.realized_today + gain,
    )  # fmt: skip


class Road:
    """Market, clerk, guard."""

    def __init__(
        self, booked: AccountBooked | None = None, stand: Standing | None = None,
        contracts: Iterable[str] = (NQ, MNQ, ES), at_price: Mapping[str, Any] = {},
    ) -> None:  # fmt: skip
        self.market, self.clerk = Market(), Clerk(booked or view(), at_price)
        self.guard = RiskGuard([stand] if stand else None)
        self.said: list[Message] = []
        self._id = 0
        self._connect()
        for contract in contracts:
            self.tell(ContractListed(contract, root_of(contract)))

    def _connect(self) -> None:
        self._routes: dict[type[Message], list[Hears]] = defaultdict(list)
        for stage in (self.market, self.clerk, self.guard):
            for kind, hear in ears(stage):
                self._routes[kind].append(hear)

    def restart(self) -> None:
        """Begin anew with what was written down, as after a crash: nobody sleeps, the clerk books again."""
        self.tell(Look())
        kept = json.loads(json.dumps(self.standing.plain()))
        for contract, tape in self.market.tapes.items():
            for of in [one for one in tape.sleepers.since if one.startswith("r:")]:
                self.tell(Leaves(of, contract))
        self.guard = RiskGuard([standing_of(kept)])
        self._connect()
        self.tell(Resumed(), self.clerk.view)

    def _handle(self, said: Message) -> Iterator[Message]:
        for hear in self._routes[type(said)]:
            for answer in hear(said):
                yield answer
                yield from self._handle(answer)

    def tell(self, *messages: Message) -> list[Message]:
        """Say something and return what follows."""
        said = [answer for one in messages for answer in self._handle(one)]
        self.said += said
        return said

    def tick(self, contract: str, price: int, at: int) -> list[Message]:
        """Let a contract trade."""
        self._id += 1
        said = []
        for received in self.market.sift(contract, [Tick(at, price, 1, self._id)]):
            said += list(self._handle(received))
        self.said += said
        return said

    def start(self, lasts: Mapping[str, int], at: int = AT) -> None:
        """Give each contract a price, then book the account."""
        for contract, price in lasts.items():
            self.tick(contract, price, at)
        for of, (below, above, _) in self.clerk.waits.items():
            self.tell(Waits(of, of.split(":")[1], below, above))
        self.tell(self.clerk.view)

    def book(self, booked: AccountBooked) -> list[Message]:
        """Book an account anew."""
        self.clerk.view = booked
        return self.tell(booked)

    @property
    def standing(self) -> Standing:
        """Return where the account stands."""
        return self.guard.standings[ACCOUNT]

    def facts(self, name: str = "") -> list[Any]:
        """Return the facts said so far."""
        return [one for one in self.said if isinstance(one, Fact) and one.name.startswith(name)]
