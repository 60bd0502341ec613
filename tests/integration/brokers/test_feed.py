"""The feed as the engine sees it: every tick once, in order, and the truth about the connection."""

import asyncio
import queue
from random import Random

import pytest

from apps.brokers.domain.ports import (
    Cursor,
    FeedChanged,
    FeedItem,
    FeedState,
    QuoteArrived,
    TicksArrived,
)
from apps.brokers.tradovate.feed import Market, TradovateFeed
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.server import Plan, Simulator
from apps.bus.domain.message import HOUR, MINUTE, SECOND
from apps.marketdata.domain.messages import CandleRecorded, ClockTicked, GapOpened
from tests.integration.brokers.playground import (
    CONTRACT,
    QUARTER,
    START,
    Playground,
    playground,
    until,
)


def is_ordered(said: list[FeedItem]) -> bool:
    """Return whether no tick came after the market's time had passed it."""
    clock = 0
    for item in said:
        if isinstance(item, ClockTicked):
            assert item.at > clock
            clock = item.at
        elif isinstance(item, TicksArrived):
            assert min(tick.at for tick in item.ticks) >= clock
    return True


async def test_ticks_arrive_once_and_in_order_and_time_follows_them(ground: Playground) -> None:
    await ground.run(ground.feed())
    for _ in range(12):
        await ground.sim.move(5)
        await asyncio.sleep(0.005)
    truth = ground.truth(START, START + MINUTE)
    await until(lambda: len([tick for tick in ground.ticks if tick.at >= START]) == len(truth))
    assert [tick for tick in ground.ticks if tick.at >= START] == truth
    assert len(truth) > 50
    assert is_ordered(ground.said)
    await until(lambda: ClockTicked(START + MINUTE) in ground.said)
    assert ground.states == [FeedState.CONNECTING, FeedState.CATCHING_UP, FeedState.LIVE]


async def test_a_first_start_asks_for_no_more_than_the_warm_up(ground: Playground) -> None:
    since = START - HOUR
    await ground.run(ground.feed(warm_up=lambda contract: since))
    assert ground.ticks == ground.truth(since, START)
    assert all(not item.live for item in ground.said if isinstance(item, TicksArrived))


async def test_without_a_warm_up_one_tick_tells_the_price(ground: Playground) -> None:
    await ground.run(ground.feed())
    assert ground.ticks == ground.truth(START - MINUTE, START)[-1:]


async def test_a_start_after_a_cursor_brings_what_came_after_it_and_nothing_else(
    ground: Playground,
) -> None:
    past = ground.truth(START - 10 * MINUTE, START)
    last = past[100]
    await ground.run(ground.feed(resume=lambda contract: Cursor(last.id, last.at)))
    assert ground.ticks == past[101:]
    assert not [item for item in ground.said if isinstance(item, GapOpened)]
    assert all(item.complete for item in ground.said if isinstance(item, TicksArrived))


async def test_history_that_comes_in_pages_is_joined(ground: Playground) -> None:
    ground.sim.streams.history_ticks = 70
    past = ground.truth(START - 10 * MINUTE, START)
    assert len(past) > 400
    last = past[0]
    await ground.run(ground.feed(resume=lambda contract: Cursor(last.id, last.at)))
    assert ground.ticks == past[1:]
    assert not [item for item in ground.said if isinstance(item, GapOpened)]
    assert len(ground.sim.asked("md/cancelchart")) == len(ground.sim.asked("md/getchart")) - 1


