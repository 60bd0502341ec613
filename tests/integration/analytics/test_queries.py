"""Closed positions and Signal Lab trades as results: on which day, in what order, whose."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.analytics import lab, queries
from apps.analytics.books import BY_HAND, Scope, by_strategy, performance_of
from apps.trades.domain.outcome import Variant, statistics
from apps.trades.store import to_trade
from tests.cast import Actor
from tests.factories import NQ, a_signal, a_strategy, a_trade
from tests.integration.papertrading.rows import a_position, an_account

pytestmark = pytest.mark.django_db


def made(account: Any, closed: str, realized: str, **fields: Any) -> Any:
    """Return a closed position that made so much before 7.80 of fees."""
    return a_position(account, closed=closed, realized=Decimal(realized), **fields)


def test_a_position_counts_on_the_trading_day_of_its_account(alice: Actor) -> None:
    chicago = an_account(alice.user)
    prague = an_account(alice.user, "FTMO", tz="Europe/Prague", reset="00:00")
    made(chicago, "2025-12-02T23:30:00Z", "10")  # 17:30 in Chicago: the next trading day
    made(chicago, "2025-12-02T22:30:00Z", "20")
    made(prague, "2025-12-02T23:30:00Z", "30")  # half past midnight
    made(chicago, "2025-12-05T23:30:00Z", "40")  # Friday evening belongs to Monday
    made(chicago, "2025-03-09T22:30:00Z", "50")  # the clocks went forward that Sunday: 17:30
    made(chicago, "2025-11-02T22:30:00Z", "60")  # they went back that Sunday: 16:30, still Monday's
    days = {one.result.gross: one.result.day.isoformat() for one in queries.closed(alice.user)}
    assert days == {
        10: "2025-12-03", 20: "2025-12-02", 30: "2025-12-03", 40: "2025-12-08", 50: "2025-03-10",
        60: "2025-11-03",
    }  # fmt: skip


def test_a_range_holds_both_its_trade_dates(alice: Actor) -> None:
    account = an_account(alice.user)
    for closed, realized in (
        ("2025-12-01T22:59:00Z", "1"), ("2025-12-01T23:00:00Z", "2"), ("2025-12-02T22:59:00Z", "3"),
        ("2025-12-02T23:00:00Z", "4"), ("2025-12-05T23:30:00Z", "5"),
    ):  # fmt: skip
        made(account, closed, realized)

    def gross(since: str, until: str) -> list[Fraction]:
        scope = Scope(since=date.fromisoformat(since), until=date.fromisoformat(until))
        return [one.result.gross for one in queries.closed(alice.user, scope)]

    assert gross("2025-12-02", "2025-12-02") == [2, 3]
    assert gross("2025-12-03", "2025-12-31") == [4, 5]
    assert gross("2025-12-08", "2025-12-08") == [5]
    assert gross("2025-12-06", "2025-12-07") == []


def test_what_is_open_and_what_is_anothers_does_not_count(alice: Actor, bob: Actor) -> None:
    a_position(an_account(alice.user))
    made(an_account(bob.user, "Bobs"), "2025-12-02T16:00:00Z", "999")
    mine = made(an_account(alice.user), "2025-12-02T16:00:00Z", "10", place=1)
    assert [one.pk for one in queries.closed(alice.user)] == [mine.pk]
    bobs = an_account(bob.user, "Bobs")
    assert queries.closed(alice.user, Scope(account=bobs.pk)) == []


def test_scopes_by_account_and_strategy(alice: Actor) -> None:
    first, second = an_account(alice.user), an_account(alice.user, "Beta")
    strategy = a_strategy(alice.user)
    made(first, "2025-12-02T16:00:00Z", "1")
    made(second, "2025-12-02T16:01:00Z", "2", strategy=strategy, place=strategy.pk)
    made(second, "2025-12-02T16:02:00Z", "4")

    def total(**scope: Any) -> Fraction:
        return performance_of(queries.closed(alice.user, Scope(**scope))).figures.gross

    assert total() == 7
    assert (total(account=first.pk), total(account=second.pk)) == (1, 6)
    assert (total(strategy=strategy.pk), total(strategy=BY_HAND)) == (2, 5)
    assert total(account=first.pk, strategy=strategy.pk) == 0
    named = by_strategy(alice.user, queries.closed(alice.user))
    assert [(one.name, one.figures.gross) for one in named] == [("NQ FVG", 2), ("By hand", 5)]


def test_the_excursion_of_a_position_in_dollars(alice: Actor) -> None:
    entry = NQ.to_ticks("20000.00")
    long = made(
        an_account(alice.user), "2025-12-02T16:00:00Z", "100", high=entry + 40, low=entry - 8,
        risk=Decimal(400),
    )  # fmt: skip
    short = made(
        an_account(alice.user), "2025-12-02T16:01:00Z", "-100", sign=-1, high=entry + 40, low=entry - 8,
    )  # fmt: skip
    found = queries.closed(alice.user)
    assert [one.pk for one in found] == [long.pk, short.pk]
    up, down = (one.result for one in found)
    assert (up.best, up.worst) == (40 * 2 * 5, -8 * 2 * 5)
    assert (down.best, down.worst) == (8 * 2 * 5, -40 * 2 * 5)
    assert (up.net_r, down.net_r) == (Fraction(9220, 40_000), None)


def test_worked_figures(alice: Actor) -> None:
    """Four positions on two days: +200, -100 and 0, +50, each less 7.80; risk 100 where there was a stop."""
    account = an_account(alice.user)
    for closed, realized, risk in (
        ("2025-12-01T16:00:00Z", "200", 100), ("2025-12-01T17:00:00Z", "-100", 100),
        ("2025-12-02T16:00:00Z", "0", 100), ("2025-12-02T17:00:00Z", "50", 0),
    ):  # fmt: skip
        made(account, closed, realized, risk=Decimal(risk))
    figures = performance_of(queries.closed(alice.user)).figures
    assert (figures.trades, figures.wins, figures.losses, figures.break_evens) == (4, 2, 1, 1)
    assert figures.win_rate == Fraction(1, 2)
    assert (figures.gross, figures.fees, figures.net) == (
        150,
        Fraction("31.20"),
        Fraction("118.80"),
    )
    assert figures.average_win == Fraction("117.20")  # (192.20 + 42.20) / 2
    assert figures.average_loss == figures.largest_loss == Fraction("-107.80")
    assert figures.profit_factor == Fraction("234.40") / Fraction("107.80")
    assert figures.expectancy == Fraction("29.70")
    assert figures.expectancy_r == Fraction("0.766") / 3  # 1.922 - 1.078 - 0.078 over three
    assert figures.drawdown.depth == Fraction("115.60")  # 107.80 and 7.80, over the night
    assert figures.drawdown.peak_on == date(2025, 12, 1)
    assert figures.drawdown.deepest_on == date(2025, 12, 2)
    assert figures.drawdown.recovered_on is None
    assert (figures.longest_winning_streak, figures.longest_losing_streak) == (1, 1)
    # 84.40 and 34.40: mean 59.40, deviation 25 * root 2
    assert figures.sharpe == pytest.approx(59.4 / (25 * 2**0.5) * 252**0.5)
    assert figures.sortino is None


def test_signal_lab_trades_agree_with_the_signal_lab(alice: Actor) -> None:
    prices = [("20060.00",), ("19969.00",), ("20059.00", "20014.00"), (), ("20160.00", "19960.00")]
    for minute, met in enumerate(prices):
        entered = f"2025-12-02T15:{minute:02d}:00Z"
        signal = a_signal(alice.user, bar=entered)
        a_trade(alice.user, signal=signal, entered=entered, prices=met)
    trades = [to_trade(row) for row in lab.trade_rows(alice.user).order_by("entry_ns", "id")]
    for variant in Variant:
        for target in (Fraction(1), Fraction(2)):
            for fee in (Fraction(0), Fraction("0.05")):
                theirs = statistics(trades, variant, target, fee)
                ours = lab.performance(
                    alice.user, variant=variant, target=target, fee_r=fee
                ).figures
                assert (ours.trades, ours.wins, ours.losses, ours.break_evens) == (
                    theirs.decided, theirs.wins, theirs.losses, theirs.break_evens,
                )  # fmt: skip
                assert (ours.win_rate, ours.expectancy_r) == (theirs.win_rate, theirs.expectancy_r)
                assert (ours.net, ours.profit_factor) == (theirs.total_r, theirs.profit_factor)
                assert ours.drawdown.depth == ours.drawdown_r.depth == theirs.max_drawdown_r
                assert ours.longest_losing_streak == theirs.longest_losing_streak
    strategy = a_strategy(alice.user)
    assert lab.performance(alice.user, Scope(strategy=strategy.pk)).figures.trades == 4
    assert lab.performance(alice.user, Scope(strategy=BY_HAND)).figures.trades == 0
    later = Scope(since=date(2025, 12, 3))
    assert lab.performance(alice.user, later).figures.trades == 0


def test_figures_cost_two_queries_and_rows_three_however_many_positions_there_are(
    alice: Actor,
) -> None:
    account = an_account(alice.user)
    for minute in range(12):
        made(account, f"2025-12-02T16:{minute:02d}:00Z", "10", strategy=a_strategy(alice.user))
    with CaptureQueriesContext(connection) as asked:
        rows = queries.closed(alice.user)
        assert performance_of(rows).figures.trades == 12
    assert len(asked) == 2
    with CaptureQueriesContext(connection) as asked:
        full = queries.in_full(alice.user, rows)
        assert {(one.row.account.name, one.row.strategy.name) for one in full} == {
            ("Alpha", "NQ FVG")
        }
    assert len(asked) == 3
