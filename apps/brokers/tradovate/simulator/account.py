"""The demo account's positions and money, as the rows of Tradovate. Source: protocol 11 and 14.

Positions are kept as FIFO lots, prices inside as whole ticks, money as decimals.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from apps.brokers.tradovate.simulator.answer import Answer, Json, stamp, trade_date
from apps.brokers.tradovate.simulator.entities import Entities
from apps.brokers.tradovate.simulator.sessions import USER_ID
from apps.brokers.tradovate.simulator.skeleton import trade_day
from apps.brokers.tradovate.simulator.streams import Streams
from apps.marketdata.domain.instrument import INSTRUMENTS

ACCOUNT_ID: Final = 1001
ACCOUNT: Final = "DEMO1001"
BALANCE: Final = Decimal(50_000)
MARGIN: Final = Decimal(1_000)  # a contract of the demo account, day trading


@dataclass(slots=True)
class Lot:
    """Contracts that were bought or sold at one price and are still held; `quantity` below 0 is short."""

    fill: Json
    price: int
    quantity: int


@dataclass(slots=True)
class Holding:
    """A position. Units: whole ticks times contracts."""

    row_id: int
    lots: deque[Lot] = field(default_factory=deque)
    bought: int = 0
    sold: int = 0
    bought_ticks: int = 0
    sold_ticks: int = 0

    @property
    def net(self) -> int:
        """Return the contracts held, below 0 when short."""
        return sum(lot.quantity for lot in self.lots)


class Account:
    """What the one demo account holds and owns."""

    def __init__(
        self,
        entities: Entities,
        streams: Streams,
        now: Callable[[], int],
        fees: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        self.locked: str | None = None
        self._entities = entities
        self._streams = streams
        self._now = now
        self._fees = fees  # all in, of a contract and side, where they differ from the instrument's
        self._holdings: dict[str, Holding] = {}
        self._realized = Decimal(0)
        self._fees_paid = Decimal(0)
        self._open_account()

    def operations(self) -> dict[str, Callable[[Json], Answer]]:
        """Return the operations on money and risk, by path."""
        return {
            "cashbalance/getcashbalancesnapshot": self._cash_snapshot,
            "cashbalance/changedemobalance": self._change_balance,
            "useraccountautoliq/update": self._update_limits,
            "accountriskstatus/setadminautoliqaction": self._admin_action,
        }

    def plain(self) -> Json:
        """Return what it holds and owns as JSON; `take_back` has it again."""
        return {
            "locked": self.locked,
            "realized": str(self._realized),
            "fees_paid": str(self._fees_paid),
            "holdings": {
                name: asdict(held) | {"lots": [asdict(lot) for lot in held.lots]}
                for name, held in self._holdings.items()
            },
        }

    def take_back(self, plain: Json) -> None:
        """Hold and own again what was kept."""
        self.locked = plain["locked"]
        self._realized = Decimal(plain["realized"])
        self._fees_paid = Decimal(plain["fees_paid"])
        self._holdings = {
            name: Holding(**held | {"lots": deque(Lot(**lot) for lot in held["lots"])})
            for name, held in plain["holdings"].items()
        }

    def net(self, contract: str) -> int:
        """Return the contracts held, below 0 when short."""
        return self._holdings[contract].net if contract in self._holdings else 0

    def reset(self) -> None:
        """Begin again with the first balance and nothing held."""
        self._holdings.clear()
        self._realized = self._fees_paid = Decimal(0)
        self._entities.clear("fill", "fillFee", "position", "fillPair")
        self._tell_cash()

    def roll_over(self) -> None:
        """Begin a new session: its own fills and figures start again."""
        self._entities.clear("fill", "fillFee", "fillPair")
        for holding in self._holdings.values():
            holding.bought = holding.sold = holding.bought_ticks = holding.sold_ticks = 0
        self._tell_cash()

    def take(self, contract: str, fill: Json, quantity: int, price: int) -> None:
        """Take a fill into the position: close the oldest lots first, keep the rest."""
        holding = self._holdings.setdefault(contract, Holding(self._entities.new_id()))
        if quantity > 0:
            holding.bought += quantity
            holding.bought_ticks += quantity * price
        else:
            holding.sold -= quantity
            holding.sold_ticks -= quantity * price
        while quantity and holding.lots and (holding.lots[0].quantity > 0) != (quantity > 0):
            lot = holding.lots[0]
            closed = min(abs(lot.quantity), abs(quantity))
            long = lot.quantity > 0
            self._pair(
                contract,
                holding,
                lot if long else Lot(fill, price, closed),
                Lot(fill, price, closed) if long else lot,
                closed,
            )
            lot.quantity -= closed if long else -closed
            quantity += closed if long else -closed
            if not lot.quantity:
                holding.lots.popleft()
        if quantity:
            holding.lots.append(Lot(fill, price, quantity))
        self._tell_position(contract, fill["contractId"], holding)
        self._tell_cash()

    def _pair(self, contract: str, holding: Holding, bought: Lot, sold: Lot, closed: int) -> None:
        board = self._streams.board(contract)
        self._realized += (sold.price - bought.price) * closed * board.product.tick_value
        for lot in (bought, sold):
            row = self._entities.get("fill", lot.fill["id"]) or lot.fill
            lot.fill = self._entities.put(
                "fill", row | {"finallyPaired": row["finallyPaired"] + closed}
            )
        self._entities.put(
            "fillPair",
            {
                "id": self._entities.new_id(),
                "positionId": holding.row_id,
                "buyFillId": bought.fill["id"],
                "sellFillId": sold.fill["id"],
                "qty": closed,
                "buyPrice": board.price(bought.price),
                "sellPrice": board.price(sold.price),
                "active": True,
            },
        )

    def _open_account(self) -> None:
        begun = "2026-01-05T12:00:00.000Z"
        self._entities.put(
            "user",
            {
                "id": USER_ID,
                "name": "demo",
                "timestamp": begun,
                "email": "demo@example.test",
                "status": "Active",
                "professional": False,
            },
        )
        self._entities.put(
            "account",
            {
                "id": ACCOUNT_ID,
                "name": ACCOUNT,
                "userId": USER_ID,
                "accountType": "Customer",
                "active": True,
                "closed": False,
                "clearingHouseId": 2,
                "riskCategoryId": 3,
                "autoLiqProfileId": ACCOUNT_ID,
                "marginAccountType": "Speculator",
                "legalStatus": "Individual",
                "timestamp": begun,
            },
        )
        self._entities.put("accountRiskStatus", {"id": ACCOUNT_ID, "adminAction": "Normal"})
        self._entities.put("userAccountAutoLiq", {"id": ACCOUNT_ID, "changesLocked": False})
        self._tell_cash()

    def pay_fees(self, contract: str, fill: Json, quantity: int) -> None:
        """Charge what a fill costs."""
        exchange, commission = (
            each * quantity for each in self._a_side(self._streams.board(contract).product.root)
        )
        self._fees_paid += exchange + commission
        self._entities.put(
            "fillFee",
            {
                "id": fill["id"],
                "exchangeFee": float(exchange),
                "exchangeFeeCurrencyId": 1,
                "commission": float(commission),
                "commissionCurrencyId": 1,
            },
        )

    def fees_of(self, root: str) -> Json:
        """Return what a contract costs a side, in dollars."""
        exchange, commission = self._a_side(root)
        return {"exchangeFee": float(exchange), "commission": float(commission)}

    def _a_side(self, root: str) -> tuple[Decimal, Decimal]:
        """Return exchange fee and commission of a contract; fees that were set are commission, all of them."""
        product = INSTRUMENTS[root]
        if root in self._fees:
            return Decimal(0), self._fees[root]
        return product.exchange_fee, product.commission

    def _tell_position(self, contract: str, contract_id: int, holding: Holding) -> None:
        tick = float(self._streams.board(contract).product.tick_size)
        net, now = holding.net, self._now()
        row: Json = {
            "id": holding.row_id,
            "accountId": ACCOUNT_ID,
            "contractId": contract_id,
            "timestamp": stamp(now),
            "tradeDate": trade_date(trade_day(now)),
            "netPos": net,
            "bought": holding.bought,
            "boughtValue": holding.bought_ticks * tick,
            "sold": holding.sold,
            "soldValue": holding.sold_ticks * tick,
            "prevPos": 0,
        }
        if net:
            row["netPrice"] = sum(lot.price * lot.quantity for lot in holding.lots) * tick / net
        self._entities.put("position", row)

    def _tell_cash(self) -> None:
        now = self._now()
        self._entities.put(
            "cashBalance",
            {
                "id": 1,
                "accountId": ACCOUNT_ID,
                "timestamp": stamp(now),
                "tradeDate": trade_date(trade_day(now)),
                "currencyId": 1,
                "amount": float(self._cash),
                "realizedPnL": float(self._realized),
                "weekRealizedPnL": float(self._realized),
            },
        )
        margin = float(MARGIN * sum(abs(holding.net) for holding in self._holdings.values()))
        names = ("initialMargin", "maintenanceMargin", "totalUsedMargin", "fullInitialMargin")
        self._entities.put(
            "marginSnapshot",
            {
                "id": ACCOUNT_ID,
                "timestamp": stamp(now),
                "riskTimePeriodId": 1,
                "positionMargin": margin,
            }
            | dict.fromkeys(names, margin),
        )

    @property
    def _cash(self) -> Decimal:
        return BALANCE + self._realized - self._fees_paid

    def _cash_snapshot(self, asked: Json) -> Answer:
        unrealized = Decimal(0)
        for contract, holding in self._holdings.items():
            board = self._streams.board(contract)
            if board.last is not None:
                unrealized += sum(
                    (board.last.price - lot.price) * lot.quantity * board.product.tick_value
                    for lot in holding.lots
                )
        margin = float(MARGIN * sum(abs(holding.net) for holding in self._holdings.values()))
        return Answer(
            200,
            {
                "totalCashValue": float(self._cash),
                "totalPnL": float(self._realized + unrealized),
                "initialMargin": margin,
                "maintenanceMargin": margin,
                "netLiq": float(self._cash + unrealized),
                "openPnL": float(unrealized),
                "realizedPnL": float(self._realized),
                "weekRealizedPnL": float(self._realized),
            },
        )

    def _change_balance(self, asked: Json) -> Answer:
        self._fees_paid -= Decimal(str(asked.get("cashChange") or 0))
        self._tell_cash()
        return Answer(200, {"ok": True})

    def _update_limits(self, asked: Json) -> Answer:
        row = self._entities.get("userAccountAutoLiq", ACCOUNT_ID) or {}
        return Answer(
            200, self._entities.put("userAccountAutoLiq", row | asked | {"id": ACCOUNT_ID})
        )

    def _admin_action(self, asked: Json) -> Answer:
        action = str(asked.get("adminAction") or "Normal")
        self.locked = None if action == "Normal" else "TradingLocked"
        row = {"id": ACCOUNT_ID, "adminAction": action, "adminTimestamp": stamp(self._now())}
        return Answer(200, {"accountRiskStatus": self._entities.put("accountRiskStatus", row)})
