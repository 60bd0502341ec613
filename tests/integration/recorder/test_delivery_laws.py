"""Whatever the order, repetition and delay of polls and events, what is recorded is the FIFO ledger of the fills.

A broker's day is a log of Tradovate's own rows. It is heard as the desk hears it: row by row as events of a socket, whole
or in parts as polls, of now or of long ago, again and again, and a new session in which all is forgotten. At the end, once
everything was heard, gross, fees, net and what is held equal a ledger that counts contract by contract.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.analytics import recorded
from apps.brokers.domain.seen import (
    AccountSeen,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
    Snapshot,
)
from apps.brokers.mirror import take_in
from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.tradovate.rows import Rows
from apps.bus import bus, transport
from apps.bus.domain.message import DAY, MINUTE, iso
from apps.bus.models import FactRow
from apps.recorder import recorders
from apps.recorder.models import RecordedFill, RecordedPosition
from apps.recorder.services import settle
from apps.recorder.subscribers import NAME
from tests.cast import Actor

from .rows import BEGAN

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]
POINT, ACCOUNT, CONTRACT, CENT = 20, 1001, 3_570_918, Decimal("0.01")
PARTS = ("order", "orderVersion", "command", "fill", "fillFee")


class Trade(NamedTuple):
    """A fill as the market made it: of the first or the second strategy, in a minute that others may share."""

    minute: int
    signed: int
    ticks: int
    strategy: int
    cents: int


trades = some.builds(
    Trade,
    minute=some.integers(0, 6),
    signed=some.integers(-3, 3).filter(bool),
    ticks=some.integers(80_000, 80_040),
    strategy=some.integers(0, 1),
    cents=some.sampled_from([0, 1, 100, 207, 310, 416, 1001]),
)


class Trip(NamedTuple):
    """What one way from flat to flat made."""

    gross: Fraction
    fees: Fraction


def by_hand(some_trades: Iterable[tuple[int, Trade]], strategy: int) -> tuple[list[Trip], int]:
    """Return each round trip of a strategy and what is held: every contract is a lot with its own part of the fee."""
    lots: deque[Fraction] = deque()
    sign, gross, fees, trips = 0, Fraction(0), Fraction(0), list[Trip]()
    for _, one in sorted(some_trades, key=lambda pair: (pair[1].minute, pair[0])):
        if one.strategy != strategy:
            continue
        way, price = (1 if one.signed > 0 else -1), Fraction(one.ticks, 4)
        for _contract in range(abs(one.signed)):
            fees += Fraction(one.cents, 100 * abs(one.signed))
            if lots and way != sign:
                gross += (price - lots.popleft()) * sign * POINT
                if not lots:
                    trips.append(Trip(gross, fees))
                    gross = fees = Fraction(0)
            else:
                sign = way
                lots.append(price)
    return trips, sign * len(lots)


@pytest.fixture(autouse=True)
def _market() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN + DAY, True)
    yield
    transport.use(None)


Message = tuple[str, dict[str, Any]]


class Hearing(RuleBasedStateMachine):
    """A desk that hears of a broker's day in every way there is. `user` is set by the test."""

    user: Any

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Message] = []  # the truth: rows as they came to be
        self.trades: dict[int, Trade] = {}
        self.busted: set[int] = set()
        self.number = 0
        self.all_or_nothing = transaction.atomic()
        self.all_or_nothing.__enter__()

    @initialize()
    def begin(self) -> None:
        self.connection = Connection.objects.create(
            user=self.user, name="Mine", environment="demo", login="me", device_id="d"
        )
        take_in(self.connection, [AccountSeen(str(ACCOUNT), "DEMO1001")], "poll")
        self.account = BrokerAccount.objects.get(connection=self.connection)
        self.strategies = []
        for name in "AB":
            made, _ = recorders.create(
                user=self.user, name=name, symbol="NQ1!", account=self.account
            )
            self.strategies.append(recorders.start(recorder=made, by="law", since=0).strategy_id)
        bus.catch_up(NAME)
        self.socket = self.rows_at(0)

    # ---- what happens at the broker ----

    @rule(some_trades=some.lists(some.tuples(trades, some.booleans()), min_size=1, max_size=3))
    def trades_happen(self, some_trades: list[tuple[Trade, bool]]) -> None:
        for trade, is_tagged_late in some_trades:
            self.trade_happens(trade, is_tagged_late)

    def trade_happens(self, trade: Trade, is_tagged_late: bool) -> None:
        self.number += 10
        order, fill = self.number, self.number + 5
        stamp, side = iso(BEGAN + trade.minute * MINUTE), "Buy" if trade.signed > 0 else "Sell"
        first = {
            "id": order,
            "accountId": ACCOUNT,
            "contractId": CONTRACT,
            "timestamp": stamp,
            "action": side,
        }
        version = {
            "id": order,
            "orderId": order,
            "orderQty": abs(trade.signed),
            "orderType": "Market",
        }
        tag = f"th{self.strategies[trade.strategy]}-{order}"
        command = {"id": order + 1, "orderId": order, "timestamp": stamp, "clOrdId": tag}
        filled = {
            "id": fill, "orderId": order, "contractId": CONTRACT, "timestamp": stamp, "action": side,
            "qty": abs(trade.signed), "price": trade.ticks / 4, "active": True,
        }  # fmt: skip
        news: list[Message] = [
            ("order", first | {"ordStatus": "Working"}), ("orderVersion", version), ("fill", filled),
            ("order", first | {"ordStatus": "Filled"}), ("fillFee", {"id": fill, "commission": trade.cents / 100}),
        ]  # fmt: skip
        news.insert(len(news) if is_tagged_late else 2, ("command", command))
        self.log += news
        self.trades[fill] = trade

    @precondition(lambda self: self.trades)
    @rule(data=some.data())
    def a_fill_is_taken_back(self, data: Any) -> None:
        fill = data.draw(some.sampled_from(sorted(self.trades)))
        row = next(row for what, row in self.log if what == "fill" and row["id"] == fill)
        self.log.append(("fill", row | {"active": False}))
        self.busted.add(fill)

    # ---- how the desk hears of it ----

    @precondition(lambda self: self.log)
    @rule(data=some.data())
    def events_come(self, data: Any) -> None:
        """Some of the day's rows, of now or long ago, in any order and again, together or one by one."""
        places = some.lists(some.integers(0, len(self.log) - 1), min_size=1, max_size=8)
        told = [self.log[place] for place in data.draw(places)]
        batches = [told] if data.draw(some.booleans()) else [[one] for one in told]
        for batch in batches:
            touched: dict[tuple[str, int], None] = {}
            for entity, row in batch:
                self.socket.put(entity, [row])
                touched |= dict.fromkeys(self.socket.touched(entity, row))
            seen = [one for what in touched if (one := self.socket.tell(*what)) is not None]
            take_in(self.connection, seen, "stream")

    @rule(data=some.data())
    def a_new_socket_begins_with_everything(self, data: Any) -> None:
        self.socket = self.rows_at(data.draw(some.integers(0, len(self.log))))
        take_in(self.connection, self.socket.seen(), "stream")

    @rule(data=some.data())
    def a_poll_comes(self, data: Any) -> None:
        """The lists as they were at some moment, some of them perhaps read empty."""
        missing = data.draw(some.sets(some.sampled_from(PARTS), max_size=2))
        self.poll(self.rows_at(data.draw(some.integers(0, len(self.log))), missing))

    @rule()
    def the_broker_has_forgotten_the_day(self) -> None:
        self.poll(self.rows_at(0), at=BEGAN + DAY)
        self.socket = self.rows_at(0)

    @rule(by_facts=some.booleans())
    def it_is_settled(self, by_facts: bool) -> None:
        if by_facts:
            bus.catch_up(NAME)
        else:
            settle(account=self.account)

    # ---- what has to have come of it ----

    def teardown(self) -> None:
        try:
            if hasattr(self, "account"):
                self.all_is_heard()
        finally:
            transaction.set_rollback(True)
            self.all_or_nothing.__exit__(None, None, None)

    def all_is_heard(self) -> None:
        self.poll(self.rows_at(len(self.log)))
        settle(account=self.account)
        self.equals_the_ledger()
        before = list(RecordedPosition.objects.order_by("pk").values())
        for place in reversed(range(len(self.log))):  # all of it again, the newest first
            take_in(self.connection, self.rows_at(place).seen(), "stream")
        bus.catch_up(NAME)
        settle(account=self.account)
        assert list(RecordedPosition.objects.order_by("pk").values()) == before

    def equals_the_ledger(self) -> None:
        mine = {fill: one for fill, one in self.trades.items() if fill not in self.busted}
        made = {one.pk: one.result for one in recorded.closed(self.user)}
        for place, strategy in enumerate(self.strategies):
            trips, held = by_hand(mine.items(), place)
            rows = RecordedPosition.objects.filter(strategy=strategy)
            closed = sorted((row.realized, row.fees, row.pk) for row in rows if row.closed_ns)
            assert len(closed) == len(trips)
            for (gross, fees, pk), trip in zip(closed, sorted(trips), strict=True):
                assert Fraction(gross) == trip.gross
                assert abs(Fraction(fees) - trip.fees) < Fraction(CENT / 2)
                assert abs(made[pk].net - (trip.gross - trip.fees)) < Fraction(CENT / 2)
            assert sum(row.sign * row.size for row in rows if not row.closed_ns) == held
            paid = sum(Fraction(one.cents, 100) for one in mine.values() if one.strategy == place)
            assert sum(Fraction(row.fees) for row in rows) == paid, "no part of a cent is lost"
            assert all(row.fees_known for row in rows)
        shares = RecordedFill.objects.filter(fill__account=self.account)
        booked = sum(one.quantity for one in shares)
        assert booked == sum(abs(one.signed) for one in mine.values())
        keys = FactRow.objects.filter(key__startswith="recorder:").values_list("key", flat=True)
        assert len(keys) == len(set(keys))

    # ---- inside ----

    def rows_at(self, moment: int, missing: Iterable[str] = ()) -> Rows:
        """Return the broker's lists after so many rows of its log."""
        rows = Rows()
        rows.put("account", [{"id": ACCOUNT, "name": "DEMO1001"}])
        rows.put("contract", [{"id": CONTRACT, "name": "NQZ5"}])
        for entity, row in self.log[:moment]:
            if entity not in missing:
                rows.put(entity, [row])
        return rows

    def poll(self, rows: Rows, at: int = BEGAN + 10 * MINUTE) -> None:
        told: list[Seen] = rows.seen()
        snapshot = Snapshot(
            at,
            tuple(row for row in told if isinstance(row, AccountSeen)),
            tuple(row for row in told if isinstance(row, OrderSeen)),
            tuple(row for row in told if isinstance(row, FillSeen)),
            tuple(row for row in told if isinstance(row, PositionSeen)),
            tuple(row for row in told if isinstance(row, CashSeen)),
        )
        take_in(self.connection, snapshot, "poll")


def test_any_hearing_of_a_day_records_its_ledger_with_fees_and_net(alice: Actor) -> None:
    law = type("Law", (Hearing,), {"user": alice.user})
    run_state_machine_as_test(
        law,
        settings=settings(
            max_examples=15, stateful_step_count=12, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
