"""What templates draw with: icons, numbers for scripts, and whether this is the demo."""

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.bus.domain.message import in_r
from apps.dashboards.templatetags.desk import CHICAGO, NOTHING, minute

register = template.Library()

_OWN_NAME: Final = ("mark",)  # not an icon of the set, so without its prefix


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the set; the words beside it say what it means."""
    address, anchor = static("img/icons.svg"), name if name in _OWN_NAME else f"i-{name}"
    kind = "mark" if name in _OWN_NAME else "icon"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', kind, address, anchor
    )


@register.simple_tag
def is_demo() -> bool:
    """Return whether the market is a simulated one."""
    return bool(settings.MARKET != "tradovate")


@register.filter
def exact(value: Fraction | Decimal | None) -> str:
    """Write a number for a script to read: four decimals, no commas."""
    if value is None:
        return ""
    return in_r(value) if isinstance(value, Fraction) else f"{value:f}"


@register.filter
def distance(value: Fraction | Decimal | None) -> str:
    """Write how far something is, in points: two decimals, or none where it is whole and large."""
    if value is None:
        return NOTHING
    return f"{Decimal(in_r(Fraction(value))).quantize(Decimal('0.01'), ROUND_HALF_UP):,f}".replace(
        "-", "−"
    )


@register.filter
def in_r_words(value: Fraction | None) -> str:
    """Write an amount of R that has no direction: 0.52 R."""
    if value is None:
        return NOTHING
    return f"{Decimal(in_r(value)).quantize(Decimal('0.01'), ROUND_HALF_UP)} R"


@register.filter
def side(is_bullish: bool) -> str:
    """Return the side of a trade or signal, for the attribute that colours it."""
    return "long" if is_bullish else "short"


@register.filter
def day_minute(value: datetime | None) -> str:
    """Write an instant with its day, on Chicago's clock: 20 Nov 09:14."""
    return NOTHING if value is None else f"{value.astimezone(ZoneInfo(CHICAGO)):%-d %b %H:%M}"


@register.filter
def instant_words(value: str) -> str:
    """Write the instants inside a text on Chicago's clock; the rest stays."""
    return _INSTANT.sub(lambda found: f"{minute(found[0])} CT", value)


@register.filter
def dated_words(value: str) -> str:
    """Write the instants inside a text on Chicago's clock, each with its day; the rest stays."""
    return _INSTANT.sub(lambda found: f"{day_minute(datetime.fromisoformat(found[0]))} CT", value)


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
