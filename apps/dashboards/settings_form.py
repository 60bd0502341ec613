"""How the signals of a strategy are handled, as a trader fills it in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django import forms

from apps.marketdata.domain.contract import root_of
from apps.marketdata.domain.instrument import Instrument, instrument
from apps.signals.domain.settings import BadSetting, settings_for
from apps.signals.models import Strategy

POINTS: Final = ("buffer", "stale_tolerance", "jump")
TEXTS: Final = (*POINTS, "left", "be_trigger_r", "targets", "alert_grace_s", "plan_target_r")
MINUTES: Final = (1, 2, 3, 5, 10, 15, 30, 60)
FRAMES: Final = (
    ("5", "5 min"),
    ("15", "15 min"),
    ("60", "1 hour"),
    ("240", "4 hours"),
    ("D", "day"),
)
BASES: Final = (
    ("bar_open", "the open of the signal candle"),
    ("fired_at", "the moment the alert fired"),
)
GROUPS: Final = (
    ("When a signal is taken", (
        "timeframe_s", "time_basis", "stale_tolerance", "alert_grace_s", "session_filter",
        "market_calendar", "required_timeframes",
    )),
    ("Where its stop goes", ("buffer", "left", "double_pivot", "require_body")),
    ("How its trade is followed", (
        "be_trigger_r", "targets", "plan_target_r", "plan_break_even", "jump",
    )),
)  # fmt: skip


def text_field(label: str, hint: str, unit: str, **attrs: str) -> forms.CharField:
    """Return a field whose value the domain reads itself, with its unit beside it."""
    widget = forms.TextInput(attrs={"class": "input", "autocomplete": "off", **attrs})
    if unit:
        widget.attrs["inputmode"] = "decimal"
    field = forms.CharField(
        label=label, help_text=hint, required=False, max_length=120, widget=widget
    )
    field.unit = unit  # type: ignore[attr-defined]
    return field


def _switch(label: str, hint: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, help_text=hint, required=False)


def choice_field(label: str, hint: str, choices: Any) -> forms.ChoiceField:
    """Return a choice with its hint."""
    widget = forms.Select(attrs={"class": "input"})
    return forms.ChoiceField(label=label, help_text=hint, choices=choices, widget=widget)


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together."""

    title: str
    fields: list[forms.BoundField]


class SettingsForm(forms.Form):
    """The settings of methodology, chapter 16. An empty text stands for the default.

    `given` is what settings_for takes; which values can't be used is said there, and shown at the field.
    """

    timeframe_s = choice_field("Candles", "Of the chart that the alerts come from.",
        [(str(60 * one), f"{one} min") for one in MINUTES])  # fmt: skip
    time_basis = choice_field("An alert's time is", "As your alert's message writes it.", BASES)
    stale_tolerance = text_field("Stale tolerance",
        "A signal is refused when the market is this far past its candle already.", "pts")  # fmt: skip
    alert_grace_s = text_field(
        "Alert grace", "How long after a close an alert is still in time.", "s"
    )
    session_filter = _switch("Only in sessions", "Off: signals count at any hour.")
    market_calendar = _switch("Only on trading days", "Off: holidays do not matter.")
    required_timeframes = forms.MultipleChoiceField(
        label="Higher time frames that must agree", choices=FRAMES, required=False,
        help_text="None ticked: none has to.", widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    buffer = text_field("Buffer", "Between the pivot and the stop.", "pts")
    left = text_field("Candles to the left", "How far back a pivot is looked for.", "")
    double_pivot = _switch("Double pivots", "Off: pivots of three candles only.")
    require_body = _switch(
        "Confirmation needs a body", "On: it must close in the signal's direction."
    )
    be_trigger_r = text_field("Break-even at", "From here on the stop is the entry.", "R")
    targets = text_field("Targets in R", "With commas between them.", "")
    plan_target_r = text_field("Your plan takes profit at", "Empty: it has no target.", "R")
    plan_break_even = _switch("Your plan goes to break-even", "Off: it keeps the first stop.")
    jump = text_field("Suspicious jump",
        "For replays. Live prices are held to the instrument's own, for all traders alike.", "pts")  # fmt: skip

    def __init__(self, data: Any, *, strategy: Strategy) -> None:
        self.product: Instrument = instrument(root_of(strategy.symbol))
        self.kept: dict[str, Any] = strategy.settings
        now = settings_for(self.product, self.kept).plain()
        texts = {name: _written(self.kept.get(name)) for name in TEXTS}
        frames = [str(one) for one in now["required_timeframes"]]
        super().__init__(data, initial=now | texts | {"required_timeframes": frames})
        for name, usual in self._usual().items():
            self.fields[name].widget.attrs["placeholder"] = _written(usual) or "none"

    def groups(self) -> Iterator[Group]:
        """Return the fields as they stand on the page."""
        for title, names in GROUPS:
            yield Group(title, [self[name] for name in names])

    def clean(self) -> dict[str, Any]:
        """Ask the settings themselves whether they can be used; each refusal goes to its field."""
        given = _read(super().clean() or {})
        self.given = {
            name: one for name, one in self.kept.items() if name not in self.fields
        } | given
        trial, refused = dict(self.given), set[str]()
        while True:
            try:
                settings_for(self.product, trial)
            except BadSetting as bad:
                if bad.name in refused:
                    break
                self.add_error(bad.name if bad.name in self.fields else None, _sentence(bad))
                refused.add(bad.name)
                trial.pop(bad.name, None)  # go on without it: there may be more to say
            else:
                break
        return self.cleaned_data

    def _usual(self) -> dict[str, Any]:
        points = {} if self.product.defaults else dict.fromkeys(POINTS, "1")
        usual = settings_for(self.product, points).plain() | dict.fromkeys(points, "needed")
        return {name: usual[name] for name in TEXTS}


def _read(cleaned: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in cleaned.items():
        if name not in TEXTS:
            given[name] = value
        elif value:
            parts = [one.strip() for one in value.split(",")]
            given[name] = [one for one in parts if one] if name == "targets" else value
    return given


def _written(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sentence(bad: BadSetting) -> str:
    said = str(bad).removeprefix(f"{bad.name}: ").removeprefix("None ")
    return f"{said[:1].upper()}{said[1:]}."
