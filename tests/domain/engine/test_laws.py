"""Laws that hold for every market: whatever is fed, however it is cut, wherever it is killed."""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.bus.domain.message import MINUTE, SECOND, Fact, Message, told
from apps.engine.domain.engine import Engine, EngineState, build_engine
from apps.engine.domain.order import InOrder
from apps.marketdata.domain.candle import Candle
from apps.marketdata.domain.market import HELD_FOR
from apps.marketdata.domain.messages import (
    CandlesClosed,
    ClockTicked,
    ContractListed,
    Look,
    Resumed,
    TickReceived,
)
from apps.marketdata.domain.tape import TapeState
from apps.marketdata.domain.tick import Tick
from apps.signals.domain.desk import DeskState
from apps.signals.domain.signal import Status
from apps.trades.domain.record import record
from tests.domain.engine import naive
from tests.domain.engine.markets import Market, made

NAME = "NQZ5"
SEEDS = st.integers(0, 10**6)
CUTS = st.randoms(use_true_random=False)
OPEN = (Status.WAITING, Status.PENDING, Status.CONFIRMED)


class OneByOne:
    """An engine that never sifts: each tick is handled."""

    def __init__(self, engine: Engine) -> None:
        self.handle, self.desk = engine.handle, engine.desk

    def run(self, contract: str, ticks: Iterable[Tick]) -> Iterator[Message]:
        for tick in ticks:
            yield from self.handle(TickReceived(contract, tick))


@dataclass
class Run:
    """One way of feeding a market to an engine, killed and resumed as often as one likes."""

    market: Market
    jump: int | None = None
    sifts: bool = True
    facts: list[dict[str, Any]] = field(default_factory=list)
    candles: dict[int, list[Candle]] = field(default_factory=dict)
    signals: dict[str, Any] = field(default_factory=dict)
    trades: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seconds = self.market.rules.length // SECOND
        plain = self.market.settings().plain()
        alerts = [replace(alert, settings=plain) for alert in self.market.alerts()]
        self.late_start = [alert for alert in alerts if alert.received_at is None]
        self._build(EngineState(), [alert for alert in alerts if alert.received_at is not None])
        for alert in self.late_start:
            self.take(self.engine.handle(alert))

    def _build(self, state: EngineState, alerts: list[Any]) -> None:
        self.engine = build_engine(state, frames=(self.seconds,))
        self.door = InOrder(self.engine, alerts)
        if not self.sifts:
            self.door.engine = OneByOne(self.engine)  # type: ignore[assignment]
        self.take(self.engine.handle(ContractListed(NAME, "NQ", self.jump)))
        self.take(self.engine.handle(Resumed()))

    def take(self, messages: Iterable[Message]) -> None:
        for said in messages:
            if isinstance(said, Fact):
                self.facts.append(told(said) | {"key": said.key})
            elif isinstance(said, CandlesClosed):
                for seconds, candle in said.candles:
                    self.candles.setdefault(seconds, []).append(candle)

    def ticks(self, ticks: Iterable[Tick]) -> None:
        self.take(self.door.ticks(NAME, tuple(ticks)))

    def clock(self, at: int) -> None:
        self.take(self.door.until(at))
        self.take(self.engine.handle(ClockTicked(at)))

    def end(self, last_at: int) -> None:
        """The market closes; everybody is received."""
        end = last_at - last_at % MINUTE + MINUTE + 2 * HELD_FOR
        received = [alert.received_at or 0 for alert in self.door.alerts]
        self.clock(max([end, *received]) + MINUTE)
        self.take(self.engine.handle(Look()))
        self._keep()

    def _keep(self) -> None:
        self.signals |= self.engine.desk.changed
        self.trades |= self.engine.book.changed

    def kill(self) -> None:
        """Start again from what the rows would know."""
        self.take(self.engine.handle(Look()))
        self._keep()
        tapes = [tape.state() for tape in self.engine.market.tapes.values()]
        written = msgspec.json.encode(msgspec.to_builtins(tapes, str_keys=True))
        fronts = {"NQ": NAME}
        desk = DeskState(
            [copy.deepcopy(one) for one in self.signals.values() if one.status in OPEN],
            set(self.engine.desk._used),
            {(NAME, seconds): list(candles) for seconds, candles in self.candles.items()},
            fronts,
        )
        trades = [copy.deepcopy(one) for one in self.engine.book.open.values()]
        state = EngineState(msgspec.json.decode(written, type=list[TapeState], strict=False), desk)
        state.trades = trades
        self._build(state, list(self.door.alerts))

    def records(self) -> list[dict[str, Any]]:
        """Return the records in order of arrival."""
        candles = self.candles.get(self.seconds, [])
        return [
            record(self.signals[call.id], self.trades.get(call.id), candles)
            for call in self.market.calls
        ]

    def sorted_facts(self) -> list[str]:
        """Return the facts without the order in which they were said, and without when a hold was noticed."""
        return sorted(
            json.dumps(fact | {"at": ""} if fact["fact"].startswith("tick.") else fact)
            for fact in self.facts
        )


