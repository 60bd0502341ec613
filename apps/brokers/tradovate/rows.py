"""Tradovate's rows as everybody else's: joined, in one language, unknown words counted. Pure: no network, no clock.

An order has neither price nor words (those are its newest version's) nor our mark (its command's); a fill has no
account (its order's). Source: protocol 11, "Notes per entity", and 14, "Carrying a strategy name".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.seen import (
    AccountSeen,
    BrokerStatus,
    CashSeen,
    FillSeen,
    OrderSeen,
    PositionSeen,
    Seen,
)
from apps.brokers.tradovate.frames import instant_of
from apps.marketdata.domain.calendar import trade_date

Row = Mapping[str, Any]

STATUS: Final = {
    "PendingNew": BrokerStatus.PENDING,
    "Suspended": BrokerStatus.SUSPENDED,
    "Working": BrokerStatus.WORKING,
    "PendingReplace": BrokerStatus.WORKING,  # what was asked for is not done yet: it works as before
    "PendingCancel": BrokerStatus.WORKING,
    "Filled": BrokerStatus.FILLED,
    "Completed": BrokerStatus.FILLED,
    "Canceled": BrokerStatus.CANCELLED,
    "Rejected": BrokerStatus.REJECTED,
    "Expired": BrokerStatus.EXPIRED,
}
SIDES: Final = {"Buy": Side.BUY, "Sell": Side.SELL}
TYPES: Final = {
    "Market": OrderType.MARKET,
    "Limit": OrderType.LIMIT,
    "Stop": OrderType.STOP,
    "StopLimit": OrderType.STOP_LIMIT,
    "TrailingStop": OrderType.TRAILING_STOP,
}
TIFS: Final = {"Day": TimeInForce.DAY, "GTC": TimeInForce.GTC}
SIDE_WORD: Final = {ours: theirs for theirs, ours in SIDES.items()}
TYPE_WORD: Final = {ours: theirs for theirs, ours in TYPES.items()}
TIF_WORD: Final = {ours: theirs for theirs, ours in TIFS.items()}
FEES: Final = (
    "clearingFee", "exchangeFee", "nfaFee", "brokerageFee", "ipFee", "commission", "orderRoutingFee",
)  # fmt: skip
# what has to be read or followed to tell everything that `seen` tells
NEEDED: Final = (
    "account", "order", "orderVersion", "command", "commandReport", "executionReport", "fill", "fillFee",
    "position", "cashBalance", "contract",
)  # fmt: skip


class Rows:
    """Rows of every entity by their ids, and what they say. Rows may be put in in any order, and again.

    dropped: how often something could not be told, by reason
    """

    def __init__(self, *, is_live: bool = False) -> None:
        self._is_live = is_live
        self._tables: dict[str, dict[int, Row]] = {name: {} for name in NEEDED}
        self._of_order: dict[str, dict[int, dict[int, Row]]] = {
            name: {} for name in ("orderVersion", "command", "executionReport", "fill")
        }
        self._of_command: dict[int, dict[int, Row]] = {}
        self.dropped: Counter[str] = Counter()

    def put(self, entity: str, rows: Iterable[Row]) -> None:
        """Take rows of an entity in; a row that is known is replaced."""
        table = self._tables.setdefault(entity, {})
        for row in rows:
            number = row.get("id")
            if not isinstance(number, int):
                self.dropped[f"{entity} without id"] += 1
                continue
            table[number] = row
            if entity in self._of_order:
                self._of_order[entity].setdefault(_ref(row, "orderId"), {})[number] = row
            elif entity == "commandReport":
                self._of_command.setdefault(_ref(row, "commandId"), {})[number] = row

    def row(self, entity: str, number: int) -> Row | None:
        """Return one row by its id."""
        return self._tables[entity].get(number)

    def ids(self, entity: str) -> list[int]:
        """Return the ids of an entity's rows."""
        return list(self._tables[entity])

    def unnamed(self) -> list[int]:
        """Return the ids of contracts that are spoken of but not known by name."""
        spoken = {
            row["contractId"]
            for entity in ("order", "fill", "position")
            for row in self._tables[entity].values()
            if isinstance(row.get("contractId"), int)
        }
        return sorted(spoken - self._tables["contract"].keys())

    def orphans(self) -> list[int]:
        """Return the ids of orders that fills speak of and that are not known."""
        return sorted(self._of_order["fill"].keys() - self._tables["order"].keys())

    def bare(self) -> list[int]:
        """Return the ids of orders of which it is not known what they ask for, or what mark they were sent with.

        The lists tell what happened in the current session; an order that works on outlives the one that placed it.
        """
        commands = self._of_order["command"]
        return [
            number
            for number in self._tables["order"]
            if number not in self._of_order["orderVersion"]
            or not any(row.get("commandType") == "New" for row in commands.get(number, {}).values())
        ]

    def recall(self, known: OrderSeen) -> None:
        """Let what was known of an order stand for what it asks for, where the broker tells no version of it."""
        asked = {"orderQty": known.quantity, "orderType": TYPE_WORD[known.type]}
        prices = {"price": known.limit, "stopPrice": known.stop}
        ours = {"id": 0, "orderId": int(known.remote), "timeInForce": TIF_WORD[known.tif]}
        self._of_order["orderVersion"].setdefault(int(known.remote), {})[0] = asked | prices | ours

    def seen(self) -> list[Seen]:
        """Return everything that can be told, accounts first."""
        return [
            told
            for entity in ("account", "order", "fill", "position", "cashBalance")
            for number in self._tables[entity]
            if (told := self.tell(entity, number)) is not None
        ]

    def tell(self, entity: str, number: int) -> Seen | None:
        """Return what a row says together with those it belongs to; None if that can't be told (yet)."""
        row = self._tables[entity].get(number)
        if row is None:
            return None
        try:
            match entity:
                case "account":
                    return self._account(row)
                case "order":
                    return self._order(row)
                case "fill":
                    return self._fill(row)
                case "position":
                    return self._position(row)
                case "cashBalance":
                    return _cash(row)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
            self.dropped[f"{entity}: {type(problem).__name__}"] += 1
        return None

    def touched(self, entity: str, row: Row) -> list[tuple[str, int]]:
        """Return what has to be told again after this row: (entity, id)."""
        match entity:
            case "account" | "order" | "position" | "cashBalance":
                touched: list[tuple[str, int]] = [(entity, row["id"])]
                if entity == "order":  # fills may have waited for it
                    touched += [
                        ("fill", fill) for fill in self._of_order["fill"].get(row["id"], ())
                    ]
                return touched
            case "fill":
                return [("fill", row["id"]), ("order", _ref(row, "orderId"))]
            case "fillFee":
                return [("fill", row["id"])]
            case "orderVersion" | "command" | "executionReport":
                return [("order", _ref(row, "orderId"))]
            case "commandReport":
                command = self._tables["command"].get(_ref(row, "commandId"))
                return [("order", _ref(command, "orderId"))] if command else []
        return []

    def tagged(self, tag: str) -> int | None:
        """Return the id of the order that was sent with our mark."""
        for command in self._tables["command"].values():
            if tag in (command.get("clOrdId"), command.get("customTag50")):
                return int(command["orderId"])
        return None

    # --- one entity each ---

    def _account(self, row: Row) -> AccountSeen:
        is_open = row.get("active", True) and not row.get("closed", False)
        return AccountSeen(
            str(row["id"]), str(row["name"]), is_open=bool(is_open), is_live=self._is_live
        )

    def _order(self, row: Row) -> OrderSeen | None:
        """Return an order with its newest version, its mark and what is filled of it.

        at: the newest moment of all its rows; an order's own does not move with everything that happens to it
        """
        number = int(row["id"])
        versions = self._of_order["orderVersion"].get(number)
        if not versions:
            return None  # nothing says yet what it asks for
        version = versions[max(versions)]
        commands = self._of_order["command"].get(number, {})
        fills = self._of_order["fill"].get(number, {})
        reports = [r for command in commands for r in self._of_command.get(command, {}).values()]
        quantity = int(version["orderQty"])
        status = self._status(row)
        taken_back = [fill for fill in fills.values() if not fill.get("active", True)]
        filled = sum(int(fill["qty"]) for fill in fills.values()) - sum(
            int(fill["qty"]) for fill in taken_back
        )
        if not taken_back:  # whether or not every fill was heard of
            filled = quantity if row["ordStatus"] == "Filled" else max(filled, self._traded(number))
        if row["ordStatus"] == "Completed" and filled < quantity:
            status = BrokerStatus.CANCELLED
        first = commands[min(commands)] if commands else {}
        moments = [row, *commands.values(), *reports, *fills.values()]
        return OrderSeen(
            account=str(row["accountId"]),
            remote=str(number),
            contract=self._contract(row),
            side=SIDES[row["action"]],
            type=self._type(version),
            status=status,
            at=max(instant_of(moment["timestamp"]) for moment in moments),
            quantity=quantity,
            filled=filled,
            limit=price_of(version.get("price")),
            stop=price_of(version.get("stopPrice")),
            tif=self._tif(version),
            tag=str(first.get("clOrdId") or first.get("customTag50") or ""),
            text=str(version.get("text") or ""),
            parent=str(row.get("parentId") or ""),
            oco=str(row.get("ocoId") or ""),
            reason=_why(reports, min(commands, default=0)),
        )

    def _traded(self, number: int) -> int:
        """Return how much of an order the exchange says to have traded; 0 where it took some of it back, or says nothing."""
        reports = self._of_order["executionReport"].get(number, {}).values()
        if any(one.get("execType") in ("TradeCancel", "TradeCorrect") for one in reports):
            return 0
        return max((_ref(one, "cumQty") for one in reports), default=0)

    def _fill(self, row: Row) -> FillSeen | None:
        order = self._tables["order"].get(row["orderId"])
        if order is None:
            return None  # without its order nobody knows whose it is
        at = instant_of(row["timestamp"])
        day = row.get("tradeDate")
        return FillSeen(
            account=str(order["accountId"]),
            remote=str(row["id"]),
            order=str(row["orderId"]),
            contract=self._contract(row),
            side=SIDES[row["action"]],
            quantity=int(row["qty"]),
            price=_exact(row["price"]),
            at=at,
            trade_date=_day(day) if day else trade_date(at),
            fees=_fees(self._tables["fillFee"].get(row["id"])),
            is_active=bool(row.get("active", True)),
        )

    def _position(self, row: Row) -> PositionSeen:
        net = int(row["netPos"])
        return PositionSeen(
            account=str(row["accountId"]),
            contract=self._contract(row),
            net=net,
            at=instant_of(row["timestamp"]),
            price=price_of(row.get("netPrice")) if net else None,
        )

    def _contract(self, row: Row) -> str:
        """Return the name of a row's contract.

        Raises:  KeyError  it is not known (yet)
        """
        return str(self._tables["contract"][row["contractId"]]["name"])

    def _status(self, row: Row) -> BrokerStatus:
        """Return where an order stands; a word nobody knows leaves it open, so that nobody takes it for over."""
        status = STATUS.get(row["ordStatus"])
        if status is None:
            self.dropped[f"ordStatus {row['ordStatus']}"] += 1
        return status or BrokerStatus.PENDING

    def _type(self, version: Row) -> OrderType:
        kind = TYPES.get(version["orderType"])
        if kind is None:
            self.dropped[f"orderType {version['orderType']}"] += 1
            has_stop = version.get("stopPrice") is not None
            kind = OrderType.STOP if has_stop else OrderType.LIMIT
        return kind

    def _tif(self, version: Row) -> TimeInForce:
        word = version.get("timeInForce") or "Day"
        if word not in TIFS:
            self.dropped[f"timeInForce {word}"] += 1
        return TIFS.get(word, TimeInForce.DAY)


