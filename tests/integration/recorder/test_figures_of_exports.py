"""Each export, imported and recorded: its figures on page and API equal what pandas and empyrical make of the file's rows.

The other side reads the files with pandas and knows no code of ours but the table of products: round trips by running
cash, nets after the file's own commissions, and the library's ratios over days. What is compared is what is shown.
"""

import math
import re
import warnings
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from apps.analytics import recorded
from apps.analytics.books import Scope, performance_of
from apps.brokers.models import BrokerAccount
from apps.recorder import recorders
from apps.recorder.models import Recorder
from tests.cast import Actor
from tests.integration.recorder.imported import an_account, imported

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

pytestmark = pytest.mark.django_db
EXPORTS = Path("/work/shared/data/exports")
POINT = {"NQ": 20.0, "MNQ": 2.0, "ES": 50.0, "MES": 5.0}  # dollars
CAPITAL = 50_000.0
K = 1e5  # a fall of d dollars as the library's share: 1 - exp(-d / K)
GRID = "ninjatrader_executions_grid_2025-01-28.csv"
PAIRS = "tradovate_position_pairs_2026-04-09.csv"
TRADES = "fixture_ninjatrader_trade_performance_grid.csv"
TOPSTEP = "fixture_projectx_topstepx_trades.csv"
ORDERS = "fixture_tradovate_orders.csv"
PERFORMANCE = "fixture_tradovate_performance.csv"


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path


def export(name: str) -> bytes:
    path = EXPORTS / name
    if not path.exists():
        pytest.skip(f"the export {name} is not on this machine")
    return path.read_bytes()


# ---- the other side: files as pandas reads them ----


def table(name: str) -> "pd.DataFrame":
    """Return a file's executions: account, root, day, time, signed contracts, price, fee; in the file's order."""
    rows = pd.read_csv(BytesIO(export(name)), dtype=str, keep_default_na=False)
    made = {GRID: _grid, PAIRS: _pairs, TRADES: _trades, TOPSTEP: _topstep, ORDERS: _orders,
            PERFORMANCE: _performance}[name](rows)  # fmt: skip
    return made.sort_values("time", kind="stable").reset_index(drop=True)


def _grid(rows: Any) -> Any:
    sign = rows["Action"].map({"Buy": 1, "Sell": -1})
    time = pd.to_datetime(rows["Time"], format="%m/%d/%Y %I:%M:%S %p")
    return _frame(rows["Account"], rows["Instrument"].str.split().str[0], time.dt.date, time,
                  sign * rows["Quantity"].astype(int), rows["Price"], rows["Commission"].str.strip("$"))  # fmt: skip


def _pairs(rows: Any) -> Any:
    legs = []
    for side, sign in (("Buy", 1), ("Sell", -1)):
        time = pd.to_datetime(rows["Bought Timestamp" if sign > 0 else "Sold Timestamp"])
        leg = _frame(rows["Account"], rows["Product"], pd.to_datetime(rows["Trade Date"]).dt.date, time,
                     sign * rows["Paired Qty"].astype(int), rows[f"{side} Price"], "0")  # fmt: skip
        legs.append(leg)
    return pd.concat(legs)


def _trades(rows: Any) -> Any:
    sign = rows["Market pos."].map({"Long": 1, "Short": -1})
    legs = []
    for what, way in (("Entry", 1), ("Exit", -1)):
        time = pd.to_datetime(rows[f"{what} time"], format="%m/%d/%Y %I:%M:%S %p")
        legs.append(_frame("TRADES", rows["Instrument"].str.split().str[0], time.dt.date, time,
                           way * sign * rows["Qty"].astype(int), rows[f"{what} price"], "0"))  # fmt: skip
    return pd.concat(legs)


def _topstep(rows: Any) -> Any:
    sign, legs = rows["Type"].map({"Long": 1, "Short": -1}), []
    paid = (rows["Fees"].astype(float) + rows["Commissions"].astype(float)) / 2
    day = pd.to_datetime(rows["TradeDay"]).dt.date
    for what, way in (("Entry", 1), ("Exit", -1)):
        time = pd.to_datetime(rows["EnteredAt" if way > 0 else "ExitedAt"]).dt.tz_localize(None)
        legs.append(_frame("TOPSTEP", "ES", day, time, way * sign * rows["Size"].astype(int),
                           rows[f"{what}Price"], paid))  # fmt: skip
    return pd.concat(legs)


def _orders(rows: Any) -> Any:
    sign, time = rows["B/S"].map({"Buy": 1, "Sell": -1}), pd.to_datetime(rows["Fill Time"])
    return _frame("ORDERS", rows["Product"], time.dt.date, time, sign * rows["filledQty"].astype(int),
                  rows["avgPrice"], "0")  # fmt: skip


def _performance(rows: Any) -> Any:
    legs = []
    for side, stamp, sign in (("buy", "boughtTimestamp", 1), ("sell", "soldTimestamp", -1)):
        time = pd.to_datetime(rows[stamp])
        legs.append(_frame("PERFORMANCE", "ES", time.dt.date, time, sign * rows["qty"].astype(int),
                           rows[f"{side}Price"], "0"))  # fmt: skip
    return pd.concat(legs)


