"""How the Prop Portfolio writes its figures."""

from decimal import ROUND_HALF_UP, Decimal

from django import template

from apps.risk.domain.spoken import dollars

register = template.Library()


@register.filter
def whole_money(value: Decimal) -> str:
    """Write a gain or loss in whole dollars, for the end of a bar: +$214, −$160."""
    return dollars(value.quantize(Decimal(1), ROUND_HALF_UP))


@register.filter
def part_of_hundred(value: str | None) -> str:
    """Write a part of the whole that was kept as text in whole per cent: 62 %."""
    return "–" if value is None else f"{Decimal(value) * 100:.0f} %"
