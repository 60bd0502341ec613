"""The venue at a broker, against a broker that answers late, twice, out of order, and trades while it is asked to stop."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.brokers.domain.abroad import AbroadState, Dispatch, Errand, Stage, line_of, tag_of
from apps.brokers.domain.books import LedgerState
from apps.brokers.domain.facts import (
    DayClosed,
    OrderBlocked,
    OrderCancelled,
    OrderChangeRefused,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderStuck,
    RouteSkipped,
)
from apps.brokers.domain.messages import (
    CancelOrder,
    ClosePosition,
    Flatten,
    ListAccount,
    ListRoute,
    ModifyOrder,
    PlaceOrder,
    ReportBroker,
    RouteOrder,
)
from apps.brokers.domain.telling import WORDS
from apps.bus.domain.message import SECOND, Fact, Message
from apps.engine.domain.engine import EngineState, build_engine
from apps.marketdata.domain.contract import parse
from apps.marketdata.domain.messages import ClockTicked, ContractListed, Resumed, TickReceived
from apps.marketdata.domain.tick import Quote, Tick, made_id
from apps.risk.domain.messages import FlattenSaid, SetRules
from apps.signals.domain.posted import TakeOrderAlert
from apps.trades.domain.messages import CommandRefused
from tests.domain.brokers.model_broker import ModelBroker, shifted

NQ = "NQZ5"
BEGIN = 1_762_180_200 * SECOND  # 3 November 2025, 09:30 in New York
ON = {"is_on": True, "per_order": 9, "per_position": 50, "per_day": 500}
STOP = {"stop": "19990.00"}
TARGETS = [{"price": "20010.00", "quantity": 1}, {"price": "20020.00", "quantity": 1}]


class World:
    """The whole engine with one account at a model broker, and the gateway's queue between them."""

    def __init__(self, kind: str = "live", firm: str = "", **live: Any) -> None:
        self.engine = build_engine()
        self.kind, self.firm = kind, firm
        self.broker = ModelBroker(1, NQ)
        self.queue: list[Dispatch] = []
        self.known: set[str] = set()
        self.facts: list[Fact] = []
        self.at, self.wishes = BEGIN, 0
        self.tell(ContractListed(NQ, "NQ"))
        self.tell(Resumed())
        self.tell(ClockTicked(BEGIN))
        self.live(**live)
        self.price(80_000)

    def live(self, **live: Any) -> None:
        """Set what may leave for the broker."""
        about = {"kind": self.kind, "firm": self.firm, "start_balance": "50000"}
        config = {**about, "live": {**ON, **live}}
        self.tell(ListAccount(id="a1", user=1, account=1, config=config))

    def tell(self, said: Message) -> list[Fact]:
        """Tell the engine something, and read the turn to its end; what is to be sent is queued once."""
        said_facts = [one for one in self.engine.handle(said) if isinstance(one, Fact)]
        for sent in self.engine.abroad.dispatches:
            if sent.key not in self.known:  # the rows' unique key
                self.known.add(sent.key)
                self.queue.append(sent)
        self.engine.abroad.written()
        self.engine.ledger.books.written()
        self.facts += said_facts
        return said_facts

    def price(self, price: int) -> None:
        """Trade at a price in ticks."""
        self.at += SECOND
        quote = Quote(price, 50, price + 1, 50)
        self.tell(TickReceived(NQ, Tick(self.at, price, 1, made_id(self.at, 1), quote)))

    def wish(self, kind: Any, **asked: Any) -> list[Fact]:
        """Let the trader wish for something."""
        self.wishes += 1
        return self.tell(kind(**{"id": f"w{self.wishes}", "user": 1, **asked}))

    def buy(self, quantity: int = 1, **more: Any) -> list[Fact]:
        """Ask for a bracketed market order."""
        asked = {"symbol": NQ, "type": "market", "bracket": STOP, "confirmed": True, **more}
        return self.wish(PlaceOrder, account=1, side="buy", quantity=quantity, **asked)

    def send(self) -> Dispatch:
        """Let the gateway carry out what is first in its queue."""
        sent = self.queue.pop(0)
        self.broker.take(sent)
        return sent

    def hear(self, index: int = 0, *, again: bool = False) -> list[Fact]:
        """Bring one of the broker's reports home."""
        said = self.broker.told[index] if again else self.broker.told.pop(index)
        return self.tell(shifted(said, BEGIN))

    def quiet(self, most: int = 300) -> None:
        """Let everything that is under way arrive; `most` dispatches are sent for it."""
        while self.queue or self.broker.told:
            assert (most := most - 1) > 0, "asked again and again"
            while self.broker.told:
                self.hear()
            if self.queue:
                self.send()

    def restart(self) -> None:
        """Lose the process; what the rows know comes back."""
        books, abroad = self.engine.ledger.books, self.engine.abroad
        state = EngineState(
            market=[tape.state() for tape in self.engine.market.tapes.values()],
            ledger=LedgerState(
                list(books.accounts.values()), list(books.orders.values()), list(books.positions.values())
            ),
            standings=list(self.engine.guard.standings.values()),
            abroad=AbroadState([line_of(one.plain()) for one in abroad.lines.values()], set(abroad.booked)),
        )  # fmt: skip
        self.engine = build_engine(state)
        self.tell(ContractListed(NQ, "NQ"))
        self.tell(Resumed())

    @property
    def held(self) -> int:
        """Return what the ledger believes to be held."""
        return sum(one.quantity for one in self.engine.ledger.books.positions.values())

    def tags(self, *ends: str) -> list[str]:
        """Return the tags at the broker that end so: 1e, 1s, 1t."""
        return [tag for tag in self.broker.orders if tag.endswith(ends)]

    def entered(self, quantity: int = 2, **more: Any) -> None:
        """Be in, with everything heard."""
        self.buy(quantity, bracket={**STOP, "targets": TARGETS[:quantity], **more})
        self.quiet()
        for tag in self.tags("e"):
            self.broker.fill(tag, 9)
        self.quiet()


