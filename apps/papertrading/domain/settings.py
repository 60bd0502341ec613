"""How honestly an account's paper orders are filled."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

TOUCH: Final = "touch"
THROUGH: Final = "through"


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """What the venue does to the orders of one account.

    slippage_ticks: least and most ticks against a market or stop order
    latency_ms:     least and most milliseconds of market time until a wish takes effect
    queue_ahead:    contracts ahead of a limit order where the displayed size is not known
    limit_fill:     "touch": by its place in the queue, "through": only when the price trades through
    """

    slippage_ticks: tuple[int, int] = (0, 2)
    latency_ms: tuple[int, int] = (50, 200)
    queue_ahead: int = 10
    limit_fill: str = TOUCH

    def plain(self) -> dict[str, Any]:
        """Return the settings as JSON values; `paper_settings` gives them back."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def paper_settings(given: Mapping[str, Any] | None) -> PaperSettings:
    """Return the settings that plain JSON describes; what is absent is as usual.

    Raises:  ValueError  a field that is unknown or can't be used; the text begins with its name
    """
    if given is None:
        return PaperSettings()
    if not isinstance(given, Mapping):
        raise ValueError(f"paper: {given!r} must be an object with named fields")  # noqa: TRY004
    known = PaperSettings().plain()
    for name in given:
        if name not in known:
            raise ValueError(f"paper.{name}: is not known; use {', '.join(known)}")
    values = {**known, **given}
    if values["limit_fill"] not in (TOUCH, THROUGH):
        raise ValueError(f"paper.limit_fill: {values['limit_fill']!r} is neither touch nor through")
    return PaperSettings(
        _two("slippage_ticks", values["slippage_ticks"], 100),
        _two("latency_ms", values["latency_ms"], 60_000),
        _whole("queue_ahead", values["queue_ahead"], 1_000_000),
        values["limit_fill"],
    )


def _two(name: str, value: object, most: int) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"paper.{name}: {value!r} must be two numbers, the least and the most")
    least, greatest = (_whole(name, one, most) for one in value)
    if least > greatest:
        raise ValueError(f"paper.{name}: {least} is above {greatest}; write the smaller one first")
    return least, greatest


def _whole(name: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"paper.{name}: {value!r} must be a whole number, 0 to {most}")
    return value
