"""What traders fill in."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.core.validators import RegexValidator
from django.db.models import F

from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, OffTick
from apps.marketdata.domain.session import Session
from apps.signals.domain.signal import Status
from apps.signals.models import Strategy
from apps.trades.services import plan_settings


class EntryForm(forms.Form):
    """A Signal Lab entry by hand, at the market's last price."""

    symbol = forms.CharField(max_length=16)
    direction = forms.ChoiceField(
        choices=[("bullish", "Long"), ("bearish", "Short")],
        error_messages={"required": "Say long or short.", "invalid_choice": "Say long or short."},
    )
    stop = forms.CharField(
        label="Stop",
        max_length=20,
        help_text="Where the trade is wrong: below the price for a long, above it for a short.",
        error_messages={"required": "A trade needs a stop: R is measured from it."},
        widget=forms.TextInput(
            attrs={"class": "input", "inputmode": "decimal", "autocomplete": "off"}
        ),
    )
    note = forms.CharField(
        label="Note, for yourself",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"class": "input", "rows": 2}),
    )
    plan_target_r = forms.DecimalField(
        label="Take profit at",
        required=False,
        min_value=Decimal("0.0001"),
        max_digits=8,
        decimal_places=4,
        help_text="Your trade ends there. Empty: no target.",
        error_messages={"min_value": "A target lies above 0 R."},
        widget=forms.TextInput(
            attrs={
                "class": "input",
                "inputmode": "decimal",
                "autocomplete": "off",
                "placeholder": "none",
            }
        ),
    )
    plan_break_even = forms.BooleanField(
        label="Stop to the entry at 1 R", required=False, initial=True
    )
    request_id = forms.CharField(
        widget=forms.HiddenInput, validators=[RegexValidator(r"\A[0-9a-f]{16}\Z")]
    )

    def clean(self) -> dict[str, Any]:
        """Hold the stop to the instrument's grid, and make settings of the plan."""
        given: dict[str, Any] = super().clean() or {}
        try:
            product = INSTRUMENTS[root_of(given.get("symbol", ""))]
        except UnknownSymbol as unknown:
            raise forms.ValidationError(str(unknown)) from None
        if "stop" in given:
            stop = given["stop"].strip().replace(",", "")
            try:
                product.to_ticks(stop)
            except OffTick:
                self.add_error("stop", _off_tick(product, stop))
            given["stop"] = stop
        target = given.pop("plan_target_r", None)
        given["settings"] = plan_settings(target, given.pop("plan_break_even", True))
        return given


def _off_tick(product: Any, text: str) -> str:
    try:
        nearest = product.snap(text)
    except (ArithmeticError, ValueError):
        return "This is no price. Write it like 20005.25."
    return f"Not on a tick of {product.root}. Nearest: {nearest}."


def new_request() -> str:
    """Return the id of a wish: the same form sent twice is one entry."""
    return uuid4().hex[:16]


class StrategyForm(forms.Form):
    """A new source of alerts."""

    name = forms.CharField(
        max_length=80,
        help_text="As you call it, e.g. NQ FVG.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    symbol = forms.CharField(
        max_length=16,
        initial="NQ1!",
        help_text="Taken when an alert names no symbol.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )

    def clean_symbol(self) -> str:
        """Take only what is traded here."""
        symbol: str = self.cleaned_data["symbol"].strip()
        try:
            root_of(symbol)
        except UnknownSymbol as unknown:
            raise forms.ValidationError(str(unknown)) from None
        return symbol


class SignalFilter(forms.Form):
    """Which signals to list; it stands in the address."""

    status = forms.ChoiceField(
        required=False, choices=[("", "any"), *((one, one.lower()) for one in Status)]
    )
    direction = forms.ChoiceField(
        required=False, choices=[("", "both"), ("bullish", "bullish"), ("bearish", "bearish")]
    )
    session = forms.ChoiceField(
        required=False, choices=[("", "all"), *((str(one), str(one)) for one in Session)]
    )
    strategy = forms.ModelChoiceField(Strategy.objects.none(), required=False, empty_label="all")
    symbol = forms.CharField(required=False, max_length=24, label="Symbol")

    def __init__(self, data: Any, *, user: Any) -> None:
        super().__init__(data)
        strategy: Any = self.fields["strategy"]
        mine = Strategy.objects.of(user)
        strategy.queryset = mine.order_by(F("archived_at").asc(nulls_first=True), "name")
        strategy.label_from_instance = lambda row: f"{row.name}{', archived' * row.is_archived}"
        for field in self.fields.values():
            field.widget.attrs["class"] = "input"

    @property
    def is_used(self) -> bool:
        """Return whether anything is filtered."""
        return any(self.chosen.values())

    @property
    def chosen(self) -> dict[str, Any]:
        """Return the valid filters as the query takes them."""
        if not self.is_valid():
            known = getattr(self, "cleaned_data", {})
        else:
            known = self.cleaned_data
        chosen = {name: value for name, value in known.items() if value}
        if "strategy" in chosen:
            chosen["strategy"] = chosen["strategy"].pk
        return chosen
