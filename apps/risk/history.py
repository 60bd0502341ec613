"""What lies behind an account: its days with the floor of each, payouts, violations and near misses. User first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from apps.brokers.domain.account import day_of
from apps.brokers.models import Account
from apps.brokers.queries import days
from apps.bus.models import FactRow
from apps.risk.domain.limits import first_floor, lock_level, trailed
from apps.risk.domain.planner import PaidOut
from apps.risk.domain.rules import DrawdownType, Rules
from apps.risk.domain.standing import Standing

PAID: Final = "account.payout_taken"
OPENED: Final = "account.opened"
VIOLATIONS: Final = ("risk.broken", "risk.failed", "risk.locked", "risk.flattened")
MISSES: Final = ("risk.near_miss",)
GOOD: Final = ("risk.passed", "risk.unlocked")
SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Day:
    """One trading day of an account: `floor` is the one that held during it, None where there is none."""

    trade_date: date
    net: Decimal
    trades: int
    balance: Decimal
    floor: Decimal | None

    @property
    def left(self) -> Decimal | None:
        """Return how much was left at the close."""
        return None if self.floor is None else self.balance - self.floor


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an account since it began, oldest first, and the floor after the last of them.

    is_estimate: the floor follows open profit, which closed days do not keep; it is drawn from their closes
    """

    days: tuple[Day, ...]
    floor: Decimal | None
    is_estimate: bool
    locked_on: date | None


def days_of(user: Any, account: Account, standing: Standing) -> Days:
    """Return an account's days since it began or was reset, each with its floor, in two queries."""
    rows = days(user).filter(account=account).order_by("ended_ns")
    began = _began(user, account)
    if began is not None:
        rows = rows.filter(ended_ns__gt=began)
    rules = standing.rules
    floor = _first(rules, account)
    highest = account.start_balance
    made: list[Day] = []
    locked_on: date | None = None
    for row in rows:
        net = row.realized - row.fees
        made.append(Day(row.trade_date, net, row.trades, row.balance, _known(floor, standing)))
        highest = max(highest, row.balance)
        if rules is not None and rules.drawdown is not None and floor is not None:
            lock = lock_level(rules, account.start_balance)
            floor = trailed(rules.drawdown, floor, highest, lock)
            if lock is not None and floor >= lock and locked_on is None:
                locked_on = row.trade_date
    kind = rules.drawdown.type if rules and rules.drawdown else None
    is_estimate = kind in (DrawdownType.INTRADAY_TRAILING, DrawdownType.CLOSED_BALANCE_TRAILING)
    return Days(tuple(made), standing.floor, is_estimate, locked_on)


def _known(floor: Decimal | None, standing: Standing) -> Decimal | None:
    """Return a floor of the past, never above today's: a floor does not fall."""
    if floor is None or standing.floor is None:
        return None
    return min(floor, standing.floor)


def _first(rules: Rules | None, account: Account) -> Decimal | None:
    if rules is None or rules.drawdown is None:
        return None
    return first_floor(rules.drawdown, account.start_balance)


def _began(user: Any, account: Account) -> int | None:
    opened = FactRow.objects.filter(user_id=user.pk, name=OPENED, of=str(account.pk))
    at: int | None = opened.order_by("-seq").values_list("at_ns", flat=True).first()
    return at


def payouts_of(user: Any, rows: Iterable[Account]) -> dict[int, list[PaidOut]]:
    """Return what was paid out of each account since it began, oldest first, in one query."""
    accounts = {str(row.pk): row for row in rows}
    facts = FactRow.objects.filter(user_id=user.pk, name__in=(PAID, OPENED), of__in=accounts)
    paid: dict[int, list[PaidOut]] = {}
    for fact in facts.order_by("seq"):
        account = accounts[fact.of]
        if fact.name == OPENED:
            paid[account.pk] = []
            continue
        on, _ = day_of(fact.at_ns, account.tz, account.reset)
        paid.setdefault(account.pk, []).append(PaidOut(on, Decimal(fact.payload["amount"])))
    return paid


def paid_since(user: Any, since: datetime) -> tuple[Decimal, int]:
    """Return what all accounts have paid out since a moment, and how often."""
    facts = FactRow.objects.filter(user_id=user.pk, name=PAID, at__gte=since)
    amounts = [Decimal(one["amount"]) for one in facts.values_list("payload", flat=True)]
    return sum(amounts, Decimal(0)), len(amounts)


def fees_since(user: Any, since: date) -> Decimal:
    """Return the fees of all closed days since a date."""
    each = days(user).filter(trade_date__gte=since).values_list("fees", flat=True)
    return sum(each, Decimal(0))


def incidents(user: Any, account: Account) -> list[FactRow]:
    """Return what rules did to an account, and how near it came, newest first."""
    names = (*VIOLATIONS, *MISSES, *GOOD)
    facts = FactRow.objects.filter(user_id=user.pk, of=str(account.pk), name__in=names)
    return list(facts.order_by("-seq")[:SHOWN])
