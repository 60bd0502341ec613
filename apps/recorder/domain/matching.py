"""Whose a fill is, and why. What is not certain is said to be so and left to a person; nothing is guessed away.

In this order: a person's decision; the tag of its order; the words beside it; the order that it is a bracket of; the only
strategy that it can be of. A stopped recorder still hears what closes what it had open: exits always count.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from apps.recorder.domain.seen import Fill, Known, Order, Part, product_of
from apps.recorder.domain.terms import Reason

OPEN_BEFORE: Final = "It closes what was open before the desk knew this account. Import the broker's CSV of the day it was opened."
TAG: Final = re.compile(r"th(?P<strategy>\d{1,9})(?:[-_.:].*)?", re.IGNORECASE)
_DEPTH: Final = 8  # an order's parents; a circle ends somewhere


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a fill. `strategy` None: nobody's, or one of `candidates`."""

    strategy: int | None
    quantity: int
    reason: Reason
    note: str = ""
    candidates: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Attributed:
    """A fill with its shares; together they are the whole fill. `flat_after`: nobody holds any of the contract."""

    fill: Fill
    shares: tuple[Share, ...]
    flat_after: bool = False


@dataclass(slots=True)
class Held:
    """What is held of one contract, signed contracts: by strategies, by nobody of them, and what is not decided.

    before: what was open before the desk knew the account, and no fill has told since
    """

    strategies: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    nobody: int = 0
    before: int = 0
    undecided: int = 0
    last_candidates: tuple[int, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Return whether nothing is held by anybody."""
        return not (self.nobody or self.before or self.undecided or any(self.strategies.values()))

    def open_with(self, net: int) -> None:
        """Hold what was held at an instant; what the fills until then tell of it is known already."""
        known = self.nobody + self.undecided + sum(self.strategies.values())
        missing = net - known
        if missing * net > 0:
            self.before = missing

    def take(self, share: Share, sign: int) -> None:
        """Book a share."""
        if share.reason is Reason.BEFORE:
            self.before += sign * share.quantity
        elif share.strategy is not None:
            self.strategies[share.strategy] += sign * share.quantity
        elif share.reason is Reason.AMBIGUOUS:
            self.undecided += sign * share.quantity
            self.last_candidates = share.candidates
        else:
            self.nobody += sign * share.quantity


def tag_of(strategy: int) -> str:
    """Return the mark by which orders from elsewhere name a strategy."""
    return f"th{strategy}"


def match(
    fills: Iterable[Fill], known: Known, before: Mapping[str, int] = MappingProxyType({})
) -> Iterator[Attributed]:
    """Yield the fills of one account and contract with whose they are, by their own times.

    It begins with nothing held: give all fills, or those after a moment at which `flat_after` was true, with whose
    the orders `before` it were.
    """
    held, by_order, opening = Held(), dict(before), known.opening
    for fill in sorted(fills, key=lambda one: one.place):
        if opening is not None and fill.at >= opening[0]:
            held.open_with(opening[1])
            opening = None
        shares = tuple(_merged(_shares(fill, held, known, by_order)))
        for share in shares:
            held.take(share, fill.sign)
        if fill.order and len(shares) == 1 and shares[0].strategy is not None:
            by_order[fill.order] = shares[0].strategy
        yield Attributed(fill, shares, held.is_flat)


def _shares(fill: Fill, held: Held, known: Known, by_order: dict[str, int]) -> Iterator[Share]:
    decided = known.decisions.get(fill.id)
    if decided is not None:
        yield from _decided(fill, decided)
    elif fill.order in known.decided_orders:
        note = "The other fills of this order were settled so."
        yield Share(known.decided_orders[fill.order], fill.quantity, Reason.BY_HAND, note)
    elif (found := _named(fill.order, known, by_order)) is not None:
        yield from _of(*found, fill, held, known)
    else:
        yield from _unnamed(fill, held, known)


def _decided(fill: Fill, parts: tuple[Part, ...]) -> Iterator[Share]:
    """Yield what a person decided. Who has the whole has it, however much that is by now; parts have to be asked anew."""
    told = sum(many for _whose, many in parts)
    if len(parts) == 1:
        yield Share(parts[0][0], fill.quantity, Reason.BY_HAND)
    elif told == fill.quantity:
        yield from (Share(whose, many, Reason.BY_HAND) for whose, many in parts)
    else:
        note = f"It was divided as {told} contracts and has {fill.quantity} now."
        named = tuple(sorted(whose for whose, _many in parts if whose is not None))
        yield Share(None, fill.quantity, Reason.AMBIGUOUS, note, named)


def _named(order: str, known: Known, by_order: dict[str, int]) -> tuple[int, Reason, str] | None:
    """Return whom an order names, and by what; None: it does not say."""
    asked: str = order
    for step in range(_DEPTH):
        row = known.orders.get(asked)
        found = _says(row, known) if row is not None else None
        if found is None and step and asked in by_order:
            found = by_order[asked], Reason.ORDER_PARENT, ""
        if found is None and step and known.decided_orders.get(asked) is not None:
            found = int(known.decided_orders[asked] or 0), Reason.ORDER_PARENT, ""
        if found is not None:
            return found if not step else (found[0], Reason.ORDER_PARENT, f"Order {asked} is its.")
        if row is None or not row.parent:
            return None
        asked = row.parent
    return None


def _says(order: Order, known: Known) -> tuple[int, Reason, str] | None:
    """Return whom an order's own marks name: a strategy of the account's trader."""
    if order.owner is not None:
        return order.owner, Reason.TAG, f"Order {order.tag} is its."
    if tagged := TAG.fullmatch(order.tag):
        strategy = int(tagged["strategy"])
        if strategy in known.names:
            return strategy, Reason.TAG, f"Tag {order.tag}."
    if (said := known.spoken.get(order.remote)) in known.names and said is not None:
        return said, Reason.TEXT, by_text(order)
    words = _plain(order.text)
    spoken = {
        strategy: _plain(name)
        for strategy, name in known.names.items()
        if _begins(words, _plain(name))
    }
    if not spoken:
        return None
    longest = max(map(len, spoken.values()))
    best = [strategy for strategy, name in spoken.items() if len(name) == longest]
    return (best[0], Reason.TEXT, by_text(order)) if len(best) == 1 else None


def by_text(order: Order) -> str:
    """Return the note of a share whose order names its strategy."""
    return f"Text “{order.text}”."


def _of(
    strategy: int, reason: Reason, note: str, fill: Fill, held: Held, known: Known
) -> Iterator[Share]:
    """Yield the shares of a fill that names its strategy: all of it while recording, else what closes."""
    own = max(0, -held.strategies.get(strategy, 0) * fill.sign)
    old = min(max(0, fill.quantity - own), max(0, -held.before * fill.sign))
    if old:
        yield Share(None, old, Reason.BEFORE, OPEN_BEFORE)
        if old == fill.quantity:
            return
        fill = replace(fill, quantity=fill.quantity - old)
    if known.recording(strategy, fill.at):
        yield Share(strategy, fill.quantity, reason, note)
        return
    closes = min(fill.quantity, max(0, -held.strategies.get(strategy, 0) * fill.sign))
    if closes:
        yield Share(strategy, closes, reason, f"{note} It closes what was recorded.".strip())
    if closes < fill.quantity:
        name = known.names.get(strategy, f"Strategy {strategy}")
        yield Share(
            None, fill.quantity - closes, Reason.UNATTRIBUTED, f"{name} was not recording then."
        )


def _unnamed(fill: Fill, held: Held, known: Known) -> Iterator[Share]:
    """Yield the shares of a fill that names nobody: first it closes what is nobody's, then it is who it can be of."""
    left = fill.quantity
    closes = min(left, max(0, -held.before * fill.sign))
    if closes:
        left -= closes
        yield Share(None, closes, Reason.BEFORE, OPEN_BEFORE)
    closes = min(left, max(0, -held.nobody * fill.sign))
    if closes:
        left -= closes
        yield Share(None, closes, Reason.UNATTRIBUTED, "It closes what no strategy had opened.")
    closes = min(left, max(0, -held.undecided * fill.sign))
    if closes:
        left -= closes
        note = "It closes what is not decided yet."
        yield Share(None, closes, Reason.AMBIGUOUS, note, held.last_candidates)
    if left:
        yield from _candidates(replace(fill, quantity=left), held, known)


def _candidates(fill: Fill, held: Held, known: Known) -> Iterator[Share]:
    """Yield whose it can be. Who was not recording then, or never opens this way, has no more of it than it closes."""
    root = product_of(fill.contract)
    closers = {one for one, net in held.strategies.items() if net * fill.sign < 0}
    openers = {
        span.strategy
        for span in known.spans
        if span.root == root
        and span.holds(fill.at)
        and (plan := known.plan(span.strategy, fill)) is not None
        and plan.may_open(fill.sign)
    }
    able = sorted(openers | closers)
    if len(able) > 1:
        names = " or ".join(known.names.get(one, str(one)) for one in able)
        note = f"It can be of {names}: its order names nobody."
        yield Share(None, fill.quantity, Reason.AMBIGUOUS, note, tuple(able))
        return
    own = fill.quantity if openers else min(fill.quantity, _closes(fill, able, held))
    if own and known.recorders(root) <= {able[0]}:
        yield Share(able[0], own, Reason.ONLY_STRATEGY)
    elif own:
        yield Share(able[0], own, Reason.WINDOW, "No other could have traded it then.")
    if own < fill.quantity:
        rest, note = fill.quantity - own, "No strategy was recording it then."
        yield Share(None, rest, Reason.UNATTRIBUTED, note)


def _closes(fill: Fill, strategies: Iterable[int], held: Held) -> int:
    """Return how many contracts a fill can close of what strategies hold."""
    return sum(max(0, -held.strategies[one] * fill.sign) for one in strategies)


def _merged(shares: Iterable[Share]) -> Iterator[Share]:
    """Yield shares with neighbours of one kind put together."""
    last: Share | None = None
    for share in shares:
        same = last is not None and (share.strategy, share.reason) == (last.strategy, last.reason)
        if last is not None and same:
            last = replace(last, quantity=last.quantity + share.quantity, note=share.note)
        else:
            if last is not None:
                yield last
            last = share
    if last is not None:
        yield last


def _plain(words: str) -> str:
    return " ".join(words.casefold().split())


def _begins(words: str, name: str) -> bool:
    """Return whether a text is a name, or begins with it and goes on with another word."""
    return bool(name) and (
        words == name or (words.startswith(name) and not words[len(name)].isalnum())
    )
