"""Reads for pages and API; every function takes the user first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone

from apps.brokers.models import BrokerAccount, BrokerFill
from apps.brokers.queries import FILE, prices_of
from apps.bus.domain.message import SECOND, to_datetime, to_instant
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument
from apps.recorder import figures, reading, working
from apps.recorder.domain.reading import Unread
from apps.recorder.domain.terms import Reason
from apps.recorder.figures import Made
from apps.recorder.models import RecordedFill, RecordedPosition, Recorder, RecorderLog
from apps.recorder.working import Protection
from apps.signals.models import Strategy

ZERO = Decimal("0.0000")


def broker_accounts(user: Any) -> QuerySet[BrokerAccount]:
    """Return a trader's accounts at brokers whose logins are still his, and those that he keeps for files."""
    mine: QuerySet[BrokerAccount] = BrokerAccount.objects.of(user).select_related(
        "connection", "account"
    )
    return mine.filter(connection__is_removed=False)


def broker_account(user: Any, pk: int) -> BrokerAccount | None:
    """Return one of a trader's accounts at brokers, None if he has no such one."""
    return broker_accounts(user).filter(pk=pk).first()


def strategies(user: Any) -> QuerySet[Strategy]:
    """Return a trader's strategies with their recorders, oldest first."""
    mine: QuerySet[Strategy] = Strategy.objects.of(user).order_by("id")
    return mine.select_related("recorder__account__connection", "recorder__account__account")


def strategy(user: Any, pk: int) -> Strategy | None:
    """Return one of a trader's strategies, None if he has no such one."""
    return strategies(user).filter(pk=pk).first()


def recorder_of(strategy: Strategy) -> Recorder | None:
    """Return a strategy's recorder, None if it only takes alerts."""
    found: Recorder | None = getattr(strategy, "recorder", None)
    return found


def positions(user: Any) -> QuerySet[RecordedPosition]:
    """Return a trader's recorded positions but those that a reset left out, newest first."""
    rows: QuerySet[RecordedPosition] = RecordedPosition.objects.of(user).filter(
        Q(closed_ns__isnull=True)
        | Q(strategy__recorder__isnull=True)
        | Q(closed_ns__gt=F("strategy__recorder__reset_ns"))
    )
    return rows.select_related("account", "strategy").order_by("-opened_ns", "-id")


def undecided(user: Any, strategy: int | None = None) -> QuerySet[RecordedFill]:
    """Return the shares of fills of which only a person can say whose they are, oldest first."""
    rows = RecordedFill.objects.filter(fill__user_id=user.pk, reason=Reason.AMBIGUOUS)
    if strategy is not None:
        rows = rows.filter(_any(one for one, _many in _undecided_of(user) if strategy in one))
    return rows.select_related("fill", "fill__account").order_by("fill__at_ns", "fill_id", "part")


def _undecided_of(user: Any) -> list[tuple[list[int], int]]:
    """Return the few sets of strategies that undecided shares may be of, each with how many they are."""
    rows = RecordedFill.objects.filter(fill__user_id=user.pk, reason=Reason.AMBIGUOUS)
    return list(rows.order_by().values_list("candidates").annotate(many=Count("pk")))


def _any(candidates: Iterable[list[int]]) -> Q:
    found = Q(pk__in=[])
    for one in candidates:
        found |= Q(candidates=one)
    return found


def shares_of(rows: Iterable[RecordedPosition]) -> dict[int, list[RecordedFill]]:
    """Return the fills of positions with whose they are and why, by the position's number, in their order."""
    found: dict[int, list[RecordedFill]] = {}
    shares = RecordedFill.objects.filter(position__in=[row.pk for row in rows]).select_related(
        "fill"
    )
    for share in sorted(shares, key=lambda one: (one.fill.at_ns, one.fill_id, one.part)):
        found.setdefault(int(share.position_id or 0), []).append(share)
    return found


def fill(user: Any, pk: int) -> BrokerFill | None:
    """Return one of the fills of a trader's accounts, None if he has no such one."""
    found: BrokerFill | None = (
        BrokerFill.objects.of(user).select_related("account").filter(pk=pk).first()
    )
    return found


def log(user: Any, strategy: int) -> QuerySet[RecorderLog]:
    """Return the log of one of a trader's recorders, newest first."""
    rows: QuerySet[RecorderLog] = RecorderLog.objects.of(user).filter(strategy_id=strategy)
    return rows


