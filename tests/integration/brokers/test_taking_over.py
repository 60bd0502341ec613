"""Taking the broker's position over books what was paid where that is known, and never an entry's price as an exit."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers import live, reports
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.models import (
    Account,
    BrokerAccount,
    BrokerFill,
    BrokerPosition,
    Difference,
    Fill,
    Position,
)
from apps.brokers.reconciling import differences, reconcile
from apps.bus import bus, transport
from apps.bus.models import Inbox
from apps.trades.services import Refused
from tests.cast import Actor
from tests.factories import a_price
from tests.integration.brokers.playground import CONTRACT, START
from tests.integration.brokers.shared import desk_market
from tests.integration.brokers.test_live import Desk, adopted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

ENTRY, AVERAGE, LAST, SOLD = (Decimal(text) for text in ("20000", "20010", "20050", "20040"))


@pytest.fixture(autouse=True)
def _bus() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.fixture
def desk(alice: Actor) -> Iterator[Desk]:
    with desk_market() as market:
        market.streams.board(CONTRACT)
        made = Desk(alice, market)
        yield made
        made.engine._only.release()


def held(desk: Desk, net: int) -> None:
    """Let the desk hold this, bought or sold at the entry's price."""
    if net:
        side = "buy" if net > 0 else "sell"
        said = ReportBroker(
            account=desk.account.pk, what="fill", at=START, fill="e1", contract=CONTRACT, side=side,
            quantity=abs(net), price=f"{ENTRY:f}",
        )  # fmt: skip
        bus.submit(said, user=desk.user.pk, source="gateway", key="e1")
        desk.step()


def at_broker(desk: Desk, net: int) -> None:
    BrokerPosition.objects.create(
        user=desk.user, account=desk.account.remote, contract=CONTRACT, net=net,
        price=AVERAGE if net else None, at_ns=START,
    )  # fmt: skip


def a_broker_fill(desk: Desk, signed: int, remote: str = "b1", **fields: Any) -> BrokerFill:
    usual = {"price": SOLD, "at_ns": desk.at, "source": "poll", "trade_date": timezone.now().date()}
    return BrokerFill.objects.create(
        user=desk.user, account=desk.account.remote, remote=remote, contract=CONTRACT,
        side="buy" if signed > 0 else "sell", quantity=abs(signed), **usual | fields,
    )  # fmt: skip


def taken(desk: Desk) -> str:
    """Take the difference over and return what was said of it."""
    (found,) = [one for one in reconcile(desk.account.remote) if one.kind == "position"]
    said = live.repair(user=desk.user, difference=found, how="take_over")
    desk.step()
    assert not [one for one in differences(desk.account.remote) if one.kind == "position"]
    return said


def booked() -> list[tuple[str, int, Decimal, Decimal]]:
    """Return what the desk booked beside its entry: side, contracts, price, realized."""
    rows = Fill.objects.exclude(key__contains=":e1").order_by("id")
    return [(row.side, row.quantity, row.price, row.realized) for row in rows]


