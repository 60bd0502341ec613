"""From attributed fills to positions: first in, first out, from flat to flat, with the brokers' own fees.

Prices and money are exact. A contract that the desk does not know has no value of a point: its positions are recorded,
but not valued (`realized` None).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from apps.brokers.domain.order import OrderType
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.recorder.domain.matching import Attributed
from apps.recorder.domain.seen import Fill, Known, Plan, product_of
from apps.recorder.domain.terms import PositionStatus, Unit

MONEY: Final = Decimal("0.0001")
NOTHING: Final = Decimal(0)
HUNDRED: Final = Decimal(100)


class Lot(NamedTuple):
    """Contracts that were opened by one fill and are still open."""

    quantity: int
    price: Decimal


@dataclass(slots=True)
class Part:
    """What a fill, or a share of one, did to a position. `index` is the share's place in its fill."""

    fill: Fill
    index: int
    quantity: int
    opens: bool
    fees: Decimal | None
    realized: Decimal | None = None
    left: int = 0


@dataclass(slots=True)
class Position:
    """What a strategy holds of a contract, from the fill that opened it. Money is None where it cannot be valued.

    stop: the first stop that was known of it; risk: dollars from its entries until then to that stop
    """

    strategy: int
    contract: str
    sign: int
    opened_by: Fill
    point_value: Decimal | None
    lots: list[Lot] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    most: int = 0
    entered: int = 0
    entered_paid: Decimal = NOTHING
    exited: int = 0
    exited_paid: Decimal = NOTHING
    points: Decimal = NOTHING
    fees: Decimal = NOTHING
    fees_known: bool = True
    stop: Decimal | None = None
    status: PositionStatus = PositionStatus.OPEN
    closed_at: int | None = None

    @property
    def size(self) -> int:
        """Return the open contracts, without sign."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        """Return the sum of open contracts x price."""
        return sum((lot.quantity * lot.price for lot in self.lots), NOTHING)

    @property
    def entry(self) -> Decimal:
        """Return the average price of its entries."""
        return self.entered_paid / self.entered

    @property
    def exit(self) -> Decimal | None:
        """Return the average price of its exits."""
        return self.exited_paid / self.exited if self.exited else None

    @property
    def realized(self) -> Decimal | None:
        """Return what it made, before fees."""
        return None if self.point_value is None else self.points * self.point_value

    @property
    def net(self) -> Decimal | None:
        """Return what it made, after the fees that are known."""
        made = self.realized
        return None if made is None else made - self.fees

    @property
    def risk(self) -> Decimal | None:
        """Return the dollars from its entries to its first stop; None without one, or where nothing is at risk."""
        if self.stop is None or self.point_value is None:
            return None
        apart = (self.entered_paid - self.stop * self.entered) * self.sign
        return apart * self.point_value if apart > 0 else None

    def book(self, fill: Fill, index: int, quantity: int, fees: Decimal | None) -> int:
        """Take contracts in and return how many are too many: they open the other way."""
        self.fees_known &= fees is not None
        if fill.sign == self.sign:
            self._open(fill, index, quantity, fees)
            return 0
        taken = min(quantity, self.size)
        part_fees = _part(fees, taken, quantity)
        self._close(fill, index, taken, part_fees)
        return quantity - taken

    def _open(self, fill: Fill, index: int, quantity: int, fees: Decimal | None) -> None:
        self.lots.append(Lot(quantity, fill.price))
        self.entered += quantity
        self.entered_paid += quantity * fill.price
        self.most = max(self.most, self.size)
        self.fees += fees or NOTHING
        self.parts.append(Part(fill, index, quantity, True, fees, None, self.size))

    def _close(self, fill: Fill, index: int, quantity: int, fees: Decimal | None) -> None:
        left, points = quantity, NOTHING
        while left:
            lot = self.lots[0]
            closed = min(left, lot.quantity)
            points += closed * (fill.price - lot.price) * self.sign
            left -= closed
            if closed == lot.quantity:
                self.lots.pop(0)
            else:
                self.lots[0] = lot._replace(quantity=lot.quantity - closed)
        self.points += points
        self.exited += quantity
        self.exited_paid += quantity * fill.price
        self.fees += fees or NOTHING
        made = None if self.point_value is None else points * self.point_value
        self.parts.append(Part(fill, index, quantity, False, fees, made, self.size))
        if not self.lots:
            self.closed_at = fill.at


def positions(attributed: Iterable[Attributed], known: Known) -> list[Position]:
    """Return the positions of all strategies in one account and contract, the first opened first."""
    found: list[Position] = []
    held: dict[int, Position] = {}
    for one in attributed:
        for index, quantity, strategy, fees in _own_shares(one):
            left, rest = quantity, fees
            position = held.get(strategy)
            if position is not None:
                left = position.book(one.fill, index, quantity, fees)
                rest = None if fees is None else fees - (position.parts[-1].fees or NOTHING)
                if position.closed_at is not None:
                    position.status = kind_of_exit(position, one.fill, known)
                    del held[strategy]
            if left:
                opened = _opened(one.fill, strategy, known)
                opened.book(one.fill, index, left, rest)
                held[strategy] = opened
                found.append(opened)
    return found


def _own_shares(one: Attributed) -> Iterator[tuple[int, int, int, Decimal | None]]:
    """Yield the shares that are a strategy's: place, contracts, strategy, and their part of the fees."""
    left, fees = one.fill.quantity, one.fill.fees
    for index, share in enumerate(one.shares):
        part = _part(fees, share.quantity, left)
        left -= share.quantity
        fees = None if fees is None else fees - (part or NOTHING)
        if share.strategy is not None:
            yield index, share.quantity, share.strategy, part