@dataclass(frozen=True)
class RecordedView:
    """A recorded position as it is read: averages on money's grid, and against the last price while it is open.

    unread:     why its account is not read now, so that it may stand otherwise; None: it is read, or nobody asked
    protection: the stops that work for it at the broker; None: it is closed, or nobody asked
    """

    row: RecordedPosition
    last: Decimal | None
    fills: Sequence[RecordedFill] = ()
    unread: Unread | None = None
    protection: Protection | None = None

    @property
    def instrument(self) -> Instrument | None:
        """Return what it is a position of; None: the desk does not know it."""
        return INSTRUMENTS.get(self.row.root)

    @property
    def is_open(self) -> bool:
        """Return whether something is held."""
        return self.row.closed_ns is None

    @property
    def side(self) -> str:
        """Return long or short."""
        return "long" if self.row.sign > 0 else "short"

    @property
    def opened_at(self) -> datetime:
        """Return when it was opened."""
        return to_datetime(self.row.opened_ns)

    @property
    def closed_at(self) -> datetime | None:
        """Return when it was flat again."""
        return None if self.row.closed_ns is None else to_datetime(self.row.closed_ns)

    @property
    def entry(self) -> Decimal:
        """Return the average price of its entries, without needless zeros."""
        return self._price(self.row.entry)

    @property
    def held_at(self) -> Decimal | None:
        """Return the average price of the contracts that are still held, the first ones closed first; None: none are."""
        return self._price(self.row.cost / self.row.size) if self.row.size else None

    @property
    def exit(self) -> Decimal | None:
        """Return the average price of its exits."""
        return None if self.row.exit is None else self._price(self.row.exit)

    @property
    def net(self) -> Decimal | None:
        """Return what it made after the fees that are known; None: it cannot be valued."""
        return None if self.row.realized is None else self.row.realized - self.row.fees

    @property
    def unrealized(self) -> Decimal | None:
        """Return what its open contracts would make at the last price."""
        if not self.is_open or self.instrument is None or self.last is None:
            return None
        apart = (self.last * self.row.size - self.row.cost) * self.row.sign
        return (apart * self.instrument.point_value).quantize(ZERO)

    @property
    def made_so_far(self) -> Decimal | None:
        """Return what an open position would have made if it were closed at the last price, after the fees that are known."""
        if self.unrealized is None or self.net is None:
            return None
        return self.net + self.unrealized

    @property
    def r_so_far(self) -> Fraction | None:
        """Return the same over what was at risk at its first stop, None without one."""
        if self.made_so_far is None or not self.row.risk:
            return None
        return Fraction(self.made_so_far) / Fraction(self.row.risk)

    @property
    def r(self) -> Fraction | None:
        """Return what it made over what was at risk, None without a stop or while it is open."""
        if self.is_open or self.net is None or not self.row.risk:
            return None
        return Fraction(self.net) / Fraction(self.row.risk)

    @property
    def mfe(self) -> Decimal | None:
        """Return the dollars that it was ahead at best, with what was closed by then; None: not known."""
        best: Decimal | None = self.row.mfe
        return best

    @property
    def mae(self) -> Decimal | None:
        """Return the dollars that it was behind at worst, 0 or less; None: not known."""
        worst: Decimal | None = self.row.mae
        return worst

    @property
    def otherwise(self) -> list[str]:
        """Return where it was traded otherwise than its strategy says, in sentences."""
        return [str(one["text"]) for one in self.row.deviations]

    def _price(self, price: Decimal) -> Decimal:
        if self.instrument is not None:
            grid = Decimal(1).scaleb(-self.instrument.decimals)
            if price == price.quantize(grid):
                return price.quantize(grid)
        return round(price, 4).normalize() + 0

    @property
    def seconds(self) -> int | None:
        """Return how long it was held."""
        closed = self.row.closed_ns
        return None if closed is None else (closed - self.row.opened_ns) // SECOND


def views(rows: Iterable[RecordedPosition], *, with_fills: bool = False) -> list[RecordedView]:
    """Return positions as they are read, against the prices of the moment."""
    listed = list(rows)
    lasts = prices_of({row.contract for row in listed if row.closed_ns is None and row.root})
    fills = shares_of(listed) if with_fills else {}
    return [
        RecordedView(
            row, lasts[row.contract].last if row.contract in lasts else None, fills.get(row.pk, ())
        )
        for row in listed
    ]


