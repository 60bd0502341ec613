"""The simulator's transport: what clients of every kind rely on. Rules of protocol 16, 1 to 10."""

import json

import pytest
import websockets

from apps.brokers.tradovate.simulator.socket import Request, Timing, read_request
from tests.integration.brokers.talker import Talker, call, connect, dial, log_in, simulator, soon


async def test_rule_1_paths_are_case_insensitive_and_tolerate_slashes() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        for path in (
            "account/list",
            "Account/LIST",
            "account/list/",
            "/account/list",
            "account/list?",
        ):
            answer = await call(sim, path, token=token)
            assert (answer.status_code, answer.json()[0]["id"]) == (200, 1001), path


async def test_rule_2_get_and_post_json_and_form_are_all_taken() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        for method in ("GET", "POST"):
            found = await call(sim, "contract/find?name=NQZ6", token=token, method=method)
            assert found.json()["name"] == "NQZ6"
        renewed = await call(sim, "auth/renewAccessToken", token=token, method="POST")
        assert renewed.json()["accessToken"] != token
        order = {"accountId": "1001", "action": "Buy", "symbol": "NQZ6", "orderQty": "1"}
        order |= {"orderType": "Market", "isAutomated": "true", "nobodyKnowsThis": "7"}
        placed = await call(sim, "order/placeorder", token=token, method="POST", data=order)
        assert "orderId" in placed.json()


async def test_a_json_body_with_wrong_types_is_an_error() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        order = {"accountId": 1001, "action": "Buy", "symbol": "NQZ6", "orderQty": "1"}
        told = await call(sim, "order/placeorder", order | {"orderType": "Market"}, token)
        assert told.json()["violations"][0]["constraint"] == "orderQty"
        broken = await call(sim, "order/placeorder", token=token, method="POST", content=b"{no")
        assert broken.status_code == 400


async def test_rule_3_authorization_scheme_and_cors() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        told = await call(sim, "account/list", headers={"authorization": f"bEaReR {token}"})
        assert told.status_code == 200
        assert told.headers["Access-Control-Allow-Origin"] == "*"
        asked = await call(sim, "account/list", method="OPTIONS")
        assert asked.status_code == 204
        assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
        assert (await call(sim, "account/list")).status_code == 401


async def test_unknown_paths_are_404() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        for path in ("nothing/list", "contract/list", "userProperty/list", "order/fly"):
            assert (await call(sim, path, token=token)).status_code == 404, path


async def test_rule_4_open_comes_first_and_no_heartbeat_before_an_answer() -> None:
    async with simulator(timing=Timing(heartbeat=0.02, silence=5.0)) as sim:
        talker = await dial(sim)
        assert await talker.frame() == "h"
        token = (await log_in(sim))["accessToken"]
        for _ in range(20):
            number = await talker.send("authorize", token)
            while (frame := await talker.frame()) == "h":
                pass
            assert frame == f'a[{{"s":200,"i":{number}}}]'
        await talker.socket.close()


async def test_rule_5_each_answer_has_a_frame_of_its_own() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        for _ in range(5):
            await talker.send("account/list")
        for number in range(1, 6):
            (message,) = json.loads((await talker.frame())[1:])
            assert message["i"] == number


async def test_rule_5_the_switch_puts_answers_and_events_together() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        sim.fault({"do": "batch"})
        connection = sim.connections[0]
        connection.stalled.clear()
        first = await talker.send("account/list")
        await talker.send("md/subscribeQuote", {"symbol": "NQZ6"})
        last = await talker.send("user/list")
        await soon(lambda: connection.waiting == 4)
        connection.stalled.set()
        messages = json.loads((await talker.frame())[1:])
        assert [m["i"] for m in messages if "i" in m] == [first, first + 1, last]
        assert any(m.get("e") == "md" for m in messages)


async def test_rule_6_every_success_has_a_d() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        for path in ("md/subscribeQuote", "md/unsubscribeQuote", "md/unsubscribeDOM"):
            answer = await talker.answer(await talker.send(path, {"symbol": "NQZ6"}))
            assert answer["s"] == 200 and isinstance(answer["d"], dict), path
        answer = await talker.answer(await talker.send("md/cancelChart", {"subscriptionId": 99}))
        assert answer["d"] == {}


