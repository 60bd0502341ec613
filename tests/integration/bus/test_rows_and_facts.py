"""Who has locked a row and tells of it, and who tells first and then needs the row, never wait for each other.

Facts get their order by a lock that is held to the end of a transaction; references are looked at there, too.
"""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from apps.brokers import live, services, tokens
from apps.brokers.models import Account, Connection
from apps.bus import bus
from apps.marketdata.domain.messages import FeedChangedState
from apps.recorder import archiving
from apps.signals.models import Strategy, WebhookRefusal
from apps.signals.services import create_strategy
from tests.cast import Actor
from tests.integration.brokers.shared import a_connection, let_out
from tests.integration.brokers.test_firms_accounts import SIZES, at_broker

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = "SET lock_timeout = '20s'"
SOMEBODY_WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted"


def a_fact(reason: str) -> FeedChangedState:
    return FeedChangedState(at=1, contract="NQZ5", state="lost", reason=reason, wall_at=1)


def until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        for _ in range(3000):
            cursor.execute(SOMEBODY_WAITS)
            if cursor.fetchone() != (0,):
                return
            threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.postgres
def test_what_refers_to_a_strategy_is_told_while_somebody_archives_it(alice: Actor) -> None:
    """The engine tells of a signal, and at its commit looks whether the strategy is there: it does not wait for that."""
    strategy, _ = create_strategy(user=alice.user, name="Fade")
    is_told = threading.Event()

    def archives() -> None:
        try:
            with transaction.atomic():
                archiving._locked(strategy)
                is_locked.set()
                assert is_told.wait(20), "it waits for the row"
                bus.publish(a_fact("archived"))
        finally:
            connections.close_all()

    is_locked = threading.Event()
    with ThreadPoolExecutor(1) as elsewhere:
        archiving_ = elsewhere.submit(archives)
        assert is_locked.wait(20)
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
        with transaction.atomic():
            bus.publish(a_fact("signal"))
            WebhookRefusal.objects.create(
                strategy_id=strategy.pk,
                code="X",
                detail="",
                body="",
                received_at=strategy.created_at,
            )
        is_told.set()
        archiving_.result(20)
    assert Strategy.objects.get().refusals.count() == 1


@pytest.mark.postgres
def test_a_login_is_freed_while_what_its_broker_says_is_taken_in(alice: Actor) -> None:
    """Two connections of one login: whoever takes rows in has locked one of them, and then tells."""
    displaced = {"login": "t", "state": "displaced"}
    a_connection(alice.user, environment="demo", name="one", **displaced)
    second = a_connection(alice.user, environment="live", name="two", **displaced)

    def frees() -> None:
        try:
            tokens.free("demo", "t")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():  # as `mirror.take_in` does
            Connection.objects.select_for_update(no_key=True).get(pk=second.pk)
            freeing = elsewhere.submit(frees)
            until_somebody_waits()
            bus.publish(a_fact("taken in"))
        freeing.result(20)
    assert set(Connection.objects.values_list("state", flat=True)) == {"new"}


def lets_out(account: Account) -> None:
    live.switch_on(user=account.user, account=account, typed="", is_proved=False, **SIZES)


def becomes_a_firm_s(account: Account) -> None:
    let_out(account)
    services.change_account(account=account, firm="Apex")


@pytest.mark.postgres
@pytest.mark.parametrize("change", [lets_out, becomes_a_firm_s])
def test_an_account_s_orders_are_switched_while_the_engine_books_on_it(
    alice: Actor, change: Callable[[Account], None]
) -> None:
    """The engine tells first and then writes the account's row; who switches its orders must hold no lock on that."""
    account = at_broker(alice.user, firm="")

    def changes() -> None:
        try:
            change(account)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            bus.publish(a_fact("booked"))
            changing = elsewhere.submit(changes)
            until_somebody_waits()
            Account.objects.filter(pk=account.pk).update(balance=51_000)
        changing.result(20)
    account.refresh_from_db()
    assert (account.balance, account.live_switch.is_on) == (51_000, change is lets_out)


def test_no_row_is_locked_against_those_who_only_refer_to_it() -> None:
    """FOR UPDATE keeps everybody from committing a row that refers to the locked one, the engine among them."""
    calls = [
        (path.as_posix(), found)
        for path in Path("apps").rglob("*.py")
        for found in re.findall(r"select_for_update\(([^)]*)", path.read_text())
    ]
    assert len(calls) > 20
    assert [one for one in calls if "no_key=True" not in one[1]] == []
