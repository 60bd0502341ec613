"""How an account stands in figures: its level, what it is exposed to, and what happened to it. User first."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.brokers.models import Account
from apps.brokers.queries import AccountView, PositionView
from apps.bus.models import FactRow
from apps.marketdata import price
from apps.risk.domain.limits import Level, Limit
from apps.risk.history import GOOD, MISSES, VIOLATIONS
from apps.risk.portfolio import UnderRules

SHOWN: Final = 200  # incidents of all accounts together
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class LimitNow:
    """A money limit at the prices of the moment. Without a price `left` and `used` are None and the level is the last."""

    limit: Limit
    level: Level
    left: Decimal | None
    used: Decimal | None


def limits_now(one: UnderRules) -> list[LimitNow]:
    """Return every money limit of an account, daily ones first."""
    equity, known = one.view.equity, one.standing.levels
    if equity is None:
        return [
            LimitNow(limit, known.get(limit.name, Level.SAFE), None, None) for limit in one.limits
        ]
    return [
        LimitNow(
            limit,
            limit.level(equity, known.get(limit.name, Level.SAFE)),
            limit.left(equity),
            limit.used(equity),
        )
        for limit in one.limits
    ]


def level_of(one: UnderRules) -> Level:
    """Return the worst of an account's limits and locks."""
    until = one.standing.lockout_until
    if until is not None and until > price.now():
        return Level.LOCKED
    known = [one.standing.level, *(limit.level for limit in limits_now(one))]
    return max(known, key=lambda level: level.rank)


@dataclass(frozen=True)
class Exposure:
    """What an account holds of one contract, over all strategies. Signed: `net`; money in dollars."""

    contract: str
    held: tuple[PositionView, ...]

    @property
    def symbol(self) -> str:
        """Return what is held."""
        return self.held[0].instrument.root

    @property
    def long(self) -> int:
        """Return how many contracts are held long."""
        return sum(one.row.size for one in self.held if one.is_bullish)

    @property
    def short(self) -> int:
        """Return how many contracts are held short."""
        return sum(one.row.size for one in self.held if not one.is_bullish)

    @property
    def net(self) -> int:
        """Return long less short."""
        return self.long - self.short

    @property
    def last(self) -> Decimal | None:
        """Return the last price, None where nothing is known."""
        now = self.held[0].now
        return None if now is None else now.last

    @property
    def notional(self) -> Decimal | None:
        """Return what the net contracts are worth, below zero where they are short."""
        return (
            None
            if self.last is None
            else self.last * self.held[0].instrument.point_value * self.net
        )

    @property
    def unrealized(self) -> Decimal | None:
        """Return the open profit, before fees."""
        each = [one.unrealized for one in self.held]
        return None if None in each else sum((one for one in each if one is not None), NOTHING)

    @property
    def at_stops(self) -> Decimal | None:
        """Return what is lost from the last price if every stop is hit; what no stop covers is not in it."""
        if self.last is None:
            return None
        return sum((_at_stops(one, self.last) for one in self.held), NOTHING)

    @property
    def uncovered(self) -> int:
        """Return how many contracts no stop protects."""
        return sum(one.uncovered for one in self.held)


def exposures(view: AccountView) -> list[Exposure]:
    """Return what an account holds of each contract."""
    by_contract: dict[str, list[PositionView]] = {}
    for one in view.positions:
        by_contract.setdefault(one.row.contract, []).append(one)
    return [Exposure(contract, tuple(held)) for contract, held in sorted(by_contract.items())]


def _at_stops(one: PositionView, last: Decimal) -> Decimal:
    lost, left = NOTHING, one.row.size
    for stop in one.protections:
        covered = min(left, stop.quantity - stop.filled)
        if stop.stop is not None and covered > 0:
            away = (last - stop.stop) * one.row.sign
            lost += max(NOTHING, away) * covered * one.instrument.point_value
            left -= covered
    return lost


def incidents_of(user: Any, rows: Iterable[Account]) -> dict[int, list[FactRow]]:
    """Return what rules did to accounts, and how near they came, newest first, in one query."""
    found: dict[int, list[FactRow]] = {row.pk: [] for row in rows}
    facts = FactRow.objects.filter(
        user_id=user.pk, name__in=(*VIOLATIONS, *MISSES, *GOOD), of__in=[str(pk) for pk in found]
    )
    for fact in facts.order_by("-seq")[:SHOWN]:
        found[int(fact.of)].append(fact)
    return found
