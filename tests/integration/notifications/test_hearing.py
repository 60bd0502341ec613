"""From facts to notices: whose, once, in words, and which way out."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps as django_apps

from apps.brokers.domain.facts import OrderBlocked, OrderFilled, PositionOpened
from apps.bus import bus, transport
from apps.bus.domain.message import MINUTE, to_instant
from apps.bus.models import Cursor, FactRow
from apps.marketdata.domain.messages import FeedChangedState
from apps.notifications import services
from apps.notifications.domain.kinds import Channel, Kind
from apps.notifications.models import Delivery, Notice, Preferences
from apps.notifications.subscribers import NAME
from apps.recorder.domain.gaps import RecorderGap
from apps.risk.domain.messages import RiskLevelChanged
from tests.cast import Actor
from tests.factories import NOW, at
from tests.integration.notifications.told import closed, hear
from tests.integration.papertrading.rows import an_account
from tests.integration.recorder.rows import a_broker_account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _listening(db: None) -> None:
    """Begin to hear now: what was said before is not told."""
    hear()


def fill(user: int, account: int, **fields: Any) -> OrderFilled:
    """Return the fact that contracts were traded."""
    usual: dict[str, Any] = {
        "at": at(NOW), "user": user, "account": account, "order": "o1", "contract": "MNQZ5",
        "side": "buy", "type": "market", "role": "entry", "quantity": 1, "fill": "f1",
        "price": Decimal("20005.25"), "left": 0, "fees": Decimal("0.52"), "realized": Decimal(0),
        "slippage_ticks": 0, "latency_ms": 90, "rests_on": "quote",
    }  # fmt: skip
    return OrderFilled(**(usual | fields))


def opened(user: int, account: int, **fields: Any) -> PositionOpened:
    """Return the fact that a position began."""
    usual: dict[str, Any] = {
        "at": at(NOW), "user": user, "account": account, "position": "f1", "contract": "MNQZ5",
        "strategy": 0, "direction": "long", "quantity": 1, "price": Decimal("20005.25"),
    }  # fmt: skip
    return PositionOpened(**(usual | fields))


def feed(state: str, wall: int) -> FeedChangedState:
    """Return the fact that the feed changed."""
    return FeedChangedState(at=at(NOW), contract="NQZ5", state=state, reason="", wall_at=wall)


def test_a_fact_is_told_once_however_often_it_is_heard(alice: Actor, bob: Actor) -> None:
    account = an_account(alice.user)
    bus.publish(closed(alice.user.pk, account.pk, position="p-once"))
    assert hear() == 1
    Cursor.objects.filter(source=f"subscriber:{NAME}").update(value="0")  # it died before it noted
    hear()
    (row,) = Notice.objects.all()
    assert (row.user, row.kind) == (alice.user, Kind.CLOSED)
    assert row.title == "MNQ long closed, +1.47 R", "after fees, as the net beside it"
    assert row.body == "Alpha: 2 contracts, net +$45.00 after $1.00 fees."


def test_partial_fills_of_an_order_are_one_notice(alice: Actor) -> None:
    account = an_account(alice.user)
    bus.publish(fill(alice.user.pk, account.pk, quantity=1, left=2))
    bus.publish(opened(alice.user.pk, account.pk))
    bus.publish(
        fill(alice.user.pk, account.pk, fill="f2", quantity=2, price=Decimal("20006.75"),
             at=at(NOW) + 5)
    )  # fmt: skip
    hear()
    (row,) = Notice.objects.all()
    assert row.kind == Kind.OPENED
    assert row.title == "MNQ long opened in Alpha"
    assert row.body == "Bought 3 at 20,006.25 on average."
    Cursor.objects.filter(source=f"subscriber:{NAME}").update(value="0")
    hear()
    row.refresh_from_db()
    assert row.body == "Bought 3 at 20,006.25 on average.", "a fill heard again counts once"


def test_a_limit_that_goes_to_and_fro_is_told_once_until_it_gets_worse(alice: Actor) -> None:
    account, other = an_account(alice.user), an_account(alice.user, "Bravo")
    moves = (
        (0, account, "safe", "warning"), (1, account, "warning", "safe"), (2, account, "safe", "warning"),
        (3, other, "safe", "warning"), (4, account, "warning", "danger"), (5, account, "danger", "safe"),
        (6, account, "safe", "warning"), (22, account, "warning", "safe"), (23, account, "safe", "warning"),
        (24, account, "warning", "safe"), (45, account, "safe", "warning"),
    )  # fmt: skip
    for number, (minutes, of, was, level) in enumerate(moves):
        bus.publish(
            RiskLevelChanged(
                at=at(NOW) + minutes * MINUTE, user=alice.user.pk, account=of.pk, limit="daily_loss",
                number=number, level=level, was=was, account_level=level, used_pct=Decimal("51.00"),
                left=Decimal(490), equity=Decimal(49_490),
            )
        )  # fmt: skip
    hear()
    told = Notice.objects.order_by("id").values_list("title", flat=True)
    assert list(told) == [
        "Alpha: Risk is warning", "Bravo: Risk is warning", "Alpha: Risk is danger",
        "Alpha: Risk is warning",
    ]  # fmt: skip


def test_a_partial_fill_after_the_message_has_left_is_told_by_itself(alice: Actor) -> None:
    account = an_account(alice.user)
    services.link_discord(user=alice.user, snowflake="100", username="a")
    bus.publish(fill(alice.user.pk, account.pk, quantity=1, left=2))
    bus.publish(opened(alice.user.pk, account.pk))
    hear()
    Delivery.objects.update(status="sent")
    bus.publish(fill(alice.user.pk, account.pk, fill="f2", quantity=2, at=at(NOW) + 5))
    hear()
    assert [row.kind for row in Notice.objects.order_by("id")] == [Kind.OPENED, Kind.ADDED]


def test_a_stop_that_closes_a_position_is_one_notice_and_says_so(alice: Actor) -> None:
    account = an_account(alice.user)
    bus.publish(fill(alice.user.pk, account.pk, side="sell", role="stop", realized=Decimal(-50)))
    bus.publish(
        closed(alice.user.pk, account.pk, realized=Decimal(-50), net=Decimal("-51.04"), r=Decimal(-1))  # type: ignore[arg-type]
    )  # fmt: skip
    hear()
    (row,) = Notice.objects.all()
    assert (row.kind, row.severity) == (Kind.STOP_HIT, "bad")
    assert row.title.startswith("MNQ long stopped out, −1.02 R")


def test_a_feed_that_is_back_within_seconds_wakes_nobody(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    bus.publish(feed("lost", 1))
    hear()
    assert Delivery.objects.get().status == "queued"
    bus.publish(feed("live", 2))
    hear()
    lost = Notice.objects.get(kind=Kind.FEED_DOWN)
    assert lost.deliveries.get().status == "suppressed"
    assert not Notice.objects.filter(kind=Kind.FEED_BACK).exists()


def test_a_feed_whose_loss_was_told_is_told_back(alice: Actor) -> None:
    bus.publish(feed("lost", 1))
    hear()
    Delivery.objects.update(status="sent", attempts=1)
    bus.publish(feed("live", 2))
    hear()
    assert Notice.objects.get(kind=Kind.FEED_BACK).title == "Market data is back: NQ"


def test_a_feed_that_is_lost_again_after_a_blink_is_told(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    for wall, state in enumerate(("lost", "live", "lost"), 1):
        bus.publish(feed(state, wall))
        bus.catch_up(NAME)
    assert [one.status for one in Delivery.objects.order_by("id")] == ["suppressed", "queued"]
    bus.publish(feed("lost", 4))  # its alarm after a minute
    bus.catch_up(NAME)
    assert Delivery.objects.count() == 2


def test_a_feed_that_begins_is_no_news(alice: Actor) -> None:
    for number, state in enumerate(("connecting", "catching_up", "live", "stopped", "live")):
        bus.publish(feed(state, number))
    hear()
    assert not Notice.objects.exists()


def test_what_everybody_is_told_everybody_is_told(alice: Actor, bob: Actor) -> None:
    bus.publish(feed("lost", 1))
    hear()
    assert {row.user for row in Notice.objects.all()} == {alice.user, bob.user}


def test_a_blocked_order_says_why(alice: Actor) -> None:
    account = an_account(alice.user)
    bus.publish(
        OrderBlocked(
            at=at(NOW),
            user=alice.user.pk,
            account=account.pk,
            order="o9",
            contract="NQZ5",
            side="buy",
            type="market",
            role="entry",
            quantity=2,
            reasons=("DAILY",),
            detail="It can lose $900; $600 are left today",
        )
    )
    hear()
    row = Notice.objects.get()
    assert row.title == "Buy 2 NQ market blocked in Alpha"
    assert row.body == "It can lose $900; $600 are left today."


def test_a_fact_that_nobody_can_word_silences_nothing_after_it(alice: Actor) -> None:
    account = an_account(alice.user)
    bus.publish(closed(alice.user.pk, account.pk, position="p-bad"))
    FactRow.objects.filter(of="p-bad").update(payload={"account": account.pk})
    bus.publish(closed(alice.user.pk, account.pk, position="p-good"))
    assert hear() == 2
    assert [row.of for row in Notice.objects.all()] == ["p-good"]


def quiet(user: Any, **fields: Any) -> None:
    """Have quiet hours from ten to seven."""
    usual = {"quiet_from": time(22), "quiet_to": time(7)}
    Preferences.objects.create(user=user, **(usual | fields))


def told(user: Any, kind: Kind, now: datetime) -> list[Delivery]:
    """Return what is to be sent of a notice of this moment."""
    from apps.notifications.domain.wording import Notice as Told

    row = services.notify(
        user=user, key=f"{kind}:{now}", told=Told(kind, "x", "y", path="/"), now=now
    )
    assert row is not None
    return list(row.deliveries.order_by("channel"))


NIGHT = datetime(2026, 1, 7, 4, 30, tzinfo=UTC)  # 23:30 in New York


def test_quiet_hours_leave_out_hold_and_let_through(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    quiet(alice.user)
    (fill_,) = told(alice.user, Kind.CLOSED, NIGHT)
    assert (fill_.status, fill_.reason) == ("suppressed", "quiet hours")
    (lock,) = told(alice.user, Kind.RISK_LOCK, NIGHT)
    assert lock.status == "queued", "money is at stake"
    (summary,) = told(alice.user, Kind.DAILY, NIGHT)
    assert summary.next_at == datetime(2026, 1, 7, 12, 0, tzinfo=UTC), "seven in New York"
    (later,) = told(alice.user, Kind.CLOSED, NIGHT + timedelta(hours=9))
    assert later.status == "queued"
    alice.user.time_zone = "Europe/Berlin"
    alice.user.save()
    (abroad,) = told(alice.user, Kind.OPENED, NIGHT + timedelta(hours=4))
    assert abroad.status == "queued", "half past nine in Berlin"


def test_what_is_switched_off_makes_no_delivery_but_stays_in_the_centre(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    services.set_preferences(
        user=alice.user, channels={Kind.CLOSED: [Channel.TOAST]}, quiet_from=None, quiet_to=None,
        breaks=(), discord_on=True,
    )  # fmt: skip
    assert told(alice.user, Kind.CLOSED, NIGHT) == []
    assert len(told(alice.user, Kind.STOP_HIT, NIGHT)) == 1
    services.switch_discord(user=alice.user, on=False)
    assert told(alice.user, Kind.TARGET_HIT, NIGHT) == []
    assert Notice.objects.of(alice.user).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_page_is_poked_once_for_a_notice_and_toasted_only_where_no_other_toast_is(
    alice: Actor,
) -> None:
    heard: list[transport.Said] = []
    stop = transport.listen(heard.append)
    hear()
    account = an_account(alice.user)
    bus.publish(closed(alice.user.pk, account.pk))
    bus.publish(replace(feed("lost", 9)))
    hear()
    stop()
    topic = f"user.{alice.user.pk}.notices"
    pokes = [one.payload for one in heard if one.topic == topic]
    assert [(one["fact"], one["sound"]) for one in pokes] == [
        ("notice.counted", "fill"),
        ("notice.made", "disconnect"),
    ]


GAP_AT = datetime(2026, 1, 7, 21, 31, tzinfo=UTC)  # 22:31 in Berlin


def test_the_alarm_before_a_day_is_forgotten_breaks_quiet_hours_by_every_way(
    alice: Actor, bob: Actor
) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    EmailAddress.objects.create(user=alice.user, email="a@example.com", verified=True, primary=True)
    alice.user.time_zone = "Europe/Berlin"
    alice.user.save()
    here = datetime.now(ZoneInfo("Europe/Berlin")).replace(microsecond=0)
    around = [(here + timedelta(hours=hours)).time() for hours in (-1, 1)]
    quiet(alice.user, quiet_from=around[0], quiet_to=around[1])
    assert told(alice.user, Kind.CLOSED, here)[0].reason == "quiet hours"
    Notice.objects.all().delete()
    account = a_broker_account(alice.user)
    deadline = datetime(2026, 1, 7, 22, 0, tzinfo=UTC)
    bus.publish(
        RecorderGap(
            at=to_instant(GAP_AT), user=alice.user.pk, account=account.pk,
            account_name=str(account), trade_date=date(2026, 1, 7),
            reason="My Tradovate was not read yet", deadline=to_instant(deadline),
        )
    )  # fmt: skip
    hear()
    row = Notice.objects.get()
    assert row.user == alice.user and row.path == "/connections/"
    assert "Until 16:00 CT (23:00 your time): connect again, or export today's CSV." in row.body
    ways = {one.channel: one.status for one in row.deliveries.all()}
    assert ways == {"discord": "queued", "email": "queued"}
    assert Kind.RECORDER_GAP in Preferences(user=bob.user).breaks


def test_whoever_takes_the_gap_out_of_what_breaks_quiet_hours_sleeps(alice: Actor) -> None:
    services.link_discord(user=alice.user, snowflake="100", username="a")
    quiet(alice.user, breaks=[])
    (one,) = told(alice.user, Kind.RECORDER_GAP, NIGHT)
    assert (one.status, one.reason) == ("suppressed", "quiet hours")


def test_who_kept_what_was_usual_gets_what_is_usual_now(alice: Actor, bob: Actor) -> None:
    former = {"recorder_gap": ["discord", "toast"], "stop_hit": ["toast"]}
    Preferences.objects.create(user=alice.user, breaks=["risk_lock", "unprotected"], channels=former)  # fmt: skip
    Preferences.objects.create(user=bob.user, breaks=["stop_hit"], channels={"recorder_gap": []})
    name = "apps.notifications.migrations.0004_recorders_and_follow_ups"
    import_module(name).let_gaps_through(django_apps, None)
    rows = {row.user: row for row in Preferences.objects.all()}
    assert "recorder_gap" in rows[alice.user].breaks
    assert rows[alice.user].channels == former | {"recorder_gap": ["discord", "email", "toast"]}
    assert (rows[bob.user].breaks, rows[bob.user].channels) == (["stop_hit"], {"recorder_gap": []})


def test_a_fact_about_somebody_who_is_gone_does_not_silence_those_that_come_after_it(
    alice: Actor, bob: Actor
) -> None:
    account, gone = an_account(alice.user), bob.user.pk
    bus.publish(
        RecorderGap(
            at=to_instant(GAP_AT), user=gone, account=7, account_name="DEMO7",
            trade_date=date(2026, 1, 7), reason="It was not read yet", deadline=to_instant(GAP_AT),
        )
    )  # fmt: skip
    bob.user.delete()
    bus.publish(closed(alice.user.pk, account.pk))
    assert hear() == 2
    assert Notice.objects.get().user == alice.user
