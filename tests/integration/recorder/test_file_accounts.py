"""Whoever has no login at a broker imports his files all the same, and records from them."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.queries import broker_accounts, connections
from apps.bus import transport
from apps.bus.domain.message import MINUTE, to_instant
from apps.recorder import days, files, outages, recorders
from apps.recorder.import_life import CannotImport
from apps.recorder.models import RecorderLog
from apps.recorder.queries import broker_accounts as for_recorders
from tests.cast import Actor, program

from .imported import imported, ninja
from .rows import BEGAN, recorded

pytestmark = pytest.mark.django_db
PATH = "/recorders/import/account/"


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    yield
    transport.use(None)


def test_from_no_login_at_all_to_a_recorded_position(alice: Actor, bob: Actor) -> None:
    assert b"An account for files only" in alice.client.get("/recorders/import/").content
    alice.client.post(PATH, {"name": " DEMO1 "})
    account = BrokerAccount.objects.get()
    done = imported(
        alice.user,
        ninja(("Buy", 1, "21500.00", "10:00:00 AM", "x1"), ("Sell", 1, "21510.00", "10:05:00 AM", "x2")),
    )  # fmt: skip
    assert (done.state, done.reason) == ("done", "")
    recorder, _ = recorders.create(user=alice.user, name="NQ Fade", symbol="MNQ1!", account=account)
    recorders.start(recorder=recorder, by="alice", since=0)
    assert recorded(account) == [("NQ Fade", 1, 0, "closed", "20.00")]
    assert list(for_recorders(alice.user)) == [account]
    assert list(for_recorders(bob.user)) == []
    for path in ("/recorders/import/", "/recorders/", f"/recorders/{recorder.strategy_id}/", "/recorders/new/"):  # fmt: skip
        assert alice.client.get(path).status_code == 200, path


def test_it_is_no_login_and_nobody_reads_it(alice: Actor) -> None:
    account = files.open_account(user=alice.user, name="DEMO1")
    assert not connections(alice.user).exists()
    assert not broker_accounts(alice.user).exists()
    assert (account.connection.is_on, account.connection.password) == (False, "")
    assert days.look(BEGAN, lambda _: pytest.fail("there is nothing to read")) == 0
    page = alice.client.get("/connections/").content.decode()
    assert "DEMO1" not in page


def test_the_same_name_is_the_same_account(alice: Actor, bob: Actor) -> None:
    Connection.objects.create(user=alice.user, name="Files", environment="demo", login="me", device_id="d")  # fmt: skip
    one, again = (files.open_account(user=alice.user, name="DEMO1") for _ in range(2))
    assert one == again
    assert files.open_account(user=bob.user, name="DEMO1") != one
    assert BrokerAccount.objects.of(bob.user).count() == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "a\x00b"])
def test_a_name_that_is_none_is_refused(alice: Actor, name: str) -> None:
    with pytest.raises(CannotImport, match="at most 40 letters"):
        files.open_account(user=alice.user, name=name)
    page = alice.client.post(PATH, {"name": name}, follow=True).content.decode()
    assert "at most 40 letters" in page
    assert not BrokerAccount.objects.exists()


def test_strangers_make_none(client: Client) -> None:
    assert client.post(PATH, {"name": "DEMO1"}).status_code == 302
    assert not BrokerAccount.objects.exists()


# ---- by API ----

API = "/api/recorder/import/accounts/"
JSON = {"content_type": "application/json"}


def test_by_api_it_is_made_listed_and_imported_into(alice: Actor, bob: Actor) -> None:
    files.open_account(user=bob.user, name="DEMO1")
    Connection.objects.create(user=alice.user, name="Mine", environment="demo", login="me", device_id="d")  # fmt: skip
    made = alice.client.post(API, {"name": "  DEMO1 "}, **JSON)
    assert made.status_code == 201, made.content
    again = alice.client.post(API, {"name": "DEMO1"}, **JSON)
    assert (again.status_code, again.json()) == (200, made.json())
    account = made.json()
    assert account["name"] == "DEMO1"
    assert alice.client.get(API).json()["results"] == [account]
    file = SimpleUploadedFile(
        "f.csv", ninja(("Buy", 1, "21500.00", "10:00:00 AM", "x1")).encode(), "text/csv"
    )
    form = {"file": file, "zone": "America/Chicago", "account": account["id"], "apply": "true"}
    done = alice.client.post("/api/recorder/import/", form)
    assert (done.status_code, done.json()["state"]) == (201, "done"), done.content
    fill = BrokerAccount.objects.get(pk=account["id"]).fills.get()
    assert (fill.side, fill.quantity) == ("buy", 1)
    assert alice.client.get(f"/api/recorder/days/{account['id']}/").status_code == 200
    strategy = {"name": "NQ Fade", "symbol": "NQ1!", "account": account["id"]}
    assert alice.client.post("/api/strategies/", strategy, **JSON).status_code == 201


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "required"), ({"name": ""}, "blank"), ({"name": None}, "null"), ({"name": "x" * 41}, "at most 40 letters"),
        ({"name": "x" * 201}, "200"), ({"name": "a\x00b"}, "Null"), ({"name": "a\x07b"}, "at most 40 letters"),
        ({"name": [1]}, "string"),
    ],
)  # fmt: skip
def test_by_api_a_name_that_is_none_is_refused_by_its_field(
    alice: Actor, body: dict[str, Any], said: str
) -> None:
    answer = alice.client.post(API, body, **JSON)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "name" and said in error["detail"]
    assert not BrokerAccount.objects.exists()


def test_by_api_there_are_not_too_many(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST", 1)
    assert alice.client.post(API, {"name": "A"}, **JSON).status_code == 201
    answer = alice.client.post(API, {"name": "B"}, **JSON)
    assert answer.status_code == 400
    assert "use one of them" in answer.json()["errors"][0]["detail"]
    assert alice.client.post(API, {"name": "A"}, **JSON).status_code == 200


def test_by_api_everybody_has_his_own_and_nobody_none(alice: Actor, bob: Actor) -> None:
    mine = files.open_account(user=alice.user, name="DEMO1")
    assert bob.client.get(API).json()["results"] == []
    theirs = bob.client.post(API, {"name": "DEMO1"}, **JSON)
    assert (theirs.status_code, theirs.json()["id"] == mine.pk) == (201, False)
    for ask in (Client().get(API), Client().post(API, {"name": "X"}, **JSON)):
        assert ask.status_code == 401
    reader = program(alice.user)
    assert [one["id"] for one in reader.get(API).json()["results"]] == [mine.pk]
    assert reader.post(API, {"name": "X"}, **JSON).json()["code"] == "READ_ONLY_TOKEN"
    assert BrokerAccount.objects.count() == 2
    assert program(alice.user, may_change=True).post(API, {"name": "X"}, **JSON).status_code == 201


def test_nobody_is_told_to_switch_on_a_login_that_is_none(alice: Actor) -> None:
    account = files.open_account(user=alice.user, name="DEMO1")
    recorder, _ = recorders.create(user=alice.user, name="NQ Fade", symbol="MNQ1!", account=account)
    address = f"/recorders/{recorder.strategy_id}/"
    asked = alice.client.get(f"{address}start/").content.decode()
    first = asked[asked.index("<option") :]
    assert first.index("everything that is kept") < first.index("now<")
    recorders.start(recorder=recorder, by="alice", since=0)
    outages.look(to_instant(timezone.now()) + 10 * MINUTE)
    assert not RecorderLog.objects.filter(text__contains="is not read").exists()
    for path in ("/recorders/", address):
        shown = alice.client.get(path).content.decode()
        assert "switch it on" not in shown and "never read" not in shown, path
        assert "FILES" in shown and "DEMO<" not in shown, path


def test_the_days_of_a_file_are_found_however_old_they_are(alice: Actor) -> None:
    account = files.open_account(user=alice.user, name="DEMO1")
    imported(alice.user, ninja(("Buy", 1, "21500.00", "10:00:00 AM", "x1")))
    address = f"/recorders/import/?account={account.pk}"
    shown = alice.client.get(address)
    strip = shown.context["ledger"]
    assert (str(strip["first"]), str(strip["last"])) == ("2024-12-07", "2025-01-31")
    assert (
        "Tue 28 Jan: from a file" in shown.content.decode() or "+</span>" in shown.content.decode()
    )
    before = alice.client.get(f"{address}&until={strip['earlier']}").context["ledger"]
    assert before["last"] < strip["first"] and before["later"] == strip["last"]
    for odd in ("x", "0001-01-01", "9999-12-31"):
        assert alice.client.get(f"{address}&until={odd}").status_code == 200, odd