# ---- what leaves ----


def test_the_stop_travels_with_the_entry() -> None:
    world = World()
    world.buy(1)
    (sent,) = world.queue
    assert (sent.errand, sent.is_exit, sent.fresh_s) == (Errand.PLACE, False, 10)
    assert [leg["stop"] for leg in sent.payload["legs"]] == ["19990.00"]


def test_each_target_has_an_entry_and_a_stop_of_its_own() -> None:
    world = World()
    world.buy(3, bracket={**STOP, "targets": TARGETS})
    told = [
        (one.payload["quantity"], [leg["limit"] or leg["stop"] for leg in one.payload["legs"]])
        for one in world.queue
    ]
    assert told == [
        (1, ["19990.00", "20010.00"]), (1, ["19990.00", "20020.00"]), (1, ["19990.00"]),
    ]  # fmt: skip


def test_a_tag_is_the_same_for_ever_and_short_enough() -> None:
    assert tag_of("w1" * 60, "12e") == tag_of("w1" * 60, "12e")
    assert tag_of("w1", "1e") != tag_of("w1", "1s")
    assert len(tag_of("w1" * 60, "12e")) <= 50


@pytest.mark.parametrize(
    ("live", "asked", "reason"),
    [
        ({"is_on": False}, {}, "LIVE_OFF"),
        ({"per_order": 1}, {"quantity": 2}, "SIZE_LIMIT"),
        ({"per_position": 1}, {"quantity": 2}, "SIZE_LIMIT"),
        ({"per_day": 1}, {"quantity": 2}, "SIZE_LIMIT"),
        ({}, {"bracket": None}, "NO_STOP"),
    ],
)
def test_an_entry_stays_here(live: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    world = World(**live)
    facts = world.buy(**asked)
    assert [one.reason for one in facts if isinstance(one, CommandRefused)] == [reason]
    assert not world.queue


def test_a_firm_that_wants_its_own_platform_gets_a_ticket_and_no_order() -> None:
    world = World()
    rules = {
        "firm": "Own Platform", "plan": "50K", "start_balance": "50000", "automation": "platform_only",
        "drawdown": {"type": "static", "amount": "2000"},
    }  # fmt: skip
    world.wish(SetRules, account=1, rules=rules)
    (blocked,) = [one for one in world.buy(1) if isinstance(one, OrderBlocked)]
    assert blocked.reasons == ("PLACE_IT_YOURSELF",)
    assert "buy 1 NQZ5 market" in blocked.detail
    assert not world.queue


def test_a_signal_waits_for_a_yes_unless_its_owner_lets_signals_enter_by_themselves() -> None:
    for automatic, held in ((False, 1), (True, 0)):
        world = World("demo", automatic=automatic)
        place = PlaceOrder(
            id="s1", user=1, account=1, symbol=NQ, side="buy", type="market", quantity=1,
            bracket=STOP, signal="sig",
        )  # fmt: skip
        facts = world.tell(RouteOrder(place, world.at, ask=False))
        assert len([one for one in facts if isinstance(one, OrderHeld)]) == held
        assert len(world.queue) == 1 - held


def test_exits_leave_while_live_orders_are_off() -> None:
    world = World()
    world.entered(1)
    world.live(is_on=False)
    world.wish(ClosePosition, account=1, contract=NQ)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


# ---- what comes back ----


def test_a_fill_that_is_told_twice_changes_nothing() -> None:
    world = World()
    world.buy(1)
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    fill = next(i for i, one in enumerate(world.broker.told) if one.what == "fill")
    assert [type(one) for one in world.hear(fill, again=True) if isinstance(one, OrderFilled)]
    assert not [one for one in world.hear(fill, again=True) if isinstance(one, OrderFilled)]
    assert world.held == 1


def test_a_fill_before_its_order_is_known_and_after_its_end_is_told_counts() -> None:
    world = World()
    world.buy(1)
    world.send()
    world.broker.fill(world.tags("e")[0], 1)
    while world.broker.told:
        world.hear(len(world.broker.told) - 1)
    assert world.held == 1


def test_targets_in_r_and_break_even_are_measured_by_what_was_paid() -> None:
    world = World()
    world.buy(1, bracket={**STOP, "targets": [{"r": "2"}], "break_even_r": "1"})
    world.quiet()
    world.broker.price = "20001.00"  # asked at 20000: risk is 11 points now
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    (target,) = world.tags("t")
    assert Decimal(world.broker.orders[target].limit or 0) == Decimal("20023.00")
    world.price(80_000 + 44)  # 20011: one R from what was planned is 20010
    world.quiet()
    assert Decimal(world.broker.orders[world.tags("s")[0]].stop or 0) == Decimal("19990.00")
    world.price(80_000 + 48)
    world.quiet()
    assert Decimal(world.broker.orders[world.tags("s")[0]].stop or 0) == Decimal("20001.00")


def test_a_trailing_stop_is_a_stop_that_follows_and_never_goes_back() -> None:
    world = World()
    world.buy(1, bracket={"trail_points": "10"})
    assert world.queue[0].payload["legs"][0]["type"] == "stop"
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    seen = []
    for price in (80_003, 80_004, 80_040, 79_990):
        world.price(price)
        world.quiet()
        seen.append(Decimal(world.broker.orders[world.tags("s")[0]].stop or 0))
    assert [f"{one:.2f}" for one in seen] == ["19990.00", "19991.00", "20000.00", "20000.00"]


def test_a_stop_that_the_broker_does_not_take_closes_what_it_was_for() -> None:
    world = World()
    world.buy(2)
    world.quiet()
    world.broker.rejects.add("stop")
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_a_stop_that_is_gone_at_the_broker_sells_nothing_by_itself(status: str) -> None:
    world = World()
    world.buy(2)
    world.quiet()
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    (stop,) = world.tags("s")
    gone = ReportBroker(account=1, what="order", at=world.at, tag=stop, status=status)
    world.tell(gone)
    assert world.queue == []
    assert world.held == 2


def test_an_entry_that_is_refused_ends_with_its_legs() -> None:
    world = World()
    world.broker.rejects.add("entry")
    world.buy(1)
    world.quiet()
    (rejected,) = [one for one in world.facts if isinstance(one, OrderRejected)]
    assert rejected.reason == "LiquidationOnly"
    assert not world.engine.ledger.books.orders
    assert not world.engine.abroad.lines


def test_closing_a_part_makes_room_first_so_that_nothing_can_turn_round() -> None:
    world = World()
    world.entered(2)
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    assert {one.errand for one in world.queue} == {Errand.CANCEL}
    world.quiet()
    assert (world.held, world.broker.net, world.broker.protects()) == (1, 1, 1)


@pytest.mark.parametrize("part", [1, 2])
def test_a_stop_that_stands_alone_makes_room_for_a_market_exit_too(part: int) -> None:
    world = World()
    world.broker.by_hand("buy", 2)
    world.quiet()
    asked = {"side": "sell", "type": "stop", "stop": "19990.00", "quantity": 2}
    world.wish(PlaceOrder, account=1, symbol=NQ, confirmed=True, **asked)
    world.quiet()
    world.wish(ClosePosition, account=1, contract=NQ, quantity=part)
    world.quiet()
    assert world.held == world.broker.net == world.broker.protects() == 2 - part
    assert world.broker.lowest == 0


def test_a_market_exit_leaves_a_stop_that_is_not_in_its_way() -> None:
    world = World()
    world.broker.by_hand("buy", 3)
    world.quiet()
    asked = {"side": "sell", "type": "stop", "stop": "19990.00", "quantity": 1}
    world.wish(PlaceOrder, account=1, symbol=NQ, confirmed=True, **asked)
    world.quiet()
    world.wish(ClosePosition, account=1, contract=NQ, quantity=2)
    world.quiet()
    assert world.held == world.broker.net == world.broker.protects() == 1


def test_a_target_that_fills_while_room_is_made_is_enough() -> None:
    world = World()
    world.entered(1)
    world.wish(ClosePosition, account=1, contract=NQ)
    world.broker.fill(world.tags("t")[0], 1)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.lowest) == (0, 0, 0)
    assert [one.reason for one in world.facts if isinstance(one, OrderCancelled)].count("FLAT") == 1


