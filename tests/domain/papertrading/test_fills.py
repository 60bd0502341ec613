"""How one order finds its price."""

import pytest

from apps.brokers.domain.messages import (
    ListAccount,
    Report,
)
from apps.papertrading.domain.settings import PaperSettings, paper_settings
from tests.domain.papertrading.paper import START, Paper


def quoted(paper, at, price, sizes=(50, 50), size=1):
    return paper.tick(at, price, size, price - 1, price + 1, sizes)


# ---- market orders ----


def test_market_order_fills_at_the_quote_that_prevailed_when_it_arrived():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 2)
    assert quoted(paper, 90, 105) == []
    assert quoted(paper, 150, 200) == ["o1 filled 2 @ 106"]
    assert paper.fills("o1") == [(100, 2, 106)]
    assert paper.reports[-1].rests_on == "quote"


def test_tick_at_the_very_moment_of_arrival_comes_after_it():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("sell", 1)
    assert quoted(paper, 100, 200) == ["o1 filled 1 @ 99"]


def test_clock_wakes_a_market_order_but_changes_nothing():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1)
    assert paper.clock(99) == []
    assert paper.clock(1500) == ["o1 filled 1 @ 101"]
    assert paper.fills("o1") == [(100, 1, 101)]


def test_displayed_size_limits_a_fill_and_the_rest_takes_the_next_ticks():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 3))
    paper.place("buy", 5)
    assert quoted(paper, 200, 104, sizes=(50, 1)) == ["o1 filled 3 @ 101", "o1 filled 1 @ 105"]
    assert quoted(paper, 300, 102) == ["o1 filled 1 @ 103"]


def test_without_quotes_the_last_trade_stands_for_both_sides():
    paper = Paper()
    paper.tick(0, 100, 2)
    paper.place("buy", 3)
    assert paper.tick(200, 103, 7) == ["o1 filled 2 @ 100", "o1 filled 1 @ 103"]
    assert {one.rests_on for one in paper.reports} == {"trade"}


def test_same_liquidity_is_never_used_twice_by_one_account():
    paper = Paper(accounts=(1, 2))
    quoted(paper, 0, 100, sizes=(50, 4))
    paper.place("buy", 3)
    paper.clock(200)
    paper.place("buy", 3)
    paper.place("buy", 4, account=2)
    assert paper.clock(400) == ["o2 filled 1 @ 101", "o3 filled 4 @ 101"]
    assert quoted(paper, 500, 110) == ["o2 filled 2 @ 111"]


def test_used_liquidity_is_remembered_over_a_restart():
    paper = Paper()
    quoted(paper, 0, 100, sizes=(50, 4))
    paper.place("buy", 3)
    paper.clock(200)
    paper = paper.again()
    paper.place("buy", 3)
    assert paper.clock(400) == ["o2 filled 1 @ 101"]
    quoted(paper, 500, 110)
    assert [one.id for one in paper.venue.resting] == ["o2"]
    quoted(paper, 600, 110)
    assert paper.venue.resting == []
    assert paper.venue.ended >= {"o2"}


@pytest.mark.parametrize(
    ("bid", "ask"), [(102, 101), (99, None)], ids=["crossed", "one side missing"]
)
def test_no_fill_on_a_quote_that_is_not_good(bid, ask):
    paper = Paper()
    paper.tick(0, 100, 1, bid, ask)
    paper.place("buy", 1)
    assert paper.clock(500) == ["o1 working 1"]
    assert paper.tick(600, 100, 1, bid, ask) == []
    assert quoted(paper, 700, 100) == ["o1 filled 1 @ 101"]


def test_no_fill_on_a_stale_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.clock(9_950)
    paper.place("buy", 1)
    assert paper.clock(10_100) == ["o1 working 1"]
    assert quoted(paper, 20_000, 150) == ["o1 filled 1 @ 151"]


def test_slippage_is_the_orders_own_chance_and_measured_against_its_reference():
    paper = Paper({"slippage_ticks": [2, 2]})
    quoted(paper, 0, 100)
    paper.place("sell", 1, reference=100)
    assert paper.clock(200) == ["o1 filled 1 @ 97"]
    assert paper.reports[-1].slippage == 3
    assert paper.reports[-1].fill == "o1#1"


