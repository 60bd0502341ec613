"""What a recorder's owner is told to look at: fills to settle once a day, a size that is not the broker's once until it agrees."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers.models import BrokerAccount, BrokerPosition, Connection
from apps.bus.domain.message import DAY, MINUTE, SECOND, to_datetime, to_instant
from apps.bus.models import FactRow
from apps.notifications.models import Notice
from apps.recorder import deciding, watching
from apps.recorder.models import Opening, SizeDifference
from apps.recorder.services import settle
from apps.recorder.tasks import sweep
from tests.cast import Actor
from tests.integration.notifications.told import hear
from tests.integration.recorder.rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db
NOW = to_instant(timezone.now())


def told(name: str) -> list[dict[str, Any]]:
    return [row.payload for row in FactRow.objects.filter(name=f"recorder.{name}").order_by("seq")]


def holds(account: BrokerAccount, net: int, contract: str = "NQZ5") -> None:
    """Have the broker say what is held."""
    BrokerPosition.objects.update_or_create(
        user=account.user, account=account, contract=contract, defaults={"net": net, "at_ns": 1}
    )


def look(account: BrokerAccount, seconds: float = 0.0) -> int:
    """Look at a moment at which the broker has just been read."""
    now = NOW + int(seconds * SECOND)
    Connection.objects.filter(pk=account.connection_id).update(polled_at=to_datetime(now))
    return watching.look(now)


# ---- fills to settle ----


def two(actor: Actor) -> tuple[BrokerAccount, Any]:
    account = a_broker_account(actor.user)
    first = a_recorder(actor.user, account)
    a_recorder(actor.user, account, "NQ FVG")
    return account, first


def test_fills_to_settle_are_told_once_for_an_account_and_a_day(alice: Actor, bob: Actor) -> None:
    hear()
    account, first = two(alice)
    for minute in (1, 2, 3):
        a_fill(account, 1, "20000.00", minute)
    settle(account=account)
    assert look(account) == 1 and look(account, 60) == 0
    (fact,) = told("undecided")
    assert (fact["fills"], fact["account_name"]) == (3, "DEMO1001")
    assert (fact["strategy"], fact["names"]) == (first.strategy_id, ["NQ Fade", "NQ FVG"])
    a_fill(account, 1, "20000.00", 4)
    settle(account=account)
    assert look(account, 120) == 0, "today it was told"
    assert look(account, 3 * 86_400) == 1, "another one waits since, and it is another day"
    assert look(account, 6 * 86_400) == 0, "nothing new waits"
    assert [one["fills"] for one in told("undecided")] == [3, 4]
    hear()
    rows = Notice.objects.of(alice.user).filter(kind="fills_to_settle")
    assert [one.title for one in rows] == ["4 fills to settle in DEMO1001", "3 fills to settle in DEMO1001"]  # fmt: skip
    assert {one.path for one in rows} == {f"/recorders/{first.strategy_id}/#undecided"}
    page = alice.client.get(f"/recorders/{first.strategy_id}/").content.decode()
    assert "4 fills to settle" in page
    assert not Notice.objects.of(bob.user).exists()


def test_as_many_fills_are_told_as_the_page_lists_and_later_ones_are_said_to_be_there(
    alice: Actor,
) -> None:
    hear()
    account, first = two(alice)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20001.00", 2)  # which closes what is not decided
    settle(account=account)
    look(account)
    hear()
    notice = Notice.objects.get(kind="fills_to_settle")
    page = alice.client.get(f"/recorders/{first.strategy_id}/").content.decode()
    assert notice.title == "2 fills to settle in DEMO1001"
    assert "2 fills to settle" in page and page.count(">neither<") == 2
    assert notice.body.endswith("Later ones of this day are listed there, without another notice.")


def test_where_nothing_waits_nothing_is_told(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    holds(account, 1)
    assert look(account) == 0 and look(account, 90) == 0
    assert not SizeDifference.objects.exists()


# ---- sizes ----


def a_phantom(alice: Actor) -> tuple[BrokerAccount, Any]:
    """Half a hand trade was settled: its entry is a strategy's, its exit nobody's; the broker is flat."""
    account, first = two(alice)
    entry = a_fill(account, 2, "20000.00", 1)
    exit_ = a_fill(account, -2, "20001.00", 2)
    settle(account=account)
    for fill, whose in ((entry, first.strategy_id), (exit_, None)):
        deciding.assign(user=alice.user, fill=fill, shares=[(whose, 2)], by="alice")
    holds(account, 0)
    return account, first


def test_a_phantom_position_is_told_after_a_minute_and_once_until_it_agrees(alice: Actor) -> None:
    hear()
    account, first = a_phantom(alice)
    assert look(account) == 0 and look(account, 59) == 0
    assert look(account, 61) == 1 and look(account, 600) == 0
    (fact,) = told("differs")
    assert (fact["recorded"], fact["at_broker"], fact["contract"]) == (2, 0, "NQZ5")
    assert (fact["strategy"], fact["user"]) == (first.strategy_id, alice.user.pk)
    hear()
    notice = Notice.objects.get(kind="recorder_differs")
    assert notice.path == f"/recorders/{first.strategy_id}/#positions"
    assert "recorded long 2, at the broker nothing" in notice.body
    holds(account, 2)
    assert look(account, 700) == 0 and not SizeDifference.objects.exists()
    holds(account, 0)
    look(account, 800)
    assert look(account, 870) == 1, "it agreed in between: this is another time"


def test_a_size_that_differs_for_a_moment_is_not_told(alice: Actor) -> None:
    account, _first = a_phantom(alice)
    for seconds, net in ((0, 0), (60, 1), (120, 0), (180, 1)):  # each time by another size
        holds(account, net)
        assert look(account, seconds) == 0
    assert SizeDifference.objects.get().since_ns == NOW + 180 * SECOND


def test_contracts_that_one_holds_by_hand_beside_explain_themselves(alice: Actor) -> None:
    account, first = two(alice)
    entry, by_hand = a_fill(account, 2, "20000.00", 1), a_fill(account, 1, "20001.00", 2)
    settle(account=account)
    for fill, whose in ((entry, first.strategy_id), (by_hand, None)):
        deciding.assign(user=alice.user, fill=fill, shares=[(whose, fill.quantity)], by="alice")
    holds(account, 3)
    holds(account, 5, "ESZ5")  # which no recorder trades
    assert [look(account, one) for one in (0, 70, 140)] == [0, 0, 0]
    assert not SizeDifference.objects.exists()
    holds(account, 4)  # one more than any fill tells
    look(account, 200)
    assert look(account, 270) == 1


def test_what_was_there_before_any_fill_claims_nothing(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    holds(account, 2)
    assert [look(account, one) for one in (0, 70)] == [0, 0]


def test_what_was_held_before_the_desk_knew_the_account_explains_itself_while_it_is_left(
    alice: Actor,
) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    Opening.objects.create(
        account=account, contract="NQZ5", said_net=3, said_at=timezone.now(), at_ns=BEGAN,
        net=3, is_settled=True,
    )  # fmt: skip
    a_fill(account, -1, "20000.00", 1)  # of what was there
    a_fill(account, 1, "20000.00", 2)  # the strategy's
    settle(account=account)
    holds(account, 3)
    assert (look(account), look(account, 60)) == (0, 0), "2 of before beside 1 that is recorded"
    a_fill(account, -3, "20010.00", 3)
    settle(account=account)
    holds(account, 0)
    assert (look(account, 120), look(account, 180)) == (0, 0)
    holds(account, 1)
    assert (look(account, 240), look(account, 300)) == (0, 1), "nothing is left that explains it"


def test_a_broker_that_is_not_read_proves_nothing(alice: Actor) -> None:
    account, _first = a_phantom(alice)
    look(account)
    for later in (DAY, DAY + 2 * MINUTE):
        assert watching.look(NOW + later) == 0
    Connection.objects.update(is_removed=True)
    assert look(account, 2 * 86_400) == 0


def test_the_sweep_looks(alice: Actor) -> None:
    account, _first = a_phantom(alice)
    Connection.objects.update(polled_at=timezone.now())
    sweep()
    row = SizeDifference.objects.get()
    assert (row.account, row.recorded, row.at_broker) == (account, 2, 0)
    assert timezone.now() - to_datetime(row.since_ns) < timedelta(minutes=1)