def _ref(row: Row, name: str) -> int:
    """Return the id of another row that this one names; 0 where it names none."""
    number = row.get(name)
    return number if isinstance(number, int) else 0


def _cash(row: Row) -> CashSeen:
    return CashSeen(
        account=str(row["accountId"]),
        balance=_exact(row["amount"]),
        at=instant_of(row["timestamp"]),
        realized=_exact(row.get("realizedPnL", 0)),
    )


def price_of(value: object) -> Decimal | None:
    """Return a price of JSON exactly; None where there is none."""
    return None if value is None else _exact(value)


def _exact(value: object) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError("no number")
    return number


def _day(value: Mapping[str, int]) -> date:
    return date(value["year"], value["month"], value["day"])


def _fees(row: Row | None) -> Decimal | None:
    """Return all that a fill cost; None while nothing was said."""
    if row is None:
        return None
    return sum((_exact(row[name]) for name in FEES if row.get(name) is not None), Decimal(0))


def _why(reports: Iterable[Row], first: int) -> str:
    """Return the newest reason that the broker gave for not doing something.

    A change or an end that is refused names its command: refused twice in the same words it is refused twice.
    """
    for report in sorted(reports, key=lambda row: int(row["id"]), reverse=True):
        reason, text = report.get("rejectReason"), report.get("text")
        if reason and reason != "Success":
            words = f"{reason}: {text}" if text else str(reason)
            command = int(report["commandId"])
            return words[:200] if command == first else f"{words[:170]} (command {command})"
    return ""
