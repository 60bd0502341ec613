"""Conformance, stage 2: every check of reference/tradovate-protocol.md 15 under its number."""

import asyncio
import json
from collections import Counter

import msgspec
import pytest

from apps.brokers.domain.ports import FeedState
from apps.brokers.tradovate.frames import ChartPacket, Event
from apps.brokers.tradovate.rest import CaptchaDemanded, RateLimited, Unauthorised, Unreachable
from apps.brokers.tradovate.socket import Connection
from apps.brokers.tradovate.sync import UserSync, singular
from tests.integration.brokers.playground import ACCOUNT, Playground, until
from tests.integration.brokers.test_authentication import LOGIN, ticket

SYNC = "user/syncrequest"


class Wire:
    """One connection of our own and what came over it."""

    def __init__(self, ground: Playground) -> None:
        self.ground = ground
        self.heard: list[Event | ChartPacket] = []
        self.frames = 0
        self.dropped: Counter[str] = Counter()

    async def open(self, token: str | None = None) -> Connection:
        def frame() -> None:
            self.frames += 1

        if token is None:
            token = (await self.ground.session().token()).access
        connection = await Connection.open(
            self.ground.sim.socket_url, token, self.ground.clock,
            hear=self.heard.append, frame_heard=frame, dropped=self.dropped,
        )  # fmt: skip
        self.ground.connections.append(connection)
        return connection


@pytest.fixture
def wire(ground: Playground) -> Wire:
    return Wire(ground)


async def synced(ground: Playground, **wanted: object) -> UserSync:
    """Return the user's rows, kept up on a trading line of their own."""
    sync = UserSync([ACCOUNT], ground.clock, **wanted)
    ground.keep_up(sync)
    await ground.reach(sync.ready.is_set)
    return sync


def beats(ground: Playground) -> int:
    return ground.sim.beats


# --- 2.1 opening --------------------------------------------------------------------------------------------


async def test_2_1a_a_socket_to_the_demo_endpoint_opens(ground: Playground, wire: Wire) -> None:
    await wire.open()
    assert len(ground.sim.connections) == 1


async def test_2_1b_authorize_with_a_valid_token_succeeds(ground: Playground, wire: Wire) -> None:
    connection = await wire.open()
    assert ground.sim.frames[0] == "authorize\n0\n\n" + ground.sim.frames[0].split("\n")[3]
    assert connection.is_open
    assert await connection.request("account/list")


@pytest.mark.parametrize("token", ["AT.nobody", ""])
async def test_2_1c_an_invalid_token_fails_with_401(wire: Wire, token: str) -> None:
    with pytest.raises(Unauthorised, match="Invalid access token"):
        await wire.open(token)


