"""Wishes wait durably in the inbox, and the same wish is one wish."""

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.bus import bus, transport
from apps.bus.domain.message import Command, Fact, decode_command
from apps.bus.models import Cursor, FactRow, Inbox

pytestmark = pytest.mark.both_databases
NINE = 1_762_180_200_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Greet(Command):
    """A wish for the tests."""

    name: ClassVar[str] = "test.greet"
    whom: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeted(Fact):
    """The fact that answers it."""

    name: ClassVar[str] = "greeting.said"
    whom: str

    @property
    def key(self) -> str:
        """Return what names it."""
        return f"{self.name}:{self.whom}"

    @property
    def of(self) -> str:
        """Return whom it tells about."""
        return self.whom


@pytest.fixture
def memory():
    """Give the test a transport of its own, in memory."""
    transport.use(transport.MemoryTransport())
    yield transport.current()
    transport.use(None)


def submit(whom="Ann", **more) -> bus.Receipt:
    return bus.deliver(Greet(whom=whom), user=7, source="test", **more)


def test_a_wish_is_stored_with_both_clocks_and_rings_the_bell(db, memory):
    transport.set_market_time(NINE, live=True)
    began = timezone.now()
    receipt = submit(expires_market_at=NINE + 5)
    row = Inbox.objects.get()
    assert receipt == (row.pk, True)
    assert (row.kind, row.user_id, row.source, row.handled) == ("test.greet", 7, "test", False)
    assert (row.market_at, row.market_live, row.expires_market_at) == (NINE, True, NINE + 5)
    assert began <= row.received_at <= timezone.now()
    assert decode_command(row.kind, row.payload) == Greet(whom="Ann")
    assert memory.inbox_waiting.is_set()


def test_the_same_key_is_the_same_wish(db, memory):
    first = submit(key="k")
    assert submit("Bob", key="k") == (first.id, False)
    assert submit("Bob", key="other").is_new
    assert Inbox.objects.count() == 2


def test_a_key_may_hold_for_a_while_only(db, memory):
    first = submit(key="k", key_seconds=60)
    assert submit(key="k", key_seconds=60) == (first.id, False)
    Inbox.objects.update(received_at=timezone.now() - timedelta(seconds=61))
    again = submit(key="k", key_seconds=60)
    assert again.is_new
    assert submit(key="k", key_seconds=60) == (again.id, False)


@pytest.mark.django_db(transaction=True)
def test_a_wish_inside_a_transaction_is_no_durable_wish(memory):
    with pytest.raises(RuntimeError), transaction.atomic():
        submit()
    assert not Inbox.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_eight_at_the_same_moment_store_one(memory):
    receipts: list[bus.Receipt] = []
    together = threading.Barrier(8)

    def bring() -> None:
        together.wait(50)
        try:
            receipts.append(submit(key="k", key_seconds=60))
        finally:
            connection.close()

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(receipts) == 8
    assert len({receipt.id for receipt in receipts}) == 1
    assert [receipt.is_new for receipt in receipts].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_ask_waits_for_the_fact_that_answers(memory):
    def engine() -> None:
        memory.inbox_waiting.wait(50)
        waiting = Inbox.objects.filter(handled=False).get()
        fact = Greeted(at=NINE, user=7, whom="Ann")
        with transaction.atomic():
            rows = bus.record_facts([fact], causes={fact.key: waiting.pk})
            Inbox.objects.filter(pk=waiting.pk).update(handled=True)
        bus.tell(rows)
        connection.close()

    thread = threading.Thread(target=engine)
    thread.start()
    answer = bus.ask(Greet(whom="Ann"), user=7, source="test", timeout=50)
    thread.join(10)
    assert answer is not None
    assert (answer.name, answer.of) == ("greeting.said", "Ann")


def test_ask_gives_up(db, memory):
    assert bus.ask(Greet(whom="Ann"), user=7, source="test", timeout=0) is None


