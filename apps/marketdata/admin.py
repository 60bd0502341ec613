"""Holidays, instruments' settings, and a look at what is stored."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.marketdata.models import (
    CandleRow,
    ContractState,
    HolidayRow,
    ImportJob,
    InstrumentSetting,
)


@admin.register(HolidayRow)
class HolidayAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The holiday table, confirmed some weeks ahead of each day."""

    list_display = ("day", "event", "group", "kind", "closes", "status")
    list_filter = ("status", "kind", "group")
    list_editable = ("status",)
    date_hierarchy = "day"
    search_fields = ("event",)


@admin.register(InstrumentSetting)
class InstrumentSettingAdmin(ModelAdmin):  # type: ignore[misc]
    """What the house changes about an instrument; new signals use it."""

    list_display = ("root", "buffer", "stale_tolerance", "jump", "near_stop", "roll")
    fieldsets: ClassVar = (
        (None, {"fields": ("root", "roll")}),
        ("Signals", {"fields": ("buffer", "stale_tolerance", "jump", "near_stop")}),
        ("Fees", {"fields": ("commission", "exchange_fee")}),
    )


class _OnlyToLookAt(ModelAdmin):  # type: ignore[misc]
    """Rows that only the engine and the imports write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


@admin.register(CandleRow)
class CandleAdmin(_OnlyToLookAt):
    """Closed candles."""

    list_display = (
        "contract", "seconds", "open_at", "open", "high", "low", "close", "volume", "complete",
    )  # fmt: skip
    list_filter = ("seconds", "complete")
    search_fields = ("=contract",)
    show_full_result_count = False


@admin.register(ContractState)
class ContractStateAdmin(_OnlyToLookAt):
    """The running market of each contract."""

    list_display = ("contract", "at")


@admin.register(ImportJob)
class ImportJobAdmin(_OnlyToLookAt):
    """Imports and how far they are."""

    list_display = (
        "file",
        "kind",
        "contract",
        "rows",
        "state",
        "started_at",
        "finished_at",
        "error",
    )
    list_filter = ("state", "kind")
