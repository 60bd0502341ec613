"""The pages: what they show, to whom, and that first paint and refresh are the same."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.brokers.domain.facts import DayClosed
from apps.bus import transport
from apps.bus.domain.message import iso
from apps.marketdata.domain.candle import Candle
from apps.marketdata.store import save_candles
from apps.signals.domain.messages import SignalRejected
from apps.trades.domain.messages import TradeEntered
from tests.cast import Actor
from tests.factories import ENTERED, NOW, NQ, a_fact, a_price, a_signal, a_strategy, a_trade, at
from tests.integration.papertrading.rows import an_account

pytestmark = pytest.mark.django_db
PAGES = (
    "/", "/signals/", "/trades/enter/", "/strategies/", "/manual/webhooks/", "/health/",
    "/desk/region/active/", "/desk/chart/NQZ5/",
)  # fmt: skip
REGIONS = ("strip", "active", "pending", "today", "closed", "sessions", "events")


@pytest.fixture(autouse=True)
def _own_transport() -> Iterator[None]:
    transport.use(transport.MemoryTransport())
    yield
    transport.use(None)


def shown(actor: Actor, path: str, status: int = 200) -> str:
    answer = actor.client.get(path)
    assert answer.status_code == status, answer.content[:2000]
    return answer.content.decode()


def words(html: str) -> str:
    """Return what a person reads: tags out, spaces joined."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_the_door(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("path", PAGES[:6])
def test_every_page_reads_right_before_anything_has_happened(alice: Actor, path: str) -> None:
    html = shown(alice, path)
    assert html.count("<h1") == 1
    assert "None" not in words(html)


def test_an_empty_desk_says_what_to_do_first(alice: Actor) -> None:
    text = words(shown(alice, "/"))
    assert "No signals yet: send a test alert to your webhook." in text
    assert "FLAT" in text
    assert "no feed" in text


def test_main_tells_an_open_trade_in_r_and_how_far_its_stop_is(alice: Actor) -> None:
    a_price("20036.50")
    a_trade(alice.user, signal=a_signal(alice.user), prices=("20000.00", "20050.00"))
    text = words(shown(alice, "/"))
    assert "LONG NQZ5 @ 20,014.00 +0.50 R +22.50 pts" in text
    assert "67.50 to stop" in text
    assert "MFE +0.80 R MAE −0.31 R" in text
    assert "NQ +0.50 R · Main" in text


def test_a_near_stop_is_told_in_words(alice: Actor) -> None:
    a_price("19978.00")
    a_trade(alice.user)
    html = shown(alice, "/desk/region/active/")
    assert 'data-risk="danger"' in html
    assert re.search(r'data-level="danger">.*?near:', html)
    assert "9.00 to stop" in words(html)


def test_the_list_of_open_trades_is_counted_and_can_be_scrolled_with_keys(alice: Actor) -> None:
    a_price("20036.50")
    for _ in range(6):
        a_trade(alice.user)
    html = shown(alice, "/desk/region/active/")
    assert "Active trades 6" in words(html)
    assert html.count('class="trade-row"') == 6
    assert 'tabindex="0" role="region" aria-label="List, scrolls"' in html


@pytest.mark.parametrize("name", REGIONS)
def test_first_paint_and_refresh_are_the_same(alice: Actor, name: str) -> None:
    a_price("20036.50")
    a_trade(alice.user, signal=a_signal(alice.user), prices=("20050.00",))
    a_trade(alice.user, prices=("20060.00", "20014.00"))
    a_signal(alice.user)
    page = shown(alice, "/")
    region = shown(alice, f"/desk/region/{name}/")
    assert len(words(region)) > 3
    assert region.split() == _region_of(page, name).split()


def _region_of(page: str, name: str) -> str:
    begin = page.index(">", page.index(f'src="/desk/region/{name}/"')) + 1
    return page[begin : page.index("</live-region>", begin)]


