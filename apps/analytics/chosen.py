"""Which books an answer is made of: those that were asked for, else those that have something to tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from apps.analytics import queries, recorded
from apps.analytics.books import Brief, Performance, Scope, Summary, performance_of
from apps.trades.queries import market_day


class Books(StrEnum):
    """Books of closed trades in dollars."""

    DESK = "desk"
    RECORDED = "recorded"


@dataclass(frozen=True)
class Chosen:
    """The closed positions of a scope, and in which books they stand."""

    books: Books
    rows: Sequence[Brief]

    @property
    def performance(self) -> Performance:
        """Return what they came to."""
        return performance_of(self.rows)


def chosen(user: Any, scope: Scope, asked: Books | None = None) -> Chosen:
    """Return a trader's closed positions from the books that were asked for.

    If none were: from the desk's, unless only the recorded ones have something in the range. An account without books
    is one of the desk's, because a broker account may bear the same number.
    """
    if asked is Books.RECORDED:
        return Chosen(asked, recorded.closed(user, scope))
    found = Chosen(Books.DESK, queries.closed(user, scope))
    if found.rows or asked is not None or scope.account is not None:
        return found
    others = recorded.closed(user, scope)
    return Chosen(Books.RECORDED, others) if others else found


def summary(user: Any, scope: Scope, asked: Books | None = None) -> tuple[Books, Summary]:
    """Return a trader's books at a glance, and which books those are."""
    found = chosen(user, scope, asked)
    told: Any = recorded if found.books is Books.RECORDED else queries
    results = [one.result for one in found.rows]
    return found.books, Summary(market_day(), results, told.held(user, scope))
