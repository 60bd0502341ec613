"""A trading day or week is over: what it came to, from the same figures as every page, once per trader and period.

A day of the desk is over when every open account of a trader has begun the next one, each by the reset of its own
rules; a day of his recorders when the exchange has begun the next one. Who has both is told of a day when both are over.
What recorders found stands apart from the desk's own, and what both saw is told by the recorder alone.

What ended while the desk was off is summed up when it is back: the last week on which something was closed, and the last
such day. Days before that are in their week, so they are not told one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from django.db.models import Max, Min

from apps.analytics import queries as analytics
from apps.analytics.books import Scope
from apps.analytics.domain.money import in_cents
from apps.analytics.domain.performance import Figures, measure
from apps.analytics.domain.periods import monday
from apps.analytics.queries import Closed
from apps.brokers.domain.telling import money
from apps.brokers.models import Account, AccountDay
from apps.bus.domain.message import to_instant
from apps.marketdata.domain.calendar import Calendar
from apps.marketdata.queries import calendar as kept_calendar
from apps.notifications import recorded_summaries, services
from apps.notifications.domain.kinds import Kind, Severity
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import Notice
from apps.notifications.recorded_summaries import Recorded
from apps.recorder.domain.completeness import session_before
from apps.trades.domain.telling import in_words
from apps.users.models import User

FRESH: Final = timedelta(
    days=10
)  # what ended before, by the accounts' own days, is not summed up any more


LATE: Final = timedelta(days=35)  # a week that began longer ago is not told any more


class Over(NamedTuple):
    """Trade dates that are over for a trader and may have to be summed up, the last one last, and the one that runs."""

    days: tuple[date, ...]
    running: date


def make(*, now: datetime) -> int:
    """Make every summary that is due and not made yet; return how many."""
    made, calendar = 0, kept_calendar()
    for user in User.objects.filter(is_active=True):
        found = over(user, now, calendar)
        if found is None:
            continue
        for day in _days_due(user, found):
            made += _day(user, day, now)
        for week in _weeks_due(user, found):
            made += _week(user, week, now)
    return made


def _days_due(user: Any, found: Over) -> list[date]:
    """Return the days that have just ended; before them the last one that was traded, in case it was missed."""
    missed = _last_traded(user, min((*found.days, found.running)))
    if _last_traded(user, found.running) != missed or missed is None:
        return list(found.days)  # something came after it: that is the last
    return [*([missed] if missed >= found.running - FRESH else []), *found.days]


def _weeks_due(user: Any, found: Over) -> list[date]:
    """Return the Mondays of the week that has just ended, and of the last one that was traded, in case it was missed."""
    running = monday(found.running)
    missed = _last_traded(user, running)
    weeks = {monday(day) for day in found.days if monday(day) < running}
    if missed is not None and monday(missed) >= running - LATE:
        weeks.add(monday(missed))
    return sorted(weeks)


def _last_traded(user: Any, before: date) -> date | None:
    """Return the last trade date before one on which something was closed, on the desk or where a recorder followed."""
    ended = AccountDay.objects.of(user).filter(trade_date__lt=before, trades__gt=0)
    last: date | None = ended.aggregate(last=Max("trade_date"))["last"]
    recorded = recorded_summaries.last_told(user, before)
    return max((day for day in (last, recorded) if day is not None), default=None)


def over(user: Any, now: datetime, calendar: Calendar) -> Over | None:
    """Return what is over in every open account of the desk, and on the exchange if something was recorded; None: no trader.

    An account whose day lags a whole session behind the exchange's stands still, as without market data: recorders
    do not wait for it.
    """
    desk = Account.objects.of(user).filter(is_open=True, trade_date__isnull=False)
    runs: date | None = desk.aggregate(first=Min("trade_date"))["first"]
    if not recorded_summaries.since(user, now.date() - LATE):
        ended = None if runs is None else _ended(user, runs)
        return None if runs is None else Over(() if ended is None else (ended,), runs)
    today = calendar.trade_date(to_instant(now))
    session = session_before(today, calendar)
    if session is None:
        return None
    if runs is None:
        return Over((session.day,), today)
    if runs < session.day:
        stands = (runs,) if runs >= session.day - FRESH else ()
        return Over((*stands, session.day), today)
    first = min(runs, today)
    known = [one for one in (_ended(user, runs), session.day) if one is not None and one < first]
    return Over((max(known),) if known else (), first)


def _ended(user: Any, running: date) -> date | None:
    """Return the last trade date that is over in every open account of the desk, None if that was long ago."""
    mine = Account.objects.of(user).filter(is_open=True, trade_date__isnull=False)
    ended = AccountDay.objects.of(user).filter(trade_date__lt=running, account__in=mine)
    last: date | None = ended.aggregate(last=Max("trade_date"))["last"]
    return None if last is None or last < running - FRESH else last


@dataclass(frozen=True, slots=True)
class Books:
    """What a period came to: on the desk, and by what recorders found beside it."""

    scope: Scope
    full: list[Closed]
    figures: Figures
    recorded: Recorded

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was closed."""
        return not (self.full or self.recorded.rows)

    @property
    def title(self) -> str:
        """Return both results, told apart."""
        parts = [f"{_money(self.figures.net)}, {_trades(self.figures)}"] if self.full else []
        if self.recorded.rows:
            found = self.recorded.figures
            parts.append(f"recorded {_money(found.net)}, {_trades(found)}")
        return "; ".join(parts)

    @property
    def net(self) -> Fraction:
        """Return all that was made."""
        return self.figures.net + (self.recorded.figures.net if self.recorded.rows else 0)

    @property
    def path(self) -> str:
        """Return the page that shows most of it."""
        if self.full:
            return f"/performance/?since={self.scope.since}&until={self.scope.until}"
        return self.recorded.path

    def lines(self, own: Sequence[str]) -> list[str]:
        """Return the desk's own lines and those of recorders, under a word of their own where there are both."""
        if not self.recorded.rows:
            return list(own)
        found = self.recorded.figures
        fees = f"fees ${in_cents(found.fees):,.2f}"
        if found.fees_unknown:
            fees += f" and those of {found.fees_unknown} that the broker has not said yet"
        total = f"{_money(found.net)} in {found.trades}"
        heads = ("On the desk:", f"Recorded in broker accounts: {total}.") if self.full else ()
        lines = [_figures(found), f"{fees[:1].upper()}{fees[1:]}.", *self.recorded.lines]
        return [*heads[:1], *(own if self.full else ()), *heads[1:], *lines]


