"""Rules in a trader's words, and what differs between two versions of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from apps.risk.domain.limits import LimitName
from apps.risk.domain.rules import Basis, DrawdownType, Policy, Rules
from apps.risk.domain.spoken import dollars

LIMIT_WORDS: Final[Mapping[LimitName, str]] = {
    LimitName.MAX_LOSS: "To liquidation",
    LimitName.DAILY_LOSS: "Daily loss",
    LimitName.OWN_DAILY: "Own daily limit",
}
POLICY_WORDS: Final[Mapping[Policy, str]] = {
    Policy.ALLOWED: "allowed",
    Policy.PERSONAL_DEVICE_ONLY: "from your own device only",
    Policy.PLATFORM_ONLY: "inside the firm's platform only",
    Policy.MANUAL_ONLY: "by hand only",
    Policy.UNKNOWN: "not known: a person says yes",
}
DRAWDOWN_WORDS: Final[Mapping[DrawdownType, str]] = {
    DrawdownType.STATIC: "never moves",
    DrawdownType.EOD_TRAILING: "follows the highest close of a day",
    DrawdownType.INTRADAY_TRAILING: "follows every tick of open profit",
    DrawdownType.CLOSED_BALANCE_TRAILING: "follows each closed trade",
}
BASIS_WORDS: Final[Mapping[Basis, str]] = {
    Basis.TOTAL_PROFIT: "of the profit",
    Basis.TARGET: "of the target",
    Basis.SINCE_PAYOUT: "of the profit since the last payout",
    Basis.POSITIVE_DAYS: "of all winning days",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two versions differ; None where a version does not have it."""

    field: str
    was: str | None
    now: str | None


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Difference]:
    """Return every field that differs, by its full path, in the order of the fields."""
    was, now = dict(_leaves(before or {})), dict(_leaves(after))
    names = [*was, *(name for name in now if name not in was)]
    return [
        Difference(name, was.get(name), now.get(name))
        for name in names
        if was.get(name) != now.get(name)
    ]


def percent(part: Decimal) -> str:
    """Return a part of the whole in per cent, without decimals that say nothing: 55 %, 12.5 %."""
    return f"{(part * 100).quantize(Decimal('0.1')).normalize():f} %"


def in_short(rules: Rules) -> str:
    """Return the rules in one line, for a choice: $2,000 max loss, no daily limit, 5 minis, target $3,000."""
    parts = []
    if rules.drawdown:
        parts.append(f"{dollars(rules.drawdown.amount, sign=False)} max loss")
    parts.append(
        f"{dollars(rules.daily_loss.amount, sign=False)} daily"
        if rules.daily_loss
        else "no daily limit"
    )
    if rules.size:
        parts.append(f"{rules.size.minis} mini{'' if rules.size.minis == 1 else 's'}")
    if rules.target:
        parts.append(f"target {dollars(rules.target, sign=False)}")
    return ", ".join(parts)


def unsure_words(rules: Rules) -> str:
    """Return which fields a person has to compare with his own contract, empty if none."""
    return ", ".join(one.replace("_", " ").replace(".", ": ") for one in rules.unsure)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    elif value is not None:
        yield path, str(value)
