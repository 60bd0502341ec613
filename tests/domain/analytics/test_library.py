"""Each figure equals what empyrical and pandas make of the same trades, to the last digit that is shown.

Where the library means something else by a name, it is fed our definition:
  Sharpe, Sortino  daily nets against 0, over days with a trade, times the root of 252, sample deviation (ddof 1) and
                   downside deviation over all days: the library's own; the ratio does not depend on the capital
  max drawdown     ours falls in dollars, the library's in shares of the peak: returns exp(net / K) - 1 multiply up to
                   exp(sum / K), so that a fall of d dollars is a share of 1 - exp(-d / K)
  profit factor    the library's omega ratio at 0, over nets that are signed as their gross is
  win rate         the library's batting average against a benchmark of nothing, over results before fees
"""

import math
import warnings
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain import profit
from apps.analytics.domain.performance import measure
from apps.analytics.domain.result import Outcome, Result
from apps.bus.domain.message import SECOND

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

START = date(2025, 12, 1).toordinal()
K = 1e5
trades = st.lists(
    st.tuples(st.integers(0, 30), st.integers(-400_000, 400_000), st.integers(0, 2_000)),
    max_size=60,
).map(sorted)
Trade = tuple[int, int, int]


def results(some: list[Trade]) -> list[Result]:
    return [
        Result(
            opened_at=number * SECOND, closed_at=(number + 1) * SECOND, day=date.fromordinal(START + day),
            is_bullish=True, gross=Fraction(gross, 100), fees=Fraction(fee, 100),
        )
        for number, (day, gross, fee) in enumerate(some)
    ]  # fmt: skip


def table(some: list[Trade]) -> pd.DataFrame:
    made = pd.DataFrame(some, columns=["day", "gross", "fee"], dtype="float64")
    made["net"] = (made["gross"] - made["fee"]) / 100
    return made


def daily(some: list[Trade]) -> pd.Series:
    return table(some).groupby("day")["net"].sum()


def same(ours: float | Fraction | None, theirs: float) -> None:
    if ours is None:
        assert not math.isfinite(theirs)
    else:
        assert float(ours) == pytest.approx(theirs, rel=1e-9, abs=1e-6)


@given(trades)
def test_sharpe_and_sortino(some: list[Trade]) -> None:
    days, figures = daily(some), measure(results(some))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sharpe = empyrical.sharpe_ratio(days / 50_000)
        sortino = empyrical.sortino_ratio(days / 50_000)
    assert figures.days == len(days)
    if figures.sharpe is not None:  # without two days, or where all are equal, nothing is claimed
        same(figures.sharpe, sharpe)
    else:
        assert len(days) < 2 or days.nunique() == 1
    if figures.sortino is not None:
        same(figures.sortino, sortino)
    else:
        assert len(days) < 2 or not (days < 0).any()


@given(trades)
def test_drawdown_and_the_best_and_worst_day(some: list[Trade]) -> None:
    figures, made, days = measure(results(some)), table(some), daily(some)
    fall = empyrical.max_drawdown((made["net"] / K).map(math.expm1)) if len(made) else 0.0
    same(figures.drawdown.depth, -K * math.log1p(fall))
    summed = pd.concat([pd.Series([0.0]), made["net"]]).cumsum()
    same(figures.drawdown.depth, float((summed.cummax() - summed).max()))
    if len(days):
        assert figures.best_day is not None and figures.worst_day is not None
        same(figures.best_day.net, float(days.max()))
        same(figures.worst_day.net, float(days.min()))
        assert figures.best_day.start.toordinal() - START == days.idxmax()
        assert figures.worst_day.start.toordinal() - START == days.idxmin()


@given(trades)
def test_profit_factor_win_rate_and_averages(some: list[Trade]) -> None:
    figures, made = measure(results(some)), table(some)
    won, lost = made[made["gross"] > 0]["net"], made[made["gross"] < 0]["net"]
    if len(won) + len(lost) > 1 and (won > 0).all() and (lost < 0).all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            omega = empyrical.omega_ratio(pd.concat([won, lost]))
        same(figures.profit_factor, omega)
    same(figures.gross, float(made["gross"].sum() / 100))
    same(figures.fees, float(made["fee"].sum() / 100))
    same(figures.net, float(made["net"].sum()))
    if len(made):
        gross = pd.Series(
            made["gross"].to_numpy(), index=pd.date_range("2025-12-01", periods=len(made))
        )
        batted = empyrical.batting_average(gross, gross * 0)
        same(figures.win_rate, float(batted.iloc[0] if hasattr(batted, "iloc") else batted))
        same(figures.expectancy, float(made["net"].mean()))
    if len(won):
        same(figures.average_win, float(won.mean()))
        same(figures.largest_win, float(won.max()))
    if len(lost):
        same(figures.average_loss, float(lost.mean()))
        same(figures.largest_loss, float(lost.min()))
    signs = made["gross"].map(lambda one: (one > 0) - (one < 0))
    signs = signs[signs != 0]
    runs = signs.groupby((signs != signs.shift()).cumsum()).agg(["first", "size"])
    for outcome, sign in ((Outcome.WIN, 1), (Outcome.LOSS, -1)):
        longest = runs[runs["first"] == sign]["size"]
        assert profit.longest_streak(results(some), outcome) == (
            longest.max() if len(longest) else 0
        )