def held_views(rows: Iterable[RecordedPosition], wall: int) -> list[RecordedView]:
    """Return open positions as they are read, with the stops at their brokers and whether those are read at all."""
    listed = list(rows)
    stops = working.protections(listed)
    return [
        replace(
            view, unread=reading.unread(view.row.account, wall), protection=stops[view.row.pk]
        )
        for view in views(listed)
    ]  # fmt: skip


@dataclass(frozen=True)
class BoundView:
    """A strategy with its recorder, on a trade date."""

    strategy: Strategy
    day: date

    @cached_property
    def recorder(self) -> Recorder | None:
        """Return its recorder, None if it only takes alerts."""
        return recorder_of(self.strategy)


@dataclass(frozen=True)
class RecorderView(BoundView):
    """A strategy at a glance: what it is, how it stands today, and what was last heard of it.

    wall: the wall clock's time at which that is, ns UTC
    """

    wall: int
    closed: int
    made: Made
    held: Sequence[RecordedView]
    last: RecorderLog | None
    waiting: int
    secret: str = ""

    @cached_property
    def unread(self) -> Unread | None:
        """Return why what it should record is not read; None: it is read, only files tell of it, or nothing is recorded."""
        account = self.recorder.account if self.recorder else None
        if (
            account is None
            or account.connection.broker == FILE
            or not ((self.recorder and self.recorder.is_recording) or self.held)
        ):
            return None
        return reading.unread(account, self.wall)

    @property
    def is_old(self) -> Unread | None:
        """Return why what is held may stand otherwise by now; None: all of its accounts are read."""
        return next((one.unread for one in self.held if one.unread is not None), None)

    @property
    def not_read(self) -> str:
        """Return the same in a sentence, empty while it is read."""
        account = self.recorder.account if self.recorder else None
        return reading.words(account, self.unread) if account and self.unread else ""

    @property
    def net_today(self) -> Decimal:
        """Return what was closed today, after fees."""
        return self.made.net_today

    @property
    def fees_unknown(self) -> int:
        """Return of how many closed positions the broker has not said all fees yet."""
        return self.made.fees_unknown

    @property
    def fees_unknown_today(self) -> int:
        """Return the same of those that were closed today."""
        return self.made.fees_unknown_today

    @property
    def net(self) -> Decimal:
        """Return what was closed in all its history, after fees."""
        return self.made.net

    @property
    def win_rate(self) -> Fraction | None:
        """Return wins / trades, as analytics defines both."""
        return self.made.win_rate

    @property
    def unvalued(self) -> int:
        """Return how many closed positions are in no figure, because nobody knows what their contract is worth."""
        return self.closed - self.made.trades

    @property
    def open_positions(self) -> int:
        """Return how many positions are open."""
        return len(self.held)

    @property
    def unrealized(self) -> Decimal | None:
        """Return what is open at the last prices; None: nothing is, or a price is missing."""
        made = [one.unrealized for one in self.held]
        return (
            sum((one for one in made if one is not None), ZERO)
            if None not in made and made
            else None
        )


def recorder_views(
    user: Any, day: date, rows: Iterable[Strategy] | None = None
) -> list[RecorderView]:
    """Return a trader's strategies at a glance, in a number of queries that does not grow with them.

    rows: which ones; None: all that are not archived
    """
    known = strategies(user).filter(archived_at__isnull=True) if rows is None else rows
    listed = list(known)
    numbers, wall = [one.pk for one in listed], to_instant(timezone.now())
    mine = positions(user).filter(strategy__in=numbers)
    flat = mine.filter(closed_ns__isnull=False).select_related(None).order_by()
    closed: dict[int, int] = dict(flat.values_list("strategy").annotate(Count("pk")))
    made = figures.of_strategies(user, numbers, day)
    held: dict[int, list[RecordedView]] = {}
    still = mine.filter(closed_ns__isnull=True).select_related("account__connection", "strategy")
    for view in held_views(still, wall):
        held.setdefault(view.row.strategy_id, []).append(view)
    last = _last_lines(user, numbers)
    waiting = _undecided_of(user)
    return [
        RecorderView(
            one, day, wall, closed.get(one.pk, 0), made[one.pk], held.get(one.pk, ()),
            last.get(one.pk), sum(many for candidates, many in waiting if one.pk in candidates),
        )
        for one in listed
    ]  # fmt: skip


def _last_lines(user: Any, strategies: Sequence[int]) -> dict[int, RecorderLog]:
    newest = (
        RecorderLog.objects.of(user)
        .filter(strategy__in=strategies)
        .order_by()
        .values("strategy")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    return {row.strategy_id: row for row in RecorderLog.objects.filter(pk__in=newest)}
