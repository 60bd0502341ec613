"""What a person sets and what the engine is told of it are one: cut off anywhere in between, neither is there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from apps.brokers import grouping, live, services
from apps.brokers.domain.messages import Flatten
from apps.brokers.models import Account, AccountGroup, LiveSwitch, Route
from apps.bus import bus, transport
from apps.bus.models import FactRow, Inbox
from apps.trades.services import Refused
from tests.cast import Actor
from tests.factories import NOW, a_strategy, at
from tests.integration.papertrading.rows import an_account

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(Exception):
    """The process is gone."""


@pytest.fixture(autouse=True)
def way() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


@contextmanager
def killed_at(*words: str) -> Iterator[None]:
    """Let the process end at the first statement that begins so and names this table."""
    verb, table = words

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(verb) and f'"{table}"' in sql:
            raise Killed
        return run(sql, params, many, context)

    with pytest.raises(Killed), connection.execute_wrapper(execute):
        yield


INBOX = Inbox._meta.db_table
GROUP = AccountGroup._meta.db_table
MEMBER = AccountGroup.members.rel.related_model._meta.db_table


def told() -> list[tuple[str, Any]]:
    """Return what the engine was told of groups, the oldest first."""
    rows = Inbox.objects.filter(kind="group.list").order_by("id")
    return [(one.kind, one.payload) for one in rows]


def names() -> list[tuple[str, list[int]]]:
    rows = AccountGroup.objects.prefetch_related("members").order_by("id")
    return [(one.name, [member.account_id for member in one.members.all()]) for one in rows]


@pytest.mark.parametrize("place", [("INSERT", INBOX), ("UPDATE", GROUP), ("INSERT", MEMBER)])
def test_a_group_whose_change_is_cut_off_is_what_it_was_and_nobody_is_told(
    alice: Actor, place: tuple[str, str]
) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "Beta")
    group = grouping.make_group(user=alice.user, name="main", members=[{"account": first.pk}])
    before = told()
    with killed_at(*place):
        grouping.change_group(group=group, name="apex", members=[{"account": second.pk}])
    assert (names(), told()) == ([("main", [first.pk])], before)
    grouping.change_group(group=group, name="apex", members=[{"account": second.pk}])
    assert names() == [("apex", [second.pk])]
    assert len(told()) == len(before) + 1


@pytest.mark.parametrize("place", [("INSERT", INBOX), ("DELETE", GROUP)])
def test_a_group_whose_end_is_cut_off_stands_and_nobody_is_told(
    alice: Actor, place: tuple[str, str]
) -> None:
    group = grouping.make_group(user=alice.user, name="main")
    before = told()
    with killed_at(*place):
        grouping.end_group(group=group)
    assert (names(), told()) == ([("main", [])], before)
    grouping.end_group(group=AccountGroup.objects.get())
    assert (names(), len(told())) == ([], len(before) + 1)


def test_a_group_that_is_not_made_is_not_told(alice: Actor) -> None:
    with killed_at("INSERT", INBOX):
        grouping.make_group(user=alice.user, name="main")
    assert (names(), told()) == ([], [])


def test_a_group_that_was_ended_meanwhile_does_not_come_back(alice: Actor) -> None:
    group = grouping.make_group(user=alice.user, name="main")
    grouping.end_group(group=AccountGroup.objects.get())
    with pytest.raises(Refused) as refused:
        grouping.change_group(group=group, name="apex", members=[])
    assert refused.value.reason == "GONE"
    assert names() == []


def test_the_engine_is_woken_once_it_is_committed(alice: Actor) -> None:
    rung = transport.current().inbox_waiting
    with transaction.atomic():
        grouping.make_group(user=alice.user, name="main")
        assert not rung.is_set()
    assert rung.is_set()
    with pytest.raises(RuntimeError):
        bus.enlist(Flatten(id="f", user=alice.user.pk), user=alice.user.pk, source="test")


def test_routes_and_accounts_are_told_with_their_rows_too(alice: Actor) -> None:
    account, strategy = an_account(alice.user), a_strategy(alice.user)
    with killed_at("INSERT", INBOX):
        services.set_route(user=alice.user, strategy=strategy, account=account, mode="automatic")
    assert not Route.objects.exists()
    route = services.set_route(
        user=alice.user, strategy=strategy, account=account, mode="automatic"
    )
    with killed_at("DELETE", Route._meta.db_table):
        services.end_route(route=route)
    assert list(Inbox.objects.values_list("kind", flat=True)) == ["route.list"]
    with killed_at("INSERT", INBOX):
        services.change_account(account=account, name="Other")
    assert Account.objects.get().name != "Other"
    with killed_at("INSERT", INBOX):
        services.open_account(user=alice.user, name="Second", start_balance="50000")
    assert Account.objects.count() == 1


def test_a_switch_is_told_with_its_row_and_its_fact(alice: Actor) -> None:
    account = an_account(alice.user)
    with killed_at("INSERT", INBOX):
        live.switch_off(account=account)
    assert not LiveSwitch.objects.exists()
    assert not FactRow.objects.filter(name="live.switched").exists()