async def test_2_1c_an_expired_token_leads_to_a_new_login(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.sessions.expire()
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert len(ground.sim.asked(LOGIN)) == 2


async def test_2_1d_the_connection_stays_up_after_authorisation(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    for _ in range(40):
        await ground.clock.passes(1.5)
        frames = wire.frames
        await until(lambda: wire.frames > frames)  # noqa: B023 - awaited at once
    assert connection.is_open


# --- 2.2 heartbeats -----------------------------------------------------------------------------------------


async def test_2_2a_heartbeats_go_out_every_two_and_a_half_seconds(
    ground: Playground, wire: Wire
) -> None:
    await wire.open()
    for count in range(1, 5):
        await ground.clock.passes(2.4)
        assert beats(ground) == count - 1
        await ground.clock.passes(0.1)
        await until(lambda: beats(ground) == count)  # noqa: B023 - awaited at once
        frames = wire.frames
        await until(lambda: wire.frames > frames)  # noqa: B023 - awaited at once


async def test_2_2b_heartbeats_keep_their_beat_under_a_flood_of_messages(
    ground: Playground, wire: Wire
) -> None:
    await wire.open()
    server = ground.sim.connections[0]
    for count in range(1, 5):
        for number in range(2000):
            server.event("props", {"number": number})
        heard = len(wire.heard)
        await until(lambda: len(wire.heard) > heard)  # noqa: B023 - awaited at once
        await ground.clock.passes(2.5)
        await until(lambda: beats(ground) == count)  # noqa: B023 - awaited at once
    await until(lambda: len(wire.heard) == 8000)
    numbers = [msgspec.json.decode(event.data)["number"] for event in wire.heard]
    assert numbers == [*range(2000)] * 4


async def test_2_2c_server_heartbeats_are_observed(ground: Playground, wire: Wire) -> None:
    await wire.open()
    frames = wire.frames
    await until(lambda: wire.frames >= frames + 3)
    assert wire.heard == []


async def test_2_2d_a_silent_server_is_left_after_ten_seconds_with_4000(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    ground.sim.connections[0].stalled.clear()
    await asyncio.sleep(0.03)
    await ground.clock.passes(10)
    assert connection.is_open
    await ground.clock.passes(2.5)
    assert (await connection.ended()).reason == "silent for 10 s"
    await until(lambda: ground.sim.close_codes)
    assert ground.sim.close_codes == [4000]


async def test_2_2d_a_client_that_does_not_beat_is_let_go_by_the_server(
    ground: Playground, wire: Wire
) -> None:
    ground.sim.timing.silence = 0.05
    connection = await wire.open()
    ended = await asyncio.wait_for(connection.ended(), 50)
    assert "closed by the server" in ended.reason


async def test_2_2e_the_line_recovers_after_missed_heartbeats(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].stalled.clear()
    await ground.reach(lambda: FeedState.LOST in ground.states)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert ground.sim.upgrades == 2


# --- 2.3 user events ----------------------------------------------------------------------------------------


async def test_2_3a_the_event_stream_starts_with_a_syncrequest_naming_entity_types(
    ground: Playground,
) -> None:
    sync = await synced(ground)
    (asked,) = ground.sim.asked(SYNC)
    assert {"order", "fill", "position", "cashBalance"} <= set(asked["entityTypes"])
    assert asked["accounts"] == [ACCOUNT]
    assert asked["splitResponses"] is True
    assert sync.rows("account")[ACCOUNT]["name"].startswith("DEMO")


async def test_2_3b_orders_and_fills_arrive_as_they_happen(ground: Playground) -> None:
    told: list[str] = []
    sync = await synced(ground, changed=lambda entity, row: told.append(entity))
    told.clear()
    await ground.place_order()
    await until(lambda: sync.rows("fill") and sync.rows("position"))
    assert {"order", "fill", "position"} <= set(told)


async def test_2_3c_a_repeated_event_has_no_second_effect(ground: Playground) -> None:
    told: list[tuple[str, int]] = []
    sync = await synced(ground, changed=lambda entity, row: told.append((entity, row["id"])))
    told.clear()
    row = {"id": 5, "accountId": ACCOUNT, "timestamp": "2026-11-19T14:30:00.000Z", "netPos": 1}
    for _ in range(3):
        ground.props("position", row)
    await until(lambda: 5 in sync.rows("position"))
    ground.props("fill", {"id": 6})
    await until(lambda: 6 in sync.rows("fill"))
    assert told == [("position", 5), ("fill", 6)]


async def test_2_3c_an_older_row_does_not_replace_a_newer_one(ground: Playground) -> None:
    sync = await synced(ground)
    ground.props("position", {"id": 5, "timestamp": "2026-11-19T14:30:01.000Z", "netPos": 2})
    ground.props("position", {"id": 5, "timestamp": "2026-11-19T14:30:00.000Z", "netPos": 1})
    ground.props("fill", {"id": 6})
    await until(lambda: 6 in sync.rows("fill"))
    assert sync.rows("position")[5]["netPos"] == 2


async def test_2_3c_a_deleted_row_goes_and_an_array_of_rows_is_taken(ground: Playground) -> None:
    sync = await synced(ground)
    ground.props("order", [{"id": 5}, {"id": 6}])
    await until(lambda: {5, 6} <= set(sync.rows("order")))
    ground.props("order", {"id": 5}, event="Deleted")
    await until(lambda: 5 not in sync.rows("order"))
    assert 6 in sync.rows("order")


async def test_2_3d_there_is_one_syncrequest_per_socket(ground: Playground) -> None:
    sync = await synced(ground)
    await ground.clock.passes(2)
    assert len(ground.sim.asked(SYNC)) == 1
    ground.sim.connections[0].cut()
    await until(lambda: not sync.ready.is_set())
    await ground.reach(sync.ready.is_set)
    assert len(ground.sim.asked(SYNC)) == ground.sim.upgrades == 2


@pytest.mark.parametrize(
    "garbage", ["", "x", "a", "a{", 'a[{"s":200', "a[1,null]", 'a[{"e":"md","d":7}]', "hh", "c["]
)
async def test_2_3e_malformed_data_are_counted_and_the_feed_goes_on(
    ground: Playground, garbage: str
) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].frame(garbage)
    if garbage != "c[":  # an unreadable close notice is still one
        await until(lambda: feed.dropped.total())
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    before = len(ground.ticks)
    await ground.sim.move(5)
    await ground.reach(lambda: len(ground.ticks) > before)


@pytest.mark.parametrize("data", [7, {}, {"entityType": "order"}, {"entityType": "order", "eventType": "Updated", "entity": {"id": "x"}}])  # fmt: skip
async def test_2_3e_malformed_props_are_counted(ground: Playground, data: object) -> None:
    sync = await synced(ground)
    ground.sim.connections[0].event("props", data)
    await until(lambda: sync.dropped)
    assert sync.rows("order").keys().isdisjoint({"x"})


# --- 2.4 penalty tickets ------------------------------------------------------------------------------------


async def test_2_4a_a_ticket_in_place_of_an_answer_is_recognised(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    ground.sim.put_up("account/list", 200, ticket(3))
    asking = asyncio.create_task(connection.request("account/list"))
    await until(lambda: 3 in ground.clock.waits)
    assert not asking.done()
    asking.cancel()


async def test_2_4b_the_request_is_repeated_with_the_ticket_under_a_new_id_after_p_time(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    ground.sim.put_up("md/subscribequote", 200, ticket(2))
    asking = asyncio.create_task(connection.request("md/subscribeQuote", body={"symbol": "NQZ6"}))
    await until(lambda: 2 in ground.clock.waits)
    await ground.clock.passes(1.9)
    assert len(ground.sim.asked("md/subscribequote")) == 1
    await ground.clock.passes(0.1)
    assert b"RealTime" in bytes(await asking)
    first, second = ground.sim.asked("md/subscribequote")
    assert second == first | {"p-ticket": "pt-7c1e", "request_id": second["request_id"]}
    assert second["request_id"] != first["request_id"]


async def test_2_4b_a_ticket_on_the_syncrequest_is_waited_out(ground: Playground) -> None:
    ground.sim.put_up(SYNC, 200, ticket(3))
    sync = await synced(ground)
    assert len(ground.sim.asked(SYNC)) == 2
    assert sync.rows("account")


async def test_2_4c_a_captcha_suspends_the_operation(ground: Playground, wire: Wire) -> None:
    connection = await wire.open()
    ground.sim.put_up("account/list", 200, ticket(3, captcha=True))
    with pytest.raises(CaptchaDemanded):
        await connection.request("account/list")
    assert len(ground.sim.asked("account/list")) == 1


async def test_2_4c_a_captcha_suspends_the_subscription_for_an_hour(ground: Playground) -> None:
    ground.sim.put_up("md/getchart", 200, ticket(3, captcha=True))
    feed = await ground.begin(ground.feed())
    await until(lambda: feed.state is FeedState.LOST)
    await ground.clock.passes(59 * 60)
    assert len(ground.sim.asked("md/getchart")) == 1
    (rest,) = [wait for wait in ground.clock.waits if 3600 <= wait <= 3960]  # jitter: up to a tenth
    await ground.clock.passes(rest - 59 * 60)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert len(ground.sim.asked("md/getchart")) == 2


# --- 2.5 reconnect ------------------------------------------------------------------------------------------


async def test_2_5a_the_line_reconnects_after_a_drop_without_close_frame(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE)


async def test_2_5a_the_line_reconnects_after_a_close_notice(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    await ground.sim.connections[0].close('[3000,"Go away!"]')
    await until(lambda: feed.state is FeedState.LOST)
    assert "3000 Go away!" in ground.said[-1].reason
    await ground.reach(lambda: feed.state is FeedState.LIVE)


async def test_2_5a_attempts_on_a_dead_server_are_ever_further_apart(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.refused_upgrades = [503] * 8
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    ground.clock.waits.clear()
    await ground.reach(lambda: feed.state is FeedState.LIVE, 400, step=0.5)
    rests = [wait for wait in ground.clock.waits if wait not in (2.5, 5.0, 10.0, 60.0)]
    rests = [wait for wait in rests if wait <= 30]
    assert [int(wait) for wait in rests][:6] == [2, 4, 8, 16, 30, 30]


async def test_2_5b_the_new_socket_is_authorised_again(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert sum(frame.startswith("authorize\n0\n") for frame in ground.sim.frames) == 2


async def test_2_5c_what_happened_meanwhile_is_in_the_new_snapshot(ground: Playground) -> None:
    sync = await synced(ground)
    ground.props("order", {"id": 77, "note": "known to nobody but us"})
    await until(lambda: 77 in sync.rows("order"))
    ground.sim.connections[0].cut()
    await until(lambda: not sync.ready.is_set())
    await ground.place_order()
    await ground.reach(sync.ready.is_set)
    assert len(sync.rows("fill")) == 1
    assert 77 not in sync.rows("order"), "the snapshot is the truth"


# --- 2.6 log-off --------------------------------------------------------------------------------------------


async def test_2_6a_log_off_unsubscribes_and_closes_cleanly(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    feed.stop()
    await until(lambda: feed.state is FeedState.STOPPED)
    await until(lambda: ground.sim.close_codes)
    assert ground.sim.close_codes == [1000]
    assert len(ground.sim.asked("md/unsubscribequote")) == 1
    assert len(ground.sim.asked("md/cancelchart")) == 1
    assert not ground.sim.watched


async def test_2_6b_after_log_off_nothing_is_sent_and_nothing_reconnects(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    feed.stop()
    await until(lambda: ground.sim.close_codes)
    frames, calls = len(ground.sim.frames), len(ground.sim.calls)
    await ground.clock.passes(600)
    await asyncio.sleep(0.02)
    assert (len(ground.sim.frames), len(ground.sim.calls), ground.sim.upgrades) == (
        frames,
        calls,
        1,
    )
    assert ground.said[-1].state is FeedState.STOPPED


async def test_2_6b_a_feed_stopped_while_it_waits_to_reconnect_stays_away(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.refused_upgrades = [503] * 99
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    feed.stop()
    await until(lambda: feed.state is FeedState.STOPPED)
    await ground.clock.passes(600)
    assert ground.sim.upgrades == 1


# --- 2.7 shutdown notices -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "at_least"),
    [("Maintenance", 15), ("ConnectionQuotaReached", 60), ("IPQuotaReached", 60), ("New", 60)],
)
async def test_2_7_after_a_shutdown_notice_the_line_keeps_away(
    ground: Playground, code: str, at_least: float
) -> None:
    feed = await ground.run(ground.feed())
    ground.sim.connections[0].event("shutdown", {"reasonCode": code, "reason": "so it is"})
    await ground.sim.connections[0].flushed()
    ground.sim.connections[0].cut()
    await until(lambda: feed.state is FeedState.LOST)
    assert code in ground.said[-1].reason
    await ground.clock.passes(at_least - 0.1)
    await asyncio.sleep(0.03)
    assert ground.sim.upgrades == 1
    await ground.reach(lambda: feed.state is FeedState.LIVE)


# --- 2.8 correlation ----------------------------------------------------------------------------------------


async def test_2_8_request_ids_are_unique(ground: Playground, wire: Wire) -> None:
    connection = await wire.open()
    await asyncio.gather(*(connection.request("account/list") for _ in range(20)))
    numbers = [frame.split("\n")[1] for frame in ground.sim.frames if "\n" in frame]
    assert len(numbers) == len(set(numbers)) == 21


async def test_2_8_answers_are_matched_out_of_order_batched_and_between_events(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    ground.sim.mute = True  # the test answers in its place
    asking = [asyncio.create_task(connection.request(f"test/{n}")) for n in range(3)]
    await until(lambda: len(ground.sim.unanswered) == 3)
    ids = {request.path: request.number for request in ground.sim.unanswered}
    messages = [
        {"s": 200, "i": ids["test/2"], "d": {"n": 2}},
        {"e": "props", "d": {}},
        {"s": 404, "i": ids["test/0"], "d": "Not found: test/0"},
        {"s": 200, "i": 999, "d": {}},
        {"s": 200, "i": ids["test/1"], "d": {"n": 1}},
        {"s": 200, "i": ids["test/1"], "d": {"n": "again"}},
    ]
    ground.sim.connections[0].frame("a" + json.dumps(messages))
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert "Not found" in str(answers[0])
    assert [msgspec.json.decode(answer) for answer in answers[1:]] == [{"n": 1}, {"n": 2}]
    assert wire.dropped == {"answer to no request": 2}


async def test_2_8_an_answer_that_never_comes_ends_the_waiting(
    ground: Playground, wire: Wire
) -> None:
    connection = await wire.open()
    ground.sim.mute = True
    asking = asyncio.create_task(connection.request("test/1"))
    await ground.reach(asking.done)
    assert isinstance(asking.exception(), Unreachable)
    assert len(ground.sim.unanswered) == 1, "nobody knows whether it was executed"


async def test_2_8_the_end_of_the_socket_ends_the_waiting(ground: Playground, wire: Wire) -> None:
    connection = await wire.open()
    ground.sim.mute = True
    asking = asyncio.create_task(connection.request("test/1"))
    await until(lambda: ground.sim.unanswered)
    ground.sim.connections[0].cut()
    with pytest.raises(Unreachable):
        await asking


async def test_2_8_a_rate_limit_without_data_is_understood(ground: Playground, wire: Wire) -> None:
    connection = await wire.open()
    ground.sim.put_up("account/list", 429)
    with pytest.raises(RateLimited):
        await connection.request("account/list")


async def test_2_8_a_feed_over_quota_keeps_quiet_ever_longer(ground: Playground) -> None:
    for _ in range(2):
        ground.sim.put_up("md/subscribequote", 429)
    feed = await ground.begin(ground.feed())
    await until(lambda: feed.state is FeedState.LOST)
    await ground.clock.passes(14.9)
    assert ground.sim.upgrades == 1
    await ground.reach(lambda: ground.sim.upgrades == 2, 3)
    await until(lambda: ground.states.count(FeedState.LOST) == 2)  # it has heard the second 429
    await ground.clock.passes(29)
    await asyncio.sleep(0.02)
    assert ground.sim.upgrades == 2
    await ground.reach(lambda: feed.state is FeedState.LIVE)


# --- 2.9 split snapshots ------------------------------------------------------------------------------------


async def test_2_9_a_split_snapshot_yields_the_same_state_as_a_whole_one(
    ground: Playground,
) -> None:
    await ground.place_order()
    whole = await synced(ground)
    ground.sim.split = 5
    split = await synced(ground)
    names = [singular(name) for name in ground.sim.api.snapshot({"accounts": [ACCOUNT]})]
    assert len(names) > 5
    for name in names:
        assert split.rows(name) == whole.rows(name), name


async def test_2_9_events_between_the_parts_are_applied_after_them(ground: Playground) -> None:
    ground.sim.mute = True
    sync = UserSync([ACCOUNT], ground.clock)
    ground.keep_up(sync)
    await until(lambda: ground.sim.unanswered)
    number = ground.sim.unanswered[0].number
    row = {"id": 5, "netPos": 1, "timestamp": "2026-11-19T14:30:00.000Z"}
    server = ground.sim.connections[0]
    server.frame("a" + json.dumps([{"s": 200, "i": number, "d": {"users": [], "accounts": []}}]))
    ground.props("position", row | {"netPos": 2, "timestamp": "2026-11-19T14:30:01.000Z"})
    server.frame("a" + json.dumps([{"s": 200, "i": number, "d": {"positions": [row]}}]))
    await ground.reach(sync.ready.is_set)
    assert sync.rows("position")[5]["netPos"] == 2
    late = {"positions": [row | {"id": 6}]}
    server.frame("a" + json.dumps([{"s": 200, "i": number, "d": late}]))
    await until(lambda: 6 in sync.rows("position"))


# --- wrong hosts --------------------------------------------------------------------------------------------


async def test_a_socket_refused_with_421_asks_for_the_hosts_and_tries_again(
    ground: Playground,
) -> None:
    ground.sim.refused_upgrades = [421]
    feed = await ground.begin(ground.feed())
    await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert len(ground.sim.asked("auth/renewaccesstoken")) == 1


async def test_a_socket_redirected_elsewhere_is_not_followed(ground: Playground) -> None:
    ground.sim.refused_upgrades = [307]
    feed = await ground.begin(ground.feed())
    await until(lambda: feed.state is FeedState.LOST)
    assert "WrongHost" in ground.said[-1].reason


@pytest.mark.parametrize(
    ("plural", "one"),
    [("accounts", "account"), ("userProperties", "userProperty"), ("fillFees", "fillFee"),
     ("accountRiskStatuses", "accountRiskStatus"), ("currencies", "currency"),
     ("orderStrategies", "orderStrategy"), ("cashBalances", "cashBalance"), ("userReadStatuses", "userReadStatus")],
)  # fmt: skip
def test_snapshot_arrays_are_named_for_their_entities(plural: str, one: str) -> None:
    assert singular(plural) == one
