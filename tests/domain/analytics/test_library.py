"""Each figure equals what empyrical and pandas make of the same trades, to the last digit that is shown.

Shown are two decimals of dollars, a date, and four decimals of rates, ratios and seconds, as the API tells them; pages show
fewer. Where the library means something else by a name, it is fed our definition:
  Sharpe, Sortino  daily nets against 0, over days with a trade, times the root of 252, sample deviation (ddof 1) and
                   downside deviation over all days: the library's own; the ratio does not depend on the capital
  max drawdown     ours falls in dollars, the library's in shares of the peak: returns exp(net / K) - 1 multiply up to
                   exp(sum / K), so that a fall of d dollars is a share of 1 - exp(-d / K)
  profit factor    the library's omega ratio at 0. It signs a trade by what is fed, we by its result before fees, so where
                   fees ate a win it is fed the sums of the winners and of the losers. If they ate more than all wins
                   together made, its two sums are both losses and it has no word for it: that is pandas' alone
  win rate         the library's batting average against a benchmark of nothing, over results before fees
  weeks, months    pandas' resampling of the daily nets; months by the library's own gathering as well, which multiplies
                   returns: exp(net / K) - 1 again
  time, efficiency pandas over the same columns; the library has neither
"""

import math
import warnings
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain import periods, profit
from apps.analytics.domain.money import in_cents
from apps.analytics.domain.performance import measure
from apps.analytics.domain.periods import Period
from apps.analytics.domain.result import Outcome, Result
from apps.bus.domain.message import SECOND
from tests.domain.analytics.independent import divided, rounded

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

START = date(2025, 12, 1)
K = 1e5
trades = st.lists(
    st.tuples(
        st.integers(0, 75), st.integers(-400_000, 400_000), st.integers(0, 2_000),
        st.integers(0, 80_000), st.integers(0, 500_000),
    ),
    max_size=60,
).map(sorted)  # fmt: skip
Trade = tuple[int, int, int, int, int]  # day, gross and fee in cents, seconds, best in cents


def results(some: list[Trade]) -> list[Result]:
    return [
        Result(
            opened_at=number * SECOND, closed_at=(number + seconds) * SECOND,
            day=date.fromordinal(START.toordinal() + day), is_bullish=True,
            gross=Fraction(gross, 100), fees=Fraction(fee, 100), best=Fraction(best, 100),
        )
        for number, (day, gross, fee, seconds, best) in enumerate(some)
    ]  # fmt: skip


def table(some: list[Trade]) -> pd.DataFrame:
    names = ["day", "gross", "fee", "seconds", "best"]
    made = pd.DataFrame(some, columns=names, dtype="float64")
    made["day"] = pd.Timestamp(START) + pd.to_timedelta(made["day"], unit="D")
    made["net"] = (made["gross"] - made["fee"]) / 100
    return made


def daily(some: list[Trade]) -> pd.Series:
    return table(some).groupby("day")["net"].sum()


def same(ours: float | Fraction | None, theirs: float, places: str = "0.0001") -> None:
    """Hold that both show the same digits, or that neither has a figure."""
    if ours is None:
        assert not math.isfinite(theirs)
        return
    if isinstance(ours, Fraction):
        mine = rounded(divided(ours.numerator, ours.denominator), places)
    else:
        mine = shown(ours, places)
    assert mine == shown(theirs, places)


def shown(value: float, places: str) -> Decimal:
    # binary noise lies beyond the ninth decimal, and would decide about exact halves
    return rounded(Decimal(f"{value:.9f}"), places)


def dollars(ours: Fraction | None, theirs: float) -> None:
    """Hold that both show the same cents, ours as pages and the API write them."""
    assert ours is not None
    assert in_cents(ours) == shown(theirs, "0.01")


def of_library(figure: str, *given_: object) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(getattr(empyrical, figure)(*given_))


@given(trades)
def test_sharpe_and_sortino(some: list[Trade]) -> None:
    days, figures = daily(some), measure(results(some))
    assert figures.days == len(days)
    if figures.sharpe is not None:  # without two days, or where all are equal, nothing is claimed
        same(figures.sharpe, of_library("sharpe_ratio", days / 50_000))
    else:
        assert len(days) < 2 or days.nunique() == 1
    if figures.sortino is not None:
        same(figures.sortino, of_library("sortino_ratio", days / 50_000))
    else:
        assert len(days) < 2 or not (days < 0).any()


@given(trades)
def test_drawdown_and_the_best_and_worst_day(some: list[Trade]) -> None:
    figures, made, days = measure(results(some)), table(some), daily(some)
    fall = of_library("max_drawdown", (made["net"] / K).map(math.expm1)) if len(made) else 0.0
    dollars(figures.drawdown.depth, -K * math.log1p(fall))
    summed = pd.concat([pd.Series([0.0]), made["net"]]).cumsum()
    dollars(figures.drawdown.depth, float((summed.cummax() - summed).max()))
    if len(days):
        assert figures.best_day is not None and figures.worst_day is not None
        dollars(figures.best_day.net, float(days.max()))
        dollars(figures.worst_day.net, float(days.min()))
        assert figures.best_day.start == days.round(6).idxmax().date()
        assert figures.worst_day.start == days.round(6).idxmin().date()


