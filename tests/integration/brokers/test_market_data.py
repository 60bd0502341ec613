"""Conformance, stage 5: every check of reference/tradovate-protocol.md 15 under its number."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import pytest
import pytest_asyncio

from apps.brokers.domain.ports import FeedState, QuoteArrived
from apps.brokers.tradovate.charts import BarSeries
from apps.brokers.tradovate.frames import ChartPacket, Event
from apps.brokers.tradovate.market_data import (
    TICKS,
    Kind,
    MarketData,
    SubscriptionRefused,
    bars,
)
from apps.brokers.tradovate.quotes import QuoteBook, depth_in
from apps.brokers.tradovate.rest import Unauthorised
from apps.brokers.tradovate.socket import Connection
from apps.bus.domain.message import MINUTE, SECOND
from tests.integration.brokers.playground import CONTRACT, QUARTER, START, Playground, until


class Desk:
    """A market data connection with its subscription book."""

    def __init__(self, ground: Playground) -> None:
        self.ground = ground
        self.dropped: Counter[str] = Counter()
        self.data = MarketData(self.number_of, self.dropped)
        self.numbers: dict[str, int] = {}
        self.connection: Connection

    async def number_of(self, contract: str) -> int:
        if contract not in self.numbers:
            session = self.ground.session()
            token = await session.token()
            found = await session.rest.get(
                "contract/find", token=token.access, query={"name": contract}
            )
            self.numbers[contract] = msgspec.json.decode(found)["id"]
        return self.numbers[contract]

    async def open(self, token: str | None = None) -> "Desk":
        if token is None:
            token = (await self.ground.session().token()).market_data
        self.connection = await Connection.open(
            self.ground.sim.socket_url + "?feed=md", token, self.ground.clock,
            hear=self.hear, frame_heard=lambda: None, dropped=self.dropped,
        )  # fmt: skip
        self.ground.connections.append(self.connection)
        await self.data.attach(self.connection)
        return self

    def hear(self, message: Event | ChartPacket) -> None:
        self.data.heard(message)


class Drawn:
    """A user of a chart who keeps everything."""

    def __init__(self, **time_range: object) -> None:
        self.range = time_range
        self.past: list[ChartPacket] = []
        self.now: list[ChartPacket] = []
        self.order: list[str] = []

    def time_range(self) -> dict[str, object]:
        return self.range

    def heard(self, packet: ChartPacket, *, historical: bool) -> None:
        (self.past if historical else self.now).append(packet)
        self.order.append("end" if packet.ends_history else "past" if historical else "now")

    @property
    def whole(self) -> bool:
        return "end" in self.order


@pytest_asyncio.fixture
async def desk(ground: Playground) -> AsyncIterator[Desk]:
    yield await Desk(ground).open()


class Quotes:
    """A consumer of quotes, merged."""

    def __init__(self) -> None:
        self.rows: list[dict] = []
        self.book = QuoteBook(CONTRACT, QUARTER)
        self.said: list[QuoteArrived] = []

    def __call__(self, row: msgspec.Raw) -> None:
        self.rows.append(msgspec.json.decode(row))
        self.said.append(self.book.merge(row))


# --- 5.1 connection -----------------------------------------------------------------------------------------


async def test_5_1a_a_socket_to_the_market_data_endpoint_opens(desk: Desk) -> None:
    assert len(desk.ground.sim.connections) == 1


async def test_5_1b_the_market_data_token_is_accepted(desk: Desk) -> None:
    assert desk.connection.is_open
    assert desk.ground.sim.frames[0].split("\n")[3].startswith("MD.")


async def test_5_1b_without_a_market_data_token_the_other_one_is_used(ground: Playground) -> None:
    token = await ground.session().token()
    answer = {"accessToken": token.access, "expirationTime": "2026-11-20T16:30:00.000Z"}
    ground.sim.put_up("auth/accesstokenrequest", 200, answer)
    await ground.run(ground.feed())
    assert ground.sim.frames[0].split("\n")[3] == token.access


async def test_5_1c_the_connection_is_stable_over_a_minute_of_market(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    for _ in range(60):
        await desk.ground.sim.move(1)
        await desk.ground.clock.passes(1)
        await asyncio.sleep(0.005)
    assert desk.connection.is_open
    assert not desk.dropped


async def test_5_1d_an_invalid_token_is_rejected(ground: Playground) -> None:
    with pytest.raises(Unauthorised):
        await Desk(ground).open("MD.nobody")


async def test_5_1e_after_a_drop_the_data_flow_again(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    before = len(ground.ticks)
    await ground.sim.move(10)
    await until(lambda: len(ground.ticks) > before)


# --- 5.2 quotes ---------------------------------------------------------------------------------------------


async def test_5_2a_quotes_are_subscribed_by_symbol_and_confirmed(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    assert desk.ground.sim.asked("md/subscribequote")[0]["symbol"] == CONTRACT
    await until(lambda: quotes.said)


async def test_5_2b_quotes_are_subscribed_by_contract_id(desk: Desk) -> None:
    quotes, number = Quotes(), await desk.number_of(CONTRACT)
    await desk.data.subscribe(Kind.QUOTE, number, quotes)
    assert desk.ground.sim.asked("md/subscribequote")[0]["symbol"] == number
    await until(lambda: quotes.said)
    assert quotes.rows[0]["contractId"] == number


async def test_5_2c_quotes_arrive_continuously(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    for _ in range(10):
        before = len(quotes.said)
        await desk.ground.sim.move(5)
        await until(lambda: len(quotes.said) > before)  # noqa: B023 - awaited at once


async def test_5_2d_a_quote_has_all_its_fields(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    await desk.ground.sim.move(30)
    await until(lambda: len(quotes.said) > 1)
    said = quotes.said[-1]
    assert None not in (said.last, said.open, said.high, said.low, said.settlement, said.volume)
    assert None not in said.quote
    assert said.low <= said.last <= said.high
    assert said.quote.bid < said.quote.ask
    ticks = desk.ground.truth(START, desk.ground.sim.clock.at)
    assert said.last == ticks[-1].price


async def test_5_2d_deltas_are_merged_into_the_full_state(desk: Desk) -> None:
    desk.ground.sim.streams.deltas = True
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    await until(lambda: quotes.said)
    await desk.ground.sim.move(30)
    await until(lambda: len(quotes.rows) > 1)
    assert "SettlementPrice" not in quotes.rows[-1]["entries"]
    assert quotes.said[-1].settlement == quotes.said[0].settlement is not None


async def test_5_2e_timestamps_are_those_of_the_market(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    for _ in range(5):
        before = len(quotes.said)
        await desk.ground.sim.move(10)
        await until(lambda: len(quotes.said) > before)  # noqa: B023 - awaited at once
        assert 0 <= desk.ground.sim.clock.at - quotes.said[-1].at <= 10 * SECOND


async def test_5_2f_unsubscribe_stops_the_flow_at_once(desk: Desk) -> None:
    quotes = Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    await desk.data.unsubscribe(Kind.QUOTE, CONTRACT, quotes)
    heard = len(quotes.said)
    await desk.ground.sim.move(30)
    await desk.connection.request("account/list")
    assert len(quotes.said) == heard


async def test_5_2g_an_unknown_symbol_is_refused_and_leaves_no_trace(desk: Desk) -> None:
    desk.numbers["XXZ9"] = 1
    for _ in range(2):
        with pytest.raises(SubscriptionRefused, match="XXZ9"):
            await desk.data.subscribe(Kind.QUOTE, "XXZ9", Quotes())
    assert len(desk.ground.sim.asked("md/subscribequote")) == 2


async def test_5_2g_a_feed_of_an_unknown_contract_says_so_and_keeps_trying(
    ground: Playground,
) -> None:
    feed = await ground.begin(ground.feed("XXZ9"))
    await until(lambda: feed.state is FeedState.LOST)
    assert "XXZ9" in ground.said[-1].reason or "NotFound" in ground.said[-1].reason


# --- 5.3 depth ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_number", [False, True])
async def test_5_3a_the_book_is_sorted_and_never_crossed_and_stops_when_unsubscribed(
    desk: Desk, by_number: bool
) -> None:
    rows: list[msgspec.Raw] = []
    symbol = await desk.number_of(CONTRACT) if by_number else CONTRACT
    await desk.data.subscribe(Kind.DOM, symbol, rows.append)
    for _ in range(20):
        before = len(rows)
        await desk.ground.sim.move(3)
        await until(lambda: len(rows) > before)  # noqa: B023 - awaited at once
        book = depth_in(rows[-1], QUARTER)
        assert len(book.bids) > 2
        assert len(book.offers) > 2
    await desk.data.unsubscribe(Kind.DOM, symbol, rows.append)
    before = len(rows)
    await desk.ground.sim.move(10)
    await desk.connection.request("account/list")
    assert len(rows) == before


@pytest.mark.parametrize(
    ("bids", "offers"),
    [([20500.0, 20500.25], [20501.0]), ([20500.0], [20501.0, 20500.5]), ([20500.5], [20500.5])],
)
def test_5_3a_a_book_out_of_order_or_crossed_is_refused(bids: list, offers: list) -> None:
    row = {
        "contractId": 1, "timestamp": "2026-11-20T15:00:00.125Z",
        "bids": [{"price": price, "size": 1} for price in bids],
        "offers": [{"price": price, "size": 1} for price in offers],
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"order|crossed"):
        depth_in(msgspec.Raw(json.dumps(row).encode()), QUARTER)


# --- 5.4 bar charts -----------------------------------------------------------------------------------------


async def test_5_4a_history_then_its_end_then_live_bars(desk: Desk) -> None:
    drawn = Drawn(asMuchAsElements=50)
    await desk.data.open_chart(CONTRACT, bars(5), drawn)
    await until(lambda: drawn.whole)
    await desk.ground.sim.move(30)
    await until(lambda: "now" in drawn.order)
    assert drawn.order.index("end") < drawn.order.index("now")
    assert "past" not in drawn.order[drawn.order.index("end") :]


async def test_5_4a_the_forming_bar_is_updated_in_place(desk: Desk) -> None:
    series = BarSeries({"asMuchAsElements": 10})
    await desk.data.open_chart(CONTRACT, bars(1), series)
    await until(lambda: series.history_complete)
    before = len(series.bars)
    await desk.ground.sim.move(20)
    await until(lambda: len(series.bars) == before + 1)
    volume = series.bars[-1].volume
    await desk.ground.sim.move(20)
    await until(lambda: series.bars[-1].volume > volume)
    assert len(series.bars) == before + 1
    ticks = desk.ground.truth(START, desk.ground.sim.clock.at)
    await until(lambda: series.bars[-1].volume == sum(tick.size for tick in ticks))
    last = series.bars[-1]
    assert (last.at, last.open, last.close) == (
        START, ticks[0].price * QUARTER, ticks[-1].price * QUARTER,
    )  # fmt: skip


async def test_5_4a_a_chart_is_cancelled_by_its_realtime_id(desk: Desk) -> None:
    drawn = Drawn(asMuchAsElements=5)
    await desk.data.open_chart(CONTRACT, bars(1), drawn)
    await until(lambda: drawn.whole)
    await desk.ground.sim.move(10)
    await until(lambda: drawn.now)
    await desk.data.close_chart(CONTRACT, bars(1), drawn)
    (cancelled,) = desk.ground.sim.asked("md/cancelchart")
    assert cancelled["subscriptionId"] == drawn.now[0].chart != drawn.past[0].chart
    assert not desk.ground.sim.watched


async def test_5_4a_pages_backwards_join_without_gap_or_double(desk: Desk) -> None:
    series = BarSeries({"asMuchAsElements": 30})
    await desk.data.open_chart(CONTRACT, bars(1), series)
    await until(lambda: series.history_complete)
    for _ in range(3):
        older = BarSeries(series.older_range(30))
        done = await desk.data.page(CONTRACT, bars(1), older)
        await until(lambda: older.history_complete)  # noqa: B023 - awaited at once
        await done()
        for bar in older.bars:
            series.heard(ChartPacket(0, [], bars=(bar,)), historical=True)
    starts = [bar.at for bar in series.bars]
    assert len(starts) == len(set(starts)) >= 30 + 3 * 29
    assert {later - earlier for earlier, later in pairwise(starts)} == {MINUTE}


# --- 5.5 tick charts ----------------------------------------------------------------------------------------


async def test_5_5a_ticks_are_decoded_exactly(desk: Desk) -> None:
    drawn = Drawn(asMuchAsElements=500)
    await desk.data.open_chart(CONTRACT, TICKS, drawn)
    await until(lambda: drawn.whole)
    past = [tick for packet in drawn.past for tick in packet.ticks]
    truth = desk.ground.truth(START - 60 * MINUTE, START)
    assert past == truth[-500:]
    await desk.ground.sim.move(60)
    live = desk.ground.truth(START, START + MINUTE)
    await until(lambda: sum(len(packet.ticks) for packet in drawn.now) == len(live))
    assert [tick for packet in drawn.now for tick in packet.ticks] == live


async def test_5_5a_ticks_out_of_order_within_a_frame_are_sorted(desk: Desk) -> None:
    drawn = Drawn(asMuchAsElements=1)
    await desk.data.open_chart(CONTRACT, TICKS, drawn)
    desk.ground.sim.streams.spoiler.bend = lambda contract, ticks, until: ticks[::-1]
    await until(lambda: drawn.whole)
    await desk.ground.sim.move(30)
    await until(lambda: drawn.now)
    for packet in drawn.now:
        assert [tick.id for tick in packet.ticks] == sorted(tick.id for tick in packet.ticks)


# --- 5.6 book-keeping ---------------------------------------------------------------------------------------


async def test_5_6a_several_consumers_share_one_subscription(desk: Desk) -> None:
    one, two = Quotes(), Quotes()
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, one)
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, two)
    drawn = [Drawn(asMuchAsElements=1) for _ in range(3)]
    for user in drawn:
        await desk.data.open_chart(CONTRACT, TICKS, user)
    await desk.ground.sim.move(20)
    await until(lambda: one.said and two.said and all(user.now for user in drawn))
    assert len(desk.ground.sim.asked("md/subscribequote")) == 1
    assert len(desk.ground.sim.asked("md/getchart")) == 1
    await desk.data.unsubscribe(Kind.QUOTE, CONTRACT, one)
    assert desk.ground.sim.asked("md/unsubscribequote") == []
    await desk.data.unsubscribe(Kind.QUOTE, CONTRACT, two)
    assert len(desk.ground.sim.asked("md/unsubscribequote")) == 1


async def test_5_6a_everything_is_subscribed_again_once_after_a_reconnect(desk: Desk) -> None:
    quotes, drawn = Quotes(), Drawn(asMuchAsElements=1)
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, quotes)
    await desk.data.subscribe(Kind.DOM, CONTRACT, lambda row: None)
    await desk.data.open_chart(CONTRACT, TICKS, drawn)
    desk.ground.sim.connections[0].cut()
    await desk.connection.ended()
    desk.ground.sim.calls.clear()
    await desk.open()
    asked = Counter(path for path, _ in desk.ground.sim.calls if path.startswith("md/"))
    assert asked == {"md/subscribequote": 1, "md/subscribedom": 1, "md/getchart": 1}
    heard = len(quotes.said)
    await desk.ground.sim.move(20)
    await until(lambda: len(quotes.said) > heard and drawn.now)


async def test_5_6_all_subscriptions_are_released(desk: Desk) -> None:
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, Quotes())
    await desk.data.subscribe(Kind.HISTOGRAM, CONTRACT, lambda row: None)
    await desk.data.open_chart(CONTRACT, bars(1), Drawn(asMuchAsElements=1))
    assert desk.ground.sim.watched
    await desk.data.release()
    assert not desk.ground.sim.watched


async def test_5_6a_packets_that_overtake_their_chart_s_answer_are_not_lost(desk: Desk) -> None:
    drawn = Drawn(asMuchAsElements=1)
    desk.ground.sim.mute = True
    opening = asyncio.create_task(desk.data.open_chart(CONTRACT, TICKS, drawn))
    await until(lambda: desk.ground.sim.unanswered)
    number = desk.ground.sim.unanswered[0].number
    packet = {"id": 32, "bp": 80000, "bt": 1795186800125, "ts": 0.25,
              "tks": [{"t": 0, "p": 0, "s": 1, "id": 1}]}  # fmt: skip
    server = desk.ground.sim.connections[0]
    server.frame("a" + json.dumps([{"e": "chart", "d": {"charts": [packet]}}]))
    answer = {"s": 200, "i": number, "d": {"historicalId": 32, "realtimeId": 31}}
    server.frame(
        "a" + json.dumps([answer, {"e": "chart", "d": {"charts": [{"id": 32, "eoh": True}]}}])
    )
    await opening
    assert drawn.order == ["past", "end"]


# --- 5.7 errors ---------------------------------------------------------------------------------------------


async def test_5_7_missing_permission_arrives_with_status_200_and_is_a_refusal(desk: Desk) -> None:
    desk.ground.sim.streams.denied = True
    with pytest.raises(SubscriptionRefused, match="inaccessible"):
        await desk.data.subscribe(Kind.QUOTE, CONTRACT, Quotes())
    with pytest.raises(SubscriptionRefused, match="inaccessible"):
        await desk.data.open_chart(CONTRACT, TICKS, Drawn())
    desk.ground.sim.streams.denied = False
    await desk.data.subscribe(Kind.QUOTE, CONTRACT, Quotes())


async def test_5_7_an_unknown_chart_symbol_is_a_refusal(desk: Desk) -> None:
    with pytest.raises(SubscriptionRefused, match="XXZ9"):
        await desk.data.open_chart("XXZ9", TICKS, Drawn())


async def test_5_7_a_mode_of_none_without_words_is_a_refusal(desk: Desk) -> None:
    desk.ground.sim.put_up("md/subscribequote", 200, {"mode": "None"})
    with pytest.raises(SubscriptionRefused):
        await desk.data.subscribe(Kind.QUOTE, CONTRACT, Quotes())


async def test_5_7_a_feed_without_permission_says_so_and_recovers_when_it_is_given(
    ground: Playground,
) -> None:
    ground.sim.streams.denied = True
    feed = await ground.begin(ground.feed())
    await until(lambda: feed.state is FeedState.LOST)
    assert "inaccessible" in ground.said[-1].reason
    ground.sim.streams.denied = False
    await ground.reach(lambda: feed.state is FeedState.LIVE)


@pytest.mark.parametrize(
    "row",
    [{}, {"contractId": "x"}, {"contractId": 1}, 7,
     {"contractId": 1, "timestamp": "soon", "entries": {}},
     {"contractId": 1, "timestamp": "2026-11-20T15:00Z", "entries": {"Bid": {"price": 20500.1}}},
     {"contractId": 1, "timestamp": "2026-11-20T15:00Z", "entries": {"Bid": {"price": "x"}}}],
)  # fmt: skip
async def test_5_7_a_malformed_quote_is_counted_and_the_state_stays(
    ground: Playground, row: object
) -> None:
    feed = await ground.run(ground.feed())
    if isinstance(row, dict) and row.get("contractId") == 1:
        row = row | {"contractId": feed._numbers[CONTRACT]}
    ground.sim.connections[0].event("md", {"quotes": [row]})
    await until(lambda: feed.dropped.total() == 1)
    assert feed.state is FeedState.LIVE
