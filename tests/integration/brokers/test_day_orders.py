"""Day orders end with the session, 16:00 in Chicago: the broker says so, and what they protected is no longer covered."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.domain.messages import PlaceOrder
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ports import NewOrder
from apps.brokers.models import BrokerOrder, Connection, Dispatch, Order
from apps.brokers.reconciling import reconcile
from apps.brokers.tradovate.simulator.market import GeneratedMarket
from apps.brokers.tradovate.simulator.server import Simulator
from apps.bus.domain.message import MINUTE, SECOND
from tests.cast import Actor
from tests.integration.brokers.playground import CONTRACT, START
from tests.integration.brokers.shared import desk_market, with_broker
from tests.integration.brokers.talker import ACCOUNT, Talker, connect, simulator
from tests.integration.brokers.test_live import Desk, _bus, facts
from tests.integration.brokers.test_reading import reading, until

__all__ = ["_bus"]
CLOSE = START + 450 * MINUTE  # Thursday 2026-11-19, 16:00 Chicago
BEFORE = CLOSE - 3 * MINUTE

# ---- the simulator ----


@asynccontextmanager
async def evening(begins: int = BEFORE, **plan: Any) -> AsyncIterator[tuple[Simulator, Talker]]:
    """A socket that is synced, three minutes before the close."""
    market = GeneratedMarket(7, begins, ("NQ",))
    async with simulator(market, **plan) as sim, await connect(sim) as talker:
        await talker.ask("user/syncrequest", {"users": [7001]})
        sim.streams.board(CONTRACT)
        await sim.move(1)
        yield sim, talker


def away(sim: Simulator, points: int, **asked: Any) -> dict[str, Any]:
    """Return a limit order to buy so far below the market that nothing fills it."""
    board = sim.streams.board(CONTRACT)
    price = board.price(board.last.price) - points
    usual = {
        "accountId": ACCOUNT, "symbol": CONTRACT, "action": "Buy", "orderType": "Limit",
        "orderQty": 2, "price": price, "isAutomated": True,
    }  # fmt: skip
    return usual | asked


def status(sim: Simulator, order: int) -> str:
    row = sim.entities.get("order", order)
    assert row is not None
    return str(row["ordStatus"])


async def test_a_day_order_expires_at_the_close_and_a_good_till_cancelled_one_works_on() -> None:
    async with evening() as (sim, talker):
        day = (await talker.ask("order/placeorder", away(sim, 900)))["orderId"]
        said = (await talker.ask("order/placeorder", away(sim, 901, timeInForce="Day")))["orderId"]
        gtc = (await talker.ask("order/placeorder", away(sim, 902, timeInForce="GTC")))["orderId"]
        await sim.move(178)
        assert [status(sim, one) for one in (day, said, gtc)] == ["Working"] * 3
        await sim.move(1)
        assert [status(sim, one) for one in (day, said, gtc)] == ["Expired", "Expired", "Working"]
        await talker.until(lambda: any(r["ordStatus"] == "Expired" for r in talker.rows("order")))
        reports = [row for row in talker.rows("executionReport") if row["orderId"] == day]
        assert [row["execType"] for row in reports] == ["New", "Expired"]
        told = await talker.ask("order/cancelorder", {"orderId": day})
        assert told["failureReason"] == "TooLate"


async def test_one_that_is_placed_or_changed_while_the_market_is_closed_is_of_the_next_session() -> (
    None
):
    async with evening() as (sim, talker):
        order = away(sim, 900, timeInForce="GTC")
        changed = (await talker.ask("order/placeorder", order))["orderId"]
        await sim.move(179)
        late = (await talker.ask("order/placeorder", away(sim, 900)))["orderId"]
        day = {**order, "orderId": changed, "timeInForce": "Day"}
        assert "commandId" in await talker.ask("order/modifyorder", day)
        await sim.move(60)
        assert (status(sim, late), status(sim, changed)) == ("Working", "Working")
        assert sim.book.plain()[str(late)]["expires"] == CLOSE + 24 * 60 * MINUTE


async def test_what_was_filled_stays_and_the_legs_of_an_entry_that_never_was_go_with_it() -> None:
    async with evening() as (sim, talker):
        leg = {"action": "Sell", "orderType": "Stop", "stopPrice": 20000.0, "timeInForce": "GTC"}
        entry = await talker.ask("order/placeoso", away(sim, 900, bracket1=leg))
        sim.book.partial = True
        asked = {"orderType": "Market", "price": None, "bracket1": leg}
        half = await talker.ask("order/placeoso", away(sim, 900, **asked))
        sim.book.partial = False
        sim.book._orders[half["orderId"]].kind = "Limit"  # the other half finds nobody
        sim.book._orders[half["orderId"]].price = 4
        await sim.move(179)
        assert [status(sim, entry[one]) for one in ("orderId", "oso1Id")] == ["Expired", "Canceled"]
        assert [status(sim, half[one]) for one in ("orderId", "oso1Id")] == ["Expired", "Working"]
        assert (sim.account.net(CONTRACT), sim.book.plain()[str(half["oso1Id"])]["left"]) == (1, 1)


async def test_a_simulator_that_was_started_again_knows_when_they_end(tmp_path: Any) -> None:
    path = tmp_path / "market.json"
    async with evening(state_path=path) as (sim, talker):
        day = (await talker.ask("order/placeorder", away(sim, 900)))["orderId"]
    async with evening(state_path=path) as (sim, _):
        assert status(sim, day) == "Working"
        await sim.move(180)
        assert status(sim, day) == "Expired"


async def test_a_session_that_is_made_to_begin_ends_them_too() -> None:
    async with evening() as (sim, talker):
        await talker.ask("order/placeorder", away(sim, 900))
        gtc = (await talker.ask("order/placeorder", away(sim, 900, timeInForce="GTC")))["orderId"]
        sim.fault({"do": "rollover"})
        assert [row["id"] for row in sim.entities.listed("order")] == [gtc]
        await talker.until(lambda: any(r["ordStatus"] == "Expired" for r in talker.rows("order")))


# ---- the desk ----


@pytest.fixture
def desk(alice: Actor) -> Iterator[Desk]:
    with desk_market(start=BEFORE) as market:
        market.streams.board(CONTRACT)
        market.run(market.move(5))
        made = Desk(alice, market)
        yield made
        made.engine._only.release()


def by_hand(desk: Desk, order: NewOrder) -> None:
    """Place an order in the broker's own program."""
    asyncio.run(with_broker(desk.row, lambda broker: broker.place(order)))


