"""How fields of forms that are not ours are drawn: our look, our words, and what a screen reader needs."""

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import template
from django.forms import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.dashboards.settings_menu import MENU

register = template.Library()
register.simple_tag(lambda: MENU, name="settings_menu")
NAMES: Final = {
    "password1": "Password",
    "password2": "The same once more",
    "oldpassword": "Password now",
    "username": "User",
    "email": "E-mail",
    "code": "Code",
}


@register.filter
def as_input(field: BoundField) -> SafeString:
    """Draw a field in our look, tied to what is said of it."""
    attrs: dict[str, Any] = {"class": "input", "placeholder": False}
    if field.help_text or field.errors:
        attrs["aria-describedby"] = f"{field.auto_id}_said"
    if field.errors:
        attrs["aria-invalid"] = "true"
    if field.name == "code":
        attrs |= {"inputmode": "numeric", "autofocus": True}
    if field.name == "username":
        attrs |= {"autocapitalize": "none", "spellcheck": "false"}
    return field.as_widget(attrs=attrs)


@register.filter
def called(field: BoundField) -> str:
    """Return what a field is called here."""
    if field.name == "password1" and "oldpassword" in field.form.fields:
        return "New password"
    return NAMES.get(field.name, str(field.label))


@register.filter
def day_in(value: datetime | None, zone: str) -> str:
    """Write an instant of the wall clock on somebody's own, with its zone: 20 Nov 2026, 09:14 EST."""
    return "never" if value is None else _own_clock(value, zone, "%-d %b %Y, %H:%M %Z")


@register.filter
def minute_in(value: datetime | None, zone: str) -> str:
    """Write a recent instant of the wall clock on somebody's own, with its zone: 20 Nov 09:14 EST."""
    return "never" if value is None else _own_clock(value, zone, "%-d %b %H:%M %Z")


@register.filter
def second_in(value: datetime | None, zone: str) -> str:
    """Write an instant of today's wall clock on somebody's own, to the second: 20 Nov 09:14:37 EST."""
    return "never" if value is None else _own_clock(value, zone, "%-d %b %H:%M:%S %Z")


def _own_clock(value: datetime, zone: str, style: str) -> SafeString:
    text = f"{value.astimezone(ZoneInfo(zone)):{style}}"
    form = '<time datetime="{}" title="On your clock, {}">{}</time>'
    return format_html(form, value.isoformat(), zone, text)


@register.filter
def browser(agent: str) -> str:
    """Say in two words what a browser says of itself in many: Firefox on Linux."""
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
             ("Safari/", "Safari"))  # fmt: skip
    systems = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
               ("Mac OS", "Mac"), ("Linux", "Linux"))  # fmt: skip
    name = next((word for mark, word in names if mark in agent), "")
    system = next((word for mark, word in systems if mark in agent), "")
    if name and system:
        return f"{name} on {system}"
    return name or agent.split("/")[0][:40] or "unknown"
