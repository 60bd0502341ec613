"""The liquidation line: at which price of an index family an account breaks its nearest limit.

Only that family moves, straight from where it is, every contract of it by the same number of points.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from apps.brokers.domain.messages import (
    AccountBooked,
)
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.risk.domain.limits import Limit


@dataclass(frozen=True, slots=True)
class Line:
    """Where it breaks. `price` in ticks of `contract`, the family's larger one; `points_left` never below 0."""

    family: str
    contract: str
    price: int
    points_left: Decimal
    limit: str
    floor: Decimal

    @property
    def level(self) -> Decimal:
        """Return the price with the instrument's decimals."""
        return instrument(root_of(self.contract)).price(self.price)


def family_of(root: str) -> str:
    """Return the root of the larger contract of the same thing: NQ for MNQ, and for NQ itself."""
    return instrument(root).mini or root


def families(view: AccountBooked) -> tuple[str, ...]:
    """Return the families in which an account holds something."""
    return tuple(sorted({family_of(one.root) for one in view.holdings}))


def liquidation(
    view: AccountBooked, floors: Iterable[Limit], lasts: Mapping[str, int], family: str
) -> Line | None:
    """Return the price at which the first limit breaks; None where no limit or no net exposure is.

    floors: `limits_of(view, standing)`; lasts: last prices in ticks, of every contract held
    """
    equity, slope = view.balance, Decimal(0)  # slope: dollars of one tick of the family
    mine: list[str] = []
    for held in view.holdings:
        last = lasts.get(held.contract)
        if last is None:
            return None
        equity += held.unrealized(last)
        if family_of(held.root) == family:
            slope += held.quantity * held.tick_value
            mine.append(held.contract)
    found = [(_ticks_to(limit, equity, abs(slope)), limit) for limit in floors] if slope else []
    if not found:
        return None
    ticks, limit = min(found, key=lambda one: one[0])
    contract = _shown(mine, lasts, family)
    price = lasts[contract] - ticks if slope > 0 else lasts[contract] + ticks
    points = instrument(root_of(contract)).points(ticks)
    return Line(family, contract, price, points, limit.name, limit.floor)


def _ticks_to(limit: Limit, equity: Decimal, slope: Decimal) -> int:
    """Return after how many ticks against the account this limit is broken."""
    way = (equity - limit.floor) / slope
    if limit.inclusive:
        return max(0, int(way.to_integral_value(ROUND_CEILING)))
    return max(0, int(way.to_integral_value(ROUND_FLOOR)) + 1)


def _shown(mine: Sequence[str], lasts: Mapping[str, int], family: str) -> str:
    """Return the contract whose price the line is drawn at: the larger one, held or at least known."""
    larger = sorted(one for one in mine if root_of(one) == family)
    if larger:
        return larger[0]
    smaller = min(mine)
    same_month = family + smaller.removeprefix(root_of(smaller))
    return same_month if same_month in lasts else smaller
