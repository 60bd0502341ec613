"""A broker's fills, each booked once and under an order: ours, or one that is made for what nobody here sent."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Final

from apps.brokers.domain.abroad import Line, Place, Stage, tag_of
from apps.brokers.domain.account import share
from apps.brokers.domain.books import Books
from apps.brokers.domain.dispatching import Dispatcher
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import Report, ReportBroker, Uncovered
from apps.brokers.domain.moving import MovingStops
from apps.brokers.domain.order import Order, OrderType, Origin, Role, Side
from apps.brokers.domain.reporting import Reporter
from apps.brokers.domain.settling import Settler
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument

FILLED_LATE: Final = "FILLED_LATE"  # an entry's fill that came when the entry was over here


class Fills:
    """Knows which fills were booked, however often and in whatever order the broker tells of them."""

    def __init__(
        self,
        books: Books,
        lines: Lines,
        dispatcher: Dispatcher,
        reporter: Reporter,
        stops: MovingStops,
        settler: Settler,
        booked: Iterable[str] = (),
    ) -> None:
        self._books, self._lines = books, lines
        self._dispatcher, self._reporter = dispatcher, reporter
        self._stops, self._settler = stops, settler
        self.booked = set(booked)

    def hear(self, line: Line | None, said: ReportBroker) -> Iterator[Message]:
        """Book a fill, unless it was; `line` is our order that traded, None if the broker names none of ours."""
        name = f"{said.account}:{said.fill}"
        if name in self.booked:
            return
        self.booked.add(name)
        price = instrument(root_of(said.contract)).to_ticks(said.price or "0")
        if line is None:
            is_entry = said.role == Role.ENTRY
            yield from (self._enter_late if is_entry else self._adopt)(said, name, price)
            return
        is_late = line.is_over and line.role is Role.ENTRY
        line.filled += said.quantity
        line.paid += said.quantity * price
        if line.stage is not Stage.OVER:
            line.stage = Stage.WORKING
            if line.remaining == 0:
                line.stage = Stage.OVER
        self._lines.note(line)
        order = self._books.orders.get(line.order)
        if order is not None and line.head:
            yield from self._reporter.stands(order, said.at, with_fill=said.quantity)
        if order is None or order.is_over or said.quantity > order.remaining:
            yield from self._book_apart(line.place, line.side, line.role, said, name, price)
        else:
            yield self._reporter.filled(order, said, name, price)
        yield from self._reporter.explain(line, said.at, order.signal if order else "")
        yield from self._after(line, said, is_late)

    def _after(self, line: Line, said: ReportBroker, is_late: bool) -> Iterator[Message]:
        """Measure the bracket by what was paid; with the first exit what is left of its entry is taken back."""
        if line.role is Role.ENTRY:
            self._stops.aim(line)
            is_bare = is_late and all(leg.is_over for leg in self._lines.legs_of(line))
            if line.unwanted or is_bare:
                key = f"uncovered.{tag_of(f'{line.tag}.f{line.filled}')}"
                why = line.unwanted or FILLED_LATE
                yield Uncovered(*line.place, said.quantity, said.at, key, why)
            if is_bare:
                yield from self._dispatcher.end_legs(line.tag, line.user, said)
        elif line.bracket:
            for one in self._lines.of_bracket(line.bracket):
                if one.role is Role.ENTRY and not one.is_over:
                    yield from self._dispatcher.cancel(one, said.at)
        if line.ending and line.filled >= line.told and not line.is_over:
            yield from self._reporter.end(line, Report(line.ending), said.at, line.reason)
        elif line.is_over:
            yield from self._reporter.ended(line, said.at)

    def _enter_late(self, said: ReportBroker, name: str, price: int) -> Iterator[Message]:
        """Book what an entry got of which nothing is known here any more, for its own strategy, and close it.

        It was over by the broker's word, or was taken for never sent: nobody waits for it, and its stop may be gone. What
        is left of its bracket there is ended, because nothing here would.
        """
        place, side = (said.account, said.contract, said.strategy), Side(said.side)
        fill = f"{name}/{said.strategy}o"
        yield from self._book_apart(place, side, Role.ENTRY, said, fill, price)
        position = self._books.positions.get(place)
        if position is not None and position.sign == side.sign:
            key = f"uncovered.{tag_of(f'{said.tag}.{name}')}"
            yield Uncovered(*place, said.quantity, said.at, key, FILLED_LATE)
        user = self._books.accounts[said.account].user
        yield from self._dispatcher.end_legs(said.tag, user, said)
        yield from self._settler.settle(place, said.at)

    # ---- what nobody here sent ----

    def _adopt(self, said: ReportBroker, name: str, price: int) -> Iterator[Message]:
        """Book what was traded at the broker without us, or by its liquidation: it closes what is held, then opens.

        An exit of ours that is over here closes what its own strategy holds first.
        """
        side, left = Side(said.side), said.quantity
        held = [
            one
            for one in self._books.positions.values()
            if (one.account, one.contract) == (said.account, said.contract)
        ]
        if said.role:
            held.sort(key=lambda one: one.strategy != said.strategy)
        for position in held:
            if left and position.quantity * side.sign < 0:
                part = min(left, position.size)
                fees = _part_of(said, left, part)
                left -= part
                strategy = position.strategy
                yield from self._adopt_part(said, name, price, strategy, part, Role.EXIT, fees)
        if left:
            fees = _part_of(said, left, left)
            yield from self._adopt_part(said, name, price, 0, left, Role.ENTRY, fees)

    def _adopt_part(
        self, said: ReportBroker, name: str, price: int, strategy: int, size: int, role: Role,
        fees: str | None,
    ) -> Iterator[Message]:  # fmt: skip
        place, side = (said.account, said.contract, strategy), Side(said.side)
        part, fill = replace(said, quantity=size, fees=fees), f"{name}/{strategy}"
        if role is Role.ENTRY:
            fill += "o"
        killed = next((one for one in self._lines.alone(place) if one.is_kill), None)
        order = self._books.orders.get(killed.order) if killed else None
        is_its = order is not None and order.side is side and size <= order.remaining
        if killed is None or order is None or not is_its:
            yield from self._book_apart(place, side, role, part, fill, price)
        else:
            killed.filled += size
            killed.stage = Stage.OVER if killed.filled >= killed.quantity else Stage.WORKING
            self._lines.note(killed)
            yield self._reporter.filled(order, part, fill, price)
        yield from self._settler.settle(place, said.at)

    def _book_apart(
        self, place: Place, side: Side, role: Role, said: ReportBroker, name: str, price: int
    ) -> Iterator[Message]:
        """Book a fill that no open order of the desk is waiting for, under an order of its own."""
        account = self._books.accounts[place[0]]
        order = Order(
            id=f"abroad.{name}", user=account.user, account=account.id, contract=place[1],
            side=side, type=OrderType.MARKET, quantity=said.quantity, strategy=place[2],
            role=Role.EXIT if role is not Role.ENTRY else role, origin=Origin.PERSON,
            reason="AT_BROKER", reference=price, at=said.at,
        )  # fmt: skip
        if order.id in self._books.orders:
            return
        self._books.remember(order)
        yield self._reporter.filled(order, said, name, price)


def _part_of(said: ReportBroker, left: int, size: int) -> str | None:
    """Return what the next `size` of the `left` contracts of a fill cost, so that all parts add up to the whole."""
    if said.fees is None:
        return None
    whole, of = Decimal(said.fees), said.quantity
    return f"{share(whole, left, of) - share(whole, left - size, of):f}"