def test_latency_lies_in_its_range_and_repeats():
    def times():
        paper = Paper({"latency_ms": [50, 200]})
        quoted(paper, 0, 100)
        for _ in range(20):
            paper.place("buy", 1)
        paper.clock(300)
        return [paper.fills(id)[0][0] for id in paper.orders]

    first = times()
    assert first == times()
    assert all(50 <= one <= 200 for one in first) and len(set(first)) > 10


# ---- limits ----


def test_marketable_limit_fills_at_the_quote_and_the_rest_rests():
    paper = Paper({"slippage_ticks": [2, 2]})
    quoted(paper, 0, 100, sizes=(50, 2))
    paper.place("buy", 5, limit=103)
    assert paper.clock(200) == ["o1 filled 2 @ 101"]
    assert quoted(paper, 300, 102) == ["o1 filled 3 @ 103"]


def test_limit_fills_whole_when_the_price_trades_through():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 5, limit=90)
    assert paper.clock(200) == ["o1 working 5 at 90"]
    assert quoted(paper, 300, 91) == []
    assert quoted(paper, 400, 85) == ["o1 filled 5 @ 90"]


def test_touch_fills_only_what_is_left_after_the_queue_ahead():
    paper = Paper()
    paper.tick(0, 100, 1, 99, 100, (6, 50))
    paper.place("buy", 5, limit=99)
    paper.clock(200)
    assert paper.tick(300, 99, 4, 99, 100, (9, 9)) == []
    assert paper.tick(400, 99, 4, 99, 100, (9, 9)) == ["o1 filled 2 @ 99"]
    assert paper.tick(500, 99, 2, 99, 100, (9, 9)) == ["o1 filled 2 @ 99"]
    assert paper.tick(600, 99, 2, 99, 100, (9, 9)) == ["o1 filled 1 @ 99"]


def test_deep_limit_waits_behind_the_usual_queue():
    paper = Paper({"queue_ahead": 3})
    quoted(paper, 0, 100)
    paper.place("sell", 1, limit=110)
    paper.clock(200)
    assert quoted(paper, 300, 110, size=3) == []
    assert quoted(paper, 400, 110, size=1) == ["o1 filled 1 @ 110"]


def test_two_orders_of_one_account_never_share_a_printed_contract():
    paper = Paper({"queue_ahead": 0})
    quoted(paper, 0, 100)
    paper.place("sell", 2, limit=110)
    paper.place("sell", 2, limit=110)
    paper.clock(200)
    assert quoted(paper, 300, 110, size=3) == ["o1 filled 2 @ 110", "o2 filled 1 @ 110"]


def test_through_setting_never_fills_on_a_touch():
    paper = Paper({"limit_fill": "through", "queue_ahead": 0})
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=90)
    paper.clock(200)
    assert quoted(paper, 300, 90, size=500) == []
    assert quoted(paper, 400, 89) == ["o1 filled 1 @ 90"]


def test_limit_sent_while_the_market_is_closed_fills_at_the_opening_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.clock(3_600_000)
    paper.place("buy", 1, limit=120)
    assert paper.clock(3_601_000) == ["o1 working 1 at 120"]
    assert quoted(paper, 7_200_000, 105) == ["o1 filled 1 @ 106"]


def test_late_tick_counts_for_a_resting_limit_and_not_as_the_last_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=90)
    paper.clock(200)
    quoted(paper, 300, 100)
    paper.place("buy", 1)
    assert paper.tick(250, 89, 1, 88, 90, late=True) == ["o1 filled 1 @ 90"]
    assert paper.clock(500) == ["o2 filled 1 @ 101"]


# ---- stops ----


def test_stop_fills_with_the_tick_that_sets_it_off():
    paper = Paper({"slippage_ticks": [1, 1]})
    quoted(paper, 0, 100)
    paper.place("buy", 1, stop=110)
    paper.clock(200)
    assert quoted(paper, 300, 109) == []
    assert quoted(paper, 400, 110) == ["o1 filled 1 @ 112"]


def test_gap_through_a_stop_fills_at_the_traded_price_never_at_the_level():
    paper = Paper()
    paper.tick(0, 100)
    paper.place("sell", 1, stop=95)
    paper.clock(200)
    assert paper.tick(300, 70) == ["o1 filled 1 @ 70"]


def test_stop_takes_the_worse_of_trade_and_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("sell", 1, stop=95)
    paper.clock(200)
    assert paper.tick(300, 95, 1, 96, 97) == ["o1 filled 1 @ 95"]


def test_stop_is_a_market_order_for_what_is_left():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("sell", 5, stop=95)
    paper.clock(200)
    assert quoted(paper, 300, 95, sizes=(2, 2)) == ["o1 filled 2 @ 94"]
    assert quoted(paper, 400, 120) == ["o1 filled 3 @ 119"]


