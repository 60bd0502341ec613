"""Conformance, stage 1: every check of reference/tradovate-protocol.md 15 under its number."""

import asyncio
import logging

import pytest

from apps.brokers.domain.ports import FeedState
from apps.brokers.tradovate.hosts import Hosts
from apps.brokers.tradovate.quota import Lane
from apps.brokers.tradovate.rest import Displaced, RateLimited, Unauthorised, Unreachable, WrongHost
from apps.brokers.tradovate.session import CredentialsRefused, LoginPaused
from apps.bus.domain.message import HOUR, MINUTE, SECOND
from tests.integration.brokers.playground import PASSWORD, Playground, until

LOGIN, RENEW = "auth/accesstokenrequest", "auth/renewaccesstoken"


def ticket(seconds: float, *, captcha: bool = False, name: str = "pt-7c1e") -> dict[str, object]:
    return {"p-ticket": name, "p-time": seconds, "p-captcha": captcha}


async def test_1_1a_valid_credentials_give_an_access_token(ground: Playground) -> None:
    assert (await ground.session().token()).access


async def test_1_1b_the_token_ends_in_the_future(ground: Playground) -> None:
    token = await ground.session().token()
    assert token.expires_at - ground.clock.now() == 90 * MINUTE


async def test_1_1c_the_token_comes_in_under_two_seconds(ground: Playground) -> None:
    """Of the client's own time, which passes only where it waits: how busy the machine is says nothing."""
    await ground.session().token()
    assert ground.clock.elapsed() == 0


async def test_1_1d_wrong_credentials_as_401_are_refused_and_not_tried_again(
    ground: Playground,
) -> None:
    ground.sim.sessions.auth_error_mode = "http401"
    session = ground.session(password="wrong")
    for _ in range(3):
        with pytest.raises(CredentialsRefused):
            await session.token()
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_1e_wrong_credentials_as_text_inside_200_are_handled_identically(
    ground: Playground,
) -> None:
    session = ground.session(password="wrong")
    for _ in range(3):
        with pytest.raises(CredentialsRefused, match="Incorrect username or password"):
            await session.token()
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_1d_a_feed_with_wrong_credentials_stops_and_says_why(ground: Playground) -> None:
    feed = await ground.begin(ground.feed(settings=ground.settings(password="wrong")))
    await until(lambda: feed.state is FeedState.STOPPED)
    assert "CredentialsRefused" in ground.said[-1].reason


async def test_1_2a_renewal_before_the_end_gives_a_token(ground: Playground) -> None:
    session = ground.session()
    await session.token()
    await ground.clock.passes(80 * 60)
    assert (await session.token()).access
    assert len(ground.sim.asked(RENEW)) == 1
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_2b_the_renewed_token_is_another_one(ground: Playground) -> None:
    session = ground.session()
    first = await session.token()
    await ground.clock.passes(80 * 60)
    second = await session.token()
    assert second.access != first.access
    assert second.market_data


async def test_1_2c_renewal_moves_the_end_later(ground: Playground) -> None:
    session = ground.session()
    first = await session.token()
    await ground.clock.passes(80 * 60)
    assert (await session.token()).expires_at == first.expires_at + 80 * MINUTE


async def test_1_2d_renewal_answers_in_under_one_second(ground: Playground) -> None:
    session = ground.session()
    await session.token()
    await ground.clock.passes(80 * 60)
    begun = ground.clock.elapsed()
    await session.token()
    assert ground.clock.elapsed() == begun


async def test_1_2e_renewal_with_an_expired_token_gives_401_and_a_new_login(
    ground: Playground,
) -> None:
    session = ground.session()
    first = await session.token()
    ground.sim.sessions.expire()
    with pytest.raises(Unauthorised):
        await session.rest.get(RENEW, token=first.access)
    await ground.clock.passes(80 * 60)
    second = await session.token()
    assert second.access != first.access
    assert len(ground.sim.asked(LOGIN)) == 2


async def test_1_3a_one_token_serves_every_call_and_every_socket(ground: Playground) -> None:
    session = ground.session()
    tokens = await asyncio.gather(*(session.token() for _ in range(20)))
    assert len({id(token) for token in tokens}) == 1
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_3a_a_reconnecting_feed_does_not_log_in_again(ground: Playground) -> None:
    feed = await ground.run(ground.feed())
    for _ in range(3):
        ground.sim.connections[0].cut()
        await until(lambda: feed.state is FeedState.LOST)
        await ground.reach(lambda: feed.state is FeedState.LIVE)
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_3b_a_third_login_displaces_the_oldest_which_stops_cleanly(
    ground: Playground,
) -> None:
    feed = await ground.run(ground.feed())
    for _ in range(2):
        await ground.session().token()
    await until(lambda: feed.state is FeedState.LOST)
    await ground.clock.passes(59)
    await ground.reach(lambda: feed.state is FeedState.STOPPED)
    assert "Displaced" in ground.said[-1].reason
    assert len(ground.sim.asked(LOGIN)) == 3, "it must not take its place back"