def test_what_is_alices_is_invisible_to_bob(alice: Actor, bob: Actor) -> None:
    a_price("20036.50")
    signal = a_signal(alice.user)
    trade = a_trade(alice.user, signal=signal)
    entered = TradeEntered(
        trade=trade.key, trade_id=trade.trade_id, contract="NQZ5", at=at(ENTERED),
        user=alice.user.pk, direction="BULLISH", session="NY AM", entry_price=NQ.price(80056),
        stop_price=NQ.price(79876), risk=NQ.price(180),
    )  # fmt: skip
    a_fact(entered)
    assert "NQ long entered" in shown(alice, "/")
    page = shown(bob, "/")
    assert "NQ long entered" not in page
    assert "FLAT" in page
    assert bob.client.get("/desk/chart/NQZ5/").json()["trades"] == []
    for path in (
        f"/signals/{signal.key}/",
        f"/signals/{signal.key}/story/",
        f"/signals/{signal.key}/tracks/",
        f"/signals/{signal.key}/path/",
        f"/desk/chart/NQZ5/?story={signal.key}",
        f"/trades/{trade.pk}/close/",
    ):
        assert alice.client.get(path).status_code == 200, path
        shown(bob, path, 404)
    assert bob.client.post(f"/trades/{trade.pk}/close/").status_code == 404


def test_the_chart_has_candles_and_the_traders_own_marks(alice: Actor) -> None:
    a_price("20036.50")
    trade = a_trade(alice.user, signal=a_signal(alice.user), prices=("20060.00",))
    save_candles("NQZ5", 60, [Candle(at(ENTERED), 80056, 80240, 80040, 80200, 9, 3, 721_000)])
    drawn = alice.client.get("/desk/chart/NQZ5/").json()
    start = at(ENTERED) // 1_000_000_000
    assert drawn["candles"] == [[start, 20014.0, 20060.0, 20010.0, 20050.0, 9]]
    assert drawn["vwap"] == [[start, pytest.approx(721_000 / 9 / 4)]]
    assert [one["name"] for one in drawn["sessions"]] == ["NY AM"]
    (mark,) = drawn["trades"]
    assert (mark["of"], mark["entry"], mark["stop"], mark["armed_at"]) == (
        trade.key, 20014.0, 19969.0, start + 1,
    )  # fmt: skip
    assert [one["r"] for one in mark["targets"] if one["hit_at"]] == ["1"]
    assert drawn["signals"][0]["long"] is True


@pytest.mark.parametrize("path", ["/desk/chart/XXXX/", "/desk/chart/NQZ5/?seconds=7"])
def test_a_chart_of_nothing_is_not_there(alice: Actor, path: str) -> None:
    shown(alice, path, 404)


def test_a_rejected_signal_ends_in_a_square_with_its_reason(alice: Actor) -> None:
    detail = "Session: INVALID, needs not 16:00 to 20:00 New York"
    signal = a_signal(alice.user, status="REJECTED", reason="OUT_OF_SESSION", detail=detail)
    rejected = SignalRejected(
        signal=signal.key, trade_id=signal.trade_id, strategy=signal.strategy_id, contract="NQZ5",
        at=at(NOW), user=alice.user.pk, reason="OUT_OF_SESSION", detail=detail,
    )  # fmt: skip
    a_fact(rejected)
    html = shown(alice, f"/signals/{signal.key}/")
    assert 'data-step="failed"' in html
    assert "Rejected OUT_OF_SESSION" in words(html)
    assert detail in words(html)


def test_instants_in_a_reason_are_told_once_on_the_traders_clock(alice: Actor) -> None:
    detail = "its candle 2025-11-03T14:31:00Z is more than 24 h before 2025-11-05T15:00:00Z"
    signal = a_signal(alice.user, status="REJECTED", reason="NO_CANDLE", detail=detail)
    rejected = SignalRejected(
        signal=signal.key, trade_id=signal.trade_id, strategy=signal.strategy_id, contract="NQZ5",
        at=at(NOW), user=alice.user.pk, reason="NO_CANDLE", detail=detail,
    )  # fmt: skip
    a_fact(rejected)
    said = "ts candle 3 Nov 08:31 CT is more than 24 h before 5 Nov 09:00 CT"
    assert words(shown(alice, f"/signals/{signal.key}/")).count(said) == 1
    assert said in words(shown(alice, "/"))


