"""Our own rows of what a broker says: kept once, for ever, and told once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from apps.brokers.domain.merging import VANISHED, vanished
from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import (
    AccountSeen,
    BrokerStatus,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Snapshot,
)
from apps.brokers.mirror import take_in, unlisted
from apps.brokers.models import BrokerAccount, BrokerFill, BrokerOrder, BrokerPosition, Connection
from apps.bus.domain.message import DAY, SECOND
from apps.bus.models import FactRow
from tests.cast import Actor

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

AT = 1_795_186_800 * SECOND  # Friday 2026-11-20, 10:00 New York
ACCOUNT = AccountSeen("1001", "DEMO1001")
ORDER = OrderSeen(
    "1001", "880001", "NQZ6", Side.BUY, OrderType.LIMIT, BrokerStatus.WORKING, AT, 2,
    limit=Decimal("20500.25"), tag="th-1", text="opening drive",
)  # fmt: skip
FILL = FillSeen(
    "1001", "8", "880001", "NQZ6", Side.BUY, 1, Decimal("20500.25"), AT, date(2026, 11, 20)
)
POSITION = PositionSeen("1001", "NQZ6", 1, AT, Decimal("20500.25"))
CASH = CashSeen("1001", Decimal("49997.92"), AT, Decimal("-2.08"))
EVERYTHING = (ACCOUNT, ORDER, FILL, POSITION, CASH)


@pytest.fixture
def connection(alice: Actor) -> Connection:
    return Connection.objects.create(
        user=alice.user, name="Mine", environment="demo", login="alice", device_id="d"
    )


def facts(name: str) -> list[dict[str, Any]]:
    return [row.payload for row in FactRow.objects.filter(name=name).order_by("seq")]


def test_rows_are_kept_with_their_owner_and_what_is_new_is_told(connection: Connection) -> None:
    taken = take_in(connection, EVERYTHING, "stream")
    assert taken.facts == 3 and not taken.unknown
    account = BrokerAccount.objects.of(connection.user).get()
    assert (account.balance, account.realized) == (CASH.balance, CASH.realized)
    order = BrokerOrder.objects.of(connection.user).get()
    assert (order.tag, order.text, order.status) == ("th-1", "opening drive", "working")
    fill = BrokerFill.objects.of(connection.user).get()
    assert (fill.source, fill.price, fill.fees) == ("stream", FILL.price, None)
    assert BrokerPosition.objects.of(connection.user).get().net == 1
    assert facts("broker.fill_seen")[0]["remote"] == "8"


def test_taking_the_same_in_again_changes_nothing_and_tells_nothing(
    connection: Connection,
) -> None:
    take_in(connection, EVERYTHING, "stream")
    before = FactRow.objects.count()
    again = take_in(
        connection, Snapshot(AT, (ACCOUNT,), (ORDER,), (FILL,), (POSITION,), (CASH,)), "poll"
    )
    assert not again and FactRow.objects.count() == before
    assert BrokerFill.objects.get().source == "stream"  # where it was first heard


def test_an_order_that_is_over_does_not_come_back(connection: Connection) -> None:
    over = replace(ORDER, status=BrokerStatus.CANCELLED, at=AT + SECOND)
    take_in(connection, (ACCOUNT, ORDER, over), "stream")
    take_in(connection, (replace(ORDER, at=AT + 2 * SECOND),), "poll")
    assert BrokerOrder.objects.get().status == "cancelled"


def test_what_was_filled_of_an_order_stays_filled_in_the_next_session(
    connection: Connection,
) -> None:
    partly = replace(ORDER, tif=TimeInForce.GTC, filled=1)
    take_in(connection, (ACCOUNT, partly, FILL), "stream")
    moved = replace(partly, filled=0, limit=Decimal(20400), at=AT + DAY)
    take_in(connection, (moved,), "poll")
    order = BrokerOrder.objects.get()
    assert (order.limit, order.filled) == (Decimal(20400), 1)
    assert not take_in(connection, (moved,), "poll")
    take_in(connection, (replace(FILL, is_active=False),), "stream")  # but what is taken back
    take_in(connection, (replace(moved, at=AT + 2 * DAY),), "poll")
    assert BrokerOrder.objects.get().filled == 0


def test_a_fill_that_is_taken_back_is_kept_and_told(connection: Connection) -> None:
    take_in(connection, EVERYTHING, "stream")
    take_in(connection, (replace(FILL, is_active=False),), "stream")
    assert BrokerFill.objects.get().is_active is False
    assert [told["is_active"] for told in facts("broker.fill_seen")] == [True, False]
    take_in(connection, (FILL,), "poll")  # an older row does not give it back
    assert BrokerFill.objects.get().is_active is False


def test_fees_that_come_later_are_told_and_stay(connection: Connection) -> None:
    take_in(connection, EVERYTHING, "stream")
    take_in(connection, (replace(FILL, fees=Decimal("2.08")),), "stream")
    take_in(connection, (FILL,), "stream")
    assert BrokerFill.objects.get().fees == Decimal("2.08")
    assert [told["version"] for told in facts("broker.fill_seen")] == [1, 2]


def test_figures_beyond_what_is_kept_do_not_tell_the_same_again_and_again(
    connection: Connection,
) -> None:
    noisy = replace(FILL, fees=Decimal("2.0800000000000001"))
    take_in(connection, (ACCOUNT, ORDER, noisy), "stream")
    assert not take_in(connection, (ACCOUNT, ORDER, noisy), "poll")


def test_an_account_that_is_listed_no_more_is_closed_and_told(connection: Connection) -> None:
    other = AccountSeen("1002", "DEMO1002")
    take_in(connection, (ACCOUNT, other), "stream")
    take_in(connection, Snapshot(AT, (other,)), "poll")
    assert not BrokerAccount.objects.get(remote="1001").is_open
    assert [(t["called"], t["is_open"]) for t in facts("broker.account_changed")][-1] == (
        "DEMO1001", False,
    )  # fmt: skip
    take_in(connection, (ACCOUNT,), "stream")
    assert BrokerAccount.objects.get(remote="1001").is_open


def test_an_empty_answer_closes_nothing(connection: Connection) -> None:
    take_in(connection, EVERYTHING, "stream")
    take_in(connection, Snapshot(AT), "poll")
    assert BrokerAccount.objects.get().is_open


def test_a_day_order_of_an_old_session_that_is_listed_no_more_has_expired(
    connection: Connection,
) -> None:
    take_in(connection, EVERYTHING, "stream")
    take_in(connection, Snapshot(AT + SECOND, (ACCOUNT,)), "poll")
    assert BrokerOrder.objects.get().status == "working"  # its session is not over
    take_in(connection, Snapshot(AT + 4 * DAY, (ACCOUNT,)), "poll")
    assert BrokerOrder.objects.get().status == "expired"


def test_a_position_that_a_snapshot_does_not_list_is_not_held(connection: Connection) -> None:
    take_in(connection, EVERYTHING, "stream")
    take_in(connection, Snapshot(AT + SECOND, (ACCOUNT,)), "poll")
    assert BrokerPosition.objects.get().net == 1  # it may have come while the snapshot was read
    take_in(connection, Snapshot(AT + DAY, (ACCOUNT,)), "poll")
    assert BrokerPosition.objects.get().net == 0


def test_rows_of_accounts_that_are_not_listed_are_counted(connection: Connection) -> None:
    taken = take_in(connection, (ORDER, FILL, POSITION, CASH), "stream")
    assert taken.unknown == 4 and not BrokerFill.objects.exists()


def test_two_connections_keep_their_rows_apart(connection: Connection, bob: Actor) -> None:
    other = Connection.objects.create(
        user=bob.user, name="His", environment="demo", login="bob", device_id="d"
    )
    take_in(connection, EVERYTHING, "stream")
    take_in(other, EVERYTHING, "stream")
    assert (
        BrokerFill.objects.of(bob.user).count()
        == BrokerFill.objects.of(connection.user).count()
        == 1
    )


def test_a_poll_that_brings_nothing_new_costs_a_handful_of_queries(
    connection: Connection, django_assert_max_num_queries: Any
) -> None:
    fills = tuple(replace(FILL, remote=str(number)) for number in range(400))
    snapshot = Snapshot(AT, (ACCOUNT,), (ORDER,), fills, (POSITION,), (CASH,))
    take_in(connection, snapshot, "poll")
    with django_assert_max_num_queries(10):
        take_in(connection, snapshot, "poll")


def test_what_works_by_our_rows_and_is_not_listed_is_to_be_asked_for(
    connection: Connection,
) -> None:
    over = replace(ORDER, remote="880002", status=BrokerStatus.CANCELLED)
    other = replace(ORDER, remote="880003", tif=TimeInForce.GTC)
    take_in(connection, (ACCOUNT, ORDER, over, other), "stream")
    assert unlisted(connection, (ACCOUNT, ORDER)) == [other]
    take_in(connection, (vanished(other),), "poll")
    assert unlisted(connection, (ACCOUNT, ORDER)) == []
    row = BrokerOrder.objects.get(remote=other.remote)
    assert (row.status, row.reason) == ("expired", VANISHED)
    assert facts("broker.order_seen")[-1]["status"] == "expired"
