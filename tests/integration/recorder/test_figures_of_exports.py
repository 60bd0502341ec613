"""Each real export, imported and recorded: its figures on page and API equal what pandas and empyrical make of its rows.

Real exports may not be passed on: they are read where they lie, and where they don't these tests are skipped and named.
The same is held of files of each layout with trades of our own, everywhere: test_made_exports.py.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.analytics import recorded
from apps.analytics.books import Scope, performance_of
from apps.brokers.models import BrokerAccount
from apps.recorder import recorders
from tests.cast import Actor
from tests.integration.recorder import other_side
from tests.integration.recorder.imported import an_account, imported, recording
from tests.integration.recorder.other_side import CAPITAL, money, shown, trips, wanted

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

pytestmark = pytest.mark.django_db
EXPORTS = Path("/work/shared/data/exports")
GRID = "ninjatrader_executions_grid_2025-01-28.csv"
PAIRS = "tradovate_position_pairs_2026-04-09.csv"
TRADES = "fixture_ninjatrader_trade_performance_grid.csv"
TOPSTEP = "fixture_projectx_topstepx_trades.csv"
ORDERS = "fixture_tradovate_orders.csv"
PERFORMANCE = "fixture_tradovate_performance.csv"
LAYOUTS = {
    GRID: "ninja-executions", PAIRS: "tradovate-positions", TRADES: "ninja-trades",
    TOPSTEP: "topstepx-trades", ORDERS: "tradovate-orders", PERFORMANCE: "tradovate-pairs",
}  # fmt: skip
ALONE = {TOPSTEP: "TOPSTEP", ORDERS: "ORDERS", PERFORMANCE: "PERFORMANCE", TRADES: "TRADES"}


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def export(name: str) -> bytes:
    path = EXPORTS / name
    if not path.exists():
        pytest.skip(f"NOT CHECKED: the real export {name} is not on this machine")
    return path.read_bytes()


def table(name: str) -> "pd.DataFrame":
    return other_side.table(export(name), LAYOUTS[name], ALONE.get(name, ""))


ONE_EACH = [
    (GRID, "Sim101", "MNQ"),
    (GRID, "EVAL0000000000001", "NQ"),
    (GRID, "EVAL0000000000002", "NQ"),
    (GRID, "EVAL0000000000003", "NQ"),
    (PAIRS, "EVAL0000000000001", "MNQ"),
    (TRADES, "TRADES", "MES"),
    (TOPSTEP, "TOPSTEP", "ES"),
    (ORDERS, "ORDERS", "ES"),
    (PERFORMANCE, "PERFORMANCE", "ES"),
]


def taken_in(actor: Actor, name: str, accounts: dict[str, BrokerAccount]) -> None:
    """Import a file; those of one account into that which is named for them."""
    more = {"account": accounts[ALONE[name]].pk} if name in ALONE else {}
    zone = "America/New_York" if name == PAIRS else "America/Chicago"
    done = imported(actor.user, export(name), zone=zone, **more)
    assert done.counts["new"] > 0 and not done.bad_rows and not done.counts["conflict"]


@pytest.mark.parametrize(("name", "account", "root"), ONE_EACH)
def test_a_page_shows_what_the_library_makes_of_the_file(
    alice: Actor, name: str, account: str, root: str
) -> None:
    rows = table(name)
    accounts = {one: an_account(alice.user, one) for one in {account, *rows["account"]}}
    taken_in(alice, name, accounts)
    recorder = recording(alice.user, "Of the file", accounts[account], root)
    made = trips(rows[(rows["account"] == account) & (rows["root"] == root)])
    assert shown(alice, recorder) == wanted(made)
    figures = performance_of(recorded.closed(alice.user)).figures
    assert (figures.trades, figures.wins) == (len(made), int((made["gross"] > 0).sum()))


def every_file(actor: Actor) -> Iterator[Any]:
    accounts = {name: an_account(actor.user, name) for _, name, _ in ONE_EACH}
    for name in dict.fromkeys(name for name, _, _ in ONE_EACH):
        taken_in(actor, name, accounts)
        yield table(name).assign(file=name)


def test_a_strategy_that_moved_from_one_export_to_the_next_has_the_library_s_sharpe_and_sortino(
    alice: Actor,
) -> None:
    """MNQ on the simulated account in January, then on the evaluation account in April: two days, one page."""
    rows = pd.concat(every_file(alice))
    first = BrokerAccount.objects.get(name="Sim101")
    second = BrokerAccount.objects.get(name="EVAL0000000000001")
    recorder = recording(alice.user, "MNQ Fade", first, "MNQ")
    recorders.stop(recorder=recorder, by="alice")
    recorder = recorders.change(recorder=recorder, by="alice", account=second)
    recorder = recorders.start(recorder=recorder, by="alice", since=0)
    mine = wanted(trips(rows[rows["root"] == "MNQ"]))
    assert "–" not in mine.ratios
    assert shown(alice, recorder) == mine


def test_all_exports_together_come_to_what_the_library_makes_of_all_files(alice: Actor) -> None:
    rows = pd.concat(every_file(alice))
    for number, (_, name, root) in enumerate(ONE_EACH):
        recording(alice.user, f"Strategy {number}", BrokerAccount.objects.get(name=name), root)
    made, theirs = trips(rows), wanted(trips(rows))
    days = made.groupby("day")["net"].sum()
    all_ = alice.client.get("/api/strategy/performance/", {"books": "recorded"}).json()["all"]
    assert all_["trades"] == len(made) and all_["days"] == len(days) == 4
    assert (money(float(all_["net"])), money(float(all_["expectancy"]))) == (
        theirs.net,
        theirs.expectancy,
    )
    assert f"{float(all_['sharpe']):.4f}" == f"{empyrical.sharpe_ratio(days / CAPITAL):.4f}"
    assert f"{float(all_['sortino']):.4f}" == f"{empyrical.sortino_ratio(days / CAPITAL):.4f}"
    omega = empyrical.omega_ratio(made["net"])
    assert f"{float(all_['profit_factor']):.4f}" == f"{omega:.4f}"
    assert money(-float(all_["drawdown"]["depth"])) == theirs.drawdown
    assert len(recorded.closed(alice.user, Scope())) == len(made)
