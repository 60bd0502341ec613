"""From signs of life to a verdict.

A sign of life is what a long-running part leaves every few seconds. The engine's also tells how its feed stands.
Ages are wall time: this is about our machinery, not about the market.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

ENGINE_DEAD_S: Final = 10.0  # the engine leaves a sign every second
WORKER_LATE_S: Final = 60.0  # the schedule sends one every ten seconds
GATEWAY_LATE_S: Final = 20.0  # it leaves one every five seconds
READERS_LATE_S: Final = 40.0  # those who read brokers' streams leave one every ten seconds
INBOX_LATE_S: Final = 10.0  # a wish is normally taken within milliseconds
LAG_LATE_MS: Final = 500  # from the feed's word to ours
FRAME_LATE_S: Final = 15.0  # a broker sends something every 2.5 seconds, even at night


class Status(StrEnum):
    """How well something is."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Component:
    """One part's verdict; `reason` says in a line why it is not ok."""

    status: Status
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sign:
    """The last sign of life of a part and its age in seconds."""

    age: float
    state: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signs:
    """All that the verdict is made of. `inbox_age`: seconds that the oldest waiting wish has waited."""

    database: str = ""  # what is wrong with it, empty if nothing
    engine: Sign | None = None
    worker: Sign | None = None
    gateway: Sign | None = None
    brokers: Sign | None = None
    inbox_age: float | None = None


def examine(signs: Signs) -> dict[str, Component]:
    """Return the verdict on each component, by the name its address has."""
    if signs.database:
        down = Component(Status.DOWN, signs.database)
        return dict.fromkeys((*_OF_ENGINE, *_BESIDE, "event-bus", "database", "engine"), down)
    engine = _engine(signs.engine)
    return {
        "engine": engine,
        "tradovate": _feed(engine, signs.engine),
        "price-service": _prices(engine, signs.engine),
        "signal-validator": _stage(engine, signs.engine, "signals_pending"),
        "mfe-tracker": _stage(engine, signs.engine, "trades_active"),
        "event-bus": _bus(signs.inbox_age),
        "gateway": _alive(signs.gateway, "gateway"),
        "brokers": _alive(signs.brokers, "brokers"),
        "celery": _alive(signs.worker, "celery"),
        "database": Component(Status.OK),
    }


def overall(components: Mapping[str, Component]) -> Status:
    """Return the desk's status: down without engine or database, degraded if anything else ails."""
    if any(components[name].status is Status.DOWN for name in ("engine", "database")):
        return Status.DOWN
    well = all(component.status is Status.OK for component in components.values())
    return Status.OK if well else Status.DEGRADED


_OF_ENGINE: Final = ("tradovate", "price-service", "signal-validator", "mfe-tracker")
_BESIDE: Final = {  # who else leaves signs: how old the last may be, and what is so without them
    "gateway": (GATEWAY_LATE_S, "no gateway", ": no order leaves for a broker"),
    "brokers": (READERS_LATE_S, "no reader of brokers", ": fills come late, by the worker's polls"),
    "celery": (WORKER_LATE_S, "no worker", ""),
}
_FEED_FINE: Final = {"live": "", "ended": "end of recording"}


def _engine(sign: Sign | None) -> Component:
    if sign is None:
        return Component(Status.DOWN, "the engine has never run")
    detail = {"state": sign.state, "age_s": round(sign.age, 1)}
    if sign.state == "stopped":
        return Component(Status.DOWN, "the engine was stopped", detail)
    if sign.age > ENGINE_DEAD_S:
        return Component(Status.DOWN, "the engine gives no sign of life", detail)
    lag = sign.detail.get("lag_ms")
    detail["lag_ms"] = lag
    if isinstance(lag, int | float) and lag > LAG_LATE_MS:
        return Component(Status.DEGRADED, f"the engine is {lag:.0f} ms behind its feed", detail)
    return Component(Status.OK, detail=detail)


def _feed(engine: Component, sign: Sign | None) -> Component:
    if sign is None or engine.status is Status.DOWN:
        return Component(Status.DOWN, engine.reason)
    state, told = (
        str(sign.detail.get("feed", "connecting")),
        str(sign.detail.get("feed_reason", "")),
    )
    detail = {"state": state, "market_at": sign.detail.get("market_at")}
    if state in _FEED_FINE:
        return Component(Status.OK, _FEED_FINE[state], detail)
    return Component(Status.DEGRADED, told or f"the feed is {state.replace('_', ' ')}", detail)


def _prices(engine: Component, sign: Sign | None) -> Component:
    feed = _feed(engine, sign)
    if sign is None or feed.status is not Status.OK:
        return Component(feed.status, feed.reason)
    age = sign.detail.get("frame_age_s")
    shown = round(age, 1) if isinstance(age, int | float) else None
    detail = {"ticks": sign.detail.get("ticks"), "frame_age_s": shown}
    waits_for_frames = sign.detail.get("feed") == "live" and sign.detail.get("market_open", True)
    if waits_for_frames and isinstance(age, int | float) and age > FRAME_LATE_S:
        return Component(Status.DEGRADED, f"no frame for {age:.0f} seconds", detail)
    if not sign.detail.get("market_open", True):
        return Component(Status.OK, "the market is closed", detail)
    return Component(Status.OK, feed.reason, detail)


def _stage(engine: Component, sign: Sign | None, count: str) -> Component:
    if sign is None or engine.status is Status.DOWN:
        return Component(Status.DOWN, engine.reason)
    return Component(Status.OK, detail={count: sign.detail.get(count)})


def _bus(inbox_age: float | None) -> Component:
    detail = {"oldest_waiting_s": None if inbox_age is None else round(inbox_age, 1)}
    if inbox_age is not None and inbox_age > INBOX_LATE_S:
        return Component(Status.DEGRADED, "wishes wait in the inbox", detail)
    return Component(Status.OK, detail=detail)


def _alive(sign: Sign | None, name: str) -> Component:
    """Return whether a part lives that trades are followed without: the desk as a whole is degraded when it does not."""
    late, who, without = _BESIDE[name]
    if sign is None:
        return Component(Status.DOWN, f"{who} has run yet{without}")
    detail = {"age_s": round(sign.age, 1)}
    if sign.state == "stopped":
        return Component(Status.DOWN, f"{who} runs{without}", detail)
    if sign.age > late:
        return Component(Status.DOWN, f"{who} gives a sign of life{without}", detail)
    return Component(Status.OK, detail=detail)
