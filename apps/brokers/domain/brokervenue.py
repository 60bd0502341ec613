"""BrokerVenue, beside the paper venue: what is allowed for an account at a broker leaves, and what it says is booked.

It sends nothing. It says `Dispatch`es, which are written in the transaction of the turn and carried out by the gateway;
what comes of them returns as `ReportBroker`. After each word the holding is settled (`settling.py`): what the paper venue
does by itself has to be asked of a broker.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from apps.brokers.domain.abroad import (
    TOO_LATE,
    AbroadState,
    Dispatch,
    Errand,
    Line,
    Stage,
    split,
)
from apps.brokers.domain.account import Kind
from apps.brokers.domain.books import Books
from apps.brokers.domain.dispatching import Dispatcher
from apps.brokers.domain.fills import Fills
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import (
    CancelRequested,
    ChangeRequested,
    LineBack,
    OrderAllowed,
    Report,
    ReportBroker,
)
from apps.brokers.domain.moving import MovingStops
from apps.brokers.domain.order import OrderType, Role
from apps.brokers.domain.reporting import Reporter
from apps.brokers.domain.settling import Settler
from apps.bus.domain.message import Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.messages import CandleReached, PriceReached, Resumed

NOT_AT_BROKER: Final = "NOT_AT_BROKER"  # a person lets go of an order that the broker does not have
_ENDS: Final = {
    "filled": "",
    "cancelled": Report.CANCELLED,
    "rejected": Report.REJECTED,
    "expired": Report.EXPIRED,
}


class BrokerVenue:
    """Every order of accounts at brokers. `lines` and `dispatches` know what the journal has still to write."""

    def __init__(self, books: Books, state: AbroadState | None = None) -> None:
        """Read holdings and orders in the ledger's books, which hear each report first; never write there but once."""
        state = state or AbroadState()
        self._books = books
        self.lines = Lines(state.lines)
        self._dispatcher = Dispatcher(books, self.lines)
        self._reporter = Reporter(books, self.lines)
        self._stops = MovingStops(books, self.lines)
        self._settler = Settler(books, self.lines, self._dispatcher, self._reporter, self._stops)
        self._fills = Fills(
            books, self.lines, self._dispatcher, self._reporter, self._stops, self._settler, state.booked
        )  # fmt: skip

    @property
    def dispatches(self) -> list[Dispatch]:
        """Return what is to be sent and has still to be written."""
        return self._dispatcher.dispatches

    @property
    def booked(self) -> set[str]:
        """Return the names of the fills that were booked."""
        return self._fills.booked

    def written(self) -> None:
        """Everything that had changed has been written."""
        self.lines.written()
        self.dispatches.clear()

    # ---- wishes ----

    @handles(OrderAllowed)
    def hear_allowed(self, said: OrderAllowed) -> Iterator[Message]:
        """Take an order with its bracket, and send it unless something has to happen first."""
        order = said.order
        account = self._books.accounts.get(order.account)
        if account is None or account.kind is Kind.PAPER or self.lines.of_order(order.id):
            return
        age = max((one.age for one in self.lines.values()), default=0) + 1
        for line in self.lines.in_place(order.place) if order.is_exit else ():
            line.refusals = 0
        base = self._settler.base_of(order)
        for line in split(order, said.legs, age):
            line.base = None if line.is_exit else base
            self.lines.take_in(line)
        yield from self._settler.settle(order.place, order.at)

    @handles(CancelRequested)
    def hear_cancel(self, said: CancelRequested) -> Iterator[Message]:
        """Ask for an order to be taken back. What was never sent is over at once."""
        for line in self.lines.of_order(said.order.id):
            line.refusals = 0
            line.unwanted = said.reason if said.closes else line.unwanted
            if line.stage is Stage.HERE:
                yield from self._reporter.end(line, Report.CANCELLED, said.at, said.reason)
            elif not line.is_over:
                yield from self._dispatcher.cancel(
                    line, said.at, said.reason, by_hand=said.is_by_hand
                )
        yield from self._settler.settle(said.order.place, said.at)

    @handles(ChangeRequested)
    def hear_change(self, said: ChangeRequested) -> Iterator[Message]:
        """Ask for other prices, or of an exit that stands alone for another size."""
        for line in self.lines.of_order(said.order.id):
            if line.is_over:
                continue
            line.refusals = 0
            line.want_limit = said.limit if said.limit is not None else line.want_limit
            line.want_stop = said.stop if said.stop is not None else line.want_stop
            if said.quantity is not None and not line.bracket:
                line.want_quantity = said.quantity
            his = {"limit": said.limit, "stop": said.stop}
            if not line.bracket:
                his["quantity"] = said.quantity
            line.by_hand |= {name: to for name, to in his.items() if to is not None}
            if said.stop is not None and line.role is Role.STOP:
                line.arm_at = None  # he has taken it into his own hand
            self.lines.note(line)
        yield from self._settler.settle(said.order.place, said.at)

    # ---- the broker's word ----

    @handles(ReportBroker)
    def hear_report(self, said: ReportBroker) -> Iterator[Message]:
        """Book what a broker said, each fill once, whatever came before or comes again."""
        account = self._books.accounts.get(said.account)
        if account is None or account.kind is Kind.PAPER:
            return
        said = said if said.at else replace(said, at=self._books.at)
        if said.what == "line":
            yield LineBack(said.account, said.at)
            yield from self._go_on(said.account, said.at)
            return
        line = self.lines.get(said.tag)
        if line is not None and line.account != said.account:
            return
        if said.what == "fill":
            yield from self._fills.hear(line, said)
        elif line is None:
            return
        elif said.what == "dispatch":
            yield from self._hear_outcome(line, said)
        else:
            yield from self._hear_order(line, said)
        if line is not None:
            waiting = [one for one in self.lines.values() if one.after and one.after == line.order]
            for place in (line.place, *sorted({one.place for one in waiting} - {line.place})):
                yield from self._settler.settle(place, said.at)

    def _hear_order(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """Take over how an order stands at the broker. What is older than what is known changes nothing."""
        if line.is_over:
            return
        if said.status in _ENDS:
            is_let_go = said.reason == NOT_AT_BROKER  # nobody waits for its last fill any more
            line.told = line.filled if is_let_go else max(line.told, said.filled)
            line.ending, line.reason = _ENDS[said.status], said.reason or line.reason
            self.lines.note(line)
            if line.ending and line.filled >= line.told:
                yield from self._reporter.end(line, Report(line.ending), said.at, said.reason)
            return
        if said.at < line.seen_at:
            return
        line.seen_at = said.at
        if said.status == "working" and line.stage is not Stage.WORKING:
            line.stage = Stage.WORKING
        elif said.status == "suspended" and line.stage in (Stage.HERE, Stage.ASKED):
            line.stage = Stage.ASLEEP
        if said.reason and said.reason != line.refused:  # it was taken first, and refused later
            if line.is_asking or line.is_leaving:
                yield from self._dispatcher.refused(line, said.reason, said.at)
            else:
                line.refused = said.reason
        self._dispatcher.take_over(line, said)
        order = self._books.orders.get(line.order)
        if order is not None and line.stage is Stage.WORKING:
            yield from self._reporter.stands(order, said.at)

    def _hear_outcome(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """Take over what became of a dispatch. What was sent shows itself in the order that the broker tells of."""
        if said.status == "not_sent" and said.reason == TOO_LATE and line.is_exit:
            yield from self._hear_lapse(line, said)
        elif said.errand in (Errand.MODIFY, Errand.CANCEL):
            self._dispatcher.taken(line, said)
            # an end that comes too late is on its way already
            is_over = said.errand == Errand.CANCEL and said.reason == "TooLate"
            if said.status != "sent" and not is_over:
                yield from self._dispatcher.refused(line, said.reason, said.at)
        elif said.status != "sent" and not line.is_over:
            for one in [line, *self.lines.legs_of(line)]:
                yield from self._reporter.end(
                    one, Report.REJECTED, said.at, said.reason or "NOT_SENT"
                )
        elif line.is_kill and not line.is_over:
            line.stage = Stage.WORKING  # its order carries no mark: nothing else tells of it
            self.lines.note(line)

    def _hear_lapse(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """What could not leave in time is over, and with it every exit that waits for it: the next press works at once.

        What has lost its stop is closed when the line is back.
        """
        waiting = [
            one
            for one in self.lines.alone(line.place)
            if one.stage is Stage.HERE and one.type is OrderType.MARKET
        ]
        if said.errand in (Errand.MODIFY, Errand.CANCEL):
            self._dispatcher.lapsed(line)
        else:
            waiting = [line, *waiting]
        for head in self.lines.heads(line.place):
            if head.uncovered:
                head.lapses, head.is_cut = min(head.lapses + 1, head.uncovered), True
                self.lines.note(head)
        for one in waiting:
            yield from self._reporter.end(one, Report.REJECTED, said.at, TOO_LATE)

    def _go_on(self, account: int, at: int) -> Iterator[Message]:
        """Close what has lost its stop and could not be closed while nothing left."""
        for place in sorted(one for one in self.lines.places() if one[0] == account):
            for head in self.lines.heads(place):
                head.is_cut = False
                self.lines.note(head)
            yield from self._settler.settle(place, at)

    # ---- a start, prices ----

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Say again where break-even waits, and go on with what was under way."""
        self._stops.forget()
        for place in sorted(self.lines.places()):
            yield from self._settler.settle(place, self._books.at)

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """A price at which a stop has to be moved may have traded."""
        if self._stops.is_waiting(said.of):
            high = said.price if said.high is None else max(said.high, said.price)
            low = said.price if said.low is None else min(said.low, said.price)
            yield from self._move_stops(said.of, high, low, said.at)

    @handles(CandleReached)
    def hear_candle(self, said: CandleReached) -> Iterator[Message]:
        """The same where ticks are not known."""
        if self._stops.is_waiting(said.of):
            yield from self._move_stops(said.of, said.candle.high, said.candle.low, said.candle.at)

    def _move_stops(self, of: str, high: int, low: int, at: int) -> Iterator[Message]:
        for place in self._stops.wake(of):
            self._stops.move(place, high, low)
            yield from self._settler.settle(place, at)
        yield from self._stops.leave(of)
