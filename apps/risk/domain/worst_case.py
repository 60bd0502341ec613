"""What an account would have, and hold, once everything has gone against it.

Every holding goes to its stops, every entry still working fills and goes to its stop, and the new order goes to its
own; `SLIPPAGE` ticks and the fees are paid on each side. What no stop bounds is not counted, it is pointed out.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from apps.brokers.domain.messages import AccountBooked, Holding, OrderProposed, Pending
from apps.brokers.domain.order import Order, Role
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.risk.domain.standing import Standing

SLIPPAGE: Final = 2  # ticks on each side
ZERO: Final = Decimal(0)


class WorstCase:
    """Equity now, and once everything has gone to its stop.

    loss:         what the new order itself loses
    open_ended:   contracts of which some have no stop
    is_unbounded: the new order has none, or not for all of it
    """

    def __init__(
        self, proposal: OrderProposed, view: AccountBooked, lasts: Mapping[str, int]
    ) -> None:
        self._view, self._lasts = view, lasts
        self.open_ended: set[str] = set()
        order = proposal.order
        self.now = self.after = view.balance
        for held in view.holdings:
            last = lasts.get(held.contract)
            open_now = ZERO if last is None else held.unrealized(last)
            self.now += open_now
            leaves = bool(order.after) and (held.contract, held.strategy) == order.place[1:]
            self.after += open_now if leaves else self._at_stops(held, open_now)
        for one in view.pending:
            if one.order != order.id:
                self.after -= self._entry(one)
        self.is_unbounded = False
        self.loss = self._own(proposal)
        self.after -= self.loss

    def _at_stops(self, held: Holding, open_now: Decimal) -> Decimal:
        """Return the profit of a holding whose stops are hit, the worst ones first if they cover more than it is."""
        sign, left = (1 if held.quantity > 0 else -1), abs(held.quantity)
        stops = sorted(
            (
                (one.stop * sign, one.quantity)
                for one in self._view.protections
                if (one.contract, one.strategy) == (held.contract, held.strategy)
            ),
        )
        ticks, fees, fee = -held.cost, ZERO, self._fee(held.root)
        for stop, quantity in stops:
            covered = min(left, abs(quantity))
            ticks += covered * (stop - SLIPPAGE)
            fees += covered * fee
            left -= covered
        if left:
            self.open_ended.add(held.contract)
            last = self._lasts.get(held.contract)
            if last is None:
                return open_now
            ticks += sign * left * last
        return ticks * held.tick_value - fees

    def _entry(self, one: Pending) -> Decimal:
        price = one.price if one.price is not None else self._lasts.get(one.contract)
        if one.stop is None or price is None:
            self.open_ended.add(one.contract)
            return self._loss(one.contract, abs(one.quantity), 0)
        sign = 1 if one.quantity > 0 else -1
        return self._loss(one.contract, abs(one.quantity), (price - one.stop) * sign)

    def _own(self, proposal: OrderProposed) -> Decimal:
        """Return what the new order loses at its stops; what they don't cover costs slippage and fees only."""
        order, entry = proposal.order, proposal.entry
        if order.is_exit:
            return ZERO
        sign, left, loss = order.side.sign, order.remaining, ZERO
        distances = sorted(
            (
                ((entry - stop) * sign, leg.quantity)
                for leg in proposal.legs
                if leg.role is Role.STOP and (stop := _stop_of(leg, entry, sign)) is not None
            ),
            reverse=True,
        )
        for distance, quantity in distances:
            covered = min(left, quantity)
            loss += self._loss(order.contract, covered, distance)
            left -= covered
        if left:
            self.open_ended.add(order.contract)
            self.is_unbounded = True
            loss += self._loss(order.contract, left, 0)
        return loss

    def _loss(self, contract: str, quantity: int, distance: int) -> Decimal:
        product = instrument(root_of(contract))
        ticks = max(0, distance) + 2 * SLIPPAGE
        return quantity * (ticks * product.tick_value + 2 * self._fee(product.root))

    def _fee(self, root: str) -> Decimal:
        return self._view.fee_a_side.get(root, ZERO)


def _stop_of(leg: Order, entry: int, sign: int) -> int | None:
    if leg.stop is not None:
        return leg.stop
    return None if leg.trail is None else entry - sign * leg.trail


def minis_after(order: Order | None, view: AccountBooked, standing: Standing) -> Decimal:
    """Return how many minis an account could hold once its entries, and this order, have filled.

    Of each contract the larger side counts: what is long and what is short may be closed apart from each other.
    """
    size = standing.rules.size if standing.rules else None
    ratio = size.micro_ratio if size else 10
    sides: dict[str, list[int]] = {}
    asked = [(one.contract, one.quantity) for one in view.holdings]
    if order is not None and order.after:
        asked = [
            (one.contract, one.quantity)
            for one in view.holdings
            if (one.contract, one.strategy) != order.place[1:]
        ]
    known = order.id if order is not None else ""
    asked += [(one.contract, one.quantity) for one in view.pending if one.order != known]
    if order is not None and not order.is_exit:
        asked.append((order.contract, order.side.sign * order.remaining))
    for contract, quantity in asked:
        sides.setdefault(contract, [0, 0])[quantity < 0] += abs(quantity)
    total = ZERO
    for contract, both in sides.items():
        is_micro = instrument(root_of(contract)).is_micro
        total += Decimal(max(both)) / (ratio if is_micro else 1)
    return total
