"""The price ladder: rows of ticks around a price, with the best bid and ask and everything of one's own on its row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from apps.brokers.domain.order import OrderType, Role
from apps.brokers.models import Order
from apps.brokers.queries import PositionView
from apps.marketdata.domain.instrument import Instrument
from apps.marketdata.price import Price

STEPS: Final = (1, 4, 10)  # ticks of a row
ROWS: Final = 29
SHORT: Final = {
    OrderType.LIMIT: "lmt",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stp lmt",
    OrderType.TRAILING_STOP: "trail",
    OrderType.MARKET: "mkt",
}


@dataclass(frozen=True, slots=True)
class Tag:
    """An own order on its row."""

    order: Order

    @property
    def words(self) -> str:
        """Return how many contracts, and what: 2 stop."""
        return f"{self.order.quantity - self.order.filled} {SHORT[OrderType(self.order.type)]}"


@dataclass(slots=True)
class Rung:
    """One row. `at`: last, stop, target, entry or empty; sizes only where the best bid and ask are."""

    ticks: int
    price: Decimal
    at: str = ""
    bid: int | None = None
    ask: int | None = None
    buys: list[Tag] = field(default_factory=list)
    sells: list[Tag] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PriceLadder:
    """All rows, highest price first, and the orders that lie outside of them."""

    instrument: Instrument
    step: int
    centre: int
    rungs: list[Rung]
    above: list[Order]
    below: list[Order]
    last: Decimal | None
    now: Price | None
    steps: tuple[int, ...] = STEPS

    @property
    def above_words(self) -> str:
        """Return the orders that lie above the rows, in words."""
        return "; ".join(self._words(one) for one in self.above)

    @property
    def below_words(self) -> str:
        """Return the orders that lie below them."""
        return "; ".join(self._words(one) for one in self.below)

    def _words(self, order: Order) -> str:
        level = order.limit if order.limit is not None else order.stop
        price = f"{self.instrument.snap(level or Decimal(0)):,f}"
        purpose = "" if order.role == Role.ENTRY else f", {order.role}"
        kind = SHORT[OrderType(order.type)]
        return f"{order.side} {order.quantity - order.filled} {kind} {price}{purpose}"

    @property
    def last_is(self) -> str:
        """Return above or below where the last price is out of view, else nothing."""
        if self.last is None or not self.rungs:
            return ""
        at = self.instrument.to_ticks(self.instrument.snap(self.last))
        if at >= self.rungs[0].ticks + self.step:
            return "above"
        return "below" if at < self.rungs[-1].ticks else ""


def price_ladder(
    instrument: Instrument,
    now: Price | None,
    orders: Iterable[Order],
    held: Iterable[PositionView],
    *,
    step: int,
    centre: Decimal | None,
) -> PriceLadder | None:
    """Return the ladder of one contract, None where no price is known yet.

    centre: the price that stays in the middle, None: the last
    """
    middle = centre if centre is not None else (now.last if now else None)
    if middle is None:
        return None
    ticks = instrument.to_ticks(instrument.snap(middle))
    top = _row(ticks, step) + ROWS // 2 * step
    rows = [Rung(top - n * step, instrument.price(top - n * step)) for n in range(ROWS)]
    by_ticks = {one.ticks: one for one in rows}
    above: list[Order] = []
    below: list[Order] = []
    for position in held:
        _mark(by_ticks, instrument, step, position.entry, "entry")
    for order in orders:
        price = order.limit if order.limit is not None else order.stop
        if price is None:
            continue
        row = by_ticks.get(_row(instrument.to_ticks(instrument.snap(price)), step))
        if row is None:
            (above if price > rows[0].price else below).append(order)
            continue
        (row.buys if order.side == "buy" else row.sells).append(Tag(order))
        if order.role in (Role.STOP, Role.TARGET):
            row.at = order.role
    if now is not None:
        _quote(by_ticks, instrument, step, now)
        _mark(by_ticks, instrument, step, now.last, "last")
    last = now.last if now else None
    return PriceLadder(instrument, step, ticks, rows, above, below, last, now)


def _row(ticks: int, step: int) -> int:
    return ticks - ticks % step


def _mark(
    rows: dict[int, Rung], instrument: Instrument, step: int, price: Decimal, at: str
) -> None:
    row = rows.get(_row(instrument.to_ticks(instrument.snap(price)), step))
    if row is not None:
        row.at = at


def _quote(rows: dict[int, Rung], instrument: Instrument, step: int, now: Price) -> None:
    for side in ("bid", "ask"):
        price, size = now.reading.get(side), now.reading.get(f"{side}_size")
        if price is None or size is None:
            continue
        row = rows.get(_row(instrument.to_ticks(instrument.snap(price)), step))
        if row is not None:
            setattr(row, side, size)
