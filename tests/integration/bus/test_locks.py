"""The roles that are held for life, and the locks of a moment, never wait for each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from apps.bus import bus
from apps.bus.models import FactRow
from apps.bus.only import AnotherRuns, OnlyOne
from apps.marketdata.domain.messages import FeedChangedState

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = "SET lock_timeout = '5s'"


def held(role: str) -> None:
    """Take a role on a connection of its own, which keeps it until it is closed."""
    OnlyOne(role).take()


@pytest.mark.postgres
@pytest.mark.parametrize("role", ["engine", "gateway"])
def test_facts_are_recorded_while_somebody_else_holds_a_role_for_life(role: str) -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(held, role).result(10)
        try:
            with connection.cursor() as cursor:
                cursor.execute(PATIENCE)
            fact = FeedChangedState(at=1, contract="NQZ5", state="lost", reason=role, wall_at=1)
            bus.publish(fact)
            assert FactRow.objects.filter(name=fact.name).count() == 1
            with pytest.raises(AnotherRuns, match=role):
                OnlyOne(role).take()
        finally:
            elsewhere.submit(connections.close_all).result(10)


@pytest.mark.postgres
def test_both_roles_are_held_side_by_side_by_two_processes() -> None:
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(held, "gateway").result(10)
        try:
            held("engine")
        finally:
            elsewhere.submit(connections.close_all).result(10)
            connection.close()