@pytest.mark.parametrize("how", ["now", "late"])
def test_a_change_that_the_broker_refuses_is_asked_again_three_times_and_then_told(
    how: str,
) -> None:
    world = World()
    world.entered(2)
    world.broker.refuses_all = how
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    world.quiet(30)
    assert world.broker.refused <= 3 * 4
    told = [one for one in world.facts if isinstance(one, OrderChangeRefused | OrderStuck)]
    for order in {one.order for one in told}:
        mine = [type(one) for one in told if one.order == order]
        assert mine == [OrderChangeRefused, OrderChangeRefused, OrderStuck]
    assert len({one.key for one in told}) == len(told) and all(one.reason for one in told)
    (rejected,) = [one for one in world.facts if isinstance(one, OrderRejected)]
    assert rejected.reason == "BROKER_REFUSES"
    assert (world.held, world.broker.net, world.broker.protects()) == (2, 2, 2)
    # the broker has thought better of it: the next wish goes through
    world.broker.refuses_all = ""
    world.wish(ClosePosition, account=1, contract=NQ)
    world.quiet(30)
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


@pytest.mark.parametrize("answered", ["first", "last"])
def test_a_change_that_somebody_overtakes_at_the_broker_holds_no_exit(answered: str) -> None:
    world = World()
    world.buy(2)
    world.quiet()
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    (stop,) = world.tags("s")
    world.wish(ModifyOrder, order="w1-s", stop="19995.00")
    world.send()
    answer = next(one for one in world.broker.told if one.what == "dispatch")
    world.broker.told.clear()  # how it lay in between is never told
    order = world.broker.orders[stop]
    order.stop = "19992.00"
    world.broker._say(order)
    world.broker.told.insert(0 if answered == "first" else 1, answer)
    world.quiet()
    assert world.engine.ledger.books.orders["w1-s"].stop == 79_968
    world.wish(ClosePosition, account=1, contract=NQ, quantity=1)
    world.quiet()
    assert world.held == world.broker.net == world.broker.protects() == 1
    assert order.stop == "19992.00"


