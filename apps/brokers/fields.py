"""How the API writes money and prices of what is traded, and how it reads what a trader sends."""

from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from apps.bus.domain.message import iso
from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import instrument
from apps.marketdata.fields import PriceField

CENT: Final = Decimal("0.01")
_FINEST: Final = Decimal("0.0001")


class MoneyField(serializers.CharField):
    """Dollars as decimal text with 2 decimals, with 4 where a tick is worth a part of a cent."""

    def to_representation(self, value: Any) -> str:
        """Write it exactly."""
        exact = Decimal(value)
        return f"{exact:.2f}" if exact == exact.quantize(CENT) else f"{exact:.4f}"


class GridPriceField(PriceField):
    """A price of a row that has a `contract`, with the decimals of its instrument."""

    def get_attribute(self, instance: Any) -> Any:
        """Put what the database keeps with 7 decimals on the grid."""
        value = super().get_attribute(instance)
        if value is None:
            return None
        product = instrument(root_of(instance.contract))
        return product.price(product.to_ticks(value))


class AverageField(PriceField):
    """An average price or distance, which lies between the ticks: at most 4 decimals."""

    def to_representation(self, value: Any) -> str:
        """Round it for the eye, and keep two decimals as prices have them."""
        rounded = Decimal(value).quantize(_FINEST)
        text = f"{rounded.normalize():f}"
        return text if -rounded.normalize().as_tuple().exponent > 2 else f"{rounded:.2f}"  # type: ignore[operator]  # it is finite


class InstantField(serializers.CharField):
    """An instant in ns UTC as ISO-8601 with `Z`; 0 is none."""

    def to_representation(self, value: Any) -> Any:
        """Write it as every other moment."""
        return iso(value) if value else None


class AskedDecimal(serializers.DecimalField):
    """A price, distance or amount that a trader sends: above zero, of a possible length."""

    def __init__(self, **options: Any) -> None:
        options = {"max_digits": 18, "decimal_places": 7, "required": False} | options
        if not options["required"]:
            options = {"allow_null": True, "default": None} | options
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Decimal:
        """Refuse what is no number above zero."""
        value: Decimal = super().to_internal_value(data)
        if value <= 0:
            raise serializers.ValidationError(f"{data} must be above 0.")
        return value


class Contracts(serializers.IntegerField):
    """A whole number of contracts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"min_value": 1, "max_value": 500} | options))


def text_of(value: Decimal | None) -> str | None:
    """Return a decimal as wishes carry it."""
    return None if value is None else f"{value:f}"
