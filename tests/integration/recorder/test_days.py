"""The ledger of days: swept, alarmed once, never complete without proof, filled by a file, told to nobody else."""

from datetime import date
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils.dateparse import parse_datetime

from apps.brokers.models import BrokerAccount, BrokerFill, BrokerPosition, Connection
from apps.bus.models import FactRow
from apps.recorder import days, importing, writing
from apps.recorder.models import AccountDayMark
from apps.recorder.services import settle_facts
from tests.cast import Actor
from tests.factories import at
from tests.integration.recorder.imported import an_account, imported, ninja, told_by_broker

pytestmark = pytest.mark.django_db
MONDAY, TUESDAY = date(2025, 1, 27), date(2025, 1, 28)
AFTER_MONDAY, AFTER_TUESDAY = "2025-01-27T22:05:00Z", "2025-01-28T22:05:00Z"


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Any) -> None:
    settings.HOME = tmp_path


def watched(actor: Actor) -> BrokerAccount:
    account = an_account(actor.user)
    BrokerAccount.objects.filter(pk=account.pk).update(
        created_at=parse_datetime("2025-01-26T12:00:00Z"), balance=1000
    )
    return BrokerAccount.objects.select_related("connection").get(pk=account.pk)


def polled(when: str) -> days.Poll:
    """Return a broker that can be read, at that time."""

    def poll(connection: Connection) -> None:
        Connection.objects.filter(pk=connection.pk).update(polled_at=parse_datetime(when))

    return poll


def state(account: BrokerAccount, day: date) -> str:
    return str(AccountDayMark.objects.get(account=account, trade_date=day).state)


def test_two_sweeps_prove_a_day(alice: Actor) -> None:
    account = watched(alice)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    assert state(account, MONDAY) == "unknown"  # what was held before is not known
    told_by_broker(account, "1", "buy", 1, "21500.00", "2025-01-28T15:00:00Z", fees="0.50")
    told_by_broker(account, "2", "sell", 1, "21510.00", "2025-01-28T15:05:00Z", fees="0.50")
    BrokerAccount.objects.filter(pk=account.pk).update(balance="1019.00")
    days.look(at(AFTER_TUESDAY), polled(AFTER_TUESDAY))
    mark = AccountDayMark.objects.get(account=account, trade_date=TUESDAY)
    assert (mark.state, mark.fills) == ("complete", 2) and "and to its cash" in mark.why
    days.look(at("2025-01-28T22:30:00Z"), polled("2025-01-28T22:30:00Z"))
    mark.refresh_from_db()
    assert mark.swept_at == parse_datetime(AFTER_TUESDAY)


def test_a_round_trip_that_is_missing_is_noticed_by_the_cash(alice: Actor) -> None:
    account = watched(alice)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    BrokerAccount.objects.filter(pk=account.pk).update(balance="1019.00")
    days.look(at(AFTER_TUESDAY), polled(AFTER_TUESDAY))
    assert state(account, TUESDAY) == "unknown"


def test_contracts_that_do_not_add_up_are_a_gap_until_a_file_tells_the_rest(alice: Actor) -> None:
    account = watched(alice)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    BrokerPosition.objects.create(
        user=alice.user, account=account, contract="MNQH5", net=2, at_ns=1
    )
    days.look(at(AFTER_TUESDAY), polled(AFTER_TUESDAY))
    assert state(account, TUESDAY) == "gap"
    done = imported(alice.user, ninja(("Buy", 2, "21539.50", "10:59:52 AM", "a1")))
    assert state(account, TUESDAY) == "filled"
    importing.undo(importing=done, at_once=True)
    assert state(account, TUESDAY) == "gap"


def swept_complete(actor: Actor) -> BrokerAccount:
    """Return an account with a round trip on Tuesday, proved by the sweep after it."""
    account = watched(actor)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    told_by_broker(account, "1", "buy", 1, "21500.00", "2025-01-28T15:00:00Z", fees="0.50")
    told_by_broker(account, "2", "sell", 1, "21510.00", "2025-01-28T15:05:00Z", fees="0.50")
    BrokerAccount.objects.filter(pk=account.pk).update(balance="1019.00")
    days.look(at(AFTER_TUESDAY), polled(AFTER_TUESDAY))
    assert state(account, TUESDAY) == "complete"
    return BrokerAccount.objects.select_related("connection").get(pk=account.pk)


def seen(account: BrokerAccount, fill: BrokerFill) -> None:
    """Say that the broker told something of a fill, and have the recorder hear it."""
    with transaction.atomic():
        rows = writing.tell(account, [fill])
    settle_facts(rows)


def test_a_fill_that_is_told_after_the_sweep_ends_its_proof(alice: Actor) -> None:
    account = swept_complete(alice)
    seen(account, told_by_broker(account, "3", "buy", 1, "21500.00", "2025-01-28T21:59:59Z"))
    mark = AccountDayMark.objects.get(account=account, trade_date=TUESDAY)
    assert (mark.state, mark.fills) == ("gap", 3)
    assert "MNQH5 +1 by the fills, +0 at the broker" in mark.why


