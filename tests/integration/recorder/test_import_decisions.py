"""What a person decides about a file holds: for every file that tells the same row, and for the next one."""

from pathlib import Path
from typing import Any

import pytest

from apps.recorder import importing
from apps.recorder.models import Import, ImportedRow
from tests.cast import Actor
from tests.integration.recorder.imported import (
    an_account,
    imported,
    known,
    ninja,
    pairs,
    told_by_broker,
    uploaded,
)

pytestmark = pytest.mark.django_db
ROW = (10, 20, 2, "21500.00", "21501.00", "09:30:00", "09:31:00")
BUY = ("Buy", 2, "21539.50", "10:59:52 AM", "a1")
HISTORY = (
    "Trade Date,Account,Contract,Pair ID,Buy Fill ID,Sell Fill ID,Paired Qty,Buy Price,Sell Price,P/L,"
    "Bought Timestamp,Sold Timestamp\n"
    "2026-04-09,EVAL1,MNQM6,3,203,221,5,25073.25,25072.00,-12.50,04/09/2026 17:14:44,04/09/2026 17:14:44\n"
    "2026-04-09,EVAL1,MNQM6,2,168,191,1,25060.75,25048.50,-24.50,04/09/2026 15:38:40,04/09/2026 15:40:03\n"
)


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def conflicts() -> list[ImportedRow]:
    return list(ImportedRow.objects.filter(state=ImportedRow.State.CONFLICT))


def settled(row: Import, *, is_another: bool) -> None:
    """Decide one waiting row after the other, as the page does."""
    while waiting := row.evidence.filter(state=ImportedRow.State.CONFLICT).first():
        importing.settle_row(row=waiting, is_another=is_another)


def test_a_row_that_was_left_out_is_not_asked_about_again(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "10", "buy", 2, "21500.00", "2025-01-28T15:30:00.100Z")
    told_by_broker(account, "20", "sell", 2, "21501.00", "2025-01-28T15:31:00.100Z")
    assert imported(alice.user, pairs(ROW)).counts["known"] == 2
    wrong = imported(alice.user, pairs(ROW), zone="America/New_York")
    assert wrong.counts["conflict"] == 2
    settled(wrong, is_another=False)
    again = imported(alice.user, pairs(ROW), zone="America/New_York")
    assert (again.counts["conflict"], again.counts["known"]) == (0, 2)
    importing.undo(importing=wrong, at_once=True)  # the decision holds in the file that followed it
    assert uploaded(alice.user, pairs(ROW), zone="America/New_York").seen["counts"] == {"known": 2}
    assert len(known(account)) == 2


@pytest.mark.parametrize("is_another", [True, False])
def test_a_decision_settles_the_same_row_of_every_file(alice: Actor, is_another: bool) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "1", "buy", 1, "21539.50", "2025-01-28T16:59:52.400Z")
    first, second = imported(alice.user, ninja(BUY)), imported(alice.user, ninja(BUY))
    assert len(conflicts()) == 2
    settled(second, is_another=is_another)
    first.refresh_from_db()
    assert conflicts() == [] and first.counts["conflict"] == 0
    assert len(known(account)) == (2 if is_another else 1)
    third = imported(alice.user, ninja(BUY))
    assert (third.counts["new"], third.counts["conflict"]) == (0, 0)
    assert len(known(account)) == (2 if is_another else 1)