@given(trades)
def test_profit_factor(some: list[Trade]) -> None:
    ours, made = measure(results(some)).profit_factor, table(some)
    won, lost = made[made["gross"] > 0]["net"], made[made["gross"] < 0]["net"]
    if won.sum() >= 0:
        same(ours, of_library("omega_ratio", pd.Series([won.sum(), lost.sum()])))
    if (won > 0).all() and len(won) + len(lost) > 1:  # trade by trade: it calls the same ones won
        same(ours, of_library("omega_ratio", pd.concat([won, lost])))
    if len(lost):
        same(ours, float(won.sum() / -lost.sum()))
    else:
        assert ours is None


@pytest.mark.parametrize(
    ("some", "ours"),
    [
        ([(0, 100, 200, 1, 0), (0, 5_000, 200, 1, 0), (0, -2_000, 200, 1, 0)], Fraction(47, 22)),
        ([(0, 0, 200, 1, 0), (0, 5_000, 0, 1, 0), (0, -2_000, 0, 1, 0)], Fraction(5, 2)),
        ([(0, -2_000, 200, 1, 0)], Fraction(0)),
        ([(0, 2_000, 200, 1, 0)], None),
    ],
    ids=["a win that fees ate", "fees of a break-even", "losses alone", "wins alone"],
)
def test_profit_factor_where_fees_decide(some: list[Trade], ours: Fraction | None) -> None:
    assert measure(results(some)).profit_factor == ours
    made = table(some)
    sums = [made[made["gross"] * sign > 0]["net"].sum() for sign in (1, -1)]
    same(ours, of_library("omega_ratio", pd.Series(sums)))


@given(trades)
def test_win_rate_sums_and_averages(some: list[Trade]) -> None:
    figures, made = measure(results(some)), table(some)
    won, lost = made[made["gross"] > 0]["net"], made[made["gross"] < 0]["net"]
    dollars(figures.gross, float(made["gross"].sum() / 100))
    dollars(figures.fees, float(made["fee"].sum() / 100))
    dollars(figures.net, float(made["net"].sum()))
    if len(made):
        gross = pd.Series(
            made["gross"].to_numpy(), index=pd.date_range("2025-12-01", periods=len(made))
        )
        batted = empyrical.batting_average(gross, gross * 0)
        same(figures.win_rate, float(batted.iloc[0] if hasattr(batted, "iloc") else batted))
        dollars(figures.expectancy, float(made["net"].mean()))
    if len(won):
        dollars(figures.average_win, float(won.mean()))
        dollars(figures.largest_win, float(won.max()))
    if len(lost):
        dollars(figures.average_loss, float(lost.mean()))
        dollars(figures.largest_loss, float(lost.min()))


@given(trades)
def test_streaks(some: list[Trade]) -> None:
    signs = table(some)["gross"].map(lambda one: (one > 0) - (one < 0))
    signs = signs[signs != 0]
    runs = signs.groupby((signs != signs.shift()).cumsum()).agg(["first", "size"])
    for outcome, sign in ((Outcome.WIN, 1), (Outcome.LOSS, -1)):
        longest = runs[runs["first"] == sign]["size"]
        assert profit.longest_streak(results(some), outcome) == (
            longest.max() if len(longest) else 0
        )


def told(some: Iterable[Period]) -> list[tuple[date, Decimal, int, int, int]]:
    return [(one.start, in_cents(one.net), one.trades, one.wins, one.losses) for one in some]


@given(trades)
def test_days_weeks_and_months(some: list[Trade]) -> None:
    made, days = table(some), periods.by_day(results(some))
    each = made.assign(won=made["gross"] > 0, lost=made["gross"] < 0, one=1).set_index("day")
    for ours, rule in (
        (days, "D"), (periods.by_week(days), "W-MON"), (periods.by_month(days), "MS"),
    ):  # fmt: skip
        bins = each.resample(rule, label="left", closed="left")
        summed = bins[["net", "one", "won", "lost"]].sum()
        assert told(ours) == [
            (start.date(), shown(row["net"], "0.01"), int(row["one"]), int(row["won"]), int(row["lost"]))
            for start, row in summed[summed["one"] > 0].iterrows()
        ]  # fmt: skip


@given(trades)
def test_months_as_the_library_gathers_them(some: list[Trade]) -> None:
    ours = periods.by_month(periods.by_day(results(some)))
    if not some:
        assert ours == []
        return
    shares = (daily(some) / K).map(math.expm1)
    theirs = empyrical.aggregate_returns(shares, "monthly")
    found = {key: K * math.log1p(share) for key, share in theirs.items()}
    assert [(one.start.year, one.start.month) for one in ours] == sorted(found)
    for one in ours:
        dollars(one.net, found[one.start.year, one.start.month])


@given(trades)
def test_time_in_trade(some: list[Trade]) -> None:
    figures, held = measure(results(some)), pd.to_timedelta(table(some)["seconds"], unit="s")
    if not some:
        assert (figures.mean_seconds, figures.median_seconds) == (None, None)
        return
    same(figures.mean_seconds, held.dt.total_seconds().mean())
    same(figures.median_seconds, held.median().total_seconds())


@given(trades)
def test_efficiency_and_mean_mfe(some: list[Trade]) -> None:
    figures, made = measure(results(some)), table(some)
    ahead = made[["best", "gross"]].max(axis=1).clip(lower=0)  # an exit was a price, too
    if ahead.sum() > 0:
        same(figures.efficiency, float(made["gross"].clip(lower=0).sum() / ahead.sum()))
    else:
        assert figures.efficiency is None
    if len(made):
        dollars(figures.average_mfe, float(ahead.mean() / 100))
