"""An order, and the rows that tell its story: versions, commands, reports. Source: protocol 11 and 12.6."""

from collections.abc import Callable
from dataclasses import dataclass, field

from apps.brokers.tradovate.simulator.account import ACCOUNT_ID
from apps.brokers.tradovate.simulator.answer import Json, stamp, trade_date
from apps.brokers.tradovate.simulator.entities import Entities
from apps.brokers.tradovate.simulator.skeleton import trade_day
from apps.brokers.tradovate.simulator.streams import Streams


@dataclass(eq=False, slots=True)
class Working:
    """One order as the matching sees it.

    Units:  prices in whole ticks; left: contracts not filled yet; expires: ns UTC, the end of its session, None: it stays
    """

    row: Json
    contract: str
    buy: bool
    kind: str
    left: int
    price: int | None
    stop: int | None
    filled: int = 0
    paid: int = 0
    triggered: bool = False
    suspended: bool = False
    expires: int | None = None
    oco: "Working | None" = None
    children: list["Working"] = field(default_factory=list)

    @property
    def order_id(self) -> int:
        """Return the order's id."""
        return int(self.row["id"])


class Trail:
    """Writes down what happens to orders."""

    def __init__(self, entities: Entities, streams: Streams, now: Callable[[], int]) -> None:
        self._entities = entities
        self._streams = streams
        self._now = now

    def version(self, order_id: int, asked: Json, own: Json) -> None:
        """Write down what an order asks for now."""
        kept = ("orderQty", "orderType", "price", "stopPrice", "maxShow")
        row = {name: asked.get(name) for name in kept}
        row |= {"timeInForce": asked.get("timeInForce") or "Day", "text": own.get("text")}
        self._entities.put(
            "orderVersion", {"id": self._entities.new_id(), "orderId": order_id, **row}
        )

    def command(self, order: Working, kind: str, own: Json, *, passed: bool = True) -> int:
        """Write a command and its approval down; return its id."""
        now = stamp(self._now())
        row: Json = {
            "id": self._entities.new_id(),
            "orderId": order.order_id,
            "timestamp": now,
            "commandType": kind,
            "commandStatus": "Pending",
            "clOrdId": own.get("clOrdId"),
            "customTag50": own.get("customTag50"),
            "isAutomated": bool(own.get("isAutomated", False)),
        }
        self._entities.put("command", row)
        if passed:
            report_id = self._entities.new_id()
            told = {"commandId": row["id"], "timestamp": now, "commandStatus": "RiskPassed"}
            self._entities.put("commandReport", {"id": report_id, **told})
            self._entities.put("command", row | {"commandStatus": "RiskPassed"})
        return int(row["id"])

    def last_command(self, order: Working) -> int:
        """Return the id of the newest command of an order."""
        ids = [c["id"] for c in self._entities.all("command") if c["orderId"] == order.order_id]
        return int(max(ids))

    def report(
        self, order: Working, kind: str, command_id: int, quantity: int = 0, price: int = 0
    ) -> None:
        """Write down what the exchange says of an order; with a quantity, what it traded."""
        now, row_id = self._now(), self._entities.new_id()
        row: Json = {
            "id": row_id,
            "commandId": command_id,
            "name": str(row_id),
            "accountId": ACCOUNT_ID,
            "contractId": order.row["contractId"],
            "timestamp": stamp(now),
            "tradeDate": trade_date(trade_day(now)),
            "orderId": order.order_id,
            "execType": kind,
            "action": order.row["action"],
            "cumQty": order.filled,
        }
        if quantity:
            board = self._streams.board(order.contract)
            average = order.paid / order.filled * float(board.product.tick_size)
            row |= {"lastQty": quantity, "lastPx": board.price(price), "avgPx": average}
        self._entities.put("executionReport", row)

    def status(self, order: Working, status: str) -> None:
        """Change how an order stands."""
        order.row = self._entities.put("order", order.row | {"ordStatus": status})

    def refuse(self, order: Working, reason: str) -> None:
        """Write down that the newest command of an order did not pass."""
        self._entities.put(
            "commandReport",
            {
                "id": self._entities.new_id(),
                "commandId": self.last_command(order),
                "timestamp": stamp(self._now()),
                "commandStatus": "RiskRejected",
                "rejectReason": reason,
                "ordStatus": "Rejected",
            },
        )
