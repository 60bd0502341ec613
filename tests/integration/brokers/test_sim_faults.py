"""Everything the simulator can do wrong, on demand. Protocol 16, switchable faults."""

import json
from collections import Counter
from pathlib import Path

import pytest
import websockets

from apps.brokers.tradovate.simulator.faults import FAULTS, BadFaults, Fault, fault_of, read_faults
from apps.brokers.tradovate.simulator.mischief import Mischief
from apps.bus.domain.message import MINUTE, iso
from tests.integration.brokers.talker import (
    START,
    HandWall,
    call,
    connect,
    dial,
    log_in,
    simulator,
    soon,
)


def ids(market, since, until):
    return [tick.id for tick in market.ticks("NQZ6", since, until)]


async def test_drop_breaks_sockets_and_the_missed_ticks_can_be_fetched() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        talker = await connect(sim)
        _, realtime = await talker.chart()
        await sim.move(20)
        await talker.until(lambda: talker.ids(realtime))
        sim.fault({"do": "drop", "for_s": 8.0})
        with pytest.raises(websockets.ConnectionClosedError):
            await talker.until(lambda: False)
        await soon(lambda: not sim.connections)
        assert sim.watched  # the market goes on without us
        await sim.move(40)
        with pytest.raises((websockets.InvalidMessage, EOFError, OSError)):
            await dial(sim)
        wall.at += 8.0
        async with await connect(sim) as again:
            last = talker.ids(realtime)[-1]
            at = next(t.at for t in sim.market.ticks("NQZ6", START, START + MINUTE) if t.id == last)
            historical, _ = await again.chart(timeRange={"asFarAsTimestamp": iso(at)})
            got = talker.ids(realtime) + [i for i in again.ids(historical) if i > last]
            assert got == ids(sim.market, START, START + MINUTE)


async def test_the_market_goes_on_in_an_outage_and_stands_still_after_it() -> None:
    wall = HandWall()
    async with simulator(wall=wall, speed=1000.0) as sim:
        async with await connect(sim) as talker:
            await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
            sim.fault({"do": "drop", "for_s": 8.0})
        await soon(lambda: not sim.connections)
        at = sim.clock.at
        await soon(lambda: sim.clock.at > at + MINUTE)
        wall.at += 8.0
        assert not sim.watched


async def test_stall_keeps_sockets_open_and_silent() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        sim.fault({"do": "stall", "for_s": 3.0})
        await sim.move(60)
        connection = sim.connections[0]
        await soon(lambda: connection.waiting)
        assert not talker.ids(realtime)
        wall.at += 3.0
        sim.mischief.end_over()
        await talker.clock("13:31:00")
        assert talker.ids(realtime) == ids(sim.market, START, START + MINUTE)


async def test_garbage_comes_between_and_nothing_is_lost() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        sim.fault({"do": "garbage", "count": 10})
        await sim.move(60)
        frames = []
        while "13:31:00.000Z" not in "".join(frames):
            frames.append(await talker.frame())
        assert sum(not _reads(frame) for frame in frames) >= 4
        told = [json.loads(frame[1:]) for frame in frames if _reads(frame)]
        packets = [
            packet
            for messages in told
            for message in messages
            if isinstance(message, dict) and message.get("e") == "chart"
            for packet in message["d"]["charts"]
        ]
        good = [p for p in packets if p["id"] == realtime and isinstance(p["tks"], list)]
        assert [t["id"] for p in good for t in p["tks"]] == ids(sim.market, START, START + MINUTE)


def _reads(frame: str) -> bool:
    try:
        return frame[:1] == "a" and isinstance(json.loads(frame[1:]), list)
    except ValueError:
        return False


async def test_duplicates_are_told_again() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        await sim.move(30)
        sim.fault({"do": "duplicate", "count": 5})
        await sim.move(30)
        await talker.clock("13:31:00")
        told = Counter(talker.ids(realtime))
        assert sorted(told) == ids(sim.market, START, START + MINUTE)
        assert sum(times - 1 for times in told.values()) == 5


@pytest.mark.parametrize("step", [60.0, 0.25])
async def test_a_late_tick_comes_after_others_within_its_minute(step: float) -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        sim.fault({"do": "late", "count": 2, "after": 3})
        for _ in range(int(60 / step)):
            await sim.move(step)
        await talker.clock("13:31:00")
        told, whole = talker.ids(realtime), ids(sim.market, START, START + MINUTE)
        assert told != whole
        assert sorted(told) == whole


async def test_shuffled_ticks_are_all_there() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        sim.fault({"do": "shuffle", "count": 10})
        await sim.move(60)
        await talker.clock("13:31:00")
        told, whole = talker.ids(realtime), ids(sim.market, START, START + MINUTE)
        assert told[:10] == whole[:10][::-1] and sorted(told) == whole


