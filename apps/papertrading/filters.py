"""How lists of orders, fills, positions and days are narrowed."""

from typing import Any, ClassVar

import django_filters
from django.db.models import QuerySet

from apps.brokers.domain.order import OrderStatus, OrderType, Role, Side
from apps.brokers.models import OPEN, AccountDay, Fill, Order, Position
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.trades.filters import Moment


def _choices(kind: Any, *more: str) -> list[tuple[str, str]]:
    return [*((item.value, item.value) for item in kind), *((one, one) for one in more)]


class _OfAccounts(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """By account and contract."""

    account = django_filters.NumberFilter(field_name="account_id", min_value=0, max_value=2**62)
    contract = django_filters.CharFilter(help_text="Its exact name, e.g. NQZ6.")


class OrderFilter(_OfAccounts):
    """By what an order is and where it stands."""

    status = django_filters.ChoiceFilter(
        choices=_choices(OrderStatus, "open"), method="of_status", help_text="open: not over yet."
    )
    symbol = django_filters.CharFilter(method="of_symbol", help_text="In any spelling.")
    side = django_filters.ChoiceFilter(choices=_choices(Side))
    type = django_filters.ChoiceFilter(choices=_choices(OrderType))
    role = django_filters.ChoiceFilter(choices=_choices(Role))
    strategy = django_filters.NumberFilter(
        field_name="place", min_value=0, max_value=2**62, help_text="0: by hand."
    )
    since = Moment(field_name="at", lookup_expr="gte")
    until = Moment(field_name="at", lookup_expr="lt")

    class Meta:
        model = Order
        fields: ClassVar = ["signal", "parent"]

    def of_status(self, rows: QuerySet[Any], _name: str, status: str) -> QuerySet[Any]:
        """Return the orders that stand there, or all that are not over."""
        return rows.filter(status__in=OPEN if status == "open" else [status])

    def of_symbol(self, rows: QuerySet[Any], _name: str, symbol: str) -> QuerySet[Any]:
        """Return the orders of an instrument; none for a symbol that names nothing."""
        try:
            return rows.filter(root=root_of(symbol))
        except UnknownSymbol:
            return rows.none()


class FillFilter(_OfAccounts):
    """By order, side and moment."""

    order = django_filters.NumberFilter(field_name="order_id", min_value=0, max_value=2**62)
    side = django_filters.ChoiceFilter(choices=_choices(Side))
    since = Moment(field_name="at", lookup_expr="gte")
    until = Moment(field_name="at", lookup_expr="lt")

    class Meta:
        model = Fill
        fields: ClassVar[list[str]] = []


class PositionFilter(_OfAccounts):
    """Open ones unless another status is asked for; `since` and `until` narrow by when it was opened."""

    status = django_filters.ChoiceFilter(
        choices=_choices((), "open", "closed", "all"),
        method="of_status",
        help_text="Default: open.",
    )
    strategy = django_filters.NumberFilter(
        field_name="place", min_value=0, max_value=2**62, help_text="0: by hand."
    )
    since = Moment(field_name="opened_at", lookup_expr="gte")
    until = Moment(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = Position
        fields: ClassVar[list[str]] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the open ones where nothing else is said."""
        self.form.cleaned_data["status"] = self.form.cleaned_data.get("status") or "open"
        narrowed: QuerySet[Any] = super().filter_queryset(queryset)
        return narrowed

    def of_status(self, rows: QuerySet[Any], _name: str, status: str) -> QuerySet[Any]:
        """Return what is held, what is flat again, or both."""
        return rows if status == "all" else rows.filter(closed_at__isnull=status == "open")


class DayFilter(django_filters.FilterSet):  # type: ignore[misc]  # it is not typed
    """By account and trade date, both ends included."""

    account = django_filters.NumberFilter(field_name="account_id", min_value=0, max_value=2**62)
    since = django_filters.DateFilter(field_name="trade_date", lookup_expr="gte")
    until = django_filters.DateFilter(field_name="trade_date", lookup_expr="lte")

    class Meta:
        model = AccountDay
        fields: ClassVar[list[str]] = []
