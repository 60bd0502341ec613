"""A field that does not exist is told, by its name and with the nearest one that does: at each address, at each depth."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.bus import transport
from apps.recorder.models import Import, Recorder
from apps.risk.models import RuleSet
from apps.risk.services import seed_presets
from apps.signals.models import Strategy
from apps.signals.services import create_strategy
from tests.architecture.test_bodies import bodies
from tests.cast import Actor
from tests.factories import NOW, at
from tests.integration.papertrading.rows import an_account
from tests.integration.recorder.rows import a_broker_account, a_fill, a_recorder
from tests.integration.users.numbered import a_row_of_each_kind

pytestmark = pytest.mark.django_db
ALICES: Final = 4711
FORMS: Final = ("/api/recorder/import/",)  # a file, so no JSON
WHOLE_ORDER: Final = {"symbol": "NQ", "side": "buy", "type": "market", "quantity": 1}


@pytest.fixture(autouse=True)
def _way(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.HOME = tmp_path
    transport.use(transport.MemoryTransport())
    transport.set_market_time(at(NOW), live=True)
    yield
    transport.use(None)


def refusals(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return {error["field"]: error["detail"] for error in answer.json()["errors"]}


def ask(client: Client, method: str, path: str, body: Any) -> Any:
    more = {} if path in FORMS else {"content_type": "application/json"}
    return getattr(client, method.lower())(path, body, **more)


def test_each_address_that_takes_a_body_tells_of_a_field_that_is_none(alice: Actor) -> None:
    seed_presets()
    assert RuleSet.objects.exists()
    a_row_of_each_kind(alice.user, ALICES)
    asked = 0
    for address, kind in bodies():
        reader = kind() if isinstance(kind, type) else kind
        if not getattr(reader, "fields", None):
            continue
        method, _, path = address.partition(" ")
        answer = ask(alice.client, method, path.replace("{id}", str(ALICES)), {"no_such_thing": 1})
        assert "There is no such field" in refusals(answer)["no_such_thing"], address
        asked += 1
    assert asked > 30


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("stop_los", "stop_loss"), ("stopLoss", "stop_loss"), ("STOP-LOSS", "stop_loss"), ("take_proft", "take_profit"),
        ("positon_add", "position_add"),
    ],
)  # fmt: skip
def test_one_that_is_near_is_named_and_nothing_is_made(alice: Actor, sent: str, meant: str) -> None:
    body = {"name": "NQ Fade", "symbol": "NQ1!", sent: "10"}
    told = refusals(ask(alice.client, "post", "/api/strategies/", body))
    assert told == {sent: f"There is no such field; did you mean {meant}?"}
    assert not Strategy.objects.exists()


def test_one_that_is_near_none_is_told_what_there_is(alice: Actor) -> None:
    told = refusals(ask(alice.client, "post", "/api/notifications/read/", {"xyz": 1}))
    assert told == {"xyz": "There is no such field; known are ids."}


def test_it_is_told_together_with_what_else_is_wrong(alice: Actor) -> None:
    body = {"symbl": "NQ1!", "size": 0, "name": "A"}
    told = refusals(ask(alice.client, "post", "/api/strategies/", body))
    assert list(told) == ["symbl", "symbol", "size"]
    assert told["symbl"].endswith("did you mean symbol?")


def test_a_body_of_many_is_answered_shortly(alice: Actor) -> None:
    body = {"x" * 300: 1} | {f"f{number}": 1 for number in range(50)}
    told = refusals(ask(alice.client, "post", "/api/notifications/read/", body))
    assert len(told) == 10
    assert max(map(len, told)) == 80


@pytest.mark.parametrize(
    ("more", "field", "meant"),
    [
        ({"brackt": {}}, "brackt", "bracket"),
        ({"bracket": {"stop_point": "10"}}, "bracket.stop_point", "stop_points"),
        ({"bracket": {"stop_points": "10", "targets": [{"R": "1"}]}}, "bracket.targets.0.R", "r"),
        ({"bracket": {"targets": [{"r": "1"}, {"r": "2", "qantity": 1}]}}, "bracket.targets.1.qantity", "quantity"),
    ],
)  # fmt: skip
def test_each_depth_and_each_place_of_a_list_is_looked_at(
    alice: Actor, more: dict[str, Any], field: str, meant: str
) -> None:
    body = WHOLE_ORDER | {"account": an_account(alice.user).pk} | more
    told = refusals(ask(alice.client, "post", "/api/risk/check/", body))
    assert told == {field: f"There is no such field; did you mean {meant}?"}


def test_a_change_of_a_part_is_looked_at_too(alice: Actor) -> None:
    recorder = a_recorder(alice.user, None, since=None)
    path = f"/api/strategies/{recorder.strategy_id}/"
    assert refusals(ask(alice.client, "patch", path, {"sise": 3}))["sise"].endswith("mean size?")
    assert ask(alice.client, "patch", path, {"size": 3}).status_code == 200


# ---- forms ----


def test_a_form_names_its_parts_by_their_places(alice: Actor) -> None:
    fill = a_fill(a_broker_account(alice.user), 2, "20000.00", 1)
    strategy = a_recorder(alice.user, fill.account).strategy_id
    path = f"/api/recorder/fills/{fill.pk}/"
    form = {"shares[0]strategy": strategy, "shares[0]quantity": 2, "csrfmiddlewaretoken": "x"}
    assert alice.client.post(path, form).status_code == 200
    told = refusals(alice.client.post(path, form | {"shares[0]quantty": 1, "shars[0]quantity": 1}))
    assert set(told) == {"shars", "shares.0.quantty"}
    order = WHOLE_ORDER | {"account": an_account(alice.user).pk, "bracket.stop_pints": "10"}
    told = refusals(alice.client.post("/api/risk/check/", order))
    assert told["bracket.stop_pints"].endswith("did you mean stop_points?")


def test_a_file_is_taken_in_and_a_misspelt_wish_beside_it_is_not(alice: Actor) -> None:
    file = SimpleUploadedFile("f.csv", b"a,b\n1,2\n", "text/csv")
    told = refusals(alice.client.post("/api/recorder/import/", {"file": file, "aply": "true"}))
    assert told == {"aply": "There is no such field; did you mean apply?"}
    assert not Import.objects.exists()
    file = SimpleUploadedFile("f.csv", b"a,b\n1,2\n", "text/csv")
    form = {"file": file, "zone": "America/Chicago", "csrfmiddlewaretoken": "x"}
    assert alice.client.post("/api/recorder/import/", form).status_code == 201


def test_names_in_a_file_are_no_fields(alice: Actor) -> None:
    """`accounts` has keys of its own: what the file calls them."""
    a_row_of_each_kind(alice.user, ALICES)
    path = f"/api/recorder/import/{ALICES}/"
    told = refusals(ask(alice.client, "post", path, {"accounts": {"APEX-1": None}}))
    assert "APEX-1" not in told


# ---- what is read may be sent back ----


def test_a_strategy_is_sent_back_as_it_was_read(alice: Actor) -> None:
    recorder = a_recorder(alice.user, a_broker_account(alice.user))
    path = f"/api/strategies/{recorder.strategy_id}/"
    whole = alice.client.get(path).json()
    answer = ask(alice.client, "put", path, whole | {"size": 4})
    assert answer.status_code == 200, answer.content
    assert answer.json() == whole | {"size": 4} | {
        name: answer.json()[name] for name in ("last_event", "last_event_at")
    }


def test_recording_is_not_switched_by_the_way(alice: Actor) -> None:
    recorder = a_recorder(alice.user, a_broker_account(alice.user), since=None)
    path = f"/api/strategies/{recorder.strategy_id}/"
    told = refusals(ask(alice.client, "patch", path, {"is_recording": True}))
    assert "/api/recorder/start/" in told["is_recording"]
    new = {"name": "B", "symbol": "NQ1!", "is_recording": True}
    assert "is_recording" in refusals(ask(alice.client, "post", "/api/strategies/", new))
    assert ask(alice.client, "post", "/api/strategies/", new | {"is_recording": False}).status_code == 201  # fmt: skip
    assert not Recorder.objects.filter(is_recording=True).exists()


# ---- the webhook is another matter ----


def test_a_sender_may_add_to_an_alert_what_he_likes(alice: Actor) -> None:
    _, token = create_strategy(user=alice.user, name="NQ FVG")
    alert = {"symbol": "NQ1!", "direction": "long", "stop_los": "19990", "plot_0": "{{plot_0}}", "my": {"own": [1]}}  # fmt: skip
    answer = Client().post(f"/webhook/{token}/", alert, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted"), answer.content
