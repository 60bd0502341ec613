"""What waits in the inbox: when it is looked at, what it asks, and whether the market has a say in it."""

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.contrib.auth import get_user_model

from apps.brokers.domain.account import Kind
from apps.brokers.domain.books import Books
from apps.brokers.domain.live_facts import ExitNotSent
from apps.brokers.domain.messages import (
    BookDifference,
    CancelAll,
    CancelOrder,
    ClosePosition,
    Flatten,
    ReportBroker,
    ReportFees,
)
from apps.brokers.domain.ports import FeedItem, TicksArrived
from apps.brokers.lapsing import of_press
from apps.brokers.models import Account
from apps.bus import transport
from apps.bus.domain.message import MINUTE, Command, Fact, decode_command
from apps.bus.models import Inbox
from apps.marketdata.domain.messages import ClockTicked
from apps.signals.domain import posted
from apps.signals.domain.messages import Alert, OrderAlertRefused
from apps.signals.models import Strategy
from apps.trades.domain.messages import CommandRefused

log = logging.getLogger(__name__)

EVERY = 0.05  # seconds between two looks where nobody rings
AT_ONCE = 500  # rows of one look


class InboxReader:
    """The inbox as the engine reads it: by the bell, now and then, and before a new minute begins.

    The last because an alert that was stored before the market went on has to be heard first. An alert that waits
    for its market time is held: its row is not read again, and counts as handled when it was taken in.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen = 0.0
        self._minute = 0
        self._held: dict[str, int] = {}
        self._has_heard_bell = threading.Event()

    def hear_bell(self, stop: threading.Event, wake: Callable[[], None]) -> None:
        """Let the bell wake the engine as a tick does, until it stops: a click need not wait for the market."""
        bell = transport.inbox_waiting()
        while not stop.is_set():
            if bell.wait(1.0):
                self._has_heard_bell.clear()
                wake()
                self._has_heard_bell.wait(1.0)

    def look_at_once(self) -> None:
        """Let the next look be now: wishes that came meanwhile are next."""
        self._seen = 0.0

    def waiting(self, item: FeedItem | None) -> Iterable[Inbox]:
        """Return the rows to be read before this item of the feed is heard, oldest first; mostly none."""
        bell, now = transport.inbox_waiting(), self._monotonic()
        minute = _minute(item)
        is_new = minute is not None and minute != self._minute
        if is_new and minute is not None:
            self._minute = minute
        if not (bell.is_set() or is_new or now - self._seen >= EVERY):
            return ()
        bell.clear()
        self._has_heard_bell.set()
        self._seen = now
        rows = Inbox.objects.filter(handled=False).exclude(pk__in=self._held.values())
        return rows.order_by("id")[:AT_ONCE]

    def hold(self, alert: Alert, row: Inbox) -> None:
        """Note that an alert waits for its market time."""
        self._held[alert.id] = row.pk

    def let_go(self, alerts: Iterable[Alert]) -> list[int]:
        """Return the rows of the alerts that were held and wait no longer, given those that still do."""
        if not self._held:
            return []
        waiting = {alert.id for alert in alerts}
        return [self._held.pop(id) for id in [id for id in self._held if id not in waiting]]


def read(row: Inbox) -> Command | None:
    """Return what a row asks; None, and a warning in the log, where nobody could keep what came of it."""
    try:
        command = decode_command(row.kind, row.payload)
    except (KeyError, ValueError):
        log.warning("inbox row %s of kind %s can't be read", row.pk, row.kind)
        return None
    if not _has_owner(command, row.user_id):
        log.warning("inbox row %s belongs to nobody any more", row.pk)
        return None
    return command


def waits_for_no_market(command: Command, books: Books) -> bool:
    """Return whether a wish is none of the market's: what a broker did is done, and nobody stays in for want of a feed."""
    is_kill = isinstance(command, Flatten) and command.is_kill
    is_done = isinstance(command, ReportBroker | ReportFees | BookDifference)
    return is_kill or is_done or _gets_out(command, books)


def expired(row: Inbox, command: Command, at: int) -> Fact:
    """Return what is told of a wish that came too late."""
    if isinstance(command, posted.TakeOrderAlert):
        return OrderAlertRefused(
            at=at, user=row.user_id, alert=command.id, action=command.action,
            symbol=command.symbol or "", reason="EXPIRED",
            detail=f"it came too late: {command.expires_s} s are allowed by its own time",
        )  # fmt: skip
    return CommandRefused(
        at=at, user=row.user_id, command=str(row.pk), reason="EXPIRED",
        detail="it came too late to be carried out",
    )  # fmt: skip


def at_brokers(command: Command, books: Books) -> list[int]:
    """Return the accounts at brokers that a press would get out of; of a wish that is no such press none.

    Such a press ages: read late, it would find another position than the one that was meant.
    """
    match command:
        case Flatten() | ClosePosition():
            account = command.account
        case _:
            return []
    return [
        one.id
        for one in books.accounts.values()
        if account in (0, one.id) and one.user == command.user and one.kind is not Kind.PAPER
    ]


def lapsed(row: Inbox, accounts: Iterable[int], at: int, age: timedelta) -> list[ExitNotSent]:
    """Return what is told of a press that came too late for these accounts."""
    rows = Account.objects.filter(pk__in=list(accounts)).order_by("pk")
    return [told for one in rows for told in of_press(f"press.{row.pk}", one, at, age)]


def _has_owner(command: Command, user: int) -> bool:
    """Return whether user and strategy are still there; without them nothing could be kept."""
    if isinstance(command, Alert | posted.Posted):
        return Strategy.objects.filter(pk=command.strategy, user_id=user).exists()
    return get_user_model().objects.filter(pk=user).exists()


def _gets_out(command: Command, books: Books) -> bool:
    """Return whether a wish only takes back or closes something at a broker, who has his own prices."""
    account = 0
    match command:
        case Flatten() | CancelAll():
            account = command.account
        case ClosePosition() if not command.reverse:
            account = command.account
        case CancelOrder() if command.order in books.orders:
            account = books.orders[command.order].account
        case _:
            return False
    mine = [one for one in books.accounts.values() if account in (0, one.id)]
    return any(one.kind is not Kind.PAPER and one.user == command.user for one in mine)


def _minute(item: FeedItem | None) -> int | None:
    match item:
        case TicksArrived(ticks=ticks) if ticks:
            return ticks[-1].at // MINUTE
        case ClockTicked(at=at):
            return at // MINUTE
        case _:
            return None
