"""Figures are read from rows in whole parts, and added up by the database: to the last digit what Decimals come to."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.analytics import recorded
from apps.analytics.books import Scope
from apps.analytics.domain import profit
from apps.analytics.parts import MOST, InParts
from apps.recorder.models import RecordedPosition, Recorder
from apps.recorder.queries import recorder_views
from tests.cast import Actor
from tests.factories import at
from tests.integration.recorder.rows import a_broker_account, a_recorder

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
TODAY = date(2025, 12, 2)
# Of each: realized, fees, whether all fees are known. None: it cannot be valued.
MADE = (
    ("45.0000", "1.2400", True), ("-112.7600", "1.2400", True), ("0", "3.1250", True),
    ("0.0001", "0.0002", False), ("-0.3333", "0", False), (None, "1.24", True),
    ("99999999999.9999", "0.0001", True), ("-99999999999.9999", "0.0001", True),
    ("1.0050", "0.0050", True), ("31.2500", "2.9999", False),
)  # fmt: skip


def _positions(recorder: Recorder) -> list[RecordedPosition]:
    """Make a closed position of each, every other one today's."""
    return [
        RecordedPosition.objects.create(
            user=recorder.user, key=f"{recorder.pk}:{number}", strategy=recorder.strategy,
            account=recorder.account, contract="NQZ5", root="NQ", sign=1, size=0, most=1, entered=1,
            exited=1, entry=20_000, exit=20_001, cost=20_000, status="closed", realized=made,
            fees=fees, fees_known=known, opened_ns=at("2025-12-02T15:00:00Z") + number,
            closed_ns=at("2025-12-02T15:10:00Z") + number,
            trade_date=TODAY if number % 2 else date(2025, 12, 1),
        )
        for number, (made, fees, known) in enumerate(MADE)
    ]  # fmt: skip


@pytest.fixture
def recorder(alice: Actor) -> Recorder:
    """Alice's recorder, with positions."""
    made = a_recorder(alice.user, a_broker_account(alice.user))
    _positions(made)
    return made


def test_the_database_reads_whole_parts_exactly(recorder: Recorder) -> None:
    rows = RecordedPosition.objects.order_by("id")
    for made, parts in rows.values_list("realized", InParts("realized")):
        assert parts == (None if made is None else made * 10_000)
        assert parts is None or (type(parts) is int and abs(parts) < MOST * 10_000)


@pytest.mark.parametrize("digits", range(1, 12))
def test_every_last_digit_survives(recorder: Recorder, digits: int) -> None:
    row = RecordedPosition.objects.order_by("id")[0]
    for last in range(1, 60, 7):
        whole = 10**digits - last
        for made in (Decimal(whole).scaleb(-4), -Decimal(whole).scaleb(-4)):
            RecordedPosition.objects.filter(pk=row.pk).update(realized=made)
            found = RecordedPosition.objects.filter(pk=row.pk).values_list(InParts("realized"))
            assert found.get() == (made * 10_000,)


def test_a_glance_is_what_the_figures_are(alice: Actor, recorder: Recorder) -> None:
    pk, user = recorder.strategy_id, alice.user
    results = [one.result for one in recorded.closed(user, Scope(strategy=pk))]
    today = [one for one in results if one.day == TODAY]
    glance = recorded.of_strategies(user, [pk], TODAY)[pk]
    assert glance.trades == len(results) == len(MADE) - 1
    assert Fraction(glance.net) == profit.net(results)
    assert Fraction(glance.net_today) == profit.net(today)
    assert glance.win_rate == profit.win_rate(results)
    assert glance.fees_unknown == profit.fees_unknown(results) == 3
    assert glance.fees_unknown_today == profit.fees_unknown(today)
    assert str(glance.net) == "-44.4485" and glance.net.as_tuple().exponent == -4


def test_a_glance_leaves_out_what_a_reset_left_out_and_whose_it_is_not(
    alice: Actor, bob: Actor, recorder: Recorder
) -> None:
    pk = recorder.strategy_id
    assert recorded.of_strategies(bob.user, [pk], TODAY)[pk] == recorded.Glance()
    Recorder.objects.filter(pk=recorder.pk).update(reset_ns=at("2025-12-02T16:00:00Z"))
    empty = recorded.of_strategies(alice.user, [pk], TODAY)[pk]
    assert empty == recorded.Glance() and empty.win_rate is None
    assert str(empty.net) == str(empty.net_today) == "0.0000"


def test_the_list_of_recorders_reads_no_closed_position(alice: Actor, recorder: Recorder) -> None:
    with CaptureQueriesContext(connection) as queries:
        (view,) = recorder_views(alice.user, TODAY)
    assert view.closed == len(MADE) and view.unvalued == 1
    listing: list[Any] = [
        one["sql"] for one in queries
        if 'FROM "recorder_recordedposition"' in one["sql"] and "GROUP BY" not in one["sql"]
    ]  # fmt: skip
    assert all('"closed_ns" IS NULL' in sql for sql in listing)
