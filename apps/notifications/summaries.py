"""A trading day or week is over: what it came to, from the same figures as every page, once per trader and period.

A day is over when every open account of a trader has begun the next one, each by the reset of its own rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from django.db.models import Max, Min

from apps.analytics import queries as analytics
from apps.analytics.domain.performance import Figures, monday
from apps.analytics.queries import Closed, Scope, in_cents
from apps.brokers.domain.telling import money
from apps.brokers.models import Account, AccountDay
from apps.notifications import services
from apps.notifications.domain.kinds import Kind, Severity
from apps.notifications.domain.wording import Notice as Told
from apps.notifications.models import Notice
from apps.trades.domain.telling import in_words
from apps.users.models import User

FRESH: Final = timedelta(
    days=10
)  # what ended before, by the accounts' own days, is not summed up any more


def make(*, now: datetime) -> int:
    """Make every summary that is due and not made yet; return how many."""
    made = 0
    for user in User.objects.filter(is_active=True):
        days = over(user)
        if days is None:
            continue
        last, running = days
        made += _day(user, last, now)
        week = monday(running) - timedelta(days=7)
        if monday(last) == week:
            made += _week(user, week, now)
    return made


def over(user: Any) -> tuple[date, date] | None:
    """Return the last trade date that is over in every open account, and the one that runs in the slowest."""
    mine = Account.objects.of(user).filter(is_open=True, trade_date__isnull=False)
    running = mine.aggregate(first=Min("trade_date"))["first"]
    if running is None:
        return None
    ended = AccountDay.objects.of(user).filter(trade_date__lt=running, account__in=mine)
    last = ended.aggregate(last=Max("trade_date"))["last"]
    if last is None or last < running - FRESH:
        return None
    return last, running


def _day(user: Any, day: date, now: datetime) -> bool:
    key = f"summary.day:{day.isoformat()}"
    if Notice.objects.filter(user=user, key=key).exists():
        return False
    rows = analytics.closed(user, Scope(since=day, until=day))
    if not rows:
        return False
    figures = analytics.performance_of(rows).figures
    title = f"{day:%A %d %B}: {_money(figures.net)}, {_trades(figures)}"
    full = analytics.in_full(user, rows)
    best, worst = max(one.net for one in full), min(one.net for one in full)
    lines = [
        _figures(figures),
        f"Best trade {money(best)}, worst {money(worst)}, fees ${in_cents(figures.fees):,.2f}.",
        *_accounts(full),
    ]
    path = f"/performance/?since={day}&until={day}"
    return _tell(user, Kind.DAILY, key, title, lines, path, figures, now)


def _week(user: Any, first: date, now: datetime) -> bool:
    key = f"summary.week:{first.isoformat()}"
    if Notice.objects.filter(user=user, key=key).exists():
        return False
    last = first + timedelta(days=6)
    rows = analytics.closed(user, Scope(since=first, until=last))
    if not rows:
        return False
    figures = analytics.performance_of(rows).figures
    title = f"Week of {first:%d %B}: {_money(figures.net)}, {_trades(figures)}"
    lines = [_figures(figures), *_days(figures), *_accounts(analytics.in_full(user, rows))]
    path = f"/performance/?since={first}&until={last}"
    return _tell(user, Kind.WEEKLY, key, title, lines, path, figures, now)


def _tell(
    user: Any, kind: Kind, key: str, title: str, lines: Sequence[str], path: str,
    figures: Figures, now: datetime,
) -> bool:  # fmt: skip
    net = figures.net
    severity = Severity.GOOD if net > 0 else Severity.BAD if net < 0 else Severity.INFO
    body = "\n".join(line for line in lines if line)
    told = Told(kind, title, body, severity, path)
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
