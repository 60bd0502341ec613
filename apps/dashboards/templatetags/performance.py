"""How figures are written: each is rounded once, from the exact fraction."""

from decimal import Decimal
from fractions import Fraction

from django import template

from apps.analytics.domain.money import in_cents
from apps.dashboards.templatetags.desk import NOTHING, dollars, duration, money

register = template.Library()


@register.filter
def net(value: Fraction | None) -> str:
    """Write a gain or loss in dollars: +$45.00, −$112.76."""
    return NOTHING if value is None else money(in_cents(value))


@register.filter
def amount(value: Fraction | None) -> str:
    """Write dollars that are no result: fees, a depth."""
    return NOTHING if value is None else dollars(in_cents(value))


@register.filter
def fall(value: Fraction | None) -> str:
    """Write how deep something fell, which is kept as a positive amount: −$73.00."""
    return NOTHING if value is None else money(-in_cents(value))


@register.filter
def rate(value: Fraction | None) -> str:
    """Write a part of the whole in per cent with one decimal: 56.5 %."""
    if value is None:
        return NOTHING
    return f"{in_cents(value * 10).scaleb(1):.1f} %"


@register.filter
def ratio(value: Fraction | float | None) -> str:
    """Write a ratio with two decimals: 1.43, −0.20."""
    if value is None:
        return NOTHING
    exact = in_cents(value) if isinstance(value, Fraction) else Decimal(f"{value:.2f}")
    return f"{exact or abs(exact):,.2f}".replace("-", "−")


@register.filter
def lasting(value: Fraction | None) -> str:
    """Write seconds as 31:37, rounded down."""
    return NOTHING if value is None else duration(int(value))
