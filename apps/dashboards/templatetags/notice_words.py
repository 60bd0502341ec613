"""How notices write moments and ways."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template

from apps.notifications.domain.letters import dated

register = template.Library()


@register.filter
def moment_in(value: datetime, zone: str) -> str:
    """Write a moment on somebody's own clock: Fri 28 Nov, 15:04:05 CET."""
    return value.astimezone(ZoneInfo(zone)).strftime("%a %-d %b, %H:%M:%S %Z")


@register.filter
def way_word(channel: str) -> str:
    """Write a way out of the desk as people call it."""
    return {"email": "E-mail", "discord": "Discord"}.get(channel, channel)


@register.filter
def dated_in(text: str, zone: str) -> str:
    """Write the moments in a text on somebody's own clock."""
    return dated(text, zone)
