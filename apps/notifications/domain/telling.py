"""Notices in the words of a toast. `apps.trades.domain.telling` learns them at the start."""

from collections.abc import Callable, Mapping
from typing import Final

from apps.notifications.domain.kinds import Severity
from apps.trades.domain.telling import Payload, Told

LOOKS: Final = {
    Severity.INFO: ("quiet", "bell"),
    Severity.GOOD: ("good", "ok"),
    Severity.BAD: ("bad", "no"),
    Severity.WARNING: ("wait", "warn"),
    Severity.ALARM: ("bad", "warn"),
}


def _made(p: Payload) -> Told:
    tone, icon = LOOKS[Severity(str(p.get("severity") or Severity.INFO))]
    return Told(str(p.get("title") or ""), str(p.get("body") or ""), tone, icon)


WORDS: Final[Mapping[str, Callable[[Payload], Told]]] = {
    "notice.made": _made,
    "notice.counted": lambda _: Told("", ""),  # the bell counts anew; nothing is said
}
