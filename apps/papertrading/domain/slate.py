"""The orders of one account in one contract, and what follows from a fill: OCO, reduce only, brackets.

Nothing here says a message: reports are put on the slate, in the order in which things happened, and the venue says
them. So whoever answers a report meets a slate on which everything is settled.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

from apps.brokers.domain.messages import (
    BrokerReported,
    Report,
)
from apps.brokers.domain.order import Role, Side
from apps.marketdata.domain.messages import AWAKE, NEVER
from apps.papertrading.domain.fills import PRINTED, Print
from apps.papertrading.domain.resting import Resting, Stage
from apps.papertrading.domain.settings import PaperSettings

OCO = "OCO"
FLAT = "FLAT"
ENTRY_ENDED = "ENTRY_ENDED"
EXIT_FILLED = "EXIT_FILLED"
NOT_CLOSED = "NOT_CLOSED"

Place = tuple[int, str, int]


class Slate:
    """What one account has working in one contract.

    open:    signed contracts of every place, shared with the whole venue
    seen:    the last tick in order, for what takes effect before the next one
    fresh:   orders that have just begun to work, or to work for more, and still have to be held against the price
    changed: ids of orders that were touched since they were last written
    gone:    ids of orders that are to be forgotten
    """

    def __init__(
        self,
        account: int,
        contract: str,
        settings: PaperSettings,
        seed: str,
        open: dict[Place, int],
    ) -> None:
        self.account, self.contract = account, contract
        self.settings, self.seed, self.open = settings, seed, open
        self.name = f"v:{account}:{contract}"
        self.orders: dict[str, Resting] = {}
        self.reports: deque[BrokerReported] = deque()
        self.seen: Print | None = None
        self.fresh: list[Resting] = []
        self.changed: set[str] = set()
        self.gone: set[str] = set()
        self.is_awake = False

    # ---- who is here ----

    def put(self, order: Resting) -> None:
        """Take an order in."""
        self.orders[order.id] = order
        self.changed.add(order.id)

    def alive(self) -> list[Resting]:
        """Return the orders whose life has not ended, in the order in which they meet a price."""
        return sorted(
            (one for one in self.orders.values() if not one.is_over), key=lambda one: one.rank
        )

    def next_age(self) -> int:
        """Return the age of an order that comes now."""
        return max((one.age for one in self.orders.values()), default=0) + 1

    def head_of(self, order: Resting) -> Resting | None:
        """Return the entry whose bracket this leg belongs to."""
        return self.orders.get(order.parent) if order.parent else None

    def legs_of(self, head: Resting) -> list[Resting]:
        """Return the legs of an entry whose life has not ended, the first to get contracts first.

        Those that work already keep what they have; of the others the nearest target comes first.
        """
        legs = [one for one in self.orders.values() if one.parent == head.id and not one.is_over]
        sign = head.side.sign

        def turn(leg: Resting) -> tuple[bool, bool, int, int]:
            asleep = leg.stage is Stage.ASLEEP
            return leg.role is not Role.STOP, asleep, (leg.limit or 0) * sign, leg.age

        return sorted(legs, key=turn)

    def span(self) -> tuple[int, int]:
        """Return the prices strictly between which nothing can happen here."""
        below, above = -NEVER, NEVER
        for order in self.orders.values():
            if order.is_over and self._took_of_seen(order):
                return AWAKE  # until the next tick, to remember what it has taken of this one
            low, high = order.span(self.settings)
            below, above = max(below, low), min(above, high)
        return below, above

    # ---- what is said ----

    def report(self, order: Resting, what: Report, at: int, reason: str = "") -> None:
        """Report how an order stands now."""
        self.changed.add(order.id)
        is_state = what in (Report.WORKING, Report.CHANGED)
        self.reports.append(
            BrokerReported(
                account=self.account,
                order=order.id,
                what=what,
                at=at,
                quantity=order.quantity if is_state else 0,
                limit=order.limit if is_state else None,
                stop=order.stop if is_state else None,
                trail=order.trail if is_state else None,
                reason=reason,
            )
        )

    def say(self) -> Iterator[BrokerReported]:
        """Yield what has happened, each once. An answer that comes meanwhile may say the rest in its own turn."""
        while self.reports:
            yield self.reports.popleft()

    # ---- a fill and its consequences ----

    def may_fill(self, order: Resting, wanted: int) -> int:
        """Return how much of this an order may fill: an exit no more than is open on the other side."""
        if not order.is_exit:
            return min(wanted, order.remaining)
        held = -self.open.get(order.place, 0) * order.side.sign
        return max(0, min(wanted, order.remaining, held))

    def fill(self, order: Resting, wanted: int, price: int, at: int, rests_on: str) -> int:
        """Fill an order and settle everything that hangs on it; return how many contracts it was."""
        size = self.may_fill(order, wanted)
        if not size:
            if order.is_exit and not self.may_fill(order, order.remaining):
                self.end(order, Report.CANCELLED, at, FLAT)
            return 0
        order.filled += size
        order.paid += size * price
        order.fills += 1
        against = 0 if order.reference is None else (price - order.reference) * order.side.sign
        self.reports.append(
            BrokerReported(
                account=self.account,
                order=order.id,
                what=Report.FILLED,
                at=at,
                fill=f"{order.id}#{order.fills}",
                quantity=size,
                price=price,
                slippage=against,
                rests_on=rests_on,
            )
        )
        self.changed.add(order.id)
        if not order.remaining:
            order.stage = Stage.OVER
        self._book(order, size, at)
        return size

    def take(self, order: Resting, seen: Print, pool: str, size: int) -> None:
        """Remember that so much of a tick is used up for this account."""
        seen.used[pool] = seen.used.get(pool, 0) + size
        if seen is not self.seen:
            return  # a late tick: nobody can come back to it
        if not seen.is_same(order.used_id, order.used_at):
            order.used_id, order.used_at = seen.id, seen.at
            order.used_quote = order.used_printed = 0
        if pool == PRINTED:
            order.used_printed += size
        else:
            order.used_quote += size

    def _book(self, order: Resting, size: int, at: int) -> None:
        before = self.open.get(order.place, 0)
        after = before + size * order.side.sign
        self.open[order.place] = after
        if not after:
            del self.open[order.place]
        head = self.head_of(order)
        touched: dict[str, Resting] = {}
        if head is not None:
            self._reduce(head, size, at)
            touched[head.id] = head
        elif order.has_legs:
            closed = min(size, abs(before)) if before * order.side.sign < 0 else 0
            order.held += size - closed
            touched[order.id] = order
        touched |= self._trim(order.place, after, at)
        for one in touched.values():
            is_flat = after * one.side.sign <= 0
            apart = FLAT if is_flat else EXIT_FILLED
            self.share(one, at, OCO if one is head else apart)
        self._end_orphans(order.place, after, at)
        self.release(order, at)

    def _reduce(self, head: Resting, size: int, at: int) -> None:
        """So much of a bracket is closed. What is left of its entry is taken back: it would begin anew without legs."""
        head.held -= size
        self.changed.add(head.id)
        if not head.is_over:
            head.stage = Stage.OVER
            self.report(head, Report.CANCELLED, at, EXIT_FILLED)
            self.release(head, at)

    def _trim(self, place: Place, after: int, at: int) -> dict[str, Resting]:
        """Make brackets smaller, the oldest first, until they hold no more than is open."""
        trimmed: dict[str, Resting] = {}
        heads = [one for one in self.orders.values() if one.held and one.place == place]
        for side in Side:
            mine = sorted((one for one in heads if one.side is side), key=lambda one: one.age)
            excess = sum(one.held for one in mine) - max(0, after * side.sign)
            for head in mine:
                less = min(head.held, excess)
                if less > 0:
                    excess -= less
                    self._reduce(head, less, at)
                    trimmed[head.id] = head
        return trimmed

    def share(self, head: Resting, at: int, reason: str) -> None:
        """Give each leg of a bracket its part of what is open: the stop all of it, targets one after the other."""
        for_stops = for_targets = head.held
        for leg in self.legs_of(head):
            if leg.role is Role.STOP:
                part = for_stops
                for_stops -= part
            else:
                part = min(leg.full - leg.filled, for_targets)
                for_targets -= part
            if part:
                self._work_for(leg, leg.filled + part, at)
            elif head.is_over:
                asleep = leg.stage is Stage.ASLEEP
                self.end(leg, Report.CANCELLED, at, ENTRY_ENDED if asleep else reason)

    def _work_for(self, leg: Resting, quantity: int, at: int) -> None:
        if leg.stage is not Stage.ASLEEP and leg.quantity == quantity:
            return
        begins = leg.stage is Stage.ASLEEP
        grows = begins or quantity > leg.quantity
        if begins and leg.r:
            self._aim(leg)
        leg.quantity, leg.stage = quantity, Stage.WORKING
        self.report(leg, Report.WORKING if begins else Report.CHANGED, at)
        if grows and leg not in self.fresh:
            self.fresh.append(leg)

    def _aim(self, leg: Resting) -> None:
        """Measure a leg from what its entry has cost: R is the distance from there to the stop."""
        head = self.head_of(leg)
        stops = [
            one
            for one in self.orders.values()
            if one.parent == leg.parent and one.role is Role.STOP
        ]
        if head is None or not head.filled or not stops or stops[0].stop is None:
            return
        sign = head.side.sign
        paid = head.paid // head.filled if sign > 0 else -(-head.paid // head.filled)
        risk = stops[0].trail or (paid - stops[0].stop) * sign
        if risk > 0:
            r = Fraction(leg.r)
            level = paid + sign * -(-r.numerator * risk // r.denominator)
            if leg.role is Role.STOP:
                leg.arm_at = level
            else:
                leg.limit = level

    def _end_orphans(self, place: Place, after: int, at: int) -> None:
        """End every exit that has nothing left to close."""
        for order in self.alive():
            orphan = order.is_exit and order.place == place and after * order.side.sign >= 0
            if orphan and self.head_of(order) is None:
                self.end(order, Report.CANCELLED, at, FLAT)

    # ---- an end ----

    def end(self, order: Resting, what: Report, at: int, reason: str) -> None:
        """End the life of an order, and of legs that have nothing to protect."""
        if order.is_over:
            return
        order.stage = Stage.OVER
        self.report(order, what, at, reason)
        if order.has_legs:
            self.share(order, at, ENTRY_ENDED)
        self.release(order, at)

    def release(self, order: Resting, at: int) -> None:
        """Start what was to come after an order that is over now, unless what it was to close is still open."""
        if not order.is_over:
            return
        for one in [one for one in self.alive() if one.after == order.id]:
            if one.stage is Stage.ASLEEP:
                if self.open.get(one.place, 0) * one.side.sign < 0:
                    self.end(one, Report.CANCELLED, at, NOT_CLOSED)
                else:
                    one.stage, one.due = Stage.COMING, max(one.due, at)
                    self.changed.add(one.id)

    def sweep(self, at: int) -> None:
        """Forget what is over, unless its legs live or what it took of the last tick could be taken twice."""
        needed = {one.parent for one in self.orders.values() if not one.is_over}
        is_fresh = self.seen is not None and self.seen.is_fresh(at)
        for order in list(self.orders.values()):
            kept = order.id in needed or (is_fresh and self._took_of_seen(order))
            if order.is_over and not kept:
                del self.orders[order.id]
                self.gone.add(order.id)

    def _took_of_seen(self, order: Resting) -> bool:
        seen = self.seen
        return seen is not None and seen.is_same(order.used_id, order.used_at)

    def look_at(self, seen: Print | None) -> None:
        """Take the last tick of the tape as what was seen, with all that orders here took of it."""
        if seen is not None and self.seen is not None and seen.is_same(self.seen.id, self.seen.at):
            return
        self.seen = seen
        for order in self.orders.values() if seen is not None else ():
            if self._took_of_seen(order):
                self._add_used(order)

    def _add_used(self, order: Resting) -> None:
        assert self.seen is not None
        for pool, size in (
            (order.side.value, order.used_quote),
            (PRINTED, order.used_printed),
        ):
            if size:
                self.seen.used[pool] = self.seen.used.get(pool, 0) + size
