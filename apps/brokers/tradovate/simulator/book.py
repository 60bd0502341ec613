"""The demo account's orders, and what they fill at, as the rows of Tradovate. Source: protocol 11 and 12.

Orders are matched against the market's own bid, ask and trades. Inside, prices are whole ticks.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from apps.brokers.tradovate.simulator.account import ACCOUNT_ID, Account
from apps.brokers.tradovate.simulator.answer import Answer, Json, stamp, trade_date
from apps.brokers.tradovate.simulator.entities import Entities
from apps.brokers.tradovate.simulator.library import Library
from apps.brokers.tradovate.simulator.skeleton import trade_day
from apps.brokers.tradovate.simulator.streams import Streams
from apps.brokers.tradovate.simulator.trail import Trail, Working
from apps.marketdata.domain.calendar import session_close
from apps.marketdata.domain.tick import Tick

TYPES: Final = frozenset(("Market", "Limit", "Stop", "StopLimit", "MIT"))
NEEDS_PRICE: Final = frozenset(("Limit", "StopLimit"))
NEEDS_STOP: Final = frozenset(("Stop", "StopLimit"))


class Refused(Exception):
    """An order or change that is not done; the answer is a success of HTTP all the same."""

    def __init__(self, body: Json) -> None:
        super().__init__(str(body))
        self.body = body


class Book:
    """Every order of the one demo account."""

    def __init__(
        self,
        entities: Entities,
        library: Library,
        streams: Streams,
        account: Account,
        now: Callable[[], int],
    ) -> None:
        self.reject_next: str | None = None
        self.partial = False
        self._account = account
        self._trail = Trail(entities, streams, now)
        self._entities = entities
        self._library = library
        self._streams = streams
        self._now = now
        self._orders: dict[int, Working] = {}

    def operations(self) -> dict[str, Callable[[Json], Answer]]:
        """Return the operations on orders and money, by path."""
        return {
            "order/placeorder": _refusable(self._place_one),
            "order/placeoso": _refusable(self._place_oso),
            "order/placeoco": _refusable(self._place_oco),
            "order/modifyorder": _refusable(self._modify),
            "order/cancelorder": _refusable(self._cancel),
            "order/liquidateposition": _refusable(self._liquidate),
            "order/liquidatepositions": _refusable(self._liquidate_all),
            "account/resetdemoaccountstate": self._reset,
        }

    def plain(self) -> Json:
        """Return the orders at work as JSON; `take_back` has them again."""
        return {
            str(number): {
                "row": order.row, "contract": order.contract, "buy": order.buy, "kind": order.kind,
                "left": order.left, "price": order.price, "stop": order.stop, "filled": order.filled,
                "paid": order.paid, "triggered": order.triggered, "suspended": order.suspended, "expires": order.expires,
                "oco": order.oco.order_id if order.oco is not None else None,
                "children": [child.order_id for child in order.children],
            }
            for number, order in self._orders.items()
        }  # fmt: skip

    def take_back(self, plain: Json) -> None:
        """Work again on what was kept; those that ended meanwhile tie nobody any more."""
        self._orders = {
            int(number): Working(**{k: v for k, v in one.items() if k not in ("oco", "children")})
            for number, one in plain.items()
        }
        for number, one in plain.items():
            order = self._orders[int(number)]
            order.oco = self._orders.get(one["oco"])
            order.children = [self._orders[n] for n in one["children"] if n in self._orders]

    def match(self, contract: str, ticks: list[Tick]) -> None:
        """Fill what these trades fill, in their order."""
        if not any(order.contract == contract for order in self._orders.values()):
            return
        for tick in ticks:
            for order in [o for o in self._orders.values() if o.contract == contract]:
                if not order.suspended and order.left:
                    self._meet(order, tick)

    def expire(self) -> None:
        """End the day orders whose session is over by now."""
        for order in list(self._orders.values()):
            if order.left and order.expires is not None and order.expires <= self._now():
                self._expire(order)

    def bust_last(self) -> None:
        """Take the last fill back: its row and its pairs become inactive."""
        fills = self._entities.all("fill")
        if fills:
            fill = self._entities.put(
                "fill", max(fills, key=lambda row: row["id"]) | {"active": False}
            )
            for pair in self._entities.all("fillPair"):
                if fill["id"] in {pair["buyFillId"], pair["sellFillId"]}:
                    self._entities.put("fillPair", pair | {"active": False})

    def roll_over(self) -> None:
        """Begin a new session: day orders expire, the old one's rows vanish from the lists, its figures start again.

        What still works is listed; what it asks for, and our mark on it, is told to who asks for that very order.
        """
        for order in list(self._orders.values()):
            if order.left and order.expires is not None:
                self._expire(order)
        self._entities.clear("order", "commandReport", "executionReport")
        for entity in ("orderVersion", "command"):
            self._entities.let_pass(entity, self._orders)
        for order in self._orders.values():
            self._trail.status(order, order.row["ordStatus"])
        self._account.roll_over()

    def _reset(self, asked: Json) -> Answer:
        self._orders.clear()
        self._entities.clear("order", "orderVersion", "command", "commandReport", "executionReport")
        self._account.reset()
        return Answer(200, {"ok": True})

    # ---- orders ----

    def _place_one(self, asked: Json) -> Json:
        order = self._place(asked, asked)
        self._activate(order)
        return {"orderId": order.order_id}

    def _place_oso(self, asked: Json) -> Json:
        if not isinstance(asked.get("bracket1"), dict):
            raise _violation("bracket1", asked.get("bracket1"), "is required")
        parent = self._place(asked, asked)
        told = {"orderId": parent.order_id}
        for name, key in (("bracket1", "oso1Id"), ("bracket2", "oso2Id")):
            if isinstance(asked.get(name), dict):
                child = self._place(asked | _shape(asked[name]), asked[name], parent=parent)
                child.suspended = True
                parent.children.append(child)
                told[key] = child.order_id
        if len(parent.children) == 2:
            self._tie(*parent.children)
        for child in parent.children:
            self._trail.status(child, "Suspended")
        self._activate(parent)
        return told

    def _place_oco(self, asked: Json) -> Json:
        if not isinstance(asked.get("other"), dict):
            raise _violation("other", asked.get("other"), "is required")
        first = self._place(asked, asked)
        other = self._place(asked | _shape(asked["other"]), asked["other"])
        self._tie(first, other)
        self._activate(first)
        if other.left:
            self._activate(other)
        return {"orderId": first.order_id, "ocoId": other.order_id}

    def _place(self, asked: Json, own: Json, parent: Working | None = None) -> Working:
        """Check an order and write its rows down; `own` holds the fields that are not shared by a bracket."""
        contract = self._library.resolve(asked.get("symbol"))
        self._check(asked, contract)
        assert contract is not None
        to_ticks = self._streams.board(contract).product.to_ticks
        price, stop = _ticks(asked, "price", to_ticks), _ticks(asked, "stopPrice", to_ticks)
        now, order_id = self._now(), self._entities.new_id()
        row = self._entities.put(
            "order",
            {
                "id": order_id,
                "accountId": ACCOUNT_ID,
                "contractId": self._library.contract_id(contract),
                "timestamp": stamp(now),
                "action": asked["action"],
                "ordStatus": "PendingNew",
                "parentId": parent.order_id if parent is not None else None,
                "admin": False,
            },
        )
        order = Working(
            row,
            contract,
            asked["action"] == "Buy",
            asked["orderType"],
            int(asked["orderQty"]),
            price,
            stop,
            expires=self._until(asked, contract),
        )
        self._trail.version(order_id, asked, own)
        self._orders[order_id] = order
        self._trail.command(order, "New", own, passed=self.reject_next is None)
        if self.reject_next is not None:
            reason, self.reject_next = self.reject_next, None
            self._reject(order, reason)
        return order

    def _check(self, asked: Json, contract: str | None) -> None:
        """Refuse what is no order."""
        if asked.get("accountId") != ACCOUNT_ID:
            raise _violation("accountId", asked.get("accountId"), "is no account of this user")
        if asked.get("action") not in {"Buy", "Sell"}:
            raise _violation("action", asked.get("action"), "must be Buy or Sell")
        quantity = asked.get("orderQty")
        if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
            raise _violation("orderQty", quantity, "must be positive")
        kind = asked.get("orderType")
        if kind not in TYPES:
            raise _failure("Unsupported", f"Order type {kind} is not supported here")
        if contract is None:
            raise _failure("InvalidContract", f"Unknown contract {asked.get('symbol')}")
        for field_name, kinds in (("price", NEEDS_PRICE), ("stopPrice", NEEDS_STOP)):
            if kind in kinds and asked.get(field_name) is None:
                raise _violation(field_name, None, f"is required for {kind}")
        if self._account.locked is not None:
            raise _failure(self._account.locked, "The account may not trade now")

    def _modify(self, asked: Json) -> Json:
        order = self._working(asked)
        total = int(asked.get("orderQty") or order.left + order.filled)
        if total <= order.filled:
            raise _violation("orderQty", total, "must be more than is filled")
        product = self._streams.board(order.contract).product
        kind = str(asked.get("orderType") or order.kind)
        price = _ticks(asked, "price", product.to_ticks)
        stop = _ticks(asked, "stopPrice", product.to_ticks)
        if (kind in NEEDS_PRICE and price is None) or (kind in NEEDS_STOP and stop is None):
            raise _failure("InvalidPrice", f"A price is missing for {kind}")
        order.kind, order.price, order.stop = kind, price, stop
        order.left, order.triggered = total - order.filled, False
        order.expires = self._until(asked, order.contract)
        self._trail.version(order.order_id, asked | {"orderQty": total, "orderType": kind}, asked)
        command_id = self._trail.command(order, "Modify", asked)
        self._trail.report(order, "Replaced", command_id)
        if not order.suspended:
            self._meet_now(order)
        return {"commandId": command_id}

    def _cancel(self, asked: Json) -> Json:
        order = self._working(asked)
        command_id = self._trail.command(order, "Cancel", asked)
        self._withdraw(order, command_id)
        return {"commandId": command_id}

    def _liquidate(self, asked: Json) -> Json:
        contract = self._library.resolve(asked.get("contractId"))
        net = self._account.net(contract or "")
        for order in [o for o in self._orders.values() if o.contract == contract]:
            self._withdraw(order, self._trail.command(order, "Cancel", {}))
        if contract is None or net == 0:
            raise _failure("OtherExecutionRelated", "There is no position")
        account = self._account
        locked, account.locked = account.locked, None  # a locked account may always get out
        try:
            return self._place_one(
                {
                    "accountId": asked.get("accountId"),
                    "action": "Sell" if net > 0 else "Buy",
                    "symbol": contract,
                    "orderQty": abs(net),
                    "orderType": "Market",
                    "isAutomated": asked.get("isAutomated", False),
                }
            )
        finally:
            account.locked = locked

    def _liquidate_all(self, asked: Json) -> Json:
        for row_id in asked.get("positions") or []:
            row = self._entities.get("position", row_id)
            if row is not None and row["netPos"]:
                self._liquidate({"accountId": ACCOUNT_ID, "contractId": row["contractId"]})
        return {"ok": True}

    def _working(self, asked: Json) -> Working:
        try:
            order = self._orders.get(int(asked.get("orderId") or 0))
        except (TypeError, ValueError):
            order = None
        if order is None or not order.left:
            raise _failure("TooLate", "The order is not working any more")
        return order

    def _tie(self, first: Working, other: Working) -> None:
        first.oco, other.oco = other, first
        for order, against in ((first, other), (other, first)):
            order.row = self._entities.put("order", order.row | {"ocoId": against.order_id})

    def _activate(self, order: Working) -> None:
        if not order.left:
            return
        order.suspended = False
        self._trail.report(order, "New", self._trail.last_command(order))
        self._trail.status(order, "Working")
        self._meet_now(order)

    def _withdraw(self, order: Working, command_id: int) -> None:
        order.left = 0
        self._orders.pop(order.order_id, None)
        self._trail.report(order, "Canceled", command_id)
        self._trail.status(order, "Canceled")
        for child in order.children:
            if child.left and child.suspended:
                self._withdraw(child, self._trail.command(child, "Cancel", {}))

    def _expire(self, order: Working) -> None:
        """End an order with its session; what it would have protected once filled goes with it."""
        order.left = 0
        self._orders.pop(order.order_id, None)
        self._trail.report(order, "Expired", self._trail.last_command(order))
        self._trail.status(order, "Expired")
        for child in order.children:
            if child.left and child.suspended:
                self._withdraw(child, self._trail.command(child, "Cancel", {}))

    def _until(self, asked: Json, contract: str) -> int | None:
        """Return when an order that asks for this ends by itself: a day order with the session it is in, or comes into."""
        if (asked.get("timeInForce") or "Day") != "Day":
            return None
        return session_close(self._now(), self._streams.board(contract).product.group)

    def _reject(self, order: Working, reason: str) -> None:
        order.left = 0
        self._orders.pop(order.order_id, None)
        self._trail.refuse(order, reason)
        self._trail.report(order, "Rejected", self._trail.last_command(order))
        self._trail.status(order, "Rejected")

    # ---- matching ----

    def _meet_now(self, order: Working) -> None:
        """Match an order against the book as it stands."""
        sides = self._streams.board(order.contract).bid_ask()
        if sides is None or not order.left:
            return
        best = sides[1] if order.buy else sides[0]
        if order.kind == "Market":
            self._fill(order, best)
        elif order.kind == "Limit" and order.price is not None:
            reached = best <= order.price if order.buy else best >= order.price
            if reached:
                self._fill(order, best)

    def _meet(self, order: Working, tick: Tick) -> None:
        """Match an order against a trade: stops by touch, limits when traded through or at the other side."""
        quote = tick.quote
        side = (quote.ask if order.buy else quote.bid) if quote is not None else None
        best = side if side is not None else tick.price
        if order.kind in {"Stop", "StopLimit", "MIT"} and not order.triggered:
            level = order.stop if order.stop is not None else order.price
            upward = order.buy == (order.kind != "MIT")
            if level is None or not (tick.price >= level if upward else tick.price <= level):
                return
            order.triggered = True
            if order.kind != "StopLimit":
                self._fill(order, best)
                return
        if order.kind == "Market":
            self._fill(order, best)
        elif order.price is not None and order.kind in NEEDS_PRICE:
            beyond = tick.price < order.price if order.buy else tick.price > order.price
            if beyond or (best <= order.price if order.buy else best >= order.price):
                self._fill(order, order.price)

    def _fill(self, order: Working, price: int) -> None:
        quantity = max(1, order.left // 2) if self.partial and order.left > 1 else order.left
        now = self._now()
        order.left -= quantity
        order.filled += quantity
        order.paid += quantity * price
        self._trail.report(order, "Trade", self._trail.last_command(order), quantity, price)
        fill = self._entities.put(
            "fill",
            {
                "id": self._entities.new_id(),
                "orderId": order.order_id,
                "contractId": order.row["contractId"],
                "timestamp": stamp(now),
                "tradeDate": trade_date(trade_day(now)),
                "action": order.row["action"],
                "qty": quantity,
                "price": self._streams.board(order.contract).price(price),
                "active": True,
                "finallyPaired": 0,
            },
        )
        if not order.left:
            self._orders.pop(order.order_id, None)
            self._trail.status(order, "Filled")
        self._account.pay_fees(order.contract, fill, quantity)
        self._account.take(order.contract, fill, quantity if order.buy else -quantity, price)
        if order.oco is not None and order.oco.left and not order.left:
            self._withdraw(order.oco, self._trail.command(order.oco, "Cancel", {}))
        for child in order.children:
            if child.suspended:
                child.left = order.filled
                self._activate(child)
            elif child.left:
                child.left += quantity


def _refusable(operation: Callable[[Json], Json]) -> Callable[[Json], Answer]:
    def answer(asked: Json) -> Answer:
        try:
            return Answer(200, operation(asked))
        except Refused as refused:
            return Answer(200, refused.body)

    return answer


def _shape(bracket: Json) -> Json:
    """Return the fields in which a bracket differs from its parent; prices it does not name are none."""
    return {"price": None, "stopPrice": None, **bracket}


def _ticks(asked: Json, name: str, to_ticks: Callable[[Decimal], int]) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    try:
        return to_ticks(Decimal(str(value)))
    except (ValueError, InvalidOperation):
        raise _failure("InvalidPrice", f"{value} is no price of this contract") from None


def _failure(reason: str, text: str) -> Refused:
    return Refused({"failureReason": reason, "failureText": text})


def _violation(name: str, value: Any, text: str) -> Refused:
    told = {"constraint": name, "value": str(value), "description": text}
    return Refused({"violations": [told]})
