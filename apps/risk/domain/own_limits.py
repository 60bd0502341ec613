"""What a trader allows himself, beside his firm's rules: what is tighter holds at once, what is looser from the next day on."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from apps.risk.domain.fields import MOST_MONEY, BadRule

N = TypeVar("N", int, Decimal)


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """What a trader allows himself. None: no such limit. max_minis counts as the rule set does."""

    max_daily_loss: Decimal | None = None
    max_trades: int | None = None
    max_losses_in_row: int | None = None
    cooldown_minutes: int | None = None
    max_minis: int | None = None

    def plain(self) -> dict[str, Any]:
        """Return the limits as JSON values; `own_limits` gives them back."""
        return {
            one.name: f"{value:f}" if isinstance(value, Decimal) else value
            for one in fields(self)
            if (value := getattr(self, one.name)) is not None
        }

    def tightened(self, wanted: "OwnLimits") -> "OwnLimits":
        """Return what holds at once when `wanted` is asked for: of each limit the tighter one."""
        return OwnLimits(
            tighter(self.max_daily_loss, wanted.max_daily_loss),
            tighter(self.max_trades, wanted.max_trades),
            tighter(self.max_losses_in_row, wanted.max_losses_in_row),
            max(self.cooldown_minutes or 0, wanted.cooldown_minutes or 0) or None,
            tighter(self.max_minis, wanted.max_minis),
        )


def own_limits(given: Mapping[str, Any]) -> OwnLimits:
    """Return the limits that plain JSON describes.

    Raises:  BadRule
    """
    known = {one.name for one in fields(OwnLimits)}
    for name in given:
        if name not in known:
            raise BadRule(
                str(name), given[name], f"is no limit; known are {', '.join(sorted(known))}"
            )
    return OwnLimits(
        _money(given, "max_daily_loss"),
        _whole(given, "max_trades", 0),
        _whole(given, "max_losses_in_row", 1),
        _whole(given, "cooldown_minutes", 1),
        _whole(given, "max_minis", 0),
    )


def tighter(one: N | None, other: N | None) -> N | None:
    """Return the lower of two limits, where None is no limit."""
    given = [value for value in (one, other) if value is not None]
    return min(given) if given else None


def _money(given: Mapping[str, Any], name: str) -> Decimal | None:
    value = given.get(name)
    if value in (None, ""):
        return None
    try:
        if isinstance(value, bool | float):
            raise InvalidOperation
        amount = Decimal(str(value))
    except InvalidOperation:
        raise BadRule(name, value, 'must be an amount as text, e.g. "500"') from None
    if not amount.is_finite() or not 0 < amount <= MOST_MONEY:
        raise BadRule(name, value, f"must lie above 0 and be at most {MOST_MONEY}")
    return amount


def _whole(given: Mapping[str, Any], name: str, least: int) -> int | None:
    value = given.get(name)
    if value in (None, ""):
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not least <= int(text) <= 1440:
        raise BadRule(name, value, f"must be a whole number, {least} to 1440")
    return int(text)
