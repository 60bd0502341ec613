"""Recorded positions as results: what strategies made in brokers' accounts, for the same figures as the desk's own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final

from django.db.models import QuerySet

from apps.analytics.domain.performance import Result, measure
from apps.analytics.queries import OfStrategy, Performance, Scope, Summary, strategies
from apps.recorder.models import RecordedPosition
from apps.recorder.queries import RecordedView, positions
from apps.trades.queries import market_day

EVERYTHING: Final = Scope()


@dataclass(frozen=True)
class Recorded:
    """A recorded position that is flat again, with its result."""

    view: RecordedView
    result: Result


def closed(user: Any, scope: Scope = EVERYTHING) -> list[Recorded]:
    """Return a trader's closed recorded positions that can be valued, the first closed first, in one query."""
    rows = _rows(user, scope).filter(closed_ns__isnull=False, realized__isnull=False)
    return [
        Recorded(view, result_of(view))
        for view in (RecordedView(row, None) for row in rows.order_by("closed_ns", "id"))
    ]


def performance_of(rows: Iterable[Recorded]) -> Performance:
    """Return what these positions came to."""
    return Performance([one.result for one in rows])


def summary(user: Any, scope: Scope = EVERYTHING) -> Summary:
    """Return a trader's recorded books at a glance, in two queries."""
    held = _rows(user, scope).filter(closed_ns__isnull=True).count()
    return Summary(market_day(), [one.result for one in closed(user, scope)], held)


def by_strategy(user: Any, rows: Iterable[Recorded]) -> list[OfStrategy]:
    """Return each strategy of a trader with what its recorder found, those without positions too."""
    groups: dict[int, list[Result]] = {}
    for one in rows:
        groups.setdefault(one.view.row.strategy_id, []).append(one.result)
    return [OfStrategy(row, measure(groups.get(row.pk, ()))) for row in strategies(user)]


def _rows(user: Any, scope: Scope) -> QuerySet[RecordedPosition]:
    chosen: dict[str, Any] = {
        "account_id": scope.account, "strategy_id": scope.strategy,
        "trade_date__gte": scope.since, "trade_date__lte": scope.until,
    }  # fmt: skip
    return positions(user).filter(
        **{name: value for name, value in chosen.items() if value is not None}
    )


def result_of(view: RecordedView) -> Result:
    """Return what a closed position came to, on the exchange's day of its last fill."""
    row = view.row
    day: date = row.trade_date
    return Result(
        opened_at=row.opened_ns,
        closed_at=row.closed_ns,
        day=day,
        is_bullish=row.sign > 0,
        gross=Fraction(row.realized),
        fees=Fraction(row.fees),
        fees_known=row.fees_known,
        risk=Fraction(row.risk) if row.risk else None,
        best=None if view.mfe is None else Fraction(view.mfe),
        worst=None if view.mae is None else Fraction(view.mae),
    )
