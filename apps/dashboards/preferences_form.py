"""What somebody fills in about himself: his preferences, and a new token."""

from typing import Any, ClassVar, Final
from zoneinfo import available_timezones

from django import forms

from apps.users.models import Scope, User

FIRST: Final = ("America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "UTC")


def zones() -> list[tuple[str, str]]:
    """Return the time zones to choose from: those that traders live in first, then all by name."""
    known = sorted(
        name for name in available_timezones()
        if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/"))
    )  # fmt: skip
    return [(name, name.replace("_", " ")) for name in dict.fromkeys((*FIRST, *known))]


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    """How somebody likes his pages."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        now = self.instance.time_zone
        choices = zones()
        if now not in dict(choices):
            choices.insert(0, (now, now))
        self.fields["time_zone"] = forms.ChoiceField(
            label="Time zone",
            choices=choices,
            widget=forms.Select(attrs={"class": "input"}),
            help_text="For the times of the wall clock on every page: notices, alerts, sessions. The market's are Chicago's, CT.",
            error_messages={"invalid_choice": "%(value)s is no time zone."},
        )

    class Meta:
        model = User
        fields = ("time_zone", "theme", "units", "sounds")
        labels: ClassVar = {"units": "Results first in", "sounds": "Sounds"}
        help_texts: ClassVar = {
            "theme": "The switch in the menu at the top does the same.",
            "units": "Of every trade and position, open or ended. Without a stop there is no R: dollars then. A signal's trade has no size, so no dollars: R then. Money of accounts and days stays in dollars.",
            "sounds": "A short tone with each message that appears.",
        }
        widgets: ClassVar = {"theme": forms.RadioSelect, "units": forms.RadioSelect}


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="What will use it, e.g. spreadsheet on the laptop.",
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label="It may", choices=Scope, widget=forms.RadioSelect)
    days = forms.TypedChoiceField(
        label="Good for",
        choices=((30, "30 days"), (90, "90 days"), (365, "A year"), (0, "Until I revoke it")),
        coerce=int,
        widget=forms.RadioSelect,
    )
