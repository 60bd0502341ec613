"""What was recorded stays so when its strategy is called or planned otherwise, and its fills are derived once more."""

from decimal import Decimal

import pytest

from apps.brokers.models import BrokerAccount, BrokerFill
from apps.recorder import archiving, recorders
from apps.recorder.services import settle
from tests.cast import Actor
from tests.integration.recorder.rows import a_broker_account, a_fill, a_recorder, an_order, recorded

pytestmark = pytest.mark.django_db


def late_fee(account: BrokerAccount) -> None:
    """Have the broker say the fees of all fills anew: all of it is derived once more."""
    BrokerFill.objects.filter(account=account).update(fees=Decimal("3.00"))
    assert settle(account=account) == 1


def test_fills_that_name_a_strategy_stay_its_when_it_is_renamed(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    fade = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "Breakout")
    for minute, signed, price in ((1, 1, "21000.00"), (5, -1, "21010.00")):
        an_order(account, f"o{minute}", text="NQ Fade")
        a_fill(account, signed, price, minute, order=f"o{minute}")
    settle(account=account)
    was = recorded(account)
    assert was == [("NQ Fade", 1, 0, "closed", "200.00")]
    recorders.change(recorder=fade, by="alice", name="Old fade")
    late_fee(account)
    assert recorded(account) == [("Old fade", 1, 0, "closed", "200.00")]
    a_recorder(alice.user, account, "NQ Fade", since=None)  # the name is another's now
    BrokerFill.objects.filter(account=account).update(fees=Decimal("4.00"))
    settle(account=account)
    assert recorded(account) == [("Old fade", 1, 0, "closed", "200.00")]


def test_a_short_stays_a_strategys_that_trades_only_long_from_now_on(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    fade = a_recorder(alice.user, account)
    a_fill(account, -1, "21010.00", 1)
    a_fill(account, -1, "21014.00", 2)
    a_fill(account, 2, "21000.00", 5)
    settle(account=account)
    assert recorded(account) == [("NQ Fade", -2, 0, "closed", "480.00")]
    recorders.change(recorder=fade, by="alice", ways="long")
    late_fee(account)
    assert recorded(account) == [("NQ Fade", -2, 0, "closed", "480.00")]
    a_fill(account, -1, "21010.00", 10)
    settle(account=account)
    assert len(recorded(account)) == 1, "a new one is not its"


def test_a_target_that_was_hit_stays_one_when_the_plan_is_another(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    fade = a_recorder(alice.user, account, take_profit=Decimal(10), unit="points")
    a_fill(account, 1, "21000.00", 1)
    a_fill(account, -1, "21010.00", 5)
    settle(account=account)
    assert recorded(account) == [("NQ Fade", 1, 0, "target_hit", "200.00")]
    recorders.change(recorder=fade, by="alice", take_profit=Decimal(20))
    late_fee(account)
    assert recorded(account) == [("NQ Fade", 1, 0, "target_hit", "200.00")]


def test_the_name_of_an_archived_strategy_is_free_once_that_is_called_otherwise(
    alice: Actor,
) -> None:
    fade = a_recorder(alice.user, None, since=None)
    archiving.archive(strategy=fade.strategy, by="alice")
    for door in ("/api/strategies/", "/strategies/"):
        said = alice.client.post(door, {"name": "NQ Fade", "symbol": "NQ1!"})
        assert "restore it or call it otherwise" in said.content.decode()
    page = f"/recorders/{fade.strategy_id}/"
    assert f"{page}change/" in alice.client.get(page).content.decode()
    recorders.change(recorder=fade, by="alice", name="NQ Fade 2024")
    assert alice.client.post("/api/strategies/", {"name": "NQ Fade", "symbol": "NQ1!"}).status_code == 201  # fmt: skip
