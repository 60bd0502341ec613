"""Tradovate as a broker: what is told of its rows, what becomes of orders, and what is never done twice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import (
    FeedState,
    Leg,
    LoginRefused,
    NewOrder,
    NotSent,
    OrderRefused,
    OutcomeUnknown,
    SignedInElsewhere,
    Unavailable,
)
from apps.brokers.domain.seen import (
    AccountSeen,
    BrokerStatus,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
)
from apps.brokers.tradovate.broker import TradovateBroker
from apps.brokers.tradovate.hosts import Hosts
from tests.integration.brokers.playground import CONTRACT, Playground, until

ACCOUNT = "1001"
BUY = NewOrder(ACCOUNT, CONTRACT, Side.BUY, OrderType.MARKET, 1, tag="th-1", text="opening drive")


@asynccontextmanager
async def broker_at(ground: Playground, **changed: object) -> AsyncIterator[TradovateBroker]:
    made = TradovateBroker(ground.settings(**changed), wall=ground.clock, chance=Random(1))
    try:
        yield made
    finally:
        await made.close()


async def price_of(ground: Playground) -> Decimal:
    """Return the market's last price, having let it trade."""
    ground.sim.streams.board(CONTRACT)
    await ground.sim.move(5)
    board = ground.sim.streams.board(CONTRACT)
    return Decimal(str(board.price(board.last.price)))


class Heard:
    """What a stream has told."""

    def __init__(self) -> None:
        self.rows: list[Seen] = []
        self.states: list[FeedState] = []

    def take(self, rows: Sequence[Seen]) -> None:
        self.rows.extend(rows)

    def state(self, state: FeedState, reason: str) -> None:
        self.states.append(state)

    def last(self, kind: type, **where: object) -> Seen | None:
        found = [
            row
            for row in self.rows
            if isinstance(row, kind) and all(getattr(row, k) == v for k, v in where.items())
        ]
        return found[-1] if found else None


@asynccontextmanager
async def following(broker: TradovateBroker, ground: Playground) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(broker.follow(heard.take, heard.state))
    try:
        await ground.reach(lambda: FeedState.LIVE in heard.states)
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_accounts_prove_the_login(ground: Playground) -> None:
    async with broker_at(ground) as broker:
        assert await broker.accounts() == (AccountSeen(ACCOUNT, "DEMO1001"),)


async def test_a_wrong_password_is_the_owner_s_to_mend(ground: Playground) -> None:
    async with broker_at(ground, password="wrong") as broker:
        with pytest.raises(LoginRefused, match="Incorrect username or password"):
            await broker.accounts()
        with pytest.raises(LoginRefused):
            await broker.place(BUY)
        assert len(ground.sim.asked("auth/accesstokenrequest")) == 1


async def test_a_placed_order_is_told_whole_with_its_tag_its_words_its_fill_and_its_fees(
    ground: Playground,
) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        placed = await broker.place(BUY)
        seen = await broker.snapshot()
    (order,) = seen.orders
    assert (order.account, order.remote, order.contract) == (ACCOUNT, placed.order, CONTRACT)
    assert (order.side, order.type, order.status) == (
        Side.BUY,
        OrderType.MARKET,
        BrokerStatus.FILLED,
    )
    assert (order.tag, order.text, order.quantity, order.filled) == ("th-1", "opening drive", 1, 1)
    (fill,) = seen.fills
    assert (fill.account, fill.order, fill.quantity, fill.side) == (
        ACCOUNT,
        placed.order,
        1,
        Side.BUY,
    )
    assert abs(fill.price - last) < 5 and fill.fees and fill.fees > 0
    (position,) = seen.positions
    assert (position.net, position.price) == (1, fill.price)
    assert seen.cash[0].balance == Decimal(50_000) - fill.fees


