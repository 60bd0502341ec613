"""How lists of trades are narrowed."""

from datetime import datetime
from typing import Any, ClassVar

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.session import Session
from apps.signals.domain.indicator import Direction
from apps.trades.domain.trade import State
from apps.trades.models import Trade


class _MomentField(IsoDateTimeField):  # type: ignore[misc]  # it is not typed
    """A moment that every database can hold in every time zone."""

    def clean(self, value: Any) -> datetime | None:
        """Refuse years in which nothing can have traded here."""
        moment: datetime | None = super().clean(value)
        if moment is not None and not 1990 <= moment.year < 2100:
            raise ValidationError("Give a moment between 1990 and 2100.", code="out_of_range")
        return moment


class Moment(django_filters.IsoDateTimeFilter):  # type: ignore[misc]  # it is not typed
    """Narrows by a moment in ISO-8601."""

    field_class = _MomentField


class TradeFilter(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """By what a trade is, and by when it was entered."""

    state = django_filters.ChoiceFilter(choices=[(item.value, item.value) for item in State])
    status = django_filters.ChoiceFilter(choices=[("ACTIVE", "ACTIVE"), ("COMPLETED", "COMPLETED")])
    direction = django_filters.ChoiceFilter(
        choices=[(item.value, item.value) for item in Direction]
    )
    session = django_filters.ChoiceFilter(choices=[(item.value, item.value) for item in Session])
    symbol = django_filters.CharFilter(method="of_symbol", help_text="In any spelling.")
    strategy = django_filters.NumberFilter(field_name="strategy_id", min_value=0, max_value=2**62)
    since = Moment(field_name="entry_at", lookup_expr="gte")
    until = Moment(field_name="entry_at", lookup_expr="lt")

    class Meta:
        model = Trade
        fields: ClassVar = ["is_manual", "trade_id", "is_late", "is_incomplete"]

    def of_symbol(self, trades: QuerySet[Any], _name: str, symbol: str) -> QuerySet[Any]:
        """Return the trades of an instrument; none for a symbol that names nothing."""
        try:
            return trades.filter(root=root_of(symbol))
        except UnknownSymbol:
            return trades.none()
