"""An order as it stands at the broker, and what is to be sent there.

One order of the desk may be several at the broker: an entry with three targets goes out as three entries, each with its
own stop and target that cancel each other there. So no part of a position depends on us being quick, or being up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final

from apps.brokers.domain.order import Order, OrderType, Origin, Role, Side, TimeInForce
from apps.bus.domain.message import Message
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument

Place = tuple[int, str, int]
FRESH_S: Final = 10  # an entry that could not be sent within so many seconds is not wanted any more
MOST_TRIES: Final = 3  # of what a broker does not want; then it is a person's business


class Stage(StrEnum):
    """Where an order is. HERE: not sent yet; ASKED: no word yet; ASLEEP: waits at the broker for its entry."""

    HERE = "here"
    ASKED = "asked"
    ASLEEP = "asleep"
    WORKING = "working"
    OVER = "over"


class Errand(StrEnum):
    """What a dispatch asks of the broker."""

    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    LIQUIDATE = "liquidate"


@dataclass(frozen=True, slots=True)
class Dispatch(Message):
    """Something to be sent to a broker, exactly once.

    key:     names it for ever; the same turn run again says the same key
    tag:     our mark on the order that it is about
    payload: plain JSON; prices as decimal text
    fresh_s: from so many seconds on it is not sent any more; None: it is always wanted
    """

    key: str
    user: int
    account: int
    order: str
    errand: Errand
    tag: str
    contract: str
    payload: dict[str, Any]
    at: int
    is_exit: bool
    fresh_s: int | None = None


def tag_of(order: str, part: str = "") -> str:
    """Return our mark on an order at the broker: the same for the same wish, at most 50 characters."""
    digest = blake2b(order.encode(), digest_size=15).hexdigest()
    return f"th{digest}-{part}" if part else f"th{digest}"


@dataclass(slots=True)
class Line:
    """One order at the broker. Whole ticks, contracts.

    order:   the desk's order that it is part of; bracket: the desk's entry that it belongs to, empty for an exit alone
    head:    tag of the entry it waits for; twin: tag of the order that ends with it
    quantity, limit, stop: as the broker has confirmed them; want_*: as they have been asked for, None: as they are
    closed:  of an entry: contracts that were closed otherwise than by its own stop and target
    told:    how much of it is filled by the word of the broker; ending: how it ended by that word, while a fill is missing
    changes: how often a change or an end was asked for; is_asking, is_leaving: one of them is on its way
    asked:   what the change asks for that is on its way: more may be wanted by now
    was:     what that lay at before; is_taken: the broker has answered that it does it
    base:    of an entry that waits until others are taken back: what may be held by then, signed
    uncovered: of an entry: how often it was closed because it had lost its stop
    unwanted: of an entry: why everything is closed, and so what is filled of it all the same
    left_for: why its end was asked for, in our words: the broker says only that it is over
    over_at: when that was by the broker's clock; told_for: of a leg: why it ended, as the desk made it out and told
    refusals: how often in a row the broker refused a change or an end; refused: its newest word about that
    refused_stop: of a trailing stop: where the broker did not want it; it asks again at a better price
    arm_at:  of a stop: it moves to what was paid when this has traded
    """

    tag: str
    order: str
    user: int
    account: int
    contract: str
    strategy: int
    side: Side
    type: OrderType
    role: Role
    quantity: int
    at: int
    age: int
    bracket: str = ""
    head: str = ""
    twin: str = ""
    after: str = ""
    tif: TimeInForce = TimeInForce.GTC
    is_automated: bool = False
    limit: int | None = None
    stop: int | None = None
    trail: int | None = None
    arm_at: int | None = None
    stage: Stage = Stage.HERE
    filled: int = 0
    paid: int = 0
    closed: int = 0
    told: int = 0
    ending: str = ""
    reason: str = ""
    seen_at: int = 0
    want_quantity: int | None = None
    want_limit: int | None = None
    want_stop: int | None = None
    changes: int = 0
    is_asking: bool = False
    is_leaving: bool = False
    is_kill: bool = False
    uncovered: int = 0
    unwanted: str = ""
    left_for: str = ""
    over_at: int = 0
    told_for: str = ""
    refusals: int = 0
    refused: str = ""
    refused_stop: int | None = None
    asked: dict[str, int] = field(default_factory=dict)
    was: dict[str, int | None] = field(default_factory=dict)
    is_taken: bool = False
    base: int | None = None

    @property
    def place(self) -> Place:
        """Return the holding that it changes."""
        return (self.account, self.contract, self.strategy)

    @property
    def is_over(self) -> bool:
        """Return whether nothing can happen to it any more."""
        return self.stage is Stage.OVER

    @property
    def is_stuck(self) -> bool:
        """Return whether the broker refused it so often that only a person's wish asks again."""
        return not self.is_over and self.refusals >= MOST_TRIES

    @property
    def is_overtaken(self) -> bool:
        """Return whether a change was done, and somebody has changed the same again in the broker's own program."""
        told = {name: getattr(self, name) for name in self.asked}
        return self.is_taken and any(
            told[name] not in (to, self.was.get(name)) for name, to in self.asked.items()
        )

    @property
    def is_exit(self) -> bool:
        """Return whether it is there to make a position smaller."""
        return self.role is not Role.ENTRY

    @property
    def remaining(self) -> int:
        """Return how many contracts it may still trade: by what is confirmed, never by what is hoped."""
        return 0 if self.is_over else max(0, self.quantity - self.filled)

    @property
    def lies(self) -> int | None:
        """Return where a trailing stop lies, is wanted, or was not wanted by the broker: the next one has to be better."""
        if self.want_stop is not None:
            return self.want_stop
        return self.stop if self.refused_stop is None else self.refused_stop

    def wants(self) -> dict[str, int]:
        """Return what is wanted of it otherwise than it is."""
        wished = {"quantity": self.want_quantity, "limit": self.want_limit, "stop": self.want_stop}
        return {
            name: to for name, to in wished.items() if to is not None and to != getattr(self, name)
        }

    def want_nothing(self) -> None:
        """Leave it as it is."""
        self.want_quantity = self.want_limit = self.want_stop = None

    def price(self, ticks: int | None) -> str | None:
        """Return a price as decimal text."""
        return None if ticks is None else f"{instrument(root_of(self.contract)).price(ticks):f}"

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values; `line_of` gives it back."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value.value if isinstance(value, StrEnum) else value
            for name, value in given.items()
            if value not in (None, "")
        }


