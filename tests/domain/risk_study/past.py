"""Trades and rules written shortly, for tests of past trades under a rule set."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from apps.bus.domain.message import MINUTE, to_instant
from apps.risk.domain.evaluation import PastTrade
from apps.risk.domain.reading import rules_for

CHICAGO = ZoneInfo("America/Chicago")


def at(text):
    """Return a moment of Chicago, "2026-01-05 09:30", as ns UTC."""
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=CHICAGO))


def trade(when, net, best=None, worst=None, minutes=5):
    """Return a trade that was closed at a moment of Chicago."""
    closed_at = at(when)
    return PastTrade(
        closed_at - minutes * MINUTE,
        closed_at,
        Decimal(net),
        None if best is None else Decimal(best),
        None if worst is None else Decimal(worst),
    )


def days(*results):
    """Return trades on consecutive weekdays from 2026-01-05 on; a result is a net, or (net, best, worst)."""
    made = []
    for number, one in enumerate(results):
        day = date(2026, 1, 5) + timedelta(days=number // 5 * 7 + number % 5)
        made.append(trade(f"{day} 09:30", *(one if isinstance(one, tuple) else (one,))))
    return made


def rules(kind="static", amount="2000", lock=None, **more):
    """Return a rule set of 50,000 with this drawdown."""
    drawdown = {"type": kind, "amount": amount, "lock_level": lock}
    given = {"firm": "Own", "plan": "test", "stage": "evaluation", "start_balance": "50000"}
    return rules_for({**given, "drawdown": drawdown, **more})
