"""Log-in, renewal, displacement, quotas and penalty tickets of the simulator. Protocol 4 and 5, rule 11 of 16."""

import json
import re

import pytest
import websockets

from tests.integration.brokers.talker import HandWall, call, connect, dial, log_in, simulator


async def test_rule_11_a_token_reply_is_what_clients_parse() -> None:
    async with simulator() as sim:
        told = await log_in(sim, appId="x", appVersion="1.0", cid=4242, sec="s", deviceId="d")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["expirationTime"])
        assert told["mdAccessToken"] and told["accessToken"] != told["mdAccessToken"]
        assert "errorText" not in told
        assert (told["userStatus"], told["userId"], told["hasLive"]) == ("Active", 7001, False)


async def test_bad_credentials_as_200_and_as_401() -> None:
    async with simulator() as sim:
        for mode, status in (("body200", 200), ("http401", 401)):
            sim.fault({"do": "bad_login", "mode": mode})
            told = await call(sim, "auth/accesstokenrequest", {"name": "demo", "password": "no"})
            assert told.status_code == status
            assert told.json()["errorText"].startswith("Incorrect username or password")


async def test_renewal_gives_a_new_token_of_the_same_session_that_lives_longer() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        first = await log_in(sim)
        wall.at += 75 * 60
        told = (await call(sim, "auth/renewaccesstoken", token=first["accessToken"])).json()
        assert told["accessToken"] != first["accessToken"]
        assert told["expirationTime"] > first["expirationTime"]
        wall.at += 16 * 60
        assert (await call(sim, "account/list", token=told["accessToken"])).status_code == 200
        old = await call(sim, "auth/renewaccesstoken", token=first["accessToken"])
        assert (old.status_code, old.json()) == (401, {"errorText": "Expired Access Token"})


async def test_expired_tokens_close_no_socket_but_open_none() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        token = (await log_in(sim))["accessToken"]
        async with await connect(sim, token) as talker:
            sim.fault({"do": "expire_token"})
            assert await talker.ask("account/list")
            async with await dial(sim) as other:
                await other.socket.send(f"authorize\n0\n\n{token}")
                assert await other.frame() == 'a[{"s":401,"i":0,"d":"Invalid access token"}]'


async def test_a_malformed_token_is_denied() -> None:
    async with simulator() as sim:
        told = await call(sim, "account/list", token="nonsense")
        assert (told.status_code, told.json()) == (401, {"errorText": "Access is denied"})


async def test_a_third_log_in_displaces_the_oldest_session() -> None:
    async with simulator() as sim:
        first = (await log_in(sim))["accessToken"]
        talker = await connect(sim, first)
        second = (await log_in(sim))["accessToken"]
        await log_in(sim)
        assert await talker.frame() == (
            'a[{"e":"shutdown","d":{"reasonCode":"ConnectionQuotaReached"}}]'
        )
        assert await talker.frame() == 'c[3000,"Go away!"]'
        with pytest.raises(websockets.ConnectionClosed):
            await talker.frame()
        assert (await call(sim, "account/list", token=first)).status_code == 408
        assert (await call(sim, "account/list", token=second)).status_code == 200


async def test_five_failed_log_ins_an_hour_then_a_captcha() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        for _ in range(5):
            assert "errorText" in await log_in(sim, password="no")
        told = await log_in(sim)
        assert told["p-captcha"] is True and "accessToken" not in told
        wall.at += 3601
        assert "accessToken" in await log_in(sim)


async def test_fifteen_renewals_an_hour_then_a_ticket() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        for _ in range(15):
            assert "accessToken" in (await call(sim, "auth/renewaccesstoken", token=token)).json()
        told = (await call(sim, "auth/renewaccesstoken", token=token)).json()
        assert (told["p-time"], told["p-captcha"]) == (15, False)


async def test_over_the_user_quota_is_429_with_nothing_in_it() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        sim.fault({"do": "rate_limit"})
        number = await talker.send("account/list")
        assert json.loads((await talker.frame())[1:]) == [{"s": 429, "i": number}]
        told = await call(sim, "account/list", token="any")
        assert (told.status_code, told.content) == (429, b"")


async def test_golden_17_6_a_ticket_is_waited_out_and_the_call_sent_again() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim, await connect(sim) as talker:
        sim.fault({"do": "penalty", "path": "md/subscribeQuote", "p_time": 2.0})
        told = await talker.ask("md/subscribeQuote", {"symbol": "NQZ6"})
        assert (told["p-time"], told["p-captcha"]) == (2, False)
        again = {"symbol": "NQZ6", "p-ticket": told["p-ticket"]}
        wall.at += 1.5
        early = await talker.ask("md/subscribeQuote", again)
        assert early["p-time"] == 1
        wall.at += 0.5
        assert await talker.ask("md/subscribeQuote", again) == {"mode": "RealTime"}


async def test_a_ticket_on_a_get_is_taken_as_query_or_by_waiting() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        token = (await log_in(sim))["accessToken"]
        for retry in ("account/list?p-ticket={}", "account/list"):
            sim.fault({"do": "penalty", "path": "account/list", "p_time": 2.0})
            told = (await call(sim, "account/list", token=token)).json()
            wall.at += 2.0
            found = await call(sim, retry.format(told["p-ticket"]), token=token)
            assert found.json()[0]["id"] == 1001


async def test_a_second_ticket_may_follow_and_a_captcha_lasts_an_hour() -> None:
    wall = HandWall()
    async with simulator(wall=wall) as sim:
        sim.fault({"do": "penalty", "path": "auth/accesstokenrequest", "p_time": 2.0, "times": 2})
        for _ in range(2):
            assert "p-ticket" in await log_in(sim)
            wall.at += 2.0
        assert "accessToken" in await log_in(sim)
        sim.fault({"do": "penalty", "path": "auth/accesstokenrequest", "captcha": True})
        assert (await log_in(sim))["p-captcha"] is True
        wall.at += 3599
        assert (await log_in(sim))["p-captcha"] is True
        wall.at += 1
        assert "accessToken" in await log_in(sim)


async def test_oauth_with_and_without_version() -> None:
    async with simulator() as sim:
        form = {"grant_type": "authorization_code", "code": "c", "client_id": "1"}
        told = await call(sim, "auth/oauthtoken", method="POST", data=form)
        assert told.json()["token_type"] == "bearer"
        bare = await call(sim, "../auth/oauthtoken", method="POST", data={"grant_type": "x"})
        assert (bare.status_code, bare.json()["error"]) == (400, "invalid_grant")


async def test_me_is_the_demo_trader() -> None:
    async with simulator() as sim:
        token = (await log_in(sim))["accessToken"]
        told = (await call(sim, "auth/me", token=token)).json()
        assert {"userId", "name", "fullName", "email", "emailVerified", "isTrial"} <= set(told)