def test_a_stop_that_is_moved_again_while_it_is_moved_is_moved_twice() -> None:
    world = World()
    world.entered(1)
    (stop,) = [one for one in world.engine.ledger.books.orders.values() if one.stop]
    for price in ("19991.00", "19992.00"):
        world.wish(ModifyOrder, order=stop.id, stop=price)
    world.quiet()
    assert Decimal(world.broker.orders[world.tags("s")[0]].stop or 0) == Decimal("19992.00")
    world.wish(ModifyOrder, order=stop.id, stop="19993.00")
    world.quiet()
    assert Decimal(world.broker.orders[world.tags("s")[0]].stop or 0) == Decimal("19993.00")


@pytest.mark.parametrize("how", ["now", "late"])
def test_an_exit_leaves_once_the_broker_takes_what_it_refused_at_first(how: str) -> None:
    world = World()
    world.entered(1)
    world.broker.refuses = [how] * 2
    world.wish(ClosePosition, account=1, contract=NQ)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])
    refused = [one for one in world.facts if isinstance(one, OrderChangeRefused)]
    assert len(refused) == 2 and not [one for one in world.facts if isinstance(one, OrderStuck)]
    said = WORDS["order.change_refused"](msgspec.to_builtins(refused[0]))
    assert "the broker refused to change or end it" in said.title
    assert said.text.endswith("It stands as it stood.") and said.tone == "wait"


