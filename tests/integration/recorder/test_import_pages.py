"""The wizard, the API and the command: for the owner; never for Bob or a stranger."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.brokers.models import Connection
from apps.recorder import import_work, importing
from apps.recorder.import_life import CannotImport
from apps.recorder.models import Import
from apps.recorder.tasks import work_on_import
from tests.cast import Actor
from tests.integration.recorder.imported import (
    an_account,
    imported,
    known,
    ninja,
    told_by_broker,
    uploaded,
)

pytestmark = pytest.mark.django_db
BUY = ("Buy", 2, "21539.50", "10:59:52 AM", "a1")
SELL = ("Sell", 2, "21535.75", "11:01:29 AM", "a2")


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def file(text: str, name: str = "../fills.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode(), "text/csv")


def test_the_wizard_from_upload_to_undo(alice: Actor) -> None:
    account = an_account(alice.user)
    page = alice.client.get("/recorders/import/")
    assert page.status_code == 200 and b"NinjaTrader, executions" in page.content
    sent = alice.client.post(
        "/recorders/import/", {"file": file(ninja(BUY, SELL)), "zone": "America/Chicago"}
    )
    row = Import.objects.get()
    assert (sent.status_code, sent["Location"]) == (302, f"/recorders/import/{row.pk}/")
    assert row.file_name == "fills.csv"
    assert b"Import 2 new fills" in alice.client.get(sent["Location"]).content and not known(
        account
    )
    alice.client.post(f"{sent['Location']}apply/")
    assert len(known(account)) == 2
    assert b"Undo this import" in alice.client.get(sent["Location"]).content
    assert b"fills.csv" in alice.client.get("/recorders/import/").content
    alice.client.post(f"{sent['Location']}undo/")
    assert not known(account) and b"Undone" in alice.client.get(sent["Location"]).content


def test_what_stands_around_a_page_is_the_desks_own(alice: Actor) -> None:
    """A page whose context had a name of the frame's drew another's thing in the bar: no account, flat while it was not."""
    an_account(alice.user)
    row = uploaded(alice.user, ninja(BUY))
    usual = alice.client.get("/signals/").context
    for path in (
        "/recorders/import/", f"/recorders/import/{row.pk}/", "/recorders/", "/recorders/new/", "/performance/",
        "/notices/", "/connections/", "/live/", "/prop/", "/strategies/", "/settings/notifications/",
    ):  # fmt: skip
        found = alice.client.get(path).context
        for name in ("strip", "accounts", "market", "topics"):
            assert found[name].__class__ is usual[name].__class__, (path, name)


def test_what_cannot_be_read_is_said_and_may_be_read_otherwise(alice: Actor) -> None:
    an_account(alice.user)
    empty = alice.client.post("/recorders/import/", {"zone": "America/Chicago"})
    assert empty.status_code == 422 and b"Choose a file" in empty.content
    wrong = alice.client.post(
        "/recorders/import/", {"file": file("a,b\n1,2\n"), "zone": "UTC"}, follow=True
    )
    assert b"This file cannot be read" in wrong.content and b"no known export" in wrong.content
    alice.client.post("/recorders/import/", {"file": file(ninja(BUY)), "zone": "America/New_York"})
    row = Import.objects.first()
    assert row is not None
    first = row.seen["first"]
    alice.client.post(f"/recorders/import/{row.pk}/read-again/", {"zone": "America/Chicago"})
    row.refresh_from_db()
    assert row.seen["first"] - first == 3600 * 10**9
    alice.client.post(f"/recorders/import/{row.pk}/discard/")
    assert not Import.objects.filter(pk=row.pk).exists()


def test_accounts_of_a_removed_login_are_not_offered(alice: Actor) -> None:
    gone = an_account(alice.user)
    Connection.objects.update(is_removed=True)
    assert b"No broker account yet" in alice.client.get("/recorders/import/").content
    assert alice.client.get(f"/recorders/days/{gone.pk}/").status_code == 404
    row = uploaded(alice.user, ninja(BUY))
    assert row.accounts == {"DEMO1": None}
    assert b", Mine" not in alice.client.get(f"/recorders/import/{row.pk}/").content
    with pytest.raises(CannotImport, match="no broker account"):
        importing.choose_accounts(importing=row, chosen={"DEMO1": gone.pk})


def test_bad_rows_and_rows_to_settle_are_shown(alice: Actor) -> None:
    account = an_account(alice.user)
    told_by_broker(account, "1", "buy", 1, "21539.50", "2025-01-28T16:59:52.400Z")
    row = uploaded(alice.user, ninja(BUY, ("Sell", 2, "x", "11:01:29 AM", "a2")))
    shown = alice.client.get(f"/recorders/import/{row.pk}/").content.decode()
    assert "Go on to settle 1<" in shown and "nothing in it to import" not in shown
    assert "row 3, Price &#x27;x&#x27;" in shown and "is it the same?" in shown
    alice.client.post(f"/recorders/import/{row.pk}/apply/")
    row.refresh_from_db()
    assert row.state == Import.State.READY
    alice.client.post(f"/recorders/import/{row.pk}/apply/", {"only_good": "on"})
    (waits,) = row.evidence.filter(state="conflict")
    assert b"Another fill" in alice.client.get(f"/recorders/import/{row.pk}/").content
    alice.client.post(f"/recorders/import/{row.pk}/rows/{waits.pk}/", {"is": "another"})
    assert len(known(account)) == 2


def test_nobody_else_sees_or_touches_an_import(alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    an_account(bob.user, "BOB1")
    done, ready = imported(alice.user, ninja(BUY)), uploaded(alice.user, ninja(SELL))
    for pk in (done.pk, ready.pk):
        assert bob.client.get(f"/recorders/import/{pk}/").status_code == 404
        assert bob.client.get(f"/api/recorder/import/{pk}/").status_code == 404
        assert bob.client.post(f"/api/recorder/import/{pk}/").status_code == 404
        assert bob.client.delete(f"/api/recorder/import/{pk}/").status_code == 404
        assert bob.client.post(f"/api/recorder/import/{pk}/undo/").status_code == 404
        for what in ("apply", "undo", "discard", "accounts", "read-again"):
            assert bob.client.post(f"/recorders/import/{pk}/{what}/").status_code == 404
            assert Client().post(f"/recorders/import/{pk}/{what}/").status_code == 302
        assert Client().get(f"/api/recorder/import/{pk}/").status_code == 401
    row = done.evidence.get()
    assert bob.client.post(f"/recorders/import/{done.pk}/rows/{row.pk}/").status_code == 404
    assert b"fills.csv" not in bob.client.get("/recorders/import/").content
    assert bob.client.get("/api/recorder/import/").json()["results"] == []
    assert Client().post("/api/recorder/import/").status_code == 401
    theirs = bob.client.post(
        "/api/recorder/import/", {"file": file(ninja(BUY)), "account": account.pk, "apply": "true"}
    )
    assert theirs.status_code == 400 and len(known(account)) == 1


def test_the_api_imports_in_one_call(alice: Actor) -> None:
    account = an_account(alice.user)
    sent = alice.client.post(
        "/api/recorder/import/", {"file": file(ninja(BUY, SELL)), "apply": "true"}
    )
    told = sent.json()
    assert sent.status_code == 201 and told["state"] == "done" and told["counts"]["new"] == 2
    look = alice.client.post("/api/recorder/import/", {"file": file(ninja(BUY, SELL))}).json()
    assert look["state"] == "ready" and look["seen"]["counts"] == {"known": 2}
    again = alice.client.post(
        f"/api/recorder/import/{look['id']}/",
        {"accounts": {"DEMO1": account.pk}},
        "application/json",
    )
    assert again.status_code == 200 and again.json()["counts"]["new"] == 0
    assert alice.client.delete(f"/api/recorder/import/{look['id']}/").status_code == 400
    zone = alice.client.post("/api/recorder/import/", {"file": file(ninja(BUY)), "zone": "Mars"})
    assert zone.status_code == 400 and zone.json()["errors"][0]["field"] == "zone"
    gone = alice.client.post(f"/api/recorder/import/{told['id']}/undo/")
    assert (
        gone.json()["state"] == "undone" and len(known(account)) == 2
    )  # the second one confirms it


def test_the_command_looks_and_imports(alice: Actor, tmp_path: Path, capsys: Any) -> None:
    account = an_account(alice.user)
    path = tmp_path / "fills.csv"
    path.write_text(ninja(BUY, SELL, account="Sim7"))
    call_command("import_fills", str(path), "--user", "alice", "--look")
    assert (
        "2 left out; nothing was imported" in capsys.readouterr().out
        and not Import.objects.exists()
    )
    call_command("import_fills", str(path), "--user", "alice", "--account", f"Sim7={account.pk}")
    assert "2 new" in capsys.readouterr().out and len(known(account)) == 2
    for wrong in (
        ["--user", "nobody"],
        ["--user", "alice", "--account", "x"],
        ["--user", "alice", "--zone", "Mars"],
    ):
        with pytest.raises(CommandError):
            call_command("import_fills", str(path), *wrong)


def test_a_large_file_is_the_workers(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    an_account(alice.user)
    monkeypatch.setattr(import_work, "AT_ONCE", 10)
    row = importing.accept(
        user=alice.user, name="big.csv", chunks=[ninja(BUY).encode()], zone="UTC"
    )
    assert row.state == Import.State.LOOKING
    assert b"of the file is read" in alice.client.get(f"/recorders/import/{row.pk}/").content
    import_work.work(row.pk)
    row.refresh_from_db()
    assert row.state == Import.State.READY
    other = an_account(alice.user, "DEMO2")
    alice.client.post(f"/recorders/import/{row.pk}/accounts/", {"account-0": str(other.pk)})
    assert b"is counted anew" in alice.client.get(f"/recorders/import/{row.pk}/").content
    import_work.work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.accounts) == (Import.State.READY, {"DEMO1": other.pk})
    wish = {"accounts": {"DEMO1": other.pk}}
    sent = alice.client.post(f"/api/recorder/import/{row.pk}/", wish, "application/json")
    assert sent.json()["state"] == "counting"
    import_work.work(row.pk)
    assert len(known(other)) == 1


def test_a_large_file_keeps_what_was_asked_of_it(
    alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account(alice.user)
    monkeypatch.setattr(import_work, "AT_ONCE", 10)
    path, both = "/api/recorder/import/", ninja(BUY) + ninja(SELL, account="Y").split("\n", 1)[1]

    def asked(text: str, **wish: Any) -> Import:
        sent = alice.client.post(path, {"file": file(text), "apply": "true", **wish})
        assert sent.status_code == 201 and sent.json()["state"] == "looking"
        work_on_import(sent.json()["id"])
        return Import.objects.get(pk=sent.json()["id"])

    done = asked(ninja(BUY, account="X"), account=account.pk)
    assert done.state == Import.State.DONE and len(known(account)) == 1
    several = asked(both, account=account.pk)
    assert several.state == Import.State.READY and "names 2 accounts" in several.reason
    shown = alice.client.get(f"/recorders/import/{several.pk}/").content
    assert b"Not imported as you asked" in shown and len(known(account)) == 1
    bad = asked(ninja(SELL, ("Buy", 1, "x", "11:01:29 AM", "a3")))
    assert bad.state == Import.State.READY and "cannot be read" in bad.reason
    assert import_work.left_over() == []


def test_an_account_for_a_file_of_several_is_refused(alice: Actor) -> None:
    account = an_account(alice.user)
    both = ninja(BUY) + ninja(SELL, account="Y").split("\n", 1)[1]
    sent = alice.client.post(
        "/api/recorder/import/", {"file": file(both), "account": account.pk, "apply": "true"}
    )
    assert sent.status_code == 400 and sent.json()["errors"][0]["field"] == "account"
    assert known(account) == []


def test_a_wish_is_kept_by_a_worker_that_died_after_looking(alice: Actor) -> None:
    account = an_account(alice.user)
    row = uploaded(alice.user, ninja(BUY))
    wish = {"account": None, "apply": True, "only_good": False}
    old = timezone.now() - timedelta(minutes=5)
    Import.objects.filter(pk=row.pk).update(wish=wish, moved_at=old)
    assert import_work.left_over() == [row.pk]
    import_work.work(row.pk)
    assert import_work.left_over() == [] and len(known(account)) == 1


HISTORY = (
    "Position ID,Timestamp,Trade Date,Net Pos,Net Price,Bought,Avg. Buy,Sold,Avg. Sell,Account,Contract,Product,"
    "Product Description,_priceFormat,_priceFormatType,_tickSize,Pair ID,Buy Fill ID,Sell Fill ID,Paired Qty,"
    "Buy Price,Sell Price,P/L,Currency,Bought Timestamp,Sold Timestamp\n"
    "9,04/09/2026 17:14:44,2026-04-09,0,,1,25000.00,1,25010.00,DEMO1,MNQM6,MNQ,Micro,-2,0,0.25,90,91,92,1,"
    "25000.00,25010.00,20.00,USD,04/09/2026 15:14:44,04/09/2026 17:14:44\n"
)


def test_the_command_says_which_zone_fits_where_the_files_own_day_speaks_against_one(
    alice: Actor, tmp_path: Path, capsys: Any
) -> None:
    account = an_account(alice.user)
    path = tmp_path / "fills.csv"
    path.write_text(HISTORY)
    call_command("import_fills", str(path), "--user", "alice", "--look")
    told = capsys.readouterr().err
    assert "1 fills fall on another trade date than the file says (row 2: 2026-04-09" in told
    assert "all of it fits in UTC, Europe/London, Europe/Berlin" in told
    call_command(
        "import_fills", str(path), "--user", "alice", "--look", "--zone", "America/New_York"
    )
    told = capsys.readouterr().err
    assert "1 fills lie where the exchange is closed (row 2: 2026-04-09T21:14:44Z)" in told
    call_command("import_fills", str(path), "--user", "alice", "--zone", "UTC")
    assert capsys.readouterr().err == "" and len(known(account)) == 2


def test_a_command_that_cannot_import_leaves_no_upload_behind(alice: Actor, tmp_path: Path) -> None:
    an_account(alice.user)
    good, bad, foreign = (tmp_path / name for name in ("good.csv", "bad.csv", "foreign.csv"))
    good.write_text(ninja(BUY))
    bad.write_text(ninja(BUY, ("Buy", 1, "21539.51", "10:59:53 AM", "a9")))
    foreign.write_text("a,b\n1,2\n")
    for path, more, told in (
        (tmp_path / "none.csv", (), "none.csv: No such file or directory"),
        (tmp_path, (), "Is a directory"),
        (foreign, (), "foreign.csv: the columns are of no known export"),
        (bad, (), "--only-good: 1 rows cannot be read"),
        (good, ("--account", "Elsewhere=1"), "--account: the file names no account 'Elsewhere'"),
        (good, ("--zone", "Mars"), "--zone: 'Mars' is no time zone"),
    ):
        with pytest.raises(CommandError, match=told) as refused:
            call_command("import_fills", str(path), "--user", "alice", *more)
        assert refused.value.returncode == 2
        assert not Import.objects.exists(), told
