"""The ledger of days: what is known of each account and trade date, swept after the close, alarmed before it is forgotten."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from apps.brokers.domain.order import Side
from apps.brokers.mirror import BY_FILE
from apps.brokers.models import BrokerAccount, BrokerFill, BrokerPosition, Connection
from apps.bus import bus
from apps.bus.domain.message import MINUTE, iso, to_datetime, to_instant
from apps.marketdata.domain.calendar import Calendar
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS
from apps.marketdata.queries import calendar as kept_calendar
from apps.recorder.domain.completeness import (
    QUIET_POLL,
    Completeness,
    Day,
    Session,
    judge,
    session_at,
    session_before,
    session_on,
    short_of,
)
from apps.recorder.domain.gaps import RecorderGap
from apps.recorder.models import AccountDayMark, ImportedRow

LOOK_BACK: Final = 10  # sessions that a desk which was off makes up for
Poll = Callable[[Connection], Any]


# ---- by the clock ----


def look(now: int, poll: Poll | None = None) -> int:
    """Sweep what is due at an instant (ns UTC, the wall clock's), and call owners; return how many days were marked.

    poll: reads a connection's lists into our rows and moves its `polled_at`; without one the regular polls have to do
    """
    calendar = kept_calendar()
    marked = 0
    session = session_at(now, calendar)
    for connection in Connection.objects.filter(accounts__is_open=True, is_on=True).distinct():
        is_due = session is not None and now >= session.sweep_from
        if (
            poll is not None
            and session is not None
            and is_due
            and not _was_read(connection, session)
        ):
            poll(connection)
            connection.refresh_from_db()
        for account in connection.accounts.filter(is_open=True).select_related("connection"):
            marked += _catch_up(account, now, calendar)
            if session is not None:
                marked += _look_at(account, session, now, calendar)
    return marked


def _was_read(connection: Connection, session: Session) -> bool:
    """Return whether its lists were read when the session was over and still remembered."""
    at = _read_at(connection)
    return at is not None and session.sweep_from <= at < session.forgets


def _read_at(connection: Connection) -> int | None:
    return None if connection.polled_at is None else to_instant(connection.polled_at)


def _look_at(account: BrokerAccount, session: Session, now: int, calendar: Calendar) -> int:
    failing = _failing(account.connection, session, now)
    if now >= session.sweep_from:
        swept = _was_read(account.connection, session)
        row = AccountDayMark.objects.filter(account=account, trade_date=session.day).first()
        if row is not None and row.swept_at is not None:
            return 0
        row = mark(account, session, now, calendar, swept=swept, failing="" if swept else failing)
        if swept:
            _alarm_if_short(account, session, row, now, calendar)
        else:
            alarm(
                account,
                session,
                now,
                failing or "the broker's lists could not be read after the close",
            )
        return 1
    if failing and now >= session.alarm_from:
        mark(account, session, now, calendar, failing=failing)
        alarm(account, session, now, failing)
        return 1
    return 0


def _failing(connection: Connection, session: Session, now: int) -> str:
    """Return why the broker is not being read, empty while it is."""
    last = _read_at(connection)
    if last is not None and last >= max(now - QUIET_POLL, session.opens - QUIET_POLL):
        return ""
    since = "yet" if last is None else f"since {iso(last)[:16].replace('T', ' ')} UTC"
    why = f": {connection.reason}" if connection.reason else ""
    return f"{connection.name} was not read {since}{why}"[:200]


def alarm(account: BrokerAccount, session: Session, now: int, reason: str) -> None:
    """Call the owner, once per account and day."""
    with transaction.atomic():
        called = AccountDayMark.objects.filter(
            account=account, trade_date=session.day, alarmed_at=None
        ).update(alarmed_at=to_datetime(now))
        if called:
            fact = RecorderGap(
                at=now, user=account.user_id, account=account.pk, account_name=str(account),
                trade_date=session.day, reason=reason, deadline=session.closes,
            )  # fmt: skip
            bus.publish(fact)


def _catch_up(account: BrokerAccount, now: int, calendar: Calendar) -> int:
    """Mark sessions that went by while the desk was off: nobody read them, so they are gaps until a file fills them."""
    began = to_instant(account.created_at)
    days: list[Session] = []
    session = session_before(calendar.trade_date(now), calendar)
    while session is not None and len(days) < LOOK_BACK and session.opens >= began:
        if now >= session.forgets:
            days.append(session)
        session = session_before(session.day, calendar)
    there = set(
        account.days.filter(trade_date__in=[one.day for one in days]).values_list(
            "trade_date", flat=True
        )
    )
    missing = [one for one in reversed(days) if one.day not in there]
    for one in missing:
        mark(account, one, now, calendar)
    return len(missing)


# ---- marking ----


def mark(
    account: BrokerAccount, session: Session, now: int, calendar: Calendar, *, swept: bool = False, failing: str = "",
) -> AccountDayMark:  # fmt: skip
    """Write down what is known of a day. A sweep that was made stays made, whatever is said later."""
    with transaction.atomic():
        row, _ = AccountDayMark.objects.select_for_update(no_key=True).get_or_create(
            account=account, trade_date=session.day, defaults={"why": "Nobody looked yet."}
        )
        if swept and row.swept_at is None:
            row.swept_at = account.connection.polled_at
            row.held, row.cash = _held(account), account.balance
        row.failing = failing or ("" if row.swept_at else row.failing)
        day = _day(account, session, row, now, calendar)
        row.state, row.why = judge(day)
        row.fills = day.fills
        row.save()
    return row


def judge_again(account: BrokerAccount, days: Iterable[date], now: int) -> None:
    """Judge days anew after their fills changed: a file was imported, or undone."""
    calendar = kept_calendar()
    for day in sorted(set(days)):
        session = session_on(day, calendar)
        if session is not None:
            mark(account, session, now, calendar)


def told_late(account: BrokerAccount, days: Iterable[date], now: int) -> None:
    """Judge swept days anew of whose fills the broker said something since: one more, one that was taken back.

    A late fee alone is not judged: money was compared at the sweep. What is held by now counts where it makes the day add
    up while the broker remembers it; its lists may have been read one before the other.
    """
    calendar = kept_calendar()
    for row in account.days.filter(trade_date__in=set(days), swept_at__isnull=False):
        session = session_on(row.trade_date, calendar)
        if session is None:
            continue
        day = _day(account, session, row, now, calendar)
        if day.fills == row.fills and not short_of(day):
            continue
        held = _held(account)
        if now < session.forgets and short_of(day) and not short_of(replace(day, held_after=held)):
            row.held, row.cash = held, account.balance
            row.save(update_fields=["held", "cash"])
        row = mark(account, session, now, calendar)
        _alarm_if_short(account, session, row, now, calendar)


def _held(account: BrokerAccount) -> dict[str, int]:
    """Return what the broker says is held, net contracts by contract."""
    held = BrokerPosition.objects.filter(account=account).exclude(net=0)
    return dict(held.values_list("contract", "net"))


def _alarm_if_short(
    account: BrokerAccount, session: Session, row: AccountDayMark, now: int, calendar: Calendar
) -> None:
    """Call the owner while the broker still remembers a day whose fills do not add up to what it holds."""
    if now < session.forgets and short_of(_day(account, session, row, now, calendar)):
        alarm(account, session, now, row.why.rstrip("."))


def _day(
    account: BrokerAccount, session: Session, row: AccountDayMark, now: int, calendar: Calendar
) -> Day:
    fills = list(BrokerFill.objects.filter(account=account, trade_date=session.day, is_active=True))
    before = session_before(session.day, calendar)
    earlier = (
        None
        if before is None
        else account.days.filter(trade_date=before.day, swept_at__isnull=False).first()
    )
    traded: dict[str, int] = defaultdict(int)
    for fill in fills:
        traded[fill.contract] += Side(fill.side).sign * fill.quantity
    unsettled = ImportedRow.objects.filter(
        account=account, state=ImportedRow.State.CONFLICT, at_ns__gte=session.opens - 60 * MINUTE,
        at_ns__lt=session.closes + 60 * MINUTE,
    )  # fmt: skip
    flat = not row.held and earlier is not None and not earlier.held
    change = None
    if earlier is not None and earlier.cash is not None and row.cash is not None:
        change = row.cash - earlier.cash
    return Day(
        is_over=now >= session.closes,
        swept=row.swept_at is not None,
        held_before=earlier.held if earlier else None,
        traded={contract: net for contract, net in traded.items() if net},
        held_after=row.held,
        fills=len(fills),
        of_files=sum(fill.source.startswith(BY_FILE) for fill in fills),
        unsettled=unsettled.values("key").distinct().count(),
        failing=row.failing,
        made=_made(fills) if flat else None,
        cash_change=change,
    )


def _made(fills: Sequence[BrokerFill]) -> Decimal | None:
    """Return what fills from flat to flat made after fees; None where a contract has no known value, or a fee is not said."""
    made = Decimal(0)
    for fill in fills:
        try:
            value = INSTRUMENTS[root_of(fill.contract)].point_value
        except UnknownSymbol:
            return None
        paid = fill.paid
        if paid is None:
            return None
        made -= Side(fill.side).sign * fill.quantity * fill.price * value + paid
    return round(made, 4)


# ---- reading ----


@dataclass(frozen=True, slots=True)
class Cell:
    """A trade date of an account as it is shown. `state` is empty where the exchange was closed, or it is yet to come."""

    day: date
    state: str
    why: str
    fills: int = 0


def days_of(account: BrokerAccount, first: date, last: date, now: int) -> list[Cell]:
    """Return each weekday of a stretch, oldest first, in a handful of queries."""
    calendar = kept_calendar()
    marks = {row.trade_date: row for row in account.days.filter(trade_date__range=(first, last))}
    fills = _fills_by_day(
        BrokerFill.objects.filter(account=account, trade_date__range=(first, last))
    )
    cells = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() > 4:
            continue
        row, session, count = marks.get(day), session_on(day, calendar), fills.get(day, 0)
        if row is not None:
            cells.append(Cell(day, row.state, row.why, count))
        elif session is None:
            cells.append(Cell(day, "", "The exchange was closed."))
        elif session.opens > now:
            cells.append(Cell(day, "", "Not yet."))
        else:
            why = (
                "Before the desk knew this account."
                if session.closes < to_instant(account.created_at)
                else "Nobody looked yet."
            )
            cells.append(Cell(day, Completeness.UNKNOWN, why, count))
    return cells


def _fills_by_day(fills: QuerySet[BrokerFill]) -> dict[date, int]:
    counted = (
        fills.order_by()
        .values_list("trade_date")
        .annotate(count=Count("pk", filter=Q(is_active=True)))
    )
    return dict(counted)