async def test_a_spike_is_far_away_and_has_an_id_of_its_own() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        sim.fault({"do": "spike", "points": 80.0})
        await sim.move(30)
        await sim.move(30)
        await talker.clock("13:31:00")
        told, whole = talker.ids(realtime), ids(sim.market, START, START + MINUTE)
        (wild,) = set(told) - set(whole)
        assert told == sorted(told) and wild % 2 == 1
        ticks = {t["id"]: p["bp"] + t["p"] for p in talker.charts(realtime) for t in p["tks"]}
        assert ticks[wild] - ticks[wild - 1] == 320


@pytest.mark.parametrize(
    ("fault", "frames"),
    [
        ({"do": "close"}, ['c[3000,"Go away!"]']),
        (
            {"do": "shutdown", "reason": "Maintenance"},
            ['a[{"e":"shutdown","d":{"reasonCode":"Maintenance"}}]', 'c[3000,"Go away!"]'],
        ),
        (
            {"do": "displace"},
            [
                'a[{"e":"shutdown","d":{"reasonCode":"ConnectionQuotaReached"}}]',
                'c[3000,"Go away!"]',
            ],
        ),
    ],
)
async def test_sockets_are_closed_with_a_word(fault: dict[str, str], frames: list[str]) -> None:
    async with simulator() as sim:
        talker = await connect(sim)
        sim.fault(fault)
        assert [await talker.frame() for _ in frames] == frames
        with pytest.raises(websockets.ConnectionClosed):
            await talker.frame()


async def test_the_wrong_host_redirects_rest_and_refuses_sockets() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        sim.fault({"do": "redirect_host", "to": "http://127.0.0.1:9/v1"})
        told = await call(sim, "account/list", token=token)
        assert (told.status_code, told.headers["Location"]) == (
            307,
            "http://127.0.0.1:9/v1/account/list",
        )
        with pytest.raises(websockets.InvalidStatus) as refused:
            await dial(sim)
        assert refused.value.response.status_code == 421


async def test_delayed_answers_come_in_the_wrong_order() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim, await connect(sim) as talker:
        sim.fault({"do": "delay_responses", "for_s": 1.0})
        sent = [await talker.send("account/list") for _ in range(4)]
        await soon(lambda: sim.connections[0].kept == 4)
        wall.at += 1.0
        sim.mischief.end_over()
        await talker.answer(sent[0])
        assert [answer["i"] for answer in talker.answers] == sent[::-1]


async def test_planned_faults_wait_for_the_first_market_data_client() -> None:
    wall = HandWall()
    planned = (fault_of({"at_s": 12.0, "do": "batch"}),)
    async with simulator(wall=wall, faults=planned) as sim, await connect(sim) as talker:
        wall.at += 100
        sim.mischief.tick(watched=sim.streams.watched)
        assert not sim.batch
        await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
        sim.mischief.tick(watched=sim.streams.watched)
        wall.at += 11.9
        sim.mischief.tick(watched=False)
        assert not sim.batch
        wall.at += 0.1
        sim.mischief.tick(watched=False)
        assert sim.batch


def test_every_fault_can_be_done() -> None:
    assert all(hasattr(Mischief, f"_do_{name}") for name in FAULTS)
    assert all(fault_of({"do": name}) for name in FAULTS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "a list of faults is needed"),
        ("[7]", "fault 1: a fault is an object"),
        ('[{"do": "drop"}, {"at_s": 1}]', "fault 2: do: 'None' is no fault"),
        ('[{"do": "explode"}]', "is no fault: use one of drop"),
        ('[{"do": "drop", "for_s": "long"}]', "drop: for_s must be a number of 0 or more"),
        ('[{"do": "drop", "at_s": -1}]', "drop: at_s must be a number"),
        ('[{"do": "drop", "for": 3}]', "drop: 'for' is no option of it"),
        ('[{"do": "penalty", "captcha": 1}]', "captcha must be a true or false"),
        ('[{"do": "late", "count": 1.5}]', "count must be a whole number above 0"),
        ("[", "Expecting value"),
    ],
)
def test_a_list_of_faults_that_cannot_be_used_says_why(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(BadFaults, match=None) as wrong:
        read_faults(path)
    assert says in str(wrong.value) and "\n" not in str(wrong.value)


def test_a_list_of_faults_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"at_s": 12.0, "do": "drop"}, {"at_s": 3, "do": "stall", "for_s": 1}]')
    assert read_faults(path) == (
        Fault("drop", 12.0, {"for_s": 5.0}),
        Fault("stall", 3.0, {"for_s": 1}),
    )
