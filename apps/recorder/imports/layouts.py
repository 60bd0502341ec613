"""The layouts that are understood: by which columns each is known, and which fills a row of it tells."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from apps.brokers.domain.order import Side
from apps.recorder.imports.row import FileFill, plain
from apps.recorder.imports.values import (
    BadCell,
    Manner,
    contract,
    moment,
    money,
    price,
    told_day,
    whole,
)

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which somebody exports trades.

    name:      as it stands in `BrokerFill.source`
    family:    layouts that call the same fill by the same name
    columns:   those that it is known by; more may stand beside them
    moments:   the columns that hold times; `numbers` those that hold prices and amounts
    has_zone:  its times carry their offset, so nobody has to be asked
    account:   the column that names the account, "" where there is none
    """

    name: str
    title: str
    family: str
    columns: frozenset[str]
    moments: tuple[str, ...]
    numbers: tuple[str, ...]
    read: Callable[[int, Cells, Manner], list[FileFill]]
    account: str = ""
    has_zone: bool = False


# ---- Tradovate ----


def _pair(
    row: int, cells: Cells, manner: Manner, names: Sequence[str], account: str
) -> list[FileFill]:
    """Return the two fills of a pair; the later one closed the earlier."""
    symbol, buy_id, sell_id, quantity, buy_price, sell_price, bought, sold = names
    what = contract(symbol, cells[symbol])
    size = whole(quantity, cells[quantity], manner.decimals)
    part = f"{_id(buy_id, cells)}/{_id(sell_id, cells)}"
    told = []
    for side, id_, at, value in (
        (Side.BUY, buy_id, bought, buy_price),
        (Side.SELL, sell_id, sold, sell_price),
    ):
        when = moment(at, cells[at], manner)
        told.append(
            FileFill(
                row, account, what, side, size, price(value, cells[value], manner.decimals, what),
                when.at, when.grain, key=_id(id_, cells), name=_id(id_, cells), part=part,
            )
        )  # fmt: skip
    day = told_day(cells.get("Trade Date", ""), manner.days)
    later = max(range(2), key=lambda place: told[place].at)  # it closed the pair, on that day
    told[later] = replace(told[later], told_day=day)
    return told


_PERFORMANCE: Final = [
    "symbol",
    "buyFillId",
    "sellFillId",
    "qty",
    "buyPrice",
    "sellPrice",
    "boughtTimestamp",
    "soldTimestamp",
]
_HISTORY: Final = (
    "Contract", "Buy Fill ID", "Sell Fill ID", "Paired Qty", "Buy Price", "Sell Price", "Bought Timestamp", "Sold Timestamp",
)  # fmt: skip


