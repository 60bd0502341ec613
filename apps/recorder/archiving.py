"""A strategy is put away and taken out again, its history kept; for good it goes only where no history goes with it."""

from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.brokers.models import OPEN, Order, Position, Route
from apps.brokers.services import end_route
from apps.bus import bus
from apps.bus.domain.message import to_instant
from apps.recorder import queries, recorders
from apps.recorder.domain.messages import RecorderChanged
from apps.recorder.domain.terms import BadRecorder, LogKind
from apps.recorder.models import RecordedPosition, Recorder
from apps.signals.models import Signal, Strategy
from apps.signals.queries import WAITING
from apps.trades import services as engine
from apps.trades.models import Trade

THEN: Final = "first, then archive it"


def archive(*, strategy: Strategy, by: str, source: str = "page") -> Strategy:
    """Put a strategy away: alerts refused, routes ended, recording stopped; all that came of it stays. Again: nothing.

    What its signals and its recorder still follow is followed to its end.

    Raises:  BadRecorder  it holds something, or an order of it works: its exits would be refused
             NoAnswer     the engine did not answer in time; its routes have ended, the rest is as it was
    """
    if strategy.is_archived:
        return strategy
    _at_rest(strategy)
    _end_routes(strategy, source)
    with transaction.atomic():
        strategy = _locked(strategy)
        _at_rest(strategy)  # what an alert did before its routes had ended
        recorder = Recorder.objects.filter(strategy=strategy, is_recording=True).first()
        if recorder is not None:
            recorders.stop(recorder=recorder, by=by)
        strategy.archived_at = timezone.now()
        strategy.save(update_fields=["archived_at"])
        text = "Archived: its alerts are refused, what came of it stays."
        recorders.note(strategy, LogKind.CHANGED, text, by, "archived")
    return strategy


def restore(*, strategy: Strategy, by: str) -> Strategy:
    """Take a strategy out of the archive. Its alerts are taken as before; recording and routes are set anew by hand."""
    with transaction.atomic():
        strategy = _locked(strategy)
        if strategy.is_archived:
            strategy.archived_at = None
            strategy.save(update_fields=["archived_at"])
            text = "Restored from the archive."
            recorders.note(strategy, LogKind.CHANGED, text, by, "restored")
    return strategy


def why_kept(strategy: Strategy) -> str:
    """Return in words why a strategy can't be deleted for good, and what to do instead; empty: it can."""
    name, is_away = strategy.name, strategy.is_archived
    history = (Order.objects, Position.objects, RecordedPosition.objects)
    if (
        Trade.objects.filter(Q(strategy=strategy) | Q(signal__strategy=strategy)).exists()
        or any(rows.filter(strategy=strategy).exists() for rows in history)
    ):  # fmt: skip
        cure = "it stays in the archive" if is_away else "archive it instead"
        return f"{name} has a history; {cure}."
    if queries.undecided(strategy.user, strategy.pk).exists():
        return f"Fills that may be of {name} wait to be settled; say whose they are first."
    if Recorder.objects.filter(strategy=strategy, is_recording=True).exists():
        return f"{name} records; stop it first."
    signals = Signal.objects.filter(strategy=strategy)
    if signals.filter(status__in=WAITING).exists():
        return f"A signal of {name} still waits for its candle or its entry; delete it when that is over."
    if signals.exists() and not is_away:
        return f"{name} has signals, though no trade; archive it first, then it can be deleted."
    return ""


def delete(*, strategy: Strategy, by: str) -> None:
    """Delete a strategy for good, with its recorder, its log and its signals that came to nothing. Fills stay with their account.

    Raises:  BadRecorder  there are trades, orders or positions of it, fills that may be its, or it records
    """
    if why := why_kept(strategy):
        raise BadRecorder("", why)
    for route in Route.objects.filter(strategy=strategy):
        end_route(route=route)
    with transaction.atomic():
        strategy = _locked(strategy)
        if why := why_kept(strategy):
            raise BadRecorder("", why)
        signals = Signal.objects.filter(strategy=strategy).count()
        came = "nothing" if not signals else f"{signals:,} signal{'s' * (signals != 1)}, no trade"
        told = RecorderChanged(
            at=to_instant(timezone.now()), user=strategy.user_id, strategy=strategy.pk,
            strategy_name=strategy.name, what="deleted", text=f"Deleted; {came} had come of it.",
            by=by,
        )  # fmt: skip
        bus.publish(told)  # first, as the engine does: what it tells of may refer to this row
        strategy.delete()


# ---- inside ----


def _at_rest(strategy: Strategy) -> None:
    """Make sure that a strategy holds nothing on this desk: archived, its exit alerts would be refused.

    Raises:  BadRecorder
    """
    name, mine = strategy.name, {"user": strategy.user_id, "place": strategy.pk}
    held = Position.objects.filter(**mine, closed_at__isnull=True).select_related("account").first()
    if held is not None:
        where = f"{name} holds {held.contract} in {held.account.name}"
        raise BadRecorder("", f"{where}: close it on the Trade Manager {THEN}.")
    order = Order.objects.filter(**mine, status__in=OPEN).select_related("account").first()
    if order is not None:
        where = f"An order of {name} works or waits in {order.account.name}"
        raise BadRecorder("", f"{where}: take it back on the Trade Manager {THEN}.")


def _end_routes(strategy: Strategy, source: str) -> None:
    """End a strategy's routes and wait until the engine has heard of the last: from then on no alert of it enters.

    Raises:  NoAnswer
    """
    asked: Any = None
    for route in Route.objects.filter(strategy=strategy):
        asked = end_route(route=route, source=source)
    if asked is not None and bus.answer_to(asked, timeout=engine.PATIENCE_S) is None:
        raise engine.NoAnswer


def _locked(strategy: Strategy) -> Strategy:
    """Return a strategy's row, locked with its recorder's until the transaction is over; that one first, as everywhere."""
    Recorder.objects.select_for_update(no_key=True).filter(strategy=strategy).first()
    found: Strategy = Strategy.objects.select_for_update(no_key=True).get(pk=strategy.pk)
    return found
