"""What pandas and empyrical make of the rows of an export: a witness that knows no code of ours.

Round trips by running cash, nets after the file's own commissions, and the library's ratios over days, written as pages
show them.
"""

import math
import re
import warnings
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from html import unescape
from io import BytesIO
from typing import Any, Final, NamedTuple

from apps.recorder.models import Recorder
from tests.cast import Actor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical
    import pandas as pd

POINT: Final = {"NQ": 20.0, "MNQ": 2.0, "ES": 50.0, "MES": 5.0}  # dollars
CAPITAL: Final = 50_000.0
K: Final = 1e5  # a fall of d dollars as the library's share: 1 - exp(-d / K)


# ---- files as pandas reads them ----


def table(raw: bytes, layout: str, account: str = "") -> "pd.DataFrame":
    """Return a file's executions: account, root, day, time, signed contracts, price, fee; in the file's order.

    account: whose they are where the file does not say
    """
    rows = pd.read_csv(BytesIO(raw), dtype=str, keep_default_na=False)
    made = _READ[layout](rows, account)
    return made.sort_values("time", kind="stable").reset_index(drop=True)


def _fills(rows: Any, account: str) -> Any:
    rows = rows[rows["_active"] == "true"]
    sign = rows["B/S"].str.strip().map({"Buy": 1, "Sell": -1})
    time = _chicago(pd.to_datetime(rows["_timestamp"], format="ISO8601", utc=True))
    return _frame(rows["Account"], rows["Product"], pd.to_datetime(rows["_tradeDate"]).dt.date, time,
                  sign * rows["Quantity"].astype(int), rows["Price"], rows["commission"])  # fmt: skip


def _executions(rows: Any, account: str) -> Any:
    sign = rows["Action"].map({"Buy": 1, "Sell": -1})
    time = pd.to_datetime(rows["Time"], format="%m/%d/%Y %I:%M:%S %p")
    return _frame(rows["Account"], rows["Instrument"].str.split().str[0], time.dt.date, time,
                  sign * rows["Quantity"].astype(int), rows["Price"], rows["Commission"].str.strip("$"))  # fmt: skip


def _history(rows: Any, account: str) -> Any:
    legs = []
    for side, sign in (("Buy", 1), ("Sell", -1)):
        time = pd.to_datetime(rows["Bought Timestamp" if sign > 0 else "Sold Timestamp"])
        leg = _frame(rows["Account"], rows["Product"], pd.to_datetime(rows["Trade Date"]).dt.date, time,
                     sign * rows["Paired Qty"].astype(int), rows[f"{side} Price"], "0")  # fmt: skip
        legs.append(leg)
    return pd.concat(legs)


def _trades(rows: Any, account: str) -> Any:
    sign = rows["Market pos."].map({"Long": 1, "Short": -1})
    kinds = ("Commission", "Clearing Fee", "Exchange Fee", "IP Fee", "NFA Fee")
    paid = sum(rows[kind].str.strip("$").astype(float) for kind in kinds) / 2
    legs = []
    for what, way in (("Entry", 1), ("Exit", -1)):
        time = pd.to_datetime(rows[f"{what} time"], format="%m/%d/%Y %I:%M:%S %p")
        legs.append(_frame(account, rows["Instrument"].str.split().str[0], time.dt.date, time,
                           way * sign * rows["Qty"].astype(int), rows[f"{what} price"], paid))  # fmt: skip
    return pd.concat(legs)


def _topstepx(rows: Any, account: str) -> Any:
    sign, legs = rows["Type"].map({"Long": 1, "Short": -1}), []
    paid = (rows["Fees"].astype(float) + rows["Commissions"].astype(float)) / 2
    day = pd.to_datetime(rows["TradeDay"]).dt.date
    root = rows["ContractName"].str.extract(r"^(.+)[FGHJKMNQUVXZ]\d+$", expand=False)
    for what, way in (("Entry", 1), ("Exit", -1)):
        time = _chicago(pd.to_datetime(rows["EnteredAt" if way > 0 else "ExitedAt"], utc=True))
        legs.append(_frame(account, root, day, time, way * sign * rows["Size"].astype(int),
                           rows[f"{what}Price"], paid))  # fmt: skip
    return pd.concat(legs)


def _orders(rows: Any, account: str) -> Any:
    rows = rows[rows["filledQty"] != ""]
    sign = rows["B/S"].str.strip().map({"Buy": 1, "Sell": -1})
    time = pd.to_datetime(rows["Fill Time"])
    return _frame(account, rows["Product"], time.dt.date, time, sign * rows["filledQty"].astype(int),
                  rows["avgPrice"], "0")  # fmt: skip


def _performance(rows: Any, account: str) -> Any:
    legs = []
    for side, stamp, sign in (("buy", "boughtTimestamp", 1), ("sell", "soldTimestamp", -1)):
        time = pd.to_datetime(rows[stamp])
        legs.append(_frame(account, rows["symbol"].str[:-2], time.dt.date, time, sign * rows["qty"].astype(int),
                           rows[f"{side}Price"], "0"))  # fmt: skip
    return pd.concat(legs)


_READ: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "tradovate-fills": _fills, "tradovate-orders": _orders, "tradovate-pairs": _performance,
    "tradovate-positions": _history, "ninja-executions": _executions, "ninja-trades": _trades,
    "topstepx-trades": _topstepx,
}  # fmt: skip


def _chicago(time: Any) -> Any:
    return time.dt.tz_convert("America/Chicago").dt.tz_localize(None)


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
        # break-evens are classed apart, so their fees are in neither sum; two zeros are neither won nor lost
        classed = pd.concat([won, lost, pd.Series([0.0, 0.0])])
        omega = empyrical.omega_ratio(classed) if len(lost) else math.nan
        fall = empyrical.max_drawdown((made["net"] / K).map(math.expm1))
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
