"""An account's fills as rows: derived anew where something changed, written once, told once."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.brokers.domain.told import BrokerFillSeen
from apps.bus import bus, transport
from apps.bus.lease import only_one
from apps.bus.models import FactRow
from apps.recorder import deciding, recorders
from apps.recorder.models import Book, RecordedFill, RecordedPosition, RecorderLog
from apps.recorder.services import settle
from apps.recorder.subscribers import NAME
from apps.recorder.tasks import hear
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder, an_order, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


@pytest.fixture(autouse=True)
def _market_time(_own_transport: Any) -> None:
    transport.set_market_time(BEGAN, True)


def told(kind: str = "recorder.") -> list[str]:
    rows = FactRow.objects.filter(name__startswith=kind).exclude(name="recorder.changed")
    return [row.name.partition(".")[2] for row in rows.order_by("seq")]


def test_positions_follow_the_fills_and_each_step_is_told_once(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, 1, "20010.00", 2)
    assert settle(account=account) == 1
    assert recorded(account) == [("NQ Fade", 2, 2, "open", "0.00")]
    a_fill(account, -1, "20020.00", 3)
    settle(account=account)
    a_fill(account, -1, "20005.00", 4)
    assert (settle(account=account), settle(account=account)) == (1, 0)
    assert recorded(account) == [("NQ Fade", 2, 0, "closed", "300.00")]
    row = RecordedPosition.objects.get()
    assert (row.fees, row.entry, row.exit) == (8, Decimal(20005), Decimal("20012.5"))
    assert told() == ["opened", "added", "reduced", "closed"]
    closed = FactRow.objects.get(name="recorder.closed").payload
    assert (closed["strategy_name"], closed["account_name"], closed["side"]) == (
        "NQ Fade", "DEMO1001", "long",
    )  # fmt: skip
    assert (closed["net"], closed["price"], closed["left"]) == ("292.0000", "20005.00", 0)


def test_a_stop_and_its_risk_are_told(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    an_order(account, "1")
    stop = an_order(account, "2", "stop", parent="1", stop=Decimal("19990.00"), side="sell")
    a_fill(account, 1, "20000.00", 1, order="1", fees=Decimal(0))
    settle(account=account)
    stop.stop = Decimal("19995.00")  # it is trailed, and the broker tells where it is now
    stop.save()
    a_fill(account, -1, "19995.00", 2, order="2", fees=Decimal(0))
    settle(account=account)
    row = RecordedPosition.objects.get()
    assert (row.status, row.stop, row.risk) == ("stopped_out", Decimal("19990.00"), 200)
    assert FactRow.objects.get(name="recorder.stop_hit").payload["r"] == "-0.5000"
    assert told() == ["opened", "stop_hit"]


def test_a_stop_that_is_heard_after_its_entry_is_the_first_stop_wherever_it_goes(
    alice: Actor,
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    an_order(account, "1")
    a_fill(account, 1, "20000.00", 1, order="1", fees=Decimal(0))
    settle(account=account)
    stop = an_order(account, "2", "stop", parent="1", stop=Decimal("19990.00"), side="sell")
    settle(account=account, orders=["2"])  # as its fact has it settled
    assert RecordedPosition.objects.get().risk == 200
    stop.stop = Decimal("20001.00")  # trailed beyond the entry before anything else is filled
    stop.save()
    settle(account=account, orders=["2"])
    a_fill(account, -1, "20001.00", 2, order="2", fees=Decimal(0))
    settle(account=account)
    row = RecordedPosition.objects.get()
    assert (row.status, row.stop, row.risk) == ("stopped_out", Decimal("19990.00"), 200)
    assert FactRow.objects.get(name="recorder.stop_hit").payload["r"] == "0.1000"


def test_a_fill_that_was_late_changes_what_followed_and_says_so(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 5)
    settle(account=account)
    a_fill(account, 1, "20002.00", 3)
    settle(account=account)
    assert recorded(account) == [("NQ Fade", 2, 1, "open", "200.00")]
    assert told() == ["opened", "closed", "added", "reduced"]
    assert RecorderLog.objects.filter(kind="corrected").count() == 1


def test_a_fill_that_the_exchange_took_back_is_taken_out(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    first = a_fill(account, 1, "20000.00", 1)
    a_fill(account, 1, "20001.00", 2)
    a_fill(account, -1, "20010.00", 3)
    settle(account=account)
    first.is_active = False
    first.save()
    settle(account=account)
    assert recorded(account) == [("NQ Fade", 1, 0, "closed", "180.00")]
    assert not RecordedFill.objects.filter(fill=first).exists()


def test_fees_that_come_later_are_taken_in(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    late = a_fill(account, -1, "20010.00", 2, fees=None)
    settle(account=account)
    assert not RecordedPosition.objects.get().fees_known
    late.fees = Decimal("2.10")
    late.save()
    settle(account=account)
    row = RecordedPosition.objects.get()
    assert (row.fees, row.fees_known) == (Decimal("4.10"), True)
    assert not RecorderLog.objects.filter(kind="corrected").exists()


def test_a_tag_that_is_heard_later_moves_the_fill(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    other = a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    assert recorded(account) == []
    an_order(account, fill.order, tag=f"th{other.strategy_id}-1")
    settle(account=account)
    assert recorded(account) == [("NQ FVG", 1, 1, "open", "0.00")]


def test_a_decision_settles_and_its_undoing_brings_the_question_back(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 3, "20000.00", 1)
    settle(account=account)
    parts = [(first.strategy_id, 2), (None, 1)]
    deciding.assign(user=alice.user, fill=fill, shares=parts, by="alice")
    assert recorded(account) == [("NQ Fade", 2, 2, "open", "0.00")]
    assert deciding.undo(fill=fill, by="alice")
    assert recorded(account) == []
    assert [row.reason for row in RecordedFill.objects.all()] == ["ambiguous"]
    assert told("recorder.assigned") == ["assigned", "assigned"]


def test_facts_are_kept_last_because_that_holds_up_everybody_elses(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    for shares in ([(first.strategy_id, 1)], [(None, 1)]):
        with CaptureQueriesContext(connection) as asked:
            deciding.assign(user=alice.user, fill=fill, shares=shares, by="alice")
        kept = [n for n, one in enumerate(asked) if 'INTO "bus_factrow"' in one["sql"]]
        other = [n for n, one in enumerate(asked) if '"recorder_' in one["sql"]]
        assert kept[0] > other[-1]


def test_what_is_older_than_the_start_is_recorded_without_news(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_fill(account, 1, "20000.00", -60)
    a_fill(account, -1, "20010.00", -50)
    a_recorder(alice.user, account, since=0)
    assert recorded(account) == [("NQ Fade", 1, 0, "closed", "200.00")]
    assert told() == []
    assert RecorderLog.objects.filter(kind__in=("opened", "closed")).count() == 2


def test_what_a_file_brings_is_no_news(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1, source="csv:tradovate")
    settle(account=account)
    assert (len(recorded(account)), told()) == (1, [])


def test_recording_stops_for_entries_and_follows_what_is_open(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    transport.set_market_time(BEGAN + 2 * 60 * 10**9, True)
    recorders.stop(recorder=recorder, by="alice")
    a_fill(account, -1, "20010.00", 3)
    a_fill(account, 1, "20010.00", 4)
    settle(account=account)
    assert recorded(account) == [("NQ Fade", 1, 0, "closed", "200.00")]


def test_the_bus_carries_a_fill_to_its_recorder(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    bus.catch_up(NAME)
    fill = a_fill(account, 1, "20000.00", 1)
    bus.publish(
        BrokerFillSeen(
            at=fill.at_ns, user=alice.user.pk, account=account.pk, fill=fill.pk, remote=fill.remote,
            contract=fill.contract, side=fill.side, quantity=1, price=fill.price,
            trade_date=fill.trade_date,
        )
    )  # fmt: skip
    assert bus.catch_up(NAME) == 1
    assert len(recorded(account)) == 1


def test_a_batch_of_facts_settles_an_account_once_and_one_worker_hears_it(
    alice: Actor, django_assert_max_num_queries: Any
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    hear()
    for number in range(30):
        fill = a_fill(account, 1 if number % 2 == 0 else -1, "20000.00", number)
        fact = BrokerFillSeen(
            at=fill.at_ns, user=alice.user.pk, account=account.pk, fill=fill.pk, remote=fill.remote,
            contract=fill.contract, side=fill.side, quantity=1, price=fill.price,
            trade_date=fill.trade_date,
        )  # fmt: skip
        bus.publish(fact)
    with only_one("recorder.hear", timezone.now):
        assert (hear(), len(recorded(account))) == (0, 0)
    with django_assert_max_num_queries(70):
        assert hear() == 30
    assert (hear(), len(recorded(account))) == (0, 15)
    assert Book.objects.get(account=account).version == 1


def test_a_flat_moment_is_where_the_next_derivation_begins(
    alice: Actor, django_assert_max_num_queries: Any
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    for number in range(40):
        a_fill(account, 1, "20000.00", number * 2)
        a_fill(account, -1, "20001.00", number * 2 + 1)
    settle(account=account)
    versions = set(RecordedPosition.objects.values_list("version", flat=True))
    a_fill(account, 1, "20000.00", 100)
    with django_assert_max_num_queries(40):
        settle(account=account)
    assert versions == {1}
    assert len(recorded(account)) == 41
