"""What the desk hears of an order that is several at the broker: one fill, one size, one end."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from apps.brokers.domain.abroad import Line, Stage
from apps.brokers.domain.books import Books
from apps.brokers.domain.facts import OrderEndExplained
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import BrokerReported, Report, ReportBroker
from apps.brokers.domain.order import Order, OrderStatus, Role
from apps.bus.domain.message import SECOND, Message

REAL: Final = "broker"
TWIN_FILLED: Final = "OCO"
AT_ONCE: Final = SECOND  # so long after a fill its twin is over at the broker, at the most


class Reporter:
    """Says `BrokerReported` of the desk's orders, out of what their parts at the broker have come to."""

    def __init__(self, books: Books, lines: Lines) -> None:
        self._books, self._lines = books, lines

    def filled(self, order: Order, said: ReportBroker, name: str, price: int) -> BrokerReported:
        """Return the word about a fill; `name` is what it is booked under, once."""
        return BrokerReported(
            order.account, order.id, Report.FILLED, said.at, fill=name, quantity=said.quantity,
            price=price, slippage=order.slippage(price), rests_on=REAL,
            fees=None if said.fees is None else Decimal(said.fees),
        )  # fmt: skip

    def stands(self, order: Order, at: int, with_fill: int = 0) -> Iterator[Message]:
        """Say how an order of the desk stands when it works, or works with other values; of a leg how much it covers."""
        mine = self._lines.of_order(order.id)
        live = [one for one in mine if not one.is_over]
        quantity, first = order.quantity, (live or mine)[0]
        if first.head:
            heads = [self._lines[one.head] for one in live if one.head in self._lines]
            covers = sum(max(0, self._lines.open_of(head)) for head in heads)
            quantity = order.filled + max(with_fill + covers, 0)
        elif not first.bracket and live:
            quantity = first.quantity
        begins = order.status in (OrderStatus.SENT, OrderStatus.WAITING)
        if first.head and not begins and quantity == order.filled:
            return  # nothing left of it: its end is on its way
        new = (quantity or order.quantity, first.limit, first.stop)
        if not begins and (not quantity or new == (order.quantity, order.limit, order.stop)):
            return
        yield BrokerReported(
            order.account, order.id, Report.WORKING if begins else Report.CHANGED, at,
            quantity=new[0], limit=new[1], stop=new[2], trail=first.trail,
        )  # fmt: skip

    def end(self, line: Line, what: Report, at: int, reason: str) -> Iterator[Message]:
        """An order at the broker is over, with the legs of an entry of which nothing was filled."""
        if line.is_over:
            return
        line.stage, line.ending, line.reason, line.over_at = Stage.OVER, what.value, reason, at
        self._lines.note(line)
        if line.role is Role.ENTRY and not line.filled:
            for leg in self._lines.legs_of(line):
                yield from self.end(leg, Report.CANCELLED, at, "ENTRY_ENDED")
        yield from self.ended(line, at)

    def ended(self, line: Line, at: int) -> Iterator[Message]:
        """End the desk's order with the last of what it is at the broker, its legs with their entry."""
        mine = self._lines.of_order(line.order)
        heads = [self._lines[one.head] for one in mine if one.head in self._lines]
        if not all(one.is_over for one in (*mine, *heads)):
            return
        yield from self._say_end(line, mine, at)
        for leg in self._lines.of_bracket(line.bracket) if line.role is Role.ENTRY else ():
            if leg.role is not Role.ENTRY:
                yield from self.ended(leg, at)

    def explain(self, leg: Line, at: int, signal: str) -> Iterator[Message]:
        """Say that a leg's twin had ended by this fill, where its end was told first.

        A twin that was over well before, by the broker's clock, was ended by somebody else.
        """
        twin = self._lines.get(leg.twin)
        if twin is None or twin.told_for in ("", TWIN_FILLED) or at > twin.over_at + AT_ONCE:
            return
        why = self._why(twin)
        if why != TWIN_FILLED:
            return
        twin.told_for = self._books.reasons[twin.order] = why
        self._lines.note(twin)
        yield OrderEndExplained(
            at=at, user=twin.user, account=twin.account, order=twin.order, contract=twin.contract,
            side=twin.side.value, type=twin.type.value, role=twin.role.value,
            quantity=sum(one.quantity for one in self._lines.of_order(twin.order)),
            strategy=twin.strategy, signal=signal, reason=why,
        )  # fmt: skip

    def _say_end(self, line: Line, mine: list[Line], at: int) -> Iterator[Message]:
        order = self._books.orders.get(line.order)
        if order is None or order.is_over:
            return
        worst = next((one for one in mine if one.ending == Report.REJECTED), line)
        what = Report(worst.ending) if worst.ending else Report.CANCELLED
        if order.status is OrderStatus.WAITING and what is Report.EXPIRED:
            what = Report.CANCELLED
        reason = worst.reason
        if line.head and not reason:
            line.told_for = reason = self._why(line)
            self._lines.note(line)
        yield BrokerReported(order.account, order.id, what, at, reason=reason)

    def _why(self, leg: Line) -> str:
        """Return why a leg is over of which the broker says no more: its twin traded, we asked, or he ended it."""
        twin = self._lines.get(leg.twin)
        traded = max(twin.filled, twin.told) if twin else 0
        if twin and (traded >= twin.quantity or (traded and not leg.left_for)):
            return TWIN_FILLED
        if any(one.is_kill for one in self._lines.alone(leg.place)):
            return "KILL"  # the broker ends what rests before it closes
        return leg.left_for or "ENDED_AT_BROKER"
