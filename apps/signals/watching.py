"""Noticing that alerts have stopped: looked at every minute, told once per silence, and told as over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.bus import bus, transport
from apps.bus.domain.message import MINUTE, to_instant
from apps.bus.models import Inbox
from apps.marketdata.domain.calendar import Calendar
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.queries import calendar as kept_calendar
from apps.signals.domain.quiet import AlertsResumed, AlertsStopped
from apps.signals.domain.silence import NEVER, Silence, habits_of, judge, learns_from, open_time
from apps.signals.models import AlertWatch, Strategy, WebhookRefusal

ASLEEP: Final = timedelta(
    minutes=10
)  # nobody looked for so long: the desk was off, not TradingView
LOOKED_AT: Final = 2_000  # alerts of one strategy, the latest

log = structlog.get_logger(__name__)


def market_now() -> int | None:
    """Return the time by which alerts are received, ns UTC: the wall clock's on a real market, else the market's own."""
    return (
        to_instant(timezone.now()) if settings.MARKET == "tradovate" else transport.market_time().at
    )


def look(now: int | None, wall: datetime) -> int:
    """Look at every strategy at a market time; return how many silences began or ended. Looking again changes nothing."""
    if now is None:
        return 0
    calendar = kept_calendar()
    ids = list(Strategy.objects.order_by("pk").values_list("pk", flat=True))
    return sum(_tried(pk, now, wall, calendar) for pk in ids)


def _tried(pk: int, now: int, wall: datetime, calendar: Calendar) -> bool:
    """Look at one strategy; what is wrong with it must not keep the others from being looked at."""
    try:
        return _look_at(pk, now, wall, calendar)
    except Exception:
        log.exception("alerts.unwatched", strategy=pk)
        return False


def _look_at(pk: int, now: int, wall: datetime, calendar: Calendar) -> bool:
    with transaction.atomic():
        strategy = Strategy.objects.filter(pk=pk).first()
        if strategy is None:
            return False
        AlertWatch.objects.get_or_create(
            strategy=strategy, defaults={"listens_since_ns": now, "looked_at": wall}
        )
        watch = AlertWatch.objects.select_for_update(no_key=True).get(strategy=strategy)
        slept, watch.looked_at = wall - watch.looked_at > ASLEEP, wall
        is_off = not strategy.is_active or strategy.is_archived or strategy.quiet_minutes == NEVER
        if is_off or slept or now < watch.listens_since_ns:
            watch.listens_since_ns = now
        if is_off or now < (watch.silent_since_ns or 0):
            watch.silent_since_ns = watch.told_ns = None
        if slept and not is_off:
            watch.breaks = [*watch.breaks, now]
        changed = False if is_off else _judged(strategy, watch, now, calendar)
        watch.save()
    return changed


def _judged(strategy: Strategy, watch: AlertWatch, now: int, calendar: Calendar) -> bool:
    group = instrument(root_of(strategy.symbol)).group
    begin = learns_from(now, calendar, group)
    watch.breaks = [at for at in watch.breaks if begin <= at <= now]
    times = arrivals(strategy, begin, now)
    changed = False
    if watch.silent_since_ns is not None:
        silent_since = watch.silent_since_ns
        came = next((at for at in times if at > silent_since), None)
        if came is None:
            return False
        _tell_resumed(strategy, watch, came, times, calendar, group)
        watch.silent_since_ns = watch.told_ns = None
        changed = True
    found = judge(
        times, listens_since=watch.listens_since_ns, breaks=watch.breaks,
        minutes=strategy.quiet_minutes, now=now, calendar=calendar, group=group,
    )  # fmt: skip
    if found.is_too_long:
        _tell_stopped(strategy, found, times, now)
        watch.silent_since_ns, watch.told_ns = found.since, now
        watch.breaks = [*watch.breaks, found.since + 1]  # inside this pause, which is no habit
        changed = True
    return changed


def arrivals(strategy: Strategy, since: int, until: int) -> list[int]:
    """Return when a strategy's accepted alerts were received, market time, oldest first."""
    rows = _alerts(strategy).filter(market_at__gte=since, market_at__lte=until)
    latest = rows.order_by("-market_at").values_list("market_at", flat=True)[:LOOKED_AT]
    return sorted(at for at in latest if at is not None)


def _alerts(strategy: Strategy) -> QuerySet[Inbox, Any]:
    return Inbox.objects.filter(of=of(strategy.pk))


def of(strategy: int) -> str:
    """Return by which name the inbox knows the alerts of a strategy."""
    return f"strategy:{strategy}"


def _tell_stopped(strategy: Strategy, found: Silence, times: Sequence[int], now: int) -> None:
    assert found.limit is not None
    refused = WebhookRefusal.objects.filter(strategy=strategy)
    last = _alerts(strategy).order_by("-market_at").first() if times else None
    if last is not None:
        refused = refused.filter(received_at__gt=last.received_at)
    bus.publish(
        AlertsStopped(
            at=now, user=strategy.user_id, strategy=strategy.pk, strategy_name=strategy.name,
            since=found.since, last_at=times[-1] if times else None, quiet_min=found.quiet // MINUTE,
            limit_min=found.limit // MINUTE, why=str(found.why), burst=found.burst,
            sessions=tuple(map(str, found.habits.sessions)), refused=refused.count(),
        )
    )  # fmt: skip


def _tell_resumed(
    strategy: Strategy, watch: AlertWatch, came: int, times: Sequence[int], calendar: Calendar, group: str
) -> None:  # fmt: skip
    since = watch.silent_since_ns
    assert since is not None
    usual = habits_of([at for at in times if at < came], watch.breaks, calendar, group).sessions
    quiet = open_time(since, came, usual, calendar, group)
    bus.publish(
        AlertsResumed(
            at=came, user=strategy.user_id, strategy=strategy.pk, strategy_name=strategy.name,
            since=since, quiet_min=quiet // MINUTE,
        )
    )  # fmt: skip
