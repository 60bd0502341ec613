"""The market around a page: how its feed is judged, and where things lie on a ladder."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from apps.bus import transport
from apps.dashboards.ladder import FARTHEST, ladders
from apps.dashboards.shell import feed, market
from apps.marketdata import price
from apps.trades.queries import active_trades
from tests.cast import Actor
from tests.factories import a_price, a_trade

UTC = ZoneInfo("UTC")


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize(
    ("state", "tick", "frame", "is_trading", "light"),
    [
        ("live", 0.2, 0.2, True, "live"),
        ("live", 30, 1, True, "quiet"),  # frames, no trade: a quiet market is no alarm
        ("live", 6, 6, True, "late"),
        ("live", 90, 90, True, "dead"),
        ("live", 90, 90, False, "quiet"),  # the exchange is closed
        ("catching_up", 0.2, 0.2, True, "late"),
        ("connecting", 90, 90, True, "late"),
        ("lost", 1, 1, True, "dead"),
        ("stopped", 1, 1, True, "dead"),
        ("ended", 900, 900, True, "quiet"),
    ],
)
def test_the_feed_is_judged_by_its_frames(
    state: str, tick: float, frame: float, is_trading: bool, light: str
) -> None:
    a_price("20014.00", wall_at=ago(tick))
    transport.publish("feed", {"state": state, "wall_at": ago(frame), "contract": "NQZ5"})
    judged = feed(price.price_now("NQ"), is_trading=is_trading)
    assert judged.light == light, judged


def test_without_any_price_the_desk_says_so() -> None:
    now = market()
    assert (now.now, now.feed.light, now.feed.words) == (None, "dead", "no feed")
    assert now.root == "NQ"


def test_market_time_is_the_feeds() -> None:
    a_price("20014.00", now="2025-12-02T15:10:41Z")
    now = market()
    assert now.at.isoformat() == "2025-12-02T15:10:41+00:00"
    assert now.session == "NY AM"
    assert now.bar_ends.isoformat() == "2025-12-02T15:11:00+00:00"
    assert now.session_ends.isoformat() == "2025-12-02T17:00:00+00:00"


@pytest.mark.django_db
class TestLadder:
    """One scale for all rows; what lies on it comes from the trade."""

    def test_rows_share_one_scale(self, alice: Actor) -> None:
        a_price("20036.50")
        a_trade(alice.user)
        a_trade(alice.user, prices=("20300.00",), settings={"plan_break_even": False})
        drawn = ladders(active_trades(alice.user))
        assert len({(one.scale.least, one.scale.most) for one in drawn}) == 1
        assert drawn[0].scale.most == FARTHEST
        assert max(one.x_best for one in drawn) == 100
        assert all(one.x_stop < one.scale.zero for one in drawn)

    def test_the_stop_moves_once_and_its_old_place_stays(self, alice: Actor) -> None:
        a_price("20070.00")
        a_trade(alice.user, prices=("20060.00",))
        (one,) = ladders(active_trades(alice.user))
        assert one.is_at_entry
        assert one.x_stop == one.scale.zero
        assert one.x_initial_stop == one.scale.x(Fraction(-1))
        assert one.labels[0].name == "stop=entry"
        assert [mark.target.name for mark in one.marks if mark.is_hit] == ["1"]

    def test_a_short_is_its_mirror(self, alice: Actor) -> None:
        a_price("19991.50")
        a_trade(alice.user, entry="20014.00", stop="20059.00")
        (one,) = ladders(active_trades(alice.user))
        assert one.view.now_r == Fraction(1, 2)
        assert one.x_now > one.scale.zero
        assert one.best == Fraction(1, 2)

    def test_labels_never_run_into_each_other(self, alice: Actor) -> None:
        a_price("20014.00")
        a_trade(alice.user, prices=("20500.00",))
        (one,) = ladders(active_trades(alice.user))
        places = sorted(label.x for label in one.labels)
        assert all(right - left >= 19 for left, right in pairwise(places))

    def test_without_a_price_the_ladder_shows_no_price(self, alice: Actor) -> None:
        a_trade(alice.user)
        (one,) = ladders(active_trades(alice.user))
        assert (one.view.now_r, one.gave_back, one.next_away) == (None, None, None)
        assert one.width_bar == 0
