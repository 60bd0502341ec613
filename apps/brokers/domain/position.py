"""A position from flat to flat, with its lots first in, first out."""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from apps.marketdata.domain.instrument import Instrument


class Lot(NamedTuple):
    """Contracts that were opened by one fill. Price in ticks, `at` ns UTC."""

    quantity: int
    price: int
    at: int
    fill: str


@dataclass(slots=True)
class Position:
    """What one account holds of one contract for one strategy, from the fill that opened it.

    sign:      +1 long, -1 short
    high, low: highest and lowest price since it was opened, ticks
    risk:      dollars from each entry to the stop it was entered with, 0 = entered without
    entered, exited: contracts; *_paid: sum of contracts x price in ticks
    """

    key: str
    user: int
    account: int
    contract: str
    strategy: int
    instrument: Instrument
    sign: int
    opened_at: int
    high: int
    low: int
    signal: str = ""
    lots: list[Lot] = field(default_factory=list)
    most: int = 0
    entered: int = 0
    entered_paid: int = 0
    exited: int = 0
    exited_paid: int = 0
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    risk: Decimal = Decimal(0)
    closed_at: int | None = None

    @property
    def place(self) -> tuple[int, str, int]:
        """Return where it is held: account, contract, strategy."""
        return (self.account, self.contract, self.strategy)

    @property
    def waiter(self) -> str:
        """Return the name under which its extremes are watched."""
        return f"p:{self.key}"

    @property
    def size(self) -> int:
        """Return the open contracts, without sign."""
        return sum(lot.quantity for lot in self.lots)

    @property
    def quantity(self) -> int:
        """Return the open contracts, signed."""
        return self.sign * self.size

    @property
    def cost(self) -> int:
        """Return the sum of signed contracts x entry price in ticks."""
        return self.sign * sum(lot.quantity * lot.price for lot in self.lots)

    @property
    def direction(self) -> str:
        """Return long or short."""
        return "long" if self.sign > 0 else "short"

    def add(self, lot: Lot, fees: Decimal, stop: int | None) -> None:
        """Open more of it; `stop` is the one it was entered with."""
        self.lots.append(lot)
        self.entered += lot.quantity
        self.entered_paid += lot.quantity * lot.price
        self.most = max(self.most, self.size)
        self.fees += fees
        if stop is not None:
            apart = max(0, (lot.price - stop) * self.sign)
            self.risk += lot.quantity * apart * self.instrument.tick_value
        self.learn(lot.price, lot.price)

    def take(self, quantity: int, price: int, fees: Decimal) -> Decimal:
        """Close so many contracts, oldest first, and return the gross profit of that."""
        left, ticks = quantity, 0
        while left:
            lot = self.lots[0]
            closed = min(left, lot.quantity)
            ticks += closed * (price - lot.price) * self.sign
            left -= closed
            if closed == lot.quantity:
                self.lots.pop(0)
            else:
                self.lots[0] = lot._replace(quantity=lot.quantity - closed)
        made = ticks * self.instrument.tick_value
        self.exited += quantity
        self.exited_paid += quantity * price
        self.realized += made
        self.fees += fees
        return made

    def learn(self, high: int, low: int) -> bool:
        """Take in extremes of the price and return whether one moved."""
        moved = high > self.high or low < self.low
        self.high, self.low = max(self.high, high), min(self.low, low)
        return moved

    @property
    def excursion(self) -> tuple[int, int]:
        """Return MFE and MAE in whole ticks from the average entry: never below 0, never above 0."""
        best, worst = (self.high, self.low) if self.sign > 0 else (self.low, self.high)
        apart = [
            Fraction(price * self.entered - self.entered_paid, self.entered) * self.sign
            for price in (best, worst)
        ]
        return max(0, int(apart[0])), min(0, int(apart[1]))

    def result_r(self) -> Fraction | None:
        """Return the gross profit in R, None if it was entered without a stop."""
        if not self.risk:
            return None
        return Fraction(self.realized) / Fraction(self.risk)
