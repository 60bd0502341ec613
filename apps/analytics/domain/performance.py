"""What closed trades came to: every figure over the same trades, for every page, report and API answer.

Each figure is one function, in `profit`, `drawdown`, `periods`, `ratios`, `timing` or `excursions`; its docstring is its
definition, with what happens without trades, without losses and on a single day.

Order:   streaks and drawdown follow the order in which results are given; the caller sorts by closing
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from apps.analytics.domain import drawdown, excursions, periods, profit, ratios, timing
from apps.analytics.domain.drawdown import Drawdown
from apps.analytics.domain.periods import Period
from apps.analytics.domain.result import Outcome, Result, of, with_risk


@dataclass(frozen=True, slots=True)
class Figures:
    """Every figure over the same trades, as the modules beside this one define them."""

    trades: int
    wins: int
    losses: int
    break_evens: int
    with_risk: int
    win_rate: Fraction | None
    gross: Fraction
    fees: Fraction
    fees_unknown: int
    net: Fraction
    net_r: Fraction | None
    average_win: Fraction | None
    average_loss: Fraction | None
    largest_win: Fraction | None
    largest_loss: Fraction | None
    profit_factor: Fraction | None
    expectancy: Fraction | None
    expectancy_r: Fraction | None
    drawdown: Drawdown
    drawdown_r: Drawdown
    longest_losing_streak: int
    longest_winning_streak: int
    days: int
    sharpe: float | None
    sortino: float | None
    best_day: Period | None
    worst_day: Period | None
    mean_seconds: Fraction | None
    median_seconds: Fraction | None
    average_mfe: Fraction | None
    average_mae: Fraction | None
    average_mfe_r: Fraction | None
    average_mae_r: Fraction | None
    efficiency: Fraction | None


def measure(results: Sequence[Result], days: Sequence[Period] | None = None) -> Figures:
    """Return every figure over these trades; `days` are their days where the caller has them already."""
    days = periods.by_day(results) if days is None else days
    return Figures(
        trades=len(results),
        wins=len(of(results, Outcome.WIN)),
        losses=len(of(results, Outcome.LOSS)),
        break_evens=len(of(results, Outcome.BREAK_EVEN)),
        with_risk=len(with_risk(results)),
        win_rate=profit.win_rate(results),
        gross=profit.gross(results),
        fees=profit.fees(results),
        fees_unknown=profit.fees_unknown(results),
        net=profit.net(results),
        net_r=profit.net_r(results),
        average_win=profit.average(results, Outcome.WIN),
        average_loss=profit.average(results, Outcome.LOSS),
        largest_win=profit.largest_win(results),
        largest_loss=profit.largest_loss(results),
        profit_factor=profit.profit_factor(results),
        expectancy=profit.expectancy(results),
        expectancy_r=profit.expectancy_r(results),
        drawdown=drawdown.deepest(results),
        drawdown_r=drawdown.deepest_in_r(results),
        longest_losing_streak=profit.longest_streak(results, Outcome.LOSS),
        longest_winning_streak=profit.longest_streak(results, Outcome.WIN),
        days=len(days),
        sharpe=ratios.sharpe(days),
        sortino=ratios.sortino(days),
        best_day=periods.best_day(days),
        worst_day=periods.worst_day(days),
        mean_seconds=timing.mean_seconds(results),
        median_seconds=timing.median_seconds(results),
        average_mfe=excursions.average_mfe(results),
        average_mae=excursions.average_mae(results),
        average_mfe_r=excursions.average_mfe_r(results),
        average_mae_r=excursions.average_mae_r(results),
        efficiency=excursions.efficiency(results),
    )