def alarms(desk: Desk) -> list[str]:
    """Return what is told once it has stood for a while."""
    for passed in (0, 20):
        reconcile(desk.account.remote, timezone.now() + timedelta(seconds=passed))
    return [one["kind"] for one in facts("position.unprotected")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
@pytest.mark.parametrize("by_stream", [True, False])
def test_a_position_whose_stop_was_good_for_the_day_raises_the_alarm_when_it_expires(
    desk: Desk, by_stream: bool
) -> None:
    last = Decimal(desk.last) / 4
    by_hand(desk, NewOrder("1001", CONTRACT, Side.BUY, OrderType.MARKET, 1, "x1"))
    stop = NewOrder("1001", CONTRACT, Side.SELL, OrderType.STOP, 1, "x2", stop=last - 400)
    assert stop.tif is TimeInForce.DAY
    by_hand(desk, stop)
    for _ in range(2):
        desk.round()
    row = BrokerOrder.objects.get(type="stop")
    assert (row.status, row.tif) == ("working", "day")
    assert alarms(desk) == []

    async def follow() -> None:
        async with reading():
            await until(lambda: Connection.objects.get().state == "ok")
            await asyncio.to_thread(desk.market.run, desk.market.move(180))
            await until(lambda: BrokerOrder.objects.get(pk=row.pk).status == "expired")

    if by_stream:
        asyncio.run(follow())
    else:
        desk.market.run(desk.market.move(180))
        desk.round()
    row.refresh_from_db()
    assert (row.status, row.filled) == ("expired", 0)
    assert alarms(desk) == ["unprotected"]
    desk.round()
    assert alarms(desk) == ["unprotected"], "it is told once"


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_an_entry_of_ours_that_was_good_for_the_day_ends_expired_and_nothing_is_sent(
    desk: Desk,
) -> None:
    desk.wish(
        PlaceOrder, account=desk.account.pk, symbol=CONTRACT, side="buy", type="limit", quantity=1,
        limit=f"{(desk.last - 2000) / 4:.2f}", tif="day",
        bracket={"stop": f"{(desk.last - 2400) / 4:.2f}", "targets": []}, confirmed=True,
    )  # fmt: skip
    for _ in range(2):
        desk.round()
    entry = Order.objects.get(role="entry")
    assert entry.status == "working", facts("command.refused")
    before = Dispatch.objects.count()
    desk.market.run(desk.market.move(180))
    for _ in range(2):
        desk.round()
    entry.refresh_from_db()
    assert entry.status == "expired"
    assert [one["key"] for one in facts("order.expired") if "key" in one] in ([], [entry.key])
    assert len(facts("order.expired")) == 1
    assert not Order.objects.filter(status="working").exists()
    assert (Dispatch.objects.count(), alarms(desk)) == (before, [])
    assert CLOSE - BEFORE == 180 * SECOND
