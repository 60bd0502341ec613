"""Which rows of a file are fills that the desk has already: the rule by which nothing is doubled.

In this order, within one account, contract and side:
  1. the same key of the same family of layouts was read before, or a person left it out: known; an order of which more is
     filled than was told then: known where its fills add up to it by now, else a conflict
  2. the broker's own number of the fill is known: known where price, side and contracts agree, else a conflict
  3. the same order, and its fills add up to the row: known
  4. one to one: same price, same contracts, times within the tolerance, the nearest first: known
  5. same price, and what is left on both sides within the tolerance adds up to the same: known
  6. as 5, where one side is an average price: the contracts and the average agree: known
  7. something is left on both sides that could be the same, or that would be the same in another time zone: conflict
  8. else it is new
A fill that another row of the same family told before is no candidate, because its own row has another key; neither is
one that the broker's API told, for rows that carry that broker's numbers. So two fills that look alike stay two.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from apps.brokers.domain.order import Side
from apps.bus.domain.message import HOUR, SECOND
from apps.recorder.imports.row import shown

SLACK: Final = SECOND  # between two clocks, beside how finely the file tells the time
ZONES_APART: Final = 14  # hours
NEARLY: Final = Decimal("0.005")  # averages are written in two decimals


class Verdict(StrEnum):
    """What is to be done with a row."""

    NEW = "new"
    GROWS = "grows"  # more pairs of a fill of which a file told a part
    KNOWN = "known"
    CONFLICT = "conflict"


@dataclass(slots=True)
class Said:
    """What a file says was traded: a row, or the rows of one named fill together. `told` is set by `match`."""

    key: str
    side: Side
    quantity: int
    price: Decimal
    at: int
    grain: int
    name: str = ""
    order: str = ""
    average: bool = False
    is_part: bool = False
    verdict: Verdict | None = None
    of: list[int] = field(default_factory=list)
    why: str = ""

    def known(self, fills: Iterable["Had"]) -> None:
        """Take it as what the desk has already."""
        self.verdict, self.of = Verdict.KNOWN, [one.id for one in fills]

    def conflict(self, why: str) -> None:
        """Leave it to a person."""
        self.verdict, self.why = Verdict.CONFLICT, why


@dataclass(slots=True)
class Had:
    """A fill that the desk has.

    free:       it may be what a row without its number means
    is_partial: only pairs of it are known, from files; there may be more of it
    """

    id: int
    remote: str
    side: Side
    quantity: int
    price: Decimal
    at: int
    order: str = ""
    average: bool = False
    free: bool = True
    is_partial: bool = False


def match(
    rows: Sequence[Said],
    fills: Sequence[Had],
    evidence: Mapping[str, Sequence[int]],
    left_out: Container[str] = (),
    before: Mapping[str, tuple[int, Decimal]] = MappingProxyType({}),
) -> None:
    """Give each row its verdict.

    evidence: the fills that keys of this family stood for before
    before:   how many contracts, at which price, keys of this family told at most before
    left_out: the keys of which a person said that the desk has the fill already; it is not asked again
    """
    by_id = {one.id: one for one in fills}
    by_name = {one.remote: one for one in fills}
    for row in rows:
        if row.key in left_out or (row.key in evidence and not evidence[row.key]):
            row.known([])
        elif row.name and row.name in by_name:
            _by_name(row, by_name[row.name])
        elif row.key in before and row.quantity > before[row.key][0]:
            _went_on(row, fills, *before[row.key])
        elif row.key in evidence:
            row.known(by_id[one] for one in evidence[row.key] if one in by_id)
    left = [row for row in rows if row.verdict is None]
    free = [one for one in fills if one.free]
    for side in Side:
        _side(
            [row for row in left if row.side is side],
            sorted((one for one in free if one.side is side), key=lambda one: (one.at, one.id)),
        )


def _by_name(row: Said, had: Had) -> None:
    had.free = False
    grows = had.is_partial and row.quantity > had.quantity
    fits = row.quantity <= had.quantity if row.is_part else row.quantity == had.quantity
    more = not fits and not grows
    if row.side is not had.side or row.price != had.price or more:
        here = f"{had.side} {had.quantity} at {shown(had.price)}"
        row.conflict(
            f"fill {row.name} is known as {here}; the file says {row.side} {row.quantity} at {shown(row.price)}"
        )
    elif abs(row.at - had.at) > row.grain + SLACK:
        row.conflict(
            f"fill {row.name} is known {_apart(had.at - row.at)} than the file says; was the time zone right?"
        )
    elif grows:
        row.verdict, row.of = Verdict.GROWS, [had.id]
    else:
        row.known([had])


def _went_on(row: Said, fills: Sequence[Had], quantity: int, price: Decimal) -> None:
    """Judge an order that was read before, when less of it was filled."""
    its = [one for one in fills if row.order and one.order == row.order and one.side is row.side]
    if _adds_up([row], its):
        _same([row], its)
        return
    row.conflict(
        f"it was read before as {quantity} at {shown(price)}, now it is {row.quantity} at {shown(row.price)}; "
        "undo the import of the earlier file, then import this one again"
    )


def _side(rows: list[Said], fills: list[Had]) -> None:
    if fills:
        rows, fills = _by_order(rows, fills)
        rows, fills = _one_to_one(rows, fills)
        rows, fills = _sums(rows, fills)
        rows, fills = _averages(rows, fills)
        _uncertain(rows, fills)
    for row in rows:
        row.verdict = row.verdict or Verdict.NEW


def _left(rows: list[Said], fills: list[Had]) -> tuple[list[Said], list[Had]]:
    return [row for row in rows if row.verdict is None], [one for one in fills if one.free]


def _same(rows: Sequence[Said], fills: Sequence[Had]) -> None:
    for row in rows:
        row.known(fills)
    for one in fills:
        one.free = False


def _by_order(rows: list[Said], fills: list[Had]) -> tuple[list[Said], list[Had]]:
    """Match the rows and fills of one order where they add up, in contracts and in money."""
    said, had = defaultdict(list), defaultdict(list)
    for row in rows:
        said[row.order].append(row)
    for one in fills:
        had[one.order].append(one)
    for order in (said.keys() & had.keys()) - {""}:
        if _adds_up(said[order], had[order]):
            _same(said[order], had[order])
    return _left(rows, fills)


def _adds_up(rows: Sequence[Said], fills: Sequence[Had]) -> bool:
    size = sum(row.quantity for row in rows)
    if size != sum(one.quantity for one in fills):
        return False
    paid = sum((row.quantity * row.price for row in rows), Decimal(0))
    exact = not (any(row.average for row in rows) or any(one.average for one in fills))
    off = abs(paid - sum((one.quantity * one.price for one in fills), Decimal(0)))
    return off == 0 if exact else off <= NEARLY * size


def _one_to_one(rows: list[Said], fills: list[Had]) -> tuple[list[Said], list[Had]]:
    pool: dict[tuple[Decimal, int], list[Had]] = defaultdict(list)
    for one in fills:
        pool[one.price, one.quantity].append(one)
    pairs = [
        (abs(row.at - one.at), number, one.at, one.id, row, one)
        for number, row in enumerate(rows)
        for one in pool[row.price, row.quantity]
        if abs(row.at - one.at) <= row.grain + SLACK
    ]
    for *_, row, one in sorted(pairs, key=lambda pair: pair[:4]):
        if row.verdict is None and one.free:
            _same([row], [one])
    return _left(rows, fills)


def _sums(rows: list[Said], fills: list[Had]) -> tuple[list[Said], list[Had]]:
    said, had = defaultdict(list), defaultdict(list)
    for row in rows:
        said[row.price].append(row)
    for one in fills:
        had[one.price].append(one)
    for price in said.keys() & had.keys():
        for some, others in _clusters(said[price], had[price]):
            if _adds_up(some, others):
                _same(some, others)
    return _left(rows, fills)


def _averages(rows: list[Said], fills: list[Had]) -> tuple[list[Said], list[Had]]:
    for some, others in _clusters(rows, fills):
        rough = any(row.average for row in some) or any(one.average for one in others)
        if rough and _adds_up(some, others):
            _same(some, others)
    return _left(rows, fills)


def _clusters(rows: Sequence[Said], fills: Sequence[Had]) -> Iterable[tuple[list[Said], list[Had]]]:
    """Yield rows and fills that hang together in time, each group with some of both."""
    every: list[Said | Had] = sorted((*rows, *fills), key=lambda one: one.at)
    reach = max((row.grain for row in rows), default=0) + SLACK
    group: list[Said | Had] = []
    for one in [*every, None]:
        if group and (one is None or one.at - group[-1].at > reach):
            some = [each for each in group if isinstance(each, Said)]
            others = [each for each in group if isinstance(each, Had)]
            if some and others:
                yield some, others
            group = []
        if one is not None:
            group.append(one)


def _uncertain(rows: list[Said], fills: list[Had]) -> None:
    """Hold back rows that may be a fill which is left over here."""
    for row in rows:
        for one in fills:
            apart = abs(row.at - one.at)
            alike = row.price == one.price
            if apart <= row.grain + SLACK and (alike or row.average or one.average):
                row.conflict(
                    f"the desk has {one.side} {one.quantity} at {shown(one.price)} at that time, "
                    f"the file says {row.quantity} at {shown(row.price)}; is it the same?"
                )
                break
            if alike and row.quantity == one.quantity and _zone_apart(row, one):
                row.conflict(
                    f"the desk has the same {_apart(one.at - row.at)}; was the time zone right?"
                )
                break


def _zone_apart(row: Said, one: Had) -> bool:
    apart = abs(row.at - one.at)
    hours = round(apart / HOUR)
    return 1 <= hours <= ZONES_APART and abs(apart - hours * HOUR) <= row.grain + SLACK


def _apart(ns: int) -> str:
    seconds = abs(ns) // SECOND
    hours, rest = divmod(seconds + 1, 3600)
    size = f"{hours} h" if hours and rest <= 2 else f"{seconds:,} s"
    return f"{size} {'later' if ns > 0 else 'earlier'}"