def dirty(market: Market, chance: Random) -> list[Tick]:
    """Return its ticks with duplicates, late ones and lone jumps among them."""
    ticks: list[Tick] = []
    for tick in market.ticks:
        tick = tick._replace(id=tick.id * 10)
        ticks.append(tick)
        match chance.randrange(20):
            case 0:
                ticks.append(tick)
            case 1 if len(ticks) > 3:
                ticks.append(ticks[-3]._replace(price=tick.price + 3, id=ticks[-3].id + 1))
            case 2:
                away = chance.choice((-1, 1)) * chance.randint(60, 90)
                ticks.append(tick._replace(price=tick.price + away, id=tick.id + 2))
            case 3:
                away = chance.choice((-1, 1)) * 70
                ticks += [
                    tick._replace(price=tick.price + away, id=tick.id + 3 + i) for i in range(3)
                ]
    return ticks


def whole(market: Market, ticks: list[Tick], **kwargs: Any) -> Run:
    run = Run(market, **kwargs)
    run.ticks(ticks)
    run.end(max(tick.at for tick in ticks))
    return run


@given(SEEDS, st.booleans())
@settings(max_examples=25)
def test_same_tape_says_the_same_bytes(seed: int, received: bool) -> None:
    first, again = (
        [json.dumps(told(fact), sort_keys=True) for fact in replay.facts(ticks=market.ticks)]
        for market in (made(seed, received=received), made(seed, received=received))
        for replay in (market.replay(),)
    )
    assert first == again


@given(SEEDS, st.booleans(), CUTS)
@settings(max_examples=60)
def test_any_cut_into_batches_and_no_sifting_at_all_say_the_same(
    seed: int, received: bool, chance: Random
) -> None:
    market = made(seed, received=received)
    ticks = dirty(market, chance)
    expected = whole(market, ticks, jump=50)
    one_by_one = whole(market, ticks, jump=50, sifts=False)
    cut = Run(market, jump=50)
    start = 0
    while start < len(ticks):
        size = chance.randint(1, 9)
        cut.ticks(ticks[start : start + size])
        start += size
    cut.end(max(tick.at for tick in ticks))
    assert one_by_one.facts == expected.facts
    assert one_by_one.records() == expected.records()
    assert cut.facts == expected.facts
    assert cut.records() == expected.records()
    assert cut.candles == one_by_one.candles == expected.candles


@given(SEEDS, st.booleans(), CUTS)
@settings(max_examples=60)
def test_clock_messages_change_nothing_wherever_they_come(
    seed: int, received: bool, chance: Random
) -> None:
    market = made(seed, received=received)
    ticks = [
        tick._replace(price=tick.price + (80 if chance.random() < 0.03 else 0))
        for tick in market.ticks
    ]
    expected = whole(market, ticks, jump=50)
    clocked = Run(market, jump=50)
    before = ticks[0].at
    for tick in ticks:
        for at in sorted(chance.randint(before, tick.at) for _ in range(chance.randint(0, 2))):
            clocked.clock(at)
        clocked.ticks([tick])
        before = tick.at
    clocked.end(before)
    assert clocked.records() == expected.records()
    assert clocked.candles == expected.candles
    assert clocked.sorted_facts() == expected.sorted_facts()


@given(SEEDS, st.booleans(), CUTS)
@settings(max_examples=60)
def test_killed_anywhere_and_resumed_it_says_the_same_facts(
    seed: int, received: bool, chance: Random
) -> None:
    market = made(seed, received=received)
    ticks = dirty(market, chance)
    expected = whole(market, ticks, jump=50)
    killed = Run(market, jump=50)
    for tick in ticks:
        killed.ticks([tick])
        if chance.random() < 0.15:
            killed.kill()
    killed.end(max(tick.at for tick in ticks))
    assert killed.sorted_facts() == expected.sorted_facts()
    assert killed.records() == expected.records()
    assert killed.candles == expected.candles


