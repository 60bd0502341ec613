"""How far a recorded position went for and against it: what it was worth at each price, with what was closed by then.

A position of two that took one off at +10 points and then saw +30 was ahead by 40 points, not by 60: so each stretch
between two fills is measured with the contracts that were held in it. Before fees; exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from apps.bus.domain.message import MINUTE
from apps.marketdata.domain.calendar import Calendar

HOLE: Final = 5 * MINUTE  # of open market without a price: what happened in it is not known


class Step(NamedTuple):
    """A fill of a position, or its share: `signed` contracts, + bought."""

    at: int
    signed: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time between two fills. `held`: signed contracts; `paid`: what they have cost so far, less what was got back."""

    since: int
    until: int
    held: int
    paid: Decimal

    def worth(self, price: Decimal) -> Decimal:
        """Return the points, times contracts, that the position has made at a price."""
        return self.held * price - self.paid


class Priced(NamedTuple):
    """A price that is known of some time: of an instant, or of a candle's length."""

    since: int
    until: int
    low: Decimal
    high: Decimal


def stretches(steps: Sequence[Step]) -> list[Stretch]:
    """Return the stretches between fills, which are in the order of their times."""
    found: list[Stretch] = []
    held, paid = 0, Decimal(0)
    for one, after in pairwise(steps):
        held, paid = held + one.signed, paid + one.signed * one.price
        found.append(Stretch(one.at, after.at, held, paid))
    return found


def range_of(
    steps: Sequence[Step], prices: Sequence[Sequence[Priced]], calendar: Calendar, group: str
) -> tuple[Decimal, Decimal] | None:
    """Return the worst and the best that a closed position was worth, in points times contracts; None: it is not known.

    prices: what is known of each of its stretches, in their order
    """
    parts = stretches(steps)
    if not any(prices) or any(
        has_hole(part, known, calendar, group) for part, known in zip(parts, prices, strict=True)
    ):
        return None
    worst = best = Decimal(0)
    for part, known, after in zip(parts, prices, steps[1:], strict=True):
        ends = [price for one in known for price in (one.low, one.high)]
        worths = [part.worth(price) for price in (*ends, after.price)]
        worst, best = min(worst, *worths), max(best, *worths)
    return worst, best


def has_hole(part: Stretch, known: Iterable[Priced], calendar: Calendar, group: str) -> bool:
    """Return whether more than five minutes of open market in a stretch have no price."""
    seen = part.since
    for one in (*sorted(known), Priced(part.until, part.until, Decimal(0), Decimal(0))):
        if one.since - seen > HOLE and _open(seen, one.since, calendar, group) > HOLE:
            return True
        seen = max(seen, one.until)
    return False


def _open(since: int, until: int, calendar: Calendar, group: str) -> int:
    """Return how long the exchange was open between two instants."""
    total, at = 0, since
    while at < until:
        opens, shut = calendar.next_open(at, group), calendar.session_close(at, group)
        total += max(0, min(until, shut) - opens)
        at = shut
    return total
