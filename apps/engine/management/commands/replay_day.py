"""`manage.py replay_day`: a recorded day once more, from its stored ticks and alerts, compared with what was said live."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from apps.bus.domain.message import HOUR, Fact, Message, to_datetime, told
from apps.bus.models import FactRow
from apps.engine.domain.engine import EngineState, build_engine
from apps.engine.domain.order import InOrder
from apps.engine.live import FRAMES
from apps.engine.running import listed
from apps.marketdata.domain.calendar import chicago
from apps.marketdata.domain.messages import ClockTicked
from apps.marketdata.domain.session import day_bounds
from apps.marketdata.models import TickRow
from apps.marketdata.queries import read_ticks
from apps.marketdata.store import load_candles
from apps.signals.domain.desk import DeskState
from apps.signals.domain.messages import Alert
from apps.signals.models import Signal

BATCH = 8192
OURS = ("signal.", "trade.")


class Command(BaseCommand):
    """Say the facts of one trade date again and show where they differ from those that were told."""

    help = "Replay one recorded trade date and compare its facts with what was said live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the day."""
        parser.add_argument("day", type=date.fromisoformat, help="a trade date, e.g. 2026-01-05")
        parser.add_argument("--contract", help="default: the one with the most ticks that day")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print each fact as a JSON line, marked with = (as told), + (only now) or - (only then)."""
        start, end = day_bounds(chicago(options["day"], 12 * 60))
        contract = options["contract"] or _busiest(start, end)
        if contract is None:
            raise CommandError(
                f"no ticks are stored for the trade date {options['day']}", returncode=2
            )
        signals = list(
            Signal.objects.filter(
                contract=contract,
                received_at__gte=to_datetime(start),
                received_at__lt=to_datetime(end),
            ).order_by("id")
        )
        alerts = sorted(
            (msgspec.convert(row.alert, Alert) for row in signals),
            key=lambda alert: alert.received_at or 0,
        )
        keys = {row.key for row in signals}
        again = {
            fact.key: told(fact)
            for fact in _facts(contract, start, end, alerts)
            if fact.of in keys and fact.at < end
        }
        then = {
            row.key: row.payload
            for row in FactRow.objects.filter(of__in=keys, at_ns__lt=end).order_by("seq")
            if row.name.startswith(OURS) and not row.cause
        }
        differing = 0
        for key in sorted({*again, *then}, key=lambda key: (again.get(key) or then[key])["at"]):
            same = again.get(key) == then.get(key)
            differing += not same
            for mark, told_then in (("=", again),) if same else (("-", then), ("+", again)):
                if key in told_then:
                    self.stdout.write(f"{mark} {json.dumps(told_then[key], sort_keys=True)}")
        self.stderr.write(f"{contract} {options['day']}: {len(again)} facts, {differing} differ")
        if differing:
            raise CommandError("the replay does not say what was said live", returncode=1)


def _busiest(start: int, end: int) -> str | None:
    counts = (
        TickRow.objects.filter(ts_ns__gte=start, ts_ns__lt=end)
        .values("contract")
        .annotate(ticks=Count("tick_id"))
        .order_by("-ticks")
    )
    first = counts.first()
    return first["contract"] if first else None


def _facts(contract: str, start: int, end: int, alerts: list[Alert]) -> Iterator[Fact]:
    for said in _run(contract, start, end, alerts):
        if isinstance(said, Fact):
            yield said


def _run(contract: str, start: int, end: int, alerts: list[Alert]) -> Iterator[Message]:
    """Run the engine from the candles before the day; signals of earlier days are not known to it."""
    frames = (60, *FRAMES, 300, 900, 3600, 14_400, 86_400)
    candles = {
        (contract, seconds): load_candles(contract, seconds, until=start) for seconds in frames
    }
    engine = build_engine(EngineState(signals=DeskState(candles=candles)), frames=FRAMES)
    order = InOrder(engine, alerts)
    yield from engine.handle(listed(contract, start))
    batch = []
    for tick in read_ticks(contract, start, end):
        batch.append(tick)
        if len(batch) == BATCH:
            yield from order.ticks(contract, batch)
            batch = []
    yield from order.ticks(contract, batch)
    last = engine.market.tapes[contract].last_at
    yield from order.until(last + HOUR)
    yield from engine.handle(ClockTicked(last))