async def test_1_3b_a_displaced_session_is_told_so_by_rest(ground: Playground) -> None:
    oldest = ground.session()
    token = await oldest.token()
    for _ in range(2):
        await ground.session().token()
    with pytest.raises(Displaced):
        await oldest.rest.get("auth/me", token=token.access)


async def test_1_3c_renewal_comes_by_itself_ahead_of_the_end(ground: Playground) -> None:
    session = ground.session()
    first = await session.token()
    keeper = asyncio.create_task(session.keep_fresh())
    await asyncio.sleep(0)
    await ground.clock.passes(75 * 60 - 1)
    assert ground.sim.asked(RENEW) == []
    await ground.clock.passes(2)
    await until(lambda: ground.sim.asked(RENEW))
    await until(lambda: session.held is not first)
    keeper.cancel()
    assert (await session.token()).expires_at == first.expires_at + 75 * MINUTE


async def test_1_3c_many_who_ask_at_once_cost_one_renewal(ground: Playground) -> None:
    session = ground.session()
    await session.token()
    await ground.clock.passes(80 * 60)
    await asyncio.gather(*(session.token() for _ in range(20)))
    assert len(ground.sim.asked(RENEW)) == 1


async def test_1_3c_a_day_of_short_lived_tokens_stays_within_fifteen_renewals_an_hour(
    ground: Playground,
) -> None:
    ground.sim.sessions.token_seconds = 8 * 60
    session = ground.session()
    for _ in range(60):
        await session.token()
        await ground.clock.passes(60)
    assert len(ground.sim.asked(RENEW)) <= 15
    assert len(ground.sim.asked(LOGIN)) == 1