def test_pairs_of_one_fill_are_settled_together(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(
        account, "x", "buy", 3, "21500.00", "2025-01-28T15:30:00.100Z", source="csv:ninja-trades"
    )
    both = pairs(
        (10, 20, 2, "21500.00", "21501.00", "09:30:00", "09:31:00"),
        (10, 21, 2, "21500.00", "21502.00", "09:30:00", "09:32:00"),
    )
    row = imported(alice.user, both)
    assert len(conflicts()) == 2
    importing.settle_row(row=conflicts()[0], is_another=True)
    assert conflicts() == [] and ("buy", 4) in [one[:2] for one in known(account)]
    assert row.evidence.filter(by_hand=True).count() == 2


def test_a_trade_date_that_the_times_contradict_is_said_with_the_zones_that_fit(
    alice: Actor,
) -> None:
    an_account(alice.user, "EVAL1")
    row = uploaded(alice.user, HISTORY)
    told = row.seen["apart"]
    assert (told["fills"], told["row"], told["told"], told["day"]) == (
        1,
        2,
        "2026-04-09",
        "2026-04-10",
    )
    assert row.seen["fitting"] == [
        "UTC",
        "Europe/London",
        "Europe/Berlin",
    ]  # New York's 17:14 is in the break
    page = alice.client.get(f"/recorders/import/{row.pk}/").content.decode()
    assert "<b>1 fill</b> would be booked on another trade date" in page
    alice.client.post(f"/recorders/import/{row.pk}/read-again/", {"zone": "UTC"})
    row.refresh_from_db()
    assert row.zone == "UTC" and row.seen["apart"] == {}
    assert row.seen["dates"] == ["2026-04-09"]


def test_fills_in_closed_hours_prove_another_zone(alice: Actor) -> None:
    an_account(alice.user)
    row = uploaded(
        alice.user,
        ninja(("Buy", 2, "1.25", "3:59:50 PM", "a1"), ("Sell", 2, "1.50", "4:14:44 PM", "a2")),
    )
    told = row.seen["closed"]
    assert (told["fills"], told["row"], row.seen["apart"]) == (1, 3, {})
    assert row.seen["fitting"] == ["America/New_York", "UTC", "Europe/London", "Europe/Berlin"]
    page = alice.client.get(f"/recorders/import/{row.pk}/").content.decode()
    assert "<b>1 fill</b> would lie where the exchange is closed" in page
    assert "is of 28 Jan 2025, 16:14 CT" in page and "Read it in America/New_York" in page
    alice.client.post(f"/recorders/import/{row.pk}/read-again/", {"zone": "America/New_York"})
    row.refresh_from_db()
    assert row.zone == "America/New_York" and row.seen["closed"] == {}


def test_a_fill_at_the_edge_of_the_hours_proves_nothing(alice: Actor) -> None:
    an_account(alice.user)
    edge = ninja(("Buy", 2, "1.25", "4:00:20 PM", "a1"), ("Sell", 2, "1.50", "4:59:40 PM", "a2"))
    assert uploaded(alice.user, edge).seen["closed"] == {}


def test_fills_of_another_name_are_asked_about_until_somebody_said_yes(alice: Actor) -> None:
    account = an_account(alice.user, "DEMO1001")
    text = ninja(("Buy", 2, "1.25", "10:59:52 AM", "a1"), account="EVAL1")
    row = uploaded(alice.user, text)
    address = f"/recorders/import/{row.pk}/"
    alice.client.post(f"{address}accounts/", {"account-0": str(account.pk)})
    row.refresh_from_db()
    assert row.seen["strangers"] == {"EVAL1": "DEMO1001"}
    page = alice.client.get(address).content.decode()
    assert "They would go into <b>DEMO1001</b>, which has another name" in page
    said = alice.client.post(f"{address}apply/", follow=True).content.decode()
    assert "tick that they are of DEMO1001" in said and not known(account)
    alice.client.post(f"{address}apply/", {"strangers": "on"})
    assert len(known(account)) == 1
    assert uploaded(alice.user, text).seen["strangers"] == {}


def test_an_account_is_remembered_from_the_last_import_that_holds(alice: Actor, bob: Actor) -> None:
    own, other = an_account(alice.user, "DEMO1001"), an_account(alice.user, "DEMO1002")
    an_account(bob.user, "BOB1")
    first = uploaded(alice.user, ninja(BUY, account="SIM101"))
    assert first.accounts == {"SIM101": None}
    importing.choose_accounts(importing=first, chosen={"SIM101": own.pk}, at_once=True)
    assert first.seen["elsewhere"] == {}
    assert uploaded(alice.user, ninja(BUY, account="SIM101")).accounts == {
        "SIM101": None
    }  # not applied yet
    importing.apply(importing=first, at_once=True)
    second = uploaded(alice.user, ninja(BUY, account="SIM101"))
    assert second.accounts == {"SIM101": own.pk} and second.seen["counts"] == {"known": 1}
    importing.choose_accounts(importing=second, chosen={"SIM101": other.pk}, at_once=True)
    assert second.seen["elsewhere"] == {"SIM101": {"account": own.pk, "called": str(own)}}
    page = alice.client.get(f"/recorders/import/{second.pk}/").content.decode()
    assert "went to <b>DEMO1001</b> last time" in page
    assert uploaded(bob.user, ninja(BUY, account="SIM101")).accounts == {"SIM101": None}
    importing.undo(importing=first, at_once=True)
    assert uploaded(alice.user, ninja(BUY, account="SIM101")).accounts == {"SIM101": None}


ORDERS = "orderId,Account,B/S,Contract,Fill Time,avgPrice,filledQty\n"


def test_an_order_that_went_on_filling_after_its_first_file_is_not_taken_as_known(
    alice: Actor,
) -> None:
    """A file of orders tells what was filled by then; contracts that came later must not be lost in silence."""
    account = an_account(alice.user)
    begun = ORDERS + "71,DEMO1,Buy,MNQH5,01/28/2025 09:30:00,21500.00,2\n"
    whole = ORDERS + "71,DEMO1,Buy,MNQH5,01/28/2025 09:31:00,21500.50,5\n"
    first = imported(alice.user, begun)
    later = imported(alice.user, whole)
    assert later.counts["conflict"] == 1 and later.counts["known"] == 0
    (row,) = conflicts()
    assert "2 at 21500.00" in row.why and "5 at 21500.50" in row.why
    importing.undo(importing=later, at_once=True)
    importing.undo(importing=first, at_once=True)
    assert imported(alice.user, whole).counts["new"] == 1
    assert known(account) == [("buy", 5, "21500.5", "csv:tradovate-orders")]
    assert imported(alice.user, whole).counts["known"] == 1