def dollars(points: Decimal, size: int) -> Decimal:
    return points * 20 * size  # NQ


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "expected"),
    [
        ("from nothing", 0, 2, [("buy", 2, AVERAGE, Decimal(0))]),
        ("grow", 1, 3, [("buy", 2, AVERAGE, Decimal(0))]),
        ("shrink", 3, 1, [("sell", 2, LAST, dollars(LAST - ENTRY, 2))]),
        ("shrink a short", -3, -1, [("buy", 2, LAST, dollars(ENTRY - LAST, 2))]),
        ("flip", 2, -1, [("sell", 2, LAST, dollars(LAST - ENTRY, 2)), ("sell", 1, AVERAGE, Decimal(0))]),
        ("flat", 2, 0, [("sell", 2, LAST, dollars(LAST - ENTRY, 2))]),
    ],
)  # fmt: skip
def test_without_the_broker_s_fills_exits_cost_the_market_and_entries_its_average(
    desk: Desk,
    name: str,
    ours: int,
    theirs: int,
    expected: list[tuple[str, int, Decimal, Decimal]],
) -> None:
    held(desk, ours)
    at_broker(desk, theirs)
    a_price(f"{LAST:f}", contract=CONTRACT)
    said = taken(desk)
    assert booked() == expected, name
    assert ("the market's last price" in said) == any(price == LAST for _, _, price, _ in expected)
    assert ("the broker's average entry" in said) == any(
        price == AVERAGE for _, _, price, _ in expected
    )
    assert sum(one.sign * one.size for one in Position.objects.all()) == theirs


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "realized"),
    [
        ("grow", 1, 3, Decimal(0)),
        ("shrink", 3, 1, dollars(SOLD - ENTRY, 2)),
        ("flip", 2, -1, dollars(SOLD - ENTRY, 2)),
        ("flat", 2, 0, dollars(SOLD - ENTRY, 2)),
    ],
)
def test_the_broker_s_own_fills_come_first_and_are_booked_once(
    desk: Desk,
    name: str,
    ours: int,
    theirs: int,
    realized: Decimal,
) -> None:
    held(desk, ours)
    at_broker(desk, theirs)
    a_broker_fill(desk, ours, "old", at_ns=START - 1, price=ENTRY)  # before the desk began
    fill = a_broker_fill(desk, theirs - ours)
    a_price(f"{LAST:f}", contract=CONTRACT)
    assert "the broker's own fill" in taken(desk)
    rows = booked()
    assert {price for _, _, price, _ in rows} == {SOLD}, name
    assert sum(one[3] for one in rows) == realized
    BrokerFill.objects.filter(pk=fill.pk).update(seen_at=timezone.now())
    reconcile(desk.account.remote)  # the sweep meets it afterwards
    desk.step()
    assert booked() == rows


def test_fills_that_do_not_add_up_are_not_taken_for_what_happened(desk: Desk) -> None:
    held(desk, 3)
    at_broker(desk, 1)
    a_broker_fill(desk, -5)
    a_price(f"{LAST:f}", contract=CONTRACT)
    assert "the market's last price" in taken(desk)


@pytest.mark.parametrize("other", ["", "NQH9"])
def test_without_a_price_of_its_own_nothing_is_booked(alice: Actor, other: str) -> None:
    account = adopted(alice.user, "demo")
    if other:
        a_price(f"{LAST:f}", contract=other)  # the month in front costs something else
    found = Difference.objects.create(
        user=alice.user, account=account, kind="position", subject=CONTRACT, words="w",
        detail={"ours": 2, "theirs": 0}, seen_at=timezone.now(),
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        live.repair(user=alice.user, difference=found, how="take_over")
    assert refused.value.reason == "NO_MARKET"
    assert not Inbox.objects.filter(kind="broker.report").exists()


def test_what_only_a_file_told_is_no_trade_of_today(desk: Desk) -> None:
    bought = a_broker_fill(desk, 2, "f1", at_ns=START - 1, source="csv:tradovate-fills")
    sold = a_broker_fill(desk, -2, "f2", at_ns=START, source="csv:tradovate-fills")
    began = timezone.now() - timedelta(minutes=5)
    Account.objects.update(created_at=began)
    BrokerAccount.objects.update(created_at=began)
    BrokerFill.objects.update(
        seen_at=timezone.now() - timedelta(seconds=30)
    )  # its mark had time to come
    reports.sweep(BrokerAccount.objects.get())
    desk.step()
    assert booked() == []

    for row in (bought, sold):  # the broker tells it itself
        BrokerFill.objects.filter(pk=row.pk).update(source="poll")
    reports.sweep(BrokerAccount.objects.get())
    desk.step()
    assert [row[0] for row in booked()] == ["buy", "sell"]
