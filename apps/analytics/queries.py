"""Reads of the desk's own books: its accounts' closed positions as results, and what they came to. User first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache, cached_property
from math import lcm
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.analytics.books import (
    BY_HAND,
    EVERYTHING,
    Brief,
    Line,
    Scope,
    Summary,
    rows_of,
    strategies,
)
from apps.analytics.domain.money import MONEY_PARTS
from apps.analytics.domain.result import Result
from apps.analytics.parts import InParts
from apps.brokers.domain.account import day_of
from apps.brokers.models import Position
from apps.brokers.queries import PositionView, accounts, positions
from apps.marketdata.domain.instrument import instrument
from apps.signals.models import Strategy
from apps.trades.queries import market_day


@dataclass(frozen=True)
class Closed(Line):
    """A position that is flat again, with its result and its row."""

    row: Position
    result: Result

    @property
    def account_name(self) -> str:
        """Return how the trader calls its account."""
        return self.row.account.name

    @property
    def account_kind(self) -> str:
        """Return what kind of account that is."""
        return self.row.account.kind

    @cached_property
    def view(self) -> PositionView:
        """Return it as every other page reads it."""
        return PositionView(self.row, None)


def closed(user: Any, scope: Scope = EVERYTHING) -> list[Brief]:
    """Return a trader's positions that are flat again, the first closed first, in two queries."""
    clocks = {pk: (tz, reset) for pk, tz, reset in accounts(user).values_list("pk", "tz", "reset")}
    found = []
    days: dict[int, tuple[date, int]] = {}  # of each account the day that was met last, and its end
    for pk, account, strategy, *made in _rows(user, scope).values_list(*_COLUMNS):
        at = made[-1]
        known = days.get(account)
        if known is None or at >= known[1]:
            known = days[account] = day_of(at, *clocks[account])
        if scope.holds(known[0]):
            found.append(Brief(pk, strategy, at, _result(known[0], *made)))
    return found


def in_full(user: Any, briefs: Sequence[Brief]) -> list[Closed]:
    """Return positions with their rows, in the order in which they are given, in three queries."""
    # One object for each account and strategy, not one for each position: they hold settings, which are parsed.
    rows = positions(user).select_related(None).prefetch_related("account", "strategy")
    known = rows_of(rows, briefs)
    return [Closed(known[one.pk], one.result) for one in briefs if one.pk in known]


def count(user: Any, scope: Scope = EVERYTHING) -> int:
    """Return how many closed positions figures would be made of."""
    if scope.since is None and scope.until is None:
        return _rows(user, scope).count()
    return len(closed(user, scope))


def traded(user: Any) -> QuerySet[Strategy]:
    """Return a trader's strategies that have a closed position, oldest first."""
    used = _rows(user, EVERYTHING).order_by().values("strategy")
    return strategies(user).filter(pk__in=used)


def has_by_hand(user: Any) -> bool:
    """Return whether a closed position was entered by hand."""
    return _rows(user, Scope(strategy=BY_HAND)).exists()


def summary(user: Any, scope: Scope = EVERYTHING) -> Summary:
    """Return a trader's books at a glance, in three queries."""
    held = positions(user).filter(closed_at__isnull=True)
    if scope.account is not None:
        held = held.filter(account_id=scope.account)
    return Summary(market_day(), [one.result for one in closed(user, scope)], held.count())


_COLUMNS: Final[tuple[Any, ...]] = (
    "pk", "account_id", "strategy_id", "root", "sign", "entered", "entered_paid", "high", "low",
    *map(InParts, ("realized", "fees", "risk")), "opened_ns", "closed_ns",
)  # fmt: skip


def _result(
    day: date, root: str, sign: int, entered: int, paid: int, high: int, low: int,
    realized: int, fees: int, risk: int, opened: int, closed: int,
) -> Result:  # fmt: skip
    """Return what a closed position came to, on the trading day of its account on which it was closed.

    Its MFE and MAE are those of all contracts that were entered, from their average entry. So a position that was
    made smaller before it was added to is told a little further ahead than it was.
    """
    over, times, tick = _parts(root)
    ups, downs = (high * entered - paid) * sign, (low * entered - paid) * sign
    best, worst = (ups, downs) if sign > 0 else (downs, ups)
    return Result(
        opened_at=opened,
        closed_at=closed,
        day=day,
        is_bullish=sign > 0,
        gross=realized * times,
        fees=fees * times,
        risk=risk * times or None,
        best=best * tick if best > 0 else 0,
        worst=worst * tick if worst < 0 else 0,
        over=over,
    )


@cache
def _parts(root: str) -> tuple[int, int, int]:
    """Return of how many parts of a dollar both money and ticks are whole; of how many one of money's is; and a tick."""
    tick = Fraction(instrument(root).tick_value)
    over = lcm(MONEY_PARTS, tick.denominator)
    return over, over // MONEY_PARTS, int(tick * over)


def _rows(user: Any, scope: Scope) -> QuerySet[Position]:
    """Return the rows that a scope may hold, the first closed first; their trade dates are looked at afterwards."""
    chosen = Q(closed_at__isnull=False) & scope.near("closed_ns")
    if scope.account is not None:
        chosen &= Q(account_id=scope.account)
    return positions(user).filter(chosen).order_by("closed_ns", "id")
