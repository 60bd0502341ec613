"""How the desk is, in a trader's words: the names of its parts, and what each tells of itself.

The API keeps the parts' own names, which monitors know; this is what stands on the page.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.dashboards.templatetags.desk import clock, size
from apps.system.domain.health import Component, Status

PARTS: Final = {
    "engine": "Trading engine",
    "tradovate": "Market feed",
    "price-service": "Prices",
    "signal-validator": "Signals",
    "mfe-tracker": "Open trades",
    "event-bus": "Orders coming in",
    "gateway": "Orders going out",
    "brokers": "Broker readers",
    "celery": "Messages, reports",
    "database": "Records",
}
STATES: Final = {Status.OK: "well", Status.DEGRADED: "not well", Status.DOWN: "down"}
_TOLD: Final[dict[str, Callable[[Any], str]]] = {
    "state": lambda value: str(value).replace("_", " "),
    "age_s": lambda value: f"last sign of life {value} s ago",
    "lag_ms": lambda value: f"{value:.0f} ms behind the feed",
    "market_at": lambda value: f"at {clock(value)} CT",
    "ticks": lambda value: f"{size(value)} ticks",
    "frame_age_s": lambda value: f"last heard {value} s ago",
    "signals_pending": lambda value: f"{value} pending",
    "trades_active": lambda value: f"{value} open",
    "oldest_waiting_s": lambda value: f"the oldest waits {value} s",
}


@dataclass(frozen=True)
class Part:
    """One part as the page shows it."""

    name: str
    status: Status
    state: str
    words: str


def parts(components: Mapping[str, Component]) -> list[Part]:
    """Return each part with its name, state and what it tells, in words."""
    return [
        Part(PARTS.get(name, name), part.status, STATES[part.status], _words(part))
        for name, part in components.items()
    ]


def _words(part: Component) -> str:
    told = [part.reason] if part.reason else []
    told += [_TOLD[key](value) for key, value in part.detail.items() if value is not None]
    return ", ".join(told)
