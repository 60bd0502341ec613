"""Orders, fills, positions and money of the simulator. Protocol 11, 12, 14 and the payload rules of 16."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.brokers.tradovate.simulator.recording import FileMarket
from apps.brokers.tradovate.simulator.server import Simulator
from apps.bus.domain.message import SECOND
from tests.integration.brokers.talker import (
    ACCOUNT,
    START,
    Talker,
    call,
    connect,
    log_in,
    simulator,
)

MARKET = {"accountId": ACCOUNT, "symbol": "NQZ6", "orderType": "Market", "isAutomated": True}
FAMILY = {"order", "orderVersion", "command", "commandReport", "executionReport", "fill", "fillFee"}
FAMILY |= {"position", "cashBalance", "marginSnapshot"}


@asynccontextmanager
async def desk(tmp_path: Path, *asks: float) -> AsyncIterator[tuple[Simulator, Talker]]:
    """A synced socket over a market whose ask (a tick above its bid) is one of these a second."""
    path = tmp_path / "NQZ6_told.csv"
    rows = [f"{START + n * SECOND},{ask},1,{ask - 0.25},{ask},5,5" for n, ask in enumerate(asks)]
    path.write_text("ts_ns,price,size,bid,ask,bid_size,ask_size\n" + "\n".join(rows) + "\n")
    async with simulator(FileMarket(path)) as sim, await connect(sim) as talker:
        await talker.ask("user/syncrequest", {"users": [7001]})
        sim.streams.board("NQZ6")
        await sim.move(0.5)
        yield sim, talker


async def filled(talker: Talker, **asked: Any) -> dict[str, Any]:
    """Place an order and return its fill."""
    before = len(talker.rows("fill"))
    told = await talker.ask("order/placeorder", MARKET | asked)
    assert "orderId" in told, told
    await talker.until(lambda: len(talker.rows("fill")) > before)
    return talker.rows("fill")[before]


async def cash(talker: Talker) -> dict[str, Any]:
    return dict(await talker.ask("cashBalance/getcashbalancesnapshot", {"accountId": ACCOUNT}))


async def test_rule_17_a_filled_order_pushes_the_whole_family_also_over_rest(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, 20500.25) as (sim, talker):
        token = (await log_in(sim))["accessToken"]
        placed = await call(
            sim, "order/placeorder", MARKET | {"action": "Buy", "orderQty": 1}, token
        )
        order_id = placed.json()["orderId"]
        await talker.until(lambda: talker.rows("marginSnapshot"))
        assert {event["entityType"] for event in talker.events("props")} >= FAMILY
        statuses = [row["ordStatus"] for row in talker.rows("order") if row["id"] == order_id]
        assert statuses == ["PendingNew", "Working", "Filled"]
        assert [row["execType"] for row in talker.rows("executionReport")] == ["New", "Trade"]
        assert [row["commandStatus"] for row in talker.rows("command")] == ["Pending", "RiskPassed"]
        assert talker.rows("fill")[0]["price"] == 20500.25
        assert not any(
            value is None for e in talker.events("props") for value in e["entity"].values()
        )


async def test_golden_17_4_profit_and_loss(tmp_path: Path) -> None:
    # buys at each ask, marks and sells a tick below: 20510.25 is asked where 20510 is bid
    async with desk(tmp_path, 20500.25, 20501.25, 20510.25) as (sim, talker):
        await filled(talker, action="Buy", orderQty=1)
        await sim.move(1)
        await filled(talker, action="Buy", orderQty=1)
        await talker.until(lambda: talker.rows("position")[-1]["netPos"] == 2)
        position = talker.rows("position")[-1]
        assert (position["netPrice"], position["boughtValue"]) == (20500.75, 41001.5)
        await sim.move(1)
        await filled(talker, action="Sell", orderQty=1)
        await talker.until(lambda: talker.rows("fillPair"))
        pair = talker.rows("fillPair")[0]
        assert (pair["buyPrice"], pair["sellPrice"], pair["qty"]) == (20500.25, 20510, 1)
        await talker.until(lambda: talker.rows("position")[-1]["netPos"] == 1)
        assert talker.rows("position")[-1]["netPrice"] == 20501.25
        told = await cash(talker)
        assert told["realizedPnL"] == 195.0
        assert told["netLiq"] == told["totalCashValue"] + told["openPnL"]
        assert told["totalCashValue"] == 50_000 + 195 - 3 * (2.50 + 1.40)


async def test_golden_17_4_shorts_lose_when_the_price_rises(tmp_path: Path) -> None:
    async with desk(tmp_path, 20500.25, 20510.50) as (sim, talker):
        await filled(talker, action="Sell", orderQty=2)
        await sim.move(1)
        await filled(talker, action="Buy", orderQty=2)
        assert (await cash(talker))["realizedPnL"] == -420.0


async def test_golden_17_4_selling_more_than_held_turns_the_position(tmp_path: Path) -> None:
    async with desk(tmp_path, 20500.25) as (_, talker):
        await filled(talker, action="Buy", orderQty=2)
        await filled(talker, action="Sell", orderQty=3)
        await talker.until(lambda: talker.rows("position")[-1]["netPos"] == -1)
        assert talker.rows("fillPair")[0]["qty"] == 2
        assert talker.rows("position")[-1]["netPrice"] == 20500.0
        paired = {row["id"]: row["finallyPaired"] for row in talker.rows("fill")}
        assert sorted(paired.values()) == [2, 2]


async def test_a_limit_rests_until_the_market_comes(tmp_path: Path) -> None:
    async with desk(tmp_path, 20500.25, 20499.25, 20497.0) as (sim, talker):
        asked = MARKET | {"action": "Buy", "orderQty": 1, "orderType": "Limit", "price": 20498.0}
        await talker.ask("order/placeorder", asked)
        await sim.move(1)
        await talker.ask("account/list")
        assert not talker.rows("fill")
        await sim.move(1)
        await talker.until(lambda: talker.rows("fill"))
        assert talker.rows("fill")[0]["price"] == 20498.0


async def test_a_stop_fills_at_the_market_once_touched(tmp_path: Path) -> None:
    async with desk(tmp_path, 20500.25, 20490.25) as (sim, talker):
        asked = MARKET | {
            "action": "Sell",
            "orderQty": 1,
            "orderType": "Stop",
            "stopPrice": 20495.0,
        }
        await talker.ask("order/placeorder", asked)
        assert not talker.rows("fill")
        await sim.move(1)
        await talker.until(lambda: talker.rows("fill"))
        assert talker.rows("fill")[0]["price"] == 20490.0


@pytest.mark.parametrize(("last", "filled_child"), [(20540.25, "Limit"), (20480.0, "Stop")])
async def test_a_bracket_waits_for_its_parent_and_one_child_ends_the_other(
    tmp_path: Path, last: float, filled_child: str
) -> None:
    async with desk(tmp_path, 20510.25, 20499.75, last) as (sim, talker):
        told = await talker.ask(
            "order/placeoso",
            MARKET
            | {"action": "Buy", "orderQty": 2, "orderType": "Limit", "price": 20500.0}
            | {"bracket1": {"action": "Sell", "orderType": "Limit", "price": 20540.0}}
            | {"bracket2": {"action": "Sell", "orderType": "Stop", "stopPrice": 20480.0}},
        )
        children = {"Limit": told["oso1Id"], "Stop": told["oso2Id"]}

        def status(order_id: int) -> str:
            return [r["ordStatus"] for r in talker.rows("order") if r["id"] == order_id][-1]

        await talker.ask("account/list")
        assert {status(child) for child in children.values()} == {"Suspended"}
        await sim.move(1)
        await talker.until(lambda: status(children["Stop"]) == "Working")
        assert status(told["orderId"]) == "Filled"
        await sim.move(1)
        await talker.until(lambda: status(children[filled_child]) == "Filled")
        (other,) = set(children) - {filled_child}
        await talker.until(lambda: status(children[other]) == "Canceled")
        rows = {row["id"]: row for row in talker.rows("order")}
        assert rows[children["Limit"]]["parentId"] == told["orderId"]
        assert rows[children["Limit"]]["ocoId"] == children["Stop"]
        await talker.until(lambda: talker.rows("position")[-1]["netPos"] == 0)


async def test_cancelling_a_parent_cancels_its_children(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (_, talker):
        told = await talker.ask(
            "order/placeoso",
            MARKET
            | {"action": "Buy", "orderQty": 1, "orderType": "Limit", "price": 20500.0}
            | {"bracket1": {"action": "Sell", "orderType": "Limit", "price": 20540.0}},
        )
        assert "commandId" in await talker.ask("order/cancelorder", {"orderId": told["orderId"]})
        statuses = {row["ordStatus"] for row in await talker.ask("order/list")}
        assert statuses == {"Canceled"}
        late = await talker.ask("order/cancelorder", {"orderId": told["orderId"]})
        assert late["failureReason"] == "TooLate"


async def test_one_cancels_the_other(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25, 20520.25) as (sim, talker):
        told = await talker.ask(
            "order/placeoco",
            MARKET
            | {"action": "Sell", "orderQty": 1, "orderType": "Limit", "price": 20520.0}
            | {"other": {"action": "Sell", "orderType": "Stop", "stopPrice": 20500.0}},
        )
        await sim.move(1)
        rows = {row["id"]: row["ordStatus"] for row in await talker.ask("order/list")}
        assert (rows[told["orderId"]], rows[told["ocoId"]]) == ("Filled", "Canceled")


async def test_modifying_writes_a_new_version(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (_, talker):
        asked = MARKET | {"action": "Buy", "orderQty": 1, "orderType": "Limit", "price": 20500.0}
        order_id = (await talker.ask("order/placeorder", asked | {"text": "orb"}))["orderId"]
        told = await talker.ask(
            "order/modifyorder",
            {"orderId": order_id, "orderQty": 2, "orderType": "Limit", "price": 20511.0},
        )
        assert "commandId" in told
        versions = await talker.ask("orderVersion/deps", query=f"masterid={order_id}")
        assert [version["orderQty"] for version in versions] == [1, 2]
        assert versions[0]["text"] == "orb"
        fills = await talker.ask("fill/deps", query=f"masterid={order_id}")
        assert [fill["qty"] for fill in fills] == [2]


async def test_liquidating_cancels_and_closes(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (_, talker):
        fill = await filled(talker, action="Buy", orderQty=2)
        asked = MARKET | {"action": "Sell", "orderQty": 2, "orderType": "Limit", "price": 20600.0}
        resting = (await talker.ask("order/placeorder", asked))["orderId"]
        told = await talker.ask(
            "order/liquidateposition",
            {"accountId": ACCOUNT, "contractId": fill["contractId"], "admin": False},
        )
        assert "orderId" in told
        rows = {row["id"]: row["ordStatus"] for row in await talker.ask("order/list")}
        assert rows[resting] == "Canceled"
        (position,) = await talker.ask("position/list")
        assert position["netPos"] == 0 and "netPrice" not in position


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"orderQty": 0}, {"violations"}),
        ({"accountId": 5}, {"violations"}),
        ({"action": "Hold"}, {"violations"}),
        ({"orderType": "Limit"}, {"violations"}),
        ({"symbol": "XYZ9"}, {"failureReason", "failureText"}),
        ({"orderType": "Limit", "price": 20500.1}, {"failureReason", "failureText"}),
        ({"orderType": "QTS"}, {"failureReason", "failureText"}),
    ],
)
async def test_what_is_no_order_is_told_with_status_200(
    tmp_path: Path, change: dict[str, Any], told: set[str]
) -> None:
    async with desk(tmp_path, 20510.25) as (_, talker):
        asked = MARKET | {"action": "Buy", "orderQty": 1} | change
        answer = await talker.answer(await talker.send("order/placeorder", asked))
        assert answer["s"] == 200
        assert set(answer["d"]) == told
        assert not await talker.ask("order/list")


async def test_a_rejection_comes_after_an_order_id(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (sim, talker):
        sim.fault({"do": "reject", "reason": "NotEnoughLiquidity"})
        told = await talker.ask("order/placeorder", MARKET | {"action": "Buy", "orderQty": 1})
        assert "orderId" in told
        (row,) = await talker.ask("order/list")
        assert row["ordStatus"] == "Rejected"
        (report,) = talker.rows("commandReport")
        assert (report["commandStatus"], report["rejectReason"]) == (
            "RiskRejected",
            "NotEnoughLiquidity",
        )


async def test_a_locked_account_may_only_get_out(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (_, talker):
        fill = await filled(talker, action="Buy", orderQty=1)
        await talker.ask(
            "accountRiskStatus/setadminautoliqaction",
            {"accountId": ACCOUNT, "adminAction": "LockTradingImmediately"},
        )
        told = await talker.ask("order/placeorder", MARKET | {"action": "Buy", "orderQty": 1})
        assert told["failureReason"] == "TradingLocked"
        told = await talker.ask(
            "order/liquidateposition", {"accountId": ACCOUNT, "contractId": fill["contractId"]}
        )
        assert "orderId" in told


async def test_partial_fills_and_busts_and_rollover(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25, 20510.25, 20510.25) as (sim, talker):
        sim.fault({"do": "partial_fills"})
        asked = MARKET | {"action": "Buy", "orderQty": 3, "orderType": "Limit", "price": 20511.0}
        order_id = (await talker.ask("order/placeorder", asked))["orderId"]
        await sim.move(2)
        fills = await talker.ask("fill/deps", query=f"masterid={order_id}")
        assert [fill["qty"] for fill in fills] == [1, 1, 1]
        sim.fault({"do": "bust"})
        await talker.until(lambda: not talker.rows("fill")[-1]["active"])
        sim.fault({"do": "rollover"})
        for entity in ("order", "fill", "fillPair", "executionReport", "command"):
            assert await talker.ask(f"{entity}/list") == []
        assert (await talker.ask("position/list"))[0]["netPos"] == 3


async def test_rules_12_13_16_the_snapshot_is_full_and_has_no_empty_fields() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        told = await talker.ask("user/syncrequest", {"users": [7001]})
        assert told["users"][0]["id"] == 7001
        (account,) = told["accounts"]
        assert (account["active"], account["closed"]) == (True, False)
        assert {"contracts", "contractMaturities", "products", "orders", "fills"} <= set(told)
        rows = [row for rows in told.values() for row in rows]
        assert not any(value is None for row in rows for value in row.values())
        again = await talker.answer(await talker.send("user/syncrequest", {"users": [7001]}))
        assert again["s"] == 400


async def test_entity_types_and_shards_filter_snapshot_and_events(tmp_path: Path) -> None:
    async with desk(tmp_path, 20510.25) as (sim, talker), await connect(sim) as other:
        told = await other.ask(
            "user/syncrequest", {"accounts": [ACCOUNT], "entityTypes": ["fill", "nonsense"]}
        )
        assert set(told) == {"users", "contractGroups", "fills"}
        await filled(talker, action="Buy", orderQty=1)
        await other.until(lambda: other.rows("fill"))
        assert {event["entityType"] for event in other.events("props")} == {"fill"}
        async with await connect(sim) as third:
            shard = {"expressionType": "modAccountId", "divisor": 2, "remainder": 0}
            told = await third.ask("user/syncrequest", {"shardingExpression": shard})
            assert told["accounts"] == []


async def test_a_split_snapshot_says_the_same_in_parts() -> None:
    async with simulator() as sim, await connect(sim) as talker, await connect(sim) as other:
        whole = await talker.ask("user/syncrequest", {"users": [7001]})
        sim.fault({"do": "split_snapshot", "parts": 4})
        number = await other.send("user/syncrequest", {"users": [7001], "splitResponses": True})
        await other.until(lambda: len(other.answers) == 4)
        assert {answer["i"] for answer in other.answers} == {number}
        merged: dict[str, Any] = {}
        for answer in other.answers:
            merged |= answer["d"]
        assert merged == whole


async def test_rule_18_and_the_reads_every_entity_has() -> None:
    async with simulator() as sim, await connect(sim) as talker:
        assert await talker.ask("userProperty/deps", query="masterid=7001") == []
        found = await talker.ask("contract/find", query="name=nqz6")
        assert found["name"] == "NQZ6"
        again = await talker.ask("contract/item", query=f"id={found['id']}")
        assert again == found
        suggested = await talker.ask("contract/suggest", query="t=NQ&l=2")
        assert [row["name"] for row in suggested] == ["NQZ6", "NQH7"]
        assert suggested == await talker.ask("contract/suggest", query="name=NQ&l=2")
        maturity = await talker.ask(
            "contractMaturity/item", query=f"id={found['contractMaturityId']}"
        )
        assert (maturity["expirationMonth"], maturity["isFront"]) == (202612, True)
        product = await talker.ask("product/item", query=f"id={maturity['productId']}")
        assert (product["name"], product["valuePerPoint"], product["tickSize"]) == ("NQ", 20, 0.25)
        assert (await talker.ask("contract/rollcontract", {"name": "NQU6"}))["contract"] == found
        assert (await talker.ask("account/deps", query="masterid=7001"))[0]["id"] == ACCOUNT
        assert (await talker.ask("account/items", query="ids=1001,7"))[0]["name"] == "DEMO1001"
        missing = await talker.answer(await talker.send("order/item", query="id=5"))
        assert missing["s"] == 404


async def test_a_broker_that_is_killed_forgets_nothing_that_it_answered(tmp_path: Path) -> None:
    """Its files are copied at the moment of the answer: what a crash would leave."""
    first, later = tmp_path / "first", tmp_path / "later"
    first.mkdir()
    asks = [20500.25, 20500.25, 20541.0, 20541.0]
    market = tmp_path / "NQZ6_told.csv"
    rows = [f"{START + n * SECOND},{ask},1,{ask - 0.25},{ask},5,5" for n, ask in enumerate(asks)]
    market.write_text("ts_ns,price,size,bid,ask,bid_size,ask_size\n" + "\n".join(rows) + "\n")
    legs = {
        "bracket1": {"action": "Sell", "orderType": "Limit", "price": 20540.0},
        "bracket2": {"action": "Sell", "orderType": "Stop", "stopPrice": 20480.0},
    }
    async with simulator(FileMarket(market), state_path=first / "at.json") as sim:
        token = (await log_in(sim))["accessToken"]
        sim.streams.board("NQZ6")
        await sim.move(0.5)
        sim._save()
        asked = MARKET | {"action": "Buy", "orderQty": 2} | legs
        placed = (await call(sim, "order/placeoso", asked, token)).json()
        shutil.copytree(first, later)

    async with simulator(FileMarket(market), state_path=later / "at.json") as sim:
        token = (await log_in(sim))["accessToken"]
        orders = {row["id"]: row["ordStatus"] for row in sim.entities.all("order")}
        assert [orders[placed[name]] for name in ("orderId", "oso1Id", "oso2Id")] == [
            "Filled", "Working", "Working",
        ]  # fmt: skip
        assert [row["netPos"] for row in sim.entities.all("position")] == [2]
        sim.streams.board("NQZ6")
        await sim.move(3)
        orders = {row["id"]: row["ordStatus"] for row in sim.entities.all("order")}
        assert (orders[placed["oso1Id"]], orders[placed["oso2Id"]]) == ("Filled", "Canceled")
        assert [row["netPos"] for row in sim.entities.all("position")] == [0]
        assert sim.entities.all("cashBalance")[0]["realizedPnL"] == 2 * (20540.0 - 20500.25) * 20
        again = await call(
            sim, "order/placeorder", MARKET | {"action": "Buy", "orderQty": 1}, token
        )
        assert again.json()["orderId"] > max(orders)


async def test_a_new_session_lists_what_works_on_and_tells_the_rest_of_it_by_number(
    tmp_path: Path,
) -> None:
    """Also after the simulator was started anew."""
    asked = MARKET | {"action": "Buy", "orderQty": 1, "orderType": "Limit", "price": 10000.0}
    asked |= {"timeInForce": "GTC"}
    path = tmp_path / "at.json"
    async with simulator(state_path=path) as sim:
        token = (await log_in(sim))["accessToken"]
        over = (await call(sim, "order/placeorder", asked, token)).json()["orderId"]
        await call(sim, "order/cancelorder", {"orderId": over}, token)
        works = (await call(sim, "order/placeorder", asked | {"clOrdId": "th-1"}, token)).json()[
            "orderId"
        ]
        sim.book.roll_over()
        sim._remember()
    async with simulator(state_path=path) as sim, await connect(sim) as talker:
        assert [row["id"] for row in await talker.ask("order/list")] == [works]
        missing = await talker.answer(await talker.send("order/item", query=f"id={over}"))
        assert missing["s"] == 404
        for entity in ("orderVersion", "command"):
            assert await talker.ask(f"{entity}/list") == []
            assert await talker.ask(f"{entity}/deps", query=f"masterid={over}") == []
        (version,) = await talker.ask("orderVersion/deps", query=f"masterid={works}")
        (command,) = await talker.ask("command/ldeps", query=f"masterids={works}")
        assert (version["price"], command["clOrdId"]) == (10000.0, "th-1")
        await talker.ask("order/modifyorder", asked | {"orderId": works, "price": 10001.0})
        (version,) = await talker.ask("orderVersion/list")
        assert version["price"] == 10001.0
