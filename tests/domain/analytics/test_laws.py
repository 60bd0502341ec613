"""Each figure equals an independent computation on random trades, to the last digit that is shown."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.analytics.domain import breakdown, periods, profit
from apps.analytics.domain.amounts import total
from apps.analytics.domain.performance import measure
from apps.analytics.domain.result import Outcome, Result, of
from apps.bus.domain.message import SECOND
from tests.domain.analytics import independent as other
from tests.domain.analytics.independent import Row, divided, rounded

START = date(2025, 12, 1).toordinal()
rows = st.lists(
    st.builds(
        Row,
        day=st.integers(START, START + 40),
        gross=st.one_of(st.integers(-40_000, 40_000), st.sampled_from([0, -500, 500])),
        fee=st.integers(0, 1_000),
        risk=st.one_of(st.none(), st.integers(1, 60_000)),
        seconds=st.integers(0, 80_000),
        best=st.integers(0, 50_000),
        worst=st.integers(-50_000, 0),
    ),
    max_size=40,
)


def results(given_rows: list[Row]) -> list[Result]:
    return [
        Result(
            opened_at=(row.day - 719_163) * 86_400 * SECOND,
            closed_at=((row.day - 719_163) * 86_400 + row.seconds) * SECOND,
            day=date.fromordinal(row.day),
            is_bullish=row.gross % 2 == 0,
            gross=Fraction(row.gross, 100),
            fees=Fraction(row.fee, 100),
            risk=None if row.risk is None else Fraction(row.risk, 100),
            best=Fraction(row.best, 100),
            worst=Fraction(row.worst, 100),
        )
        for row in given_rows
    ]


def shown(value: Fraction | None, places: str = "0.01") -> Decimal | None:
    return None if value is None else rounded(divided(value.numerator, value.denominator), places)


def by_hand(top: int, bottom: int, places: str = "0.01") -> Decimal | None:
    return rounded(divided(top, bottom), places) if bottom else None


@given(rows)
def test_counts_and_sums(some: list[Row]) -> None:
    figures = measure(results(some))
    assert figures.trades == len(some)
    assert figures.wins == sum(row.gross > 0 for row in some)
    assert figures.losses == sum(row.gross < 0 for row in some)
    assert figures.break_evens == sum(row.gross == 0 for row in some)
    assert figures.gross == Fraction(sum(row.gross for row in some), 100)
    assert figures.fees == Fraction(sum(row.fee for row in some), 100)
    assert figures.net == figures.gross - figures.fees
    assert shown(figures.win_rate, "0.0001") == by_hand(figures.wins, len(some), "0.0001")


@given(rows)
def test_averages_extremes_and_factor(some: list[Row]) -> None:
    figures = measure(results(some))
    won = [row.gross - row.fee for row in some if row.gross > 0]
    lost = [row.gross - row.fee for row in some if row.gross < 0]
    assert shown(figures.average_win) == by_hand(sum(won), 100 * len(won))
    assert shown(figures.average_loss) == by_hand(sum(lost), 100 * len(lost))
    assert figures.largest_win == (Fraction(max(won), 100) if won else None)
    assert figures.largest_loss == (Fraction(min(lost), 100) if lost else None)
    assert shown(figures.profit_factor, "0.0001") == by_hand(sum(won), -sum(lost), "0.0001")
    assert shown(figures.expectancy) == by_hand(sum(other.nets(some)), 100 * len(some))


@given(rows)
def test_r_rests_on_the_trades_with_a_stop(some: list[Row]) -> None:
    figures = measure(results(some))
    known = [row for row in some if row.risk is not None]
    each = [divided(row.gross - row.fee, row.risk or 1) for row in known]
    mean = sum(each, Decimal(0)) / len(each) if each else None
    assert figures.with_risk == len(known)
    if mean is None:
        assert figures.expectancy_r is None
        assert figures.net_r is None
    else:
        assert figures.expectancy_r is not None
        assert abs(divided(*figures.expectancy_r.as_integer_ratio()) - mean) < Decimal("1e-20")
    deepest = Decimal(other.deepest(each))  # type: ignore[arg-type]
    depth = divided(*figures.drawdown_r.depth.as_integer_ratio())
    assert abs(depth - deepest) < Decimal("1e-20")


@given(rows)
def test_drawdown_and_its_days(some: list[Row]) -> None:
    found = measure(results(some)).drawdown
    steps = other.nets(some)
    assert found.depth == Fraction(int(other.deepest(steps)), 100)  # type: ignore[arg-type]
    levels = [0]
    for step in steps:
        levels.append(levels[-1] + step)
    if not found.depth:
        assert (found.peak_on, found.deepest_on, found.recovered_on) == (None, None, None)
        return
    falls = [max(levels[: n + 1]) - levels[n] for n in range(len(levels))]
    bottom = falls.index(max(falls))
    peak = max(levels[: bottom + 1])
    top = levels.index(peak)
    back = next((n for n in range(bottom, len(levels)) if levels[n] >= peak), None)
    assert found.deepest_on == date.fromordinal(some[bottom - 1].day)
    assert found.peak_on == (date.fromordinal(some[top - 1].day) if top else None)
    assert found.recovered_on == (None if back is None else date.fromordinal(some[back - 1].day))


@given(rows)
def test_streaks(some: list[Row]) -> None:
    figures = measure(results(some))
    assert figures.longest_winning_streak == other.streak(some, 1)
    assert figures.longest_losing_streak == other.streak(some, -1)


@given(rows)
def test_days_weeks_and_months_hold_every_trade_once(some: list[Row]) -> None:
    measured = results(some)
    days = periods.by_day(measured)
    assert {day.start.toordinal(): day.net * 100 for day in days} == other.daily(some)
    for each in (days, periods.by_week(days), periods.by_month(days)):
        assert [one.start for one in each] == sorted({one.start for one in each})
        assert sum(one.trades for one in each) == len(some)
        assert total(one.net for one in each) == profit.net(measured)
    assert all(week.start.isoweekday() == 1 for week in periods.by_week(days))
    by_month = {row.day: date.fromordinal(row.day).strftime("%Y-%m") for row in some}
    assert [f"{one.start:%Y-%m}" for one in periods.by_month(days)] == sorted(
        set(by_month.values())
    )
    figures = measure(measured)
    nets = list(other.daily(some).values())
    assert figures.best_day is None or figures.best_day.net * 100 == max(nets)
    assert figures.worst_day is None or figures.worst_day.net * 100 == min(nets)


@given(rows)
def test_sharpe_and_sortino(some: list[Row]) -> None:
    figures = measure(results(some))
    for ours, theirs in (
        (figures.sharpe, other.sharpe(some)),
        (figures.sortino, other.sortino(some)),
    ):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            assert abs(ours - theirs) <= 1e-9 * max(1.0, abs(theirs))


@given(rows)
def test_time_in_trade(some: list[Row]) -> None:
    figures = measure(results(some))
    each = sorted(row.seconds for row in some)
    assert shown(figures.mean_seconds) == by_hand(sum(each), len(each))
    if each:
        middle = each[len(each) // 2], each[(len(each) - 1) // 2]
        assert figures.median_seconds == Fraction(sum(middle), 2)


@given(rows)
def test_excursions_and_a_bounded_efficiency(some: list[Row]) -> None:
    figures = measure(results(some))
    best = [max(row.best, row.gross, 0) for row in some]
    worst = [min(row.worst, row.gross, 0) for row in some]
    assert shown(figures.average_mfe) == by_hand(sum(best), 100 * len(best))
    assert shown(figures.average_mae) == by_hand(sum(worst), 100 * len(worst))
    assert figures.efficiency is None or 0 <= figures.efficiency <= 1
    captured = sum(row.gross for row in some if row.gross > 0)
    assert shown(figures.efficiency, "0.0001") == by_hand(captured, sum(best), "0.0001")


@given(rows)
def test_each_trade_is_in_one_cell_of_each_breakdown(some: list[Row]) -> None:
    measured = results(some)
    for cells in (
        breakdown.by_hour(measured),
        breakdown.by_weekday(measured),
        breakdown.by_session(measured),
        breakdown.by_direction(measured),
    ):
        assert sum(cell.trades for cell in cells) == len(some)
        assert total(cell.net for cell in cells) == profit.net(measured)
        assert all(cell.trades == cell.wins + cell.losses + cell.break_evens for cell in cells)
        assert all(cell.is_few == (cell.trades < 5) for cell in cells)
        assert len({cell.key for cell in cells}) == len(cells)


@given(rows)
def test_the_curve_ends_where_the_nets_do(some: list[Row]) -> None:
    measured = results(some)
    levels = periods.curve(periods.by_day(measured))
    if not levels:
        return
    assert levels[-1].equity == profit.net(measured)
    assert all(level.drawdown >= 0 and level.peak >= 0 for level in levels)
    assert [one.peak for one in levels] == sorted(one.peak for one in levels)


@given(rows)
def test_splitting_the_trades_changes_no_sum(some: list[Row]) -> None:
    measured = results(some)
    parts = [of(measured, outcome) for outcome in Outcome]
    assert sum(len(part) for part in parts) == len(measured)
    assert total(profit.net(part) for part in parts) == profit.net(measured)
