"""A holding and its orders at the broker, brought in line: what the paper venue does by itself has to be asked for there.

Stops no larger than what is held, room made before a market exit leaves, nothing left behind in a flat place.
"""

from collections.abc import Iterator

from apps.brokers.domain.abroad import MOST_TRIES, Line, Place, Stage, tag_of
from apps.brokers.domain.books import Books
from apps.brokers.domain.dispatching import Dispatcher
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import Report, Uncovered
from apps.brokers.domain.moving import MovingStops
from apps.brokers.domain.order import Order, OrderType, Role, Side
from apps.brokers.domain.reporting import Reporter
from apps.bus.domain.message import Message


class Settler:
    """Compares what is held with what is at the broker, and asks for the difference."""

    def __init__(
        self,
        books: Books,
        lines: Lines,
        dispatcher: Dispatcher,
        reporter: Reporter,
        stops: MovingStops,
    ) -> None:
        self._books, self._lines = books, lines
        self._dispatcher, self._reporter, self._stops = dispatcher, reporter, stops

    def settle(self, place: Place, at: int) -> Iterator[Message]:
        """Bring what is at the broker in line with what is held; say what has to be sent for it."""
        self._close_apart(place)
        yield from self._trim(place, at)
        for line in [one for one in self._lines.in_place(place) if one.stage is Stage.HERE]:
            if line.stage is Stage.HERE and not line.head:
                yield from self._go(line, at)
        yield from self._close_uncovered(place, at)
        for line in self._lines.in_place(place):
            yield from self._dispatcher.change(line, at)
        self._lines.sweep(place)
        yield from self._stops.wait(place)

    def base_of(self, order: Order) -> int | None:
        """Return what an entry may find held when others, on their way out now, are over; None: it waits for none."""
        if not order.after or not self._taken_back(order.place):
            return None
        first = next(iter(self._lines.of_order(order.after)), None)
        if first is None or first.is_exit:
            return 0
        held = self._held(order.place)
        stays = max(0, abs(held) - self._leaving(order.place))
        return stays if held > 0 else -stays

    def _taken_back(self, place: Place) -> list[Line]:
        return [one for one in self._lines.heads(place) if one.is_leaving and not one.is_over]

    def _held(self, place: Place) -> int:
        """Return what is held: what is booked, and what entries must have got whose legs were told before them."""
        position = self._books.positions.get(place)
        untold = sum(
            one.side.sign * max(0, sum(leg.filled for leg in self._lines.legs_of(one)) - one.filled)
            for one in self._lines.heads(place)
        )
        return untold + (position.quantity if position else 0)

    # ---- exits fit what is held ----

    def _close_apart(self, place: Place) -> None:
        """What was closed otherwise than by its own legs is taken from the brackets, the oldest first."""
        held = self._held(place)
        for side in Side:
            heads = [one for one in self._lines.heads(place) if one.side is side]
            excess = sum(self._lines.open_of(one) for one in heads) - max(0, held * side.sign)
            for head in heads:
                less = min(max(0, self._lines.open_of(head)), excess)
                if less > 0:
                    head.closed += less
                    excess -= less
                    self._lines.note(head)

    def _trim(self, place: Place, at: int) -> Iterator[Message]:
        """Let each exit be no larger than what it is there for, less what is about to be closed at the market."""
        leaving = claimed = self._leaving(place)
        for head in self._lines.heads(place):
            due = max(0, self._lines.open_of(head))
            less = min(due, leaving)
            leaving -= less
            legs = self._lines.legs_of(head)
            claimed += due - less if any(not leg.is_over for leg in legs) else 0
            began = any(leg.filled for leg in legs) or head.closed or less
            if head.filled and began:
                is_apart = head.closed or less  # not by its own stop or target
                why = self._closing(place, is_under_way=less > 0) if is_apart else ""
                for leg in [one for one in legs if not one.is_over]:
                    yield from self._dispatcher.shrink(leg, due - less, at, why)
                if not head.is_over:
                    yield from self._dispatcher.cancel(head, at)
        held = abs(self._held(place))
        for one in [one for one in self._lines.alone(place) if one.is_kill and not held]:
            if one.stage is Stage.WORKING:  # what it was to close was closed otherwise
                yield from self._reporter.end(one, Report.CANCELLED, at, "FLAT")
        alone = [one for one in self._lines.alone(place) if one.stage is not Stage.HERE]
        for one in sorted(alone, key=lambda one: one.type is OrderType.LIMIT):  # stops stay longest
            size = min(one.remaining, max(0, held - claimed))
            if one.type is not OrderType.MARKET:
                claimed += size
                yield from self._dispatcher.shrink(one, size, at)

    def _leaving(self, place: Place) -> int:
        """Return how many contracts are about to be closed at the market."""
        return sum(
            one.quantity - one.filled
            for one in self._lines.alone(place)
            if one.type is OrderType.MARKET and not one.is_kill
        )

    def _is_closing(self, place: Place) -> bool:
        return any(one.type is OrderType.MARKET for one in self._lines.alone(place))

    def _closing(self, place: Place, *, is_under_way: bool) -> str:
        """Return why a holding is closed otherwise than by its legs: by the exit that does it, or has just done it."""
        exits = [one for one in self._lines.in_place(place) if one.is_exit and not one.head]
        if any(one.is_kill for one in exits):
            return "KILL"
        if is_under_way:
            last = [one for one in exits if one.type is OrderType.MARKET and not one.is_over][-1]
            order = self._books.orders.get(last.order)
            return (order.reason if order else "") or "CLOSE"
        return "EXIT_FILLED" if any(one.filled for one in exits) else "AT_BROKER"

    # ---- what waits here goes when it may ----

    def _go(self, line: Line, at: int) -> Iterator[Message]:
        """Send what waits here, if it may go now."""
        if line.after and not line.is_exit:
            first = [one for one in self._lines.of_order(line.after) if one.role is Role.ENTRY]
            if any(one.is_stuck for one in first):
                yield from self._reporter.end(line, Report.CANCELLED, at, "NOT_CLOSED")
                return
            if line.base is not None and self._taken_back(line.place):
                return
        if line.after and not all(one.is_over for one in self._lines.of_order(line.after)):
            return
        if line.is_exit:
            yield from self._go_out(line, at)
            return
        if line.after and self._is_closing(line.place):
            return  # what was filled of an entry that was taken back, too late for its exit
        held = self._held(line.place)
        if line.after and held * line.side.sign < 0:
            yield from self._reporter.end(line, Report.CANCELLED, at, "NOT_CLOSED")
        elif line.base is not None and (held - line.base) * line.side.sign > 0:
            yield from self._reporter.end(line, Report.CANCELLED, at, "FILLED_FIRST")
        else:
            yield self._dispatcher.place(line, at)

    def _go_out(self, line: Line, at: int) -> Iterator[Message]:
        """Send an exit, no larger than what is held; a market order when stops and targets have made room for it."""
        held = self._held(line.place)
        size = min(line.quantity, max(0, -held * line.side.sign))
        if not size:
            yield from self._reporter.end(line, Report.CANCELLED, at, "FLAT")
            return
        line.quantity = size
        if line.is_kill or abs(held) - self._lines.cover(line.place) >= size:
            yield self._dispatcher.place(line, at)
        elif line.type is not OrderType.MARKET:
            yield from self._reporter.end(line, Report.REJECTED, at, "WOULD_REVERSE")
        elif self._has_no_way(line.place):
            yield from self._reporter.end(line, Report.REJECTED, at, "BROKER_REFUSES")

    def _has_no_way(self, place: Place) -> bool:
        """Return whether no room will be made: the broker refused to end what lies there, and nothing is asked."""
        lie = [one for one in self._lines.in_place(place) if not one.is_over]
        return any(one.is_stuck for one in lie) and not any(
            one.is_asking or one.is_leaving for one in lie
        )

    # ---- nothing stays naked ----

    def _close_uncovered(self, place: Place, at: int) -> Iterator[Message]:
        """Close what lost its stop by the broker's no, or was filled while its bracket was being ended.

        A stop that somebody ends in the broker's own program is his, and one that expired or vanished there says that we
        do not know what is held: both raise the alarm, nothing is sold for them.
        """
        leaving = self._leaving(place)
        for head in self._lines.heads(place):
            due = max(0, self._lines.open_of(head))
            less = min(due, leaving)
            leaving -= less
            stops = [one for one in self._lines.legs_of(head) if one.role is Role.STOP]
            ended_here = any(
                one.ending == Report.REJECTED or one.is_leaving or one.filled for one in stops
            )
            is_lost = ended_here and all(one.is_over for one in stops)
            if due > less and is_lost and head.uncovered < MOST_TRIES:
                head.uncovered += 1
                self._lines.note(head)
                key = f"uncovered.{tag_of(f'{head.tag}.{head.uncovered}')}"
                yield Uncovered(
                    head.account, head.contract, head.strategy, due - less, at, key, "NO_STOP"
                )
