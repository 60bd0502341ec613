"""Accounts and what happened in them, for staff. Money is written by the engine alone."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.brokers.models import (
    Account,
    AccountDay,
    BrokerAccount,
    Connection,
    Fill,
    Order,
    Position,
    Route,
)
from apps.brokers.services import change_account
from apps.signals.admin import ReadOnly


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no type where it runs
    """Refuses a name that its trader has given to another account."""

    def clean_name(self) -> str:
        """Take a name that is free."""
        name: str = self.cleaned_data["name"].strip()
        others = Account.objects.filter(user=self.instance.user).exclude(pk=self.instance.pk)
        if others.filter(name=name).exists():
            raise forms.ValidationError(f"{self.instance.user} has an account {name} already.")
        return name


@admin.register(Account)
class AccountAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is not typed
    """A trader's accounts. Only the name and whether it is open can be changed here, and the engine hears of it."""

    form = AccountForm
    list_display: ClassVar = [
        "name", "user", "kind", "firm", "balance", "trade_date", "realized_today", "is_open",
    ]  # fmt: skip
    list_filter: ClassVar = ["kind", "is_open", "firm"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["name", "user__username", "firm"]
    fieldsets: ClassVar = (
        (None, {"fields": ("user", "name", "kind", "firm", "is_open", "created_at")}),
        ("Its day", {"fields": ("tz", "reset", "trade_date")}),
        (
            "Money, as the engine booked it",
            {
                "fields": (
                    "start_balance", "balance", "day_start_balance", "realized_today",
                    "fees_today", "trades_today", "wins_today", "losses_today", "payouts",
                )
            },
        ),
        ("How it is filled", {"fields": ("fees", "paper")}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        """Return everything but name and whether it is open."""
        every = [name for _, part in self.fieldsets for name in part["fields"]]
        return [name for name in every if name not in ("name", "is_open")]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A trader opens his own."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """What was traded stays."""
        return False

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Keep it and tell the engine, once this page's own transaction is through."""
        asked = {"name": obj.name, "is_open": obj.is_open}
        transaction.on_commit(lambda: change_account(account=obj, source="admin", **asked) and None)


@admin.register(Route)
class RouteAdmin(ReadOnly):
    """What becomes of each strategy's signals."""

    list_display: ClassVar = ["strategy", "account", "user", "mode"]
    list_filter: ClassVar = ["mode"]
    list_select_related: ClassVar = ["strategy", "account", "user"]


@admin.register(Order)
class OrderAdmin(ReadOnly):
    """Every order, with what the rules said of it."""

    list_display: ClassVar = [
        "at", "account", "side", "quantity", "contract", "type", "role", "status", "filled",
        "average", "reason",
    ]  # fmt: skip
    list_filter: ClassVar = ["status", "type", "role", "origin", "side", "root"]
    list_select_related: ClassVar = ["account"]
    search_fields: ClassVar = ["key", "signal", "account__name", "user__username"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(Position)
class PositionAdmin(ReadOnly):
    """Every position from flat to flat."""

    list_display: ClassVar = [
        "opened_at", "account", "sign", "most", "contract", "size", "realized", "fees", "closed_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["sign", "root", ("closed_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["account"]
    search_fields: ClassVar = ["key", "signal", "account__name", "user__username"]
    date_hierarchy = "opened_at"
    show_full_result_count = False


@admin.register(Fill)
class FillAdmin(ReadOnly):
    """Contracts that were traded."""

    list_display: ClassVar = [
        "at", "account", "side", "quantity", "contract", "price", "fees", "realized",
        "slippage_ticks", "latency_ms", "rests_on",
    ]  # fmt: skip
    list_filter: ClassVar = ["side", "rests_on"]
    list_select_related: ClassVar = ["account"]
    search_fields: ClassVar = ["key", "account__name", "user__username"]
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(AccountDay)
class AccountDayAdmin(ReadOnly):
    """Each trading day of each account, by its own reset."""

    list_display: ClassVar = [
        "trade_date", "account", "trades", "wins", "losses", "realized", "fees", "balance",
    ]  # fmt: skip
    list_select_related: ClassVar = ["account"]
    search_fields: ClassVar = ["account__name", "user__username"]
    date_hierarchy = "trade_date"


@admin.register(Connection)
class ConnectionAdmin(ReadOnly):
    """Logins at brokers: how they stand. Their secrets are shown to nobody."""

    list_display: ClassVar = [
        "name", "user", "environment", "state", "reason", "heard_at", "polled_at", "is_on",
    ]  # fmt: skip
    list_filter: ClassVar = ["state", "environment", "is_on"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["name", "user__username"]
    exclude: ClassVar = ["password", "sec", "cid"]


@admin.register(BrokerAccount)
class BrokerAccountAdmin(ReadOnly):
    """Accounts as brokers list them."""

    list_display: ClassVar = [
        "name", "user", "connection", "is_open", "is_live", "balance", "account",
    ]  # fmt: skip
    list_filter: ClassVar = ["is_open", "is_live"]
    list_select_related: ClassVar = ["user", "connection", "account"]
    search_fields: ClassVar = ["name", "nickname", "user__username"]
