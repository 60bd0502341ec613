"""Typing errors lock nobody out: fewer trials may fail than lock the desk's address at the broker."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from apps.brokers import connecting
from apps.brokers.models import Connection, LoginToken
from apps.brokers.reading import poll
from apps.brokers.tradovate.hosts import Hosts
from apps.trades.services import Refused
from tests.cast import Actor
from tests.integration.brokers.playground import ScriptedSimulator
from tests.integration.brokers.shared import desk_market

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

LOGIN = {"environment": "simulator", "login": "demo", "password": "demo"}
WRONG = LOGIN | {"password": "a-typing-error"}
JSON = {"content_type": "application/json"}


@pytest.fixture
def market() -> Iterator[ScriptedSimulator]:
    with desk_market() as sim:
        yield sim


def logins(market: ScriptedSimulator) -> int:
    return len(market.asked("auth/accesstokenrequest"))


def mistyped(user: Any, times: int = 3) -> None:
    for _ in range(times):
        with pytest.raises(Refused) as refused:
            connecting.test(user=user, **WRONG)
        assert refused.value.reason == "LOGIN_REFUSED"


def test_typing_errors_leave_the_kept_logins_what_they_need(
    alice: Actor, bob: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"}))
    mistyped(bob.user)
    for ask in (WRONG, LOGIN):
        with pytest.raises(Refused, match="may be tried in 60 min") as refused:
            connecting.test(user=bob.user, **ask)
        assert refused.value.reason == "TOO_MANY"
    assert logins(market) == 4
    LoginToken.objects.update(token="")  # the kept login has to log in by itself now
    assert poll(mine.pk) is not None and logins(market) == 5
    market.sessions.expire()
    assert poll(mine.pk) is not None and logins(market) == 6


def test_it_is_said_at_every_door(alice: Actor, market: ScriptedSimulator) -> None:
    mine = connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"}))
    mistyped(alice.user)
    add = WRONG | {"name": "Other", "login": "other"}
    for path, body in (("test-tradovate-connection", WRONG), ("add-tradovate", add)):
        answer = alice.client.post(f"/api/accounts/{path}/", body, **JSON)
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many"), answer.content
        assert "may be tried in" in answer.json()["detail"]
    page = alice.client.post("/connections/", add | {"do": "add"})
    assert page.status_code == 422 and "may be tried in" in page.content.decode()
    with pytest.raises(Refused, match="may be tried in"):
        connecting.change(connection=mine, password="a-typing-error")
    assert Connection.objects.get().password == "demo" and logins(market) == 4


def test_a_login_that_was_taken_counts_for_nothing(alice: Actor, market: ScriptedSimulator) -> None:
    for number in range(5):
        connecting.test(user=alice.user, **(LOGIN | {"cid": str(number), "sec": "a-key"}))
    mistyped(alice.user, 2)
    connecting.test(user=alice.user, **LOGIN)


def test_after_an_hour_it_may_be_tried_again(
    alice: Actor, market: ScriptedSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistyped(alice.user)
    began = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: began + timedelta(minutes=20, seconds=30))
    with pytest.raises(Refused, match="may be tried in 40 min"):
        connecting.test(user=alice.user, **LOGIN)
    monkeypatch.undo()
    cache.clear()  # as the hour does
    assert connecting.test(user=alice.user, **LOGIN)


def test_a_refused_login_is_not_reconnected_again_and_again(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"}))
    market.sessions._passwords = {"demo": "the-new-one"}
    LoginToken.objects.update(token="")
    assert poll(mine.pk) is None
    mine.refresh_from_db()
    assert mine.state == "refused"
    for _ in range(3):
        with pytest.raises(Refused):
            connecting.reconnect(connection=mine)
        mine.refresh_from_db()
    with pytest.raises(Refused, match="may be tried in"):
        connecting.reconnect(connection=mine)
    mine.refresh_from_db()
    assert mine.state == "refused" and logins(market) == 5


def test_a_place_that_was_lost_is_taken_back_whatever_was_mistyped(
    alice: Actor, market: ScriptedSimulator
) -> None:
    mine = connecting.add(user=alice.user, **(LOGIN | {"name": "Mine"}))
    mistyped(alice.user)
    market.sessions.displace()
    assert poll(mine.pk) is None
    mine.refresh_from_db()
    assert connecting.reconnect(connection=mine).state == "ok"


def test_the_desk_s_own_market_counts_for_itself(
    alice: Actor, market: ScriptedSimulator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BROKER_ENVIRONMENTS = ("simulator", "demo")
    monkeypatch.setattr(Hosts, "of", classmethod(lambda cls, _: cls.at(market.url)))
    mistyped(alice.user)
    assert connecting.test(user=alice.user, **(LOGIN | {"environment": "demo"}))
