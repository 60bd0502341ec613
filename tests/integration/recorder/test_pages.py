"""My Recorders and a strategy's page: what they tell, what they ask, and that they are one's own."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.bus import transport
from apps.recorder.models import RecordedPosition, Recorder
from apps.recorder.services import settle
from tests.cast import Actor
from tests.factories import a_price, a_strategy

from .rows import BEGAN, a_broker_account, a_fill, a_recorder, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    a_price("20025.00", contract="NQZ5")
    yield
    transport.use(None)


@pytest.fixture
def traded(alice: Actor) -> Recorder:
    """Alice's recorder, which made $196 and holds one contract."""
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    a_fill(account, 1, "20020.00", 3)
    settle(account=account)
    return recorder


def page(actor: Actor, path: str, status: int = 200) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


def test_the_list_tells_state_open_today_and_the_last_event(alice: Actor, traded: Recorder) -> None:
    a_strategy(alice.user, "Alerts only")
    shown = page(alice, "/recorders/")
    for words in (
        "NQ Fade",
        "recording",
        "DEMO1001",
        "LONG 1",
        "+$100.00",
        "+$196.00",
        "100",
        "Alerts only",
        "no recorder",
    ):
        assert words in shown, words
    assert "Opened long 1 NQZ5 at 20,020.00." in shown


def test_a_strategys_page_has_figures_calendar_fills_and_log(
    alice: Actor, traded: Recorder
) -> None:
    shown = page(alice, f"/recorders/{traded.strategy_id}/")
    for words in (
        "Profit factor",
        "December 2025",
        "the only recorder",
        "+$196.00",
        "Closed 1 long NQZ5",
        "20,010.00",
        f"th{traded.strategy_id}",
    ):
        assert words in shown, words
    curve = alice.client.get(f"/recorders/{traded.strategy_id}/curve/").json()
    assert (curve["days"], curve["equity"]) == (["2025-12-02"], ["196.00"])
    assert "Nothing ended on this day" in page(
        alice, f"/recorders/{traded.strategy_id}/?day=2025-12-01"
    )


def test_a_recorder_is_made_changed_started_stopped_copied_and_reset(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    given = {
        "name": "ES Fade", "symbol": "ES1!", "account": account.pk, "root": "MES", "size": "2",
        "position_add": "0", "trim": "0", "unit": "points", "stop_loss": "5", "take_profit": "",
        "ways": "both",
    }  # fmt: skip
    answer = alice.client.post("/recorders/new/", given)
    assert "/webhook/" in answer.content.decode()
    recorder = Recorder.objects.get()
    assert (recorder.root, recorder.size, recorder.is_recording) == ("MES", 2, False)
    base = f"/recorders/{recorder.strategy_id}/"
    assert "Record ES Fade in DEMO1001?" in page(alice, f"{base}start/")
    alice.client.post(f"{base}start/", {"since": "day"})
    recorder.refresh_from_db()
    assert recorder.is_recording
    assert recorder.spans.get().started_ns < BEGAN
    assert alice.client.post(f"{base}change/", given | {"size": "0"}).status_code == 422
    assert alice.client.post(f"{base}change/", given | {"size": "3"}).status_code == 302
    alice.client.post(f"{base}stop/")
    alice.client.post(f"{base}clone/")
    recorder.refresh_from_db()
    assert (recorder.size, recorder.is_recording, Recorder.objects.count()) == (3, False, 2)
    alice.client.post(f"{base}reset/")
    assert "Take the reset back" in page(alice, base)
    alice.client.post(f"{base}undo-reset/")
    assert "Take the reset back" not in page(alice, base)


def test_a_name_that_is_taken_is_said_at_its_field(alice: Actor, traded: Recorder) -> None:
    given = {
        "name": "NQ Fade",
        "symbol": "NQ1!",
        "size": "1",
        "position_add": "0",
        "trim": "0",
        "unit": "ticks",
        "ways": "both",
    }
    answer = alice.client.post("/recorders/new/", given)
    assert answer.status_code == 422
    assert "You have a strategy named NQ Fade already." in answer.content.decode()


def test_a_fill_of_two_is_settled_and_taken_back_on_the_page(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    base = f"/recorders/{first.strategy_id}/"
    shown = page(alice, base)
    assert "Whose fills are these?" in shown
    assert "NQ Fade or NQ FVG" in shown
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": ""})
    assert recorded(account) == []
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": str(first.strategy_id)})
    assert [row[0] for row in recorded(account)] == ["NQ Fade"]
    assert "settled by hand" in page(alice, base)
    alice.client.post(f"{base}fills/{fill.pk}/", {"whose": "undo"})
    assert recorded(account) == []


def test_a_contract_without_a_value_is_shown_as_such(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    for signed, price, minute in ((1, "100.00", 1), (-1, "101.00", 2)):
        a_fill(account, signed, price, minute, contract="XYZZ5", order="")
    settle(account=account)
    assert not RecordedPosition.objects.exists()
    page(alice, f"/recorders/{recorder.strategy_id}/")


def test_pages_are_ones_own(alice: Actor, bob: Actor, traded: Recorder) -> None:
    base = f"/recorders/{traded.strategy_id}/"
    for path in ("", "curve/", "region/now/", "region/log/", "change/", "start/", "reset/"):
        assert bob.client.get(base + path).status_code == 404, path
        assert Client().get(base + path).status_code == 302, path
    for path in ("stop/", "clone/", "reset/", "fills/1/"):
        assert bob.client.post(base + path).status_code == 404, path
        assert Client().post(base + path).status_code == 302, path
    assert "NQ Fade" not in page(bob, "/recorders/")
    traded.refresh_from_db()
    assert traded.is_recording


def test_pages_cost_the_same_however_much_there_is(alice: Actor, traded: Recorder) -> None:
    assert traded.account is not None

    def cost(path: str) -> int:
        alice.client.get(path)
        with CaptureQueriesContext(connection) as queries:
            page(alice, path)
        return len(queries)

    paths = (
        "/recorders/",
        "/recorders/list/",
        f"/recorders/{traded.strategy_id}/",
        "/api/strategies/",
    )
    few = [cost(path) for path in paths]
    for number in range(3):
        a_recorder(alice.user, traded.account, f"More {number}", root="MNQ")
    for number in range(10):
        a_fill(traded.account, 1 if number % 2 else -1, "20000.00", 10 + number)
    settle(account=traded.account)
    assert [cost(path) for path in paths] == few


def test_many_fills_to_settle_are_counted_and_listed_page_by_page(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    a_recorder(alice.user, account, "NQ FVG")
    other = a_recorder(alice.user, a_broker_account(alice.user, "DEMO1002"), "Alone")
    for number in range(26):
        a_fill(account, 1 if number % 2 else -1, "20000.00", number)
    settle(account=account)
    path = f"/recorders/{first.strategy_id}/"
    page = alice.client.get(path).content.decode()
    assert "26 to settle" in page and page.count(">neither<") == 25
    assert alice.client.get(f"{path}?undecided=2").content.decode().count(">neither<") == 1
    assert b"to settle" not in alice.client.get(f"/recorders/{other.strategy_id}/").content
    with CaptureQueriesContext(connection) as asked:
        listed = alice.client.get("/recorders/").content.decode()
    assert listed.count("26 fills to settle") == 2
    assert not [one for one in asked if '"recorder_recordedfill"."note"' in one["sql"]]
