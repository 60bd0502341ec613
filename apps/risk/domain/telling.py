"""Facts about rules in plain words. `apps.trades.domain.telling` learns them at the start."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from apps.risk.domain.spoken import in_dollars
from apps.trades.domain.telling import Payload, Told

LIMITS: Final[Mapping[str, str]] = {
    "max_loss": "maximum loss",
    "daily_loss": "daily loss",
    "own_daily": "own daily limit",
}
LOCKS: Final[Mapping[str, str]] = {
    "daily": "the daily loss limit",
    "own": "your own daily limit",
    "max_loss": "the maximum loss",
    "lockout": "your own lockout",
}


def _dollars(value: Any) -> str:
    return in_dollars(Decimal(value))


def _limit(p: Payload) -> str:
    return LIMITS.get(str(p["limit"]), str(p["limit"]).replace("_", " "))


def _code(value: Any) -> str:
    return str(value).replace("_", " ").lower()


def _percent(value: Any) -> str:
    return f"{Decimal(value).normalize():f} %"


def _level(p: Payload) -> Told:
    text = f"{_percent(p['used_pct'])} of the {_limit(p)} used, {_dollars(p['left'])} left."
    worse = str(p["level"]) in ("danger", "locked")
    return Told(
        f"Risk is {p['level']}", f"Was {p['was']}. {text}", "bad" if worse else "wait", "shield"
    )


def _broken(p: Payload) -> Told:
    met = f"Equity {_dollars(p['equity'])} met the floor {_dollars(p['floor'])}."
    return Told(f"The {_limit(p)} is broken", met, "bad", "no")


def _locked(p: Payload) -> Told:
    until = p.get("until_at")
    end = f"until {until}" if until else "until it is lifted in a later session"
    return Told(
        f"Locked by {LOCKS.get(str(p['kind']), p['kind'])}",
        f"{p['reason']}, {end}.",
        "locked",
        "lock",
    )


def _unlocked(p: Payload) -> Told:
    return Told(
        "Unlocked", f"The lock by {LOCKS.get(str(p['kind']), p['kind'])} is over.", "good", "ok"
    )


def _failed(p: Payload) -> Told:
    return Told("The account has failed", f"{_code(p['reason']).capitalize()}.", "bad", "no")


def _passed(p: Payload) -> Told:
    made = f"{_dollars(p['profit'])} of {_dollars(p['target'])} in {p['days']} days."
    return Told("The evaluation is passed", made, "good", "flag")


def _near(p: Payload) -> Told:
    text = f"{p['trade_date']}: the {_limit(p)} was {p['level']} at {_percent(p['used_pct'])} and held."
    return Told("A near miss", text, "wait", "warn")


def _flattened(p: Payload) -> Told:
    return Told("A rule closes everything", f"{_code(p['reason']).capitalize()}.", "bad", "stop")


def _rules(p: Payload) -> Told:
    if not p["firm"]:
        return Told("No rule set any more", "The account lives under your own limits alone.")
    floor = f" The line lies at {_dollars(p['floor'])}." if p.get("floor") else ""
    return Told(
        f"{p['firm']} {p['plan']}",
        f"Its rules, version {p['version']}, hold now.{floor}",
        "quiet",
        "shield",
    )


def _own(p: Payload) -> Told:
    later = " What is looser holds from the next reset on." if p.get("next_day") is not None else ""
    return Told("Own limits changed", f"What is tighter holds at once.{later}", "quiet", "shield")


WORDS: Final[Mapping[str, Callable[[Payload], Told]]] = {
    "risk.level_changed": _level,
    "risk.broken": _broken,
    "risk.locked": _locked,
    "risk.unlocked": _unlocked,
    "risk.failed": _failed,
    "risk.passed": _passed,
    "risk.near_miss": _near,
    "risk.flattened": _flattened,
    "risk.rules_set": _rules,
    "risk.own_changed": _own,
}
