"""The words of a recorder: units, statuses, and why a fill is whose."""

from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    """In what a take profit or a stop loss is written. DOLLARS are of one contract."""

    TICKS = "ticks"
    POINTS = "points"
    PERCENT = "percent"
    DOLLARS = "dollars"


class Ways(StrEnum):
    """Which ways a strategy trades."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"


class PositionStatus(StrEnum):
    """Where a recorded position stands."""

    OPEN = "open"
    CLOSED = "closed"
    STOPPED_OUT = "stopped_out"
    TARGET_HIT = "target_hit"


class Reason(StrEnum):
    """Why a fill is taken as a strategy's, or as nobody's."""

    TAG = "tag"
    TEXT = "text"
    ORDER_PARENT = "order_parent"
    ONLY_STRATEGY = "only_strategy"
    WINDOW = "window"
    BY_HAND = "by_hand"
    UNATTRIBUTED = "unattributed"
    AMBIGUOUS = "ambiguous"
    BEFORE = "before"


class LogKind(StrEnum):
    """What a line of a recorder's log tells."""

    STARTED = "started"
    STOPPED = "stopped"
    CHANGED = "changed"
    RESET = "reset"
    OPENED = "opened"
    ADDED = "added"
    REDUCED = "reduced"
    CLOSED = "closed"
    STOP_HIT = "stop_hit"
    TARGET_HIT = "target_hit"
    ASSIGNED = "assigned"
    CORRECTED = "corrected"
    WARNING = "warning"


NOBODYS: Final = frozenset({Reason.UNATTRIBUTED, Reason.AMBIGUOUS, Reason.BEFORE})


class BadRecorder(ValueError):
    """Something of a recorder that cannot be: the field, and what is wrong and helps. `code` is of one without a field."""

    def __init__(self, field: str, detail: str, code: str = "in_use") -> None:
        super().__init__(f"{field}: {detail}")
        self.field, self.detail, self.code = field, detail, code
