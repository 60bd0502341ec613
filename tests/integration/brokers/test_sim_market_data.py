"""Quotes, books and charts of the simulator: every trade once, in order, however it is fetched. Protocol 8, 9, 16."""

import json
from itertools import pairwise
from pathlib import Path

from apps.brokers.tradovate.simulator.charts import tick_packets
from apps.brokers.tradovate.simulator.recording import FileMarket
from apps.bus.domain.message import MINUTE, SECOND, iso
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.tick import Quote, Tick
from tests.integration.brokers.talker import START, connect, simulator, soon

QUOTE = {"Bid", "Offer", "Trade", "TotalTradeVolume", "OpenInterest", "OpeningPrice", "HighPrice"}
QUOTE |= {"LowPrice", "SettlementPrice"}
MINUTES = {"underlyingType": "MinuteBar", "elementSize": 5, "elementSizeUnit": "UnderlyingUnits"}


def ids(market, since, until):
    return [tick.id for tick in market.ticks("NQZ6", since, until)]


async def test_rule_14_the_first_quote_is_full_and_so_is_every_other() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        assert await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"}) == {"mode": "RealTime"}
        await talker.until(lambda: talker.events("md"))
        await sim.move(30)
        await talker.until(lambda: len(talker.events("md")) >= 2)
        for told in talker.events("md"):
            (quote,) = told["quotes"]
            assert set(quote["entries"]) == QUOTE
            assert quote["entries"]["Bid"]["price"] < quote["entries"]["Offer"]["price"]
            assert quote["contractId"] == sim.library.contract_id("NQZ6")


async def test_delta_quotes_are_a_switch() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        sim.fault({"do": "deltas"})
        await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
        await sim.move(30)
        await talker.until(lambda: len(talker.events("md")) >= 2)
        first, last = talker.events("md")[0], talker.events("md")[-1]
        assert set(first["quotes"][0]["entries"]) == QUOTE
        assert set(last["quotes"][0]["entries"]) < QUOTE


async def test_subscribing_by_id_and_unsubscribing_stops_at_once() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        number = sim.library.contract_id("NQZ6")
        for symbol in (number, str(number), "NQZ6"):
            assert await talker.ask("md/subscribeQuote", {"symbol": symbol}) == {"mode": "RealTime"}
        await talker.ask("md/unsubscribeQuote", {"symbol": "NQZ6"})
        before = len(talker.events("md"))
        await sim.move(60)
        await talker.ask("account/list")
        assert len(talker.events("md")) == before
        assert not sim.streams.watched


async def test_failed_subscriptions_come_with_status_200() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        for symbol in ("XX", "NQ", "CLF7", 17, None, ""):
            answer = await talker.answer(await talker.send("md/subscribeQuote", {"symbol": symbol}))
            assert answer["s"] == 200
            assert answer["d"]["errorText"] == "Symbol is inaccessible", symbol
        sim.fault({"do": "md_denied"})
        assert "errorText" in await talker.ask("md/getChart", {"symbol": "NQZ6"})


async def test_the_book_is_sorted_and_never_crossed() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await talker.ask("md/subscribeDOM", {"symbol": "NQZ6"})
        for _ in range(5):
            await sim.move(10)
        await talker.until(lambda: talker.events("md"))
        for told in talker.events("md"):
            (book,) = told["doms"]
            bids = [level["price"] for level in book["bids"]]
            offers = [level["price"] for level in book["offers"]]
            assert bids == sorted(bids, reverse=True)
            assert offers == sorted(offers)
            assert bids[0] < offers[0]
            assert all(level["size"] > 0 for level in book["bids"] + book["offers"])


async def test_the_histogram_adds_up_to_the_volume() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await talker.ask("md/subscribeHistogram", {"symbol": "NQZ6"})
        await talker.until(lambda: talker.events("md"))
        (histogram,) = talker.events("md")[0]["histograms"]
        volume = sim.streams.board("NQZ6").quote(START)["entries"]["TotalTradeVolume"]["size"]
        assert sum(histogram["items"].values()) == volume
        assert histogram["refresh"] is True


async def test_rule_15_a_tick_chart_is_history_then_its_end_then_realtime() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await sim.move(300)
        historical, realtime = await talker.chart(timeRange={"asFarAsTimestamp": iso(START)})
        assert historical and realtime and historical != realtime
        await sim.move(300)
        await talker.clock("13:40:00")
        assert talker.ids(historical) == ids(sim.market, START, START + 300 * SECOND)
        assert talker.ids(realtime) == ids(sim.market, START + 300 * SECOND, START + 600 * SECOND)