def test_a_fill_that_the_exchange_takes_back_after_the_sweep_ends_its_proof(alice: Actor) -> None:
    account = swept_complete(alice)
    fill = BrokerFill.objects.get(account=account, remote="2")
    fill.is_active, fill.version = False, 2
    fill.save()
    seen(account, fill)
    assert state(account, TUESDAY) == "gap"


def test_a_round_trip_told_after_the_sweep_is_compared_with_the_cash(alice: Actor) -> None:
    account = swept_complete(alice)
    for remote, side, price in (("3", "buy", "21500.00"), ("4", "sell", "21490.00")):
        late = told_by_broker(account, remote, side, 1, price, "2025-01-28T21:59:59Z", fees="0.50")
        seen(account, late)
    mark = AccountDayMark.objects.get(account=account, trade_date=TUESDAY)
    assert (mark.state, mark.fills) == ("unknown", 4) and "cash changed by 19.00" in mark.why


def test_what_the_broker_holds_by_now_heals_a_day_only_while_it_is_remembered(alice: Actor) -> None:
    for late, wanted in (
        (at("2025-01-28T22:20:00Z"), "complete"),
        (at("2025-01-29T00:00:00Z"), "gap"),
    ):
        AccountDayMark.objects.all().delete()
        BrokerFill.objects.all().delete()
        BrokerPosition.objects.all().delete()
        account = swept_complete(alice)
        told_by_broker(account, "3", "buy", 1, "21500.00", "2025-01-28T21:59:59Z", fees="0.50")
        BrokerPosition.objects.create(
            user=alice.user, account=account, contract="MNQH5", net=1, at_ns=1
        )
        days.told_late(account, [TUESDAY], late)
        assert state(account, TUESDAY) == wanted


def test_a_sweep_that_finds_a_fill_missing_calls_its_owner_while_there_is_time(
    alice: Actor,
) -> None:
    account = watched(alice)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    BrokerPosition.objects.create(
        user=alice.user, account=account, contract="MNQH5", net=2, at_ns=1
    )
    for when in (AFTER_TUESDAY, "2025-01-28T22:06:00Z"):
        days.look(at(when), polled(when))
    (fact,) = FactRow.objects.filter(name="recorder.gap")
    assert fact.user_id == alice.user.pk
    assert fact.payload["reason"].endswith("MNQH5 +0 by the fills, +2 at the broker")


def test_a_broker_that_cannot_be_read_is_told_once_before_the_day_is_forgotten(
    alice: Actor,
) -> None:
    account = watched(alice)
    polled("2025-01-28T20:00:00Z")(account.connection)
    days.look(at("2025-01-28T21:20:00Z"))
    assert not FactRow.objects.filter(name="recorder.gap").exists()
    for minute in (31, 32, 59):
        days.look(at(f"2025-01-28T21:{minute}:00Z"))
    days.look(at(AFTER_TUESDAY), lambda connection: None)
    (fact,) = FactRow.objects.filter(name="recorder.gap")
    assert fact.user_id == alice.user.pk and fact.payload["account_name"] == "DEMO1"
    assert (
        fact.payload["trade_date"] == "2025-01-28"
        and "was not read since 2025-01-28 20:00 UTC" in fact.payload["reason"]
    )
    assert fact.payload["deadline"] == at("2025-01-28T22:00:00Z")
    assert state(account, TUESDAY) == "gap"
    days.look(at("2025-01-28T22:10:00Z"), polled("2025-01-28T22:10:00Z"))  # still in time
    assert state(account, TUESDAY) == "unknown"


def test_a_desk_that_was_off_knows_what_it_missed(alice: Actor) -> None:
    account = watched(alice)
    days.look(at("2025-01-29T15:00:00Z"), polled("2025-01-29T15:00:00Z"))
    assert [state(account, one) for one in (MONDAY, TUESDAY)] == ["gap", "gap"]
    assert not account.days.filter(trade_date=date(2025, 1, 29)).exists()


def test_days_are_the_owners_alone(alice: Actor, bob: Actor) -> None:
    account = watched(alice)
    days.look(at(AFTER_MONDAY), polled(AFTER_MONDAY))
    path = f"/api/recorder/days/{account.pk}/"
    body = alice.client.get(path, {"since": "2025-01-24", "until": "2025-01-28"}).json()
    told = body.pop("results")
    assert body == {"count": 3, "next": None, "previous": None}
    assert [one["state"] for one in told] == ["unknown", "unknown", "unknown"]
    assert "Before the desk knew" in told[0]["why"] and "held when the day began" in told[1]["why"]
    assert alice.client.get(path, {"since": "2025-01-29", "until": "2025-01-28"}).status_code == 400
    for impossible in ({"until": "0001-01-01"}, {"since": "0001-01-01", "until": "0001-01-20"}):
        refused = alice.client.get(path, impossible)
        assert (
            refused.status_code == 400 and "1970 to 2100" in refused.json()["errors"][0]["detail"]
        )
    assert bob.client.get(path).status_code == 404 and Client().get(path).status_code == 401
    page = f"/recorders/days/{account.pk}/"
    assert alice.client.get(page).status_code == 200 and bob.client.get(page).status_code == 404
    assert Client().get(page).status_code == 302
