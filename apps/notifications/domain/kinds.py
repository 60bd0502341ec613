"""What a trader can be told of, by which way, and how it sounds."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Channel(StrEnum):
    """A way out of the desk. The notice itself is always kept in the notification centre."""

    TOAST = "toast"
    EMAIL = "email"
    DISCORD = "discord"


class Severity(StrEnum):
    """How much it matters: a line to read, good or bad news, something to look at, something to act on now."""

    INFO = "info"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    ALARM = "alarm"


class Kind(StrEnum):
    """What happened, as a trader sorts it."""

    OPENED = "position_opened"
    ADDED = "position_added"
    REDUCED = "position_reduced"
    CLOSED = "position_closed"
    STOP_HIT = "stop_hit"
    TARGET_HIT = "target_hit"
    UNPROTECTED = "unprotected"
    ORDER_WAITS = "order_waits"
    ORDER_REFUSED = "order_refused"
    SKIPPED = "alert_skipped"
    RISK_WARNING = "risk_warning"
    RISK_LOCK = "risk_lock"
    RISK_UNLOCK = "risk_unlock"
    EVALUATION = "evaluation"
    FEED_DOWN = "feed_down"
    FEED_BACK = "feed_back"
    CONNECTION = "connection"
    LIVE = "live_orders"
    RECONCILE = "reconcile"
    RECORDER_GAP = "recorder_gap"
    ALERTS = "alerts_stopped"
    UNDECIDED = "fills_to_settle"
    DIFFERS = "recorder_differs"
    LAB = "signal_lab"
    DAILY = "daily_summary"
    WEEKLY = "weekly_summary"
    SECURITY = "security"
    CHANNEL = "channel"
    TEST = "test"


class About(NamedTuple):
    """How a kind is called, under which heading, what it sounds like, and by which ways it is told unless one chooses."""

    label: str
    group: str
    sound: str
    usual: frozenset[Channel]


_ALL: Final = frozenset(Channel)
_TOAST: Final = frozenset({Channel.TOAST})
_QUICK: Final = frozenset({Channel.TOAST, Channel.DISCORD})
_MAILED: Final = frozenset({Channel.TOAST, Channel.EMAIL})

ABOUT: Final[Mapping[Kind, About]] = {
    Kind.OPENED: About("Position opened", "Positions", "fill", _QUICK),
    Kind.ADDED: About("Position added to", "Positions", "fill", _QUICK),
    Kind.REDUCED: About("Position reduced", "Positions", "fill", _QUICK),
    Kind.CLOSED: About("Position closed", "Positions", "fill", _QUICK),
    Kind.STOP_HIT: About("Stop hit", "Positions", "stop", _QUICK),
    Kind.TARGET_HIT: About("Target hit", "Positions", "target", _QUICK),
    Kind.UNPROTECTED: About("Position without a stop, exit not sent", "Positions", "limit", _ALL),
    Kind.ORDER_WAITS: About("Order needs your yes", "Orders", "limit", _QUICK),
    Kind.ORDER_REFUSED: About("Order rejected or blocked", "Orders", "rejection", _QUICK),
    Kind.SKIPPED: About("Alert skipped", "Orders", "rejection", _QUICK),
    Kind.RISK_WARNING: About("Limit comes near", "Risk", "limit", _QUICK),
    Kind.RISK_LOCK: About("Account locked, limit broken", "Risk", "limit", _ALL),
    Kind.RISK_UNLOCK: About("Account unlocked", "Risk", "", _QUICK),
    Kind.EVALUATION: About("Evaluation passed or failed", "Risk", "target", _ALL),
    Kind.FEED_DOWN: About("Market data lost", "Machinery", "disconnect", _QUICK),
    Kind.FEED_BACK: About("Market data back", "Machinery", "", _QUICK),
    Kind.CONNECTION: About("Broker connection", "Machinery", "disconnect", _ALL),
    Kind.LIVE: About("Live orders on or off", "Machinery", "limit", _ALL),
    Kind.RECONCILE: About("Broker's books differ", "Machinery", "rejection", _ALL),
    Kind.ALERTS: About("Alerts have stopped, or are back", "Machinery", "disconnect", _ALL),
    Kind.RECORDER_GAP: About("Gap in a recording", "Recorders", "disconnect", _ALL),
    Kind.DIFFERS: About("Recorded size differs", "Recorders", "rejection", _QUICK),
    Kind.UNDECIDED: About("Fills to settle", "Recorders", "", _QUICK),
    Kind.LAB: About("Signal Lab trade", "Signal Lab", "", _TOAST),
    Kind.DAILY: About("Daily summary", "Summaries", "", frozenset({Channel.DISCORD, Channel.EMAIL})),
    Kind.WEEKLY: About("Weekly summary", "Summaries", "", frozenset({Channel.DISCORD, Channel.EMAIL})),
    Kind.SECURITY: About("Sign-in and tokens", "Account", "", _MAILED),
    Kind.CHANNEL: About("Discord can't reach you", "Account", "", _MAILED),
    Kind.TEST: About("Test message", "Account", "fill", _ALL),
}  # fmt: skip

# What may be told in quiet hours unless one chooses: where money, or a day's records, are lost by the morning.
BREAKS_QUIET: Final = frozenset({Kind.UNPROTECTED, Kind.RISK_LOCK, Kind.RECORDER_GAP})
# What waits for the end of quiet hours instead of being left out.
WAITS_FOR_DAY: Final = frozenset({Kind.DAILY, Kind.WEEKLY})
# What nobody can choose: it is asked for by a press of a button.
NOT_CHOSEN: Final = frozenset({Kind.TEST})


def groups() -> dict[str, list[Kind]]:
    """Return the kinds that one can choose, by heading, in their order."""
    found: dict[str, list[Kind]] = {}
    for kind, about in ABOUT.items():
        if kind not in NOT_CHOSEN:
            found.setdefault(about.group, []).append(kind)
    return found