def line_of(plain: dict[str, Any]) -> Line:
    """Return the order that plain JSON describes."""
    return Line(
        **{
            **plain,
            "side": Side(plain["side"]),
            "type": OrderType(plain["type"]),
            "role": Role(plain["role"]),
            "stage": Stage(plain["stage"]),
            "tif": TimeInForce(plain["tif"]),
        }
    )


@dataclass
class AbroadState:
    """What of the venue outlives the process: orders at brokers, and the names of fills that were booked lately."""

    lines: list[Line] = field(default_factory=list)
    booked: set[str] = field(default_factory=set)

    def unwanted(self) -> set[str]:
        """Return the desk's entries of which what is filled all the same is closed."""
        return {one.order for one in self.lines if one.unwanted and not one.is_over}


def split(order: Order, legs: Iterable[Order], age: int) -> list[Line]:
    """Return what one order of the desk is at the broker: an entry for each of its targets, with stop and target.

    What no target is for goes last, with its stop alone.
    """
    stops = [leg for leg in legs if leg.role is Role.STOP]
    targets = [leg for leg in legs if leg.role is Role.TARGET]
    if not stops:
        return [_line(order, "" if order.is_exit else order.id, tag_of(order.id), age)]
    parts = [(target.quantity, target) for target in targets]
    rest = order.quantity - sum(size for size, _ in parts)
    made: list[Line] = []
    for number, (size, target) in enumerate([*parts, *([(rest, None)] if rest > 0 else [])], 1):
        entry = _line(order, order.id, tag_of(order.id, f"{number}e"), age, size)
        stop = _line(stops[0], order.id, tag_of(order.id, f"{number}s"), age, size)
        stop.head = entry.tag
        made += [entry, stop]
        if target is not None:
            other = _line(target, order.id, tag_of(order.id, f"{number}t"), age, size)
            other.head, other.twin, stop.twin = entry.tag, stop.tag, other.tag
            made.append(other)
    return made


def _line(order: Order, bracket: str, tag: str, age: int, quantity: int = 0) -> Line:
    return Line(
        tag=tag, order=order.id, user=order.user, account=order.account, contract=order.contract,
        strategy=order.strategy, side=order.side, type=order.type, role=order.role,
        quantity=quantity or order.quantity, at=order.at, age=age, bracket=bracket,
        after=order.after, tif=order.tif, limit=order.limit, stop=order.stop, trail=order.trail,
        arm_at=order.arm_at if order.trail is None else None,
        is_automated=order.origin in (Origin.AUTOMATIC, Origin.RULE), is_kill=order.reason == "KILL",
    )  # fmt: skip
