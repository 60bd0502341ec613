"""Trades, and the audit of facts, for staff."""

from typing import ClassVar

from django.contrib import admin

from apps.bus.models import FactRow, Inbox
from apps.signals.admin import ReadOnly
from apps.trades.domain.telling import headline
from apps.trades.models import Trade


@admin.register(Trade)
class TradeAdmin(ReadOnly):
    """Every Signal Lab entry. The engine alone writes them."""

    list_display: ClassVar = [
        "trade_id", "user", "strategy", "contract", "direction", "entry_at", "entry_price", "risk",
        "state", "result_r", "status", "is_manual",
    ]  # fmt: skip
    list_filter: ClassVar = [
        "state", "status", "direction", "session", "root", "is_manual", "is_late", "is_incomplete",
    ]  # fmt: skip
    list_select_related: ClassVar = ["user", "strategy"]
    search_fields: ClassVar = ["trade_id", "key", "user__username"]
    date_hierarchy = "entry_at"


@admin.register(FactRow)
class FactAdmin(ReadOnly):
    """The audit: all that happened, in the order in which it was committed."""

    list_display: ClassVar = ["seq", "at", "name", "in_words", "user_id", "of", "recorded_at"]
    list_filter: ClassVar = ["name"]
    search_fields: ClassVar = ["key", "of"]
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description="In words")
    def in_words(self, fact: FactRow) -> str:
        """Return what it says."""
        return headline(fact.name, fact.payload)


@admin.register(Inbox)
class InboxAdmin(ReadOnly):
    """What was asked of the engine, and whether it has taken it."""

    list_display: ClassVar = [
        "id", "kind", "user_id", "source", "received_at", "market_live", "handled",
    ]  # fmt: skip
    list_filter: ClassVar = ["handled", "kind", "source"]
    search_fields: ClassVar = ["key"]
    show_full_result_count = False
