"""Any life a signal or trade may have: prices, alerts, the clock and people in any order."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from apps.bus.domain.message import MINUTE, SECOND, Fact, Message, told
from apps.engine.domain.engine import build_engine
from apps.engine.domain.order import InOrder
from apps.marketdata.domain.messages import ClockTicked, ContractListed, Look
from apps.marketdata.domain.tick import Tick
from apps.signals.domain import signal as signals
from apps.signals.domain.messages import Alert
from apps.trades.domain import trade as trades
from apps.trades.domain.messages import CloseTrade, EnterTrade

START = 1762180200 * SECOND  # Monday 3 November 2025, 09:30 New York
SETTINGS = {"buffer": "1.00", "be_trigger_r": 1, "plan_target_r": 2, "targets": [1, 2]}


def reachable(table: Any, start: Any) -> set[Any]:
    """Return the states that a table leads to from a state, itself included."""
    found = {start}
    while more := {after for before, after in table if before in found} - found:
        found |= more
    return found


class Life(RuleBasedStateMachine):
    """One engine, one contract, two strategies."""

    @initialize(jump=st.sampled_from([None, 40]))
    def begin(self, jump: int | None) -> None:
        self.engine = build_engine()
        self.door = InOrder(self.engine)
        self.keys: set[str] = set()
        self.statuses: dict[str, signals.Status] = {}
        self.states: dict[str, trades.State] = {}
        self.mfe: dict[str, tuple[int, int, int]] = {}
        self.now, self.price, self.count = START, 80_000, 0
        self.take(self.engine.handle(ContractListed("NQZ5", "NQ", jump)))
        self.tick(0, 0)

    def take(self, messages: Any) -> None:
        said: Message
        for said in messages:
            if isinstance(said, Fact):
                told(said)
                # a dropped tick that is brought once more is held once more, under the same name
                assert said.key not in self.keys or said.name.startswith("tick."), said
                self.keys.add(said.key)

    # ---- what comes in ----

    @rule(after=st.integers(0, 40), move=st.integers(-12, 12))
    def tick(self, after: int, move: int) -> None:
        self.now += after * SECOND
        self.price += move
        self.count += 1
        tick = Tick(self.now, self.price, 1, self.count * 10)
        self.take(self.door.ticks("NQZ5", (tick,)))

    @rule(move=st.sampled_from([-60, 60]))
    def lone_jump(self, move: int) -> None:
        self.count += 1
        self.take(self.door.ticks("NQZ5", (Tick(self.now, self.price + move, 1, self.count * 10),)))

    @rule(ago=st.integers(0, 30), move=st.integers(-12, 12))
    def late_tick(self, ago: int, move: int) -> None:
        tick = Tick(self.now - ago * SECOND, self.price + move, 1, self.count * 10 - 5)
        self.take(self.door.ticks("NQZ5", (tick,)))

    @rule(after=st.integers(0, 90))
    def clock(self, after: int) -> None:
        self.now += after * SECOND
        self.take(self.door.until(self.now))
        self.take(self.engine.handle(ClockTicked(self.now)))

    @rule(
        way=st.sampled_from(["long", "short"]),
        back=st.integers(-1, 4),
        strategy=st.integers(1, 2),
        has_time=st.booleans(),
        disagrees=st.booleans(),
    )
    def alert(self, way: str, back: int, strategy: int, has_time: bool, disagrees: bool) -> None:
        self.count += 1
        bar = self.now - self.now % MINUTE - back * MINUTE
        alert = Alert(
            id=f"s{self.count}",
            strategy=strategy,
            user=1,
            symbol="NQ1!",
            direction=way,
            time=bar if has_time else None,
            received_at=self.now,
            htf_ok=False if disagrees and back == 4 else None,
            settings=SETTINGS,
        )
        self.door.add(alert)
        self.take(self.door.until(self.now))

    @rule(way=st.sampled_from(["long", "short"]), away=st.integers(-2, 12))
    def enter(self, way: str, away: int) -> None:
        self.count += 1
        stop = (self.price + (-away if way == "long" else away)) / 4
        wish = EnterTrade(
            id=f"m{self.count}",
            user=1,
            symbol="NQ",
            direction=way,
            stop=str(stop),
            settings=SETTINGS,
        )
        self.take(self.engine.handle(wish))

    @rule(number=st.integers(0, 3))
    def close(self, number: int) -> None:
        self.count += 1
        known = sorted(self.engine.book.changed)
        key = known[number] if number < len(known) else "nobody"
        self.take(self.engine.handle(CloseTrade(id=f"c{self.count}", user=1, trade=key)))

    @rule()
    def look(self) -> None:
        self.take(self.engine.handle(Look()))

    # ---- what holds ----

    @invariant()
    def statuses_change_as_the_tables_say(self) -> None:
        for key, signal in self.engine.desk.changed.items():
            before = self.statuses.get(key, signals.Status.WAITING)
            assert signal.status in reachable(signals.TRANSITIONS, before)
            assert (signal.reason is not None) == (
                signal.status
                in (
                    *(signals.Status.REJECTED, signals.Status.IGNORED),
                    *(signals.Status.CANCELLED, signals.Status.VOID),
                )
            )
            self.statuses[key] = signal.status
        for key, trade in self.engine.book.changed.items():
            before_ = self.states.get(key, trades.State.ACTIVE)
            assert trade.state in reachable(trades.TRANSITIONS, before_)
            assert before_ is trades.State.ACTIVE or trade.state is before_, "a trade ends once"
            self.states[key] = trade.state

    @invariant()
    def each_place_has_one_pending_signal_and_nobody_is_forgotten(self) -> None:
        desk = self.engine.desk
        pending = [s for s in desk.changed.values() if s.status is signals.Status.PENDING]
        assert len({s.place for s in pending}) == len(pending)
        assert {id(s) for s in pending} == {id(s) for s in desk.pending.values()}
        confirmed = [s for s in desk.changed.values() if s.status is signals.Status.CONFIRMED]
        kept = [*desk.places.provisional.values(), *desk.places.confirmed.values()]
        assert {id(s) for s in confirmed} == {id(s) for s in kept}
        waiting = [s for s in desk.changed.values() if s.status is signals.Status.WAITING]
        assert {id(s) for s in waiting} == {id(s) for s in desk.waiting}

    @invariant()
    def everybody_who_waits_has_a_span_and_nobody_else(self) -> None:
        sleepers = self.engine.market.tapes["NQZ5"].sleepers
        waiting = {*self.engine.book.open, *self.engine.desk.places.provisional}
        assert set(sleepers.spans) == set(sleepers.since) == waiting
        for waiter, trade in self.engine.book.open.items():
            assert sleepers.spans[waiter] == trade.span()
            assert trade.no_be.is_open

    @invariant()
    def tracks_keep_their_order(self) -> None:
        for key, trade in self.engine.book.changed.items():
            best, even, worst = self.mfe.get(key, (0, 0, 0))
            assert 0 <= trade.be.best <= trade.no_be.best
            assert trade.no_be.best >= best
            assert trade.be.best >= even
            assert trade.worst <= worst
            assert trade.be.is_open <= trade.no_be.is_open
            if trade.be.status is trades.TrackStatus.BREAK_EVEN:
                assert trade.armed is not None
            self.mfe[key] = (trade.no_be.best, trade.be.best, trade.worst)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=60)
