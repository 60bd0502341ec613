"""An order as the venue knows it: flat and plain, so that a restart goes on exactly where it was."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from apps.brokers.domain.order import Order, OrderType, Role, Side
from apps.marketdata.domain.messages import AWAKE, NEVER
from apps.papertrading.domain.settings import THROUGH, PaperSettings


class Stage(StrEnum):
    """Where an order is. ASLEEP waits for its entry, or for the order that it comes after."""

    COMING = "coming"
    ASLEEP = "asleep"
    WORKING = "working"
    OVER = "over"


_STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


@dataclass(slots=True)
class Resting:
    """One order at the venue. Whole ticks, contracts, ns UTC.

    quantity:  what works now; full: what was asked for, of a leg what belongs to a full entry
    due:       when it takes effect; age: its place among the orders of its account
    r:         of a leg that is measured in R, see `Order`
    held:      of an entry with a bracket: how much of it is still open
    laid:      a limit that has been held against a quote and stands in the queue, `ahead` contracts before it
    best:      the best price since a trailing stop became active
    changes:   [due, quantity, limit, stop, trail] of each change on its way
    used_*:    what its fills took of the tick (`used_id`, `used_at`): of the quote, and of what was printed.
               An order that is over is kept until the next tick for the sake of this.
    """

    id: str
    account: int
    contract: str
    strategy: int
    side: Side
    type: OrderType
    role: Role
    quantity: int
    full: int
    at: int
    due: int
    age: int
    stage: Stage
    parent: str = ""
    after: str = ""
    limit: int | None = None
    stop: int | None = None
    trail: int | None = None
    arm_at: int | None = None
    r: str = ""
    reference: int | None = None
    expires_at: int | None = None
    filled: int = 0
    paid: int = 0
    fills: int = 0
    has_legs: bool = False
    held: int = 0
    is_triggered: bool = False
    is_laid: bool = False
    ahead: int = 0
    best: int | None = None
    cancel_at: int | None = None
    cancel_reason: str = ""
    changes: list[list[int | None]] = field(default_factory=list)
    used_id: int = -1
    used_at: int = 0
    used_quote: int = 0
    used_printed: int = 0

    @property
    def place(self) -> tuple[int, str, int]:
        """Return the holding that it changes."""
        return (self.account, self.contract, self.strategy)

    @property
    def remaining(self) -> int:
        """Return how many contracts are still to be filled."""
        return self.quantity - self.filled

    @property
    def is_exit(self) -> bool:
        """Return whether it may only make a position smaller."""
        return self.role is not Role.ENTRY

    @property
    def is_over(self) -> bool:
        """Return whether its life has ended."""
        return self.stage is Stage.OVER

    @property
    def is_working(self) -> bool:
        """Return whether prices can fill it."""
        return self.stage is Stage.WORKING

    @property
    def waits_for_stop(self) -> bool:
        """Return whether a price has to set it off first."""
        return self.type in _STOPS and not self.is_triggered

    @property
    def is_limited(self) -> bool:
        """Return whether it fills at its limit or better."""
        return self.type is OrderType.LIMIT or self.type is OrderType.STOP_LIMIT

    @property
    def rank(self) -> tuple[int, int]:
        """Return its turn at a price: protective stops, other stops, the rest; the older first."""
        first = 0 if self.role is Role.STOP else 1 if self.type in _STOPS else 2
        return first, self.age

    @property
    def is_on_its_way(self) -> bool:
        """Return whether it, a change or a cancel has still to take effect."""
        return self.stage is Stage.COMING or self.cancel_at is not None or bool(self.changes)

    def span(self, settings: PaperSettings) -> tuple[int, int]:
        """Return the prices strictly between which nothing can happen to it."""
        if self.is_over:
            return -NEVER, NEVER
        if self.is_on_its_way:
            return AWAKE
        if self.stage is Stage.ASLEEP:
            return -NEVER, NEVER
        if self.waits_for_stop:
            return self._stop_span()
        if not self.is_limited or not self.is_laid or self.limit is None:
            return AWAKE
        edge = self.limit - (self.side.sign if settings.limit_fill == THROUGH else 0)
        return (edge, NEVER) if self.side is Side.BUY else (-NEVER, edge)

    def _stop_span(self) -> tuple[int, int]:
        assert self.stop is not None
        hold = -self.side.sign  # +1: it protects, or ends, a long position
        good = NEVER
        if self.trail is not None:
            if self.best is None:
                return AWAKE
            good = self.best * hold + 1
        if self.arm_at is not None:
            good = min(good, self.arm_at * hold)
        if hold > 0:
            return self.stop, good
        return -good, self.stop

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values; `resting_of` gives it back."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        given["changes"] = [list(change) for change in self.changes]
        return {
            name: value.value if isinstance(value, StrEnum) else value
            for name, value in given.items()
            if value not in (None, "", [])
        }


def resting_of(plain: dict[str, Any]) -> Resting:
    """Return the order that plain JSON describes."""
    return Resting(
        **{
            **plain,
            "side": Side(plain["side"]),
            "type": OrderType(plain["type"]),
            "role": Role(plain["role"]),
            "stage": Stage(plain["stage"]),
            "changes": [list(change) for change in plain.get("changes", ())],
        }
    )


def taken_over(order: Order, stage: Stage, due: int, age: int) -> Resting:
    """Return the venue's own copy of an order; the ledger's is never touched."""
    return Resting(
        id=order.id,
        account=order.account,
        contract=order.contract,
        strategy=order.strategy,
        side=order.side,
        type=order.type,
        role=order.role,
        quantity=order.quantity,
        full=order.quantity,
        at=order.at,
        due=due,
        age=age,
        stage=stage,
        parent=order.parent,
        after=order.after,
        limit=order.limit,
        stop=order.stop,
        trail=order.trail,
        arm_at=order.arm_at,
        r=order.r,
        reference=order.reference,
        expires_at=order.expires_at,
    )
