"""What a notice looks like where it arrives: a direct message of Discord, a letter."""

import re
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from apps.notifications.domain.kinds import Severity

_MARKDOWN: Final = re.compile(r"([\\*_~`|>#\[\]()<@:-])")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
COLORS: Final = {
    Severity.INFO: 0x5641C9,
    Severity.GOOD: 0x0C7062,
    Severity.BAD: 0xA8142B,
    Severity.WARNING: 0xB88600,
    Severity.ALARM: 0xB8122F,
}
SIGNS: Final = {
    Severity.INFO: "•",
    Severity.GOOD: "✓",
    Severity.BAD: "✗",
    Severity.WARNING: "⚠",
    Severity.ALARM: "⛔",
}


def plain(text: str) -> str:
    """Return a text that Discord shows as it stands: no markdown, no mention, no link of somebody else's making."""
    return _MARKDOWN.sub(r"\\\1", text)


def on_clock(moment: datetime, zone: str) -> str:
    """Return a moment on somebody's clock: Fri 28 Nov 15:04:05 EST."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %-d %b %H:%M:%S %Z")


def dated(text: str, zone: str) -> str:
    """Return a text with the moments in it, which facts write for programs, on somebody's clock."""
    return _MOMENT.sub(lambda found: on_clock(datetime.fromisoformat(found[0]), zone), text)


def direct_message(
    *, title: str, body: str, severity: str, link: str, at: str, mark: str
) -> dict[str, Any]:
    """Return a notice as a message: the title is what a phone shows, the rest stands in a box under it.

    mark: stands at its foot, so that the message can be found again
    """
    level = Severity(severity)
    text = "\n".join(part for part in (plain(body)[:3500], link) if part)
    return {
        "content": f"{SIGNS[level]} **{plain(title)[:400]}**",
        "embeds": [
            {
                "description": text,
                "color": COLORS[level],
                "footer": {"text": f"{at} · {mark}"},
            }
        ],
    }


def letter(*, body: str, link: str, settings_link: str, at: str) -> str:
    """Return a notice as the text of a letter."""
    return f"{body or 'See the desk.'}\n\n{link}\n\n{at}\nHow you are told: {settings_link}\n"
