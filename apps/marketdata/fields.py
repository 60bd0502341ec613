"""How the API writes prices, R and moments: text, exact, UTC."""

from typing import Any

from rest_framework import serializers

from apps.bus.domain.message import in_r, iso, to_instant


class PriceField(serializers.CharField):
    """A price or a distance in points as decimal text, e.g. "20005.25"."""

    def to_representation(self, value: Any) -> str:
        """Write it with the decimals it has."""
        return f"{value:f}"


class RField(serializers.CharField):
    """A ratio as text with 4 decimals, e.g. "-0.6667"."""

    def to_representation(self, value: Any) -> str:
        """Round it, ties away from zero."""
        return in_r(value)


class MomentField(serializers.CharField):
    """A moment as ISO-8601 UTC with `Z`, milliseconds rounded down."""

    def to_representation(self, value: Any) -> str:
        """Write it without a fraction where that is zero."""
        return iso(to_instant(value))
