"""What templates draw with: icons, numbers for scripts, and whether this is the demo."""

import re
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.brokers.queries import AccountView
from apps.bus.domain.message import in_r
from apps.dashboards.gauges import NAMES
from apps.dashboards.templatetags.desk import CHICAGO, NOTHING, minute, money, signed
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.risk.domain.limits import LimitName

register = template.Library()

_OWN_NAME: Final = ("mark",)  # not an icon of the set, so without its prefix


@register.simple_tag
@cache
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


@register.simple_tag
def signup_is_open() -> bool:
    """Return whether strangers may make themselves an account."""
    return bool(settings.SIGNUP_OPEN)


@register.simple_tag
def letters() -> str:
    """Return where letters go: files, console, or away by smtp."""
    kind = settings.EMAIL_BACKEND.split(".")[-2]
    return {"filebased": "files"}.get(kind, kind)


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
def distance_signed(value: Fraction | Decimal | None) -> str:
    """Write a gain or loss in points: two decimals with a sign."""
    text = distance(value)
    return f"+{text}" if value is not None and value > 0 and text != "0.00" else text


@register.filter
def ticks_of(value: Fraction | Decimal | None, product: Instrument) -> str:
    """Write a gain or loss in ticks with a sign; an average entry may lie between two, so to a tenth."""
    if value is None:
        return NOTHING
    tenths = round(Fraction(value) / Fraction(product.tick_size) * 10)
    return signed(Decimal(tenths // 10) if tenths % 10 == 0 else Decimal(tenths) / 10)


@register.filter
def price_on(value: Decimal | None, product: Instrument) -> str:
    """Write a price with the decimals of its instrument."""
    return NOTHING if value is None else f"{product.snap(value):,f}"


@register.filter
def plain_on(value: Decimal | None, product: Instrument) -> str:
    """Write a price for a field: on its grid, without commas."""
    return "" if value is None else f"{product.snap(value):f}"


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
def day_minute(value: datetime | None, today: date | None = None) -> str:
    """Write an instant with its day, on Chicago's clock: 20 Nov 09:14; where it is of another year than today, with that."""
    if value is None:
        return NOTHING
    there = value.astimezone(ZoneInfo(CHICAGO))
    year = " %Y" if isinstance(today, date) and there.year != today.year else ""
    return f"{there:%-d %b{year} %H:%M}"


@register.filter
def day(value: date | None, style: str) -> str:
    """Write a date as `date` does, each one once: a page writes the same few days over and over. Empty where there is none."""
    return "" if value is None else _day(value, style)


@lru_cache(maxsize=20_000)
def _day(value: date, style: str) -> str:
    return dateformat.format(value, style)


@register.filter
def instant_words(value: str) -> str:
    """Write the instants inside a text on Chicago's clock; the rest stays."""
    return _INSTANT.sub(lambda found: f"{minute(found[0])} CT", value)


@register.filter
def dated_words(value: str) -> str:
    """Write the instants inside a text on Chicago's clock, each with its day; the rest stays."""
    return _INSTANT.sub(lambda found: f"{day_minute(datetime.fromisoformat(found[0]))} CT", value)


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


@register.filter
def price_of(value: Decimal | None, contract: str) -> str:
    """Write a price with the decimals of its contract."""
    return price_on(value, instrument(root_of(contract)))


@register.filter
def loss(value: Decimal | None) -> str:
    """Write what can be lost, which is kept as a positive amount: −$73.00."""
    return money(None if value is None else -value)


@register.filter
def part(value: Decimal) -> str:
    """Write a part of the whole in whole per cent, rounded against the trader: 52 %."""
    return f"{int((value * 100).to_integral_value(ROUND_CEILING))} %"


@register.filter
def plain(value: Decimal) -> str:
    """Write a number without zeros at its end: 0.2."""
    return f"{value.normalize():f}"


@register.filter
def limit_name(value: str) -> str:
    """Return a limit as it is called."""
    return NAMES[LimitName(value)]


@register.filter
def type_words(value: str | None) -> str:
    """Return a type of order as people say it: stop limit."""
    return str(value or "").replace("_", " ")


@register.filter
def flatten_words(view: AccountView | None) -> str:
    """Say what flattening an account would do: close 2 MNQ, cancel 4 orders."""
    if view is None:
        return ""
    sizes: dict[str, int] = {}
    for one in view.positions:
        sizes[one.row.root] = sizes.get(one.row.root, 0) + one.row.size
    parts = [f"close {size} {root}" for root, size in sizes.items()]
    if view.orders:
        parts.append(f"cancel {len(view.orders)} order{'s' if len(view.orders) != 1 else ''}")
    return ", ".join(parts) or "nothing is open"