def test_a_story_explains_where_the_stop_comes_from(alice: Actor) -> None:
    signal = a_signal(
        alice.user, status="ENTERED", confirmation_bar_at=iso(at(ENTERED) + 120_000_000_000),
        bars_to_confirmation=2, stop_rule="RANGE_PIVOT", stop_anchor_price="19994.00",
        stop_price="19969.00",
    )  # fmt: skip
    a_trade(alice.user, signal=signal, prices=("20060.00", "20014.00"))
    text = words(shown(alice, f"/signals/{signal.key}/"))
    assert "Confirmed by a close above 20,012.00, 2 candles after the signal." in text
    assert (
        "Stop rule RANGE_PIVOT: the low between signal and confirmation is a pivot. Its low "
        "19,994.00 less 25.00 points is the stop, 19,969.00." in text
    )
    assert "out at break-even" in text
    assert "Stop to entry yours 0.00 R +1.02 R 20,014.00 20,014.00" in text


def test_the_path_ends_with_the_candle_that_ended_the_trade(alice: Actor) -> None:
    trade = a_trade(alice.user, prices=("20030.00", "19969.00"))
    save_candles("NQZ5", 60, [Candle(at(ENTERED), 80056, 80120, 79876, 79900, 9)])
    path = alice.client.get(f"/signals/{trade.key}/path/").json()
    assert (path["be"], path["worst"]) == ([pytest.approx(16 / 45)], [-1.0])
    assert path["at"] == [at(ENTERED) / 1_000_000_000]


def test_a_trade_by_hand_has_a_story_too(alice: Actor) -> None:
    trade = a_trade(alice.user, note="Second push.")
    text = words(shown(alice, f"/signals/{trade.key}/"))
    assert "by hand" in text
    assert "Second push." in text


def test_signals_are_filtered_by_the_address(alice: Actor) -> None:
    a_signal(alice.user, status="REJECTED", reason="STALE")
    a_signal(alice.user, direction="BEARISH")
    assert "2 signals" in words(shown(alice, "/signals/"))
    assert "1 signal" in words(shown(alice, "/signals/?status=REJECTED&page=1"))
    assert "No signal fits" in words(shown(alice, "/signals/?session=ASIA"))
    text = words(shown(alice, "/signals/?status=NONSENSE&strategy=999999&page=zzz"))
    assert "2 signals" in text


def test_bobs_strategy_is_no_filter_for_alice(alice: Actor, bob: Actor) -> None:
    theirs = a_strategy(bob.user, "Secret sauce")
    html = shown(alice, f"/signals/?strategy={theirs.pk}")
    assert "Secret sauce" not in html


@pytest.mark.parametrize("path", [*PAGES[:6], "/accounts/login/"])
def test_no_page_brings_style_or_script_inside_itself(alice: Actor, path: str) -> None:
    a_price("20036.50")
    a_trade(alice.user, signal=a_signal(alice.user), prices=("20050.00",))
    client = Client() if "login" in path else alice.client
    html = client.get(path).content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_more_trades_cost_no_more_queries(alice: Actor) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            shown(alice, "/")
        return len(asked)

    a_price("20036.50")
    for _ in range(2):
        a_trade(alice.user, signal=a_signal(alice.user))
    cost()  # the first notes that the session is in use
    few = cost()
    for _ in range(6):
        a_trade(alice.user, signal=a_signal(alice.user))
    assert cost() == few <= 30


def test_the_rail_names_a_day_that_was_traded_and_is_silent_about_the_others(alice: Actor) -> None:
    a_price("20005.25")
    account = an_account(alice.user, "Alpha")
    for day, net, trades in (("2025-11-28", "0.00", 0), ("2025-12-01", "45.00", 2)):
        a_fact(
            DayClosed(
                at=at(f"{day}T23:00:00Z"), user=alice.user.pk, account=account.pk,
                trade_date=date.fromisoformat(day), balance=Decimal("50045.00"),
                net=Decimal(net), trades=trades,
            )
        )  # fmt: skip
    text = words(shown(alice, "/desk/region/events/"))
    assert "Alpha, Mon 1 Dec closed, +$45.00" in text
    assert text.count("closed") == 1
