"""Facts of the alarm that a strategy's alerts have stopped, and their words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from apps.bus.domain.message import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsStopped(Fact):
    """Nothing has come from a strategy for longer than usual. Told once per silence; `at` is the market's time.

    last_at:  its last alert, ns UTC, None: the desk knows none; `since` is the instant from which quiet time counts
    quiet_min, limit_min: minutes of open market in its sessions: how long it is quiet, and how long it may be
    why:      rhythm, minutes (set by its owner) or burst (so many alerts in three minutes just before)
    refused:  alerts that came since and were refused
    """

    name: ClassVar[str] = "alert.stopped"
    strategy: int
    strategy_name: str
    since: int
    last_at: int | None
    quiet_min: int
    limit_min: int
    why: str
    sessions: tuple[str, ...] = ()
    burst: int = 0
    refused: int = 0

    @property
    def key(self) -> str:
        """Return the strategy and since when it is quiet."""
        return f"{self.name}:{self.strategy}:{self.since}"

    @property
    def of(self) -> str:
        """Return the strategy."""
        return f"strategy:{self.strategy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsResumed(Fact):
    """An alert came again after a silence that was told. `at` is when it came."""

    name: ClassVar[str] = "alert.resumed"
    strategy: int
    strategy_name: str
    since: int
    quiet_min: int

    @property
    def key(self) -> str:
        """Return the strategy and since when it had been quiet."""
        return f"{self.name}:{self.strategy}:{self.since}"

    @property
    def of(self) -> str:
        """Return the strategy."""
        return f"strategy:{self.strategy}"


def minutes(number: int) -> str:
    """Return a length of time as people say it: 1 minute, 35 minutes, 2 h, 2 h 5 min."""
    hours, rest = divmod(number, 60)
    if not hours:
        return f"{rest} minute{'' if rest == 1 else 's'}"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def stopped(p: Mapping[str, Any]) -> str:
    """Return what is known of a silence, and what helps, in sentences."""
    quiet, limit = minutes(int(p["quiet_min"])), minutes(int(p["limit_min"]))
    last = f"No alert since {p['last_at']}" if p.get("last_at") else "No alert yet"
    if p["why"] == "burst":
        return (
            f"{int(p['burst'])} alerts came within 3 minutes, then none for {quiet} of open market. TradingView stops an alert "
            "that fires 15 times in 3 minutes and tells it there only. Restart the alert in TradingView, and let it fire "
            "once per bar close."
        )
    where = ", ".join(p.get("sessions") or ())
    hours = f" in its sessions ({where})" if 0 < len(p.get("sessions") or ()) < _ALL else ""
    rule = f"you asked to be told after {limit}"
    if p["why"] == "rhythm":
        rule = f"by its pauses of the last ten sessions it is told after {limit}"
    told = f"{last}: {quiet} of open market{hours}; {rule}."
    refused = int(p.get("refused") or 0)
    if refused:
        came = "alert has come and was" if refused == 1 else "alerts have come and were"
        return (
            f"{told} {refused} {came} refused since: the reasons stand with the strategy's webhook."
        )
    return f"{told} See in TradingView whether the alert is still active, and restart it there."


def resumed(p: Mapping[str, Any]) -> str:
    """Return that a silence is over."""
    return f"An alert came again after {minutes(int(p['quiet_min']))} of open market."


_ALL: Final = 7  # sessions of a day
Words = Callable[[Mapping[str, Any]], tuple[str, str, str, str]]
WORDS: Final[Mapping[str, Words]] = {
    "alert.stopped": lambda p: (f"{p['strategy_name']}: alerts have stopped", stopped(p), "bad", "warn"),
    "alert.resumed": lambda p: (f"{p['strategy_name']}: alerts are back", resumed(p), "good", "ok"),
}  # fmt: skip