async def test_ticks_missed_during_an_outage_come_first_and_in_order(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(20)
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.sim.move(40)
    marked = len(ground.said)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    await ground.sim.move(20)
    truth = ground.truth(START, ground.sim.clock.at)
    await until(lambda: len([t for t in ground.ticks if t.at >= START]) == len(truth))
    assert [tick for tick in ground.ticks if tick.at >= START] == truth
    back = [item for item in ground.said[marked:] if not isinstance(item, QuoteArrived)]
    assert [type(item) for item in back[:3]] == [FeedChanged, TicksArrived, FeedChanged]
    assert back[1].live is False
    assert is_ordered(ground.said)


async def test_time_stands_still_while_the_feed_is_lost_or_catches_up(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(5)
    await until(lambda: any(isinstance(item, ClockTicked) for item in ground.said))
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.sim.move(60)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    quiet = False
    for item in ground.said:
        if isinstance(item, FeedChanged):
            quiet = item.state is not FeedState.LIVE
        assert not (quiet and isinstance(item, ClockTicked))


async def test_a_stall_is_noticed_and_nothing_is_lost(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(10)
    ground.sim.connections[0].stalled.clear()
    await ground.sim.move(30)
    await ground.reach(lambda: feed.state is FeedState.LOST)
    assert "silent" in ground.said[-1].reason
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    truth = ground.truth(START, ground.sim.clock.at)
    await until(lambda: len([t for t in ground.ticks if t.at >= START]) == len(truth))
    assert [tick for tick in ground.ticks if tick.at >= START] == truth


async def test_repeated_ticks_are_dropped_and_counted(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    seen: list[object] = []

    def twice(contract: str, ticks: list, until: int) -> list:
        seen.extend(ticks)
        return [*ticks, *seen[-20:]]

    ground.sim.streams.spoiler.bend = twice
    await ground.sim.move(30)
    truth = ground.truth(START, ground.sim.clock.at)
    await until(lambda: len([t for t in ground.ticks if t.at >= START]) == len(truth))
    await ground.clock.passes(6)
    assert [tick for tick in ground.ticks if tick.at >= START] == truth
    assert feed.dropped["duplicate"] > 0


async def test_a_late_tick_passes_for_the_market_to_judge(ground: Playground) -> None:
    await ground.run(ground.feed())
    held: list = []

    def late(contract: str, ticks: list, until: int) -> list:
        if not held and ticks:
            held.append(ticks[0])
            return ticks[1:]
        return [*ticks, held[0]] if len(held) == 1 and ticks and not held.append(None) else ticks

    ground.sim.streams.spoiler.bend = late
    for _ in range(6):
        await ground.sim.move(5)
        await asyncio.sleep(0.01)
    truth = ground.truth(START, ground.sim.clock.at)
    await until(lambda: len([t for t in ground.ticks if t.at >= START]) == len(truth))
    got = [tick for tick in ground.ticks if tick.at >= START]
    assert sorted(got, key=lambda tick: tick.id) == truth
    assert got != truth


async def test_ticks_that_can_t_be_had_are_a_gap_and_flag_their_batch(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(30)
    await until(lambda: len(ground.ticks) > 10)
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    last = ground.ticks[-1]
    await ground.sim.move(120)
    ground.forget_before(START + 2 * MINUTE)
    marked = len(ground.said)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    said = [item for item in ground.said[marked:] if isinstance(item, GapOpened | TicksArrived)]
    rest = ground.truth(START + 2 * MINUTE, ground.sim.clock.at)
    assert said[0] == GapOpened(CONTRACT, last.at, rest[0].at)
    assert said[1] == TicksArrived(CONTRACT, tuple(rest), live=False, complete=False)


async def test_where_ticks_can_t_be_had_the_candles_of_that_time_come_instead(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(30)
    await until(lambda: len(ground.ticks) > 10)
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.sim.move(210)
    ground.sim.streams.ticks_since = START + 3 * MINUTE + 30 * SECOND
    marked = len(ground.said)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    kinds = (GapOpened, CandleRecorded, TicksArrived)
    said = [item for item in ground.said[marked:] if isinstance(item, kinds)]
    assert isinstance(said[0], GapOpened)
    candles = [item for item in said if isinstance(item, CandleRecorded)]
    assert said[1 : 1 + len(candles)] == candles
    assert [item.candle.at for item in candles] == [START + MINUTE, START + 2 * MINUTE]
    for item in candles:
        prices = [tick.price for tick in ground.truth(item.candle.at, item.candle.at + MINUTE)]
        extremes = (prices[0], max(prices), min(prices), prices[-1])
        assert item.candle[1:5] == extremes
        assert item.candle.incomplete


async def test_a_gap_is_found_even_if_the_server_has_no_history_at_all(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(30)
    await until(lambda: len(ground.ticks) > 10)
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    last = ground.ticks[-1]
    await ground.sim.move(60)
    ground.forget_before(ground.sim.clock.at + HOUR)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    await ground.sim.move(10)
    await until(lambda: ground.said[-1] == ClockTicked(ground.sim.clock.at))
    (gap,) = [item for item in ground.said if isinstance(item, GapOpened)]
    assert gap.from_at == last.at


async def test_a_hole_in_closed_hours_is_no_gap(ground: Playground) -> None:
    shut = Market(lambda contract: QUARTER, is_open=lambda contract, at: False, has_clock=True)
    feed = await ground.run(ground.feed(market=shut))
    await ground.sim.move(30)
    await until(lambda: len(ground.ticks) > 10)
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.sim.move(120)
    ground.forget_before(START + 2 * MINUTE)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert not [item for item in ground.said if isinstance(item, GapOpened)]


async def test_an_outage_of_a_minute_in_market_hours_calls_somebody_once(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.refused_upgrades = [503] * 7
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.clock.passes(59)
    assert not [item for item in ground.said if isinstance(item, FeedChanged) and item.alarm]
    await ground.reach(lambda: feed.state is FeedState.LIVE, 600, step=0.5)
    (alarm,) = [item for item in ground.said if isinstance(item, FeedChanged) and item.alarm]
    assert alarm.state is FeedState.LOST
    assert "60 s" in alarm.reason


async def test_an_outage_in_closed_hours_calls_nobody(ground: Playground) -> None:
    shut = Market(lambda contract: QUARTER, is_open=lambda contract, at: False, has_clock=True)
    feed = await ground.run(ground.feed(market=shut))
    await ground.sim.move(5)
    await until(lambda: feed.market_at)
    ground.sim.refused_upgrades = [503] * 6
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE, 600, step=0.5)
    assert ground.clock.elapsed() > 61
    assert not [item for item in ground.said if isinstance(item, FeedChanged) and item.alarm]


async def test_a_dead_stream_on_a_living_socket_is_told_from_a_quiet_market(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(10)
    await until(lambda: len(ground.ticks) > 3)
    ground.sim.streams.spoiler.bend = (
        lambda contract, ticks, until: []
    )  # the heart beats, the ticks stay away
    await ground.sim.move(60)
    await ground.reach(lambda: FeedState.LOST in ground.states, 60)
    (lost,) = [item for item in ground.said if isinstance(item, FeedChanged) and item.state is FeedState.LOST]  # fmt: skip
    assert lost.reason == "stream dead"
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    truth = ground.truth(START, ground.sim.clock.at)
    assert [tick for tick in ground.ticks if tick.at >= START] == truth


async def test_a_quiet_market_is_asked_ever_less_often_and_left_alone(ground: Playground) -> None:
    await ground.run(ground.feed())
    await ground.reach(lambda: ground.clock.elapsed() > 300, 400, step=0.5)
    assert FeedState.LOST not in ground.states
    assert 3 <= len(ground.sim.asked("md/getchart")) <= 6


async def test_the_end_of_a_recording_is_said_once_and_the_socket_stays(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    ground.market.end = START + MINUTE
    await ground.sim.move(90)
    await until(lambda: feed.state is FeedState.ENDED)
    await asyncio.sleep(0.05)
    assert ground.states.count(FeedState.ENDED) == 1
    assert ClockTicked(START + MINUTE) in ground.said
    assert ground.said[-1].reason == "end of recording"
    assert len(ground.sim.connections) == 1


async def test_several_contracts_each_get_their_own_ticks() -> None:
    async with playground(roots=("NQ", "ES")) as ground:
        await ground.run(ground.feed("NQZ6", "ESZ6"))
        await ground.sim.move(30)
        for contract in ("NQZ6", "ESZ6"):
            truth = ground.truth(START, ground.sim.clock.at, contract)
            await until(lambda: ground.of(contract)[-1] == truth[-1])  # noqa: B023
            assert [tick for tick in ground.of(contract) if tick.at >= START] == truth


async def test_contracts_can_change_while_it_runs() -> None:
    async with playground(roots=("NQ", "ES")) as ground:
        feed = await ground.run(ground.feed("NQZ6"))
        feed.follow(["ESZ6"])
        await until(lambda: ground.of("ESZ6"))
        await until(lambda: len(ground.sim.asked("md/cancelchart")) == 1)
        before = len(ground.of("NQZ6"))
        await ground.sim.move(30)
        truth = ground.truth(START, ground.sim.clock.at, "ESZ6")
        await until(lambda: ground.of("ESZ6")[-1] == truth[-1])
        assert len(ground.of("NQZ6")) == before
        assert feed.state is FeedState.LIVE


async def test_a_contract_that_is_refused_does_not_take_the_others_with_it(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed("XXZ9", CONTRACT))
    assert "XXZ9" in feed.reason
    await ground.sim.move(10)
    await until(lambda: ClockTicked(ground.sim.clock.at) in ground.said)
    assert ground.ticks[-1] == ground.truth(START, ground.sim.clock.at)[-1]


async def test_a_refused_contract_that_is_added_later_leaves_the_feed_as_it_was(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    feed.follow([CONTRACT, "XXZ9"])
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert "XXZ9" in feed.reason
    await ground.sim.move(10)
    await until(lambda: ClockTicked(ground.sim.clock.at) in ground.said)


async def test_on_a_real_market_time_is_the_arrival_of_a_frame(ground: Playground) -> None:
    real = Market(lambda contract: QUARTER)
    await ground.run(ground.feed(market=real))
    await ground.clock.passes(1)
    wall = ground.clock.now()
    await until(lambda: ClockTicked(wall) in ground.said)
    said = [item for item in ground.said if isinstance(item, ClockTicked)]
    await asyncio.sleep(0.05)  # heartbeats come, but no time passes
    assert [item for item in ground.said if isinstance(item, ClockTicked)] == said


ON_RECONNECT = {
    "expire_token",
    "rate_limit",
    "penalty",
    "redirect_host",
    "md_denied",
    "delay_responses",
}


@pytest.mark.parametrize(
    "fault",
    [{"do": "drop", "for_s": 3.0}, {"do": "stall", "for_s": 12.0}, {"do": "garbage"},
     {"do": "duplicate"}, {"do": "shuffle"}, {"do": "expire_token"}, {"do": "close"},
     {"do": "shutdown"}, {"do": "rate_limit"}, {"do": "penalty"}, {"do": "delay_responses"},
     {"do": "deltas"}, {"do": "batch"}, {"do": "redirect_host"}, {"do": "md_denied", "for_s": 2.0}],
    ids=lambda fault: fault["do"],
)  # fmt: skip
async def test_after_each_fault_the_tape_is_whole(
    ground: Playground, fault: dict[str, object]
) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.move(20)
    ground.sim.fault(fault)
    if fault["do"] in ON_RECONNECT:
        ground.sim.connections[0].cut()
    for _ in range(12):
        await ground.sim.move(2)
        await ground.clock.passes(0.25)
        await asyncio.sleep(0.01)
    await ground.reach(lambda: feed.state is FeedState.LIVE, 200)
    await ground.sim.move(20)
    truth = ground.truth(START, ground.sim.clock.at)
    await ground.reach(lambda: len([t for t in ground.ticks if t.at >= START]) >= len(truth))
    assert sorted((t for t in ground.ticks if t.at >= START), key=lambda t: t.id) == truth
    assert not [item for item in ground.said if isinstance(item, GapOpened)]


def test_it_runs_in_a_thread_of_its_own_and_stops_within_its_time() -> None:
    said: queue.Queue[FeedItem] = queue.Queue()

    async def serve() -> None:
        sim = Simulator(GeneratedMarket(7, START, ("NQ",)), Plan(speed=5))
        await sim.start()
        feed = TradovateFeed(
            Playground.login(sim), Market(lambda contract: QUARTER, has_clock=True),
            (CONTRACT,), said.put, chance=Random(1),
        )  # fmt: skip
        feed.start()
        await until(lambda: feed.market_at > START + SECOND)
        await asyncio.to_thread(feed.stop)
        assert feed.state is FeedState.STOPPED
        await sim.stop()

    asyncio.run(serve())
    items = []
    while not said.empty():
        items.append(said.get())
    assert items[-1].state is FeedState.STOPPED
    assert is_ordered(items)