def _performance(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    return _pair(row, cells, manner, _PERFORMANCE, "")


def _history(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    return _pair(row, cells, manner, _HISTORY, cells["Account"])


def _fills(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    if cells.get("_active", "").lower() == "false":
        return []  # taken back by the exchange
    what = contract("Contract", cells["Contract"])
    stamp = "_timestamp" if cells.get("_timestamp", "").endswith("Z") else "Timestamp"
    when = moment(stamp, cells[stamp], manner)
    fee = cells.get("commission", "")
    return [
        FileFill(
            row, cells["Account"], what, _side("B/S", cells["B/S"]),
            whole("Quantity", cells["Quantity"], manner.decimals),
            price("Price", cells["Price"], manner.decimals, what), when.at, when.grain,
            key=_id("Fill ID", cells), name=_id("Fill ID", cells), order=cells.get("Order ID", "")[:60],
            fees=money("commission", fee, manner.decimals) if fee else None,
            told_day=told_day(cells.get("_tradeDate", ""), manner.days),
        )
    ]  # fmt: skip


def _orders(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    if not cells["filledQty"] and not cells["Fill Time"]:
        return []  # never filled
    what = contract("Contract", cells["Contract"])
    when = moment("Fill Time", cells["Fill Time"], manner)
    order = _id("orderId", cells)
    return [
        FileFill(
            row, cells.get("Account", ""), what, _side("B/S", cells["B/S"]),
            whole("filledQty", cells["filledQty"], manner.decimals),
            price("avgPrice", cells["avgPrice"], manner.decimals, what, average=True),
            when.at, when.grain, key=f"order.{order}", order=order, average=True,
        )
    ]  # fmt: skip


# ---- NinjaTrader ----


def _executions(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    what = contract("Instrument", cells["Instrument"])
    when = moment("Time", cells["Time"], manner)
    return [
        FileFill(
            row, cells["Account"], what, _side("Action", cells["Action"]),
            whole("Quantity", cells["Quantity"], manner.decimals),
            price("Price", cells["Price"], manner.decimals, what), when.at, when.grain,
            key=_id("ID", cells), order=cells.get("Order ID", "")[:60],
            fees=money("Commission", cells["Commission"], manner.decimals),
        )
    ]  # fmt: skip


_NINJA_FEES: Final = ("Commission", "Clearing Fee", "Exchange Fee", "IP Fee", "NFA Fee")


def _trade_grid(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    paid = sum((money(one, cells.get(one, ""), manner.decimals) for one in _NINJA_FEES), Decimal(0))
    return _trade(
        row, cells, manner, account=cells["Account"], way="Market pos.", size="Qty", symbol="Instrument",
        entry=("Entry price", "Entry time"), exit_=("Exit price", "Exit time"), fees=paid,
        number=cells.get("Trade number", "")[:20],
    )  # fmt: skip


# ---- TopstepX ----


def _topstepx(row: int, cells: Cells, manner: Manner) -> list[FileFill]:
    paid = sum(
        (money(one, cells.get(one, ""), manner.decimals) for one in ("Fees", "Commissions")),
        Decimal(0),
    )
    return _trade(
        row, cells, manner, account="", way="Type", size="Size", symbol="ContractName",
        entry=("EntryPrice", "EnteredAt"), exit_=("ExitPrice", "ExitedAt"), fees=paid,
        id_=_id("Id", cells),
    )  # fmt: skip


# ---- what they share ----


def _trade(
    row: int, cells: Cells, manner: Manner, *, account: str, way: str, size: str, symbol: str,
    entry: tuple[str, str], exit_: tuple[str, str], fees: Decimal, id_: str = "", number: str = "",
) -> list[FileFill]:  # fmt: skip
    """Return entry and exit of a trade; its fees are halved, the odd part falls on the exit."""
    what, bought = contract(symbol, cells[symbol]), _bought(way, cells[way])
    quantity = whole(size, cells[size], manner.decimals)
    half = round(fees / 2, 4)
    paid = (half, fees - half)
    prices = [
        price(value, cells[value], manner.decimals, what, average=bool(id_))
        for value, _ in (entry, exit_)
    ]
    times = [moment(at, cells[at], manner) for _, at in (entry, exit_)]
    # without a number of its own a trade is what it was, in and out: two that share an entry are told apart by their exits
    whole_trade = ".".join(
        [
            what,
            cells[way].strip().lower(),
            str(quantity),
            *map(plain, prices),
            *(str(one.at) for one in times),
        ]
    )
    told = [
        FileFill(
            row, account, what, Side.BUY if bought == (leg == "in") else Side.SELL, quantity, cost, when.at,
            when.grain, key=f"{id_ or whole_trade}.{leg}", is_named=bool(id_), fees=part, average=bool(id_),
            twin=f"{number}.{leg}" if number else "",
        )
        for leg, cost, when, part in zip(("in", "out"), prices, times, paid, strict=True)
    ]  # fmt: skip
    if times[1].at < times[0].at:
        raise BadCell(
            exit_[1], cells[exit_[1]], "before its entry; are the columns or the zone mixed up?"
        )
    return told


def _id(field: str, cells: Cells) -> str:
    text = cells[field].strip()
    if not text or len(text) > 60 or not text.isascii() or not text.isprintable():
        raise BadCell(field, text, "a number or name of at most 60 plain characters is needed")
    return text


def _side(field: str, text: str) -> Side:
    word = text.strip().lower()
    if word in {"buy", "b", "bot", "bought", "buytocover", "buy to cover"}:
        return Side.BUY
    if word in {"sell", "s", "sld", "sold", "sellshort", "sell short"}:
        return Side.SELL
    raise BadCell(field, text, "write Buy or Sell")


def _bought(field: str, text: str) -> bool:
    word = text.strip().lower()
    if word in {"long", "short"}:
        return word == "long"
    raise BadCell(field, text, "write Long or Short")


LAYOUTS: Final = {
    layout.name: layout
    for layout in (
        Layout(
            "tradovate-positions", "Tradovate, position history", "tradovate",
            frozenset({*_HISTORY, "Account"}), ("Bought Timestamp", "Sold Timestamp"),
            ("Buy Price", "Sell Price", "P/L"), _history, "Account",
        ),
        Layout(
            "tradovate-pairs", "Tradovate, performance", "tradovate", frozenset(_PERFORMANCE),
            ("boughtTimestamp", "soldTimestamp"), ("buyPrice", "sellPrice", "pnl"), _performance,
        ),
        Layout(
            "tradovate-fills", "Tradovate, fills", "tradovate",
            frozenset({"Fill ID", "Account", "B/S", "Quantity", "Price", "Contract", "Timestamp"}),
            ("_timestamp", "Timestamp"), ("Price", "commission"), _fills, "Account",
        ),
        Layout(
            "tradovate-orders", "Tradovate, orders", "tradovate-orders",
            frozenset({"orderId", "B/S", "Contract", "Fill Time", "avgPrice", "filledQty"}),
            ("Fill Time",), ("avgPrice",), _orders, "Account",
        ),
        Layout(
            "ninja-executions", "NinjaTrader, executions", "ninja-executions",
            frozenset({"Instrument", "Action", "Quantity", "Price", "Time", "ID", "Commission", "Account"}),
            ("Time",), ("Price", "Commission"), _executions, "Account",
        ),
        Layout(
            "ninja-trades", "NinjaTrader, trade performance", "ninja-trades",
            frozenset({
                "Instrument", "Account", "Market pos.", "Qty", "Entry price", "Exit price", "Entry time", "Exit time",
            }),
            ("Entry time", "Exit time"), ("Entry price", "Exit price", "Profit", "Commission"), _trade_grid, "Account",
        ),
        Layout(
            "topstepx-trades", "TopstepX, trades", "topstepx",
            frozenset({
                "Id", "ContractName", "EnteredAt", "ExitedAt", "EntryPrice", "ExitPrice", "Size", "Type",
            }),
            ("EnteredAt", "ExitedAt"), ("EntryPrice", "ExitPrice", "Fees", "PnL", "Commissions"), _topstepx,
            has_zone=True,
        ),
    )
}  # fmt: skip


def layout_of(header: Sequence[str]) -> Layout | None:
    """Return the layout whose columns all stand in a header, None if none does."""
    there = frozenset(header)
    return next((layout for layout in LAYOUTS.values() if layout.columns <= there), None)


def nearest(header: Sequence[str]) -> tuple[Layout, list[str]]:
    """Return the layout that a header comes closest to, and which of its columns are missing."""
    there = frozenset(header)
    found = max(LAYOUTS.values(), key=lambda one: len(one.columns & there) / len(one.columns))
    return found, sorted(found.columns - there)
