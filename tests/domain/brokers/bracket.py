"""One bracket of a long in NQ as it stands at a broker, and the books that know it. Prices are whole ticks."""

from dataclasses import dataclass, field
from typing import Any

from apps.brokers.domain.abroad import Line, Stage, split
from apps.brokers.domain.books import Books, LedgerState
from apps.brokers.domain.lines import Lines
from apps.brokers.domain.messages import ReportBroker
from apps.brokers.domain.order import Order, OrderStatus, OrderType, Role, Side

NQ = "NQZ5"
PLACE = (1, NQ, 0)


def order(id: str, **said: Any) -> Order:
    """Return an order of the desk: a market buy of one."""
    asked = {"side": Side.BUY, "type": OrderType.MARKET, "quantity": 1, **said}
    return Order(id=id, user=1, account=1, contract=NQ, **asked)


@dataclass
class Bracket:
    """An entry of so many, each with its own target, and a stop at 79,960 under 80,000."""

    targets: int = 1
    trail: int | None = None
    arm_at: int | None = None
    lines: Lines = field(init=False)
    books: Books = field(init=False)

    def __post_init__(self) -> None:
        entry = order("e", quantity=self.targets)
        exits = {"side": Side.SELL, "parent": "e", "status": OrderStatus.WAITING}
        kind = OrderType.TRAILING_STOP if self.trail else OrderType.STOP
        stop = order(
            "e-s", type=kind, stop=79_960, trail=self.trail, arm_at=self.arm_at, role=Role.STOP,
            quantity=self.targets, **exits,
        )  # fmt: skip
        aims = [
            order(f"e-t{n}", type=OrderType.LIMIT, limit=80_000 + 40 * n, role=Role.TARGET, **exits)
            for n in range(1, self.targets + 1)
        ]
        self.books = Books(LedgerState(orders=[entry, stop, *aims]))
        self.lines = Lines(split(entry, [stop, *aims], 1))

    def of(self, role: Role, number: int = 0) -> Line:
        """Return one of its orders at the broker."""
        return [one for one in self.lines.values() if one.role is role][number]

    def filled(self, *prices: int) -> "Bracket":
        """Let its entries be filled at these prices, one each, and its legs work."""
        for line in self.lines.values():
            line.stage = Stage.WORKING
        for number, price in enumerate(prices):
            head = self.of(Role.ENTRY, number)
            head.filled, head.paid, head.stage = 1, price, Stage.OVER
        return self


def word(**said: Any) -> ReportBroker:
    """Return the broker's word about an order."""
    return ReportBroker(**{"account": 1, "what": "order", "at": 1, **said})
