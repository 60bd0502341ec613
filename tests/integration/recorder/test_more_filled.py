"""An order that fills over several settlings is told with what it opened or closed by now, each part once."""

from typing import Any

import pytest

from apps.bus import bus, transport
from apps.bus.models import FactRow
from apps.notifications import services
from apps.notifications.models import Delivery, Notice
from apps.notifications.subscribers import NAME
from apps.recorder.models import RecorderLog
from apps.recorder.services import settle
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market(db: None) -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    bus.catch_up(NAME)
    yield
    transport.use(None)


def told() -> list[tuple[str, int, int]]:
    """Return what was told: the word, the order's contracts, what was held then."""
    rows = FactRow.objects.filter(name__startswith="recorder.").exclude(name="recorder.changed")
    return [
        (row.name.partition(".")[2], row.payload["quantity"], row.payload["left"])
        for row in rows.order_by("seq")
    ]


def test_an_entry_that_fills_in_parts_is_told_with_all_of_them(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1, order="o1")
    settle(account=account)
    a_fill(account, 1, "20001.00", 2, order="o1")
    a_fill(account, 1, "20002.00", 3, order="o1")
    for _again in range(3):
        settle(account=account, since=0)
    assert told() == [("opened", 1, 1), ("more_filled", 3, 3)]
    more = FactRow.objects.get(name="recorder.more_filled")
    assert (more.payload["of_what"], more.payload["price"]) == ("opened", "20001.00")
    lines = RecorderLog.objects.filter(kind="opened").order_by("id")
    assert [line.text for line in lines] == [
        "Opened long 1 NQZ5 at 20,000.00.", "More filled: opened long 3 NQZ5 at 20,001.00.",
    ]  # fmt: skip


def test_what_comes_in_one_settling_is_told_once_also_between_fills_of_others(
    alice: Actor,
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    for minute, order in enumerate(("o1", "o2", "o1")):
        a_fill(account, 1, "20000.00", minute, order=order)
    for minute, order in enumerate(("o3", "o4", "o3"), 5):
        a_fill(account, -1, "20010.00", minute, order=order)
    settle(account=account)
    assert told() == [("opened", 2, 3), ("added", 1, 2), ("reduced", 1, 1), ("closed", 2, 0)]


def test_an_exit_that_fills_in_parts_is_told_with_all_of_them_and_its_end_once(
    alice: Actor,
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 4, "20000.00", 1)
    for minute in (2, 3, 4, 5):
        a_fill(account, -1, "20010.00", minute, order="out")
        settle(account=account)
    assert told() == [
        ("opened", 4, 4), ("reduced", 1, 3), ("more_filled", 2, 2), ("more_filled", 3, 1), ("closed", 4, 0),
    ]  # fmt: skip
    nets = FactRow.objects.filter(name="recorder.more_filled").order_by("seq")
    assert [row.payload["net"] for row in nets] == ["394.0000", "592.0000"]


def test_a_part_that_was_late_and_came_before_the_others_opens_nothing_again(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    for minute in (3, 1, 2):
        a_fill(account, 1, "20000.00", minute, order="o1")
        settle(account=account)
    assert told() == [("opened", 1, 1), ("more_filled", 2, 2), ("more_filled", 3, 3)]


def test_what_a_former_desk_told_is_taken_as_told_in_full(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1, order="o1")
    settle(account=account)
    RecorderLog.objects.update(contracts=None)
    a_fill(account, 1, "20000.00", 2, order="o1")
    settle(account=account)
    assert told() == [("opened", 1, 1)]


@pytest.mark.both_databases
def test_a_notice_that_has_not_left_is_told_with_what_the_order_opened_by_now(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    for minute, price in enumerate(("20000.00", "20001.00", "20003.00", "20004.00"), 1):
        a_fill(account, 1, price, minute, order="o1")
        settle(account=account)
        bus.catch_up(NAME)
    row = Notice.objects.get()
    assert row.title == "NQ long opened, NQ Fade"
    assert row.body == "DEMO1001: 4 at 20,002.00 on average."
    assert Delivery.objects.count() == 1


@pytest.mark.both_databases
def test_a_notice_that_has_left_is_followed_by_what_the_order_came_to(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1, order="o1")
    settle(account=account)
    bus.catch_up(NAME)
    Delivery.objects.update(status="sent", attempts=1)
    for minute, price in ((2, "20001.00"), (3, "20002.00")):
        a_fill(account, 1, price, minute, order="o1")
        settle(account=account)
        bus.catch_up(NAME)
    first, second = Notice.objects.order_by("id")
    assert first.body == "DEMO1001: 1 at 20,000.00."
    assert (second.kind, second.title) == (first.kind, "NQ long opened, more filled, NQ Fade")
    assert second.body == "DEMO1001: now 3 at 20,001.00 on average."