def test_stop_beyond_the_price_on_arrival_is_set_off_by_what_was_seen():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("sell", 1, stop=101)
    assert quoted(paper, 500, 150) == ["o1 filled 1 @ 99"]


def test_stop_limit_never_fills_worse_than_its_limit():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, stop=110, limit=112)
    paper.clock(200)
    assert quoted(paper, 300, 120) == []
    assert quoted(paper, 400, 113) == []
    assert quoted(paper, 500, 111) == ["o1 filled 1 @ 112"]


def test_stop_limit_in_reach_fills_at_the_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, stop=110, limit=115)
    paper.clock(200)
    assert quoted(paper, 300, 111) == ["o1 filled 1 @ 112"]


def test_trailing_stop_follows_the_best_price_and_never_goes_back():
    paper = Paper()
    paper.tick(0, 100)
    paper.place("sell", 1, stop=90, trail=10)
    paper.clock(200)
    assert paper.tick(300, 104) == ["o1 changed 1 at 94"]
    assert paper.tick(400, 97) == []
    paper = paper.again()
    assert paper.tick(500, 104) == []
    assert paper.tick(600, 110) == ["o1 changed 1 at 100"]
    assert paper.tick(700, 99) == ["o1 filled 1 @ 99"]


def test_trailing_stop_of_a_short_position():
    paper = Paper()
    paper.tick(0, 100)
    paper.place("buy", 1, stop=110, trail=10)
    paper.clock(200)
    assert paper.tick(300, 95) == ["o1 changed 1 at 105"]
    assert paper.tick(400, 106) == ["o1 filled 1 @ 106"]


# ---- cancel, change, expire ----


def test_fill_during_a_cancel_counts():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 2, limit=90)
    paper.clock(200)
    paper.cancel("o1")
    assert quoted(paper, 250, 80) == ["o1 filled 2 @ 90"]
    assert paper.clock(1000) == []


def test_partly_filled_order_is_cancelled_for_the_rest():
    paper = Paper({"queue_ahead": 0})
    quoted(paper, 0, 100)
    paper.place("buy", 2, limit=90)
    paper.clock(200)
    paper.cancel("o1")
    assert quoted(paper, 250, 90) == ["o1 filled 1 @ 90"]
    assert quoted(paper, 310, 80) == ["o1 cancelled CANCELLED"]
    assert paper.reports[-1].at == START + 300_000_000


def test_cancel_at_once_has_no_latency_but_comes_after_what_was_due():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=90)
    paper.place("buy", 1)
    paper.clock(50)
    assert paper.cancel("o1", at_once=True) == ["o1 cancelled CANCELLED"]
    paper.now = 120
    assert paper.cancel("o2", at_once=True) == ["o2 filled 1 @ 101"]


def test_change_keeps_the_queue_only_at_the_same_price_and_for_no_more():
    paper = Paper({"queue_ahead": 5})
    quoted(paper, 0, 100)
    paper.place("sell", 4, limit=110)
    paper.clock(200)
    quoted(paper, 300, 110, size=5)
    paper.change("o1", quantity=3)
    assert paper.clock(500) == ["o1 changed 3 at 110"]
    assert quoted(paper, 600, 110, size=1) == ["o1 filled 1 @ 110"]
    paper.change("o1", quantity=4)
    paper.clock(800)
    assert quoted(paper, 900, 110, size=5) == []
    assert quoted(paper, 1000, 110, size=1) == ["o1 filled 1 @ 110"]


def test_change_of_a_limit_that_becomes_marketable_fills_at_the_quote():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=90)
    paper.clock(200)
    paper.change("o1", limit=105)
    assert paper.clock(400) == ["o1 changed 1 at 105", "o1 filled 1 @ 101"]


def test_quantity_changed_to_what_is_filled_ends_the_order():
    paper = Paper({"queue_ahead": 0})
    quoted(paper, 0, 100)
    paper.place("sell", 4, limit=110)
    paper.clock(200)
    quoted(paper, 300, 110, size=2)
    paper.change("o1", quantity=2)
    assert paper.clock(500) == ["o1 cancelled CHANGED"]


def test_stop_is_moved():
    paper = Paper()
    paper.tick(0, 100)
    paper.place("sell", 1, stop=90)
    paper.clock(200)
    paper.change("o1", stop=95)
    assert paper.clock(400) == ["o1 changed 1 at 95"]
    assert paper.tick(500, 95) == ["o1 filled 1 @ 95"]


