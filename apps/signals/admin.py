"""Where alerts come from and what became of them, for staff."""

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import UnknownInstrument, instrument
from apps.signals.domain.settings import BadSetting, settings_for
from apps.signals.models import Signal, Strategy, WebhookRefusal

UNUSABLE: Final = (UnknownSymbol, UnknownInstrument, BadSetting, TypeError, ValueError)


class ReadOnly(ModelAdmin):  # type: ignore[misc]  # unfold is not typed
    """Rows that the engine or the door writes: to be looked at, never to be edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one."""
        return False


class StrategyForm(forms.ModelForm):  # type: ignore[type-arg]  # it takes no type where it runs
    """Refuses what its next signal could not be made with."""

    def clean(self) -> dict[str, Any]:
        """Try the settings on the instrument."""
        given = super().clean() or {}
        try:
            _in_force(given.get("symbol", ""), given.get("settings") or {})
        except UNUSABLE as problem:
            raise forms.ValidationError(str(problem)) from None
        return given


def _in_force(symbol: str, given: Any) -> dict[str, Any]:
    return settings_for(instrument(root_of(symbol)), given).plain()


@admin.register(Strategy)
class StrategyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold is not typed
    """A trader's sources of alerts. Secrets are shown to nobody, only their owner gives out new ones."""

    form = StrategyForm
    list_display: ClassVar = ["name", "user", "symbol", "is_active", "created_at", "in_force"]
    list_filter: ClassVar = ["is_active", "requires_signature", "only_tradingview"]
    list_select_related: ClassVar = ["user"]
    search_fields: ClassVar = ["name", "user__username", "symbol"]
    fields: ClassVar = [
        "user", "name", "symbol", "is_active", "requires_signature", "only_tradingview",
        "settings", "in_force", "created_at", "rotated_at",
    ]  # fmt: skip
    readonly_fields: ClassVar = ["user", "in_force", "created_at", "rotated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A strategy is made by its trader, who alone may see its secret."""
        return False

    @admin.display(description="In force")
    def in_force(self, strategy: Strategy) -> str:
        """Return the settings that its next signal is made with, or what is wrong with them."""
        try:
            plain = _in_force(strategy.symbol, strategy.settings)
        except UNUSABLE as problem:
            return f"✗ {problem}"
        shown = ("buffer", "stale_tolerance", "require_body", "plan_break_even", "plan_target_r")
        return ", ".join(f"{name} {plain[name]}" for name in shown)


@admin.register(Signal)
class SignalAdmin(ReadOnly):
    """What became of each alert."""

    list_display: ClassVar = [
        "trade_id", "user", "strategy", "contract", "direction", "session", "status", "reason",
        "bar_at",
    ]  # fmt: skip
    list_filter: ClassVar = ["status", "reason", "direction", "session", "root", "is_late"]
    list_select_related: ClassVar = ["user", "strategy"]
    search_fields: ClassVar = ["trade_id", "key", "user__username"]
    date_hierarchy = "bar_at"


@admin.register(WebhookRefusal)
class WebhookRefusalAdmin(ReadOnly):
    """Alerts that were not taken, with how they began."""

    list_display: ClassVar = ["received_at", "strategy", "code", "field", "detail", "address"]
    list_filter: ClassVar = ["code"]
    list_select_related: ClassVar = ["strategy"]
