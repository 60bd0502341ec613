"""The form of how a trader wants to be told: a matrix of kinds and ways, and quiet hours."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms

from apps.notifications import choices
from apps.notifications.domain.kinds import ABOUT, Channel, Kind, groups
from apps.notifications.models import Preferences

WAYS: Final = (
    (Channel.TOAST, "On the page", "toast and sound"),
    (Channel.EMAIL, "E-mail", ""),
    (Channel.DISCORD, "Discord", "direct message"),
)


@dataclass(frozen=True, slots=True)
class Box:
    """One tick box. `name` is what the browser sends."""

    name: str
    value: str
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One kind: its boxes in the order of the ways, and whether it may break quiet hours."""

    kind: Kind
    label: str
    boxes: tuple[Box, ...]
    breaks: Box


class QuietForm(forms.Form):
    """Quiet hours on the trader's clock."""

    quiet_from = forms.TimeField(
        label="From", required=False, widget=forms.TimeInput(attrs={"type": "time", "class": "input"}, format="%H:%M"),
    )  # fmt: skip
    quiet_to = forms.TimeField(
        label="Until", required=False, widget=forms.TimeInput(attrs={"type": "time", "class": "input"}, format="%H:%M"),
    )  # fmt: skip
    discord_on = forms.BooleanField(label="Direct messages on", required=False)

    def clean(self) -> dict[str, Any]:
        """Both ends or none, and not one moment for both: is that never, or all day?"""
        given = super().clean() or {}
        start, end = given.get("quiet_from"), given.get("quiet_to")
        if self.errors:
            return given
        if (start is None) != (end is None):
            missing = "quiet_from" if start is None else "quiet_to"
            self.add_error(missing, "Give both times, or leave both empty.")
        elif start is not None and start == end:
            self.add_error(
                "quiet_to", f"{end:%H:%M} is From as well: give another, or leave both empty."
            )
        return given


def initial(prefs: Preferences) -> dict[str, Any]:
    """Return what the form begins with."""
    return {
        "quiet_from": prefs.quiet_from, "quiet_to": prefs.quiet_to, "discord_on": prefs.discord_on,
    }  # fmt: skip


def matrix(prefs: Preferences) -> dict[str, list[Row]]:
    """Return the rows of the matrix by heading."""
    return {group: [_row(prefs, kind) for kind in kinds] for group, kinds in groups().items()}


def _row(prefs: Preferences, kind: Kind) -> Row:
    chosen, label = choices.channels_of(prefs, kind), ABOUT[kind].label
    boxes = tuple(
        Box(f"way:{kind}", way.value, f"{label}: {name}", way in chosen) for way, name, _ in WAYS
    )
    breaks = Box("breaks", kind.value, f"{label}: also in quiet hours", kind in prefs.breaks)
    return Row(kind, label, boxes, breaks)


def chosen(data: Any) -> tuple[dict[Kind, list[Channel]], list[Kind]]:
    """Return what was ticked: the ways of every kind, and the kinds that break quiet hours. Others' words are left out."""
    ways = {
        kind: [way for way in Channel if way.value in data.getlist(f"way:{kind}")]
        for kinds in groups().values()
        for kind in kinds
    }
    return ways, [kind for kind in ways if kind.value in data.getlist("breaks")]
