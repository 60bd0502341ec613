"""What pages read: the day, the story of a signal, the rail of events."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from apps.bus import transport
from apps.signals.domain.messages import SignalConfirmed, SignalCreated
from apps.signals.queries import pending_signals, signals
from apps.trades import queries
from apps.trades.domain.messages import CommandRefused, TradeEntered
from tests.cast import Actor
from tests.factories import ENTERED, NQ, a_fact, a_price, a_signal, a_strategy, a_trade, at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_transport() -> Any:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def test_a_long_is_measured_against_the_price_of_the_moment(alice: Actor) -> None:
    a_price("19978.00", now="2025-12-02T15:05:30Z")
    a_trade(alice.user, prices=("20050.00",))
    (view,) = queries.active_trades(alice.user)
    assert (view.now_r, view.now_points) == (Fraction(-36, 45), NQ.points(-144))
    assert (f"{view.stop_away}", view.is_near_stop, view.nearness) == ("9.00", True, "danger")
    assert (view.mfe_r, view.targets[0].price) == (Fraction(36, 45), "20059.00")
    assert view.seconds_in_trade == 90


def test_a_short_is_its_mirror(alice: Actor) -> None:
    a_price("20050.00")
    a_trade(alice.user, stop="20059.00", prices=("19978.00",))
    (view,) = queries.active_trades(alice.user)
    assert not view.is_bullish
    assert (view.now_r, f"{view.stop_away}") == (Fraction(-36, 45), "9.00")
    assert view.targets[0].price == "19969.00"


def test_the_day_begins_at_six_in_the_evening_in_new_york(alice: Actor, bob: Actor) -> None:
    a_price("20000.00", now="2025-12-02T15:10:00Z")
    a_trade(alice.user, prices=("19969.00",), entered="2025-12-01T22:30:00Z")  # 17:30, before
    inside = [
        a_trade(alice.user, prices=("20060.00", "20014.00"), entered="2025-12-01T23:30:00Z"),
        a_trade(alice.user, prices=("20104.00",), settings={"plan_target_r": 2}),
    ]
    a_trade(alice.user)  # active
    a_trade(bob.user, prices=("19969.00",))
    day = queries.today(alice.user)
    assert day.date == date(2025, 12, 2)
    assert [view.row.pk for view in day.trades] == [row.pk for row in reversed(inside)]
    assert (day.net_r, day.wins, day.losses, day.break_evens) == (2, 1, 0, 1)
    (before,) = queries.today(alice.user, date(2025, 12, 1)).trades
    assert before.result_r == -1


def test_a_trade_ended_by_its_plan_is_watched_while_a_track_runs(alice: Actor) -> None:
    row = a_trade(alice.user, prices=("20060.00", "20014.00"))
    a_trade(alice.user, prices=("19969.00",))
    view = queries.trade(alice.user, row.pk)
    assert view is not None and view.row.pk not in [
        one.row.pk for one in queries.active_trades(alice.user)
    ]
    assert (view.row.pk, view.is_watched, view.is_armed) == (row.pk, True, True)


def _lived(actor: Actor) -> str:
    row = a_signal(actor.user, status="ENTERED")
    said = {"signal": row.key, "trade_id": row.trade_id, "strategy": 1, "contract": "NQZ5"}
    common = {"user": actor.user.pk}
    start = at(ENTERED)
    a_fact(
        SignalCreated(
            at=start,
            direction="BULLISH",
            bar_at=start,
            high=NQ.price(1),
            low=NQ.price(0),
            **said,
            **common,
        )
    )
    a_fact(
        SignalConfirmed(
            at=start + 1,
            direction="BULLISH",
            bar_at=start,
            bars_to_confirmation=1,
            stop_rule="RANGE_PIVOT",
            stop_anchor_at=start,
            stop_anchor_price=NQ.price(0),
            stop_price=NQ.price(0),
            **said,
            **common,
        )
    )
    trade = a_trade(actor.user, signal=row)
    a_fact(
        TradeEntered(
            at=start + 2,
            trade=row.key,
            trade_id=trade.trade_id,
            contract="NQZ5",
            direction="BULLISH",
            session="NY AM",
            entry_price=NQ.price(1),
            stop_price=NQ.price(0),
            risk=NQ.points(1),
            **common,
        )
    )
    return row.key


def test_a_story_has_every_step_in_order(alice: Actor, bob: Actor) -> None:
    key = _lived(alice)
    story = queries.signal_story(alice.user, key)
    assert story is not None and story.signal is not None and story.trade is not None
    assert [step.name for step in story.steps] == [
        "alert.received", "signal.created", "signal.confirmed", "trade.entered",
    ]  # fmt: skip
    assert all(step.told.title for step in story.steps)
    assert queries.signal_story(bob.user, key) is None


def test_a_trade_by_hand_has_a_story_too(alice: Actor) -> None:
    row = a_trade(alice.user, note="by feel")
    story = queries.signal_story(alice.user, row.key)
    assert story is not None and story.signal is None and story.trade is not None
    assert queries.signal_story(alice.user, "nothing") is None


def test_the_rail_tells_mine_and_the_feeds_newest_first(alice: Actor, bob: Actor) -> None:
    _lived(bob)
    a_fact(CommandRefused(at=1, user=alice.user.pk, command="c", reason="NO_PRICE", detail="none"))
    from apps.marketdata.domain.messages import FeedChangedState

    a_fact(FeedChangedState(at=2, contract="", state="lost", reason="", wall_at=1))
    events = queries.events(alice.user)
    assert [event.row.name for event in events] == ["feed.changed", "command.refused"]
    assert events[0].area == "feed"
    assert len(queries.events(bob.user, limit=2)) == 2


def test_the_rail_and_the_story_cost_few_queries(
    alice: Actor, django_assert_max_num_queries: Any
) -> None:
    keys = [_lived(alice) for _ in range(1)]
    with django_assert_max_num_queries(1):
        queries.events(alice.user)
    with django_assert_max_num_queries(4):
        queries.signal_story(alice.user, keys[0])


def test_signals_are_narrowed_by_what_is_asked(alice: Actor, bob: Actor) -> None:
    other = a_strategy(alice.user, "Other")
    one = a_signal(alice.user)
    two = a_signal(alice.user, status="REJECTED", reason="STALE", direction="BEARISH",
                   strategy=other, bar="2025-12-01T15:04:00Z")  # fmt: skip
    a_signal(bob.user)
    for asked, found in (
        ({}, [two, one]),
        ({"status": "pending"}, [one]),
        ({"reason": "STALE", "status": ""}, [two]),
        ({"strategy": other.pk}, [two]),
        ({"symbol": "NQ1!"}, [two, one]),
        ({"symbol": "??"}, []),
        ({"since": one.bar_at}, [one]),
        ({"until": one.bar_at, "direction": "bearish"}, [two]),
    ):
        assert list(signals(alice.user, asked)) == found, asked
    assert [view.row for view in pending_signals(alice.user)] == [one]
