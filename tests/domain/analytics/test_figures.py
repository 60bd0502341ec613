"""Figures where a definition bends: no trades, no losses, one day, break-evens, fees that eat a win."""

from datetime import date
from fractions import Fraction

import pytest

from apps.analytics.domain import breakdown, drawdown, excursions, periods, profit, ratios
from apps.analytics.domain.drawdown import Drawdown
from apps.analytics.domain.money import as_text, in_cents
from apps.analytics.domain.performance import measure
from apps.analytics.domain.result import Outcome, Result
from apps.bus.domain.message import SECOND
from tests.factories import at

MONDAY = date(2025, 12, 1)


def trade(gross: str, fee: str = "0", *, day: int = 0, when: str = "", **more: object) -> Result:
    opened = at(when) if when else at("2025-12-01T15:00:00Z") + day * 86_400 * SECOND
    usual: dict[str, object] = {
        "opened_at": opened, "closed_at": opened + 60 * SECOND,
        "day": date.fromordinal(MONDAY.toordinal() + day), "is_bullish": True,
        "gross": Fraction(gross), "fees": Fraction(fee),
    }  # fmt: skip
    return Result(**(usual | more))  # type: ignore[arg-type]


def test_no_trades_have_no_rates() -> None:
    figures = measure([])
    assert (figures.trades, figures.days, figures.net) == (0, 0, 0)
    nothing = (
        "win_rate", "net_r", "average_win", "average_loss", "largest_win", "largest_loss", "profit_factor",
        "expectancy", "expectancy_r", "sharpe", "sortino", "best_day", "worst_day", "mean_seconds",
        "median_seconds", "average_mfe", "average_mae", "average_mfe_r", "average_mae_r", "efficiency",
    )  # fmt: skip
    assert [getattr(figures, name) for name in nothing] == [None] * len(nothing)
    assert figures.drawdown == figures.drawdown_r == Drawdown()
    assert periods.curve([]) == breakdown.by_hour([]) == breakdown.by_direction([]) == []


def test_without_losses_the_profit_factor_is_undefined_not_infinite() -> None:
    figures = measure([trade("100"), trade("0"), trade("50", "1")])
    assert figures.profit_factor is None
    assert figures.win_rate == Fraction(2, 3)
    assert (figures.average_loss, figures.largest_loss, figures.sortino) == (None, None, None)


def test_with_losses_alone_it_is_nothing() -> None:
    assert profit.profit_factor([trade("-100"), trade("-50")]) == 0


def test_fees_turn_no_break_even_into_a_loss() -> None:
    figures = measure([trade("0", "4"), trade("3", "4"), trade("-10", "4")])
    assert (figures.wins, figures.losses, figures.break_evens) == (1, 1, 1)
    assert (figures.average_win, figures.average_loss) == (-1, -14)
    assert figures.expectancy == Fraction(-19, 3)
    assert figures.profit_factor == Fraction(-1, 14)


def test_a_break_even_neither_lengthens_nor_ends_a_streak() -> None:
    row = [trade(one) for one in ("-1", "0", "-1", "0", "1", "0", "0", "1", "1", "-1")]
    assert profit.longest_streak(row, Outcome.LOSS) == 2
    assert profit.longest_streak(row, Outcome.WIN) == 3
    assert profit.longest_streak([trade("0"), trade("0")], Outcome.LOSS) == 0


def test_a_first_trade_that_loses_is_a_drawdown_from_the_start() -> None:
    found = drawdown.deepest([trade("-100"), trade("40", day=1), trade("60", day=2)])
    assert found == Drawdown(Fraction(100), None, MONDAY, date(2025, 12, 3))


def test_of_equal_falls_the_first_counts_and_one_not_made_good_says_so() -> None:
    steps = ("50", "-30", "30", "20", "-30")
    found = drawdown.deepest([trade(one, day=day) for day, one in enumerate(steps)])
    assert found == Drawdown(Fraction(30), MONDAY, date(2025, 12, 2), date(2025, 12, 3))
    deeper = drawdown.deepest([trade(one, day=day) for day, one in enumerate((*steps, "-1"))])
    assert deeper == Drawdown(Fraction(31), date(2025, 12, 4), date(2025, 12, 6), None)