def _frame(account: Any, root: Any, day: Any, time: Any, signed: Any, price: Any, fee: Any) -> Any:
    made = pd.DataFrame({"day": day, "time": time, "signed": signed})
    made["account"], made["root"], made["price"], made["fee"] = account, root, price, fee
    return made.astype({"price": float, "fee": float})


def trips(some: "pd.DataFrame") -> "pd.DataFrame":
    """Return each way from flat to flat: its day, its gross and its net, by running cash."""
    found = []
    for (_, root), rows in some.groupby(["account", "root"], sort=False):
        held = rows["signed"].cumsum()
        number = (held.shift(fill_value=0) == 0).cumsum()
        cash = -rows["signed"] * rows["price"] * POINT[root]
        made = pd.DataFrame({"number": number, "day": rows["day"], "time": rows["time"], "gross": cash, "fee": rows["fee"]})  # fmt: skip
        each = made.groupby("number").agg({"day": "last", "time": "last", "gross": "sum", "fee": "sum"})  # fmt: skip
        assert held.iloc[-1] == 0
        found.append(each)
    together = pd.concat(found).sort_values("time", kind="stable")
    return together.assign(gross=together["gross"].round(6), net=(together["gross"] - together["fee"]).round(6))  # fmt: skip


class Wanted(NamedTuple):
    """What the tiles of a page have to show."""

    net: str
    win_rate: str
    profit_factor: str
    expectancy: str
    drawdown: str
    ratios: str
    average_win: str
    average_loss: str
    best_day: str


def wanted(made: "pd.DataFrame") -> Wanted:
    won, lost = made[made["gross"] > 0]["net"], made[made["gross"] < 0]["net"]
    days = made.groupby("day")["net"].sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sharpe = empyrical.sharpe_ratio(days / CAPITAL) if len(days) > 1 else math.nan
        sortino = empyrical.sortino_ratio(days / CAPITAL) if len(days) > 1 and (days < 0).any() else math.nan  # fmt: skip
        omega = empyrical.omega_ratio(made["net"]) if len(made) > 1 and len(lost) else math.nan
        fall = empyrical.max_drawdown((made["net"] / K).map(math.expm1))
    if len(lost) and len(made) == 1:
        omega = 0.0
    return Wanted(
        net=money(made["net"].sum()),
        win_rate=f"{cut((made['gross'] > 0).mean() * 100, 1)} %",
        profit_factor=ratio(omega),
        expectancy=money(made["net"].mean()),
        drawdown=money(K * math.log1p(fall)),
        ratios=f"{ratio(sharpe)}, {ratio(sortino)}",
        average_win=money(won.mean()),
        average_loss=money(lost.mean()),
        best_day=money(days.max()),
    )


def cut(value: float, places: int) -> Decimal:
    rounded = Decimal(f"{value:.6f}").quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return rounded or abs(rounded)


def money(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    amount = cut(value, 2)
    mark = "+" if amount > 0 else "−" if amount < 0 else ""
    return f"{mark}${abs(amount):,.2f}"


def ratio(value: float) -> str:
    return f"{cut(value, 2):,.2f}".replace("-", "−") if math.isfinite(value) else "–"


# ---- what is shown ----


def shown(actor: Actor, recorder: Recorder) -> Wanted:
    """Return what a strategy's page shows."""
    page = actor.client.get(f"/recorders/{recorder.strategy_id}/").content.decode()
    tiles = {
        label: " ".join(unescape(re.sub(r"<[^>]+>", "", value)).split())
        for label, value in re.findall(
            r'<span class="label">([^<]+)</span>\s*<span class="stat-value"[^>]*>(.*?)</span>\s*<span class="stat-note">',
            page,
            re.DOTALL,
        )
    }
    names = ("Net", "Win rate", "Profit factor", "Expectancy", "Max drawdown", "Sharpe, Sortino",
             "Average win", "Average loss", "Best day")  # fmt: skip
    return Wanted(*(tiles[name] for name in names))


def recorder_of(actor: Actor, name: str, account: BrokerAccount, root: str) -> Recorder:
    made, _ = recorders.create(user=actor.user, name=name, symbol=f"{root}1!", account=account)
    return recorders.start(recorder=made, by="alice", since=0)


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
    alone = {TOPSTEP: "TOPSTEP", ORDERS: "ORDERS", PERFORMANCE: "PERFORMANCE", TRADES: "TRADES"}.get(name)  # fmt: skip
    more = {"account": accounts[alone].pk} if alone else {}
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
    recorder = recorder_of(alice, "Of the file", accounts[account], root)
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
    recorder = recorder_of(alice, "MNQ Fade", first, "MNQ")
    recorders.stop(recorder=recorder, by="alice")
    recorder = recorders.change(recorder=recorder, by="alice", account=second)
    recorder = recorders.start(recorder=recorder, by="alice", since=0)
    mine = wanted(trips(rows[rows["root"] == "MNQ"]))
    assert "–" not in mine.ratios
    assert shown(alice, recorder) == mine


def test_all_exports_together_come_to_what_the_library_makes_of_all_files(alice: Actor) -> None:
    rows = pd.concat(every_file(alice))
    for number, (_, name, root) in enumerate(ONE_EACH):
        recorder_of(alice, f"Strategy {number}", BrokerAccount.objects.get(name=name), root)
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
