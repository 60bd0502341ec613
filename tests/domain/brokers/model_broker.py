"""A broker as a model: it nets a contract, ties orders natively, and answers late, twice and out of order."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from apps.brokers.domain.abroad import Dispatch, Errand
from apps.brokers.domain.messages import ReportBroker

LIVE = ("suspended", "working")


@dataclass
class Rests:
    """One order at the model. `head`: the entry it waits for; `twin`: what it cancels and is cancelled by."""

    tag: str
    side: str
    type: str
    quantity: int
    limit: str | None = None
    stop: str | None = None
    head: str = ""
    twin: str = ""
    status: str = "working"
    filled: int = 0
    reason: str = ""


class ModelBroker:
    """Takes dispatches one by one; what it has to say of them waits in `told` until it is fetched."""

    def __init__(self, account: int, contract: str) -> None:
        self.account, self.contract = account, contract
        self.orders: dict[str, Rests] = {}
        self.told: list[ReportBroker] = []
        self.net, self.fills, self.at = 0, 0, 1
        self.lowest = 0
        self.placed: Counter[str] = Counter()
        self.rejects: set[str] = set()  # what is not taken next: "entry", "stop" or "exit"
        self.refuses: list[
            str
        ] = []  # the next changes and ends: "now", or taken and refused "late"
        self.refuses_all = ""
        self.refused = 0
        self.price = "20000"

    # ---- what is asked of it ----

    def take(self, sent: Dispatch) -> None:
        """Carry out a dispatch and say what became of it."""
        self.at += 1
        outcome = {
            Errand.PLACE: self._place, Errand.MODIFY: self._modify,
            Errand.CANCEL: self._cancel, Errand.LIQUIDATE: self._liquidate,
        }[sent.errand](sent)  # fmt: skip
        self._tell(
            what="dispatch", tag=sent.tag, errand=sent.errand.value, reason=outcome,
            status="refused" if outcome else "sent",
        )  # fmt: skip

    def _place(self, sent: Dispatch) -> str:
        self.placed[sent.tag] += 1
        asked: dict[str, Any] = sent.payload
        if not sent.is_exit and "entry" in self.rejects:
            self.rejects.discard("entry")
            return "LiquidationOnly"
        if sent.is_exit and "exit" in self.rejects:
            self.rejects.discard("exit")
            return "MarketClosed"
        made = [self._order(sent.tag, asked["side"], asked["quantity"], asked)]
        other = "sell" if asked["side"] == "buy" else "buy"
        for leg in asked["legs"]:
            made.append(self._order(leg["tag"], other, asked["quantity"], leg))
            made[-1].head, made[-1].status = sent.tag, "suspended"
        if len(made) == 3:
            made[1].twin, made[2].twin = made[2].tag, made[1].tag
        for one in made:
            self._say(one)
        if made[0].type == "market" and sent.is_exit:
            self.fill(made[0].tag, made[0].quantity)
        return ""

    def _order(self, tag: str, side: str, quantity: int, asked: dict[str, Any]) -> Rests:
        made = Rests(tag, side, asked["type"], quantity, asked["limit"], asked["stop"])
        assert tag not in self.orders, "a tag was sent twice"
        self.orders[tag] = made
        return made

    def _modify(self, sent: Dispatch) -> str:
        order = self.orders.get(sent.tag)
        if order is None or order.status not in LIVE:
            return "TooLate"
        size = sent.payload.get("quantity", order.quantity)
        if size <= order.filled:
            return "Quantity"
        if (refusal := self._refusal(order)) is not None:
            return refusal
        order.quantity = size
        order.limit = sent.payload.get("limit") or order.limit
        order.stop = sent.payload.get("stop") or order.stop
        self._say(order)
        return ""

    def _cancel(self, sent: Dispatch) -> str:
        order = self.orders.get(sent.tag)
        if order is None or order.status not in LIVE:
            return "TooLate"
        if (refusal := self._refusal(order)) is not None:
            return refusal
        self._end(order, "cancelled")
        return ""

    def _refusal(self, order: Rests) -> str | None:
        """Return how a change or an end is not done: refused at once, or taken and refused by a later word."""
        how = self.refuses_all or (self.refuses.pop(0) if self.refuses else "")
        if not how:
            return None
        self.refused += 1
        if how == "now":
            return "Unsupported"
        order.reason = f"RiskRejected (command {self.refused})"
        self._say(order)
        return ""

    def _liquidate(self, sent: Dispatch) -> str:
        for one in list(self.orders.values()):
            if one.status in LIVE:
                self._end(one, "cancelled")
        if not self.net:
            return "NoPosition"
        self._trade("", "sell" if self.net > 0 else "buy", abs(self.net))
        return ""

    # ---- what happens at it ----

    def may_fill(self, tag: str) -> int:
        """Return how much an order could trade now: a leg what its entry has got and the pair has not closed."""
        order = self.orders[tag]
        if order.status != "working":
            return 0
        left = order.quantity - order.filled
        if order.head:
            twin = self.orders.get(order.twin)
            open_now = self.orders[order.head].filled - order.filled - (twin.filled if twin else 0)
            left = min(left, open_now)
        return max(0, left)

    def fill(self, tag: str, size: int) -> None:
        """Trade so much of an order."""
        order = self.orders[tag]
        size = min(size, self.may_fill(tag))
        if not size:
            return
        order.filled += size
        self._trade(tag, order.side, size)
        for leg in [one for one in self.orders.values() if one.head == tag]:
            if leg.status == "suspended":
                leg.status = "working"
                self._say(leg)
                if leg.type == "stop" and "stop" in self.rejects:
                    self.rejects.discard("stop")
                    leg.reason = "InvalidPrice"
                    self._end(leg, "rejected")
        if order.filled == order.quantity:
            order.status = "filled"
        elif order.head and not self.may_fill(tag) and self.orders[order.head].status not in LIVE:
            order.status = "cancelled"
        self._say(order)
        twin = self.orders.get(order.twin)
        if twin is not None and order.status not in LIVE and twin.status in LIVE:
            self._end(twin, "cancelled")

    def late(self, tag: str) -> None:
        """One contract of an order had traded before the end that was told."""
        self.orders[tag].filled += 1
        self._trade(tag, self.orders[tag].side, 1)

    def by_hand(self, side: str, size: int) -> None:
        """Somebody trades in the broker's own program."""
        self._trade("", side, size)

    def _trade(self, tag: str, side: str, size: int) -> None:
        self.net += size if side == "buy" else -size
        self.lowest = min(self.lowest, self.net)
        self.fills += 1
        self._tell(
            what="fill", tag=tag, fill=f"f{self.fills}", contract=self.contract, side=side,
            quantity=size, price=self.price,
            role="" if not tag else "entry" if tag.endswith("e") else "exit",
        )  # fmt: skip

    def _end(self, order: Rests, status: str) -> None:
        order.status = status
        self._say(order)
        if not order.filled:
            for leg in self.orders.values():
                if leg.head == order.tag and leg.status in LIVE:
                    self._end(leg, "cancelled")

    def _say(self, order: Rests) -> None:
        self._tell(
            what="order", tag=order.tag, status=order.status, quantity=order.quantity,
            filled=order.filled, limit=order.limit, stop=order.stop, reason=order.reason,
        )  # fmt: skip

    def _tell(self, **said: Any) -> None:
        self.at += 1
        self.told.append(ReportBroker(account=self.account, at=self.at, **said))

    # ---- what is true at it ----

    def exits(self, side: str = "sell") -> list[Rests]:
        """Return the exits that could trade now or by themselves later."""
        return [
            one
            for one in self.orders.values()
            if one.side == side and one.status in LIVE
            and not (one.head and self.orders[one.head].status in LIVE and one.status == "suspended")
        ]  # fmt: skip

    def protects(self) -> int:
        """Return how many contracts its stops would close."""
        return sum(self.may_fill(one.tag) for one in self.exits() if one.type == "stop")


def shifted(said: ReportBroker, by: int) -> ReportBroker:
    """Return a report at the desk's own time."""
    return replace(said, at=said.at + by)