def test_one_day_has_no_ratio_and_equal_days_have_none() -> None:
    assert ratios.sharpe(periods.by_day([trade("100"), trade("-20")])) is None
    equal = periods.by_day([trade("100"), trade("100", day=1)])
    assert (ratios.sharpe(equal), ratios.sortino(equal)) == (None, None)
    days = periods.by_day([trade("30"), trade("-10", day=1)])
    assert ratios.sharpe(days) == pytest.approx(10 / (20 * 2**0.5) * 252**0.5)
    assert ratios.sortino(days) == pytest.approx(10 / 50**0.5 * 252**0.5)


def test_r_rests_on_trades_with_a_stop_alone() -> None:
    figures = measure([trade("50", "5", risk=Fraction(90)), trade("1000")])
    assert (figures.with_risk, figures.expectancy_r, figures.net_r) == (1, Fraction(1, 2), Fraction(1, 2))  # fmt: skip


def test_no_trade_captures_more_than_was_available() -> None:
    beyond = trade(
        "100", best=Fraction(80), worst=Fraction(-5)
    )  # its exit was better than what was seen
    assert (beyond.mfe, excursions.efficiency([beyond])) == (100, 1)
    lost = trade("-100", best=Fraction(40), worst=Fraction(-90))
    assert (lost.mae, excursions.efficiency([lost])) == (-100, 0)
    assert excursions.efficiency([beyond, lost]) == Fraction(100, 140)
    never_ahead = trade("-10", best=Fraction(0), worst=Fraction(-10))
    assert excursions.efficiency([never_ahead]) is None
    assert (excursions.average_mfe([trade("1")]), excursions.average_mae_r([trade("1")])) == (
        None,
        None,
    )


def test_a_trade_belongs_to_the_hour_and_session_of_its_entry() -> None:
    evening = trade("1", when="2025-12-01T00:30:00Z")  # Sunday 18:30 in Chicago
    morning = trade("-1", when="2025-12-01T14:45:00Z", is_bullish=False)
    assert [(one.key, one.name, one.trades) for one in breakdown.by_hour([morning, evening])] == [
        (18, "18:00", 1), (8, "08:00", 1),
    ]  # fmt: skip
    assert [one.name for one in breakdown.by_session([morning, evening])] == ["NY AM", "Outside"]
    assert [one.name for one in breakdown.by_direction([morning, evening])] == ["Long", "Short"]
    assert [(one.name, one.trades) for one in breakdown.by_weekday([morning, evening])] == [
        ("Monday", 2)
    ]


def test_cells_with_less_than_five_trades_are_few() -> None:
    assert [one.is_few for one in breakdown.by_direction([trade("1")] * 4)] == [True]
    assert [one.is_few for one in breakdown.by_direction([trade("1")] * 5)] == [False]


def test_best_and_worst_day_are_the_first_of_equals() -> None:
    days = periods.by_day([trade("5", day=2), trade("5"), trade("-2", day=1)])
    best, worst = periods.best_day(days), periods.worst_day(days)
    assert best is not None
    assert worst is not None
    assert (best.start, best.net) == (MONDAY, 5)
    assert (worst.start, worst.net) == (date(2025, 12, 2), -2)


def test_what_is_shown_is_rounded_once_ties_away_from_zero() -> None:
    assert [f"{in_cents(Fraction(one)):f}" for one in ("0.005", "-0.005", "0.00495", "-0.001", "1/3")] == [
        "0.01", "-0.01", "0.00", "0.00", "0.33",
    ]  # fmt: skip
    assert [as_text(Fraction(one)) for one in ("15.625", "-0.0625", "10", "1/3")] == [
        "15.6250", "-0.0625", "10.00", "0.33",
    ]  # fmt: skip
