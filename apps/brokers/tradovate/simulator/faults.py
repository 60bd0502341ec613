"""What can go wrong on demand, and how it is asked for. `mischief.py` does it.

A list of faults is JSON: `[{"at_s": 12.0, "do": "drop", "for_s": 8}, ...]`; `at_s` counts wall seconds from the
first market data client. What each takes, and what it does, stands in `FAULTS`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from apps.brokers.tradovate.simulator.answer import Json

# what it does, its options and what they are if nothing is said
FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "drop": {"for_s": 5.0},  # sockets break without a word and none opens; the market goes on
    "stall": {"for_s": 5.0},  # sockets stay open and say nothing; the market goes on
    "close": {"notice": '[3000,"Go away!"]'},
    "shutdown": {"reason": "Maintenance"},  # the event, then the close
    "garbage": {"count": 10},  # frames that are none
    "duplicate": {"count": 20},  # the last ticks once more
    "late": {"count": 1, "after": 3},  # ticks held back until so many others have passed
    "shuffle": {"count": 20},  # so many ticks in a wrong order, within one packet
    "spike": {"points": 80.0},  # a trade far from the market that no history knows
    "rate_limit": {"path": "", "for_s": 2.0},  # 429 with an empty body
    "penalty": {"path": "", "p_time": 2.0, "captcha": False, "times": 1},
    "expire_token": {},
    "displace": {},  # a newer log-in pushes the oldest session out
    "redirect_host": {"to": "", "for_s": 2.0},  # REST 307, sockets 421
    "bad_login": {"mode": "http401"},  # how wrong credentials are told: body200 or http401
    "delay_responses": {"for_s": 1.0},  # answers wait, then come in the wrong order
    "split_snapshot": {"parts": 3},
    "md_denied": {"for_s": 5.0},  # market data subscriptions fail, with status 200
    "deltas": {"on": True},  # quotes carry only what changed
    "batch": {"on": True},  # answers and events share frames
    "partial_fills": {"on": True},
    "reject": {"reason": "UnknownReason"},  # the next order
    "bust": {},  # the last fill is taken back
    "rollover": {},  # day orders expire; the day's orders and fills vanish from the lists
}
ALWAYS: Final = {"at_s": 0.0, "do": ""}


class BadFaults(ValueError):
    """A list of faults that cannot be used; the text is one line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to go wrong. Units: at_s: wall seconds since the first market data client"""

    do: str
    at_s: float
    options: Json


def fault_of(asked: Any) -> Fault:
    """Return a fault as JSON names it.

    Raises:  BadFaults
    """
    if not isinstance(asked, dict):
        raise BadFaults('a fault is an object such as {"at_s": 12.0, "do": "drop"}')
    name = str(asked.get("do"))
    if name not in FAULTS:
        raise BadFaults(f"do: {name!r} is no fault: use one of {', '.join(FAULTS)}")
    known = {**ALWAYS, **FAULTS[name]}
    for key, value in asked.items():
        if key not in known:
            raise BadFaults(f"{name}: {key!r} is no option of it: use {', '.join(known)}")
        if not _fits(value, known[key]):
            raise BadFaults(f"{name}: {key} must be a {_kind(known[key])}, not {value!r}")
    options = {**FAULTS[name], **{k: v for k, v in asked.items() if k not in ALWAYS}}
    return Fault(name, float(asked.get("at_s", 0.0)), options)


def read_faults(path: str | Path) -> tuple[Fault, ...]:
    """Return the faults of a file.

    Raises:  BadFaults  it cannot be read, or a fault in it cannot be used
    """
    try:
        listed = json.loads(Path(path).read_text())
    except (OSError, ValueError) as wrong:
        raise BadFaults(f"{path}: {wrong}") from None
    if not isinstance(listed, list):
        raise BadFaults(f"{path}: a list of faults is needed")
    faults = []
    for number, asked in enumerate(listed, start=1):
        try:
            faults.append(fault_of(asked))
        except BadFaults as wrong:
            raise BadFaults(f"{path}: fault {number}: {wrong}") from None
    return tuple(faults)


def _fits(value: Any, like: Any) -> bool:
    if isinstance(like, bool):
        return isinstance(value, bool)
    if isinstance(like, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if isinstance(like, int):
        return isinstance(value, int) and not isinstance(value, bool) and value > 0
    return isinstance(value, str)


def _kind(like: Any) -> str:
    names = {bool: "true or false", float: "number of 0 or more", int: "whole number above 0"}
    return names.get(type(like), "text")
