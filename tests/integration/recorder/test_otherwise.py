"""Figures of a strategy are not enforced: what was done otherwise stands on the position, in the log and in the API, once."""

from typing import Any

import pytest

from apps.bus import transport
from apps.bus.domain.message import MINUTE
from apps.recorder import recorders
from apps.recorder.models import RecordedPosition, Recorder, RecorderLog
from apps.recorder.services import settle
from tests.cast import Actor

from .rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market_time() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN + 60 * MINUTE, True)
    yield
    transport.use(None)


def lines() -> list[str]:
    rows = RecorderLog.objects.filter(kind="warning").order_by("at_ns", "id")
    return list(rows.values_list("text", flat=True))


def test_it_is_said_once_on_the_position_and_in_the_log(alice: Actor, bob: Actor) -> None:
    account = a_broker_account(alice.user)
    one = a_recorder(alice.user, account, size=2, unit="points", stop_loss=40)
    a_fill(account, 3, "20000", 1)
    settle(account=account)
    settle(account=account)
    assert lines() == ["NQZ5: Opened 3, the strategy says 2."]
    a_fill(account, -3, "19955", 2)
    settle(account=account)
    settle(account=account, since=0)
    said = ["Opened 3, the strategy says 2.", "Left at −45 points, the stop loss says 40 points."]
    assert lines() == [f"NQZ5: {text}" for text in said]
    page = alice.client.get(f"/recorders/{one.strategy_id}/").content.decode()
    for text in said:
        assert page.count(text) >= 2, "beside the position and in the log"
    assert bob.client.get(f"/recorders/{one.strategy_id}/").status_code == 404
    (row,) = alice.client.get(f"/api/strategies/{one.strategy_id}/positions/").json()["results"]
    assert row["otherwise"] == said


def test_a_position_is_judged_by_the_figures_of_its_own_time(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    one = a_recorder(alice.user, account, size=2)
    a_fill(account, 2, "20000", 1)
    settle(account=account)
    recorders.change(recorder=one, by="alice", size=1)
    a_fill(account, -2, "20010", 2)
    a_fill(account, 2, "20010", 3)
    settle(account=account)
    rows = RecordedPosition.objects.order_by("opened_ns")
    assert [len(row.deviations) for row in rows] == [0, 1]
    assert rows[1].deviations[0]["text"] == "Opened 2, the strategy says 1."


def test_a_size_that_was_never_said_is_no_size_to_differ_from(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    one = a_recorder(alice.user, account)
    for minute, signed in enumerate((2, -2, 7, -7), 1):
        a_fill(account, signed, "20000", minute)
    settle(account=account)
    assert one.size is None and lines() == []
    assert all(row.deviations == [] for row in RecordedPosition.objects.all())
    told = alice.client.get(f"/api/strategies/{one.strategy_id}/").json()
    assert told["size"] is None
    page = alice.client.get("/recorders/").content.decode()
    assert "None" not in page and "lot" not in page
    recorders.change(recorder=one, by="alice", size=2)
    a_fill(account, 3, "20000", 5)
    settle(account=account)
    assert lines() == ["NQZ5: Opened 3, the strategy says 2."]


def test_the_form_takes_a_recorder_without_a_size_and_takes_a_size_away(alice: Actor) -> None:
    form = {
        "name": "Fade", "symbol": "NQ1!", "size": "", "position_add": "0", "trim": "0", "unit": "ticks",
        "ways": "both",
    }  # fmt: skip
    assert 'name="size" value' not in alice.client.get("/recorders/new/").content.decode()
    assert alice.client.post("/recorders/new/", form).status_code == 200
    made = Recorder.objects.get()
    path = f"/recorders/{made.strategy_id}/change/"
    for typed, kept in (("", None), ("2", 2), ("", None)):
        alice.client.post(path, form | {"size": typed})
        assert Recorder.objects.get().size == kept
    answer = alice.client.post(path, form | {"size": "0"})
    assert answer.status_code == 422 and Recorder.objects.get().size is None
