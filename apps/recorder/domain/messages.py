"""Facts of recorders: what a strategy's fills did to its position, each told once.

A fact is named for the fill that did it, not for what we made of it: a position that was told as closed is not told
again as stopped out when the broker's order is heard of later; the rows say so.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Fact):
    """Something that a strategy's fill did. `at` is the fill's own time.

    step:     in, out or flat: what the fill did, with `fill` its identity
    side:     long or short, the position's
    order:    the broker's name of its order, else the fill's
    quantity: contracts that its order opened or closed so far; `left` is held afterwards
    net:      dollars that the position made after fees so far, None while nothing is closed or it cannot be valued
    r:        net over the risk of its first stop, None without a stop
    """

    strategy: int
    strategy_name: str
    account: int
    account_name: str
    contract: str
    side: str
    quantity: int
    left: int
    price: Decimal
    net: Decimal | None
    r: Decimal | None
    position: str
    order: str
    fill: str
    step: str

    @property
    def did(self) -> str:
        """Return what happened, in a word: opened, added, reduced, closed, stop_hit, target_hit."""
        return self.name.partition(".")[2]

    @property
    def key(self) -> str:
        """Return the strategy, the account, the fill and what it did."""
        return self.key_of(self.fill)

    def key_of(self, fill: str) -> str:
        """Return the key that this has where it is named for another fill of the same order."""
        return f"recorder:{self.strategy}:{self.account}:{fill}:{self.step}"

    @property
    def of(self) -> str:
        """Return the strategy's number."""
        return str(self.strategy)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionOpened(Recorded):
    """A strategy went from flat to long or short."""

    name: ClassVar[str] = "recorder.opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdded(Recorded):
    """Another order made the position larger."""

    name: ClassVar[str] = "recorder.added"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReduced(Recorded):
    """An order closed a part of the position."""

    name: ClassVar[str] = "recorder.reduced"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosed(Recorded):
    """The strategy is flat again."""

    name: ClassVar[str] = "recorder.closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopHit(Recorded):
    """A stop closed the position, or a part of it."""

    name: ClassVar[str] = "recorder.stop_hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHit(Recorded):
    """A target closed the position, or a part of it."""

    name: ClassVar[str] = "recorder.target_hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreFilled(Recorded):
    """More was filled of an order of which was told already. It tells all that the order did so far.

    of_what: what was told of it: opened, added, reduced, stop_hit, target_hit
    """

    name: ClassVar[str] = "recorder.more_filled"
    of_what: str

    @property
    def did(self) -> str:
        """Return what was told of the order."""
        return self.of_what


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderChanged(Fact):
    """Somebody started, stopped, changed or reset a recorder, or took that back; or its account is not read, or again.

    `at` is the wall clock's.
    """

    name: ClassVar[str] = "recorder.changed"
    strategy: int
    strategy_name: str
    what: str
    text: str
    by: str

    @property
    def key(self) -> str:
        """Return the strategy, what was done, and when."""
        return f"{self.name}:{self.strategy}:{self.what}:{self.at}"

    @property
    def of(self) -> str:
        """Return the strategy's number."""
        return str(self.strategy)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillAssigned(Fact):
    """Somebody decided whose a fill is, or took such a decision back (`shares` empty). `at` is the wall clock's."""

    name: ClassVar[str] = "recorder.assigned"
    account: int
    fill: int
    remote: str
    assignment: int
    shares: tuple[tuple[int | None, int], ...]
    by: str

    @property
    def key(self) -> str:
        """Return the decision, and whether it was made or taken back."""
        return f"{self.name}:{self.assignment}:{'made' if self.shares else 'undone'}"

    @property
    def of(self) -> str:
        """Return the fill's number."""
        return str(self.fill)
