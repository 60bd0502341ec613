"""BrokerVenue, beside the paper venue: what is allowed for an account at a broker leaves, and what it says is booked.

It sends nothing. It says `Dispatch`es, which are written in the transaction of the turn and carried out by the gateway;
what comes of them returns as `ReportBroker`. Beyond that it asks of the broker what the paper venue does by itself:
targets in R and break-even by what was paid, stops no larger than what is held, nothing left behind in a flat place.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from apps.brokers.domain.abroad import (
    FRESH_S,
    MOST_TRIES,
    AbroadState,
    Dispatch,
    Errand,
    Line,
    Lines,
    Place,
    Stage,
    split,
    tag_of,
)
from apps.brokers.domain.account import Kind
from apps.brokers.domain.books import Books, named
from apps.brokers.domain.facts import OrderChangeRefused, OrderStuck
from apps.brokers.domain.messages import (
    BrokerReported,
    CancelRequested,
    ChangeRequested,
    OrderAllowed,
    Report,
    ReportBroker,
    Uncovered,
)
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Origin, Role, Side
from apps.bus.domain.message import Message
from apps.bus.domain.stage import handles
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.domain.messages import (
    NEVER,
    CandleReached,
    Leaves,
    PriceReached,
    Resumed,
    Waits,
)

REAL: Final = "broker"
NOT_AT_BROKER: Final = "NOT_AT_BROKER"  # a person lets go of an order that the broker does not have
FOLLOWS: Final = (
    10  # a trailing stop is moved when it is a tenth of its distance behind: calls are counted
)
_ENDS: Final = {
    "filled": "",
    "cancelled": Report.CANCELLED,
    "rejected": Report.REJECTED,
    "expired": Report.EXPIRED,
}


class BrokerVenue:
    """Every order of accounts at brokers. `changed`, `ended`, `dispatches` are what the journal has still to write."""

    def __init__(self, books: Books, state: AbroadState | None = None) -> None:
        """Read holdings and orders in the ledger's books, which hear each report first; never write there but once."""
        state = state or AbroadState()
        self._books = books
        self.lines = Lines({line.tag: line for line in state.lines})
        self.booked = set(state.booked)
        self.changed: dict[str, Line] = {}
        self.ended: set[str] = set()
        self.dispatches: list[Dispatch] = []
        self._waits: dict[str, tuple[int, int]] = {}

    def written(self) -> None:
        """Everything that had changed has been written."""
        self.changed.clear()
        self.ended.clear()
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
        base = self._base(order)
        for line in split(order, said.legs, age):
            line.base = None if line.is_exit else base
            self.lines[line.tag] = line
            self._note(line)
        yield from self._settle(order.place, order.at)

    def _base(self, order: Order) -> int | None:
        """Return what an entry may find held when others, on their way out now, are over; None: it waits for none."""
        if not order.after or not self._taken_back(order.place):
            return None
        first = next(iter(self.lines.of_order(order.after)), None)
        return 0 if first is None or first.is_exit else self._held(order.place)

    def _taken_back(self, place: Place) -> list[Line]:
        return [one for one in self.lines.heads(place) if one.is_leaving and not one.is_over]

    @handles(CancelRequested)
    def hear_cancel(self, said: CancelRequested) -> Iterator[Message]:
        """Ask for an order to be taken back. What was never sent is over at once."""
        for line in self.lines.of_order(said.order.id):
            line.refusals = 0
            line.unwanted = said.reason if said.closes else line.unwanted
            if line.stage is Stage.HERE:
                yield from self._end(line, Report.CANCELLED, said.at, said.reason)
            elif not line.is_over:
                yield from self._ask_cancel(line, said.at)
        yield from self._settle(said.order.place, said.at)

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
            if said.stop is not None and line.role is Role.STOP:
                line.arm_at = None  # he has taken it into his own hand
            self._note(line)
        yield from self._settle(said.order.place, said.at)

    # ---- the broker's word ----

    @handles(ReportBroker)
    def hear_report(self, said: ReportBroker) -> Iterator[Message]:
        """Book what a broker said, each fill once, whatever came before or comes again."""
        account = self._books.accounts.get(said.account)
        if account is None or account.kind is Kind.PAPER:
            return
        said = said if said.at else replace(said, at=self._books.at)
        line = self.lines.get(said.tag)
        if line is not None and line.account != said.account:
            return
        if said.what == "fill":
            yield from self._hear_fill(line, said)
        elif line is None:
            return
        elif said.what == "dispatch":
            yield from self._hear_outcome(line, said)
        else:
            yield from self._hear_order(line, said)
        if line is not None:
            waiting = [one for one in self.lines.values() if one.after and one.after == line.order]
            for place in (line.place, *sorted({one.place for one in waiting} - {line.place})):
                yield from self._settle(place, said.at)

    def _hear_fill(self, line: Line | None, said: ReportBroker) -> Iterator[Message]:
        name = f"{said.account}:{said.fill}"
        if name in self.booked:
            return
        self.booked.add(name)
        price = instrument(root_of(said.contract)).to_ticks(said.price or "0")
        if line is None:
            yield from self._adopt(said, name, price)
            return
        line.filled += said.quantity
        line.paid += said.quantity * price
        if line.stage is not Stage.OVER:
            line.stage = Stage.WORKING
            if line.remaining == 0:
                line.stage = Stage.OVER
        self._note(line)
        order = self._books.orders.get(line.order)
        if order is not None and line.head:
            yield from self._resize(order, said.at, with_fill=said.quantity)
        if order is None or order.is_over or said.quantity > order.remaining:
            yield from self._book_apart(line.place, line.side, line.role, said, name, price)
        else:
            yield self._filled(order, said, name, price)
        yield from self._after_fill(line, said)

    def _after_fill(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """Measure the bracket by what was paid; with the first exit what is left of its entry is taken back."""
        if line.role is Role.ENTRY:
            self._aim(line)
            if line.unwanted:
                key = f"uncovered.{tag_of(f'{line.tag}.f{line.filled}')}"
                size, at = said.quantity, said.at
                yield Uncovered(*line.place, size, at, key, line.unwanted)
        elif line.bracket:
            for one in self.lines.of_bracket(line.bracket):
                if one.role is Role.ENTRY and not one.is_over:
                    yield from self._ask_cancel(one, said.at)
        if line.ending and line.filled >= line.told and not line.is_over:
            yield from self._end(line, Report(line.ending), said.at, line.reason)
        elif line.is_over:
            yield from self._end_desk(line, said.at)

    def _hear_order(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """Take over how an order stands at the broker. What is older than what is known changes nothing."""
        if line.is_over:
            return
        if said.status in _ENDS:
            is_let_go = said.reason == NOT_AT_BROKER  # nobody waits for its last fill any more
            line.told = line.filled if is_let_go else max(line.told, said.filled)
            line.ending, line.reason = _ENDS[said.status], said.reason or line.reason
            self._note(line)
            if line.ending and line.filled >= line.told:
                yield from self._end(line, Report(line.ending), said.at, said.reason)
            return
        if said.at < line.seen_at:
            return
        line.seen_at = said.at
        if said.status == "working" and line.stage is not Stage.WORKING:
            line.stage = Stage.WORKING
        elif said.status == "suspended" and line.stage in (Stage.HERE, Stage.ASKED):
            line.stage = Stage.ASLEEP
        if said.reason and said.reason != line.refused:  # it was taken first, and refused later
            line.refused = said.reason
            if line.is_asking or line.is_leaving:
                yield from self._refuse(line, said.at)
        self._take_over(line, said)
        self._note(line)
        order = self._books.orders.get(line.order)
        if order is not None and line.stage is Stage.WORKING:
            yield from self._resize(order, said.at)

    def _take_over(self, line: Line, said: ReportBroker) -> None:
        to_ticks = instrument(root_of(line.contract)).to_ticks
        line.quantity = said.quantity or line.quantity
        if said.limit is not None and line.limit is not None:
            line.limit = to_ticks(said.limit)
        if said.stop is not None and line.stop is not None:
            line.stop = to_ticks(said.stop)
        for name in ("quantity", "limit", "stop"):
            if getattr(line, f"want_{name}") == getattr(line, name):
                setattr(line, f"want_{name}", None)
        if line.is_asking and all(getattr(line, name) == to for name, to in line.asked.items()):
            line.is_asking, line.refusals, line.refused_stop = False, 0, None
        self._let_go(line)

    def _let_go(self, line: Line) -> None:
        """Wait no longer for values that somebody has overtaken at the broker: his word is the newer one."""
        if line.is_asking and line.is_overtaken:
            line.is_asking = False
            for name, to in line.asked.items():
                if getattr(line, f"want_{name}") == to:
                    setattr(line, f"want_{name}", None)

    def _hear_outcome(self, line: Line, said: ReportBroker) -> Iterator[Message]:
        """Take over what became of a dispatch. What was sent shows itself in the order that the broker tells of."""
        if said.errand in (Errand.MODIFY, Errand.CANCEL):
            line.is_taken = line.is_taken or (said.errand, said.status) == (Errand.MODIFY, "sent")
            self._let_go(line)
            self._note(line)
            # an end that comes too late is on its way already
            is_over = said.errand == Errand.CANCEL and said.reason == "TooLate"
            if said.status != "sent" and not is_over:
                line.refused = said.reason
                yield from self._refuse(line, said.at)
        elif said.status != "sent" and not line.is_over:
            for one in [line, *self.lines.legs_of(line)]:
                yield from self._end(one, Report.REJECTED, said.at, said.reason or "NOT_SENT")
        elif line.is_kill and not line.is_over:
            line.stage = Stage.WORKING  # its order carries no mark: nothing else tells of it
            self._note(line)

    def _refuse(self, line: Line, at: int) -> Iterator[Message]:
        """The broker does not want what was asked of an order. It may be asked again, but not for ever.

        An entry is taken back again at once; whether a stop shall still end or shrink is for what is held by now.
        """
        was_leaving, line.is_leaving, line.is_asking = line.is_leaving, False, False
        if line.trail is not None and line.want_stop is not None:
            line.refused_stop = line.want_stop
        line.want_quantity = line.want_limit = line.want_stop = None
        line.refusals += 1
        self._note(line)
        order = self._books.orders.get(line.order)
        if order is not None and line.refusals <= MOST_TRIES:
            kind = OrderStuck if line.refusals == MOST_TRIES else OrderChangeRefused
            yield kind(at=at, reason=line.refused, number=line.changes, **named(order))
        if was_leaving and not line.is_exit:
            yield from self._ask_cancel(line, at)

    # ---- what nobody here sent ----

    def _adopt(self, said: ReportBroker, name: str, price: int) -> Iterator[Message]:
        """Book what was traded at the broker without us, or by its liquidation: it closes what is held, then opens."""
        side, left = Side(said.side), said.quantity
        held = [
            one
            for one in self._books.positions.values()
            if (one.account, one.contract) == (said.account, said.contract)
        ]
        for position in held:
            if left and position.quantity * side.sign < 0:
                part = min(left, position.size)
                left -= part
                yield from self._adopt_part(said, name, price, position.strategy, part, Role.EXIT)
        if left:
            yield from self._adopt_part(said, name, price, 0, left, Role.ENTRY)

    def _adopt_part(
        self, said: ReportBroker, name: str, price: int, strategy: int, size: int, role: Role
    ) -> Iterator[Message]:
        place = (said.account, said.contract, strategy)
        part, fill = replace(said, quantity=size), f"{name}/{strategy}"
        if role is Role.ENTRY:
            fill += "o"
        killed = next((one for one in self.lines.alone(place) if one.is_kill), None)
        order = self._books.orders.get(killed.order) if killed else None
        if killed is None or order is None or size > order.remaining:
            yield from self._book_apart(place, Side(said.side), role, part, fill, price)
        else:
            killed.filled += size
            killed.stage = Stage.OVER if killed.filled >= killed.quantity else Stage.WORKING
            self._note(killed)
            yield self._filled(order, part, fill, price)
        yield from self._settle(place, said.at)

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
        yield self._filled(order, said, name, price)

    def _filled(self, order: Order, said: ReportBroker, name: str, price: int) -> BrokerReported:
        return BrokerReported(
            order.account, order.id, Report.FILLED, said.at, fill=name, quantity=said.quantity,
            price=price, slippage=order.slippage(price), rests_on=REAL,
        )  # fmt: skip

    # ---- what the paper venue does by itself ----

    def _settle(self, place: Place, at: int) -> Iterator[Message]:
        """Bring what is at the broker in line with what is held; say what has to be sent for it."""
        self._close_apart(place)
        yield from self._trim(place, at)
        for line in [one for one in self.lines.in_place(place) if one.stage is Stage.HERE]:
            if line.stage is Stage.HERE and not line.head:
                yield from self._go(line, at)
        yield from self._close_uncovered(place, at)
        for line in self.lines.in_place(place):
            yield from self._ask_change(line, at)
        self._sweep(place)
        yield from self._wait(place)

    def _close_apart(self, place: Place) -> None:
        """What was closed otherwise than by its own legs is taken from the brackets, the oldest first."""
        held = self._held(place)
        for side in Side:
            heads = [one for one in self.lines.heads(place) if one.side is side]
            excess = sum(self.lines.open_of(one) for one in heads) - max(0, held * side.sign)
            for head in heads:
                less = min(max(0, self.lines.open_of(head)), excess)
                if less > 0:
                    head.closed += less
                    excess -= less
                    self._note(head)

    def _trim(self, place: Place, at: int) -> Iterator[Message]:
        """Let each exit be no larger than what it is there for, less what is about to be closed at the market."""
        leaving = claimed = self._leaving(place)
        for head in self.lines.heads(place):
            due = max(0, self.lines.open_of(head))
            less = min(due, leaving)
            leaving -= less
            legs = self.lines.legs_of(head)
            claimed += due - less if any(not leg.is_over for leg in legs) else 0
            began = any(leg.filled for leg in legs) or head.closed or less
            if head.filled and began:
                for leg in [one for one in legs if not one.is_over]:
                    yield from self._ask_size(leg, due - less, at)
                if not head.is_over:
                    yield from self._ask_cancel(head, at)
        held = abs(self._held(place))
        for one in [one for one in self.lines.alone(place) if one.is_kill and not held]:
            if one.stage is Stage.WORKING:  # what it was to close was closed otherwise
                yield from self._end(one, Report.CANCELLED, at, "FLAT")
        alone = [one for one in self.lines.alone(place) if one.stage is not Stage.HERE]
        for one in sorted(alone, key=lambda one: one.type is OrderType.LIMIT):  # stops stay longest
            size = min(one.remaining, max(0, held - claimed))
            if one.type is not OrderType.MARKET:
                claimed += size
                yield from self._ask_size(one, size, at)

    def _leaving(self, place: Place) -> int:
        """Return how many contracts are about to be closed at the market."""
        return sum(
            one.quantity - one.filled
            for one in self.lines.alone(place)
            if one.type is OrderType.MARKET and not one.is_kill
        )

    def _ask_size(self, line: Line, left: int, at: int) -> Iterator[Message]:
        if left <= 0:
            yield from self._ask_cancel(line, at)
        elif line.quantity - line.filled > left:
            line.want_quantity = line.filled + left
            self._note(line)

    def _go(self, line: Line, at: int) -> Iterator[Message]:
        """Send what waits here, if it may go now."""
        if line.after and not line.is_exit:
            first = [one for one in self.lines.of_order(line.after) if one.role is Role.ENTRY]
            if any(one.is_stuck for one in first):
                yield from self._end(line, Report.CANCELLED, at, "NOT_CLOSED")
                return
            if line.base is not None and self._taken_back(line.place):
                return
        if line.after and not all(one.is_over for one in self.lines.of_order(line.after)):
            return
        held = self._held(line.place)
        if line.is_exit:
            size = min(line.quantity, max(0, -held * line.side.sign))
            if not size:
                yield from self._end(line, Report.CANCELLED, at, "FLAT")
                return
            line.quantity = size
            if not line.is_kill and abs(held) - self.lines.cover(line.place) < size:
                if line.type is not OrderType.MARKET:
                    yield from self._end(line, Report.REJECTED, at, "WOULD_REVERSE")
                elif self._has_no_way(line.place):
                    yield from self._end(line, Report.REJECTED, at, "BROKER_REFUSES")
                return  # the market order goes when stops and targets have made room for it
        elif line.after and held * line.side.sign < 0:
            yield from self._end(line, Report.CANCELLED, at, "NOT_CLOSED")
            return
        elif line.base is not None and (held - line.base) * line.side.sign > 0:
            yield from self._end(line, Report.CANCELLED, at, "FILLED_FIRST")
            return
        yield self._place(line, at)

    def _has_no_way(self, place: Place) -> bool:
        """Return whether no room will be made: the broker refused to end what lies there, and nothing is asked."""
        lie = [one for one in self.lines.in_place(place) if not one.is_over]
        return any(one.is_stuck for one in lie) and not any(
            one.is_asking or one.is_leaving for one in lie
        )

    def _place(self, line: Line, at: int) -> Dispatch:
        legs = self.lines.legs_of(line)
        for one in (line, *legs):
            one.stage = Stage.ASKED
            self._note(one)
        errand = Errand.LIQUIDATE if line.is_kill else Errand.PLACE
        payload = _wanted(line) | {
            "side": line.side.value, "quantity": line.quantity, "tif": line.tif.value,
            "legs": [_wanted(leg) | {"tag": leg.tag} for leg in legs],
        }  # fmt: skip
        return self._dispatch(line, errand, line.tag, payload, at)

    def _ask_cancel(self, line: Line, at: int) -> Iterator[Message]:
        if line.is_over or line.is_leaving or line.stage is Stage.HERE or line.ending:
            return
        if line.is_stuck:
            return
        line.is_leaving = True
        line.changes += 1
        self._note(line)
        key = f"{line.tag}.x{line.changes}"
        yield self._dispatch(line, Errand.CANCEL, key, {}, at)

    def _ask_change(self, line: Line, at: int) -> Iterator[Message]:
        """Ask for what is wanted otherwise, one thing at a time: brokers refuse a second change beside the first."""
        if line.is_over or line.is_leaving or line.is_asking or line.stage is Stage.HERE:
            return
        if line.is_stuck:
            line.want_quantity = line.want_limit = line.want_stop = None
            return
        wishes = {"quantity": line.want_quantity, "limit": line.want_limit, "stop": line.want_stop}
        asked = {
            name: to for name, to in wishes.items() if to is not None and to != getattr(line, name)
        }
        if not asked:
            line.want_quantity = line.want_limit = line.want_stop = None
            return
        wanted: dict[str, Any] = {
            name: to if name == "quantity" else line.price(to) for name, to in asked.items()
        }
        line.is_asking, line.asked, line.is_taken = True, asked, False
        line.was = {name: getattr(line, name) for name in asked}
        line.changes += 1
        self._note(line)
        yield self._dispatch(line, Errand.MODIFY, f"{line.tag}.m{line.changes}", wanted, at)

    def _dispatch(
        self, line: Line, errand: Errand, key: str, payload: dict[str, Any], at: int
    ) -> Dispatch:
        enters = errand is Errand.PLACE and not line.is_exit
        made = Dispatch(
            key=key, user=line.user, account=line.account, order=line.order, errand=errand,
            tag=line.tag, contract=line.contract, at=at, is_exit=not enters,
            payload=payload | {"is_automated": line.is_automated},
            fresh_s=FRESH_S if enters else None,
        )  # fmt: skip
        self.dispatches.append(made)
        return made

    def _aim(self, entry: Line) -> None:
        """Measure what is given in R by what was paid, as soon as something was: R is from there to the stop."""
        mine = self.lines.of_bracket(entry.bracket)
        heads = [one for one in mine if one.role is Role.ENTRY]
        stops = [one for one in mine if one.role is Role.STOP]
        if not stops or stops[0].stop is None or sum(one.filled for one in heads) > entry.filled:
            return
        sign, paid = entry.side.sign, self._average(entry.bracket)
        risk = stops[0].trail or (paid - stops[0].stop) * sign
        if risk <= 0:
            return
        for leg in mine:
            order = self._books.orders.get(leg.order)
            if leg.role is Role.ENTRY or order is None or not order.r:
                continue
            r = Fraction(order.r)
            level = paid + sign * -(-r.numerator * risk // r.denominator)
            if leg.role is Role.TARGET:
                leg.want_limit = level
            elif leg.trail is None and leg.arm_at is not None:
                leg.arm_at = level
            self._note(leg)

    def _average(self, bracket: str) -> int:
        """Return what an entry has cost on average, rounded to its loss."""
        heads = [one for one in self.lines.of_bracket(bracket) if one.role is Role.ENTRY]
        filled, paid = sum(one.filled for one in heads), sum(one.paid for one in heads)
        return paid // filled if heads[0].side is Side.BUY else -(-paid // filled)

    # ---- what the desk hears ----

    def _resize(self, order: Order, at: int, with_fill: int = 0) -> Iterator[Message]:
        """Say how an order of the desk stands when it works, or works with other values; of a leg how much it covers."""
        mine = self.lines.of_order(order.id)
        live = [one for one in mine if not one.is_over]
        quantity, first = order.quantity, (live or mine)[0]
        if first.head:
            heads = [self.lines[one.head] for one in live if one.head in self.lines]
            covers = sum(max(0, self.lines.open_of(head)) for head in heads)
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

    def _end(self, line: Line, what: Report, at: int, reason: str) -> Iterator[Message]:
        """An order at the broker is over. A stop that the broker did not take leaves nothing naked."""
        if line.is_over:
            return
        line.stage, line.ending, line.reason = Stage.OVER, what.value, reason
        self._note(line)
        if line.role is Role.ENTRY and not line.filled:
            for leg in self.lines.legs_of(line):
                yield from self._end(leg, Report.CANCELLED, at, "ENTRY_ENDED")
        yield from self._end_desk(line, at)

    def _end_desk(self, line: Line, at: int) -> Iterator[Message]:
        """End the desk's order with the last of what it is at the broker, its legs with their entry."""
        mine = self.lines.of_order(line.order)
        heads = [self.lines[one.head] for one in mine if one.head in self.lines]
        if not all(one.is_over for one in (*mine, *heads)):
            return
        yield from self._say_end(line, mine, at)
        for leg in self.lines.of_bracket(line.bracket) if line.role is Role.ENTRY else ():
            if leg.role is not Role.ENTRY:
                yield from self._end_desk(leg, at)

    def _say_end(self, line: Line, mine: list[Line], at: int) -> Iterator[Message]:
        order = self._books.orders.get(line.order)
        if order is None or order.is_over:
            return
        worst = next((one for one in mine if one.ending == Report.REJECTED), line)
        what = Report(worst.ending) if worst.ending else Report.CANCELLED
        if order.status is OrderStatus.WAITING and what is Report.EXPIRED:
            what = Report.CANCELLED
        yield BrokerReported(
            order.account, order.id, what, at, reason=worst.reason or ("OCO" if line.head else "")
        )

    def _close_uncovered(self, place: Place, at: int) -> Iterator[Message]:
        """Close what lost its stop by the broker's no, or was filled while its bracket was being ended.

        A stop that somebody ends in the broker's own program is his, and one that expired or vanished there says that we
        do not know what is held: both raise the alarm, nothing is sold for them.
        """
        leaving = self._leaving(place)
        for head in self.lines.heads(place):
            due = max(0, self.lines.open_of(head))
            less = min(due, leaving)
            leaving -= less
            stops = [one for one in self.lines.legs_of(head) if one.role is Role.STOP]
            ended_here = any(
                one.ending == Report.REJECTED or one.is_leaving or one.filled for one in stops
            )
            is_lost = ended_here and all(one.is_over for one in stops)
            if due > less and is_lost and head.uncovered < MOST_TRIES:
                head.uncovered += 1
                self._note(head)
                key = f"uncovered.{tag_of(f'{head.tag}.{head.uncovered}')}"
                yield Uncovered(
                    head.account, head.contract, head.strategy, due - less, at, key, "NO_STOP"
                )

    # ---- prices: break-even ----

    @handles(Resumed)
    def resume(self, said: Resumed) -> Iterator[Message]:
        """Say again where break-even waits, and go on with what was under way."""
        self._waits.clear()
        for place in sorted({one.place for one in self.lines.values()}):
            yield from self._settle(place, self._books.at)

    @handles(PriceReached)
    def hear_price(self, said: PriceReached) -> Iterator[Message]:
        """A price at which a stop moves to what was paid may have traded."""
        if said.of in self._waits:
            yield from self._arm(said.of, said.high, said.low, said.price, said.at)

    @handles(CandleReached)
    def hear_candle(self, said: CandleReached) -> Iterator[Message]:
        """The same where ticks are not known."""
        if said.of in self._waits:
            candle = said.candle
            yield from self._arm(said.of, candle.high, candle.low, candle.close, candle.at)

    def _arm(
        self, of: str, high: int | None, low: int | None, price: int, at: int
    ) -> Iterator[Message]:
        del self._waits[of]
        _, account, contract = of.split(":", 2)
        places = {one.place for one in self.lines.values()}
        mine = sorted(one for one in places if one[:2] == (int(account), contract))
        high = price if high is None else max(high, price)
        low = price if low is None else min(low, price)
        for place in mine:
            for line in self._armed(place):
                best = high if line.side is Side.SELL else low
                if line.trail is not None:
                    self._follow(line, best)
                if line.arm_at is not None and (best - line.arm_at) * -line.side.sign >= 0:
                    line.arm_at = None
                    level = self._average(line.bracket)
                    if line.stop is None or (level - line.stop) * -line.side.sign > 0:
                        line.want_stop = level
                    self._note(line)
            yield from self._settle(place, at)
        if of not in self._waits:
            yield Leaves(of, contract)

    def _follow(self, line: Line, best: int) -> None:
        """Let a trailing stop follow a new best price; it never goes back."""
        assert line.trail is not None
        hold, level = -line.side.sign, best + line.side.sign * line.trail
        lies = _lies(line)
        if lies is None or (level - lies) * hold > 0:
            line.want_stop = level
            self._note(line)

    def _armed(self, place: Place) -> list[Line]:
        return [
            one
            for one in self.lines.in_place(place)
            if (one.arm_at is not None or (one.trail is not None and one.is_exit))
            and not one.is_over
            and not one.is_stuck
            and one.stage is not Stage.HERE
            and (not one.head or self.lines.open_of(self.lines[one.head]) > 0)
        ]

    def _wait(self, place: Place) -> Iterator[Message]:
        """Tell the market between which prices no stop has to be moved."""
        account, contract, _ = place
        of = f"b:{account}:{contract}"
        below, above = -NEVER, NEVER
        for other in {one.place for one in self.lines.values()}:
            for line in self._armed(other) if other[:2] == (account, contract) else []:
                edge = _edge(line)
                if line.side is Side.SELL:
                    above = min(above, edge)
                else:
                    below = max(below, edge)
        if (below, above) == (-NEVER, NEVER):
            if self._waits.pop(of, None) is not None:
                yield Leaves(of, contract)
        elif self._waits.get(of) != (below, above):
            self._waits[of] = (below, above)
            yield Waits(of, contract, below, above)

    # ---- small things ----

    def _held(self, place: Place) -> int:
        position = self._books.positions.get(place)
        return position.quantity if position else 0

    def _note(self, line: Line) -> None:
        self.changed[line.tag] = line

    def _sweep(self, place: Place) -> None:
        """Forget brackets and exits of which nothing lives, once the place needs them no more."""
        for line in self.lines.in_place(place):
            mine = self.lines.of_bracket(line.bracket) or [line]
            heads = [one for one in mine if one.role is Role.ENTRY]
            if all(one.is_over for one in mine) and not any(self.lines.open_of(h) for h in heads):
                for one in mine:
                    self.lines.pop(one.tag, None)
                    self.changed.pop(one.tag, None)
                    self.ended.add(one.tag)


def _edge(line: Line) -> int:
    """Return the price at which a stop has to be moved: armed, or followed by a tenth of its distance at a time."""
    if line.trail is None:
        assert line.arm_at is not None
        return line.arm_at
    lies = _lies(line)
    assert lies is not None
    return lies - line.side.sign * (line.trail + max(1, line.trail // FOLLOWS))


def _lies(line: Line) -> int | None:
    """Return where a trailing stop lies, is wanted, or was not wanted by the broker: the next one has to be better."""
    if line.want_stop is not None:
        return line.want_stop
    return line.stop if line.refused_stop is None else line.refused_stop


def _wanted(line: Line) -> dict[str, Any]:
    # a trailing stop goes out as a stop that we move: which way a broker signs its distance is documented nowhere
    is_trailing = line.type is OrderType.TRAILING_STOP
    return {
        "type": OrderType.STOP.value if is_trailing else line.type.value,
        "limit": line.price(line.limit), "stop": line.price(line.stop), "trail": None,
    }  # fmt: skip