async def test_rule_7_heartbeats_on_idle_and_tolerance_for_theirs() -> None:
    timing = Timing(heartbeat=0.02, silence=5.0)
    async with simulator(timing=timing) as sim, await dial(sim) as talker:
        await talker.socket.send("[]")  # before authorisation
        assert [await talker.frame() for _ in range(3)] == ["h", "h", "h"]
        for _ in range(50):
            await talker.socket.send("[]")
        assert await talker.frame() == "h"


async def test_rule_7_a_silent_client_is_sent_away() -> None:
    async with simulator(timing=Timing(heartbeat=5.0, silence=0.05)) as sim:
        talker = await dial(sim)
        assert await talker.frame() == 'c[3000,"Go away!"]'
        with pytest.raises(websockets.ConnectionClosed):
            await talker.frame()


async def test_rule_8_id_zero_pretty_bodies_and_undefined() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        await talker.socket.send("account/list\n0\n\nundefined")
        assert json.loads((await talker.frame())[1:])[0]["i"] == 0
        pretty = json.dumps({"symbol": "NQZ6"}, indent=4)
        await talker.socket.send(f"md/subscribeQuote\n7\n\n{pretty}")
        assert json.loads((await talker.frame())[1:])[0]["d"] == {"mode": "RealTime"}
        await talker.socket.send("account/list\n9")
        await talker.until(lambda: any(answer["i"] == 9 for answer in talker.answers))


@pytest.mark.parametrize("form", ["{}", '"{}"', '{{"token":"{}"}}'])
@pytest.mark.parametrize("kind", ["accessToken", "mdAccessToken"])
async def test_rule_9_authorize_takes_raw_quoted_and_object_of_either_token(
    form: str, kind: str
) -> None:
    async with simulator() as sim, await dial(sim) as talker:
        token = (await log_in(sim))[kind]
        await talker.socket.send("authorize\n3\n\n" + form.format(token))
        assert await talker.frame() == 'a[{"s":200,"i":3}]'


async def test_rule_9_authorize_before_the_open_frame_was_read() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        socket = await websockets.connect(sim.socket_url, proxy=None)
        await socket.send(f"authorize\n1\n\n{token}")
        async with Talker(socket) as talker:
            assert await talker.frame() == "o"
            assert await talker.frame() == 'a[{"s":200,"i":1}]'


async def test_wrong_token_and_calls_before_it_are_401() -> None:
    async with simulator() as sim, await dial(sim) as talker:
        await talker.socket.send("authorize\n0\n\nAT.wrong")
        assert await talker.frame() == 'a[{"s":401,"i":0,"d":"Invalid access token"}]'
        await talker.socket.send("account/list\n1\n\n")
        assert json.loads((await talker.frame())[1:])[0]["s"] == 401


async def test_rule_10_any_origin_query_variants_and_compression() -> None:
    async with simulator() as sim:
        async with await dial(sim, origin="https://example.test", compression="deflate") as talker:
            await (await talker.socket.ping())
        plain = await websockets.connect(f"{sim.socket_url}?feed=md", proxy=None, compression=None)
        assert await plain.recv() == "o"
        await plain.close()


async def test_errors_on_sockets_are_strings() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        answer = await talker.answer(await talker.send("contract/item", query="id=1"))
        assert (answer["s"], answer["d"]) == (404, "contract not found")


def test_golden_17_1_request_frames() -> None:
    assert read_request("contract/find\n18\nname=NQZ6\n") == Request(
        "contract/find", 18, "name=NQZ6", ""
    )
    assert read_request("authorize\n0\n\nAT.sim.0001") == Request("authorize", 0, "", "AT.sim.0001")
    assert read_request("[]") is None
    assert read_request('"authorize\\n0\\n\\nAT"') == Request("authorize", 0, "", "AT")
    assert read_request("Order/PlaceOrder\n17\n\n{\n 1\n}") == Request(
        "order/placeorder", 17, "", "{\n 1\n}"
    )
    for nothing in ("", "x", "x\ny", "\n\n\n", '"unclosed'):
        assert read_request(nothing) is None
