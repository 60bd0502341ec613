"""A recorder whose account is not read says so: on its pages, once in its log, and it cannot be started on a closed one."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.brokers import connecting
from apps.brokers.logins import State, stand
from apps.brokers.models import BrokerAccount, Connection
from apps.brokers.reading import poll
from apps.bus import transport
from apps.bus.domain.message import MINUTE, to_instant
from apps.bus.models import FactRow
from apps.recorder import outages, recorders
from apps.recorder.domain.terms import BadRecorder
from apps.recorder.models import Recorder, RecorderLog
from apps.recorder.services import settle
from apps.recorder.tasks import hear, sweep
from tests.cast import Actor
from tests.factories import a_price
from tests.integration.brokers.playground import START, ScriptedSimulator
from tests.integration.brokers.shared import a_connection, desk_market

from .rows import BEGAN, a_broker_account, a_fill, a_recorder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    transport.set_market_time(BEGAN, True)
    a_price("20025.00", contract="NQZ5")
    yield
    transport.use(None)


@pytest.fixture
def held(alice: Actor) -> Recorder:
    """Alice's recorder, which holds one contract."""
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account)
    a_fill(account, 1, "20000.00", 1)
    settle(account=account)
    return recorder


def warnings() -> list[str]:
    return list(
        RecorderLog.objects.filter(kind="warning").order_by("pk").values_list("text", flat=True)
    )


def page(actor: Actor, path: str) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    transport.set_market_time(START, True)
    with desk_market() as sim:
        yield sim


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_a_displaced_login_is_told_once_and_once_when_it_is_read_again(
    market: ScriptedSimulator, alice: Actor
) -> None:
    login = a_connection(alice.user)
    poll(login.pk)
    made, _secret = recorders.create(
        user=alice.user, name="NQ Fade", symbol="NQ1!",
        account=BrokerAccount.objects.get(remote="1001"),
    )  # fmt: skip
    recorders.start(recorder=made, by="alice")
    hear()
    assert warnings() == []
    path = f"/recorders/{made.strategy_id}/"
    assert "not read" not in page(alice, path)
    market.sessions.displace()
    poll(login.pk)
    for _again in range(3):
        hear()
        sweep()
    (line,) = warnings()
    assert "is not read since" in line and "signed in elsewhere; connect again." in line
    for shown in (page(alice, path), page(alice, "/recorders/")):
        assert "not read since" in shown and 'signed in elsewhere: <a class="act"' in shown
        assert "recording</span>" not in shown
    assert alice.client.get(f"/api/strategies/{made.strategy_id}/").json()["not_read"] == line
    connecting.reconnect(connection=Connection.objects.get())
    poll(login.pk)
    for _again in range(2):
        hear()
        sweep()
    assert warnings() == [line, "DEMO1001 is read again."]
    assert "recording</span>" in page(alice, path)
    facts = FactRow.objects.filter(name="recorder.changed").order_by("seq")
    assert [one.payload["what"] for one in facts][-2:] == ["not read", "read again"]
    market.sessions.displace()
    poll(login.pk)
    sweep()
    assert len(warnings()) == 3  # another outage is another line


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ({"state": "refused"}, "login refused"),
        ({"state": "off", "is_on": False}, "login switched off"),
        ({"state": "lost"}, "broker not reached"),
        ({"state": "ok"}, "nothing heard"),
    ],
    ids=lambda one: str(one),
)
def test_every_way_of_not_being_read_shows_in_place_of_recording(
    alice: Actor, held: Recorder, login: dict[str, Any], words: str
) -> None:
    before = timezone.now() - timedelta(minutes=12)
    Connection.objects.update(**login, polled_at=before, state_at=before)
    for path in ("/recorders/", f"/recorders/{held.strategy_id}/"):
        shown = page(alice, path)
        assert f"{words}: <a" in shown and "recording</span>" not in shown
        assert "as the broker had it 12 min ago" in shown and "data-old" in shown


def test_open_profit_of_an_account_that_is_read_is_not_grey(alice: Actor, held: Recorder) -> None:
    Connection.objects.update(state="ok", polled_at=timezone.now())
    shown = page(alice, f"/recorders/{held.strategy_id}/region/now/")
    assert "data-old" not in shown and "+$500.00" in shown


def test_a_hiccup_is_no_line(held: Recorder) -> None:
    Connection.objects.update(state="lost", polled_at=timezone.now())
    now = to_instant(timezone.now())
    assert (outages.look(now + MINUTE), outages.look(now + 4 * MINUTE)) == (0, 1)
    assert outages.look(now + 9 * MINUTE) == 0


def test_a_stopped_recorder_without_a_position_says_nothing(alice: Actor) -> None:
    account = a_broker_account(alice.user)
    recorder = a_recorder(alice.user, account, since=None)
    stand(account.connection_id, State.DISPLACED, "elsewhere")
    assert outages.look() == 0
    assert "not read" not in page(alice, f"/recorders/{recorder.strategy_id}/")


def test_an_account_that_its_firm_has_closed_is_not_recorded(alice: Actor) -> None:
    account = a_broker_account(alice.user, is_open=False)
    recorder = a_recorder(alice.user, account, since=None)
    with pytest.raises(BadRecorder) as refused:
        recorders.start(recorder=recorder, by="alice")
    assert refused.value.field == "account"
    assert "DEMO1001 is closed at the firm; choose an account that is open." in str(refused.value)
    answer = alice.client.post(f"/api/recorder/start/{recorder.strategy_id}/")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "account")
    alice.client.post(f"/recorders/{recorder.strategy_id}/start/", {"since": "now"})
    recorder.refresh_from_db()
    assert not recorder.is_recording and not recorder.spans.exists()


def test_an_account_that_is_closed_while_it_is_recorded_is_told(
    alice: Actor, held: Recorder
) -> None:
    Connection.objects.update(state="ok", polled_at=timezone.now())
    BrokerAccount.objects.update(is_open=False)
    assert (outages.look(), outages.look()) == (1, 0)
    shown = page(alice, f"/recorders/{held.strategy_id}/")
    assert "closed at the firm: <a" in shown
    assert f"/recorders/{held.strategy_id}/change/" in shown
