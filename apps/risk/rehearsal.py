"""Past trades as the simulator takes them: an account's own closed positions, or a strategy's Signal Lab trades."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.brokers.models import Account, Position
from apps.brokers.store import to_position
from apps.bus.domain.message import to_instant
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.risk.domain.evaluation import Evaluation, PastTrade, Verdict, evaluate
from apps.risk.domain.rules import Rules
from apps.risk.domain.spoken import dollars
from apps.signals.models import Strategy
from apps.trades.models import Trade

PREVIEW_DAYS: Final = 30


def past_of_account(account: Account, since: datetime | None = None) -> list[PastTrade]:
    """Return an account's closed positions as past trades, by their closes.

    How far a position was ahead and behind is taken at the most that it held: the worse way to reckon.
    """
    rows = Position.objects.filter(account=account, closed_at__isnull=False).order_by("closed_ns")
    if since is not None:
        rows = rows.filter(closed_ns__gte=to_instant(since))
    return [_held(row) for row in rows]


def _held(row: Position) -> PastTrade:
    product = instrument(row.root)
    best, worst = to_position(row).excursion
    each = product.tick_value * row.most
    assert row.closed_ns is not None
    return PastTrade(
        opened_at=row.opened_ns,
        closed_at=row.closed_ns,
        net=row.realized - row.fees,
        best_open=best * each,
        worst_open=-abs(worst) * each,
    )


def past_of_strategy(strategy: Strategy, contracts: int, *, micros: bool) -> list[PastTrade]:
    """Return what a strategy's ended Signal Lab trades would have made with so many contracts each, after fees."""
    rows = Trade.objects.filter(strategy=strategy, ended_at__isnull=False, result_r__isnull=False)
    return [_followed(row, contracts, micros) for row in rows.order_by("ended_at", "id")]


def _followed(row: Trade, contracts: int, micros: bool) -> PastTrade:
    product = _traded(row.root, micros)
    assert row.ended_at is not None and row.result_r is not None
    assert row.risk is not None
    points = row.result_r * row.risk
    fees = 2 * contracts * (product.commission + product.exchange_fee)
    closed_at = to_instant(row.ended_at)
    best = _best(row, closed_at)
    each = product.tick_value * contracts
    return PastTrade(
        opened_at=row.entry_ns,
        closed_at=closed_at,
        net=points * product.point_value * contracts - fees,
        best_open=None if best is None else best * each,
        worst_open=-abs(row.worst) * each if _is_whole(row.no_be_exit, closed_at) else None,
    )


def _best(row: Trade, closed_at: int) -> int | None:
    """Return how far a trade was ahead when it ended, None where the track it was measured on went on."""
    if _is_whole(row.be_exit, closed_at):
        return row.be_best
    return row.no_be_best if _is_whole(row.no_be_exit, closed_at) else None


def _is_whole(exit_: list[int] | None, closed_at: int) -> bool:
    """Return whether a track ended with the trade: only then its extremes are the trade's own."""
    return exit_ is not None and abs(exit_[1] - closed_at) < 1_000_000


def _traded(root: str, micros: bool) -> Instrument:
    product = instrument(root)
    return instrument(product.micro) if micros and product.micro else product


# ---- the preview in the admin ----


@dataclass(frozen=True, slots=True)
class Preview:
    """What rules would have made of an account's last days, in words."""

    account: Account
    evaluation: Evaluation

    @property
    def verdict(self) -> str:
        """Return passed, failed or neither, with its reason."""
        told = self.evaluation
        word = "neither passed nor failed" if told.verdict is Verdict.OPEN else told.verdict
        return f"{word}. {told.reason}"

    @property
    def lines(self) -> Iterable[str]:
        """Return what else is worth knowing, a sentence each."""
        told = self.evaluation
        if not told.rows:
            yield "The account closed no position in these days."
            return
        yield f"{told.days} trading days, {dollars(told.profit)} in all."
        locked = sum(one.is_locked for one in told.rows)
        if locked:
            yield f"The daily limit would have locked {locked} of them."
        if told.closest is not None:
            left = dollars(told.closest.left, sign=False)
            yield f"Nearest to a limit: {left} left, in trade {told.closest.trade}."
        if told.consistency is not None and not told.consistency.is_met:
            needed = dollars(told.consistency.needed, sign=False)
            yield f"The best day would have asked for {needed} of profit."
        if told.held_late:
            yield f"{len(told.held_late)} trades were held past the flat-by time."
        if told.not_tested:
            yield f"Not tested, because past results can't answer it: {', '.join(told.not_tested)}."
        yield f"It rests on {told.rests_on}."


def preview(account: Account, rules: Rules, until: datetime) -> Preview:
    """Return what rules would have made of the last `PREVIEW_DAYS` days of an account."""
    past = past_of_account(account, until - timedelta(days=PREVIEW_DAYS))
    return Preview(account, evaluate(past, rules))