def test_day_order_expires_before_anything_else_of_that_input():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, limit=90, expires_at=START + 60_000_000_000)
    paper.clock(200)
    assert quoted(paper, 60_000, 50) == ["o1 expired DAY"]
    assert paper.reports[-1].at == START + 60_000_000_000


def test_expired_contract_ends_everything():
    paper = Paper()
    quoted(paper, 0, 100)
    paper.place("buy", 1, legs=[("stop", 90)])
    paper.place("buy", 1, limit=50, legs=[("stop", 40)])
    paper.clock(200)
    assert sorted(paper.expire(1000)) == [
        "o1-s cancelled EXPIRED_CONTRACT",
        "o3 cancelled EXPIRED_CONTRACT",
        "o3-s cancelled EXPIRED_CONTRACT",
    ]
    assert paper.venue.contracts() == set()
    assert paper.venue.resting == []


# ---- candles ----


def test_market_order_fills_at_the_open_of_the_next_candle():
    paper = Paper()
    paper.candle(0, 100, 110, 90, 105)
    paper.now = 60_000
    paper.place("buy", 2)
    assert paper.clock(60_500) == ["o1 working 2"]
    assert paper.candle(1, 107, 110, 90, 105) == ["o1 filled 2 @ 107"]
    assert paper.reports[-1].rests_on == "candle"


def test_candle_walks_to_the_adverse_extreme_first():
    paper = Paper()
    paper.candle(0, 100, 110, 90, 100)
    paper.now = 60_000
    paper.place("buy", 1, legs=[("stop", 95), ("target", 105)])
    assert paper.candle(1, 100, 110, 90, 100)[-3:] == [
        "o1-t105 working 1 at 105",
        "o1-s filled 1 @ 95",
        "o1-t105 cancelled OCO",
    ]


def test_stop_gapped_by_the_open_fills_at_the_open():
    paper = Paper()
    paper.candle(0, 100, 110, 90, 100)
    paper.now = 60_000
    paper.place("sell", 1, stop=95)
    paper.candle(1, 100, 101, 99, 100)
    assert paper.candle(2, 80, 85, 75, 82) == ["o1 filled 1 @ 80"]


def test_limit_on_a_candle_needs_a_trade_through():
    paper = Paper()
    paper.candle(0, 100, 110, 90, 100)
    paper.now = 60_000
    paper.place("buy", 1, limit=95)
    paper.candle(1, 100, 101, 99, 100)
    assert paper.candle(2, 100, 101, 95, 100) == []
    assert paper.candle(3, 100, 101, 94, 100) == ["o1 filled 1 @ 95"]


# ---- settings ----


def test_settings_are_read_and_written():
    given = {
        "slippage_ticks": [1, 3],
        "latency_ms": [0, 0],
        "queue_ahead": 2,
        "limit_fill": "through",
    }
    assert paper_settings(given).plain() == given
    assert paper_settings(None) == PaperSettings() == paper_settings({})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"slippage_ticks": [2, 0]}, "paper.slippage_ticks"),
        ({"slippage_ticks": 2}, "paper.slippage_ticks"),
        ({"latency_ms": [-1, 5]}, "paper.latency_ms"),
        ({"latency_ms": [1.5, 5]}, "paper.latency_ms"),
        ({"queue_ahead": True}, "paper.queue_ahead"),
        ({"limit_fill": "always"}, "paper.limit_fill"),
        ({"luck": 1}, "paper.luck"),
        ([1], "paper"),
    ],
)
def test_nonsense_is_refused_by_name(given, named):
    with pytest.raises(ValueError, match=f"^{named}:"):
        paper_settings(given)


def test_account_that_is_not_paper_is_not_matched():
    paper = Paper()
    paper.say(ListAccount(id="a9", user=1, account=9, config={"kind": "demo"}))
    quoted(paper, 0, 100)
    paper.place("buy", 1, account=9)
    assert paper.clock(1000) == []
    assert not [one for one in paper.reports if one.what is Report.FILLED]


def test_order_that_was_handed_over_is_never_touched():
    paper = Paper()
    quoted(paper, 0, 100)
    order = paper.place("buy", 1, legs=[("stop", 90)])
    before = repr(order)
    paper.clock(500)
    quoted(paper, 600, 80)
    assert paper.held() == 0
    assert repr(order) == before
