"""How lists of recorded positions are narrowed."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet

from apps.recorder.domain.terms import PositionStatus
from apps.recorder.models import RecordedPosition
from apps.signals.models import Strategy


class StrategyFilter(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """Those that are worked with, unless the archived ones are asked for."""

    archived = django_filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        help_text="true: those that are archived, in place of the others.",
    )  # fmt: skip

    class Meta:
        model = Strategy
        fields: ClassVar[list[str]] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return one kind or the other, never both."""
        is_away = self.form.cleaned_data["archived"] == "true"
        return queryset.filter(archived_at__isnull=not is_away)


class PositionFilter(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """By what a position is, and by the exchange's day of its last fill."""

    status = django_filters.ChoiceFilter(choices=[(one.value, one.value) for one in PositionStatus])
    side = django_filters.ChoiceFilter(
        choices=[("long", "long"), ("short", "short")], method="of_side"
    )
    account = django_filters.NumberFilter(field_name="account_id", min_value=0, max_value=2**62)
    contract = django_filters.CharFilter(max_length=16)
    since = django_filters.DateFilter(field_name="trade_date", lookup_expr="gte")
    until = django_filters.DateFilter(field_name="trade_date", lookup_expr="lte")

    class Meta:
        model = RecordedPosition
        fields: ClassVar[list[str]] = []

    def of_side(self, rows: QuerySet[Any], _name: str, side: str) -> QuerySet[Any]:
        """Return the long or the short ones."""
        return rows.filter(sign=1 if side == "long" else -1)