async def test_a_flat_position_has_no_price(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.place(BUY)
        await broker.liquidate(ACCOUNT, CONTRACT)
        (position,) = (await broker.snapshot()).positions
        assert (position.net, position.price) == (0, None)


async def test_an_order_is_sent_as_automated_with_its_tag_twice_and_its_words(
    ground: Playground,
) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.place(BUY)
        await broker.place(replace(BUY, tag="th-2", is_automated=False))
    first, second = ground.sim.asked("order/placeorder")
    assert (first["clOrdId"], first["customTag50"], first["text"]) == ("th-1", "th-1", BUY.text)
    assert (first["isAutomated"], second["isAutomated"]) == (True, False)
    assert (first["accountId"], first["accountSpec"]) == (1001, "DEMO1001")


async def test_a_bracket_s_legs_wait_for_the_entry_and_cancel_each_other(
    ground: Playground,
) -> None:
    last = await price_of(ground)
    legs = (
        Leg(OrderType.LIMIT, limit=last + 200, tag="th-1-target"),
        Leg(OrderType.STOP, stop=last - 200, tag="th-1-stop"),
    )
    entry = replace(BUY, type=OrderType.LIMIT, limit=last - 100, legs=legs)
    async with broker_at(ground) as broker:
        placed = await broker.place(entry)
        orders = {order.remote: order for order in (await broker.snapshot()).orders}
        target, stop = (orders[number] for number in placed.legs)
        assert orders[placed.order].tif is TimeInForce.DAY
        assert target.tif is stop.tif is TimeInForce.GTC, "protection outlives the session"
        assert orders[placed.order].status is BrokerStatus.WORKING
        assert (target.status, target.parent, target.oco) == (
            BrokerStatus.SUSPENDED, placed.order, stop.remote,
        )  # fmt: skip
        assert (target.side, target.limit, target.tag) == (Side.SELL, last + 200, "th-1-target")
        assert (stop.type, stop.stop, stop.tag) == (OrderType.STOP, last - 200, "th-1-stop")
        await broker.cancel(ACCOUNT, placed.order)
        after = (await broker.snapshot()).orders
        assert {order.status for order in after} == {BrokerStatus.CANCELLED}


async def test_a_pair_is_of_one_side_and_one_cancels_the_other(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.place(BUY)
        first = NewOrder(
            ACCOUNT, CONTRACT, Side.SELL, OrderType.STOP, 1, tag="th-3", stop=last - 200
        )
        placed = await broker.place_pair(first, Leg(OrderType.LIMIT, limit=last + 200, tag="th-4"))
        orders = {order.remote: order for order in (await broker.snapshot()).orders}
        stop, target = orders[placed.order], orders[placed.legs[0]]
        assert (stop.side, target.side, stop.oco) == (Side.SELL, Side.SELL, target.remote)
        assert (stop.tag, target.tag) == ("th-3", "th-4")


async def test_a_change_carries_the_whole_intended_order(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.place(replace(BUY, type=OrderType.LIMIT, limit=last - 100, quantity=2))
        (order,) = (await broker.snapshot()).orders
        await broker.modify(order, limit=last - 90)
        (changed,) = (await broker.snapshot()).orders
        assert (changed.limit, changed.quantity, changed.tag) == (last - 90, 2, "th-1")
        assert (changed.text, changed.status) == (BUY.text, BrokerStatus.WORKING)
        assert changed.at >= order.at


async def test_what_is_over_can_t_be_cancelled(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        placed = await broker.place(BUY)
        with pytest.raises(OrderRefused) as refused:
            await broker.cancel(ACCOUNT, placed.order)
        assert refused.value.code == "TooLate"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"failureReason": "LiquidationOnly", "failureText": "no new ones"}, "LiquidationOnly"),
        (
            {"violations": [{"constraint": "orderQty", "value": "0", "description": "positive"}]},
            "Violation",
        ),
        ({"errorText": "no"}, "Refused"),
    ],
)
async def test_a_refusal_inside_a_200_is_a_refusal(
    ground: Playground, answer: dict[str, object], code: str
) -> None:
    async with broker_at(ground) as broker:
        ground.sim.put_up("order/placeorder", 200, answer)
        with pytest.raises(OrderRefused) as refused:
            await broker.place(BUY)
        assert refused.value.code == code
        assert len(ground.sim.asked("order/placeorder")) == 1


@pytest.mark.parametrize(("status", "body"), [(500, None), (502, {"x": 1}), (200, {}), (200, [])])
async def test_without_a_plain_answer_the_outcome_is_unknown_and_nothing_is_sent_again(
    ground: Playground, status: int, body: object
) -> None:
    async with broker_at(ground) as broker:
        ground.sim.put_up("order/placeorder", status, body)
        with pytest.raises(OutcomeUnknown):
            await broker.place(BUY)
        assert len(ground.sim.asked("order/placeorder")) == 1


