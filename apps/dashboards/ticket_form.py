"""The order ticket as it is filled in. What its values mean is decided by the engine's own reader of tickets."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.validators import RegexValidator

from apps.brokers.domain.order import OrderType, Side, TimeInForce
from apps.brokers.domain.ticket import BadOrder, whole
from apps.dashboards.forms import new_request
from apps.marketdata.domain.contract import UnknownSymbol, root_of
from apps.marketdata.domain.instrument import INSTRUMENTS, Instrument

TYPES: Final = (
    (OrderType.MARKET, "Market"),
    (OrderType.LIMIT, "Limit"),
    (OrderType.STOP, "Stop"),
    (OrderType.STOP_LIMIT, "Stop limit"),
    (OrderType.TRAILING_STOP, "Trail"),
)
BRACKETS: Final = (
    ("none", "No stop, no target"),
    ("stop", "Stop only"),
    ("target", "Stop, one target"),
    ("runner", "Half at 1 R, rest at 2 R"),
    ("own", "Own targets"),
)
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit",),
    OrderType.STOP: ("stop",),
    OrderType.STOP_LIMIT: ("stop", "limit"),
    OrderType.TRAILING_STOP: ("trail_points",),
}
RISK_PERCENT: Final = "0.5"
ROWS: Final = ("1", "2", "3")
# Where the engine names a field otherwise than the form.
ENGINE_FIELDS: Final = {
    "bracket": "protect",
    "bracket.stop": "protect",
    "bracket.stop_points": "protect",
    "bracket.break_even_r": "break_even_r",
    "risk_percent": "quantity",
}


def _number(label: str, **options: Any) -> forms.CharField:
    """Return a field for a price, a distance or a size; the engine reads it, so it stays text."""
    attrs = {"class": "input", "inputmode": "decimal", "autocomplete": "off"}
    return forms.CharField(
        label=label, required=False, max_length=20, widget=forms.TextInput(attrs=attrs), **options
    )


def _choice(label: str, choices: Any, **options: Any) -> forms.ChoiceField:
    widget = forms.Select(attrs={"class": "input"})
    return forms.ChoiceField(label=label, choices=choices, widget=widget, **options)


class TicketForm(forms.Form):
    """One order with its bracket."""

    symbol = _choice("Contract", ())
    side = forms.ChoiceField(choices=[(one.value, one.value) for one in Side], required=False)
    type = forms.ChoiceField(choices=[(one.value, words) for one, words in TYPES], initial="market")
    quantity = _number("Contracts", initial="1")
    by_risk = forms.BooleanField(label="Risk ½ %", required=False)
    limit = _number("Limit price")
    stop = _number("Stop price")
    trail_points = _number("Trail by")
    tif = _choice(
        "Works",
        [(TimeInForce.DAY.value, "Day"), (TimeInForce.GTC.value, "Until cancelled")],
        initial="day",
    )
    template = _choice("Bracket", BRACKETS, initial="target")
    protect = _number("Stop")
    protect_unit = _choice("Stop in", [("points", "pts"), ("price", "price")], required=False)
    target = _number("Target", initial="2")
    break_even_r = _number("To entry at", initial="1")
    target_1 = _number("Target 1")
    target_2 = _number("Target 2")
    target_3 = _number("Target 3")
    unit_1 = _choice("in", [("r", "R"), ("price", "price")], required=False)
    unit_2 = _choice("in", [("r", "R"), ("price", "price")], required=False)
    unit_3 = _choice("in", [("r", "R"), ("price", "price")], required=False)
    size_1 = _number("Contracts of target 1")
    size_2 = _number("Contracts of target 2")
    size_3 = _number("Contracts of target 3")
    request_id = forms.CharField(
        widget=forms.HiddenInput, required=False, validators=[RegexValidator(r"\A[0-9a-f]{16}\Z")]
    )
    again = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, symbols: list[str], **options: Any) -> None:
        options.setdefault("auto_id", "ticket_%s")
        super().__init__(data, **options)
        self.fields["symbol"].choices = [(one, one) for one in symbols]  # type: ignore[attr-defined]

    @property
    def instrument(self) -> Instrument:
        """Return what is to be traded."""
        return INSTRUMENTS[root_of(str(self.shown("symbol")))]

    def shown(self, name: str) -> Any:
        """Return what a field shows now: what was sent, else its first value."""
        return self[name].value()

    @property
    def target_rows(self) -> list[dict[str, Any]]:
        """Return the rows of own targets: value, unit and contracts."""
        return [
            {"number": n, "value": self[f"target_{n}"], "unit": self[f"unit_{n}"], "size": self[f"size_{n}"]}
            for n in ROWS
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Hold contracts and bracket together; prices are the engine's business."""
        given: dict[str, Any] = super().clean() or {}
        for name, value in given.items():
            if isinstance(value, str) and isinstance(self.fields[name].widget, forms.TextInput):
                given[name] = value.strip().replace(",", "").replace("−", "-")
        needs = NEEDS.get(given.get("type", ""), ())
        for name in ("limit", "stop", "trail_points"):
            if name not in needs:
                given[name] = ""
            elif not given.get(name):
                self.add_error(name, f"{self.fields[name].label} is missing.")
        if given.get("by_risk"):
            if given.get("template") == "none":
                self.add_error("template", "Risk ½ % needs a stop to measure the risk with.")
        else:
            self._whole("quantity", given)
        if given.get("template") != "none" and not given.get("protect"):
            self.add_error("protect", "The stop is missing: an entry is never left without one.")
        return given

    def _whole(self, name: str, given: dict[str, Any]) -> None:
        try:
            given[name] = whole(name, given.get(name) or "0")
        except BadOrder as problem:
            self.add_error(name, str(problem).partition(": ")[2])

    def asked(self, quantity: int | None = None) -> dict[str, Any]:
        """Return the order as the fields of `PlaceOrder`; `quantity` where the risk has decided it."""
        given = self.cleaned_data
        asked: dict[str, Any] = {
            "symbol": given["symbol"],
            "side": given["side"] or Side.BUY,
            "type": given["type"],
            "tif": given["tif"],
        }
        for name in ("limit", "stop", "trail_points"):
            if given[name]:
                asked[name] = given[name]
        if given["by_risk"] and quantity is None:
            asked["risk_percent"] = RISK_PERCENT
        else:
            asked["quantity"] = quantity or given["quantity"]
        if given["template"] != "none":
            asked["bracket"] = self._bracket(asked.get("quantity"))
        return asked

    def _bracket(self, quantity: int | None) -> dict[str, Any]:
        given = self.cleaned_data
        name = "stop" if given["protect_unit"] == "price" else "stop_points"
        bracket: dict[str, Any] = {name: given["protect"]}
        if given["break_even_r"] not in ("", "0"):
            bracket["break_even_r"] = given["break_even_r"]
        targets: list[dict[str, Any]] = []
        if given["template"] == "target" and given["target"]:
            targets = [{"r": given["target"]}]
        elif given["template"] == "runner":
            half = (quantity or 1) // 2
            targets = [{"r": "1", "quantity": half}] if half else []
            targets.append({"r": "2"})
        elif given["template"] == "own":
            targets = [self._own(n) for n in ROWS if given[f"target_{n}"]]
        if targets:
            bracket["targets"] = targets
        return bracket

    def _own(self, n: str) -> dict[str, Any]:
        given = self.cleaned_data
        unit = "price" if given[f"unit_{n}"] == "price" else "r"
        own = {unit: given[f"target_{n}"]}
        if given[f"size_{n}"]:
            own["quantity"] = given[f"size_{n}"]
        return own

    def place_error(self, field: str, text: str) -> None:
        """Put what the engine has refused beside the field that it is about."""
        name = ENGINE_FIELDS.get(field, field)
        if field.startswith("bracket.targets["):
            row = str(int(field.partition("[")[2].partition("]")[0]) + 1)
            own = "size" if field.endswith("quantity") else "target"
            name = f"{own}_{row}" if self.cleaned_data.get("template") == "own" else "target"
        sentence = f"{text[:1].upper()}{text[1:]}" + ("" if text[-1:] in ".!?" else ".")
        self.add_error(name if name in self.fields else None, sentence)

    def with_errors_of(self, refused: "TicketForm") -> "TicketForm":
        """Return this ticket with what was said to another one."""
        for field, texts in refused.errors.items():
            for text in texts:
                if text not in self.errors.get(field, ()):
                    self.add_error(None if field == "__all__" else field, text)
        return self

    def kept(self) -> dict[str, Any]:
        """Return what the next ticket begins with: how this one was set up, without its prices."""
        names = (
            "symbol", "type", "quantity", "by_risk", "tif", "template", "protect", "protect_unit",
            "target", "break_even_r",
        )  # fmt: skip
        kept = {name: self.cleaned_data.get(name) for name in names}
        if kept["protect_unit"] == "price":
            del kept["protect"]
        return kept


def fresh(symbols: list[str], symbol: str, kept: Mapping[str, Any]) -> TicketForm:
    """Return an empty ticket, set up as the last one was."""
    product = INSTRUMENTS[root_of(symbol)]
    usual = product.defaults.near_stop * 2 if product.defaults else Decimal(20) * product.tick_size
    start = {"protect": f"{usual:f}"} | dict(kept)
    start |= {"symbol": symbol, "request_id": new_request()}
    return TicketForm(symbols=symbols, initial=start)


def symbols_of(root: str) -> list[str]:
    """Return what can be traded beside a fed product: its micro first, because it risks least."""
    product = INSTRUMENTS[root]
    return [one for one in (product.micro, root, product.mini) if one]


def symbol_in(wanted: object, root: str) -> str:
    """Return the wanted symbol where it can be traded here, else the first that can."""
    known = symbols_of(root)
    try:
        found = root_of(str(wanted or ""))
    except UnknownSymbol:
        return known[0]
    return found if found in known else known[0]
