"""How values are written. The browser's format.js writes the same: tests/formats.json holds both."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from django import template

from apps.bus.domain.message import in_r

register = template.Library()

NOTHING: Final = "–"
CHICAGO: Final = "America/Chicago"
Shown = Decimal | Fraction | str | int | float | None


@register.filter
def price(value: Shown) -> str:
    """Write a price with thousands commas; its decimals stay as they are."""
    return _grouped(value)


@register.filter
def points(value: Shown) -> str:
    """Write a distance in points."""
    return _grouped(value)


@register.filter
def size(value: Shown) -> str:
    """Write a number of contracts."""
    return _grouped(value)


@register.filter
def signed(value: Shown) -> str:
    """Write a gain with "+", a loss with "−"."""
    return NOTHING if _is_none(value) else _plus(_exact(value))


@register.filter
def r(value: Shown) -> str:
    """Write R with two decimals: +1.22 R. It is rounded from the four that the API tells."""
    return NOTHING if _is_none(value) else f"{_plus(_rounded(_exact(value), 2))} R"


@register.filter
def money(value: Shown) -> str:
    """Write a gain or loss in dollars: +$45.00, −$112.76, $0.00."""
    if _is_none(value):
        return NOTHING
    amount = _rounded(_exact(value), 2)
    mark = "+" if amount > 0 else ("−" if amount < 0 else "")
    return f"{mark}${abs(amount):,f}"


@register.filter
def gained_points(value: Shown) -> str:
    """Write a gain or loss in points, to the hundredth: +12.25 pts."""
    return NOTHING if _is_none(value) else f"{_plus(_rounded(_exact(value), 2))} pts"


@register.filter
def gained_ticks(value: Shown) -> str:
    """Write a gain or loss in ticks; an average entry may lie between two, so to a tenth: +18 ticks, −2.5 ticks."""
    return NOTHING if _is_none(value) else f"{_plus(_short(_rounded(_exact(value), 1)))} ticks"


def unit_of(known: Mapping[str, Shown], wanted: str) -> str:
    """Return in what a result is written: as wanted where that is known, else in dollars, else in R."""
    return next((one for one in (wanted, "money") if not _is_none(known.get(one))), "r")


def result(known: Mapping[str, Shown], wanted: str) -> str:
    """Write a result, known in several units, in the one that its trader wants; what is written names its unit."""
    unit = unit_of(known, wanted)
    return RESULTS[unit](known.get(unit))


@register.filter
def dollars(value: Shown) -> str:
    """Write an amount of dollars that is no result: $50,000.00, −$12.00."""
    if _is_none(value):
        return NOTHING
    amount = _rounded(_exact(value), 2)
    return f"{'−' if amount < 0 else ''}${abs(amount):,f}"


@register.filter
def whole_dollars(value: Shown) -> str:
    """Write an amount of dollars without cents, towards zero: $432. What is left is never shown larger."""
    if _is_none(value):
        return NOTHING
    amount = int(_exact(value))
    return f"{'−' if amount < 0 else ''}${abs(amount):,d}"


@register.filter
def percent(value: Shown) -> str:
    """Write a percentage with two decimals."""
    return NOTHING if _is_none(value) else f"{_grouped(_rounded(_exact(value), 2))} %"


@register.filter
def change(value: Shown) -> str:
    """Write a change against the settlement: an arrow and the bare amount."""
    if _is_none(value):
        return NOTHING
    arrow = {"+": "▲", "-": "▼", "0": "■"}[sign(value)]
    return f"{arrow} {_grouped(abs(_exact(value)))}"


@register.filter
def sign(value: Shown) -> str:
    """Return "+", "-" or "0", for the attribute that colours an outcome."""
    amount = Decimal(0) if _is_none(value) else _exact(value)
    return "0" if not amount else ("+" if amount > 0 else "-")


@register.filter
def age(value: Shown) -> str:
    """Write seconds since something, tenths below ten."""
    if _is_none(value):
        return NOTHING
    seconds = _exact(value)
    if seconds < Decimal("9.95"):
        return f"{_rounded(seconds, 1)} s"
    if seconds < 60:
        return f"{int(seconds)} s"
    return f"{int(seconds) // 60} min" if seconds < 3600 else f"{int(seconds) // 3600} h"


@register.filter
def duration(value: Shown) -> str:
    """Write seconds as 0:23, 31:37, 1:02:03."""
    if _is_none(value):
        return NOTHING
    minutes, seconds = divmod(max(0, int(_exact(value))), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


@register.filter
def clock(value: datetime | str | None, zone: str = CHICAGO) -> str:
    """Write an instant on the clock of a zone: 09:14:37."""
    return _on_clock(value, zone, "%H:%M:%S")


@register.filter
def minute(value: datetime | str | None, zone: str = CHICAGO) -> str:
    """Write an instant on the clock of a zone, without seconds: 09:14."""
    return _on_clock(value, zone, "%H:%M")


@register.simple_tag(takes_context=True)
def told(context: template.Context, topic: str) -> int | str:
    """Return how many facts a topic had told when the view began, for a region's `n`.

    The view takes `told = transport.counts()` before it reads any row; without it the region asks
    once more when the socket opens.
    """
    counts = context.get("told")
    return "" if counts is None else int(counts.get(topic, 0))


RESULTS: Final[dict[str, Callable[[Shown], str]]] = {
    "r": r, "points": gained_points, "ticks": gained_ticks, "money": money,
}  # fmt: skip
FORMATS: Final[dict[str, Callable[..., str]]] = {
    "price": price, "points": points, "size": size, "signed": signed, "r": r, "percent": percent,
    "money": money, "dollars": dollars, "whole_dollars": whole_dollars, "change": change, "sign": sign, "age": age, "duration": duration, "clock": clock,
    "minute": minute, "gained_points": gained_points, "gained_ticks": gained_ticks, "result": result,
}  # fmt: skip


def _is_none(value: object) -> bool:
    return value is None or value == ""


def _exact(value: Shown) -> Decimal:
    return Decimal(in_r(value)) if isinstance(value, Fraction) else Decimal(str(value))


def _grouped(value: Shown) -> str:
    return NOTHING if _is_none(value) else f"{_exact(value):,f}".replace("-", "−")


def _rounded(value: Decimal, decimals: int) -> Decimal:
    cut = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return cut or abs(cut)


def _short(value: Decimal) -> Decimal:
    return value.to_integral_value() if value == value.to_integral_value() else value


def _plus(value: Decimal) -> str:
    return f"+{_grouped(value)}" if value > 0 else _grouped(value)


def _on_clock(value: datetime | str | None, zone: str, style: str) -> str:
    if value is None or value == "":
        return NOTHING
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(ZoneInfo(zone)):{style}}"