async def test_1_4a_an_expired_token_is_401(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    ground.sim.sessions.expire()
    with pytest.raises(Unauthorised, match="Expired"):
        await session.rest.get("account/list", token=token.access)


async def test_1_4a_the_rate_limit_is_429_with_an_empty_body(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    ground.sim.put_up("account/list", 429)
    with pytest.raises(RateLimited):
        await session.rest.get("account/list", token=token.access)


async def test_1_4a_a_login_over_quota_rests_ever_longer(ground: Playground) -> None:
    session = ground.session()
    waits = []
    for _ in range(4):
        ground.sim.put_up(LOGIN, 429)
        with pytest.raises(LoginPaused) as paused:
            await session.token()
        with pytest.raises(LoginPaused):
            await session.token()  # meanwhile nothing is sent
        waits.append((paused.value.until - ground.clock.now()) / SECOND)
        await ground.clock.passes(waits[-1])
    assert len(ground.sim.asked(LOGIN)) == 4
    assert [int(wait / 15) for wait in waits] == [1, 2, 4, 8]
    assert (await session.token()).access


async def test_1_4a_a_locked_login_rests_for_an_hour(ground: Playground) -> None:
    session = ground.session()
    ground.sim.put_up(LOGIN, 423, {"errorText": "locked"})
    with pytest.raises(LoginPaused) as paused:
        await session.token()
    assert paused.value.until == ground.clock.now() + HOUR


async def test_1_4b_a_penalty_ticket_on_the_token_request_is_waited_out_and_retried_once(
    ground: Playground,
) -> None:
    ground.sim.put_up(LOGIN, 200, ticket(15))
    asking = asyncio.create_task(ground.session().token())
    await until(lambda: 15 in ground.clock.waits)
    await ground.clock.passes(14.9)
    assert len(ground.sim.asked(LOGIN)) == 1
    await ground.clock.passes(0.1)
    assert (await asking).access
    first, second = ground.sim.asked(LOGIN)
    assert second == first | {"p-ticket": "pt-7c1e"}


async def test_1_4b_ticket_after_ticket_ends(ground: Playground) -> None:
    for _ in range(9):
        ground.sim.put_up(LOGIN, 200, ticket(1))
    session = ground.session()
    asking = asyncio.create_task(session.token())
    await ground.reach(asking.done)
    assert isinstance(asking.exception(), LoginPaused)
    assert len(ground.sim.asked(LOGIN)) == 4


async def test_1_4b_a_captcha_stops_logging_in_for_an_hour(ground: Playground) -> None:
    ground.sim.put_up(LOGIN, 200, ticket(15, captcha=True))
    session = ground.session()
    with pytest.raises(LoginPaused):
        await session.token()
    await ground.clock.passes(59 * 60)
    with pytest.raises(LoginPaused):
        await session.token()
    assert len(ground.sim.asked(LOGIN)) == 1
    await ground.clock.passes(61)
    assert (await session.token()).access


async def test_1_4b_a_ticket_on_a_query_goes_into_the_query(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    ground.sim.put_up("contract/find", 200, ticket(2))
    asking = asyncio.create_task(
        session.rest.get("contract/find", token=token.access, query={"name": "NQZ6"})
    )
    await ground.reach(asking.done)
    assert b"NQZ6" in bytes(asking.result())
    assert ground.sim.asked("contract/find")[1]["p-ticket"] == "pt-7c1e"


async def test_1_4c_no_secret_or_token_appears_in_any_log(
    ground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "httpx", "httpcore", "apps"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        session = ground.session()
        token = await session.token()
        await ground.clock.passes(80 * 60)
        renewed = await session.token()
        settings = ground.settings()
        logging.getLogger("apps").warning("%r %r %r", settings, token, session)
        ground.sim.put_up("account/list", 401, {"errorText": "Expired Access Token"})
        with pytest.raises(Unauthorised) as refused:
            await session.rest.get("account/list", token=renewed.access)
        feed = await ground.run(ground.feed())
        ground.sim.connections[0].cut()
        await ground.reach(lambda: feed.state is FeedState.LIVE)
        spoken = caplog.text + repr(refused.value) + "".join(map(repr, ground.said))
    finally:
        for name in ("websockets", "httpx", "httpcore", "apps"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    issued = list(ground.sim.sessions._tokens)
    assert len(issued) >= 4
    for secret in (*issued, settings.sec, f"password={PASSWORD!r}", f'"password":"{PASSWORD}"'):
        assert secret not in spoken


# --- hosts and an unwell server ------------------------------------------------------------------------------


async def test_a_redirect_to_a_known_host_is_followed_with_the_token(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    ground.sim.redirects = [ground.sim.url + "/account/list"]
    await session.rest.get("account/list", token=token.access)
    assert ground.sim.asked("account/list")[0]["authorization"] == f"Bearer {token.access}"


async def test_a_redirect_to_a_stranger_is_not_followed(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    other = ground.sim.url.replace("127.0.0.1", "127.0.0.2")
    ground.sim.redirects = [other + "/account/list"]
    with pytest.raises(WrongHost):
        await session.rest.get("account/list", token=token.access)
    assert ground.sim.asked("account/list") == []


async def test_hosts_named_by_a_renewal_are_used_if_they_are_known(ground: Playground) -> None:
    session = ground.session()
    first = await session.token()
    answer = {
        "accessToken": first.access, "expirationTime": "2026-11-20T16:30:00.000Z",
        "apiHosts": {"demo": ground.sim.url.removesuffix("/v1"), "live": "http://127.0.0.9"},
    }  # fmt: skip
    ground.sim.put_up(RENEW, 200, answer)
    await ground.clock.passes(80 * 60)
    renewed = await session.token()
    assert renewed.market_data == first.market_data, "a renewal may leave it out"
    assert session.rest.hosts.rest == ground.sim.url


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://demo-7.tradovateapi.com/v1", True),
        ("wss://md.tradovateapi.com/v1/websocket", True),
        ("http://demo.tradovateapi.com/v1", False),
        ("https://tradovateapi.com.evil.test/v1", False),
        ("https://eviltradovateapi.com/v1", False),
        ("https://tradovateapi.com@evil.test/v1", False),
    ],
)
def test_only_known_hosts_may_see_the_token(url: str, admitted: bool) -> None:
    assert Hosts.of("demo").admits(url) is admitted


async def test_a_query_is_read_again_while_the_server_is_unwell(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    for _ in range(2):
        ground.sim.put_up("account/list", 503)
    asking = asyncio.create_task(session.rest.get("account/list", token=token.access))
    await ground.reach(asking.done)
    assert asking.result()


async def test_a_call_is_never_repeated_on_an_unwell_server(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    ground.sim.put_up("order/placeorder", 503)
    with pytest.raises(Unreachable):
        await session.rest.post("order/placeorder", {"symbol": "NQZ6"}, token=token.access)
    assert len(ground.sim.asked("order/placeorder")) == 1


async def test_eighty_calls_a_minute_are_not_exceeded(ground: Playground) -> None:
    session = ground.session()
    token = await session.token()
    asking = asyncio.gather(
        *(
            session.rest.get("currency/list", token=token.access, lane=Lane.ORDER)
            for _ in range(100)
        )
    )
    await until(lambda: len(ground.sim.asked("currency/list")) == 79)
    await ground.reach(asking.done, 200)
    assert len(ground.sim.asked("currency/list")) == 100
    assert ground.clock.elapsed() >= 60