@pytest.mark.parametrize("how", ["now", "late"])
def test_an_entry_whose_end_is_refused_at_first_is_taken_back_all_the_same(how: str) -> None:
    world = World()
    world.buy(1, type="limit", limit="19999.00")
    world.quiet()
    world.broker.refuses = [how] * 2
    world.wish(Flatten)
    world.quiet()
    assert not world.engine.abroad.lines
    assert not [one for one in world.broker.orders.values() if one.status != "cancelled"]


@pytest.mark.parametrize("how", ["now", "late"])
def test_a_trailing_stop_that_is_refused_is_not_asked_at_every_tick(how: str) -> None:
    world = World()
    world.buy(1, bracket={"trail_points": "10"})
    world.quiet()
    world.broker.fill(world.tags("e")[0], 1)
    world.quiet()
    (stop,) = world.tags("s")
    world.broker.refuses = [how]
    for price in (80_008, 80_007, 80_008, 80_009):
        world.price(price)
        world.quiet()
    assert world.broker.refused == 1
    assert Decimal(world.broker.orders[stop].stop or 0) == Decimal("19990.00")
    world.price(80_012)  # a tenth of its distance farther
    world.quiet()
    assert Decimal(world.broker.orders[stop].stop or 0) == Decimal("19993.00")
    world.broker.refuses_all = how
    for price in range(80_020, 80_200, 4):
        world.price(price)
        world.quiet()
    assert world.broker.refused == 1 + 3
    assert len([one for one in world.facts if isinstance(one, OrderStuck)]) == 1


def test_what_somebody_closes_at_the_broker_takes_the_exits_with_it() -> None:
    world = World()
    world.entered(2)
    world.broker.by_hand("sell", 2)
    world.quiet()
    assert (world.held, world.broker.exits()) == (0, [])


def test_the_kill_liquidates_at_the_broker_and_books_what_comes_of_it() -> None:
    world = World()
    world.entered(2)
    world.wish(Flatten, is_kill=True)
    assert Errand.LIQUIDATE in {one.errand for one in world.queue}
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])
    assert not world.engine.ledger.books.orders


@pytest.mark.parametrize("is_kill", [True, False])
@pytest.mark.parametrize("early", [0, 1])
def test_what_is_filled_of_an_entry_while_everything_is_closed_is_closed_too(
    is_kill: bool, early: int
) -> None:
    world = World()
    world.buy(2, type="limit", limit="20001.00")
    if early:  # a part of it is held when everything is to be closed
        world.quiet()
        world.broker.fill(world.tags("e")[0], 1)
        world.quiet()
    world.wish(Flatten, is_kill=is_kill)
    if not early:  # the entry was on its way, and comes to the broker last of all
        world.send()
    world.broker.fill(world.tags("e")[0], 2)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])
    assert world.broker.lowest == 0
    assert not world.engine.ledger.books.orders


def test_a_kill_that_finds_nothing_to_close_ends_and_stands_in_no_later_exit_s_way() -> None:
    world = World()
    world.entered(1)
    world.wish(Flatten, is_kill=True)
    (stop,) = world.tags("s")
    world.broker.fill(stop, 1)
    (kill,) = [one for one in world.queue if one.errand is Errand.LIQUIDATE]
    world.queue.remove(kill)
    said = {"what": "dispatch", "tag": kill.tag, "errand": "liquidate", "status": "sent"}
    world.broker.told.insert(0, ReportBroker(account=1, at=1, **said))
    world.quiet()
    assert (world.held, dict(world.engine.ledger.books.orders)) == (0, {})
    world.buy(1)
    world.quiet()
    world.broker.fill(world.tags("e")[-1], 1)
    world.quiet()
    world.wish(Flatten)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


