"""Alerts that stop are told once and told as over; nobody else's strategy is touched."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from apps.bus import transport
from apps.bus.domain.message import MINUTE, to_datetime
from apps.bus.models import FactRow, Inbox
from apps.notifications.models import Delivery, Notice
from apps.notifications.services import link_discord
from apps.signals import services, tasks, watching
from apps.signals.models import AlertWatch, Strategy
from apps.signals.queries import silent
from tests.cast import Actor
from tests.factories import at
from tests.integration.notifications.told import hear

pytestmark = [pytest.mark.django_db]

WALL = datetime(2026, 11, 28, 12, tzinfo=UTC)
LAST = "2025-12-05T15:10:00Z"  # Friday, 10:10 in New York


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


class Morning:
    """A strategy that sends every twenty minutes of the New York morning, and who looks at it each minute."""

    def __init__(self, user: Any, name: str = "NQ FVG", **fields: Any) -> None:
        self.strategy, self.token = services.create_strategy(user=user, name=name)
        if fields:
            services.change_strategy(strategy=self.strategy, **fields)
        self.wall = WALL
        self.look(at("2025-11-30T23:00:00Z"))
        for day in ("01", "02", "03", "04"):
            for number in range(7):
                self.send(at(f"2025-12-{day}T14:30:00Z") + number * 20 * MINUTE)
        for minute in ("14:30", "14:50", "15:10"):
            self.send(at(f"2025-12-05T{minute}:00Z"))

    def send(self, moment: int) -> None:
        """Receive an alert at a market time, as the door keeps it."""
        Inbox.objects.create(
            kind="alert", payload="{}", user_id=self.strategy.user_id, source="webhook",
            received_at=to_datetime(moment), market_at=moment, of=watching.of(self.strategy.pk),
        )  # fmt: skip

    def look(self, moment: int | str, wall_minutes: int = 1) -> int:
        self.wall += timedelta(minutes=wall_minutes)
        return watching.look(at(moment) if isinstance(moment, str) else moment, self.wall)


def told() -> list[str]:
    return list(
        FactRow.objects.filter(name__startswith="alert.")
        .order_by("seq")
        .values_list("name", flat=True)
    )


# Its longest pause is 90 minutes of its mornings (11:30 to noon and 8:30... 9:30 is NY PRE until 8:30), told after 135.
def test_a_silence_is_told_once_and_told_as_over(alice: Actor) -> None:
    one = Morning(alice.user)
    assert one.look("2025-12-05T16:55:00Z") == 0, "105 quiet minutes are usual"
    assert one.look("2025-12-07T23:30:00Z") == 0, "a weekend is no silence"
    assert one.look("2025-12-08T13:54:00Z") == 0
    assert [one.look("2025-12-08T13:55:00Z"), one.look("2025-12-08T13:56:00Z")] == [1, 0]
    (row,) = FactRow.objects.filter(name="alert.stopped")
    assert (row.user_id, row.payload["last_at"], row.payload["limit_min"]) == (
        alice.user.pk, LAST, 135,
    )  # fmt: skip
    (shown,) = silent(alice.user)
    assert shown.title == "NQ FVG: alerts have stopped"
    assert "2 h 15 min of open market in its sessions (NY AM)" in shown.text
    one.send(at("2025-12-08T14:30:00Z"))
    assert [one.look("2025-12-08T14:31:00Z"), one.look("2025-12-08T14:32:00Z")] == [1, 0]
    assert told() == ["alert.stopped", "alert.resumed"]
    assert FactRow.objects.get(name="alert.resumed").payload["at"] == "2025-12-08T14:30:00Z"
    assert silent(alice.user) == []


def test_the_next_silence_is_told_anew_and_the_last_is_no_habit(alice: Actor) -> None:
    one = Morning(alice.user)
    one.look("2025-12-08T16:30:00Z")
    one.send(at("2025-12-08T16:40:00Z"))
    one.look("2025-12-08T16:41:00Z")
    assert [one.look("2025-12-09T15:24:00Z"), one.look("2025-12-09T15:25:00Z")] == [0, 1]
    assert told() == ["alert.stopped", "alert.resumed", "alert.stopped"]
    assert FactRow.objects.filter(name="alert.stopped").last().payload["limit_min"] == 135


def test_the_owner_is_told_in_every_way_that_he_wants(alice: Actor, bob: Actor) -> None:
    hear()
    EmailAddress.objects.create(user=alice.user, email="alice@example.com", verified=True)
    link_discord(user=alice.user, snowflake="100", username="alice_d")
    one = Morning(alice.user)
    one.look("2025-12-08T13:55:00Z")
    one.send(at("2025-12-08T14:30:00Z"))
    one.look("2025-12-08T14:31:00Z")
    hear()
    rows = list(Notice.objects.filter(user=alice.user, kind="alerts_stopped").order_by("pk"))
    assert [row.title for row in rows] == ["NQ FVG: alerts have stopped", "NQ FVG: alerts are back"]
    assert "See in TradingView whether the alert is still active" in rows[0].body
    assert rows[1].body.startswith("An alert came again after ")
    ways = Delivery.objects.filter(notice=rows[0]).values_list("channel", flat=True)
    assert sorted(ways) == ["discord", "email"]
    assert not Notice.objects.filter(user=bob.user).exists()


def test_another_traders_strategy_is_not_touched(alice: Actor, bob: Actor, client: Client) -> None:
    one, other = Morning(alice.user), Morning(bob.user, "Bob's")
    other.send(at("2025-12-08T13:50:00Z"))
    one.look("2025-12-08T13:56:00Z")
    assert {row.user_id for row in FactRow.objects.filter(name="alert.stopped")} == {alice.user.pk}
    for path in ("/strategies/", "/strategies/silent/", "/signals/", "/recorders/"):
        assert b"alerts have stopped" in alice.client.get(path).content, path
        assert b"alerts have stopped" not in bob.client.get(path).content, path
    mine = f"/strategies/silent/?strategy={one.strategy.pk}"
    assert b"alerts have stopped" in alice.client.get(mine).content
    assert b"alerts have stopped" not in bob.client.get(mine).content
    assert client.get("/strategies/silent/").status_code == 302


def test_a_desk_that_was_off_blames_nobody(alice: Actor) -> None:
    one = Morning(alice.user)
    one.look("2025-12-05T15:11:00Z")
    assert one.look("2025-12-09T15:00:00Z", wall_minutes=60) == 0, "nobody listened meanwhile"
    watch = AlertWatch.objects.get()
    assert watch.listens_since_ns == at("2025-12-09T15:00:00Z")
    assert one.look("2025-12-09T16:59:00Z") == 0
    assert one.look("2025-12-10T14:00:00Z") == 1, "135 minutes after it was up again"


def test_off_is_off_and_minutes_are_minutes(alice: Actor) -> None:
    one = Morning(alice.user, quiet_minutes=0)
    assert one.look("2025-12-10T20:00:00Z") == 0
    services.change_strategy(strategy=one.strategy, quiet_minutes=30)
    assert [one.look("2025-12-11T13:59:00Z"), one.look("2025-12-11T14:00:00Z")] == [0, 1]
    assert "you asked to be told after 30 minutes" in silent(alice.user)[0].text
    services.change_strategy(strategy=one.strategy, is_active=False)
    one.look("2025-12-11T15:00:00Z")
    assert silent(alice.user) == [], "who is switched off is not silent"


def test_a_burst_names_tradingviews_limit_and_the_cure(alice: Actor) -> None:
    one = Morning(alice.user)
    for number in range(15):
        one.send(at("2025-12-05T15:13:00Z") + number * 10 * 10**9)
    assert one.look("2025-12-05T15:25:00Z") == 0
    assert one.look("2025-12-05T15:26:00Z") == 1
    assert silent(alice.user)[0].text == (
        "15 alerts came within 3 minutes, then none for 10 minutes of open market. TradingView stops an alert that fires "
        "15 times in 3 minutes and tells it there only. Restart the alert in TradingView, and let it fire once per bar close."
    )


def test_one_that_cannot_be_judged_keeps_nobody_else_waiting(alice: Actor, bob: Actor) -> None:
    broken, _ = services.create_strategy(user=bob.user, name="Broken")
    Strategy.objects.filter(pk=broken.pk).update(symbol="?")
    one = Morning(alice.user)
    assert one.look("2025-12-08T13:55:00Z") == 1


def test_what_was_refused_since_is_said(alice: Actor) -> None:
    one = Morning(alice.user)
    path = f"/webhook/{one.token}/"
    alice.client.post(path, b"{}", content_type="application/json")
    one.look("2025-12-08T13:55:00Z")
    assert "1 alert has come and was refused since" in silent(alice.user)[0].text


def test_the_door_keeps_whose_alert_it_is(alice: Actor, client: Client) -> None:
    strategy, token = services.create_strategy(user=alice.user, name="NQ FVG")
    moment = at("2025-12-05T15:10:00Z")
    transport.set_market_time(moment, live=True)
    body = {"signal_type": "Bullish", "price": 25035.75, "timestamp": LAST, "symbol": "NQ1!"}
    client.post(f"/webhook/{token}/", body, content_type="application/json")
    client.post(f"/webhook/{token}/", body, content_type="application/json")  # again: the same
    assert watching.arrivals(strategy, 0, moment) == [moment]


def test_the_task_keeps_the_markets_time(alice: Actor, settings: Any) -> None:
    services.create_strategy(user=alice.user, name="NQ FVG")
    assert tasks.watch_alerts() == 0
    assert not AlertWatch.objects.exists(), (
        "before the market has told its time nothing is looked at"
    )
    transport.set_market_time(at(LAST), live=True)
    tasks.watch_alerts()
    assert AlertWatch.objects.get().listens_since_ns == at(LAST)
    assert "signals.watch_alerts" in settings.CELERY_BEAT_SCHEDULE


@pytest.mark.parametrize(
    ("quiet", "minutes", "kept"),
    [("after", "45", 45), ("never", "", 0), ("auto", "45", None), ("after", "0", -1), ("after", "x", -1)],
)  # fmt: skip
def test_it_is_set_on_the_page(alice: Actor, quiet: str, minutes: str, kept: int | None) -> None:
    strategy, _ = services.create_strategy(user=alice.user, name="NQ FVG")
    services.change_strategy(strategy=strategy, quiet_minutes=7)
    path = f"/strategies/{strategy.pk}/senders/"
    form = {"is_active": "on", "quiet": quiet, "quiet_minutes": minutes}
    page = alice.client.post(path, form, follow=True)
    now = Strategy.objects.get(pk=strategy.pk).quiet_minutes
    assert now == (7 if kept == -1 else kept)
    assert (b"use 1 to 10,000" in page.content) == (kept == -1)


def test_only_the_owner_sets_it(alice: Actor, bob: Actor) -> None:
    strategy, _ = services.create_strategy(user=alice.user, name="NQ FVG")
    path = f"/strategies/{strategy.pk}/senders/"
    assert bob.client.post(path, {"quiet": "never"}).status_code == 404
    assert Strategy.objects.get(pk=strategy.pk).quiet_minutes is None
