"""Orders that outlive the session that placed them, while the desk is away: what ended is no cover, what works is whole."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.domain.merging import VANISHED
from apps.brokers.domain.messages import ClosePosition, ModifyOrder, PlaceOrder
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import Leg
from apps.brokers.domain.seen import BrokerStatus, FillSeen, OrderSeen
from apps.brokers.models import BrokerOrder, BrokerPosition, Connection, Dispatch, Order
from apps.brokers.reconciling import reconcile
from apps.brokers.tradovate.broker import TradovateBroker
from tests.integration.brokers.playground import CONTRACT, Playground, ScriptedSimulator
from tests.integration.brokers.shared import with_broker
from tests.integration.brokers.test_broker import (
    ACCOUNT,
    BUY,
    broker_at,
    following,
    price_of,
)
from tests.integration.brokers.test_live import Desk, _bus, desk, facts
from tests.integration.brokers.test_reading import reading, until

__all__ = ["_bus", "desk"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


# ---- the whole desk ----


def enter(desk: Desk) -> BrokerOrder:
    """Buy one contract with a stop and return the stop as it works at the broker."""
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", type="market", quantity=1,
        bracket={"stop": f"{(desk.last - 400) / 4:.2f}", "targets": []}, confirmed=True,
    )  # fmt: skip
    for _ in range(2):
        desk.round()
    assert reconcile(desk.account.remote) == []
    stop = BrokerOrder.objects.get(type="stop")
    assert (stop.status, stop.tif) == ("working", "gtc")
    return stop


def at_the_broker(desk: Desk, work: Callable[[TradovateBroker], Awaitable[Any]]) -> None:
    """Do something in the broker's own program."""
    asyncio.run(with_broker(desk.row, work))


def roll_over(market: ScriptedSimulator) -> None:
    async def begin() -> None:
        market.book.roll_over()

    market.run(begin())


def alarms(desk: Desk) -> list[str]:
    """Return what is told once it has stood for a while."""
    for passed in (0, 20):
        reconcile(desk.account.remote, timezone.now() + timedelta(seconds=passed))
    return [one["kind"] for one in facts("position.unprotected")]


def test_a_stop_that_ended_while_the_desk_was_away_over_a_session_s_end_is_no_cover(
    desk: Desk,
) -> None:
    stop = enter(desk)
    at_the_broker(desk, lambda broker: broker.cancel(ACCOUNT, stop.remote))
    roll_over(desk.market)
    desk.round()
    stop.refresh_from_db()
    assert (stop.status, stop.reason) == ("expired", VANISHED)
    assert alarms(desk) == ["unprotected"]
    desk.step()
    assert Order.objects.get(role="stop").status == "expired"
    assert not Dispatch.objects.filter(errand__in=("cancel", "liquidate")).exists()
    asked = len(desk.market.asked("order/item"))
    desk.round()
    assert len(desk.market.asked("order/item")) == asked  # once is enough


def test_a_stop_that_works_on_over_a_session_s_end_is_whole_and_can_be_moved_and_ended(
    desk: Desk,
) -> None:
    stop = enter(desk)
    roll_over(desk.market)
    BrokerOrder.objects.all().delete()  # a desk that never saw it knows it all the same
    desk.round()
    found = BrokerOrder.objects.get(remote=stop.remote)
    assert [(one.status, one.tag, one.stop, one.quantity, one.tif) for one in (found, stop)] == [
        ("working", stop.tag, stop.stop, 1, "gtc")
    ] * 2
    assert alarms(desk) == []
    ours = Order.objects.get(role="stop")
    moved = f"{(desk.last - 800) / 4:.2f}"
    desk.wish(ModifyOrder, order=ours.key, stop=moved)
    for _ in range(2):
        desk.round()
    found.refresh_from_db()
    assert (found.stop, found.status) == (Decimal(moved), "working")
    desk.wish(ClosePosition, account=desk.account.pk, contract=CONTRACT)
    for _ in range(4):
        desk.round()
    found.refresh_from_db()
    assert (found.status, BrokerPosition.objects.get().net) == ("cancelled", 0)
    assert reconcile(desk.account.remote) == []


def test_a_stream_that_comes_back_asks_for_what_its_snapshot_lacks(desk: Desk) -> None:
    stop = enter(desk)
    at_the_broker(desk, lambda broker: broker.cancel(ACCOUNT, stop.remote))
    roll_over(desk.market)

    async def follow() -> None:
        async with reading():
            await until(lambda: BrokerOrder.objects.get(pk=stop.pk).status == "expired")
            await until(lambda: Connection.objects.get().state == "ok")

    asyncio.run(follow())


# ---- the adapter ----


async def bracket(broker: TradovateBroker, last: Decimal) -> OrderSeen:
    """Buy one contract and return its stop as it works."""
    leg = Leg(OrderType.STOP, stop=last - 200, tag="th-1-stop")
    placed = await broker.place(replace(BUY, legs=(leg,)))
    return next(one for one in (await broker.snapshot()).orders if one.remote == placed.legs[0])


async def test_a_snapshot_of_the_next_session_tells_what_works_on_with_price_and_mark(
    ground: Playground,
) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        ground.sim.book.roll_over()
        assert ground.sim.entities.listed("orderVersion") == []
        told = await broker.snapshot()
    assert [replace(one, at=stop.at) for one in told.orders] == [stop]


async def test_a_stream_of_the_next_session_tells_it_too(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        ground.sim.book.roll_over()
        async with following(broker, ground) as heard:
            told = heard.last(OrderSeen, remote=stop.remote)
    assert isinstance(told, OrderSeen) and replace(told, at=stop.at) == stop


async def test_an_order_of_the_session_before_is_found_by_its_mark(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        ground.sim.book.roll_over()
        found = await broker.find(ACCOUNT, "th-1-stop")
        assert found is not None and found.remote == stop.remote
        assert await broker.find(ACCOUNT, "th-1") is None


async def test_orders_are_asked_for_by_number(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        await broker.place(BUY)
        (entry,) = [one for one in (await broker.snapshot()).orders if one.tag == "th-1"][:1]
        working = replace(entry, status=BrokerStatus.WORKING, filled=0)
        unknown = replace(stop, remote="7")
        told = await broker.recall((stop, working, unknown))
    orders = {one.remote: one for one in told if isinstance(one, OrderSeen)}
    assert orders[stop.remote] == stop
    assert (orders[entry.remote].status, orders[entry.remote].filled) == (BrokerStatus.FILLED, 1)
    assert (orders["7"].status, orders["7"].reason) == (BrokerStatus.EXPIRED, VANISHED)
    (fill,) = [one for one in told if isinstance(one, FillSeen)]
    assert (fill.order, fill.fees is not None) == (entry.remote, True)


async def test_what_can_t_be_asked_for_now_has_not_ended(ground: Playground) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        for _ in range(3):
            ground.sim.put_up("order/item", 429)
        assert await broker.recall((stop,)) == ()


async def test_an_order_whose_version_is_told_no_more_stands_as_it_was_known(
    ground: Playground,
) -> None:
    last = await price_of(ground)
    async with broker_at(ground) as broker:
        stop = await bracket(broker, last)
        ground.sim.book.roll_over()
        ground.sim.entities.clear("orderVersion")
        (told,) = await broker.recall((stop,))
    assert isinstance(told, OrderSeen)
    assert (told.status, told.stop, told.quantity, told.tif) == (
        BrokerStatus.WORKING, stop.stop, 1, TimeInForce.GTC,
    )  # fmt: skip
    assert told.side is Side.SELL
