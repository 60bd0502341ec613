"""A file of several accounts: those for files that it lacks are listed, made at one wish, and gone with the import."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from apps.brokers.models import BrokerAccount
from apps.bus import transport
from apps.recorder import files, importing, making, recorders
from apps.recorder.import_life import CannotImport
from apps.recorder.models import Import
from tests.cast import Actor, program

from .imported import NINJA, an_account, imported, ninja, uploaded
from .rows import BEGAN

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    yield
    transport.use(None)


def export(*names: str) -> str:
    """Return a file in which each of these accounts bought and sold one."""
    rows = [
        ninja(
            ("Buy", 1, "21500.00", "10:00:00 AM", f"{name}-1"),
            ("Sell", 1, "21510.00", "10:05:00 AM", f"{name}-2"),
            account=name,
        ).removeprefix(NINJA)
        for name in names
    ]
    return NINJA + "".join(rows)


def named(user: Any) -> list[str]:
    return sorted(BrokerAccount.objects.of(user).values_list("name", flat=True))


def test_by_page_they_are_listed_made_and_gone_with_the_import(alice: Actor) -> None:
    known = an_account(alice.user, "APEX-1")
    row = uploaded(alice.user, export("APEX-1", "APEX-2", "APEX-3"))
    path = f"/recorders/import/{row.pk}/"
    page = alice.client.get(path).content.decode()
    assert "2 names of the file go nowhere yet" in page and "Make 2 accounts for files" in page
    assert named(alice.user) == ["APEX-1"]
    said = alice.client.post(f"{path}make-accounts/", follow=True).content.decode()
    assert "Made for files: APEX-2, APEX-3." in said and "go nowhere yet" not in said
    row.refresh_from_db()
    assert row.accounts["APEX-1"] == known.pk and None not in row.accounts.values()
    assert row.seen["counts"] == {"new": 6}
    alice.client.post(f"{path}apply/")
    assert {one.name: one.fills.count() for one in BrokerAccount.objects.all()} == {
        "APEX-1": 2, "APEX-2": 2, "APEX-3": 2,
    }  # fmt: skip
    assert "so do the accounts for files" in alice.client.get(path).content.decode()
    alice.client.post(f"{path}undo/")
    row.refresh_from_db()
    assert (row.state, named(alice.user)) == ("undone", ["APEX-1"])
    assert alice.client.get(path).status_code == 200


def test_by_api_they_are_listed_and_made_with_the_import(alice: Actor) -> None:
    file = SimpleUploadedFile("f.csv", export("APEX-1", "APEX-2", "APEX-3").encode(), "text/csv")
    row = alice.client.post("/api/recorder/import/", {"file": file}).json()
    assert row["missing"] == ["APEX-1", "APEX-2", "APEX-3"] and row["made_accounts"] == []
    path = f"/api/recorder/import/{row['id']}/"
    refused = alice.client.post(path, {}, **JSON)
    assert "have accounts for files made for its names" in str(refused.json())
    body = {"make_accounts": True, "accounts": {"APEX-3": None}}  # that one is left out by wish
    done = alice.client.post(path, body, **JSON)
    assert (done.status_code, done.json()["state"]) == (200, "done"), done.content
    assert (done.json()["counts"]["new"], done.json()["missing"]) == (4, [])
    assert named(alice.user) == ["APEX-1", "APEX-2"]
    assert sorted(done.json()["made_accounts"]) == sorted(
        BrokerAccount.objects.values_list("pk", flat=True)
    )
    undone = alice.client.post(f"{path}undo/", {}, **JSON)
    assert (undone.json()["state"], named(alice.user)) == ("undone", [])


def test_with_bad_rows_none_is_made_before_somebody_says_so(alice: Actor) -> None:
    row = uploaded(alice.user, export("APEX-1", "APEX-2") + "MNQ MAR25,Buy,x,1,1/28/2025,z\n")
    with pytest.raises(CannotImport, match="cannot be read"):
        importing.choose_accounts(importing=row, chosen={}, apply=True, make_missing=True)
    assert not BrokerAccount.objects.exists()


def test_those_in_which_something_else_is_stay(alice: Actor) -> None:
    row = imported_with_accounts(alice, "KEPT", "WATCHED", "CALLED", "PLAIN", "WAITED-FOR")
    by_name = {one.name: one for one in BrokerAccount.objects.all()}
    imported(alice.user, ninja(("Buy", 1, "21500.00", "11:00:00 AM", "x1"), account="KEPT"))
    recorders.create(user=alice.user, name="A", symbol="MNQ1!", account=by_name["WATCHED"])
    BrokerAccount.objects.filter(pk=by_name["CALLED"].pk).update(nickname="Mine")
    uploaded(alice.user, ninja(("Buy", 1, "21500.00", "11:00:00 AM", "x2"), account="WAITED-FOR"))
    importing.undo(importing=row)
    assert named(alice.user) == ["CALLED", "KEPT", "WAITED-FOR", "WATCHED"]


def test_one_that_was_there_before_is_not_taken_away(alice: Actor) -> None:
    files.open_account(user=alice.user, name="APEX-1")
    row = uploaded(alice.user, export("APEX-1", "APEX-2"))
    importing.choose_accounts(importing=row, chosen={"APEX-1": None})
    assert making.missing(row) == ["APEX-1", "APEX-2"]
    importing.choose_accounts(importing=row, chosen={}, make_missing=True, apply=True)
    importing.undo(importing=row)
    assert named(alice.user) == ["APEX-1"]


def test_thrown_away_or_forgotten_they_go_too(alice: Actor) -> None:
    row = uploaded(alice.user, export("APEX-1", "APEX-2"))
    importing.choose_accounts(importing=row, chosen={}, make_missing=True)
    assert named(alice.user) == ["APEX-1", "APEX-2"]
    importing.discard(importing=row)
    assert named(alice.user) == []
    row = uploaded(alice.user, export("APEX-1", "APEX-2"))
    importing.choose_accounts(importing=row, chosen={}, make_missing=True)
    Import.objects.update(moved_at="2020-01-01T00:00:00Z")
    assert importing.forget_uploads() == 1
    assert named(alice.user) == []


def test_a_name_that_cannot_be_one_is_not_listed_and_two_of_one_are_refused(alice: Actor) -> None:
    row = uploaded(alice.user, export("x" * 41, "APEX-1"))
    assert making.missing(row) == ["APEX-1"]
    an_account(alice.user, "apex-2")
    row = uploaded(alice.user, export("APEX-2", "Apex-2"))
    importing.choose_accounts(importing=row, chosen={"APEX-2": None, "Apex-2": None})
    with pytest.raises(CannotImport, match="would both be"):
        importing.choose_accounts(importing=row, chosen={}, make_missing=True)
    assert named(alice.user) == ["apex-2"]


def test_the_command_makes_them(alice: Actor, tmp_path: Any) -> None:
    path = tmp_path / "f.csv"
    path.write_text(export("APEX-1", "APEX-2"))
    call_command("import_fills", str(path), "--user", "alice", "--make-accounts", "--look")
    assert named(alice.user) == []
    call_command("import_fills", str(path), "--user", "alice", "--make-accounts")
    assert named(alice.user) == ["APEX-1", "APEX-2"]


TOPSTEPX = (
    "Id,ContractName,EnteredAt,ExitedAt,EntryPrice,ExitPrice,Fees,PnL,Size,Type,TradeDay,TradeDuration,Commissions\n"
    "{id},MNQH5,01/28/2025 15:30:00 +00:00,01/28/2025 15:40:00 +00:00,21500.00,21510.00,1.00,20.00,1,Long,01/28/2025,00:10:00,0.50\n"
)


def test_a_file_that_names_no_account_is_offered_one_after_its_platform(alice: Actor) -> None:
    row = uploaded(alice.user, TOPSTEPX.format(id=1))
    assert (making.missing(row), making.called(row, "")) == ([""], "TopstepX")
    page = f"/recorders/import/{row.pk}/"
    told = alice.client.get(page).content.decode()
    assert (
        "names no account" in told
        and "Make 1 account for files" in told
        and "<b>TopstepX</b>" in told
    )
    alice.client.post(f"{page}make-accounts/")
    alice.client.post(f"{page}apply/")
    row.refresh_from_db()
    assert (row.state, named(alice.user)) == ("done", ["TopstepX"])
    again = uploaded(alice.user, TOPSTEPX.format(id=2))
    assert making.missing(again) == [], "the same place as last time"
    other = uploaded(alice.user, TOPSTEPX.format(id=3))
    importing.choose_accounts(importing=other, chosen={"": None})
    answer = alice.client.post(f"/api/recorder/import/{other.pk}/", {"make_accounts": True}, **JSON)
    assert answer.status_code == 200 and named(alice.user) == ["TopstepX", "TopstepX 2"]
    importing.discard(importing=again)  # it waited to go there
    importing.undo(importing=row)
    assert named(alice.user) == ["TopstepX 2"]


def test_the_command_makes_one_for_a_file_without_names(alice: Actor, tmp_path: Any) -> None:
    path = tmp_path / "f.csv"
    path.write_text(TOPSTEPX.format(id=1))
    call_command("import_fills", str(path), "--user", "alice", "--make-accounts")
    assert named(alice.user) == ["TopstepX"]


def test_nobody_else_makes_them(alice: Actor, bob: Actor) -> None:
    row = uploaded(alice.user, export("APEX-1", "APEX-2"))
    path, page = f"/api/recorder/import/{row.pk}/", f"/recorders/import/{row.pk}/make-accounts/"
    body = {"make_accounts": True}
    assert bob.client.post(path, body, **JSON).status_code == 404
    assert bob.client.post(page).status_code == 404
    assert Client().post(path, body, **JSON).status_code == 401
    assert Client().post(page).status_code == 302
    assert program(alice.user).post(path, body, **JSON).status_code == 403
    assert program(alice.user).get(path).json()["missing"] == ["APEX-1", "APEX-2"]
    assert not BrokerAccount.objects.exists()


def imported_with_accounts(actor: Actor, *names: str) -> Import:
    row = uploaded(actor.user, export(*names))
    importing.choose_accounts(importing=row, chosen={}, make_missing=True, apply=True)
    assert row.state == "done", row.reason
    return row