def test_a_fact_said_twice_is_kept_once_and_in_order(db, memory):
    facts = [Greeted(at=NINE + n, whom=whom) for n, whom in enumerate("abc")]
    assert [row.of for row in bus.record_facts(facts[:2])] == ["a", "b"]
    assert [row.of for row in bus.record_facts(facts)] == ["c"]
    rows = list(FactRow.objects.all())
    assert [row.of for row in rows] == ["a", "b", "c"]
    assert [row.at_ns for row in rows] == [NINE, NINE + 1, NINE + 2]
    assert all(row.pk for row in rows)
    assert rows[0].payload == {
        "fact": "greeting.said",
        "at": "2025-11-03T14:30:00Z",
        "user": 0,
        "whom": "a",
    }


@pytest.mark.django_db(transaction=True)
def test_a_published_fact_is_told_on_commit_with_the_count_of_its_topic(memory):
    heard: list[transport.Said] = []
    stop = transport.listen(heard.append)
    with transaction.atomic():
        bus.publish(Greeted(at=NINE, user=7, whom="Ann"))
        assert not heard
    bus.publish(Greeted(at=NINE, user=7, whom="Bob"))
    bus.publish(Greeted(at=NINE, user=7, whom="Bob"))
    stop()
    bus.publish(Greeted(at=NINE, user=7, whom="Cid"))
    assert [(said.topic, said.kind) for said in heard] == [("user.7.greetings", "fact")] * 2
    assert [(said.payload["n"], said.payload["of"]) for said in heard] == [(1, "Ann"), (2, "Bob")]
    assert transport.counts() == {"user.7.greetings": 3}


@pytest.mark.django_db(transaction=True)
def test_a_fact_of_a_transaction_that_failed_is_never_told(memory):
    heard: list[transport.Said] = []
    transport.listen(heard.append)
    with transaction.atomic():
        bus.publish(Greeted(at=NINE, whom="Ann"))
        transaction.set_rollback(True)
    assert not heard
    assert not FactRow.objects.exists()


def test_a_subscriber_hears_each_fact_once_and_again_after_a_failure(db, memory):
    heard: list[str] = []
    fail = [True]

    @bus.subscriber("test.listener", Greeted)
    def hear(row: FactRow) -> None:
        if row.of == "c" and fail.pop():
            raise ConnectionError
        heard.append(row.of)

    bus.publish(Greeted(at=NINE, whom="before"))
    assert bus.catch_up("test.listener") == 0
    for whom in "abcd":
        bus.publish(Greeted(at=NINE, whom=whom))
    with pytest.raises(ConnectionError):
        bus.catch_up("test.listener")
    assert heard == ["a", "b"]
    fail.append(False)
    assert bus.catch_up("test.listener") == 2
    assert heard == ["a", "b", "c", "d"]
    assert bus.catch_up("test.listener") == 0
    assert Cursor.objects.get(source="subscriber:test.listener").value == str(
        FactRow.objects.get(of="d").seq
    )


def test_old_handled_wishes_are_forgotten_and_waiting_ones_never(db, memory):
    submit("old"), submit("waiting"), submit("new")
    ids = list(Inbox.objects.order_by("id").values_list("pk", flat=True))
    Inbox.objects.filter(pk__in=ids[:2]).update(received_at=timezone.now() - timedelta(days=40))
    Inbox.objects.filter(pk__in=[ids[0], ids[2]]).update(handled=True)
    assert bus.forget(older_than_days=30) == 1
    assert list(Inbox.objects.order_by("id").values_list("pk", flat=True)) == ids[1:]


@pytest.mark.django_db(transaction=True)
def test_who_reads_facts_by_seq_never_misses_one_that_is_committed_later(memory):
    go = threading.Event()

    def speak(who: int) -> None:
        go.wait(50)
        for n in range(20):
            bus.publish(Greeted(at=NINE, whom=f"{who}-{n}"))
        connection.close()

    threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    read: list[int] = []
    breath = threading.Event()  # a reader that never lets go of the interpreter starves the writers
    while len(read) < 80 and (any(thread.is_alive() for thread in threads) or not read):
        breath.wait(0.002)
        last = read[-1] if read else 0
        read += FactRow.objects.filter(seq__gt=last).order_by("seq").values_list("seq", flat=True)
    for thread in threads:
        thread.join(10)
    read += FactRow.objects.filter(seq__gt=read[-1]).values_list("seq", flat=True)
    assert len(read) == FactRow.objects.count() == 80
