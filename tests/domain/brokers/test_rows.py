"""Tradovate's rows in everybody's language, by the examples of the protocol."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import (
    AccountSeen,
    BrokerStatus,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
)
from apps.brokers.tradovate.rows import Rows

AT = "2026-11-20T15:00:00.125Z"
LATER = "2026-11-20T15:00:01Z"
NS = 1_795_186_800_125_000_000
DAY = {"year": 2026, "month": 11, "day": 20}
ROWS: dict[str, dict[str, Any]] = {
    "account": {"id": 1001, "name": "DEMO1001", "active": True, "closed": False},
    "contract": {"id": 3570918, "name": "NQZ6"},
    "order": {
        "id": 880001, "accountId": 1001, "contractId": 3570918, "timestamp": AT, "action": "Buy",
        "ordStatus": "Working",
    },
    "orderVersion": {
        "id": 5, "orderId": 880001, "orderQty": 2, "orderType": "StopLimit", "price": 20500.5,
        "stopPrice": 20500.25, "timeInForce": "GTC", "text": "orb",
    },
    "command": {
        "id": 6, "orderId": 880001, "timestamp": AT, "commandType": "New",
        "commandStatus": "RiskPassed", "clOrdId": "th-1", "customTag50": "th-1",
    },
    "commandReport": {"id": 7, "commandId": 6, "timestamp": AT, "commandStatus": "RiskPassed"},
    "fill": {
        "id": 8, "orderId": 880001, "contractId": 3570918, "timestamp": AT, "tradeDate": DAY,
        "action": "Buy", "qty": 1, "price": 20500.25, "active": True,
    },
    "fillFee": {"id": 8, "exchangeFee": 1.38, "exchangeFeeCurrencyId": 1, "commission": 0.7},
    "position": {
        "id": 9, "accountId": 1001, "contractId": 3570918, "timestamp": AT, "tradeDate": DAY,
        "netPos": -2, "netPrice": 20500.75,
    },
    "cashBalance": {"id": 1, "accountId": 1001, "timestamp": AT, "amount": 49997.92, "realizedPnL": -1.5},
}  # fmt: skip


def rows(**changed: dict[str, Any]) -> Rows:
    """Return the rows of the example, some of their fields changed."""
    made = Rows()
    for entity, row in ROWS.items():
        made.put(entity, [row | changed.get(entity, {})])
    return made


def test_an_order_is_joined_from_its_version_its_command_and_its_fills() -> None:
    assert rows().tell("order", 880001) == OrderSeen(
        "1001", "880001", "NQZ6", Side.BUY, OrderType.STOP_LIMIT, BrokerStatus.WORKING, NS, 2, 1,
        Decimal("20500.5"), Decimal("20500.25"), TimeInForce.GTC, "th-1", "orb",
    )  # fmt: skip


def test_a_fill_has_the_account_of_its_order_and_all_its_fees() -> None:
    assert rows().tell("fill", 8) == FillSeen(
        "1001", "8", "880001", "NQZ6", Side.BUY, 1, Decimal("20500.25"), NS, date(2026, 11, 20),
        Decimal("2.08"),
    )  # fmt: skip


def test_account_position_and_cash() -> None:
    made = rows()
    assert made.tell("account", 1001) == AccountSeen("1001", "DEMO1001")
    assert made.tell("position", 9) == PositionSeen("1001", "NQZ6", -2, NS, Decimal("20500.75"))
    assert made.tell("cashBalance", 1) == CashSeen("1001", Decimal("49997.92"), NS, Decimal("-1.5"))


def test_a_flat_position_has_no_price_whether_zero_or_absent() -> None:
    assert rows(position={"netPos": 0, "netPrice": 0}).tell("position", 9).price is None


@pytest.mark.parametrize("closed", [{"closed": True}, {"active": False}])
def test_an_account_that_the_firm_closed_is_not_open(closed: dict[str, bool]) -> None:
    assert not rows(account=closed).tell("account", 1001).is_open


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("PendingNew", BrokerStatus.PENDING),
        ("PendingCancel", BrokerStatus.WORKING),
        ("PendingReplace", BrokerStatus.WORKING),
        ("Suspended", BrokerStatus.SUSPENDED),
        ("Canceled", BrokerStatus.CANCELLED),
        ("Rejected", BrokerStatus.REJECTED),
        ("Expired", BrokerStatus.EXPIRED),
        ("Filled", BrokerStatus.FILLED),
        ("Completed", BrokerStatus.CANCELLED),  # 1 of 2 filled, and nothing more will come
    ],
)
def test_every_status_has_its_word(word: str, means: BrokerStatus) -> None:
    assert rows(order={"ordStatus": word}).tell("order", 880001).status is means


def test_a_status_that_nobody_knows_is_counted_and_leaves_the_order_open() -> None:
    made = rows(order={"ordStatus": "Pondering"})
    assert made.tell("order", 880001).status is BrokerStatus.PENDING
    assert made.dropped == {"ordStatus Pondering": 1}


def test_the_newest_version_counts() -> None:
    made = rows()
    made.put("orderVersion", [ROWS["orderVersion"] | {"id": 11, "orderQty": 5, "price": 20400}])
    order = made.tell("order", 880001)
    assert (order.quantity, order.limit, order.tag) == (5, Decimal(20400), "th-1")


def test_an_order_is_as_new_as_the_newest_of_its_rows() -> None:
    made = rows()
    made.put("command", [ROWS["command"] | {"id": 12, "timestamp": LATER, "clOrdId": None}])
    assert made.tell("order", 880001).at == NS + 875_000_000
    assert made.tell("order", 880001).tag == "th-1"  # a cancel carries no mark of ours


def test_a_change_that_is_refused_twice_in_the_same_words_is_two_refusals() -> None:
    made, told = rows(), []
    for number in (20, 30):
        command = ROWS["command"] | {"id": number, "commandType": "Modify", "clOrdId": ""}
        report = {"id": number + 1, "commandId": number, "rejectReason": "InvalidPrice"}
        made.put("command", [command])
        made.put("commandReport", [ROWS["commandReport"] | report])
        told.append(made.tell("order", 880001).reason)
    assert told == ["InvalidPrice (command 20)", "InvalidPrice (command 30)"]


def test_a_refusal_names_its_reason() -> None:
    refused = {"commandStatus": "RiskRejected", "rejectReason": "LiquidationOnly", "text": "no"}
    assert rows(commandReport=refused).tell("order", 880001).reason == "LiquidationOnly: no"


def test_a_fill_that_was_taken_back_counts_for_nothing() -> None:
    made = rows(fill={"active": False}, order={"ordStatus": "Filled"})
    assert not made.tell("fill", 8).is_active
    assert made.tell("order", 880001).filled == 0


def test_what_waits_for_another_row_is_told_when_that_comes() -> None:
    made = Rows()
    for entity in ("fill", "command", "orderVersion"):
        made.put(entity, [ROWS[entity]])
    assert made.seen() == [] and made.orphans() == [880001]
    made.put("order", [ROWS["order"]])
    assert made.unnamed() == [3570918]
    made.put("contract", [ROWS["contract"]])
    told = [made.tell(*what) for what in made.touched("order", ROWS["order"])]
    assert [type(row) for row in told] == [OrderSeen, FillSeen]


values = st.one_of(
    st.none(), st.integers(), st.text(max_size=5), st.floats(), st.just({}), st.just([])
)


def reported(*reports: dict[str, Any], status: str = "Canceled", **fill: Any) -> OrderSeen:
    """Return the order of the example, over, with what the exchange reported of it."""
    made = rows(order={"ordStatus": status}, fill=fill)
    for number, report in enumerate(reports, 40):
        about = {"id": number, "orderId": 880001, "commandId": 6, "timestamp": AT, "name": "x"}
        made.put("executionReport", [about | report])
    return made.tell("order", 880001)


def test_an_order_that_was_cancelled_owes_the_fills_that_the_exchange_has_reported() -> None:
    traded, over = {"execType": "Trade", "cumQty": 2}, {"execType": "Canceled", "cumQty": 2}
    assert (reported().status, reported().filled) == (BrokerStatus.CANCELLED, 1)
    assert reported(traded).filled == reported(over, {"execType": "New", "cumQty": 0}).filled == 2
    assert reported({"execType": "Canceled", "cumQty": 0}).filled == 1
    assert reported({"execType": "Canceled"}, {"execType": "Canceled", "cumQty": "two"}).filled == 1


def test_what_the_exchange_took_back_is_owed_by_nobody() -> None:
    traded = {"execType": "Trade", "cumQty": 2}
    assert reported(traded, {"execType": "TradeCancel", "cumQty": 1}).filled == 1
    assert reported(traded, active=False).filled == 0


def test_a_report_of_an_execution_has_its_order_told_again() -> None:
    assert rows().touched("executionReport", {"id": 40, "orderId": 880001}) == [("order", 880001)]


@given(st.data())
def test_rows_of_any_shape_are_counted_and_never_crash(data: st.DataObject) -> None:
    entity = data.draw(st.sampled_from(list(ROWS)))
    field = data.draw(st.sampled_from(list(ROWS[entity])))
    made = rows(**{entity: {field: data.draw(values)}})
    made.seen()
    made.unnamed()