def alerted(world: World, number: int, side: str, size: int, **more: Any) -> list[Fact]:
    """Let a strategy say what shall be held."""
    action = "buy" if side == "long" else "sell"
    away = -10 if side == "long" else 10
    stop = Decimal(20_000 + away)
    return world.tell(TakeOrderAlert(
        id=f"al{number}", user=1, strategy=5, symbol=NQ, action=action, quantity=size,
        market_position=side, market_position_size=size, stop_loss=stop, **more,
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("fills", "side", "held"),
    [(0, "long", 2), (3, "long", 3), (0, "short", -2), (3, "short", -2)],
)
def test_an_alert_s_entry_waits_until_the_one_that_it_replaces_is_over_at_the_broker(
    fills: int, side: str, held: int
) -> None:
    world = World("demo", automatic=True)
    world.tell(ListRoute(id="r", user=1, strategy=5, account=1, config={"mode": "automatic"}))
    alerted(world, 1, "long", 3, order_type="limit", price=Decimal("19999.00"))
    world.quiet()
    old = next(iter(world.broker.orders))
    facts = alerted(world, 2, side, 2)
    assert not [one for one in facts if isinstance(one, OrderBlocked | RouteSkipped)]
    assert [one.errand for one in world.queue] == [Errand.CANCEL]
    world.broker.fill(old, fills)
    world.quiet()
    for tag in list(world.broker.orders):
        if tag != old and not world.broker.orders[tag].head:
            world.broker.fill(tag, 9)
    world.quiet()
    assert world.held == world.broker.net == held


def test_a_turn_that_is_run_again_sends_nothing_twice() -> None:
    world = World()
    world.buy(1)
    before = list(world.queue)
    world.restart()
    assert world.queue == before


# ---- whatever happens ----


class Abroad(RuleBasedStateMachine):
    """Longs only, so that the broker's net below zero is a position that was turned round."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.ticks = 80_000

    def _working(self) -> list[str]:
        return [tag for tag in self.world.broker.orders if self.world.broker.may_fill(tag)]

    @rule(
        size=st.integers(1, 4),
        aimed=st.integers(0, 2),
        limit=st.booleans(),
        r=st.booleans(),
        trails=st.booleans(),
    )
    def buy(self, size: int, aimed: int, limit: bool, r: bool, trails: bool) -> None:
        stop = f"{(self.ticks - 40) / 4:.2f}"
        aims = [{"r": str(n + 1), "quantity": 1} for n in range(min(aimed, size))]
        bracket: dict[str, Any] = {"stop": stop, "targets": aims}
        if trails:
            bracket = {"trail_points": "10", "targets": aims}
        if r:
            bracket["break_even_r"] = "1"
        kind = {"type": "limit", "limit": f"{self.ticks / 4:.2f}"} if limit else {}
        self.world.buy(size, bracket=bracket, **kind)

    @precondition(lambda self: self.world.queue)
    @rule()
    def send(self) -> None:
        self.world.send()

    @precondition(lambda self: self.world.broker.told)
    @rule(which=st.integers(0, 7), again=st.booleans())
    def hear(self, which: int, again: bool) -> None:
        self.world.hear(which % len(self.world.broker.told), again=again)

    @precondition(lambda self: self._working())
    @rule(which=st.integers(0, 30), size=st.integers(1, 3))
    def fill(self, which: int, size: int) -> None:
        working = self._working()
        self.world.broker.fill(working[which % len(working)], size)

    @rule(what=st.sampled_from(["entry", "stop"]))
    def reject_next(self, what: str) -> None:
        self.world.broker.rejects.add(what)

    @rule(how=st.sampled_from(["now", "late"]))
    def refuse_next(self, how: str) -> None:
        self.world.broker.refuses = [how]

    @rule(how=st.sampled_from(["now", "late"]))
    def refuse_all_for_a_while(self, how: str) -> None:
        self.world.broker.refuses_all = how
        self.world.quiet()
        self.world.broker.refuses_all = ""

    @rule(step=st.integers(-30, 60))
    def move(self, step: int) -> None:
        self.ticks += step
        self.world.broker.price = f"{self.ticks / 4:.2f}"
        self.world.price(self.ticks)

    @precondition(lambda self: self.world.held > 0)
    @rule(size=st.integers(1, 3))
    def close(self, size: int) -> None:
        self.world.wish(ClosePosition, account=1, contract=NQ, quantity=size)

    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        mine = [one for one in self.world.engine.ledger.books.orders.values() if not one.is_exit]
        if mine:
            self.world.wish(CancelOrder, order=mine[which % len(mine)].id)

    @rule(which=st.integers(0, 9), by=st.integers(1, 8))
    def move_stop(self, which: int, by: int) -> None:
        mine = [
            one for one in self.world.engine.ledger.books.orders.values() if one.parent and one.stop
        ]
        if mine:
            stop = f"{(self.ticks - by) / 4:.2f}"
            self.world.wish(ModifyOrder, order=mine[which % len(mine)].id, stop=stop)

    @rule(kill=st.booleans())
    def flatten(self, kill: bool) -> None:
        self.world.wish(Flatten, is_kill=kill)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def settle(self) -> None:
        self.world.quiet()
        world, broker = self.world, self.world.broker
        assert world.held == broker.net, "the books say something else than the broker"
        lines = world.engine.abroad.lines.values()
        assert not [
            one for one in lines if one.is_exit and not one.head and one.stage is Stage.HERE
        ]
        under_way = [one for one in lines if one.is_asking or one.is_leaving]
        assert all(one.is_over for one in under_way), "asked for ever"
        if self.is_told:
            return
        assert not any(one.is_stuck for one in lines)
        if broker.net:
            assert broker.protects() >= broker.net, "held without enough stop"
        else:
            assert broker.exits() == [], "an exit without anything to close"

    @property
    def is_told(self) -> bool:
        """Return whether a person was told that the broker refuses to end what lies there."""
        return any(isinstance(one, OrderStuck) for one in self.world.facts)

    @invariant()
    def never_turned_round(self) -> None:
        assert self.world.broker.lowest >= 0 or self.is_told

    @invariant()
    def each_tag_once(self) -> None:
        assert all(count == 1 for count in self.world.broker.placed.values())

    @invariant()
    def legs_agree_with_orders(self) -> None:
        filled: dict[str, int] = defaultdict(int)
        for line in self.world.engine.abroad.lines.values():
            filled[line.order] += line.filled
        for order in self.world.engine.ledger.books.orders.values():
            assert 0 <= order.filled <= order.quantity

    def teardown(self) -> None:
        self.settle()


TestAbroad = Abroad.TestCase
TestAbroad.settings = settings(
    max_examples=150, stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


@pytest.mark.parametrize("status", ["filled", "cancelled"])
def test_an_order_that_a_person_lets_go_of_ends_though_a_fill_of_it_was_never_told(
    status: str,
) -> None:
    world = World()
    world.buy(1)
    world.quiet()
    (tag,) = world.tags("e")
    said = {"what": "order", "tag": tag, "quantity": 1}
    world.tell(ReportBroker(account=1, at=world.at, status=status, filled=1, **said))
    assert world.engine.ledger.books.orders
    world.tell(ReportBroker(account=1, at=0, status="cancelled", reason="NOT_AT_BROKER", **said))
    assert not world.engine.ledger.books.orders
    assert not world.engine.abroad.lines


@pytest.mark.parametrize("symbol", ["NQH6", "CME_MINI:NQH2026", "NQ 03-26"])
def test_an_order_in_another_month_is_never_one_in_the_front(symbol: str) -> None:
    world = World()
    (refused,) = world.buy(1, symbol=symbol)
    assert isinstance(refused, CommandRefused)
    assert (refused.reason, world.queue) == ("NO_MARKET", [])
    world.broker.contract = "NQH6"
    world.broker.by_hand("buy", 1)
    world.quiet()
    world.tell(TickReceived("NQH6", Tick(world.at, 80_400, 1, made_id(world.at, 1), None)))
    world.restart()  # nobody has asked for its price yet
    stop = {"side": "sell", "type": "stop", "stop": "20050.00", "quantity": 1, "confirmed": True}
    world.wish(PlaceOrder, account=1, symbol=symbol, **stop)
    assert [(one.contract, one.is_exit) for one in world.queue] == [("NQH6", True)]


@pytest.mark.parametrize("symbol", ["NQ", "NQ1!", "NQZ5", "CME_MINI:NQZ2025", "NQZ25"])
def test_an_order_may_spell_the_front_contract_as_its_sender_does(symbol: str) -> None:
    world = World()
    world.buy(1, symbol=symbol)
    assert [one.contract for one in world.queue] == [NQ]


def test_an_expired_contract_is_settled_by_the_broker_s_word_alone() -> None:
    world = World()
    world.entered(1)
    tape = world.engine.market.tapes[NQ]
    tape.expires_at = parse(NQ, BEGIN).expires_at
    tape.refresh()
    facts = world.tell(ClockTicked(tape.expires_at + 3600 * SECOND))
    assert not [one for one in facts if isinstance(one, OrderFilled)]
    assert world.held == world.broker.net == 1
    world.broker.by_hand("sell", 1)
    world.quiet()
    assert (world.held, world.broker.net, world.broker.exits()) == (0, 0, [])


def test_what_we_found_out_ourselves_is_dated_by_the_market_and_ends_no_day() -> None:
    world = World()
    world.buy(1)
    (sent,) = world.queue
    said = {"what": "dispatch", "tag": sent.tag, "errand": "place", "status": "refused"}
    facts = world.tell(ReportBroker(account=1, at=0, reason="LiquidationOnly", **said))
    (rejected,) = [one for one in facts if isinstance(one, OrderRejected)]
    assert rejected.at == world.engine.ledger.books.at
    fill = {"what": "fill", "fill": "takeover.1", "contract": NQ, "side": "buy", "price": "20000"}
    facts += world.tell(ReportBroker(account=1, at=0, quantity=1, **fill))
    (position,) = world.engine.ledger.books.positions.values()
    assert position.opened_at == world.engine.ledger.books.at
    assert not [one for one in facts if isinstance(one, DayClosed)]


def test_reports_of_another_account_or_of_paper_change_nothing() -> None:
    world = World()
    world.buy(1)
    before = dict(world.engine.abroad.lines)
    world.tell(ReportBroker(account=7, what="order", at=1, tag=next(iter(before)), status="filled"))
    assert world.engine.abroad.lines == before


def test_a_rule_s_exit_that_the_broker_rejects_is_asked_again_until_the_account_is_flat() -> None:
    world = World()
    rules = {
        "firm": "Firm", "plan": "50K", "start_balance": "50000",
        "drawdown": {"type": "static", "amount": "2000"},
    }  # fmt: skip
    world.wish(SetRules, account=1, rules=rules)
    world.broker.by_hand("buy", 2)
    world.quiet()
    world.broker.rejects.add("exit")
    world.price(76_000)  # 1000 points lower: the account has failed
    world.quiet()
    assert world.engine.guard.standings[1].failed_at is not None
    assert world.held == 2
    for seconds, held in ((2, 2), (5, 0)):
        world.tell(ClockTicked(world.at + seconds * SECOND))
        world.quiet()
        assert world.held == world.broker.net == held
    asked = [one for one in world.facts if isinstance(one, FlattenSaid)]
    world.tell(ClockTicked(world.at + 900 * SECOND))
    assert [one for one in world.facts if isinstance(one, FlattenSaid)] == asked
    assert len(asked) == 2


@pytest.mark.parametrize("wish", [Flatten, ClosePosition])
def test_what_is_held_in_a_contract_that_has_no_price_here_can_be_closed(wish: Any) -> None:
    world = World()
    world.broker.contract = "ESZ5"
    world.broker.by_hand("buy", 2)
    world.quiet()
    more = {"account": 1, "contract": "ESZ5"} if wish is ClosePosition else {}
    world.wish(wish, **more)
    world.quiet()
    assert (world.held, world.broker.net) == (0, 0)


@pytest.mark.parametrize("contract", ["ESZ5", "NQH6"])
def test_a_hand_trade_in_a_contract_that_nobody_follows_is_booked_and_survives_a_restart(
    contract: str,
) -> None:
    world = World()
    for number, side in enumerate(("buy", "sell")):
        traded = ReportBroker(
            account=1, what="fill", at=world.at, fill=f"h{number}", contract=contract, side=side,
            quantity=2, price="6000.25",
        )  # fmt: skip
        world.tell(traded)
        assert world.held == 2 - 2 * number
        world.restart()
        world.price(80_001 + number)
    world.tell(ClockTicked(world.at + SECOND))
    assert world.engine.market.tapes[contract].expires_at == parse(contract, BEGIN).expires_at
    world.buy(1)
    assert [one.contract for one in world.queue] == [NQ]