@given(SEEDS, st.integers(0, 40))
@settings(max_examples=30)
def test_what_comes_later_changes_nothing_said_before(seed: int, count: int) -> None:
    market = made(seed)
    longer, shorter = (
        [told(fact) for fact in market.replay().facts(candles=market.candles[:many])]
        for many in (None, count + 1)
    )
    known = {json.dumps(fact) for fact in longer}
    early = [fact for fact in shorter if fact["fact"] != "signal.rejected"]
    # the end of the shorter one gives up those whose candle it does not have; nothing else may differ
    assert [fact for fact in early if json.dumps(fact) not in known] == []


@given(SEEDS)
@settings(max_examples=40)
def test_mirrored_market_gives_mirrored_records(seed: int) -> None:
    market = made(seed, received=True)
    upside_down = Market(
        [naive.Print(at, 160_000 - p) for at, p in market.prints],
        [replace(call, way=-call.way) for call in market.calls],
        market.rules,
    )
    upright, turned = market.replay(), upside_down.replay()
    for replay, of in ((upright, market), (turned, upside_down)):
        for _ in replay.facts(ticks=of.ticks):
            pass
    same = ("status", "session", "risk", "mae", "path", "bars_to_confirmation", "stop_rule")
    for one, other in zip(upright.records(), turned.records(), strict=True):
        assert [one[name] for name in same] == [other[name] for name in same]
        for track in ("no_be", "be"):
            if one[track]:
                for name in ("status", "mfe", "exit_time", "targets_hit", "result_r"):
                    assert one[track][name] == other[track][name]


@given(SEEDS, st.booleans())
@settings(max_examples=40)
def test_mfe_never_falls_mae_never_rises_and_nothing_happens_twice(
    seed: int, received: bool
) -> None:
    market = made(seed, received=received)
    replay = market.replay()
    keys = [fact.key for fact in replay.facts(ticks=market.ticks)]
    assert len(keys) == len(set(keys))
    for one in replay.records():
        points = [
            tuple(float(point[name]) for name in ("no_be_mfe", "be_mfe", "mae"))
            for point in one["path"]
        ]
        for before, after in pairwise(points):
            assert before[0] <= after[0]
            assert before[1] <= after[1]
            assert before[2] >= after[2]
        assert all(be <= no_be and mae <= 0 <= be for no_be, be, mae in points)
        if (
            one["no_be"] and points and market.rules.length == MINUTE
        ):  # a longer last candle is open
            assert f"{points[-1][0]:.4f}" == one["no_be"]["mfe"]


@given(SEEDS, CUTS)
@settings(max_examples=40)
def test_candles_are_those_of_an_independent_aggregation(seed: int, chance: Random) -> None:
    market = made(seed)
    run = whole(market, market.ticks)
    for seconds in (60, 300, 3600):
        closed = run.candles.get(seconds, [])
        expected = naive.aggregate(market.prints, seconds * SECOND)[: len(closed)]
        assert [naive.Bar(*candle[:5]) for candle in closed] == expected
    assert sum(candle.volume for candle in run.candles[60]) == sum(t.size for t in market.ticks)
    assert sum(candle.trades for candle in run.candles[60]) == len(market.ticks)


@given(SEEDS)
@settings(max_examples=40)
def test_four_prices_of_a_candle_as_ticks_agree_with_the_candle(seed: int) -> None:
    market = made(seed)
    for call in market.calls:
        call.way = 1
    prices = [naive.Print(bar.t, p) for bar in market.minutes for p in (bar.o, bar.l, bar.h, bar.c)]
    ticked = Market(prices, market.calls, market.rules)
    by_candle, by_tick = market.replay(), ticked.replay()
    for replay, of in ((by_candle, market), (by_tick, ticked)):
        source = {"candles": of.candles} if replay is by_candle else {"ticks": of.ticks}
        for _ in replay.facts(**source):  # type: ignore[arg-type]
            pass
    for one, other in zip(by_candle.records(), by_tick.records(), strict=True):
        # between ticks the price jumps, so only how far it went beyond a stop may differ
        for record_ in (one, other):
            record_["mae"] = None
            for track in ("no_be", "be"):
                (record_[track] or {})["exit_hit"] = None
            for point in record_["path"]:
                point["mae"] = None
        assert one == other