def _books(user: Any, scope: Scope) -> Books:
    found = recorded_summaries.of(user, scope)
    rows = found.without(analytics.in_full(user, analytics.closed(user, scope)))
    figures = measure([one.result for one in rows])
    return Books(scope, rows, figures, found)


def _day(user: Any, day: date, now: datetime) -> bool:
    key = f"summary.day:{day.isoformat()}"
    if Notice.objects.filter(user=user, key=key).exists():
        return False
    books = _books(user, Scope(since=day, until=day))
    if books.is_empty:
        return False
    own: list[str] = []
    if books.full:
        best, worst = max(one.net for one in books.full), min(one.net for one in books.full)
        fees = in_cents(books.figures.fees)
        own = [
            _figures(books.figures),
            f"Best trade {money(best)}, worst {money(worst)}, fees ${fees:,.2f}.",
            *_accounts(books.full),
        ]
    return _tell(user, Kind.DAILY, key, f"{day:%A %d %B}", own, books, now)


def _week(user: Any, first: date, now: datetime) -> bool:
    key = f"summary.week:{first.isoformat()}"
    if Notice.objects.filter(user=user, key=key).exists():
        return False
    books = _books(user, Scope(since=first, until=first + timedelta(days=6)))
    if books.is_empty:
        return False
    figures = books.figures
    own = [_figures(figures), *_days(figures), *_accounts(books.full)] if books.full else []
    return _tell(user, Kind.WEEKLY, key, f"Week of {first:%d %B}", own, books, now)


def _tell(
    user: Any, kind: Kind, key: str, when: str, own: Sequence[str], books: Books, now: datetime
) -> bool:
    net = books.net
    severity = Severity.GOOD if net > 0 else Severity.BAD if net < 0 else Severity.INFO
    body = "\n".join(line for line in books.lines(own) if line)
    told = Told(kind, f"{when}: {books.title}", body, severity, books.path)
    return services.notify(user=user, key=key, told=told, now=now) is not None


def _money(amount: Fraction) -> str:
    return money(in_cents(amount))


def _trades(figures: Figures) -> str:
    return f"{figures.trades} trade{'s' if figures.trades != 1 else ''}"


def _figures(figures: Figures) -> str:
    """Return wins and losses, win rate, R and profit factor in one line, without what is not known."""
    rate = figures.win_rate
    factor = figures.profit_factor
    parts = [
        f"{figures.wins} won, {figures.losses} lost" + (f" ({float(rate):.0%})" if rate is not None else ""),
        in_words(str(_decimal(figures.net_r))) if figures.net_r is not None else "",
        f"profit factor {float(factor):.2f}" if factor is not None else "",
    ]  # fmt: skip
    return ", ".join(part for part in parts if part) + "."


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _days(figures: Figures) -> list[str]:
    """Return the best and the worst day."""
    best, worst = figures.best_day, figures.worst_day
    if figures.days < 2 or best is None or worst is None:
        return []
    return [
        f"Best day {best.start:%A} {_money(best.net)}, worst {worst.start:%A} {_money(worst.net)}."
    ]


@dataclass
class _Sum:
    net: Decimal = Decimal(0)
    trades: int = 0


def _accounts(rows: Sequence[Closed]) -> list[str]:
    """Return each account's part, where there is more than one."""
    sums: dict[str, _Sum] = {}
    for one in rows:
        into = sums.setdefault(one.row.account.name, _Sum())
        into.net, into.trades = into.net + one.net, into.trades + 1
    if len(sums) < 2:
        return []
    return [f"{name}: {money(one.net)} in {one.trades}." for name, one in sums.items()]