async def test_every_tick_comes_once_at_any_speed() -> None:
    async with simulator(speed=600.0) as sim, await connect(sim) as talker:
        historical, realtime = await talker.chart(timeRange={"asMuchAsElements": 50})
        await talker.until(lambda: len(talker.ids(realtime)) > 3000)
        told = talker.ids(historical) + talker.ids(realtime)
        whole = ids(sim.market, START - 10 * MINUTE, START + 120 * MINUTE)
        begin = whole.index(told[0])
        assert told == whole[begin : begin + len(told)]


async def test_ticks_carry_what_the_market_traded() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        historical, _ = await talker.chart(
            timeRange={"closestTimestamp": iso(START), "asMuchAsElements": 5}
        )
        decoded = []
        for packet in talker.charts(historical):
            for t in packet.get("tks", ()):
                base = packet["bp"]
                quote = Quote(base + t["b"], t["bs"], base + t["a"], t["as"])
                at = (packet["bt"] + t["t"]) * 1_000_000
                decoded.append(Tick(at, base + t["p"], t["s"], t["id"], quote))
        assert decoded == list(sim.market.ticks("NQZ6", START - 5 * MINUTE, START))[-5:]


async def test_history_pages_backwards_without_gap() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        sim.streams.history_ticks = 40
        await sim.move(300)
        oldest = iso(START + 60 * SECOND)
        seen: set[int] = set()
        page: dict[str, object] = {}
        while True:
            historical, _ = await talker.chart(timeRange={"asFarAsTimestamp": oldest} | page)
            got = talker.ids(historical)
            if set(got) <= seen:
                break
            seen |= set(got)
            assert len(got) <= 40
            page = {"closestTickId": min(got)}
        assert sorted(seen) == ids(sim.market, START + 60 * SECOND, START + 300 * SECOND)


async def test_history_reaches_over_the_daily_break() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        historical, _ = await talker.chart(timeRange={"asMuchAsElements": 30_000})
        packets = [packet for packet in talker.charts(historical) if "tks" in packet]
        assert sum(len(packet["tks"]) for packet in packets) == 30_000
        assert {packet["td"] for packet in packets} == {20261119, 20261120}


async def test_minute_bars_are_the_ticks_and_the_forming_one_grows() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        historical, realtime = await talker.chart(
            chartDescription=MINUTES, timeRange={"asMuchAsElements": 10}
        )
        bars = [bar for packet in talker.charts(historical) for bar in packet.get("bars", ())]
        assert len(bars) == 10
        assert bars[-1]["timestamp"] == "2026-11-20T13:25Z"
        traded = list(sim.market.ticks("NQZ6", START - 5 * MINUTE, START))
        assert bars[-1]["open"] == traded[0].price / 4
        assert bars[-1]["high"] == max(tick.price for tick in traded) / 4
        assert bars[-1]["upVolume"] + bars[-1]["downVolume"] == sum(tick.size for tick in traded)
        for _ in range(4):
            await sim.move(100)
        await talker.clock("13:36:40")
        live = [bar for packet in talker.charts(realtime) for bar in packet["bars"]]
        stamps = [bar["timestamp"] for bar in live]
        assert stamps == sorted(stamps)
        assert set(stamps) == {"2026-11-20T13:30Z", "2026-11-20T13:35Z"}
        first = [bar for bar in live if bar["timestamp"].endswith("13:30Z")]
        assert all(one["upTicks"] <= two["upTicks"] for one, two in pairwise(first))
        traded = list(sim.market.ticks("NQZ6", START, START + 5 * MINUTE))
        assert first[-1]["close"] == traded[-1].price / 4


async def test_cancelling_by_the_realtime_id_stops_a_chart() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        assert await talker.ask("md/cancelChart", {"subscriptionId": realtime}) == {}
        await sim.move(60)
        await talker.ask("account/list")
        assert not talker.charts(realtime)


async def test_charts_we_do_not_draw_say_so() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        for described in ({"underlyingType": "DOM"}, {"elementSizeUnit": "Renko"}):
            told = await talker.ask(
                "md/getChart", {"symbol": "NQZ6", "chartDescription": described}
            )
            assert "errorText" in told
        told = await talker.ask(
            "md/getChart", {"symbol": "@NQ", "timeRange": {"closestTimestamp": "yesterday"}}
        )
        assert "errorText" in told


