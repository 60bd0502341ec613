"""What matching and the ledger read: fills and orders of one account, when recorders recorded, what people decided.

Prices are exact `Decimal`s, instants ns UTC, `sign` +1 for a buy and -1 for a sell. Strategies are named by number.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from apps.brokers.domain.order import OrderType
from apps.marketdata.domain.contract import MONTH_CODES, UnknownSymbol, root_of
from apps.recorder.domain.terms import Unit, Ways

_DATED: Final = re.compile(rf"(?P<root>.+?)[{MONTH_CODES}]\d{{1,4}}")


def product_of(contract: str) -> str:
    """Return the root of any dated contract, of those too that the desk does not know; "" = no such name."""
    try:
        return root_of(contract)
    except UnknownSymbol:
        dated = _DATED.fullmatch(contract)
        return dated["root"] if dated else ""


@dataclass(frozen=True, slots=True)
class Fill:
    """Contracts that were traded. `id` is our number of it, `remote` the broker's name, `order` the broker's order."""

    id: int
    remote: str
    order: str
    contract: str
    sign: int
    quantity: int
    price: Decimal
    at: int
    fees: Decimal | None = None

    @property
    def place(self) -> tuple[int, int, str]:
        """Return where it stands among an account's fills, in whatever order they came in."""
        return self.at, len(self.remote), self.remote


@dataclass(frozen=True, slots=True)
class Order:
    """What a broker's order tells of its fills. `owner`: the strategy that our own order of this tag is of."""

    remote: str
    type: OrderType
    tag: str = ""
    text: str = ""
    parent: str = ""
    oco: str = ""
    limit: Decimal | None = None
    stop: Decimal | None = None
    owner: int | None = None

    @property
    def is_stop(self) -> bool:
        """Return whether it trades when the market has come to its stop."""
        return self.type in _STOPS

    @property
    def marks(self) -> str:
        """Return in short what attribution and status rest on."""
        return f"{self.type}|{self.tag}|{self.text}|{self.parent}|{self.oco}|{self.owner or ''}"


_STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a strategy does, as its owner wrote it: which ways it trades, how far its stop and target are, how many it trades.

    size, position_add, trim: contracts of an entry, of an addition, of a first target (0: none); None: not said
    """

    ways: Ways = Ways.BOTH
    unit: Unit = Unit.TICKS
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    size: int | None = None
    position_add: int | None = None
    trim: int | None = None

    def may_open(self, sign: int) -> bool:
        """Return whether the strategy enters this way."""
        return self.ways is Ways.BOTH or (self.ways is Ways.LONG) == (sign > 0)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch in which a strategy was recorded: `since <= at < until`, None = it still is."""

    strategy: int
    root: str
    since: int
    until: int | None = None

    def holds(self, at: int) -> bool:
        """Return whether an instant lies in it."""
        return self.since <= at and (self.until is None or at < self.until)


Part = tuple[int | None, int]  # strategy, None = nobody; contracts


@dataclass(frozen=True, slots=True)
class Known:
    """Everything beside the fills themselves. `decisions` are people's, by fill id.

    opening: instant and signed contracts: what was held of the contract then, whatever of it the fills tell
    spoken:  whose orders were by their text when they were recorded: a name that is another's now takes nothing away
    kept:    by strategy and entry, the plan when that was recorded; what is planned since is for what comes
    """

    names: Mapping[int, str]
    plans: Mapping[int, Plan]
    spans: tuple[Span, ...]
    orders: Mapping[str, Order] = field(default_factory=dict)
    decisions: Mapping[int, tuple[Part, ...]] = field(default_factory=dict)
    decided_orders: Mapping[str, int | None] = field(default_factory=dict)
    opening: tuple[int, int] | None = None
    spoken: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[tuple[int, int], Plan] = field(default_factory=dict)

    def plan(self, strategy: int, entry: Fill) -> Plan | None:
        """Return what a strategy planned when an entry was recorded, of a new one what it plans now."""
        return self.kept.get((strategy, entry.id)) or self.plans.get(strategy)

    def recording(self, strategy: int, at: int) -> bool:
        """Return whether a strategy was recorded at an instant."""
        return any(span.strategy == strategy and span.holds(at) for span in self.spans)

    def recorders(self, root: str) -> set[int]:
        """Return the strategies that have ever recorded this product."""
        return {span.strategy for span in self.spans if span.root == root}


def decided_orders(
    fills: Iterable[Fill], decisions: Mapping[int, tuple[Part, ...]]
) -> dict[str, int | None]:
    """Return whose whole orders are, by what people decided of one of their fills; not where decisions differ."""
    found: dict[str, int | None] = {}
    unclear: set[str] = set()
    for fill in fills:
        parts = decisions.get(fill.id)
        if parts is None or not fill.order:
            continue
        whose = parts[0][0]
        if len(parts) > 1 or found.setdefault(fill.order, whose) != whose:
            unclear.add(fill.order)
    return {order: whose for order, whose in found.items() if order not in unclear}
