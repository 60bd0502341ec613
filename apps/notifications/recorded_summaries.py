"""What recorders found in a period, for summaries: a line per strategy, and what of the desk's own it tells already."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Exists, Max, OuterRef

from apps.analytics import recorded
from apps.analytics.books import OfStrategy, Scope, by_strategy
from apps.analytics.domain.money import in_cents
from apps.analytics.domain.performance import Figures, measure
from apps.analytics.queries import Closed
from apps.brokers.domain.telling import money
from apps.brokers.mirror import BY_FILE
from apps.recorder.models import RecordedFill, RecordedPosition, RecordingSpan


@dataclass(frozen=True)
class Recorded:
    """A trader's recorded positions that were closed in a period."""

    scope: Scope
    rows: list[recorded.Recorded]
    strategies: list[OfStrategy]

    @cached_property
    def figures(self) -> Figures:
        """Return the figures over all of them."""
        return measure([one.result for one in self.rows])

    @property
    def lines(self) -> list[str]:
        """Return each strategy's part."""
        return [
            f"{one.name}: {money(in_cents(one.figures.net))} in {one.figures.trades}."
            for one in self.strategies
        ]

    @property
    def path(self) -> str:
        """Return the page of the only strategy, on the only day, else the list of all."""
        if len(self.strategies) != 1:
            return "/recorders/"
        day = f"?day={self.scope.since}" if self.scope.since == self.scope.until else ""
        return f"/recorders/{self.strategies[0].pk}/{day}#positions"

    def without(self, own: Iterable[Closed]) -> list[Closed]:
        """Return the desk's positions but those that a recorder has seen, too: in the same account, at the same time.

        An account of the desk may be an account at a broker under another name; then both know the same fills.
        """
        seen = [one.view.row for one in self.rows if one.view.row.account.account_id is not None]
        return [one for one in own if not any(_is_same(one.row, row) for row in seen)]


def _is_same(own: Any, row: RecordedPosition) -> bool:
    """Return whether a position of the desk is one that a recorder found: its strategy's, or one that he opened by hand."""
    same = (own.account_id, own.contract, own.sign) == (
        row.account.account_id, row.contract, row.sign,
    )  # fmt: skip
    its = own.strategy_id in (None, row.strategy_id)
    return same and its and own.opened_ns <= row.closed_ns and row.opened_ns <= own.closed_ns


def since(user: Any, day: date) -> bool:
    """Return whether recorders found something that was closed on a trade date or later."""
    found = RecordedPosition.objects.of(user).filter(closed_ns__isnull=False, trade_date__gte=day)
    return bool(found.exists())


def last_told(user: Any, before: date) -> date | None:
    """Return the last trade date before one on which a recorder followed something that was closed, None if there is none.

    What only a file brought, and what is older than the recorder's start, is no news, so nothing was missed by it.
    """
    by_broker = RecordedFill.objects.filter(position=OuterRef("pk"))
    by_broker = by_broker.exclude(fill__source__startswith=BY_FILE)
    begun = RecordingSpan.objects.filter(
        recorder__strategy=OuterRef("strategy"), account=OuterRef("account"),
        made_ns__lte=OuterRef("closed_ns"),
    )  # fmt: skip
    found = RecordedPosition.objects.of(user).filter(
        Exists(by_broker), Exists(begun), closed_ns__isnull=False, trade_date__lt=before
    )
    last: date | None = found.aggregate(last=Max("trade_date"))["last"]
    return last


def of(user: Any, scope: Scope) -> Recorded:
    """Return what a trader's recorders found in a period; strategies without any are left out."""
    briefs = recorded.closed(user, scope)
    found = [one for one in by_strategy(user, briefs) if one.figures.trades] if briefs else []
    return Recorded(scope, recorded.in_full(user, briefs), found)