@pytest.mark.parametrize("status", [429, 423])
async def test_an_order_that_was_turned_away_may_be_sent_again(
    ground: Playground, status: int
) -> None:
    async with broker_at(ground) as broker:
        ground.sim.put_up("order/placeorder", status)
        with pytest.raises(NotSent):
            await broker.place(BUY)


async def test_without_a_connection_nothing_was_sent(ground: Playground) -> None:
    async with broker_at(ground) as broker:
        await broker.accounts()
        broker.rest.hosts = Hosts.at("http://127.0.0.1:9/v1")  # nobody listens there
        with pytest.raises(NotSent):
            await broker.place(BUY)


async def test_a_ticket_is_waited_out_and_the_order_is_executed_once(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        ground.sim.put_up("order/placeorder", 200, {"p-ticket": "pt-1", "p-time": 2})
        placing = asyncio.create_task(broker.place(BUY))
        await until(lambda: ground.sim.asked("order/placeorder"))
        await ground.reach(placing.done)
        assert (await placing).order
        assert ground.sim.asked("order/placeorder")[1]["p-ticket"] == "pt-1"
        assert len((await broker.snapshot()).orders) == 1


async def test_an_order_is_sent_with_a_new_token_when_the_old_one_is_not_known_any_more(
    ground: Playground,
) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.accounts()
        ground.sim.sessions.expire()
        assert (await broker.place(BUY)).order
        assert len((await broker.snapshot()).orders) == 1


async def test_a_call_that_is_not_allowed_does_not_cost_the_token(ground: Playground) -> None:
    async with broker_at(ground) as broker:
        await broker.accounts()
        ground.sim.put_up("order/placeorder", 401, {"errorText": "no permission"})
        with pytest.raises(OrderRefused):
            await broker.place(BUY)
        await broker.accounts()
        assert len(ground.sim.asked("auth/accesstokenrequest")) == 1


async def test_a_displaced_login_is_never_taken_back(ground: Playground) -> None:
    async with broker_at(ground) as broker:
        await broker.accounts()
        ground.sim.put_up("order/list", 408)
        with pytest.raises(SignedInElsewhere):
            await broker.snapshot()
        with pytest.raises(SignedInElsewhere):
            await broker.place(BUY)
        assert len(ground.sim.asked("auth/accesstokenrequest")) == 1


async def test_an_order_is_found_by_its_tag_and_none_is_said_only_after_both_lists(
    ground: Playground,
) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        placed = await broker.place(replace(BUY, type=OrderType.LIMIT, limit=last - 100))
        found = await broker.find(ACCOUNT, "th-1")
        assert found is not None and found.remote == placed.order
        assert await broker.find(ACCOUNT, "th-2") is None
        ground.sim.put_up("command/list", 429)
        with pytest.raises(Unavailable):
            await broker.find(ACCOUNT, "th-2")


async def test_the_stream_tells_the_whole_first_and_then_what_changes(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker:
        await broker.place(BUY)
        async with following(broker, ground) as heard:
            assert heard.last(FillSeen) and heard.last(PositionSeen, net=1)
            await broker.place(replace(BUY, tag="th-2"))
            await until(lambda: heard.last(PositionSeen, net=2))
            second = heard.last(OrderSeen, tag="th-2")
            assert isinstance(second, OrderSeen) and second.status is BrokerStatus.FILLED
            assert len({row.remote for row in heard.rows if isinstance(row, FillSeen)}) == 2
            seen = await broker.snapshot()
        for row in (*seen.orders, *seen.fills, *seen.positions):
            kind = type(row)
            where = {"contract": CONTRACT} if kind is PositionSeen else {"remote": row.remote}
            assert heard.last(kind, **where) == row  # both ways tell the same


async def test_after_a_broken_socket_the_whole_is_told_again(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker, following(broker, ground) as heard:
        for connection in list(ground.sim.connections):
            await connection.close()
        await until(lambda: FeedState.LOST in heard.states)
        await broker.place(BUY)  # nobody follows meanwhile
        await ground.reach(lambda: heard.states[-1] is FeedState.LIVE)
        assert heard.last(PositionSeen, net=1)


async def test_a_contract_that_the_stream_does_not_name_is_asked_for(ground: Playground) -> None:
    await price_of(ground)
    async with broker_at(ground) as broker, following(broker, ground) as heard:
        await broker.place(BUY)
        await until(lambda: heard.last(FillSeen))
        assert heard.last(FillSeen).contract == CONTRACT
