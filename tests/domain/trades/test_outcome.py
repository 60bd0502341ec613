"""Wins and statistics: outcome of a variant and target first, rates from outcomes only."""

from fractions import Fraction

from apps.marketdata.domain.instrument import instrument
from apps.signals.domain.indicator import Direction
from apps.signals.domain.settings import settings_for
from apps.trades.domain.outcome import Variant, outcome, statistics
from apps.trades.domain.trade import Trade

NQ = instrument("NQ")
MINUTE = 60_000_000_000


def trade(*prices: int) -> Trade:
    """Return a long from 0 with a risk of 10 ticks that has met these prices."""
    made = Trade(
        key="t",
        user=1,
        strategy=0,
        contract="NQZ5",
        instrument=NQ,
        settings=settings_for(NQ),
        trade_id="",
        direction=Direction.BULLISH,
        session="NY AM",
        entry=0,
        stop=-10,
        entry_bar=0,
        entry_at=0,
    )
    for at, price in enumerate(prices):
        for _ in made.meet(price, at, at - at % MINUTE, price, price):
            pass
    return made


WON = trade(20, -10)
EVEN = trade(12, 0, 8)
EVEN_THEN_LOST = trade(12, 0, -11)
LOST = trade(9, -10)
RUNNING = trade(9, -3)
RUNNING_WELL = trade(31)


def test_a_target_that_was_reached_decides_whatever_came_after():
    assert outcome(WON, Variant.NO_BE, Fraction(2)) == 2
    assert outcome(EVEN_THEN_LOST, Variant.NO_BE, Fraction(1)) == 1
    assert outcome(RUNNING_WELL, Variant.BE, Fraction(3)) == 3


def test_an_open_track_short_of_its_target_is_undecided():
    assert outcome(RUNNING, Variant.NO_BE, Fraction(1)) is None
    assert outcome(RUNNING_WELL, Variant.NO_BE, Fraction(5)) is None
    assert outcome(EVEN, Variant.NO_BE, Fraction(2)) is None


def test_else_it_lost_1_or_nothing_where_break_even_was_armed():
    assert outcome(LOST, Variant.NO_BE, Fraction(1)) == -1
    assert outcome(LOST, Variant.BE, Fraction(1)) == -1
    assert outcome(EVEN, Variant.BE, Fraction(2)) == 0
    assert outcome(EVEN_THEN_LOST, Variant.BE, Fraction(2)) == 0
    assert outcome(EVEN_THEN_LOST, Variant.NO_BE, Fraction(2)) == -1


def test_rates_are_over_decided_trades_with_break_evens_in_the_denominator():
    found = statistics([WON, EVEN, LOST, RUNNING], Variant.BE, Fraction(2))
    assert (found.wins, found.losses, found.break_evens, found.undecided) == (1, 1, 1, 1)
    assert found.win_rate == Fraction(1, 3)
    assert found.expectancy_r == Fraction(1, 3)
    assert found.profit_factor == 2


def test_fees_are_subtracted_after_an_outcome_was_classed():
    found = statistics([WON, EVEN, LOST], Variant.BE, Fraction(2), Fraction(1, 10))
    assert (found.wins, found.losses, found.break_evens) == (1, 1, 1)
    assert found.total_r == Fraction(7, 10)
    assert found.profit_factor == Fraction(19, 11)


def test_without_losses_the_profit_factor_is_undefined_and_without_trades_everything_is():
    assert statistics([WON, WON]).profit_factor is None
    nothing = statistics([RUNNING])
    assert nothing.win_rate is nothing.expectancy_r is nothing.profit_factor is None
    assert nothing.decided == 0


def test_drawdown_runs_from_a_peak_that_starts_at_nothing():
    assert statistics([LOST, LOST, WON, LOST]).max_drawdown_r == 2
    assert statistics([WON, WON]).max_drawdown_r == 0


def test_a_break_even_neither_lengthens_nor_ends_a_losing_streak():
    found = statistics([LOST, EVEN, LOST, WON, LOST], Variant.BE, Fraction(2))
    assert found.longest_losing_streak == 2


def test_the_plain_win_rate_is_1_r_on_the_fixed_stop():
    assert statistics([WON, EVEN, LOST]).win_rate == Fraction(2, 3)