async def test_the_clock_says_the_market_time_to_charts_only() -> None:
    async with simulator() as sim, await connect(sim) as talker, await connect(sim) as other:
        await other.ask("md/subscribeQuote", {"symbol": "NQZ6"})
        await talker.chart()
        await sim.move(60)
        await talker.clock("13:31:00")
        assert json.loads(talker.events("clock")[-1])["s"] == 0
        await other.ask("account/list")
        assert not other.events("clock")


async def test_a_slow_reader_skips_quotes_but_no_ticks() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
        _, realtime = await talker.chart()
        quotes = len(talker.events("md"))
        sim.connections[0].stalled.clear()
        for _ in range(60):
            await sim.move(1)
        sim.connections[0].stalled.set()
        await talker.clock("13:31:00")
        assert len(talker.events("md")) - quotes <= 2
        assert talker.ids(realtime) == ids(sim.market, START, START + MINUTE)


async def test_the_market_stands_still_while_nobody_watches() -> None:
    async with simulator(speed=1000.0) as sim:
        async with await connect(sim) as talker:
            await talker.ask("account/list")
            assert sim.clock.at == START
            await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
            await soon(lambda: sim.clock.at > START + MINUTE)
        await soon(lambda: not sim.streams.watched)
        stood = sim.clock.at
        await soon(lambda: sim.clock.at == stood)
        async with await connect(sim) as talker:
            await talker.ask("account/list")
            assert sim.clock.at == stood


async def test_a_file_ends_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "NQZ6_night.csv"
    rows = [f"{START + second * SECOND},{25000 + second}.25,1" for second in range(0, 100, 10)]
    path.write_text("ts_ns,price,size\n" + "\n".join(rows) + "\n")
    async with simulator(FileMarket(path)) as sim, await connect(sim) as talker:
        _, realtime = await talker.chart()
        await sim.move(3600)
        await talker.until(lambda: '"end":true' in "".join(talker.events("clock")))
        assert json.loads(talker.events("clock")[-1]) == {
            "t": "2026-11-20T13:32:00.000Z",
            "s": 0,
            "end": True,
        }
        assert len(talker.ids(realtime)) == 10
        assert not any("bs" in t for packet in talker.charts(realtime) for t in packet["tks"])
        assert await talker.ask("account/list")


async def test_late_ticks_of_a_file_stand_where_the_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "NQZ6_late.csv"
    seconds = (0, 5, 20, 10, 30)
    rows = [f"{START + second * SECOND},25000.25,1" for second in seconds]
    path.write_text("ts_ns,price,size\n" + "\n".join(rows) + "\n")
    market = FileMarket(path)
    told = [(tick.at - START) // SECOND for tick in market.ticks("NQZ6", START, START + MINUTE)]
    assert told == list(seconds)


def test_golden_17_3_tick_packet() -> None:
    base = 1_795_186_800_125
    ticks = [
        Tick(base * 1_000_000, 82001, 3, 9000001, Quote(82000, 12, 82001, 7)),
        Tick((base + 45) * 1_000_000, 82002, 1, 9000002, Quote(82001, 5, 82002, 9)),
        Tick((base + 52) * 1_000_000, 81999, 2, 9000003),
    ]
    assert list(tick_packets(32, ticks, instrument("NQ"))) == [
        {
            "id": 32,
            "s": "db",
            "td": 20261120,
            "bp": 82001,
            "bt": base,
            "ts": 0.25,
            "tks": [
                {"t": 0, "p": 0, "s": 3, "b": -1, "a": 0, "bs": 12, "as": 7, "id": 9000001},
                {"t": 45, "p": 1, "s": 1, "b": 0, "a": 1, "bs": 5, "as": 9, "id": 9000002},
                {"t": 52, "p": -2, "s": 2, "id": 9000003},
            ],
        }
    ]


async def test_the_market_time_is_said_at_least_once_a_market_second() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await talker.chart()
        for _ in range(600):
            await sim.move(0.1)
        await talker.clock("13:31:00")
        times = [json.loads(told)["t"] for told in talker.events("clock")]
        assert times[0] == "2026-11-20T13:30:00.000Z"
        assert times == sorted(times)
        assert len({time[:19] for time in times}) == 61
