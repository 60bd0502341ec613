"""Words and signs of recorded positions for templates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import template

from apps.brokers.models import BrokerAccount
from apps.brokers.queries import FILE
from apps.bus.domain.message import SECOND, to_datetime
from apps.dashboards.templatetags.desk import CHICAGO, age, minute
from apps.dashboards.templatetags.drawing import day_minute
from apps.recorder.domain.reading import Unread
from apps.recorder.domain.terms import LogKind, PositionStatus, Reason

register = template.Library()

BECAUSE: Final[Mapping[str, str]] = {
    Reason.TAG: "the order's tag",
    Reason.TEXT: "the order's text",
    Reason.ORDER_PARENT: "bracket of its order",
    Reason.ONLY_STRATEGY: "the only recorder",
    Reason.WINDOW: "the only one recording then",
    Reason.BY_HAND: "settled by hand",
    Reason.UNATTRIBUTED: "nobody's",
    Reason.AMBIGUOUS: "not clear",
    Reason.BEFORE: "open before the desk knew it",
}
_ENDED: Final[Mapping[str, str]] = {
    PositionStatus.OPEN: "open",
    PositionStatus.CLOSED: "closed",
    PositionStatus.STOPPED_OUT: "stopped out",
    PositionStatus.TARGET_HIT: "target hit",
}
_ICONS: Final[Mapping[str, str]] = {
    LogKind.STARTED: "recorder",
    LogKind.STOPPED: "stop",
    LogKind.OPENED: "right",
    LogKind.ADDED: "plus",
    LogKind.REDUCED: "down",
    LogKind.CLOSED: "flag",
    LogKind.STOP_HIT: "stop",
    LogKind.TARGET_HIT: "target",
    LogKind.CORRECTED: "warn",
    LogKind.WARNING: "warn",
    LogKind.ASSIGNED: "user",
}


@register.filter
def moment(ns: int) -> datetime:
    """Return an instant in ns UTC as a moment."""
    return to_datetime(ns)


@register.filter
def not_read(found: Unread, wall: int) -> str:
    """Say since when an account is not read, on Chicago's clock: not read since 09:14 CT."""
    if found.is_closed:
        return "not read"
    if found.since is None:
        return "never read"
    since, day = to_datetime(found.since), _chicago(wall)
    if _chicago(found.since) == day:
        return f"not read since {minute(since)} CT"
    return f"not read since {day_minute(since, day)} CT"


@register.filter
def old_words(found: Unread, wall: int) -> str:
    """Say how old what is known of a position is: as of 12 min ago."""
    if found.since is None:
        return "not read, so it may be over"
    return f"as the broker had it {age(max(0, wall - found.since) // SECOND)} ago"


def _chicago(at: int) -> date:
    return to_datetime(at).astimezone(ZoneInfo(CHICAGO)).date()


@register.filter
def kind_of_account(account: BrokerAccount) -> str:
    """Return what is lost in an account: real money, a firm's account, play money, or nothing, because only files tell of it."""
    if account.connection.broker == FILE:
        return "FILES"
    return account.stake.upper()


@register.filter
def because(reason: str) -> str:
    """Return why a fill is a strategy's."""
    return BECAUSE[reason]


@register.filter
def ended(status: str) -> str:
    """Return how a position ended."""
    return _ENDED[status]


@register.filter
def log_icon(kind: str) -> str:
    """Return the sign of a line of the log."""
    return _ICONS.get(kind, "gear")


@register.filter
def reasons(shares: Sequence[Any]) -> str:
    """Return each reason once, the first fill's first."""
    return ", ".join(dict.fromkeys(BECAUSE[share.reason] for share in shares))


@register.filter
def plain_price(price: Decimal) -> str:
    """Return a price with two decimals at least, and no needless zeros after them."""
    plain = price.normalize()
    return f"{plain if -int(plain.as_tuple().exponent) > 2 else price.quantize(Decimal('0.01')):,f}"


@register.filter
def of_key(names: Mapping[Any, Any], key: Any) -> Any:
    """Return what stands under a key."""
    return names.get(key, key)
