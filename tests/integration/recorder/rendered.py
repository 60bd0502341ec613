"""Random fills as every layout would export them."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

START = datetime(2025, 1, 28, 15, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Traded:
    """A fill that happened: `sign` +1 bought, -1 sold."""

    number: int
    sign: int
    quantity: int
    price: Decimal
    second: int

    @property
    def fees(self) -> Decimal:
        """Return what Tradovate takes for it, as its list of fills tells it."""
        return self.quantity * Decimal("0.37") + self.number % 3

    @property
    def when(self) -> datetime:
        return START + timedelta(seconds=self.second)


@dataclass(frozen=True)
class Pair:
    entry: Traded
    exit: Traded
    quantity: int


def fifo(fills: list[Traded]) -> list[Pair]:
    """Return who closed whom, first in, first out."""
    lots: deque[list[int]] = deque()
    pairs = []
    for index, fill in enumerate(fills):
        left = fill.quantity
        while left and lots and fills[lots[0][0]].sign != fill.sign:
            taken = min(left, lots[0][1])
            pairs.append(Pair(fills[lots[0][0]], fill, taken))
            lots[0][1] -= taken
            left -= taken
            if not lots[0][1]:
                lots.popleft()
        if left:
            lots.append([index, left])
    return pairs


def us(fill: Traded) -> str:
    return f"{fill.when:%m/%d/%Y %H:%M:%S}"


def executions(fills: list[Traded]) -> tuple[str, list[str]]:
    head = "Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,"
    return head, [
        f"MNQ MAR25,{'Buy' if one.sign > 0 else 'Sell'},{one.quantity},{one.price},{one.when:%m/%d/%Y %I:%M:%S %p},x{one.number},"
        f"Entry,-,o{one.number},n,$0.00,1,DEMO1,C,"
        for one in fills
    ]


def fills_tab(fills: list[Traded]) -> tuple[str, list[str]]:
    head = "Fill ID,Order ID,Timestamp,Date,Account,B/S,Quantity,Price,Contract,commission"
    return head, [
        f"{one.number},o{one.number},{us(one)},1/28/25,DEMO1, {'Buy' if one.sign > 0 else 'Sell'},{one.quantity},{one.price},MNQH5,{one.fees}"
        for one in fills
    ]


def performance(fills: list[Traded]) -> tuple[str, list[str]]:
    head = "symbol,_priceFormat,_priceFormatType,_tickSize,buyFillId,sellFillId,qty,buyPrice,sellPrice,pnl,boughtTimestamp,soldTimestamp,duration"
    rows = []
    for pair in fifo(fills):
        buy, sell = _sides(pair)
        rows.append(
            f"MNQH5,-2,0,0.25,{buy.number},{sell.number},{pair.quantity},{buy.price},{sell.price},$0.00,{us(buy)},{us(sell)},1s"
        )
    return head, rows


def positions(fills: list[Traded]) -> tuple[str, list[str]]:
    head = (
        "Position ID,Timestamp,Trade Date,Net Pos,Net Price,Bought,Avg. Buy,Sold,Avg. Sell,Account,Contract,Product,Product Description,"
        "_priceFormat,_priceFormatType,_tickSize,Pair ID,Buy Fill ID,Sell Fill ID,Paired Qty,Buy Price,Sell Price,P/L,Currency,Bought Timestamp,Sold Timestamp"
    )
    rows = []
    for number, pair in enumerate(fifo(fills)):
        buy, sell = _sides(pair)
        rows.append(
            f"1,{us(sell)},2025-01-28,0,,1,1,1,1,DEMO1,MNQH5,MNQ,Micro,-2,0,0.25,{number},{buy.number},{sell.number},{pair.quantity},"
            f"{buy.price},{sell.price},0.00,USD,{us(buy)},{us(sell)}"
        )
    return head, rows


def trade_grid(fills: list[Traded]) -> tuple[str, list[str]]:
    head = "Trade number,Instrument,Account,Strategy,Market pos.,Qty,Entry price,Exit price,Entry time,Exit time,Entry name,Exit name,Profit,Commission,"
    return head, [
        f"{number},MNQ 03-25,DEMO1,S,{'Long' if pair.entry.sign > 0 else 'Short'},{pair.quantity},{pair.entry.price},{pair.exit.price},"
        f"{us(pair.entry)},{us(pair.exit)},E,X,$0.00,$0.00,"
        for number, pair in enumerate(fifo(fills), start=1)
    ]


def topstepx(fills: list[Traded]) -> tuple[str, list[str]]:
    head = "Id,ContractName,EnteredAt,ExitedAt,EntryPrice,ExitPrice,Fees,PnL,Size,Type,TradeDay,TradeDuration,Commissions"
    return head, [
        f"{pair.entry.number * 1000 + pair.exit.number},MNQH5,{us(pair.entry)} +00:00,{us(pair.exit)} +00:00,{pair.entry.price},{pair.exit.price},"
        f"0,0,{pair.quantity},{'Long' if pair.entry.sign > 0 else 'Short'},01/28/2025,00:00:01,0"
        for pair in fifo(fills)
    ]


LAYOUTS = {
    "ninja-executions": executions, "tradovate-fills": fills_tab, "tradovate-pairs": performance,
    "tradovate-positions": positions, "ninja-trades": trade_grid, "topstepx-trades": topstepx,
}  # fmt: skip


def _sides(pair: Pair) -> tuple[Traded, Traded]:
    return (pair.entry, pair.exit) if pair.entry.sign > 0 else (pair.exit, pair.entry)