def _part(fees: Decimal | None, quantity: int, of: int) -> Decimal | None:
    return None if fees is None else fees_of_part(fees, quantity, of)


def fees_of_part(fees: Decimal, quantity: int, of: int) -> Decimal:
    """Return the fees of so many contracts of a whole; of all of them, all of it to the last digit."""
    if quantity == of:
        return fees
    return (fees * quantity / of).quantize(MONEY, ROUND_HALF_UP)


def _opened(fill: Fill, strategy: int, known: Known) -> Position:
    product = INSTRUMENTS.get(product_of(fill.contract))
    position = Position(
        strategy, fill.contract, fill.sign, fill, product.point_value if product else None
    )
    position.stop = _first_stop(position, fill, known)
    return position


def _first_stop(position: Position, fill: Fill, known: Known) -> Decimal | None:
    """Return the stop of the entry's bracket, else what the plan says."""
    for order in known.orders.values():
        behind = order.stop is not None and (fill.price - order.stop) * fill.sign > 0
        if fill.order and order.parent == fill.order and order.is_stop and behind:
            return order.stop
    return level(known.plan(position.strategy, fill), fill, -1)


def level(plan: Plan | None, fill: Fill, way: int) -> Decimal | None:
    """Return the price of a plan's target (`way` +1) or stop (-1) for an entry; None: it has none.

    A distance in dollars is of one contract; in dollars and ticks it needs a contract that the desk knows.
    """
    distance = plan and (plan.take_profit if way > 0 else plan.stop_loss)
    if plan is None or not distance:
        return None
    product = INSTRUMENTS.get(product_of(fill.contract))
    if plan.unit is Unit.POINTS:
        points = distance
    elif plan.unit is Unit.PERCENT:
        points = fill.price * distance / HUNDRED
    elif product is None:
        return None
    elif plan.unit is Unit.TICKS:
        points = distance * product.tick_size
    else:
        points = distance / product.point_value
    price = fill.price + way * fill.sign * points
    return product.snap(price) if product else price


def kind_of_exit(position: Position, fill: Fill, known: Known) -> PositionStatus:
    """Return whether an exit was a stop, a target, or neither; where its order is not known, by the plan's levels."""
    order = known.orders.get(fill.order)
    if order is not None and order.is_stop:
        return PositionStatus.STOPPED_OUT
    if order is not None and order.type is OrderType.MARKET:
        return PositionStatus.CLOSED
    if order is not None and (order.parent or order.oco):
        return PositionStatus.TARGET_HIT
    entry = position.opened_by
    plan = known.plan(position.strategy, entry)
    target, stop = level(plan, entry, 1), level(plan, entry, -1)
    if target is not None and (fill.price - target) * position.sign >= 0:
        return PositionStatus.TARGET_HIT
    if order is None and stop is not None and (fill.price - stop) * position.sign <= 0:
        return PositionStatus.STOPPED_OUT
    return PositionStatus.CLOSED


def by_order(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Yield neighbouring parts of one order and direction together."""
    group: list[Part] = []
    for part in parts:
        same = group and (part.fill.order, part.opens) == (group[0].fill.order, group[0].opens)
        if group and not (same and part.fill.order):
            yield group
            group = []
        group.append(part)
    if group:
        yield group
