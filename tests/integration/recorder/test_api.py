"""The API of strategies and recorders: its shapes, what is refused, and that it is one's own."""

from typing import Any

import pytest
from django.test import Client

from apps.bus import transport
from apps.bus.models import FactRow
from apps.recorder import recorders
from apps.recorder.domain.terms import BadRecorder
from apps.recorder.models import RecordedPosition, RecorderLog
from apps.recorder.services import settle
from apps.signals.models import Strategy
from tests.cast import Actor, program
from tests.factories import a_price

from .rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market() -> Any:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    yield
    transport.use(None)


def sent(actor: Actor, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = getattr(actor.client, method)(path, body or {}, content_type="application/json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def asked(actor: Actor, path: str) -> Any:
    answer = actor.client.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


NEW = {"name": "NQ Fade", "symbol": "CME_MINI:NQ1!", "size": 2, "unit": "points", "stop_loss": "10"}


def test_a_strategy_is_made_read_changed_and_deleted(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    made = sent(
        alice, "post", "/api/strategies/", NEW | {"account": account.pk, "product": "MNQ"}, 201
    )
    assert (made["name"], made["product"], made["account_name"]) == ("NQ Fade", "MNQ", "DEMO1001")
    assert (made["size"], made["stop_loss"], made["take_profit"]) == (2, "10.0000", None)
    assert (made["is_recording"], made["net"], made["win_rate"]) == (False, "0.00", None)
    assert len(made["webhook_token"]) > 20
    path = f"/api/strategies/{made['id']}/"
    changed = sent(alice, "patch", path, {"name": "NQ Fader", "ways": "long", "is_active": False})
    assert (changed["name"], changed["ways"], changed["is_active"]) == ("NQ Fader", "long", False)
    assert "webhook_token" not in asked(alice, path)
    assert asked(alice, "/api/strategies/")["count"] == 1
    sent(alice, "patch", path, {"take_profit": "80"})
    last = RecorderLog.objects.filter(strategy=made["id"]).latest("id")
    assert last.text == "Changed: take profit 80.", "as a person writes it"
    sent(alice, "delete", path, status=204)
    assert not Strategy.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "symbol": "NQ1!"}, "name"),
        ({"name": "A", "symbol": "ABC"}, "symbol"),
        ({"name": "A", "symbol": "NQ1!", "account": 99}, "account"),
        ({"name": "A", "symbol": "NQ1!", "size": 0}, "size"),
        ({"name": "A", "symbol": "NQ1!", "unit": "pips"}, "unit"),
        ({"name": "A", "symbol": "NQ1!", "stop_loss": "-1"}, "stop_loss"),
        ({"name": "A", "symbol": "NQ1!", "take_profit": "0"}, "take_profit"),
        ({"name": "Taken", "symbol": "NQ1!"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(alice: Actor, body: Any, field: str) -> None:
    a_recorder(alice.user, None, "Taken", since=None)
    told = sent(alice, "post", "/api/strategies/", body, 400)
    assert [error["field"] for error in told["errors"]] == [field]
    assert Strategy.objects.count() == 1


def test_recording_starts_and_stops_by_address(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account, since=None)
    a_fill(account, 1, "20000.00", -5)
    start = f"/api/recorder/start/{recorder.strategy_id}/"
    for _twice in (1, 2):
        told = sent(alice, "post", start, {"since": "2025-12-02T14:00:00Z"})
        assert (told["is_recording"], told["open_positions"]) == (True, 1)
    told = sent(alice, "post", f"/api/recorder/stop/{recorder.strategy_id}/")
    assert not told["is_recording"]
    log = asked(alice, f"/api/recorder/logs/{recorder.strategy_id}/")["results"]
    assert {line["kind"] for line in log} == {"started", "opened", "stopped"}


def test_without_an_account_it_cannot_start(alice: Actor) -> None:
    recorder = a_recorder(alice.user, None, since=None)
    told = sent(alice, "post", f"/api/recorder/start/{recorder.strategy_id}/", status=400)
    assert told["errors"][0]["field"] == "account"


def test_positions_come_with_their_fills_and_why(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    a_fill(account, -1, "20010.00", 2)
    a_fill(account, 1, "20020.00", 3)
    settle(account=account)
    a_price("20025.00", contract="NQZ5")
    path = f"/api/strategies/{recorder.strategy_id}/positions/"
    held, closed = asked(alice, path)["results"]
    assert (held["status"], held["unrealized"], held["entry"]) == (
        "open",
        "100.00",
        "20020.00",
    )
    assert (closed["gross"], closed["fees"], closed["net"]) == ("200.00", "4.00", "196.00")
    assert (closed["status"], closed["exit"], closed["r"]) == ("closed", "20010.00", None)
    assert asked(alice, f"{path}?status=closed")["count"] == 1
    assert asked(alice, f"{path}?side=short")["count"] == 0
    assert alice.client.get(f"{path}?status=lost").status_code == 400
    _held, told = asked(alice, f"/api/recorder/positions/{recorder.strategy_id}/")["results"]
    assert [(one["side"], one["reason"]) for one in told["fills"]] == [
        ("buy", "only_strategy"), ("sell", "only_strategy"),
    ]  # fmt: skip


def test_the_win_rate_is_the_one_of_analytics(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    for number, price in enumerate(("20010.00", "20000.00", "19990.00")):  # won, even, lost
        a_fill(account, 1, "20000.00", 2 * number)
        a_fill(account, -1, price, 2 * number + 1)
    settle(account=account)
    RecordedPosition.objects.filter(realized__lt=0).update(realized=None)  # it cannot be valued
    (told,) = asked(alice, "/api/strategies/")["results"]
    figures = asked(alice, f"/api/strategies/{recorder.strategy_id}/analytics/")["recorded"]
    assert (told["closed"], figures["trades"]) == (3, 2)
    assert told["win_rate"] == figures["win_rate"] == "0.5000"


def test_fees_that_nobody_has_said_are_told_with_the_net(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1, fees=None)
    a_fill(account, -1, "20010.00", 2)
    settle(account=account)
    (told,) = asked(alice, "/api/strategies/")["results"]
    figures = asked(alice, f"/api/strategies/{recorder.strategy_id}/analytics/")["recorded"]
    assert told["fees_unknown"] == figures["fees_unknown"] == 1
    page = alice.client.get(f"/recorders/{recorder.strategy_id}/").content.decode()
    assert "fees of 1 trade not said yet" in page


def test_a_reset_leaves_out_what_is_closed_and_is_taken_back(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", -9)
    a_fill(account, -1, "20010.00", -8)
    a_fill(account, 1, "20000.00", -7)
    settle(account=account)
    path = f"/api/recorder/reset/{recorder.strategy_id}/"
    told = sent(alice, "post", path)
    assert (told["closed"], told["net"], told["open_positions"]) == (0, "0.00", 1)
    told = sent(alice, "delete", path)
    assert (told["closed"], told["net"]) == (1, "196.00")


def test_a_clone_has_the_figures_and_no_history(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account, size=3)
    told = sent(alice, "post", f"/api/strategies/{recorder.strategy_id}/clone/", status=201)
    assert (told["name"], told["size"], told["is_recording"]) == ("NQ Fade 2", 3, False)
    assert told["webhook_token"]


def test_a_strategy_with_a_history_is_not_deleted(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    told = sent(alice, "delete", f"/api/strategies/{recorder.strategy_id}/", status=409)
    assert "archive it" in told["detail"]


@pytest.mark.parametrize("door", ["api", "page"])
def test_one_that_nothing_came_of_is_deleted_once_it_is_stopped(
    alice: Actor, bob: Actor, door: str
) -> None:
    recorder = a_recorder(alice.user, a_broker_account(alice.user))
    pk, by_api = recorder.strategy_id, f"/api/strategies/{recorder.strategy_id}/"
    page = f"/recorders/{pk}/delete/"
    told = sent(alice, "delete", by_api, status=409)
    assert told["detail"] == "NQ Fade records; stop it first."
    assert "NQ Fade records; stop it first." in alice.client.get(page).content.decode()
    alice.client.post(page)
    assert Strategy.objects.filter(pk=pk).exists()
    recorders.stop(recorder=recorder, by="alice")
    sent(bob, "delete", by_api, status=404)
    assert bob.client.get(page).status_code == 404 == bob.client.post(page).status_code
    assert program(alice.user).delete(by_api).status_code == 403
    assert Client().delete(by_api).status_code == 401
    assert Client().post(page).status_code == 302
    if door == "api":
        sent(alice, "delete", by_api, status=204)
    else:
        assert "Fills stay with their account" in alice.client.get(page).content.decode()
        said = alice.client.post(page, follow=True).content.decode()
        assert "NQ Fade is deleted." in said
    assert not Strategy.objects.filter(pk=pk).exists() and not RecorderLog.objects.exists()
    fact = FactRow.objects.filter(name="recorder.changed").latest("seq").payload
    assert (fact["what"], fact["strategy_name"], fact["by"]) == ("deleted", "NQ Fade", "alice")


def test_one_whose_fills_wait_to_be_settled_is_not_deleted(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    second = a_recorder(alice.user, account, "NQ FVG")
    a_fill(account, 2, "20000.00", 1)
    settle(account=account)
    told = sent(alice, "delete", f"/api/strategies/{second.strategy_id}/", status=409)
    assert "say whose they are first" in told["detail"]


def test_a_fill_of_two_is_settled_by_its_owner(alice: Actor, bob: Actor) -> None:
    account = a_broker_account(alice.user)
    first = a_recorder(alice.user, account)
    second = a_recorder(alice.user, account, "NQ FVG")
    fill = a_fill(account, 2, "20000.00", 1)
    settle(account=account)
    (waiting,) = asked(alice, "/api/recorder/undecided/")["results"]
    assert waiting["candidates"] == [first.strategy_id, second.strategy_id]
    assert asked(bob, "/api/recorder/undecided/")["count"] == 0
    path = f"/api/recorder/fills/{fill.pk}/"
    whole = {"shares": [{"strategy": first.strategy_id, "quantity": 2}]}
    sent(bob, "post", path, whole, 404)
    told = sent(
        alice, "post", path, {"shares": [{"strategy": first.strategy_id, "quantity": 1}]}, 400
    )
    assert "2 contracts" in told["errors"][0]["detail"]
    sent(alice, "post", path, whole)
    assert asked(alice, "/api/recorder/undecided/")["count"] == 0
    sent(alice, "delete", path, status=204)
    sent(alice, "delete", path, status=404)
    assert asked(alice, "/api/recorder/undecided/")["count"] == 1


def test_a_strategy_of_another_trader_cannot_be_given_a_fill(alice: Actor, bob: Actor) -> None:
    account = a_broker_account(alice.user)
    a_recorder(alice.user, account)
    his = a_recorder(bob.user, None, "His", since=None)
    fill = a_fill(account, 1, "20000.00", 1)
    body = {"shares": [{"strategy": his.strategy_id, "quantity": 1}]}
    sent(alice, "post", f"/api/recorder/fills/{fill.pk}/", body, 400)
    path = f"/api/strategies/{his.strategy_id}/"
    sent(bob, "patch", path, {"account": account.pk}, 400)


def test_strangers_get_nothing(alice: Actor, bob: Actor) -> None:
    recorder = a_recorder(alice.user, a_broker_account(alice.user))
    pk = recorder.strategy_id
    for path in (
        f"strategies/{pk}/",
        f"strategies/{pk}/positions/",
        f"recorder/positions/{pk}/",
        f"recorder/logs/{pk}/",
    ):
        assert bob.client.get(f"/api/{path}").status_code == 404
        assert Client().get(f"/api/{path}").status_code == 401
    for path in (
        f"recorder/start/{pk}/",
        f"recorder/stop/{pk}/",
        f"recorder/reset/{pk}/",
        f"strategies/{pk}/clone/",
    ):
        assert bob.client.post(f"/api/{path}").status_code == 404
        assert Client().post(f"/api/{path}").status_code == 401
    assert asked(bob, "/api/strategies/")["count"] == 0


# ---- when its signals stop ----


def test_the_alarm_for_signals_that_stop_is_read_and_set(alice: Actor) -> None:
    made = sent(alice, "post", "/api/strategies/", NEW | {"quiet_minutes": 45}, 201)
    assert made["quiet_minutes"] == 45
    path = f"/api/strategies/{made['id']}/"
    for minutes in (0, 10_000, None):
        assert sent(alice, "patch", path, {"quiet_minutes": minutes})["quiet_minutes"] == minutes
        assert Strategy.objects.get().quiet_minutes == minutes
        assert asked(alice, path)["quiet_minutes"] == minutes
    sent(alice, "patch", path, {"quiet_minutes": 60})
    assert sent(alice, "put", path, NEW)["quiet_minutes"] == 60, "what is left out stays"
    lines = RecorderLog.objects.filter(strategy=made["id"]).order_by("id")
    assert [line.text for line in lines] == [
        "Changed: never told of silence.", "Changed: told of silence after 10,000 minutes.",
        "Changed: told of silence by its own rhythm.", "Changed: told of silence after 60 minutes.",
    ]  # fmt: skip
    plain = sent(alice, "post", "/api/strategies/", {"name": "B", "symbol": "NQ1!"}, 201)
    assert plain["quiet_minutes"] is None


@pytest.mark.parametrize("minutes", [-1, 10_001, "soon", 1.5, True, [5], "9" * 400])
def test_minutes_that_are_none_are_refused_and_nothing_is_kept(alice: Actor, minutes: Any) -> None:
    recorder = a_recorder(alice.user, None, since=None)
    path = f"/api/strategies/{recorder.strategy_id}/"
    told = sent(alice, "patch", path, {"quiet_minutes": minutes, "name": "Other"}, 400)
    assert [error["field"] for error in told["errors"]] == ["quiet_minutes"]
    sent(alice, "post", "/api/strategies/", NEW | {"quiet_minutes": minutes, "name": "N"}, 400)
    assert list(Strategy.objects.values_list("name", "quiet_minutes")) == [("NQ Fade", None)]


def test_the_service_itself_refuses_them_by_their_field(alice: Actor) -> None:
    recorder = a_recorder(alice.user, None, since=None)
    with pytest.raises(BadRecorder, match="10001 must be 0 to 10,000 minutes") as refused:
        recorders.change(recorder=recorder, by="alice", quiet_minutes=10_001, size=7)
    assert refused.value.field == "quiet_minutes"
    with pytest.raises(BadRecorder, match="must be 0 to 10,000"):
        recorders.create(user=alice.user, name="N", symbol="NQ1!", quiet_minutes=-1)
    assert list(Strategy.objects.values_list("name", "quiet_minutes")) == [("NQ Fade", None)]
    recorder.refresh_from_db()
    assert recorder.size is None


def test_nobody_else_sets_the_alarm(alice: Actor, bob: Actor) -> None:
    recorder = a_recorder(alice.user, None, since=None)
    path = f"/api/strategies/{recorder.strategy_id}/"
    sent(bob, "patch", path, {"quiet_minutes": 0}, 404)
    nobody = Client().patch(path, {"quiet_minutes": 0}, content_type="application/json")
    assert nobody.status_code == 401
    reader = program(alice.user)
    refused = reader.patch(path, {"quiet_minutes": 0}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "READ_ONLY_TOKEN")
    assert reader.get(path).json()["quiet_minutes"] is None
    writer = program(alice.user, may_change=True)
    done = writer.patch(path, {"quiet_minutes": 0}, content_type="application/json")
    assert done.json()["quiet_minutes"] == 0
