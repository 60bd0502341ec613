"""Signal Lab trades as results in R. Every read takes the user first."""

from fractions import Fraction
from typing import Any

from apps.analytics.books import EVERYTHING, Performance, Scope
from apps.analytics.domain.result import Result
from apps.marketdata.domain.calendar import trade_date
from apps.signals.domain.indicator import Direction
from apps.trades.domain.outcome import Variant, outcome
from apps.trades.domain.trade import Trade
from apps.trades.queries import rows as trade_rows
from apps.trades.store import to_trade


def performance(
    user: Any,
    scope: Scope = EVERYTHING,
    *,
    variant: Variant = Variant.NO_BE,
    target: Fraction = Fraction(1),
    fee_r: Fraction = Fraction(0),
) -> Performance:
    """Return what Signal Lab trades came to in R, in the order of their entries; undecided ones are left out.

    They count on the exchange's day of their entry. An account does not narrow them: they have none.
    """
    rows = trade_rows(user).filter(scope.near("entry_ns")).order_by("entry_ns", "id")
    found = (result_of(to_trade(row), variant, target, fee_r) for row in rows)
    return Performance([one for one in found if one is not None and scope.holds(one.day)])


def result_of(trade: Trade, variant: Variant, target: Fraction, fee_r: Fraction) -> Result | None:
    """Return what a trade made in R with this variant and target, None while that is undecided.

    Source: methodology, 13. Its end is the moment of the target, else of the stop; of a target that the trade did
    not watch the moment was not kept.
    """
    made = outcome(trade, variant, target)
    if made is None:
        return None
    track = trade.no_be if variant is Variant.NO_BE else trade.be
    ended = track.hits.get(target) if made > 0 else track.exit and track.exit.at
    return Result(
        opened_at=trade.entry_at,
        closed_at=ended,
        day=trade_date(trade.entry_at),
        is_bullish=trade.direction is Direction.BULLISH,
        gross=made,
        fees=fee_r,
        risk=Fraction(1),
        best=trade.in_r(track.best),
        worst=trade.in_r(trade.worst),
    )
